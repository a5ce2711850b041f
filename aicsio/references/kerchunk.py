"""``to_references``: an image as addresses of its chunks, for readers of kerchunk's JSON.

Rule kept here: no pixels are read or copied. An image that cannot be referenced is refused with all reasons,
so that no reader sees a part of an image for the whole.

Source of the format: https://fsspec.github.io/kerchunk/spec.html, version 1.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias, overload

import attrs

from aicsio._checks.words import count_of
from aicsio._io import urls
from aicsio._metadata import ome_xml
from aicsio._ome import ngff
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.records import ImageHandle, LazyArray, Source
from aicsio.references import coding, collection, documents
from aicsio.references.chunks import RegularGrid
from aicsio.references.image import ShownImage, image_of
from aicsio.references.requested import LABEL_SOURCE, require_label, stored_scenes
from aicsio.references.stored import StoredChunks, StoredCoding, find_chunks
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["to_references"]

References: TypeAlias = dict[str, Any]


if TYPE_CHECKING:

    @overload
    def to_references(
        handle: ImageHandle,
        /,
        *,
        scenes: Sequence[SupportsIndex | str] | Literal["all"] | None = None,
        labels: Mapping[str, ImageHandle] | None = None,
        levels: bool = False,
        base: str | None = None,
    ) -> References: ...
    @overload
    def to_references(
        *,
        scenes: Sequence[SupportsIndex | str] | Literal["all"] | None = None,
        labels: Mapping[str, ImageHandle] | None = None,
        levels: bool = False,
        base: str | None = None,
    ) -> Step[References]: ...


@overloaded_verb
def to_references(
    handle: ImageHandle,
    /,
    *,
    scenes: Sequence[SupportsIndex | str] | Literal["all"] | None = None,
    labels: Mapping[str, ImageHandle] | None = None,
    levels: bool = False,
    base: str | None = None,
) -> References:
    """Describe the array in focus as a Zarr whose chunks are byte ranges of the image's own files.

    Parameters
    ----------
    handle
        An opened image whose pixels lie in files. Without it, the call returns a step.
    scenes
        As in ``as_zarr_store``: several scenes, each as an OME-Zarr 0.4 in the groups ``0``, ``1``,
        ..., in the layout of bioformats2raw. Their levels are described.
    labels
        As in ``as_zarr_store``, for one scene; the levels that image and labels both have are
        described.
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
        With ``levels``, when the image has a dimension that OME-Zarr has not; when ``scenes`` or
        ``labels`` do not fit the handle.
    SceneError
        When a requested scene does not exist.

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
    if scenes is not None:
        return {"version": 1, "refs": _collection(handle, scenes, labels, base)}
    if levels or labels:
        return {"version": 1, "refs": _with_labels(handle, labels or {}, base)}
    documents.require_data_type(handle.dtype)
    refs = dict(documents.group_v2())
    refs |= _array_references("image", handle.array, list(handle.dims.order), base, handle.source)
    return {"version": 1, "refs": refs}


def _collection(
    handle: ImageHandle,
    scenes: Sequence[SupportsIndex | str] | Literal["all"],
    labels: Mapping[str, ImageHandle] | None,
    base: str | None,
) -> References:
    """Describe several scenes, and the list of them."""
    handles = stored_scenes(handle, scenes, labels)
    series = [str(number) for number in range(len(handles))]
    refs = _group("", {"bioformats2raw.layout": collection.LAYOUT})
    refs |= _group("OME", {"series": series})
    if collection.are_all(handles):
        # Times and positions of planes would be a read a plane.
        refs["OME/METADATA.ome.xml"] = ome_xml(handle, planes=False).text
    for path, each in zip(series, handles, strict=True):
        refs |= _image_references(path, each, image_of(each), base)
    return refs


def _with_labels(
    handle: ImageHandle, labels: Mapping[str, ImageHandle], base: str | None
) -> References:
    """Describe an image and its labels."""
    images = {"": image_of(handle)}
    for name, label in labels.items():
        require_label(name, label, handle)
        images[name] = image_of(label)
    # NGFF: labels have as many levels as their image. References make none.
    count = min(len(image.levels) for image in images.values())
    for name, image in images.items():
        images[name] = attrs.evolve(image, levels=image.levels[:count])
    refs = _image_references("", handle, images.pop(""), base)
    if labels:
        refs |= _group("labels", {"labels": list(labels)})
    for name, image in images.items():
        refs |= _image_references(f"labels/{name}", labels[name], image, base, is_label=True)
    return refs


def _image_references(
    path: str, handle: ImageHandle, image: ShownImage, base: str | None, *, is_label: bool = False
) -> References:
    """Describe an image with its levels as a group."""
    names = tuple(f"scale{number}/image" for number in range(len(image.levels)))
    # No pixels are read here, so the contrast is that of their type.
    windows = () if is_label else (ngff.ContrastWindow.of_type(handle.dtype),) * len(image.channels)
    attributes = image.attributes(names, windows)
    if is_label:
        attributes["image-label"] = LABEL_SOURCE
    refs = _group(path, attributes)
    prefix = f"{path}/" if path else ""
    for name, level in zip(names, image.levels, strict=True):
        # Zarr 2: a path is a group only if it has a `.zgroup`.
        refs |= _group(prefix + name.partition("/")[0], {})
        documents.require_data_type(level.array.dtype)
        letters = list(level.array.dims.order.lower())
        refs |= _array_references(prefix + name, level.array, letters, base, handle.source)
    return refs


def _group(path: str, attributes: ngff.Json) -> References:
    placed = ngff.place_attributes(attributes, "0.4") if attributes else {}
    prefix = f"{path}/" if path else ""
    return {f"{prefix}{name}": text for name, text in documents.group_v2(placed).items()}


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
        # Zarr 2 joins the index of a chunk by dots.
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
    # ``base`` takes the place of this folder.
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
