"""The server of the viewer: who may ask, what is answered, and that nothing stays behind."""

import gc
import hashlib
import http.client
import json
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import attrs
import numpy as np
import numpy.typing as npt
import psutil
import pytest
from PIL import Image

from aicsio import (
    ArgumentTypeError,
    Channel,
    Dims,
    ImageHandle,
    LazyArray,
    PixelSize,
    SourceError,
    Viewer,
    Well,
    cli,
    open_image,
    transpose_to,
    view,
)
from aicsio.arrays import read_array
from aicsio.pictures import reading
from aicsio.records.facts import Origin
from aicsio.testing import ImageSpec, TiffSpec, pixels, write
from aicsio.viewer import pyramid, server, session
from aicsio.viewer.pyramid import TileReader, plane_of, view_levels
from support import ROOT, takes_long

Array = npt.NDArray[Any]

SLIDE = ImageSpec(
    T=2, C=2, Z=3, Y=700, X=900, levels=2, channel_names=("DAPI", "GFP"),
    pixel_size=PixelSize(1.5, 0.25, 0.25), time_step=2.0,
)  # fmt: skip
OTHER = ImageSpec(Y=20, X=30, dtype="uint8", name="other", seed=4)


@pytest.fixture(autouse=True)
def ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers look more often whether they are to end: 30 tests would wait 0.2 s for each of theirs."""
    monkeypatch.setattr(session, "LOOK_SECONDS", 0.01)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> ImageHandle:
    folder = tmp_path_factory.mktemp("slide")
    spec = TiffSpec((SLIDE, OTHER), tile=(128, 128), compression="zlib")
    return open_image(write(spec, folder, "slide.ome.tif"))


@pytest.fixture(scope="module")
def viewer(slide: ImageHandle) -> Iterator[Viewer]:
    with view(slide, browser=False) as running:
        yield running


def ask(
    viewer: Viewer,
    path: str,
    headers: dict[str, str] | None = None,
    method: str = "GET",
    query: Mapping[str, object] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Send one request as it stands; a path that begins with a slash is not put behind the token."""
    address = urlsplit(viewer.url)
    assert address.hostname
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    target = path if path.startswith("/") else address.path + path
    if query:
        target += "?" + urlencode(query)
    connection.putrequest(method, target, skip_host=True)
    for name, value in {"Host": address.netloc, **(headers or {})}.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, dict(response.getheaders()), body


def answer(viewer: Viewer, path: str, **query: object) -> Any:
    status, _, body = ask(viewer, f"api/{path}", query=query)
    value = json.loads(body)
    assert status == 200, value
    return value


def tile(viewer: Viewer, kind: str, shape: tuple[int, ...], **query: object) -> Array:
    status, headers, body = ask(viewer, "api/tile", query=query)
    assert status == 200, body
    assert headers["Content-Type"] == "application/octet-stream"
    return np.frombuffer(body, f"<{kind}").reshape(shape)


# ---------------------------------------------------------------- who may ask


def test_the_page_is_served_to_those_who_know_the_token(viewer: Viewer) -> None:
    status, headers, body = ask(viewer, "")
    assert (status, b"<canvas" in body) == (200, True)
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    for name in ("viewer.js", "viewer.css", "LICENSES.txt"):
        assert ask(viewer, name)[0] == 200
    assert (ask(viewer, "", method="HEAD")[0], ask(viewer, "", method="HEAD")[2]) == (200, b"")


def test_a_wrong_token_is_refused(viewer: Viewer) -> None:
    token = urlsplit(viewer.url).path.strip("/")
    assert len(token) >= 32
    for path in ("/", "/favicon.ico", f"/{token[:-1]}/", f"/{token}x/", "//etc/passwd"):
        status, _, body = ask(viewer, path)
        assert (status, token.encode() in body) == (403, False), path
    with view(open_image(np.zeros((2, 2))), browser=False) as other:
        assert other.url.rsplit("/", 2)[1] != token


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.0.1", "", "localhost.",
     "127.0.0.1@evil.example", "[::2]"],
)  # fmt: skip
def test_another_host_is_refused(viewer: Viewer, host: str) -> None:
    # DNS rebinding: a name of a stranger that leads to this machine.
    status, _, body = ask(viewer, "api/files", {"Host": host})
    assert (status, b"slide" in body) == (403, False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:9999", "[::1]:80", "[::1]"])
def test_names_of_this_machine_are_answered(viewer: Viewer, host: str) -> None:
    assert ask(viewer, "api/files", {"Host": host})[0] == 200


def test_two_hosts_are_refused(viewer: Viewer) -> None:
    address = urlsplit(viewer.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as raw:
        raw.sendall(
            f"GET {address.path}api/files HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n".encode()
        )
        assert b" 403 " in raw.recv(100)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}, 200),
    ],
)
def test_pages_of_others_are_refused(viewer: Viewer, headers: dict[str, str], status: int) -> None:
    assert ask(viewer, "api/files", headers)[0] == status
    own = {"Origin": viewer.url.removesuffix(urlsplit(viewer.url).path)}
    assert ask(viewer, "api/files", own)[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_nothing_is_written(viewer: Viewer, method: str) -> None:
    assert ask(viewer, "api/files", method=method)[0] == 501


@pytest.mark.parametrize(
    "path",
    ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "page/../server.py", "server.py", "api/", "api/open",
     "api/tile/", "viewer.js/x"],
)  # fmt: skip
def test_no_path_leads_to_a_file(viewer: Viewer, path: str) -> None:
    status, _, body = ask(viewer, path, query={"file": "/etc/passwd"})
    assert (status, b"root:" in body, b"import" in body) == (404, False, False)


@pytest.mark.parametrize(
    "query",
    [
        {"file": 1}, {"file": -1}, {"file": "x"}, {"file": "/etc/passwd"}, {"scene": 2}, {"level": 9},
        {"y": 2}, {"x": "1" * 5000}, {"c": 2}, {"Z": 3}, {"T": "٣"}, {"T": ""}, {"T": "1_0"},
    ],
    ids=str,
)  # fmt: skip
def test_numbers_out_of_range_are_refused(viewer: Viewer, query: dict[str, object]) -> None:
    status, _, body = ask(viewer, "api/tile", query=query)
    assert status == 404
    assert "is no number below" in json.loads(body)["error"]


def test_only_loopback_listens(viewer: Viewer) -> None:
    port = urlsplit(viewer.url).port
    listening = [
        each.laddr.ip
        for each in psutil.Process().net_connections("inet")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port
    ]
    assert listening == ["127.0.0.1"]


# ---------------------------------------------------------------- what is answered


def test_scenes_and_facts(viewer: Viewer) -> None:
    assert answer(viewer, "files") == {"files": ["slide.ome.tif"]}
    scenes = answer(viewer, "scenes")
    assert (scenes["scenes"], scenes["whole"], scenes["wells"]) == (["Image:0", "other"], True, [])
    facts = answer(viewer, "scene")
    assert facts["axes"] == {"T": 2, "Z": 3}
    assert facts["start"] == {"T": 0, "Z": 1}
    assert [one["name"] for one in facts["channels"]] == ["DAPI", "GFP"]
    assert [one["color"] for one in facts["channels"]] == [0x00FF00, 0xFF00FF]
    assert facts["pixelSize"] == {"Z": 1.5, "Y": 0.25, "X": 0.25}
    assert facts["timeStep"] == 2
    assert [(one["width"], one["scale"]) for one in facts["levels"]] == [(900, 1), (450, 2)]
    assert answer(viewer, "scene", scene=1)["kind"] == "u1"


def test_tiles_are_crops_of_the_levels(viewer: Viewer) -> None:
    whole = pixels(SLIDE)[1, 1, 2]
    shown = tile(viewer, "u2", (188, 388), level=0, T=1, c=1, Z=2, y=1, x=1)
    np.testing.assert_array_equal(shown, whole[512:, 512:])
    small = tile(viewer, "u2", (350, 450), level=1, T=0, c=0, Z=1)
    np.testing.assert_array_equal(small, pixels(SLIDE, 1)[0, 0, 1])
    np.testing.assert_array_equal(tile(viewer, "u1", (20, 30), scene=1), pixels(OTHER)[0, 0, 0])


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [("bool", "u1"), ("uint8", "u1"), ("int8", "f4"), ("uint16", "u2"), ("int16", "f4"), ("uint32", "f4"),
     ("float32", "f4"), ("float64", "f4"), ("complex64", "f4")],
)  # fmt: skip
def test_pixels_of_every_type(dtype: str, kind: str) -> None:
    array = (np.arange(40).reshape(5, 8) * 3 % 7).astype(dtype)
    with view(open_image(array, dims="YX"), browser=False) as running:
        assert answer(running, "scene")["kind"] == kind
        shown = tile(running, kind, (5, 8))
    np.testing.assert_array_equal(shown, np.abs(array).astype(kind))


def test_colour_and_palettes_have_three_samples(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 65536, (6, 7, 4), dtype=np.uint16)
    indexed = Image.fromarray((np.arange(42) % 3).astype(np.uint8).reshape(6, 7))
    indexed.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    indexed.save(tmp_path / "palette.tif")
    palette = open_image(tmp_path / "palette.tif")
    with view(open_image(array, dims="YXS"), palette, browser=False) as running:
        assert answer(running, "scene")["samples"] == 3
        np.testing.assert_array_equal(tile(running, "u2", (6, 7, 3)), array[..., :3])
        shown = tile(running, "u1", (6, 7, 3), file=1)
        np.testing.assert_array_equal(shown, np.eye(3, dtype=np.uint8)[np.asarray(indexed)] * 255)
        assert answer(running, "values", file=1, x=1, y=0)["values"] == [1]
        assert answer(running, "values", x=1, y=0)["values"] == [array[0, 1].tolist()]


def test_the_focus_of_the_user_is_shown() -> None:
    array = np.arange(2 * 3 * 50 * 60, dtype=np.uint16).reshape(2, 3, 50, 60)
    handle = open_image(array, dims="TCYX")
    part = transpose_to(handle, "CXY", T=1, Y=slice(10, None), C=[2, 0])
    with view(part, browser=False) as running:
        assert not answer(running, "scenes")["whole"]
        facts = answer(running, "scene")
        assert (facts["height"], facts["width"]) == (40, 60)
        np.testing.assert_array_equal(tile(running, "u2", (40, 60), c=0), array[1, 2, 10:])
        assert answer(running, "values", x=3, y=4)["values"] == array[1, [2, 0], 14, 3].tolist()


def test_positions_are_those_of_the_stage() -> None:
    handle = open_image(np.zeros((50, 60)), dims="YX")
    scene = attrs.evolve(
        handle.scene, pixel_size=PixelSize(None, 0.5, 0.5), origin=Origin(None, -100.0, 200.0)
    )
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    with view(transpose_to(handle, "YX", X=slice(20, 30)), browser=False) as running:
        assert answer(running, "scene")["origin"] == {"Y": -100, "X": 210}


def test_values_that_json_lacks_are_texts() -> None:
    array = np.array([[np.nan, np.inf], [1.5, -2.0]], np.float32)
    with view(open_image(array, dims="YX"), browser=False) as running:
        values = [answer(running, "values", x=x, y=y)["values"][0] for y in (0, 1) for x in (0, 1)]
    assert values == ["nan", "inf", 1.5, -2.0]


def test_contrast_has_a_histogram(viewer: Viewer) -> None:
    whole = answer(viewer, "contrast", c=1)
    assert whole["least"] <= whole["low"] < whole["high"] <= whole["most"]
    assert sum(whole["counts"]) > 100_000
    plane = answer(viewer, "contrast", c=1, T=1, Z=2, plane=1)
    assert sum(plane["counts"]) == 350 * 450
    few = np.arange(64, dtype=np.uint8).reshape(8, 8) // 16
    with view(open_image(few, dims="YX"), browser=False) as running:
        assert answer(running, "contrast")["counts"] == [16, 16, 16, 16]


def test_metadata_and_wells(tmp_path: Path) -> None:
    handle = open_image([np.zeros((8, 8)), np.ones((8, 8)), np.ones((8, 8))])
    wells = [Well("B", "2"), Well("B", "11"), Well("B", "11", 1)]
    scenes = tuple(
        attrs.evolve(scene, well=well) for scene, well in zip(handle.scenes, wells, strict=True)
    )
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=scenes))
    with view(handle, browser=False) as running:
        assert answer(running, "scenes")["wells"] == [
            [0, "B", "2", 0, None], [1, "B", "11", 0, None], [2, "B", "11", 1, None],
        ]  # fmt: skip
        rows = dict(answer(running, "metadata", scene=1)["rows"])
    assert rows["scene"].startswith("2 of 3")
    assert rows["pixels"] == "float64"
    path = write(TiffSpec((SLIDE,)), tmp_path)
    with view(open_image(path), browser=False) as running:
        shown = answer(running, "metadata")
    assert "<OME" in shown["text"]
    assert dict(shown["rows"])["pixel size"] == "Z 1.5 µm, Y 0.25 µm, X 0.25 µm"


def test_damaged_pixels_are_an_answer(tmp_path: Path) -> None:
    path = write(TiffSpec((OTHER,), compression="zlib"), tmp_path)
    handle = open_image(path)
    data = bytearray(path.read_bytes())
    (piece,) = handle.array.layout.pieces((0, 0, 0, 0, 0), (slice(0, 1),) * 5)
    data[piece.offset : piece.offset + 20] = bytes(20)  # type: ignore[union-attr]
    (tmp_path / "copy.ome.tif").write_bytes(data)
    with view(open_image(tmp_path / "copy.ome.tif"), browser=False) as running:
        status, _, body = ask(running, "api/tile")
        assert status == 422
        assert "copy.ome.tif" in json.loads(body)["error"]
        assert ask(running, "api/scene")[0] == 200


# ---------------------------------------------------------------- levels that the file lacks


def test_made_levels_halve_until_one_tile() -> None:
    handle = open_image(np.zeros((3000, 2000), np.uint8), dims="YX")
    assert [(one.height, one.width, one.step) for one in view_levels(handle)] == [
        (3000, 2000, 1), (1500, 1000, 2), (750, 500, 4), (375, 250, 8),
    ]  # fmt: skip


def test_made_levels_fill_gaps_of_the_file(tmp_path: Path) -> None:
    spec = ImageSpec(Y=2000, X=3000, levels=2)
    handle = open_image(write(TiffSpec((spec,), tile=(256, 256)), tmp_path))
    found = [(one.width, one.step, one.array.stored.X) for one in view_levels(handle)]
    assert found == [(3000, 1, 3000), (1500, 1, 1500), (750, 2, 1500), (375, 4, 1500)]


def test_a_made_level_is_the_mean_of_four(tmp_path: Path) -> None:
    spec = ImageSpec(Y=1301, X=1503)
    whole = pixels(spec)[0, 0, 0].astype(float)
    for tile_size, compression in ((None, "none"), ((256, 256), "zlib")):
        packed = TiffSpec((spec,), tile=tile_size, compression=compression)  # type: ignore[arg-type]
        handle = open_image(write(packed, tmp_path))
        level = view_levels(handle)[1]
        reader = TileReader()
        shown = reader.read(level, (1, 1), {}, smooth=True, stop=lambda: None)
        padded = np.pad(whole, ((0, 1), (0, 1)), "edge")
        means = padded.reshape(651, 2, 752, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(shown, means[512:1024, 512:1024], atol=0.51)
        sampled = reader.read(level, (0, 1), {}, smooth=False, stop=lambda: None)
        assert sampled.shape == (512, 240)


def test_of_raw_pixels_single_rows_are_averaged(tmp_path: Path) -> None:
    spec = ImageSpec(Y=700, X=9000)
    whole = pixels(spec)[0, 0, 0].astype(float)
    handle = open_image(write(TiffSpec((spec,)), tmp_path))
    level = view_levels(handle)[4]
    assert (level.step, level.height, level.width) == (16, 44, 563)
    shown = TileReader().read(level, (0, 1), {}, smooth=True, stop=lambda: None)
    means = np.pad(whole[::16], ((0, 0), (0, 8)), "edge").reshape(44, 563, 16).mean(axis=2)
    # The last run has 8 columns of its own.
    means[:, -1] = whole[::16, -8:].mean(axis=1)
    np.testing.assert_allclose(shown, means[:, 512:], atol=0.51)


@takes_long
def test_a_made_level_is_read_in_bounded_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ImageSpec(Y=4000, X=4000)
    handle = open_image(write(TiffSpec((spec,)), tmp_path))
    sizes: list[int] = []

    def counted(array: LazyArray) -> Array:
        sizes.append(array.nbytes)
        return read_array(array)

    monkeypatch.setattr(reading, "BAND_BYTES", 100_000)
    monkeypatch.setattr(reading, "read_array", counted)
    level = view_levels(handle)[-1]
    shown = TileReader().read(level, (0, 0), {}, smooth=True, stop=lambda: None)
    assert shown.shape == (500, 500)
    assert max(sizes) <= 100_000


def test_costly_planes_are_decoded_once_and_the_cache_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray((np.arange(1200 * 1300) % 251).astype(np.uint8).reshape(1200, 1300)).save(
        tmp_path / "one.png"
    )
    handle = open_image(tmp_path / "one.png")
    reads: list[LazyArray] = []

    def counted(array: LazyArray, workers: int | None = None) -> Array:
        reads.append(array)
        return read_array(array, workers)

    monkeypatch.setattr(pyramid, "read_array", counted)
    monkeypatch.setattr(pyramid, "TILE", 256)
    reader = TileReader()
    level = view_levels(handle)[0]
    for corner in ((0, 0), (1, 2), (3, 3)):
        reader.read(level, corner, {}, smooth=True, stop=lambda: None)
    assert len(reads) == 1
    monkeypatch.setattr(pyramid, "CACHE_BYTES", 1000)
    coarse = view_levels(handle)[1]
    reader.read(coarse, (0, 0), {}, smooth=True, stop=lambda: None)
    assert reader._nbytes == 0
    assert not reader._making


def test_planes_of_gray_with_opacity_have_no_samples() -> None:
    handle = open_image(np.zeros((2, 5, 6, 2), np.uint8), dims="CYXS")
    assert plane_of(handle.array, {"C": 1}).dims == Dims("YX", (5, 6))


# ---------------------------------------------------------------- beginnings and ends


def test_a_request_that_nobody_waits_for_is_not_read(
    slide: ImageHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, proceed, ended = threading.Event(), threading.Event(), threading.Event()
    reads: list[str] = []

    def slow(
        self: TileReader, level: object, corner: object, picks: object, *, smooth: bool, stop: Any
    ) -> Array:
        del self, level, corner, picks, smooth
        begun.set()
        proceed.wait(20)
        try:
            for _ in range(200):
                stop()
                threading.Event().wait(0.05)
            reads.append("all")
        finally:
            ended.set()
        return np.zeros((5, 5))

    monkeypatch.setattr(TileReader, "read", slow)
    with view(slide, browser=False) as running:
        address = urlsplit(running.url)
        with socket.create_connection((address.hostname, address.port), timeout=20) as raw:
            raw.sendall(f"GET {address.path}api/tile HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert begun.wait(20)
        proceed.set()
        assert ended.wait(20)
        assert reads == []
        # The core is free again: all of them can be taken.
        assert answer(running, "contrast", scene=1)["counts"]


def test_nothing_is_left_after_the_end(slide: ImageHandle) -> None:
    before = set(threading.enumerate())
    with view(slide, browser=False) as running:
        address = urlsplit(running.url)
        idle = socket.create_connection((address.hostname, address.port), timeout=20)
        answer(running, "files")
        assert running.is_open
    assert idle.recv(10) == b""
    idle.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((address.hostname, address.port), timeout=20)
    assert repr(running) == "<Viewer closed>"
    running.close()


def test_a_viewer_that_nobody_holds_ends(slide: ImageHandle) -> None:
    before = set(threading.enumerate())
    running = view(slide, browser=False)
    address = urlsplit(running.url)
    assert address.path in running._repr_html_()
    assert '<iframe src="http://127.0.0.1:' in running._repr_html_()
    del running
    gc.collect()
    assert set(threading.enumerate()) <= before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((address.hostname, address.port), timeout=20)


def test_a_port_that_is_taken(viewer: Viewer, slide: ImageHandle) -> None:
    port = urlsplit(viewer.url).port
    assert port is not None
    with pytest.raises(SourceError, match="port=0 takes a free one"):
        view(slide, port=port, browser=False)
    with pytest.raises(ArgumentTypeError, match="at least one handle"):
        view(browser=False)


def test_the_browser_is_opened_on_request(
    slide: ImageHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    with view(slide) as running:
        assert opened == [running.url]
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    with view(slide):
        assert len(opened) == 1


def test_the_command_ends_by_idleness(
    slide: ImageHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(threading.enumerate())
    assert cli.main(["view", slide.source.uri, "--no-browser", "--idle", "0"]) == 0
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")
    assert set(threading.enumerate()) <= before
    assert cli.main(["view", "missing.tif", "--no-browser"]) == 1


@pytest.mark.parametrize("number", [2, 15])
def test_the_command_ends_by_a_signal(slide: ImageHandle, number: int) -> None:
    # A shell in the background has its children ignore Ctrl-C.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from aicsio.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "view", "--no-browser", slide.source.uri]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            assert run.stdout is not None
            assert run.stderr is not None
            url = run.stdout.readline().strip()
            with urllib.request.urlopen(url, timeout=20) as page:  # noqa: S310 - it is ours
                assert page.status == 200
            run.send_signal(number)
            assert (run.wait(20), run.stderr.read()) == (0, "")
        finally:
            run.kill()  # else a failure would wait for it without end


def test_names_of_files_hide_secrets() -> None:
    from aicsio.viewer.images import name_file

    named = name_file("https://me:hunter2@host/a/b.czi?token=hunter3", lambda: None)  # type: ignore[arg-type,return-value]
    assert named.name == "b.czi"


def test_the_bundle_is_made_from_the_source() -> None:
    digest = hashlib.sha256()
    for path in sorted((ROOT / "viewer" / "src").glob("*.ts")):
        digest.update(path.read_bytes())
    page = ROOT / "aicsio" / "viewer" / "page"
    first = (page / "viewer.js").read_text("utf-8").splitlines()[0]
    assert digest.hexdigest() in first, "npm run build, in viewer/, makes the bundle"
    for name in ("index.html", "viewer.css", "LICENSES.txt"):
        assert (page / name).read_bytes() == (ROOT / "viewer" / "src" / name).read_bytes()
    lock = json.loads((ROOT / "viewer" / "package-lock.json").read_text("utf-8"))
    licenses = (page / "LICENSES.txt").read_text("utf-8")
    for name in ("esbuild", "typescript"):
        assert lock["packages"][f"node_modules/{name}"]["version"] in licenses


def test_no_channel_is_lost_to_the_page() -> None:
    records = tuple(Channel(name=str(n), window=(1.0, 2.0 + n)) for n in range(3))
    handle = open_image(np.zeros((3, 4, 4)), dims="CYX")
    scene = attrs.evolve(handle.scene, channels=records)
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    with view(handle, browser=False) as running:
        shown = answer(running, "scene")["channels"]
    assert [one["window"] for one in shown] == [[1, 2], [1, 3], [1, 4]]


def test_limits_of_the_server_are_documented_numbers() -> None:
    assert server.TOKEN_BYTES * 8 >= 128
