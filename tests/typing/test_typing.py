"""A user's mypy, strict and without the project's stubs, knows the type of everything public."""

import importlib.util
import inspect
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import attrs
import pytest

import aicsio
from checkers import mypy_output

HERE = Path(__file__).parent
XARRAY = importlib.util.find_spec("xarray") is not None
"""Without it, mypy knows the types of ``to_xarray`` as Any."""
MESSAGE = re.compile(
    r"^(?P<file>\w+)\.py:(?P<line>\d+): (?P<kind>error|note): (?P<text>.*?)(?:  \[(?P<code>[\w-]+)\])?$"
)
VAGUE = r'type is "Any"|-> Any\b|(?<!\*kwargs): Any\b'
"""A value, result or parameter that a type checker knows nothing of."""
MEANT = {
    "AICSImage.metadata",  # whatever the format has, as it always was
    "compose",  # of more than twenty parts
    "pipe",
}


def public_classes() -> list[type]:
    return [value for name in aicsio.__all__ if isinstance(value := getattr(aicsio, name), type)]


def members(kind: type) -> list[str]:
    """Public attributes of instances, those that come from builtins left out."""
    fields = [field.name for field in attrs.fields(kind)] if attrs.has(kind) else []
    own = {
        name for base in kind.__mro__ if base.__module__.startswith("aicsio") for name in vars(base)
    }
    return sorted({name for name in {*fields, *own} if not name.startswith("_")})


def reveal_all() -> str:
    """A program that reveals the type of each public name, and of each attribute of each public class."""
    lines = ["import aicsio"]
    names = [name for name in aicsio.__all__ if not inspect.ismodule(getattr(aicsio, name))]
    lines += [f"reveal_type(aicsio.{name})  # {name}" for name in names]
    for kind in public_classes():
        lines.append(
            f"def see_{kind.__name__}(value: aicsio.{kind.__name__}{'[int]' if kind is aicsio.Step else ''}) -> None:"
        )
        lines.append("    reveal_type(value)  # itself")
        lines += [
            f"    reveal_type(value.{name})  # {kind.__name__}.{name}" for name in members(kind)
        ]
    for name in ("cluster_and_client", "spawn_cluster_and_client", "shutdown_cluster_and_client"):
        lines.append(f"reveal_type(aicsio.dask_utils.{name})  # dask_utils.{name}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> list[re.Match[str]]:
    """What mypy says of the user's files, outside the project and with none of its settings."""
    if tuple(map(int, version("dask").split(".")[:2])) < (2025, 5):
        pytest.skip("dask exports the types of its arrays from 2025.5 on")
    folder = tmp_path_factory.mktemp("user")
    names = ["user.py", "wrong.py", *(["user_xarray.py"] if XARRAY else [])]
    for name in names:
        shutil.copy(HERE / name, folder)
    (folder / "revealed.py").write_text(reveal_all(), encoding="utf-8")
    output = mypy_output(folder, [*names, "revealed.py"], plugin=False)
    return [found for line in output.splitlines() if (found := MESSAGE.match(line))]


def errors(messages: list[re.Match[str]], name: str) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for message in messages:
        if message["file"] == name and message["kind"] == "error":
            found.setdefault(int(message["line"]), []).append(
                f"{message['code']}: {message['text']}"
            )
    return found


def test_what_is_right_is_found_right(messages: list[re.Match[str]]) -> None:
    assert errors(messages, "user") == {}
    assert errors(messages, "user_xarray") == {}


def test_what_is_wrong_is_found_wrong(messages: list[re.Match[str]]) -> None:
    expected: dict[int, set[str]] = {}
    for number, line in enumerate((HERE / "wrong.py").read_text(encoding="utf-8").splitlines(), 1):
        if found := re.search(r"# E: ([\w|-]+)$", line):
            expected[number] = set(found[1].split("|"))
    found_in = errors(messages, "wrong")
    assert found_in.keys() == expected.keys()
    for number, texts in found_in.items():
        assert {text.partition(":")[0] for text in texts} <= expected[number], (
            f"line {number}: {texts}"
        )


def test_nothing_public_is_any_type(messages: list[re.Match[str]]) -> None:
    lines = reveal_all().splitlines()
    assert errors(messages, "revealed") == {}
    vague, seen = [], 0
    for message in messages:
        if message["file"] == "revealed" and message["text"].startswith("Revealed type is"):
            seen += 1
            what = lines[int(message["line"]) - 1].partition("# ")[2]
            unknown = not XARRAY and "xarray" in what
            if re.search(VAGUE, message["text"]) and what not in MEANT and not unknown:
                vague.append(f"{what}: {message['text']}")
    assert seen == sum("reveal_type" in line for line in lines)
    assert vague == []


def test_the_users_file_calls_every_public_function() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("user*.py"))
    functions = [
        name
        for name in aicsio.__all__
        if not isinstance(getattr(aicsio, name), type) and name != "Order"
    ]
    assert [name for name in functions if not re.search(rf"\b{name}[(.]", text)] == []


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(aicsio.__file__).parent / "py.typed").exists()
