"""Damaged OME-Zarr gives images or our errors, quickly and in little memory; what is whole stays equal.

``AICSIO_DAMAGED_VARIANTS=1000`` tries a thousand stores; without it 100.
"""

import collections
import itertools
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aicsio import (
    AicsioError,
    ImageHandle,
    open_image,
    to_numpy,
    transpose_to,
)
from aicsio.labels import list_labels, select_label
from limits import in_memory, in_time, our_errors, read_some, shown_levels, variant_count
from support import takes_long
from zarr_stores import Pixels, blobs
from zarr_stores.damage import DAMAGES, LEVELS, Hit
from zarr_stores.plainly import CHUNKS, KINDS, SHAPE, write_store

VARIANTS = variant_count(200)
WIDTHS = {"0": 35, "1": 18}
"""Columns of each level: they tell which one was opened."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, tuple[Pixels, ...]]]:
    folder = tmp_path_factory.mktemp("sound")
    paths = {kind: folder / f"{kind.replace(' ', '-')}.ome.zarr" for kind in KINDS}
    return {kind: (path, write_store(path, kind)) for kind, path in paths.items()}


def _read(chosen: ImageHandle) -> Pixels | None:
    """Read a level, or a corner of one that the damage made huge; ``None`` where that fails."""
    with our_errors():
        return read_some(chosen)
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
        chosen.dims.X: chosen for chosen in shown_levels(handle) if chosen.dims.order == "CZYX"
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
    names: tuple[str, ...] = ()
    parts: list[Pixels | None] = [None]
    with our_errors():
        names = list_labels(handle)
        parts = [_read(select_label(handle, name)) for name in names]
    if hit.array in LEVELS:
        assert names == ("nuclei",), f"no labels after {hit.kind}"
        expected = blobs((1, *SHAPE[1:]))
        assert all(part is not None and np.array_equal(part, expected) for part in parts)
    return parts


def _try(store: Path, hit: Hit, levels: tuple[Pixels, ...]) -> str:
    """Open and read a damaged store; name the outcome."""
    # Full resolution is what an image is: without its document there may be no image.
    may_be_refused = hit.array in {None, "0"} and hit.place is None
    with our_errors() as errors:
        handle = open_image(store)
    for error in errors:
        if not may_be_refused:
            raise AssertionError(f"{hit.kind} hides the image") from error
        return type(error).__name__
    parts = [_read(chosen) for chosen in shown_levels(handle)]
    parts += _read_labels(handle, hit)
    if hit.array is not None and (hit.array != "0" or hit.place is not None):
        _check_whole(handle, hit, levels)
    return "part" if any(part is None for part in parts) else "image"


@takes_long
def test_damaged_stores_give_images_or_our_errors(
    tmp_path: Path, sound: dict[str, tuple[Path, tuple[Pixels, ...]]]
) -> None:
    rng = random.Random(12)
    with pytest.raises(AicsioError):
        open_image(b"no image")  # imports every format, which is no cost of the first store
    tally: collections.Counter[str] = collections.Counter()
    with in_memory():
        for number in range(VARIANTS):
            path, levels = sound[KINDS[number % len(KINDS)]]
            store = tmp_path / "damaged.ome.zarr"
            shutil.copytree(path, store)
            hit = rng.choice(DAMAGES)(store, rng)
            with in_time(f"variant {number}: {hit.kind}"):
                tally[_try(store, hit, levels)] += 1
            if store.is_dir():
                shutil.rmtree(store)
            else:
                store.unlink()
    refused = VARIANTS - tally["image"] - tally["part"]
    assert tally["image"] > VARIANTS // 10
    assert tally["part"] > VARIANTS // 10
    assert 0 < refused < VARIANTS // 2, tally
