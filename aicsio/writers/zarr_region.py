"""``write_region``: pixels into a part of an OME-Zarr that exists, also from many processes.

Rule kept here: only whole files are written, each in one step, so writers of different regions need
no lock and never meet. A region that would cut a file, of any level, is refused with the nearest
one that does not.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import attrs
import numpy as np

from aicsio.errors import DimensionError, WriteError
from aicsio.records import ImageHandle
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb
from aicsio.writers._pixels.downsampling import POOLINGS, size_at
from aicsio.writers._zarr import growth, stream
from aicsio.writers._zarr.arrays import ArrayPlan
from aicsio.writers._zarr.codecs import codec_of_metadata
from aicsio.writers._zarr.plan import ImagePlan, in_store_order, tiles_of
from aicsio.writers._zarr.targets import existing_store
from aicsio.writers.ome_zarr import ZarrReport

__all__ = ["write_region"]


if TYPE_CHECKING:

    @overload
    def write_region(
        handle: ImageHandle,
        /,
        target: str | os.PathLike[str],
        *,
        image: str = "",
        grow: bool = False,
        storage_options: Mapping[str, Any] | None = None,
        workers: int | None = None,
        **region: int | slice | range,
    ) -> ZarrReport: ...
    @overload
    def write_region(
        target: str | os.PathLike[str],
        *,
        image: str = "",
        grow: bool = False,
        storage_options: Mapping[str, Any] | None = None,
        workers: int | None = None,
        **region: int | slice | range,
    ) -> Step[ZarrReport]: ...


@overloaded_verb
def write_region(
    handle: ImageHandle,
    /,
    target: str | os.PathLike[str],
    *,
    image: str = "",
    grow: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    workers: int | None = None,
    **region: int | slice | range,
) -> ZarrReport:
    """Write the pixels in focus into a part of an OME-Zarr that exists, at all of its levels.

    For an acquisition that goes on, and for many processes that write one image. Make the store
    first, of its full size: ``write_ome_zarr`` of zeros stores no pixels.

    Parameters
    ----------
    handle
        The pixels. Left out, the call returns a step.
    target
        Folder or URL of the store that ``write_ome_zarr`` made.
    image
        Path of the image in the store, such as ``"0"`` of several scenes or ``"A/1/0"`` of a plate.
    grow
        Whether the region may end behind the last position of T, or begin there: T then becomes
        longer, for an acquisition of unknown length. By one process at a time.
    storage_options
        Options of the file system of a URL.
    workers
        Number of threads.
    **region
        Positions by letter: an int, or a slice or range of step 1. A letter left out is the whole
        axis. The sizes must be those of the handle.

    Returns
    -------
    ZarrReport
        ``dims`` and ``nbytes`` are those of the region.

    Raises
    ------
    DimensionError
        When the region is not inside the image, or has other sizes than the handle.
    WriteError
        When there is no such store, the region would cut a chunk or shard of a level, or the pixels
        have another type.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from aicsio import open_image, write_ome_zarr, write_region
    >>> empty = open_image(np.zeros((3, 64, 64), np.uint8), dims="TYX")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_ome_zarr(empty, os.path.join(folder, "a.ome.zarr"), chunks=64, shards=64).path
    ...     frame = open_image(np.ones((64, 64), np.uint8))
    ...     write_region(frame, path, T=1).dims.T
    1
    """
    store = existing_store(target, storage_options)
    levels, pooling = _read_image(store, image)
    array = _with_axes(handle, levels[0])
    stored = levels
    if grow:
        levels = _lengthened(levels, array.dims.get("T", 1), region)
    starts = _starts(levels[0], array.shape, region)
    if array.dtype.newbyteorder("<") != levels[0].dtype:
        raise WriteError(
            f"the pixels are {array.dtype.name}, the store holds {levels[0].dtype.name}: convert "
            "them"
        )
    parts = [
        _part_of(number, level, levels[0], starts, array.shape)
        for number, level in enumerate(levels)
    ]
    tile, cell = tiles_of(levels[0].chunks, levels[0].file_shape)
    plan = ImagePlan(image, array, tuple(parts), tile, cell, pooling)
    stream.write_images([plan], store, workers=workers, progress=None)
    if levels[0].shape != stored[0].shape:
        growth.record_length(store, image, levels, levels[0].shape[levels[0].letters.index("T")])
    first = levels[0]
    return ZarrReport(
        path=store.name,
        nbytes=store.nbytes,
        dims=array.dims,
        dtype=first.dtype,
        levels=len(levels),
        chunks=first.chunks,
        shards=first.shards,
        not_kept=(),
        version="0.4" if first.zarr_format == 2 else "0.5",
    )


# ---------------------------------------------------------------- the store


def _read_image(store: Any, image: str) -> tuple[list[ArrayPlan], str]:
    """Read the arrays of an image, and how its levels are made.

    Raises
    ------
    WriteError
        When there is no image, or it has arrays that the writer does not make.
    """
    attributes = _attributes(store, image)
    multiscales = attributes.get("multiscales")
    if not multiscales:
        raise WriteError(
            f"{store.name!r} has no image {image!r}: make it with write_ome_zarr, or give image="
        )
    multiscale = multiscales[0]
    letters = "".join(axis["name"] for axis in multiscale["axes"]).upper()
    levels = [
        _read_array(store, f"{image}/{dataset['path']}".lstrip("/"), letters)
        for dataset in multiscale["datasets"]
    ]
    # Levels by another rule would differ on both sides of the region's edge.
    pooling = multiscale.get("type", "mean")
    if pooling not in POOLINGS or (len(levels) > 1 and not _are_halves(levels)):
        raise WriteError(
            f"{store.name!r} has levels of another writer: only levels that write_ome_zarr made "
            "are kept up"
        )
    return levels, pooling


def _attributes(store: Any, image: str) -> dict[str, Any]:
    prefix = f"{image}/" if image else ""
    document = store.get(f"{prefix}zarr.json")
    if document is not None:
        attributes: dict[str, Any] = json.loads(document).get("attributes", {}).get("ome", {})
        return attributes
    document = store.get(f"{prefix}.zattrs")
    return {} if document is None else dict(json.loads(document))


def _read_array(store: Any, path: str, letters: str) -> ArrayPlan:
    document = store.get(f"{path}/zarr.json")
    if document is not None:
        return _v3_array(json.loads(document), path, letters)
    document = store.get(f"{path}/.zarray")
    if document is None:
        raise WriteError(f"{store.name!r} has no array {path!r}")
    array = json.loads(document)
    dtype = np.dtype(array["dtype"])
    if array["order"] != "C" or array["filters"] or array.get("dimension_separator") != "/":
        raise WriteError(f"array {path!r} was made by another writer")
    codec = codec_of_metadata(array["compressor"], dtype)
    shape, chunks = tuple(array["shape"]), tuple(array["chunks"])
    return ArrayPlan(path, letters, shape, chunks, None, dtype, codec, 2)


def _v3_array(array: Mapping[str, Any], path: str, letters: str) -> ArrayPlan:
    dtype = np.dtype(array["data_type"]).newbyteorder("<")
    shape = tuple(array["shape"])
    chunks: tuple[int, ...] = tuple(array["chunk_grid"]["configuration"]["chunk_shape"])
    codecs, shards = array["codecs"], None
    if codecs[0]["name"] == "sharding_indexed":
        settings = codecs[0]["configuration"]
        shards, chunks, codecs = chunks, tuple(settings["chunk_shape"]), settings["codecs"]
        # Zarr v3 allows an index at the start as well; this writer makes none.
        if settings.get("index_location", "end") != "end":
            raise WriteError(f"array {path!r} was made by another writer")
    if array["chunk_key_encoding"]["name"] != "default" or codecs[0]["name"] != "bytes":
        raise WriteError(f"array {path!r} was made by another writer")
    codec = codec_of_metadata(codecs[1] if len(codecs) > 1 else None, dtype)
    return ArrayPlan(path, letters, shape, chunks, shards, dtype, codec, 3)


def _are_halves(levels: Sequence[ArrayPlan]) -> bool:
    full = levels[0].shape
    return all(
        level.shape == (*full[:-2], *(size_at(number, size) for size in full[-2:]))
        for number, level in enumerate(levels)
    )


# ---------------------------------------------------------------- the region


def _with_axes(handle: ImageHandle, full: ArrayPlan) -> Any:
    """Show the pixels with the axes of the store; axes that they lack get one position."""
    from aicsio._dims import views

    array = in_store_order(handle)
    extra = [letter for letter in array.dims if letter not in full.letters]
    if any(array.dims[letter] != 1 for letter in extra):
        raise DimensionError(f"the store has {full.letters}, the pixels have {array.dims}")
    return views.transpose(array, full.letters, {})


def _lengthened(
    levels: list[ArrayPlan], size: int, region: Mapping[str, int | slice | range]
) -> list[ArrayPlan]:
    """Return the levels with T long enough for the region.

    Raises
    ------
    DimensionError
        When the image has no T, or the region would leave a gap behind its last position.
    """
    letters = levels[0].letters
    part = region.get("T")
    if "T" not in letters or part is None:
        raise DimensionError(
            f"grow=True is for regions of T, such as T=5, of an image with T: it has {letters}"
        )
    axis = letters.index("T")
    whole = levels[0].shape[axis]
    # Positions are counted from the first one: behind the end, negative ones have no meaning.
    if isinstance(part, slice):
        start = whole if part.start is None else part.start
    else:
        start = part if isinstance(part, int) else part.start
    if start > whole:
        raise DimensionError(
            f"T={start} would leave a gap: T has {whole} positions, give T={whole}"
        )
    length = max(whole, start + size)
    return [
        attrs.evolve(level, shape=(*level.shape[:axis], length, *level.shape[axis + 1 :]))
        for level in levels
    ]


def _starts(
    full: ArrayPlan, shape: tuple[int, ...], region: Mapping[str, int | slice | range]
) -> tuple[int, ...]:
    """Return the first position of the region, per axis.

    Raises
    ------
    DimensionError
        When it is not inside the image, or has another size than the pixels.
    """
    unknown = [letter for letter in region if letter not in full.letters]
    if unknown:
        raise DimensionError(f"the image has no {', '.join(unknown)}: it has {full.letters}")
    starts = []
    for letter, whole, size in zip(full.letters, full.shape, shape, strict=True):
        start, stop = _bounds(region.get(letter, slice(None)), whole)
        if stop - start != size or not 0 <= start < stop <= whole:
            raise DimensionError(
                f"{letter}={start}:{stop} of {whole} is to be written with {size} positions: give "
                f"a region of this size, such as {letter}=slice({start}, {start + size})"
            )
        starts.append(start)
    return tuple(starts)


def _bounds(part: int | slice | range, whole: int) -> tuple[int, int]:
    if isinstance(part, int):
        start = part + whole if part < 0 else part
        return start, start + 1
    if isinstance(part, slice):
        start, stop, step = part.indices(whole)
    else:
        start, stop, step = part.start, part.stop, part.step
    if step != 1:
        raise DimensionError(f"a region has no steps: {part!r}")
    return start, stop


def _part_of(
    number: int,
    level: ArrayPlan,
    full: ArrayPlan,
    starts: tuple[int, ...],
    shape: tuple[int, ...],
) -> ArrayPlan:
    """Return the part of a level that the region covers, as an array of its own.

    Raises
    ------
    WriteError
        When the region would cut a file of the level.
    """
    first_files, sizes = [], []
    row = len(full.shape) - 2
    for axis, (start, size, file) in enumerate(zip(starts, shape, level.file_shape, strict=True)):
        # In the plane a file of level k covers 2**k times its size; other axes are not reduced.
        unit = file << number if axis >= row else file
        stop = start + size
        # The last file of an axis may be short: the image ends there.
        if start % unit or (stop % unit and stop != full.shape[axis]):
            low, high = start // unit * unit, min(math.ceil(stop / unit) * unit, full.shape[axis])
            letter = full.letters[axis]
            raise WriteError(
                f"{letter}={start}:{stop} would cut a file of level {number}, which holds {unit} "
                f"positions: write {letter}={low}:{high}, or make the store with smaller shards or "
                "fewer levels"
            )
        first_files.append(start // unit)
        sizes.append(size_at(number, size) if axis >= row else size)
    # Zeros are stored, too: the files that they replace may hold pixels.
    return attrs.evolve(level, shape=tuple(sizes), first_file=tuple(first_files), stores_empty=True)
