"""``convert --verify``: the target is read again and compared with its source, plane by plane.

Rule kept here: source and target are both read through ``open_image``; the pixels that the writer
had in its hands are not trusted. One plane of each is in memory at a time.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from aicsio._checks.words import count_of
from aicsio.arrays import to_numpy
from aicsio.errors import WriteError
from aicsio.opening import open_image
from aicsio.records import ImageHandle
from aicsio.steps import select_scene, transpose_to

_MOST_NAMED = 3
"""Planes that a message names; of the others it gives the number."""


def verify_target(parts: Sequence[ImageHandle], target: str, *, lossy: bool) -> str:
    """Compare a written file with the images that it was written from.

    Parameters
    ----------
    parts
        The images, as they were given to the writer.
    target
        The file or store.
    lossy
        Whether the compression changes pixels: planes are then read, but not compared.

    Returns
    -------
    str
        A few words for the summary, such as ``"180 planes verified"``.

    Raises
    ------
    WriteError
        When a plane differs, or the sizes do.
    """
    written = open_image(target)
    if len(written.scenes) != len(parts):
        raise WriteError(
            f"{target!r} shows {count_of(len(written.scenes), 'scene')}, not the {len(parts)} that were written"
        )
    count = 0
    different = []
    for index, part in enumerate(parts):
        scene = select_scene(written, index)
        for name, source, copy in _pairs(part, scene, target):
            count += 1
            stored, expected = to_numpy(copy), to_numpy(source)
            if not lossy and not _equal(stored, expected):
                different.append(f"scene {index} {name}".rstrip())
    if different:
        named = ", ".join(different[:_MOST_NAMED])
        raise WriteError(
            f"{target!r}: {count_of(len(different), 'plane', 'differ', total=count)}: {named}"
        )
    return f"{count_of(count, 'plane')} {'read back' if lossy else 'verified'}"


def _equal(stored: np.ndarray, expected: np.ndarray) -> bool:
    if stored.shape != expected.shape:
        return False
    has_nan = expected.dtype.kind in "fc"
    return np.array_equal(stored, expected.astype(stored.dtype), equal_nan=has_nan)


def _pairs(
    part: ImageHandle, scene: ImageHandle, target: str
) -> Iterator[tuple[str, ImageHandle, ImageHandle]]:
    """Yield each plane: its name, in the source, in the target."""
    part, scene = _with_same_samples(part, scene)
    source, copy = dict(part.dims.items()), dict(scene.dims.items())
    for letter in source.keys() | copy.keys():
        if source.get(letter, 1) != copy.get(letter, 1):
            raise WriteError(f"{target!r} shows {scene.dims}, and {part.dims} were written")
    inside = "YXS" if "S" in source and source["S"] > 1 else "YX"
    outer = [letter for letter in source if letter not in "YXS"]
    for position in itertools.product(*(range(source[letter]) for letter in outer)):
        picks = dict(zip(outer, position, strict=True))
        shared = {letter: index for letter, index in picks.items() if letter in copy}
        others = {letter: 0 for letter in copy if letter not in {*picks, *inside}}
        name = " ".join(f"{letter}={index}" for letter, index in picks.items())
        yield (
            name,
            transpose_to(part, inside, **picks),
            transpose_to(scene, inside, **shared, **others),
        )


def _with_same_samples(part: ImageHandle, scene: ImageHandle) -> tuple[ImageHandle, ImageHandle]:
    """Show samples of a pixel as the channels that OME-Zarr makes of them."""
    if part.dims.get("S", 1) == 1 or "S" in scene.dims:
        return part, scene
    import attrs

    from aicsio.writers._zarr.plan import in_store_order

    return attrs.evolve(part, array=in_store_order(part)), scene
