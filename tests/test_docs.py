"""Every example of README and docs runs, and shows what it says it shows.

How the pages are read, so that a writer of docs knows:

- a ``python`` block runs; the blocks of a page share one namespace and an empty folder
- a ``python title="name.py"`` block is a module that later blocks may import
- a ``toml`` block with entry points counts as installed
- ``# -> value`` behind an expression is its repr; ``...`` stands for anything
- in a ``sh`` block each line that begins with ``aicsio`` runs
- a ``text`` block that follows is what the block before prints, or the error that its last line raises
- ``<!-- shown only: why -->`` in front of a block leaves it out; so does ``<!-- command: name -->``, which .ci/run runs
"""

import ast
import contextlib
import doctest
import functools
import inspect
import io
import re
import shlex
import subprocess
import sys
import textwrap
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import aicsio
from aicsio import cli, formats
from support import ROOT, mostly_long

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
)
# Pages of which the examples take seconds.
SLOW = (
    "docs/command-line.md",
    "docs/extending.md",
    "docs/viewer.md",
    "docs/writing.md",
    "docs/pictures.md",
    "docs/formats.md",
)
FENCE = re.compile(
    r"(?P<skip><!-- (?:shown only|command): [^>]+ -->\s*)?"
    r"^(?P<indent> *)```(?P<language>\w+)(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
LIKE_DOCTEST = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@attrs.frozen
class Block:
    """One fenced block of a page."""

    language: str
    code: str
    line: int
    """Line of the page, from 1, on which its first line of code stands."""
    shown_only: bool
    title: str | None = None
    """Name of the module that the block is."""
    result: str | None = None
    """The text block right behind it."""


@functools.cache
def blocks(page: str) -> list[Block]:
    """All blocks of a page; a text block belongs to the one in front of it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found: list[Block] = []
    end = 0
    for match in FENCE.finditer(text):
        body = textwrap.dedent(match["body"])
        if match["language"] == "text" and found and not text[end : match.start()].strip():
            found[-1] = attrs.evolve(found[-1], result=body)
        else:
            line = text.count("\n", 0, match.start("body")) + 1
            title = re.search(r'title="(.+?)"', match["info"])
            found.append(
                Block(match["language"], body, line, bool(match["skip"]), title and title[1])
            )
        end = match.end()
    return found


def executed(page: str, language: str) -> list[Block]:
    return [block for block in blocks(page) if block.language == language and not block.shown_only]


def run_python(block: Block, names: dict[str, Any], page: str) -> str:
    """Run a block and return what it prints, or the error of its last statement if a result is told."""
    code = "\n" * (block.line - 1) + block.code
    values = promised_values(code)
    statements = ast.parse(code, page).body
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for statement in statements:
            promised = values.get(statement.end_lineno or 0)
            try:
                if promised is None:
                    exec(compile(ast.Module([statement], []), page, "exec"), names)  # noqa: S102 - it is ours
                else:
                    assert isinstance(statement, ast.Expr), (
                        f"{page}:{statement.lineno}: only expressions have values"
                    )
                    value = eval(compile(ast.Expression(statement.value), page, "eval"), names)  # noqa: S307
                    assert_like(promised, repr(value), f"{page}:{statement.lineno}")
            except Exception as error:
                kind = type(error).__name__
                if statement is not statements[-1] or not (block.result or "").startswith(
                    f"{kind}: "
                ):
                    raise
                return f"{printed.getvalue()}{kind}: {error}\n"
    return printed.getvalue()


def promised_values(code: str) -> dict[int, str]:
    """Texts behind ``# ->`` by line."""
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    comments = (
        (token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT
    )
    return {line: text[4:].strip() for line, text in comments if text.startswith("# ->")}


def install(entry_points: str, folder: Path) -> None:
    """Put on disk what pip would make of the entry points of a pyproject.toml."""
    project = tomllib.loads(entry_points)["project"]
    lines = []
    for group, entries in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in entries.items())]
    info = folder / "example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: example\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, from which modules and distributions are found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    formats.external.cache_clear()
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def run_shell(block: Block) -> str:
    """Run the lines of a block that call our command line and return their output."""
    printed = ""
    for line in block.code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        assert words[0] == "aicsio", f"{line!r} is no call of aicsio: mark the block as shown only"
        code, output = call_command(words[1:])
        assert code == 0 or block.result, f"{line}\n{output}"
        printed += output
    return printed


def call_command(arguments: list[str]) -> tuple[int, str]:
    """Run the command line here: a process for each of 30 calls would take 20 s to import alone.

    tests/cli start it as a process of its own.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    return code, out.getvalue() + err.getvalue()


def assert_like(wanted: str, got: str, where: str) -> None:
    same = doctest.OutputChecker().check_output(wanted + "\n", got + "\n", LIKE_DOCTEST)
    assert same, f"{where}: the page says\n{wanted}\nbut it is\n{got}"


@pytest.mark.parametrize("page", mostly_long(PAGES, *(page for page in PAGES if page not in SLOW)))
def test_the_examples_of_a_page_run(page: str, workplace: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        printed = ""
        if block.shown_only:
            continue
        if block.title is not None:
            (workplace / block.title).write_text(block.code, encoding="utf-8")
        elif block.language == "toml":
            install(block.code, workplace)
            formats.external.cache_clear()
        elif block.language == "python":
            printed = run_python(block, names, page)
        elif block.language == "sh":
            printed = run_shell(block)
        if block.result is not None:
            assert_like(block.result.strip(), printed.strip(), f"{page}:{block.line}")


@pytest.mark.parametrize(
    ("code", "result", "message"),
    [
        ("1 + 1  # -> 3", None, "the page says"),
        ("print('a')\n", "b", "the page says"),
        ("int('x')\n1\n", "ValueError: invalid ...", "invalid literal"),
        ("int('x')\n", "KeyError: 'x'", "invalid literal"),
        ("x = 2  # -> 2", None, "only expressions"),
    ],
)
def test_a_page_that_is_wrong_fails(code: str, result: str | None, message: str) -> None:
    block = Block("python", code, 1, shown_only=False, result=result)
    with pytest.raises((AssertionError, ValueError), match=message):
        assert_like((result or "").strip(), run_python(block, {}, "page").strip(), "page")


@functools.cache
def all_examples() -> str:
    return "\n".join(
        f"{block.code}{block.result or ''}" for page in PAGES for block in executed(page, "python")
    )


@pytest.mark.parametrize("name", aicsio.__all__)
def test_every_public_name_is_in_a_running_example_and_in_the_reference(name: str) -> None:
    assert re.search(rf"\b{name}\b", all_examples()), f"no example of README or docs uses {name}"
    reference = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md")
    )
    assert re.search(rf"^::: aicsio\.{name}$", reference, re.MULTILINE), (
        f"no page of docs/reference has {name}"
    )


ALIKE = {"write_scenes": "write_ome_tiff"}
"""Functions that take the options of another, whose examples show them."""


def options() -> Iterator[str]:
    """Keyword arguments with defaults of the public functions, and of ``AICSImage``."""
    for name in aicsio.__all__:
        public = getattr(aicsio, name)
        if inspect.isfunction(public) or public is aicsio.AICSImage:
            for parameter in inspect.signature(public).parameters.values():
                if parameter.default is not parameter.empty:
                    yield f"{ALIKE.get(name, name)}-{parameter.name}"


@pytest.mark.parametrize("option", list(dict.fromkeys(options())))
def test_every_option_is_in_a_running_example(option: str) -> None:
    name, _, parameter = option.partition("-")
    examples = all_examples().replace("**options", "compression=, overwrite=, tile=")
    assert re.search(rf"\b{name}\([^#]*?\b{parameter}=", examples), (
        f"no example calls {name}({parameter}=...)"
    )


@pytest.mark.parametrize(
    "name", [name for name in dir(aicsio.AICSImage) if not name.startswith("_")]
)
def test_all_of_the_legacy_face_is_in_a_running_example(name: str) -> None:
    examples = "".join(
        block.code for block in executed("docs/coming-from-aicsimageio.md", "python")
    )
    assert re.search(rf"img\.{name}\b", examples), f"no example uses img.{name}"


def flags() -> Iterator[str]:
    """Options of the command line, as ``command --option``."""
    for command in cli.COMMANDS:
        for option in cli.command_parser(command)._actions:
            for flag in option.option_strings[-1:]:
                if flag != "--help":
                    yield f"{command} {flag}"


NEEDS_MORE = {"convert --scheduler", "mcp --output", "mcp --debug", "completion --debug"}
"""Flags of what no page can start; tests/cli/test_batch.py and test_agents.py do."""


@pytest.mark.parametrize("flag", [flag for flag in flags() if flag not in NEEDS_MORE])
def test_every_flag_of_the_command_line_is_in_a_running_example(flag: str) -> None:
    command, _, option = flag.partition(" ")
    lines = "".join(block.code for block in executed("docs/command-line.md", "sh")).replace(
        "\\\n", " "
    )
    assert re.search(rf"^aicsio {command} .*{option}\b", lines, re.MULTILINE), (
        f"no example of {flag}"
    )


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_the_readme_has_the_commands_that_the_gates_run(name: str) -> None:
    done = subprocess.run(
        [ROOT / ".ci" / "readme-command", name], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("python3 -m venv ")


def test_the_readme_lists_every_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("| extra, as in")[2].partition("\n\n")[0]
    named: set[str] = set()
    for row in table.splitlines()[2:]:
        named.update(re.findall(r"`([\w-]+)`", row.split("|")[1]))
    assert named == set(project["optional-dependencies"])


def test_every_environment_variable_is_in_the_docs() -> None:
    read: set[str] = set()
    for path in (ROOT / "aicsio").rglob("*.py"):
        read.update(re.findall(r"\bAICSIO_[A-Z_]+\b", path.read_text(encoding="utf-8")))
    documented = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    assert read
    assert [name for name in read if name not in documented] == []


FORMAT_WORDS = {
    "array": "arrays", "biorad-pic": "Bio-Rad PIC", "cellvoyager": "CellVoyager", "czi": "Zeiss CZI",
    "dicom": "DICOM", "harmony": "Harmony", "ics": "ICS", "imageio": "imageio's formats",
    "imagexpress": "ImageXpress", "ims": "Imaris", "incell": "InCell", "lif": "Leica LIF",
    "metamorph": "MetaMorph", "micromanager": "Micro-Manager", "mirax": "MIRAX", "mrc": "MRC",
    "nd2": "Nikon ND2", "nrrd": "NRRD", "oif": "OIF", "oir": "OIR", "ome-tiff": "OME-TIFF",
    "ome-zarr": "OME-Zarr", "spe": "SPE", "tiff": "TIFF and its dialects", "vsi": "VSI",
    "xlef": "LIF and projects",
}  # fmt: skip
"""What a sentence for readers calls each format."""


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_sentence_about_formats_names_all_of_them(page: str) -> None:
    assert set(FORMAT_WORDS) == {
        *(each.name for each in formats.TABLE),
        formats.FALLBACK.name,
        "array",
    }
    text = (ROOT / page).read_text(encoding="utf-8").partition("This version reads")[2]
    sentence = " ".join(text.partition("and writes")[0].split())
    assert [name for name, word in FORMAT_WORDS.items() if word not in sentence] == []
