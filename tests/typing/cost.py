"""Measures what the overloads cost: the time of checkers on a project of 2 000 lines, with them and without.

``python tests/typing/cost.py --rounds 5`` checks all in turns and prints the least CPU time of each;
``--checkers mypy plug-in cold pyright basedpyright`` names those that are measured.

``mypy`` and ``plug-in`` are what a user waits for: the packages below the project come from mypy's
cache, its own modules have changed. ``cold`` is mypy without a cache, as its first run and as the two
others, which keep none. Two projects are without: one whose ``transpose_to`` has its two forms, with
``str`` for an order and ``Picks`` for picks, and whose ``pipe`` infers what comes out; one that types
nothing of it, with ``Any`` for picks, and ``pipe`` from ``Any`` to ``Any``.
"""

import argparse
import itertools
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import aicsio
from overloads import BEGIN, END, REGIONS

CHECKERS = ("mypy", "plug-in", "cold", "pyright", "basedpyright")
KINDS = {
    "ranks": "with the overloads for each number of axes",
    "forms": "with two overloads, for a handle and for a step",
    "any": "without overloads, picks and pipes are Any",
}
MODULES, FUNCTIONS = 10, 14
STACKS = ("ZYX", "XYZ", "CZYX", "TCZYX")
# A reader of images as it is often written: a call with a handle, a chain of three steps, plain Python around them.
FUNCTION = '''
def measure_{n}(path: str, channel: int, threshold: float) -> dict[str, float]:
    """Measure the nuclei of one file."""
    handle = open_image(path)
    if handle.dims.C <= channel:
        raise ValueError(f"{{path}} has {{handle.dims.C}} channels")
    stack = to_numpy(transpose_to(handle, "{stack}", T=0, C=channel))
    plane = pipe(handle, select_scene(0), transpose_to("YX", T=0, C=0, Z={n}), to_numpy())
    results: dict[str, float] = {{"mean": float(np.mean(stack)), "std": float(np.std(plane))}}
    for index, name in enumerate(handle.channel_names):
        if index != channel:
            results[str(name)] = float(index) * threshold
    return results
'''


def write_project(folder: Path, change: int) -> list[str]:
    """Write the modules of the project, each with a text of its own for each change."""
    names = [f"project_{module}.py" for module in range(MODULES)]
    for name in names:
        lines = [f'"""Change {change}."""', "import numpy as np", "from aicsio import *"]
        lines += [FUNCTION.format(n=n, stack=STACKS[n % len(STACKS)]) for n in range(FUNCTIONS)]
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    return names


def copy_package(folder: Path, kind: str) -> None:
    """Copy the package, with those of the regions that ``overloads.py`` writes which a kind has."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(aicsio.__file__).parent, folder / "aicsio", ignore=ignored)
    if kind == "ranks":
        return
    for name, makers in REGIONS.items():
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for make in makers:
            before, _, rest = text.partition(BEGIN.format(make.__name__))
            region, _, after = rest.partition(END)
            text = before + (without_ranks(region) if kind == "forms" else "") + after
        if kind == "any":
            text = text.replace("@overloaded_verb", "@verb")
            text = text.replace("import overloaded_verb", "import verb")
        path.write_text(text, encoding="utf-8")


def without_ranks(region: str) -> str:
    """Leave out the overloads for a number of axes, and those that shorten messages."""
    head, *items = re.split(r"(?m)^(?= *@overload$)", region)
    kept = [item for item in items if not re.search(r"Order\d|PickByLetter", item)]
    # A method has one overload left, which is none.
    if len(kept) == 1:
        return ""
    return head + "".join(kept)


def cpu_seconds(command: list[str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    # With a mistake in the project another thing would be measured.
    assert done.returncode == 0, done.stdout + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def command_of(checker: str, kind: str, place: Path) -> list[str]:
    """Return the command of a checker; the projects without overloads have no plug-in."""
    if checker.endswith("pyright"):
        return [sys.executable, "-m", checker, f"--pythonpath={sys.executable}"]
    # As installed packages are: their own mistakes are silent.
    settings = "[mypy]\nstrict = True\nfollow_imports = silent\n"
    if checker == "plug-in" and kind == "ranks":
        settings += "plugins = aicsio.mypy\n"
    (place / f"{checker}.ini").write_text(settings, encoding="utf-8")
    cache = os.devnull if checker == "cold" else f".cache-{checker}"
    command = [sys.executable, "-m", "mypy", f"--config-file={checker}.ini"]
    return [*command, f"--cache-dir={cache}"]


def measure(folder: Path, rounds: int, checkers: Sequence[str]) -> dict[tuple[str, str], float]:
    """Return the least time of each checker and kind; the first round fills the caches."""
    least: dict[tuple[str, str], float] = {}
    for change in range(rounds + 1):
        for checker, kind in itertools.product(checkers, KINDS):
            place = folder / kind
            if not place.exists():
                copy_package(place, kind)
            names = write_project(place, change)
            if not change and checker not in {"mypy", "plug-in"}:
                continue
            spent = cpu_seconds([*command_of(checker, kind, place), *names], place)
            if change:
                least[checker, kind] = min(spent, least.get((checker, kind), spent))
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--checkers", nargs="+", choices=CHECKERS, default=["mypy"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        least = measure(Path(folder), options.rounds, options.checkers)
    for checker, (kind, words) in itertools.product(options.checkers, KINDS.items()):
        ratio = least[checker, "ranks"] / least[checker, kind]
        print(f"{checker}, {words}: {least[checker, kind]:.2f} s, {ratio:.2f}x")


if __name__ == "__main__":
    main()
