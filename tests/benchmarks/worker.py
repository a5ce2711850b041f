"""Runs the cases of a comparison of two trees, in a process that has one of them on its path.

Rule kept here: only names that both trees have. Each line of the input names a case, a file and a
number of calls; the answer is the seconds of one call by the wall's clock and by the processor's.
"""

import gc
import json
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import aicsio
from aicsio import open_image, to_dask, to_numpy, transpose_to, write_ome_tiff

WINDOW = slice(100, 164)
"""Rows and columns of a window."""

Call = Callable[[], object]


def reading(path: Path) -> dict[str, Callable[[], Call]]:
    """Make the cases that a file offers, each behind a function that prepares it."""

    def plane(handle: Any) -> Any:
        picks = {letter: size // 2 for letter, size in zip(*_leading(handle), strict=True)}
        return transpose_to(handle, "YX", **picks)

    def of_handle(case: Callable[[Any], object]) -> Callable[[], Call]:
        def prepare() -> Call:
            handle = open_image(path)
            return lambda: case(handle)

        return prepare

    def loads() -> Call:
        text = pickle.dumps(open_image(path))
        return lambda: pickle.loads(text)

    return {
        "open": lambda: lambda: open_image(path),
        "dumps": of_handle(pickle.dumps),
        "loads": loads,
        "plane": of_handle(lambda handle: to_numpy(plane(handle))),
        "plane, open": lambda: lambda: to_numpy(plane(open_image(path))),
        "window": of_handle(
            lambda handle: to_numpy(transpose_to(plane(handle), "YX", Y=WINDOW, X=WINDOW))
        ),
        "graph": of_handle(lambda handle: dict(to_dask(handle, chunks="YX").dask)),
        "read": of_handle(to_numpy),
        "dask": of_handle(lambda handle: to_dask(handle).compute()),
    }


def writing(folder: Path) -> dict[str, Callable[[], Call]]:
    """Make the cases of writing."""
    rng = np.random.default_rng(7)
    planes, size = map(int, sys.argv[2:])
    large = open_image(rng.poisson(100, (planes, size, size)).astype(np.uint16), dims="ZYX")
    small = open_image(np.zeros((2, 3, 64, 64), np.uint16), dims="CZYX")
    target = folder / f"written-{sys.argv[1]}.ome.tif"

    def case(handle: Any, **options: Any) -> Callable[[], Call]:
        def write() -> None:
            target.unlink(missing_ok=True)
            write_ome_tiff(handle, target, sync=False, **options)

        return lambda: write

    return {
        "small": case(small),
        "raw": case(large, compression=None),
        "zlib": case(large, compression="zlib", tile=256),
        "pyramid": case(large, compression=None, tile=256, levels=3),
    }


def _leading(handle: Any) -> tuple[str, tuple[int, ...]]:
    order, shape = handle.dims.order, handle.dims.shape
    pairs = [
        (letter, size) for letter, size in zip(order, shape, strict=True) if letter not in "YX"
    ]
    return "".join(letter for letter, _ in pairs), tuple(size for _, size in pairs)


def answer(question: dict[str, Any], prepared: dict[tuple[str, str], Call]) -> dict[str, Any]:
    """Run one case, or return an amount."""
    case, name, path = question["case"], question["file"], Path(question["path"])
    if case == "pickle size":
        return {"bytes": len(pickle.dumps(open_image(path)))}
    if (case, name) not in prepared:
        makers = writing(path) if name == "write" else reading(path)
        prepared.clear()  # one file's handle at a time
        prepared[case, name] = makers[case]()
        prepared[case, name]()
    call, calls = prepared[case, name], question["calls"]
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall": wall / calls, "cpu": cpu / calls}


def main() -> None:
    """Answer until the input ends."""
    prepared: dict[tuple[str, str], Call] = {}
    print(json.dumps({"tree": str(Path(aicsio.__file__).parent.parent)}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), prepared)), flush=True)


if __name__ == "__main__":
    main()
