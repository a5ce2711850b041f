"""Sixty wrong programs and forty right ones, and pipelines as engineers write them, as each type checker sees them."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from checkers import HERE, Lines, copy_programs, mypy, pyright
from marks import mostly_long, takes_long

NAMES = ["mistakes.py", "mistakes_in_pipelines.py", "pipelines.py", "right.py"]
MARK = re.compile(r"  # (types|mypy|pyright|plug-in|none)(?:, NumPy ([\d.]+)|: .*)?$")


def marks_in(name: str) -> dict[int, tuple[str, tuple[int, ...]]]:
    """Return who finds the mistake of a line, and from which NumPy on."""
    return {
        number: (mark[1], tuple(map(int, (mark[2] or "0.0").split("."))))
        for number, line in enumerate((HERE / name).read_text("utf-8").splitlines(), 1)
        if (mark := MARK.search(line))
    }


EXPECTED = marks_in("mistakes.py")
IN_PIPELINES = marks_in("mistakes_in_pipelines.py")
NUMPY = tuple(map(int, version("numpy").split(".")[:2]))
CHECKERS = ("mypy", "mypy with the plug-in", "pyright", "basedpyright")


def kinds_of(checker: str) -> set[str]:
    """Return the marks of mistakes that a checker finds."""
    kinds = {"types", "mypy" if checker.startswith("mypy") else "pyright"}
    return kinds | {"plug-in"} if "plug-in" in checker else kinds


@pytest.fixture(scope="module", params=mostly_long(CHECKERS, "pyright", "basedpyright"))
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lines:
    """The errors that a checker reports."""
    folder = tmp_path_factory.mktemp("programs")
    copy_programs(folder, NAMES)
    if request.param.startswith("mypy"):
        return mypy(folder, NAMES, plugin=request.param != "mypy")
    return pyright(folder, NAMES, program=request.param)


def test_the_programs_are_sixty_and_forty() -> None:
    assert len(EXPECTED) == 60
    kinds = [kind for kind, _ in EXPECTED.values()]
    assert kinds.count("types") >= 45
    assert kinds.count("types") + kinds.count("plug-in") >= 57
    _, _, programs = (HERE / "right.py").read_text("utf-8").partition("-- programs\n")
    assert sum(bool(line) for line in programs.splitlines()) == 40


def test_each_mistake_is_found_by_whom_it_is_expected(
    found: Lines, request: pytest.FixtureRequest
) -> None:
    kinds = kinds_of(request.node.callspec.params["found"])
    for name, marks in (("mistakes", EXPECTED), ("mistakes_in_pipelines", IN_PIPELINES)):
        expected = {
            number for number, (kind, since) in marks.items() if kind in kinds and since <= NUMPY
        }
        assert set(found[name]) == expected


def test_right_programs_pass(found: Lines) -> None:
    assert dict(found["right"]) == {}
    assert dict(found["pipelines"]) == {}


def test_errors_are_short_and_name_the_function(found: Lines) -> None:
    lines = (HERE / "mistakes.py").read_text("utf-8").splitlines()
    for number, messages in found["mistakes"].items():
        # mypy writes out a union of literals: 12 kB for ``Order``.
        assert sum(map(len, messages)) < 3000 or "order: Order" in lines[number - 1], messages
        text = "\n".join(messages)
        assert "__call__" not in text or "Step" in text
        if lines[number - 1].startswith("transpose_to(h") and EXPECTED[number][0] == "types":
            assert "transpose_to" in text or "NumpyInt" in text, text


@takes_long
def test_what_mypy_reports_at_a_mistake_is_read(tmp_path: Path) -> None:
    """The reader of messages finds an error where there is one."""
    (tmp_path / "one.py").write_text("number: int = 'text'\n", encoding="utf-8")
    assert set(mypy(tmp_path, ["one.py"], plugin=False)["one"]) == {1}
