"""Measures what the overloads cost: mypy's time on a project of 2 000 lines, with them and without.

``python tests/typing/cost.py --rounds 5`` checks both in turns and prints the least CPU time of each.

What a user waits for is measured: the packages below the project come from mypy's cache, its own
modules have changed. Without overloads, ``transpose_to`` is a plain verb whose order is a ``str``
and whose picks are ``Any``; ``pipe`` and ``compose`` take and return ``Any``.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import aicsio
from overloads import BEGIN, END, REGIONS

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


def copy_package(folder: Path, *, overloads: bool) -> None:
    """Copy the package, on request without the regions that ``overloads.py`` writes."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(aicsio.__file__).parent, folder / "aicsio", ignore=ignored)
    if overloads:
        return
    for name, makers in REGIONS.items():
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for make in makers:
            before, _, rest = text.partition(BEGIN.format(make.__name__))
            text = before + rest.partition(END)[2]
        text = text.replace("@overloaded_verb", "@verb")
        path.write_text(text.replace("import overloaded_verb", "import verb"), encoding="utf-8")


def cpu_seconds(command: list[str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    # With a mistake in the project another thing would be measured.
    assert done.returncode == 0, done.stdout + done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(folder: Path, rounds: int) -> dict[bool, float]:
    """Return the least time with overloads and without; the first round fills the caches."""
    least: dict[bool, float] = {}
    for change in range(rounds + 1):
        for overloads in (True, False):
            place = folder / f"overloads-{overloads}"
            if not change:
                copy_package(place, overloads=overloads)
            names = write_project(place, change)
            # As installed packages are: their own mistakes are silent.
            settings = ["--config-file=", "--strict", "--follow-imports=silent"]
            spent = cpu_seconds([sys.executable, "-m", "mypy", *settings, *names], place)
            if change:
                least[overloads] = min(spent, least.get(overloads, spent))
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        least = measure(Path(folder), options.rounds)
    print(f"with overloads {least[True]:.2f} s, without {least[False]:.2f} s: ", end="")
    print(f"{least[True] / least[False]:.2f}x")


if __name__ == "__main__":
    main()
