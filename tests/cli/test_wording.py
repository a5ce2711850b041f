"""Messages of the library as the command line shows them: options in place of Python."""

import ast
import re
from collections.abc import Iterator

import pytest

import aicsio
from aicsio.cli.terminal.wording import _PHRASES, OPTIONS, speak_options
from support import ROOT, takes_long

PYTHON_ONLY = {"legacy", "cli", "testing", "dask_utils.py", "dask_graph.py", "_checks", "pipes.py"}
"""Rooms whose messages no command shows."""
NO_OPTION = re.compile(
    r"takes a handle from open_image|write_scenes takes handles|read into a new array"  # arguments
    r"|scenes=|chunks=|to_xarray needs|axes taken as|an array of|compute_chunk_sizes|check='first'"
    r"|ome=|acquired=|predictor=|\{path!r\}|it takes a handle|larger chunks|\(h[,)]|give the step a handle"
)
"""Messages about arguments that the command line does not pass."""


def rendered(node: ast.AST) -> str | None:
    """Text of a literal, with each value of an f-string as a name in quotes or a letter."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            parts.append("'TCZYX'" if part.conversion == ord("r") else "A")
    return (
        "".join(parts)
        .replace("A=0", "H=0")
        .replace("(..., A)", "(..., dtype='uint8')")
        .replace("'TCZYX', A)", "'TCZYX', H=0)")
    )


def messages() -> Iterator[str]:
    for path in sorted((ROOT / "aicsio").rglob("*.py")):
        if PYTHON_ONLY & set(path.relative_to(ROOT / "aicsio").parts):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        other: set[int] = set()
        for node in ast.walk(tree):  # which yields a node before what is in it
            if isinstance(node, ast.Expr):
                other.add(id(node.value))
            elif isinstance(node, ast.JoinedStr):
                other.update(map(id, node.values))
            elif not isinstance(node, ast.Constant):
                continue
            text = rendered(node)
            if text and " " in text and id(node) not in other:
                yield text


CALL = re.compile(rf"\b({'|'.join(name for name in aicsio.__all__ if name.islower())})\b")
KEYWORD = re.compile(rf"(?<![\w-])({'|'.join(OPTIONS)})=(?!=)")


@takes_long
def test_no_message_of_the_package_speaks_python_in_a_shell() -> None:
    checked, wrong = 0, []
    for text in dict.fromkeys(messages()):
        if (CALL.search(text) or KEYWORD.search(text)) and not NO_OPTION.search(text):
            shown = speak_options(text)
            checked += 1
            if re.search(CALL.pattern + r"\(", shown) or KEYWORD.search(shown):
                wrong.append(shown)
    assert wrong == []
    assert checked > 100


@takes_long
def test_each_phrase_has_the_characters_by_which_it_is_looked_for() -> None:
    found = set()
    for text in dict.fromkeys(messages()):
        for characters, pattern, _ in _PHRASES:
            if re.search(pattern, text):
                found.add(pattern)
                assert characters in text, (pattern, text)
    # The others are made of values: options in front, slices, picks.
    assert len(found) > len(_PHRASES) * 2 / 3


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("it is a guess; open_image(dims=...) names them", "it is a guess; --dims names them"),
        ("asked: czi, lif. explain() lists why each declined", "asked: czi, lif"),
        (
            "'a' exists: pass overwrite=True to replace it",
            "'a' exists: give --overwrite to replace it",
        ),
        (
            "convert them with write_ome_tiff(..., dtype='float32')",
            "convert them with --dtype float32",
        ),
        ("as in transpose_to(handle, ..., H=0)", "as in --pick H=0"),
        (
            "Pick a position: transpose_to(handle, 'TCZYX', H=0, V=0); or fold into C: open_image(x(y))",
            "Pick a position: --pick H=0 --pick V=0",
        ),
        ("modulo={'H': 'T', 'V': 'T'} folds", "--modulo H=T,V=T folds"),
        ("modulo='auto' keeps what fits. Pick", "--modulo auto keeps what fits. Pick"),
        ("tile=None with levels='auto': no", "--tile none with --pyramid auto: no"),
        ("leave out bigtiff=False", "leave out --bigtiff no"),
        ("; original_metadata=True keeps it", "; --original-metadata keeps it"),
        (
            "give storage_options={'headers': {'Authorization': ...}}",
            """give --storage-options '{"headers": {"Authorization": ...}}'""",
        ),
        ("leave engine= out", "leave --engine out"),
        ("either opens whole: open_image('a b.tif')", "either opens whole: name 'a b.tif' alone"),
        ("call open_image on it again", "run the command again"),
        (
            "C=9 is out of range: there are 2 positions of C (0 to 1)",
            "--pick C=9 is out of range: there are 2 positions of C (0 to 1)",
        ),
        ("C=slice(5, 9, None) selects nothing: ", "--pick C=5:9 selects nothing: "),
        ("Y=slice(600, 700, None) selects nothing: ", "Y=600:700 selects nothing: "),
        ("Z=slice(None, None, 0) has step 0", "--pick Z=::0 has step 0"),
        (
            "'ZYX' would drop 'C', which has 2 positions: pick one with C=0, or keep it: 'CZYX'",
            "'ZYX' would drop 'C', which has 2 positions: give --pick C=0, or --order CZYX",
        ),
        (
            "T=1, Y=4, X=4 has no series of frames: write_picture draws one picture",
            "T=1, Y=4, X=4 has no series of frames: a name with .png draws one picture",
        ),
        ("no scene; select_scene picks one of 3 scenes", "no scene; --scene picks one of 3 scenes"),
        (
            "give plate=, or pick one by its index with select_scene",
            "pick one by its index with --scene",
        ),
        (
            "megapixels: give size=4096, or pick a part with transpose_to",
            "megapixels: give --size 4096, or take a part with --pick",
        ),
        ("name it .png, or give a smaller size=", "name it .png, or give a smaller --size"),
        ("broken; raw_metadata gives the text", "broken; --raw gives the text"),
        ("time_step=-1.0 is not a", "--time-step -1.0 is not a"),
        ("pixel_size: X=0.0 is not a", "--pixel-size: X=0.0 is not a"),
        ("no keyword: T=0, C=3 and a==b", "no keyword: T=0, C=3 and a==b"),
    ],
)
def test_advice_is_translated(message: str, shown: str) -> None:
    assert speak_options(message) == shown
