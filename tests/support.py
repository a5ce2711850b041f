"""Set-ups of several tests: real files, damage of bytes, calls of the command line, views. Nothing here is a test."""

import functools
import json
import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st

from aicsio import ImageHandle, to_dask, to_numpy, transpose_to
from aicsio.testing import laws
from aicsio.testing.model import transpose_array
from aicsio.testing.strategies import views
from marks import mostly_long as mostly_long  # noqa: PLC0414 - for the tests
from marks import takes_long as takes_long  # noqa: PLC0414 - for the tests

ROOT = Path(__file__).resolve().parent.parent
Damage = Callable[[bytearray, int, int, random.Random], None]
"""Changes bytes between two places of a file."""


def data_folder() -> Path | None:
    """The folder of real files, or None where this machine has none."""
    named = os.environ.get("AICSIO_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


def corpus_file(name: str) -> Path:
    """A real file by its path in the folder; skips the test where it is not there."""
    folder = data_folder()
    if folder is None:
        pytest.skip("no real files here: set AICSIO_TEST_DATA to their folder")
    path = folder / name
    if not path.exists():
        pytest.skip(f"{name} is not among the real files here")
    return path


def corpus_names(*folders: str) -> list[str]:
    """Paths of all files of some folders of the corpus, for parametrising; empty where there is no corpus."""
    root = data_folder()
    if root is None:
        return []
    found = (path for folder in folders for path in (root / folder).rglob("*") if path.is_file())
    return sorted(path.relative_to(root).as_posix() for path in found)


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by their path in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


@functools.cache
def facts(folder: str) -> dict[str, dict[str, Any]]:
    """What the independent reader says of each file of a folder, by path."""
    root = data_folder()
    if root is None:
        return {}
    lines = (root / "facts" / f"{folder}.jsonl").read_text(encoding="utf-8").splitlines()
    return {fact["file"]: fact for fact in map(json.loads, lines)}


def reads_whole_stk(path: Path) -> bool:
    """Whether the tifffile here decodes all of a MetaMorph stack: before 2025 it has a number for its properties."""
    import tifffile

    with tifffile.TiffFile(path) as tif:
        return not isinstance((tif.stk_metadata or {}).get("PlaneProperty"), int)


def flip_bytes(data: bytearray, low: int, high: int, rng: random.Random) -> None:
    """Overwrite one to eight single bytes."""
    for _ in range(rng.choice([1, 1, 2, 8])):
        data[rng.randrange(low, high)] = rng.randrange(256)


def cut_bytes(data: bytearray, low: int, high: int, rng: random.Random) -> None:
    """End the file at a place between the two."""
    del data[rng.randrange(low, high) :]


def wipe_bytes(data: bytearray, low: int, high: int, rng: random.Random) -> None:
    """Put zeros over up to 4096 bytes."""
    length = rng.choice([4, 16, 128, 4096])
    at = rng.randrange(low, high)
    data[at : at + length] = bytes(len(data[at : at + length]))


def check_a_view(image: ImageHandle, pixels: npt.NDArray[Any], data: st.DataObject) -> None:
    """Draw a view of an image: numpy, dask and a handle that was pickled show what the model shows.

    ``pixels`` are all of the image, in its order.
    """
    order, picks = data.draw(views(image.dims))
    expected = transpose_array(pixels, image.dims.order, order, **picks).tobytes()
    viewed = transpose_to(image, order, **picks)
    assert to_numpy(viewed).tobytes() == expected
    assert to_dask(viewed).compute(scheduler="sync").tobytes() == expected
    travelled = pickle.loads(pickle.dumps(viewed))
    assert travelled == viewed
    assert to_numpy(travelled).tobytes() == expected
    check_windows(viewed, data)


def check_windows(image: ImageHandle, data: st.DataObject) -> None:
    """Draw windows of an image, also beyond its edges and twice the same: they are crops of the whole."""
    if not image.shape or not image.array.size:
        return
    letters = st.lists(st.sampled_from(list(image.dims)), min_size=1, max_size=3, unique=True)
    along = "".join(data.draw(letters, label="along"))
    lengths = [image.dims[letter] for letter in along]
    size = [data.draw(st.integers(1, length + 2)) for length in lengths]
    first = st.tuples(*(st.integers(-2, length + 1) for length in lengths))
    starts = data.draw(st.lists(first, max_size=5), label="starts")
    laws.many_windows_are_crops(
        image, np.array(starts, np.int64).reshape(-1, len(along)), size, along
    )


def luminance_ratio(one: str, other: str) -> float:
    """Ratio of the luminance of two colours (WCAG 2.2, relative luminance)."""
    shades = []
    for color in (one, other):
        parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        shades.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
    return max(shades) / min(shades)
