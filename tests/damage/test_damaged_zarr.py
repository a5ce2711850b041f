"""Damaged OME-Zarr gives images or our errors, quickly and in little memory; what is whole stays equal.

``AICSIO_DAMAGED_VARIANTS=1000`` tries a thousand stores; without it 200.
"""

import collections
import itertools
import os
import random
import resource
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from aicsio import (
    AicsioError,
    ArgumentTypeError,
    ImageHandle,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio.labels import list_labels, select_label
from zarr_stores import Pixels, blobs
from zarr_stores.damage import DAMAGES, LEVELS, Hit
from zarr_stores.plainly import CHUNKS, KINDS, SHAPE, write_store

VARIANTS = int(os.environ.get("AICSIO_DAMAGED_VARIANTS", "200"))
SECONDS = 5.0
BYTES = 1 << 30
MOST_PIXELS = 1 << 22
WIDTHS = {"0": 35, "1": 18}
"""Columns of each level: they tell which one was opened."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, tuple[Pixels, ...]]]:
    folder = tmp_path_factory.mktemp("sound")
    paths = {kind: folder / f"{kind.replace(' ', '-')}.ome.zarr" for kind in KINDS}
    return {kind: (path, write_store(path, kind)) for kind, path in paths.items()}


def _shown_levels(handle: ImageHandle) -> Iterator[ImageHandle]:
    for index, scene in enumerate(handle.scenes):
        for level in range(len(scene.levels)):
            yield select_level(select_scene(handle, index), level)


def _read(chosen: ImageHandle) -> Pixels | None:
    """Read a level, or a corner of one that the damage made huge; ``None`` where that fails."""
    small = {letter: slice(0, max(1, min(n, 16))) for letter, n in chosen.dims.items()}
    huge = chosen.size > MOST_PIXELS
    try:
        return to_numpy(transpose_to(chosen, chosen.dims.order, **small) if huge else chosen)
    except ArgumentTypeError:
        raise  # inside the package it means that a record broke its own types
    except AicsioError:
        return None


def _windows(shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    counts = [range(-(-size // chunk)) for size, chunk in zip(shape, CHUNKS, strict=True)]
    for place in itertools.product(*counts):
        corner = [index * chunk for index, chunk in zip(place, CHUNKS, strict=True)]
        yield (
            place,
            tuple(slice(at, at + size) for at, size in zip(corner, CHUNKS, strict=True)),
        )


def _check_whole(handle: ImageHandle, hit: Hit, levels: tuple[Pixels, ...]) -> None:
    """What the damage did not touch has its pixels."""
    shown = {
        chosen.dims.X: chosen for chosen in _shown_levels(handle) if chosen.dims.order == "CZYX"
    }
    for path, expected in zip(("0", "1"), levels, strict=True):
        if path != hit.array:
            chosen = shown[WIDTHS[path]]
            assert np.array_equal(to_numpy(chosen), expected), f"level {path} after {hit.kind}"
        elif hit.place is not None:
            chosen = shown[WIDTHS[path]]
            for place, window in _windows(expected.shape):
                if place != hit.place:
                    found = to_numpy(
                        transpose_to(chosen, "CZYX", **dict(zip("CZYX", window, strict=True)))
                    )
                    assert np.array_equal(found, expected[window]), f"{place} after {hit.kind}"


def _read_labels(handle: ImageHandle, hit: Hit) -> list[Pixels | None]:
    """Read the labels; they are whole where the damage touched a level of the image alone."""
    try:
        names = list_labels(handle)
        parts = [_read(select_label(handle, name)) for name in names]
    except ArgumentTypeError:
        raise
    except AicsioError:
        names, parts = (), [None]
    if hit.array in LEVELS:
        assert names == ("nuclei",), f"no labels after {hit.kind}"
        expected = blobs((1, *SHAPE[1:]))
        assert all(part is not None and np.array_equal(part, expected) for part in parts)
    return parts


def _try(store: Path, hit: Hit, levels: tuple[Pixels, ...]) -> str:
    """Open and read a damaged store; name the outcome."""
    # Full resolution is what an image is: without its document there may be no image.
    may_be_refused = hit.array in {None, "0"} and hit.place is None
    try:
        handle = open_image(store)
    except ArgumentTypeError:
        raise
    except AicsioError as error:
        if not may_be_refused:
            raise AssertionError(f"{hit.kind} hides the image") from error
        return type(error).__name__
    parts = [_read(chosen) for chosen in _shown_levels(handle)]
    parts += _read_labels(handle, hit)
    if hit.array is not None and (hit.array != "0" or hit.place is not None):
        _check_whole(handle, hit, levels)
    return "part" if any(part is None for part in parts) else "image"


def test_damaged_stores_give_images_or_our_errors(
    tmp_path: Path, sound: dict[str, tuple[Path, tuple[Pixels, ...]]]
) -> None:
    rng = random.Random(12)
    with pytest.raises(AicsioError):
        open_image(b"no image")  # imports every format, which is no cost of the first store
    most_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held_before = psutil.Process().memory_info().rss
    tally: collections.Counter[str] = collections.Counter()
    for number in range(VARIANTS):
        path, levels = sound[KINDS[number % len(KINDS)]]
        store = tmp_path / "damaged.ome.zarr"
        shutil.copytree(path, store)
        hit = rng.choice(DAMAGES)(store, rng)
        start = time.process_time()  # other work on the machine does not count
        tally[_try(store, hit, levels)] += 1
        spent = time.process_time() - start
        assert spent < SECONDS, f"{spent:.1f} s for variant {number}: {hit.kind}"
        if store.is_dir():
            shutil.rmtree(store)
        else:
            store.unlink()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if most > most_before:  # else these stores took less than what this process had held before
        assert most * 1024 - held_before < BYTES
    refused = VARIANTS - tally["image"] - tally["part"]
    assert tally["image"] > VARIANTS // 10
    assert tally["part"] > VARIANTS // 10
    assert 0 < refused < VARIANTS // 2, tally
