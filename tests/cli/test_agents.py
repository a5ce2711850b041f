"""``aicsio mcp``, asked by the client of the library mcp over stdio, and ``aicsio completion`` in shells."""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aicsio import cli, ome_xml, open_image, to_numpy, transpose_to, write_ome_zarr
from aicsio.cli.agents import access as access_of
from aicsio.cli.agents import tools as tools_of
from aicsio.errors import MissingDependencyError, SourceError, SourceNotFoundError, WriteError
from command_line import Run, caller, write_slide
from support import ROOT

# ---------------------------------------------------------------- the server


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """The folder of the user, beside a file that is none of the agent's business."""
    folder = tmp_path / "images"
    folder.mkdir()
    write_slide(folder)
    (tmp_path / "secret.ome.tif").write_bytes((folder / "slide.ome.tif").read_bytes())
    return folder


def ask(
    folder: Path, output: Path | None, talk: Callable[[Callable[..., Awaitable[Any]], Any], Any]
) -> None:
    """Start the server as a client does, and talk to it."""
    pytest.importorskip("mcp.server.mcpserver")  # of version 2
    mcp = pytest.importorskip("mcp")
    anyio = pytest.importorskip("anyio")
    words = ["-m", "aicsio", "mcp", str(folder)]
    if output is not None:
        words += ["--output", str(output)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    server = mcp.StdioServerParameters(command=sys.executable, args=words, env=environment)

    async def converse() -> None:
        async with mcp.stdio_client(server) as streams, mcp.ClientSession(*streams) as session:
            await session.initialize()

            async def call(name: str, **arguments: Any) -> Any:
                return await session.call_tool(name, arguments)

            await talk(call, session)

    anyio.run(converse)


def picture_of(result: Any) -> Any:
    (png, text) = result.content
    assert (result.is_error, png.mime_type, text.type) == (False, "image/png", "text")
    with Image.open(io.BytesIO(base64.b64decode(png.data))) as image:
        return np.asarray(image.convert("RGB"))


def test_an_agent_looks_at_images_and_converts_one(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "written"

    async def talk(call: Callable[..., Awaitable[Any]], session: Any) -> None:
        listed = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert set(listed) == {
            *("list_images", "info", "explain", "metadata"),
            *("thumbnail", "window", "check", "convert"),
        }
        writing = [name for name, tool in listed.items() if not tool.annotations.read_only_hint]
        assert writing == ["convert"]
        found = (await call("list_images")).structured_content
        assert [entry["path"] for entry in found["images"]] == [f"{images}/slide.ome.tif"]
        facts = (await call("info", path="slide.ome.tif")).structured_content
        assert facts["scenes"][0]["dims"] == {"T": 2, "C": 2, "Z": 3, "Y": 70, "X": 90}
        notes = (await call("explain", path=f"{images}/slide.ome.tif")).structured_content
        assert notes["format"] == "ome-tiff"
        text = (await call("metadata", path="slide.ome.tif", start=6)).structured_content
        assert text["text"] == ome_xml(open_image(images / "slide.ome.tif")).text[6:]
        assert picture_of(await call("thumbnail", path="slide.ome.tif", size=45)).shape == (
            35,
            45,
            3,
        )
        whole = (await call("check", path="slide.ome.tif", deep=True)).structured_content
        assert (whole["whole"], whole["deep"]) == (True, True)
        done = await call("convert", path="slide.ome.tif", output="t1.ome.tiff", picks={"T": 1})
        assert done.structured_content["state"] == "written"
        again = await call("convert", path="slide.ome.tif", output="t1.ome.tiff")
        assert again.is_error
        assert "already" in again.content[0].text

    ask(images, output, talk)
    wanted = to_numpy(transpose_to(open_image(images / "slide.ome.tif"), "CZYX", T=1))
    written = to_numpy(transpose_to(open_image(output / "t1.ome.tiff"), "CZYX", T=0))
    np.testing.assert_array_equal(written, wanted)


def test_an_agent_without_output_writes_nothing_and_sees_no_other_files(
    images: Path, tmp_path: Path
) -> None:
    (images / "link.ome.tif").symlink_to(tmp_path / "secret.ome.tif")

    async def talk(call: Callable[..., Awaitable[Any]], session: Any) -> None:
        assert "convert" not in {tool.name for tool in (await session.list_tools()).tools}
        for path in (
            "../secret.ome.tif",
            f"{tmp_path}/secret.ome.tif",
            "link.ome.tif",
            "/etc/passwd",
            "https://host/a.tif",
            "memory://a.tif",
            "zip://a.tif::slide.ome.tif",
            "slide.ome.tif\0",
            "slide*.tif",
            "missing.tif",
        ):
            for tool in ("info", "explain", "metadata", "thumbnail", "check"):
                answer = await call(tool, path=path)
                assert answer.is_error, (tool, path)
                assert "Source" in answer.content[0].text, answer.content[0].text
        for options in ({"size": 5000}, {"size": 0}, {"picks": {"T": 9}}, {"scene": "none"}):
            assert (await call("thumbnail", path="slide.ome.tif", **options)).is_error
        assert (await call("convert", path="slide.ome.tif", output="a.ome.tiff")).is_error

    ask(images, None, talk)
    assert sorted(os.listdir(tmp_path)) == ["images", "secret.ome.tif"]


# ---------------------------------------------------------------- the tools


def test_a_window_shows_the_pixels_of_its_place(images: Path) -> None:
    pytest.importorskip("mcp.server.mcpserver")
    tools = tools_of.ImageTools(access_of.open_folders([str(images)], None))
    image, text = tools.window(
        "slide.ome.tif", 10, 20, 30, 40, picks={"T": 1, "C": 0, "Z": 2}, contrast="full"
    )
    with Image.open(io.BytesIO(image.data)) as png:
        shown = np.asarray(png.convert("L"))
    pixels = to_numpy(transpose_to(open_image(images / "slide.ome.tif"), "YX", T=1, C=0, Z=2))
    # Full contrast of 16 bits: each shown value is that of the pixel, in 256 steps.
    difference = shown.astype(float) - pixels[10:40, 20:60] / 257
    assert (shown.shape, bool(abs(difference).max() <= 1)) == ((30, 40), True)
    assert text.startswith("40 x 30 pixels of 'slide'")
    small = tools.window("slide.ome.tif", 0, 0, 9, 9, level=2)
    assert "9 x 9 pixels" in small[1]


def test_what_an_agent_may_write(tmp_path: Path) -> None:
    access = access_of.open_folders([str(tmp_path)], str(tmp_path / "out"))
    assert access.target("a.ome.zarr") == str(tmp_path / "out" / "a.ome.zarr")
    for name in (
        "../a.ome.tiff",
        "/a.ome.tiff",
        "b/a.ome.tiff",
        ".a.ome.tiff",
        "a.tif",
        "",
        "a\n.ome.tiff",
    ):
        with pytest.raises(WriteError):
            access.target(name)
    (tmp_path / "out" / "link.ome.tiff").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WriteError, match="already"):
        access.target("link.ome.tiff")
    with pytest.raises(WriteError, match="no --output"):
        access_of.open_folders([str(tmp_path)], None).target("a.ome.tiff")
    with pytest.raises(SourceNotFoundError):
        access_of.open_folders([str(tmp_path / "none")], None)


def test_links_in_a_store_and_members_of_a_set_stay_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    store = folder / "a.ome.zarr"
    write_ome_zarr(open_image(np.ones((8, 8), np.uint8), dims="YX"), store, sync=False)
    access = access_of.open_folders([str(folder)], None)
    assert access.resolve("a.ome.zarr") == str(store)
    (tmp_path / "secret").write_bytes(b"secret")
    (store / "0" / "chunk").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceError, match="is a link out of"):
        access.resolve("a.ome.zarr")
    (store / "0" / "chunk").unlink()
    (folder / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceError, match="is not below"):
        access.resolve("link")
    monkeypatch.setattr(access_of, "MOST_ENTRIES", 1)
    with pytest.raises(SourceError, match="entries"):
        access.resolve("a.ome.zarr")
    # A folder whose name begins with that of another is another folder.
    (tmp_path / "images-of-others").mkdir()
    with pytest.raises(SourceError, match="is not below"):
        access.resolve(str(tmp_path / "images-of-others"))
    with pytest.raises(SourceError, match="a part of the image"):
        access.check_sources(open_image(write_slide(tmp_path)))


def test_a_tool_has_limits(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    access = access_of.open_folders([str(images)], str(tmp_path / "out"))
    tools = tools_of.ImageTools(access)
    monkeypatch.setattr(tools_of, "MOST_WRITTEN", 1000)
    with pytest.raises(MemoryError, match="more than 1000"):
        tools.convert("slide.ome.tif", "a.ome.tiff")
    monkeypatch.setattr(tools_of, "MOST_READ", 100)
    with pytest.raises(MemoryError, match="take a window"):
        tools.thumbnail("slide.ome.tif")
    monkeypatch.setattr(tools_of, "MOST_TEXT", 10)
    assert len(tools.metadata("slide.ome.tif")["text"]) == 10
    monkeypatch.setattr(tools_of, "MOST_LISTED", 0)
    assert tools.list_images()["total"] == 1
    for place in ((-1, 0, 5, 5), (0, 0, 5000, 5), (0, 0, 5, 0), (70, 0, 5, 5)):
        with pytest.raises(ValueError, match=r"rows and columns|pixels: give|selects nothing"):
            tools.window("slide.ome.tif", *place)
    with pytest.raises(WriteError, match="did you mean 'zstd'"):
        tools.convert(
            "slide.ome.tif",
            "a.ome.tiff",
            picks={"T": 0, "C": 0, "Z": 0, "Y": 0},
            compression="zsdt",
        )


def test_a_library_that_is_missing_is_named(
    capsys: pytest.CaptureFixture[str], images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Run = caller(capsys)
    for name, words in (("mcp", ["mcp", images]), ("shtab", ["completion", "bash"])):
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.setitem(sys.modules, f"{name}.server.mcpserver", None)
        code, out, err = run(*words)
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert "pip install 'aicsio[" in err
    assert issubclass(MissingDependencyError, ImportError)


# ---------------------------------------------------------------- completion

BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_shtab_aicsio aicsio "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
LINES = [
    (["aicsio", "ex"], {"explain", "export"}),
    (["aicsio", "convert", "--comp"], {"--compression", "--compression-level"}),
    (["aicsio", "convert", "--compression", "z"], {"zlib", "zstd"}),
    (["aicsio", "thumbnail", "--contrast", "f"], {"file", "full"}),
    (["aicsio", "info", "sli"], {"slide.ome.tif"}),
    (["aicsio", "completion", ""], {"bash", "zsh", "fish"}),
]


@pytest.fixture
def scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    pytest.importorskip("shtab")
    run = caller(capsys)
    for shell in ("bash", "zsh", "fish"):
        code, out, err = run("completion", shell)
        assert (code, err) == (0, "")
        (tmp_path / f"aicsio.{shell}").write_text(out)
    write_slide(tmp_path)
    return tmp_path


def test_bash_completes(scripts: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    for words, wanted in LINES:
        command = ["bash", "-c", BASH, "bash", "./aicsio.bash", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=scripts)
        assert set(done.stdout.split()) == wanted, (words, done.stderr)


def test_fish_completes(scripts: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("there is no fish")
    for words, wanted in LINES:
        command = ["fish", "-c", f'source aicsio.fish; complete -C "{" ".join(words)}"']
        environment = os.environ | {"HOME": str(scripts)}
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=scripts, env=environment
        )
        completed = {line.split("\t")[0] for line in done.stdout.splitlines() if line}
        assert completed == wanted, (words, done.stderr)


def test_zsh_reads_the_script(scripts: Path) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("there is no zsh")
    subprocess.run(["zsh", "-n", "aicsio.zsh"], check=True, cwd=scripts)
    text = (scripts / "aicsio.zsh").read_text()
    assert text.startswith("#compdef aicsio")
    for name in cli.COMMANDS:
        assert f"{name}:" in text


def test_a_wrong_shell_is_answered_with_the_closest(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = caller(capsys)("completion", "fisch")
    assert (code, "did you mean 'fish'?" in err) == (2, True)
    assert json.loads(caller(capsys)("schema")[1])["title"]
