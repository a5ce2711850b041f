"""Judges the wrong and the right programs against the wheel, by each type checker.

``python tests/typing/judge.py`` builds the wheel, installs it into fresh environments, one with the
newest checkers and one with the oldest mypy that the plug-in supports, and prints who finds what.
It fails where a right program does not pass, or a wrong one is not found by whom it should be.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FILES = (
    *("checkers", "judge", "mistakes", "mistakes_in_pipelines", "pipelines", "revealed", "right"),
    *("test_programs", "test_revealed"),
)
NEWEST = ("mypy", "pyright[nodejs]", "basedpyright")
OLDEST = ("mypy==1.15.*",)
KINDS = ("types", "plug-in", "none")
SETS = {"newest": NEWEST, "oldest": OLDEST}
"""Checkers of each environment."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--here", choices=SETS, help="judge with the checkers of this environment")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.here:
            return judge(folder, options.here)
        return max(judge_elsewhere(folder, each) for each in SETS)


def run(command: list[object]) -> None:
    subprocess.run(list(map(str, command)), check=True)


def judge_elsewhere(folder: Path, which: str) -> int:
    """Judge in a fresh environment, which has the wheel and no other part of the project."""
    place = folder / which
    venv.create(place / "environment", with_pip=True)
    python = place / "environment" / "bin" / "python"
    if not list(folder.glob("*.whl")):
        run([python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT])
    (wheel,) = folder.glob("*.whl")
    run([python, "-m", "pip", "install", "-q", f"{wheel}[xarray]", "pytest", *SETS[which]])
    for name in FILES:
        shutil.copy(HERE / f"{name}.py", place)
    return subprocess.run([python, "judge.py", "--here", which], cwd=place, check=False).returncode


def judge(folder: Path, which: str) -> int:
    """Print a row for each checker; return how many fail."""
    from test_programs import CHECKERS, EXPECTED

    numbers = {mark: {n for n, (kind, _) in EXPECTED.items() if kind == mark} for mark in KINDS}
    failed = 0
    chosen = [name for name in CHECKERS if which == "newest" or name.startswith("mypy")]
    for name in chosen:
        wrong, right = found_by(folder / name, name)
        expected = numbers["types"] | (numbers["plug-in"] if "plug-in" in name else set())
        program = name.partition(" ")[0]
        shown = f"{program} {version(program)}{name.removeprefix(program)}"
        print(
            f"{shown}: {len(wrong)} of {len(EXPECTED)} wrong ones found, {len(right)} of 40 right ones refused"
        )
        for line in sorted(wrong ^ expected):
            print(f"  line {line} is {'found' if line in wrong else 'not found'}")
        failed += wrong != expected or bool(right)
    print("Found by the plug-in alone, or by nobody:")
    for line, text in unfound():
        print(f"  {line}: {text}")
    if which == "newest":
        failed += not compare_types(folder / "types")
    return failed


def found_by(folder: Path, name: str) -> tuple[set[int], set[int]]:
    """Return the lines of wrong and of right programs that a checker reports."""
    from checkers import copy_programs, mypy, pyright
    from test_programs import NAMES

    folder.mkdir()
    copy_programs(folder, NAMES)
    if name.startswith("mypy"):
        found = mypy(folder, NAMES, plugin=name != "mypy")
    else:
        found = pyright(folder, NAMES, program=name)
    return set(found["mistakes"]), set(found["right"])


def unfound() -> Iterator[tuple[int, str]]:
    """Yield number and text of the wrong programs that types alone do not find."""
    from test_programs import EXPECTED

    lines = (HERE / "mistakes.py").read_text("utf-8").splitlines()
    for number, (kind, _) in EXPECTED.items():
        if kind != "types":
            yield number, lines[number - 1]


def compare_types(folder: Path) -> bool:
    """Print whether mypy and pyright reveal the same types; return it."""
    from checkers import copy_programs, mypy, pyright
    from test_revealed import types_of

    folder.mkdir()
    copy_programs(folder, ["revealed.py"])
    by_mypy = types_of(mypy(folder, ["revealed.py"], plugin=False, kind="note")["revealed"])
    report = pyright(folder, ["revealed.py"], program="pyright", kind="information")
    by_pyright = types_of(report["revealed"])
    equal = sum(by_mypy[line] == by_pyright.get(line) for line in by_mypy)
    print(f"reveal_type: {equal} of {len(by_pyright)} equal in mypy and pyright")
    return equal == len(by_pyright) == len(by_mypy)


if __name__ == "__main__":
    sys.exit(main())
