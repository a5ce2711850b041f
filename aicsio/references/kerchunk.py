"""``to_references``: an image as addresses of its chunks, for readers of kerchunk's JSON.

Rule kept here: no pixels are read or copied. An image that cannot be referenced is refused with all reasons,
so that no reader sees a part of an image for the whole.

Source of the format: https://fsspec.github.io/kerchunk/spec.html, version 1.
"""

from collections import Counter
from typing import Any, TypeAlias

import attrs

from aicsio._checks.words import count_of
from aicsio._io import urls
from aicsio._ome import ngff
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.records import ImageHandle, LazyArray, Source
from aicsio.references import coding, documents
from aicsio.references.chunks import RegularGrid
from aicsio.references.image import image_of
from aicsio.references.stored import StoredChunks, StoredCoding, find_chunks
from aicsio.steps import verb

__all__ = ["to_references"]

References: TypeAlias = dict[str, Any]


@verb
def to_references(
    handle: ImageHandle, /, *, levels: bool = False, base: str | None = None
) -> References:
    """Describe the array in focus as a Zarr whose chunks are byte ranges of the image's own files.

    Parameters
    ----------
    handle
        An opened image whose pixels lie in files. Without it, the call returns a step.
    levels
        Whether to describe the scene as an OME-Zarr 0.4 with all levels from the one in focus on
        (``scale0/image``, ``scale1/image``, ...), in the order TCZYX. By default there is one array
        ``image``, with the dims of the handle.
    base
        Address of the folder in which readers find the files, such as ``"s3://bucket/plate"``, in
        place of their own.

    Returns
    -------
    dict
        Version 1 of kerchunk's format: metadata of Zarr format 2, and ``[URL, offset, length]`` for
        each chunk. ``json.dumps`` makes it the file that fsspec's ``"reference"`` file system
        takes. Raw, zlib, zstd and LZMA chunks need no codec but those of zarr; LZW, PackBits,
        JPEG 2000, JPEG XL, JPEG XR, PNG and WebP ones need
        ``imagecodecs.numcodecs.register_codecs()`` in the reader, and all others aicsio, whose
        codec numcodecs finds by itself. There is no fill value: a 0 is a pixel. Chunks of which
        nothing is stored are missing, and read as 0.

    Raises
    ------
    UnsupportedFormatError
        When chunks are no byte ranges, all coded alike: the message counts the reasons.
    CorruptFileError
        When the header of a subblock is damaged, or the file ends before a chunk does.
    SourceError
        When headers cannot be read.
    DimensionError
        With ``levels``, when the image has a dimension that OME-Zarr has not.

    Notes
    -----
    CZI keeps a header in front of each subblock, whose length only the header gives: 80 bytes of
    each are read. References break when a file moves or changes.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, write_ome_tiff
    >>> from aicsio.references import to_references
    >>> report = write_ome_tiff(open_image(np.zeros((2, 4, 5)), dims="ZYX"), "a.ome.tiff")
    >>> sorted(to_references(open_image("a.ome.tiff"), base="s3://bucket")["refs"])[:3]
    ['.zattrs', '.zgroup', 'image/.zarray']
    """
    arrays: dict[str, LazyArray] = {"image": handle.array}
    attributes: ngff.Json = {}
    if levels:
        image = image_of(handle)
        paths = tuple(f"scale{number}/image" for number in range(len(image.levels)))
        arrays = {path: level.array for path, level in zip(paths, image.levels, strict=True)}
        # No pixels are read here, so the contrast is that of their type.
        windows = (ngff.ContrastWindow.of_type(handle.dtype),) * len(image.channels)
        attributes = ngff.place_attributes(image.attributes(paths, windows), "0.4")
    refs: References = dict(documents.group_v2(attributes))
    for path, array in arrays.items():
        group = path.rpartition("/")[0]
        # Zarr 2: a path is a group only if it has a `.zgroup`.
        if group:
            refs |= {f"{group}/{name}": text for name, text in documents.group_v2().items()}
        documents.require_data_type(array.dtype)
        names = list(array.dims.order.lower() if levels else array.dims.order)
        refs |= _array_references(path, array, names, base, handle.source)
    return {"version": 1, "refs": refs}


def _array_references(
    path: str, array: LazyArray, names: list[str], base: str | None, store: Source
) -> References:
    found = find_chunks(array)
    stored = _Coded.of(found)
    grid = stored.grid
    compressor = coding.compressor(stored.coding, stored.edge, grid.chunk, array.dtype)
    dtype = stored.coding.dtype
    # The codec converts to the type as shown, so `.zarray` declares that one.
    if compressor is not None and "astype" in compressor:
        dtype = array.dtype.newbyteorder("<")
    described = documents.array_v2(dtype, grid, names, compressor, None)
    refs: References = {f"{path}/{name}": text for name, text in described.items()}
    # One text a file: 100 000 copies of a long URL would take 10 MB.
    addresses: dict[Source, str] = {}
    sources: dict[str, Source] = {}
    for index in sorted(found.chunks):
        chunk = found.chunks[index]
        if chunk.source not in addresses:
            address = addresses[chunk.source] = _address(chunk.source, base, store)
            # With `base=` the folder is lost: two files of one name would become one.
            if sources.setdefault(address, chunk.source) != chunk.source:
                raise UnsupportedFormatError(f"two files would be {address}: leave out base=")
        if chunk.source.size is not None and chunk.offset + chunk.nbytes > chunk.source.size:
            message = f"expected {chunk.nbytes} bytes, the file ends at {chunk.source.size}"
            raise CorruptFileError.at(chunk.source.uri, chunk.offset, message)
        key = ".".join(map(str, index))
        refs[f"{path}/{key}"] = [addresses[chunk.source], chunk.offset, chunk.nbytes]
    return refs


@attrs.define
class _Coded:
    """The one coding of an array. Not a record: it lives for one export."""

    grid: RegularGrid
    """The chunks."""
    coding: StoredCoding
    """Of full chunks."""
    edge: tuple[int, ...] | None
    """Shape of the decoded last chunk where that is shorter."""

    @classmethod
    def of(cls, found: StoredChunks) -> "_Coded":
        """Find the coding that all chunks share.

        Raises
        ------
        UnsupportedFormatError
            When there is none.
        """
        reasons = found.reasons.copy()
        if found.grid is None:
            if not reasons:
                return cls._of_nothing(found)
            raise _refusal(found.array, reasons)
        full: dict[tuple[int, ...], StoredCoding] = {}
        edges: list[tuple[int, ...]] = []
        kinds = Counter[tuple[Any, ...]]()
        for each, count in found.codings.items():
            kinds[each.codecs, each.dtype] += count
            # The last strip of a plane is shorter, and has a shape of its own.
            if each.chunk_shape == found.grid.chunk:
                full[each.shape] = each
            elif each.shape not in edges:
                edges.append(each.shape)
        # Zarr format 2 has one compressor an array.
        if len(kinds) > 1:
            counts = ", ".join(str(count) for count in kinds.values())
            reasons[f"chunks are coded in {count_of(len(kinds), 'way')} ({counts} chunks)"] += 1
        if not reasons and (len(full) != 1 or len(edges) > 1):
            reasons["chunks decode to several shapes"] += 1
        if reasons:
            raise _refusal(found.array, reasons)
        (coding_of_all,) = full.values()
        return cls(found.grid, coding_of_all, next(iter(edges), None))

    @classmethod
    def _of_nothing(cls, found: StoredChunks) -> "_Coded":
        """Make one chunk of an array of which nothing is stored."""
        # A chunk has one position at least: the number of chunks is a quotient by its size.
        shape = tuple(max(size, 1) for size in found.array.shape)
        dtype = found.array.dtype.newbyteorder("<")
        grid = RegularGrid(found.array.shape, shape)
        return cls(grid, StoredCoding((), shape, dtype, tuple(range(len(shape)))), None)


def _refusal(array: LazyArray, reasons: Counter[str]) -> UnsupportedFormatError:
    advice = (
        "as_zarr_store(handle) serves any image by chunks, write_ome_zarr(handle, target) writes it"
    )
    if not _shows_whole_planes(array):
        advice = f"keep all of Y and X, and crop in the reader; or {advice}"
    lines = [f"{reason} ({count}x)" if count > 1 else reason for reason, count in reasons.items()]
    return UnsupportedFormatError(
        f"{array.dims} cannot be shown as references to stored chunks: {'; '.join(lines)}: {advice}"
    )


def _shows_whole_planes(array: LazyArray) -> bool:
    sizes = zip(array.stored, array.stored.shape, array.view.picks, strict=True)
    return all(pick == range(size) for letter, size, pick in sizes if letter in "YX")


def _address(source: Source, base: str | None, store: Source) -> str:
    """Return the address that readers open; files of a folder ``store`` keep their place in it.

    Raises
    ------
    UnsupportedFormatError
        When there is none, or it holds a password.
    """
    if source.content is not None:
        raise UnsupportedFormatError(
            "bytes in memory have no address: save them, and open the file by its name"
        )
    folder = source.uri.replace("\\", "/").rpartition("/")[0]
    # Chunks of a store lie in folders below it: they keep the path from its name on.
    if source.uri.startswith(f"{store.uri.rstrip('/')}/"):
        folder = store.uri.rstrip("/").rpartition("/")[0]
    name = source.uri.replace("\\", "/")[len(folder) + 1 :]
    if base is not None:
        return f"{base.rstrip('/')}/{name}"
    if source.local:
        return f"file://{source.uri}"
    # The records show no secrets: the address that was requested has more than theirs.
    if urls.requested_url(source) != source.uri:
        raise UnsupportedFormatError(
            f"the address of {source.uri} holds a password or a token, which references would show: "
            "give the folder without it as base=, and the reader its own credentials"
        )
    return source.uri
