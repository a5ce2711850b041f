"""A scene as the keys and values of an OME-Zarr: documents, coordinates, and chunks by the engine.

Rule kept here: a frozen record and functions of it. No file is open between two values, and no
value is kept: memory is that of the chunks that are being read.
"""

import functools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _engine
from aicsio._dims import views
from aicsio._io import readers
from aicsio._ome import ngff
from aicsio.records import LazyArray
from aicsio.references import documents
from aicsio.references.chunks import RegularGrid
from aicsio.references.image import ShownImage, ShownLevel
from aicsio.references.requested import LABEL_SOURCE

Index: TypeAlias = tuple[int, ...]

DOCUMENT = "zarr.json"
SAMPLE_BYTES = 4 << 20
"""Bytes of pixels read for the contrast of a channel, at most: 2 ms for raw pixels."""
PERCENTILES = (0.1, 99.9)
"""Few hot or dead pixels do not decide the contrast."""
MOST_COORDINATES = 1 << 20
"""Positions of an axis that are listed: 8 MiB. Longer axes have their transform alone."""
KEPT_CONTRASTS = 64
"""Images whose contrast is kept: viewers ask for the metadata of an image more than once."""


@attrs.frozen
class ServedArray:
    """An array of pixels, in chunks."""

    path: str
    """Path of the array in the store."""
    array: LazyArray
    """The pixels."""
    grid: RegularGrid
    """The chunks."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the dimensions."""
        return tuple(self.array.dims.order.lower())

    @property
    def chunk_nbytes(self) -> int:
        """Bytes of a chunk; all have the same."""
        nbytes = self.array.dtype.itemsize
        for size in self.grid.chunk:
            nbytes *= size
        return nbytes

    def parse_key(self, key: str) -> Index | None:
        """Return the index of the chunk of a key; ``None`` for every other key."""
        # Zarr 3, chunk key encoding "default": "c", then the numbers of the chunk.
        prefix = f"{self.path}/c/"
        if not key.startswith(prefix):
            return None
        numbers = key[len(prefix) :].split("/")
        # Only the spelling that Zarr has: "01", "+1" and "1_0" are numbers to Python alone.
        if any(not (n.isascii() and n.isdigit() and str(int(n)) == n) for n in numbers):
            return None
        index = tuple(map(int, numbers))
        if len(index) != len(self.grid.shape):
            return None
        inside = all(number < count for number, count in zip(index, self.grid.counts, strict=True))
        return index if inside else None

    def read_chunk(self, index: Index) -> npt.NDArray[Any]:
        """Return a chunk, zero where it sticks out of the array."""
        region = self.grid.region(index)
        picks: dict[str, object] = dict(zip(self.array.dims.order, region, strict=True))
        part = views.transpose(self.array, self.array.dims.order, picks)
        # Readers ask for many chunks at once: one thread each.
        with readers.session():
            pixels = _engine.read(part, 1)
        if pixels.shape != self.grid.chunk:
            whole = np.zeros(self.grid.chunk, pixels.dtype)
            whole[tuple(map(slice, pixels.shape))] = pixels
            pixels = whole
        return documents.as_little_endian(pixels)


@attrs.frozen
class StoreTree:
    """All keys of an image, and their values."""

    image: ShownImage
    """The scene."""
    arrays: tuple[ServedArray, ...]
    """One per level; those of labels follow."""
    documents: tuple[tuple[str, bytes], ...] = attrs.field(repr=False)
    """Keys and values that hold no pixels, but the document of the root."""
    measures_contrast: bool = True
    """Whether the contrast of channels is that of pixels, or the range of their type."""

    def read(self, key: str) -> bytes | memoryview | None:
        """Return the value of a key; ``None`` if there is no such key.

        Raises
        ------
        CorruptFileError, SourceError
            As by ``to_numpy``.
        """
        if key == DOCUMENT:
            return self._root()
        # A dozen documents: looking through them takes less than decoding any chunk.
        for name, value in self.documents:
            if name == key:
                return value
        array, index = self.find_chunk(key)
        if array is None or index is None:
            return None
        # The memory of the chunk itself: `bytes` would be a copy.
        return array.read_chunk(index).reshape(-1).view(np.uint8).data

    def _root(self) -> bytes:
        placed = ngff.place_attributes(self._attributes(), "0.5")
        return documents.encode(documents.group(_members(self.documents), placed))

    def members(self) -> dict[str, Any]:
        """Return the documents of all groups and arrays by path, ``""`` for the image's group."""
        root = documents.ome_group(self._attributes())
        return {"": root, **_members(self.documents)}

    def _attributes(self) -> ngff.Json:
        """Return the attributes of the image's group; contrast is read from the smallest level."""
        paths = tuple(array.path for array in self.arrays[: len(self.image.levels)])
        smallest = self.image.levels[-1].array
        if self.measures_contrast:
            windows = _contrasts(smallest)
        else:
            windows = (ngff.ContrastWindow.of_type(smallest.dtype),) * len(self.image.channels)
        return self.image.attributes(paths, windows)

    def find_chunk(self, key: str) -> tuple[ServedArray | None, Index | None]:
        """Return the array and the index of a chunk, or ``None`` twice."""
        for array in self.arrays:
            index = array.parse_key(key)
            if index is not None:
                return array, index
        return None, None

    def nbytes(self, key: str) -> int | None:
        """Return the length of a value without reading pixels; ``None`` if there is no such key."""
        array, _ = self.find_chunk(key)
        if array is not None:
            return array.chunk_nbytes
        value = self.read(key)
        return None if value is None else len(value)

    def has(self, key: str) -> bool:
        """Whether there is such a key."""
        if key == DOCUMENT or any(name == key for name, _ in self.documents):
            return True
        return self.find_chunk(key)[0] is not None

    def keys(self) -> Iterator[str]:
        """Yield all keys."""
        yield DOCUMENT
        for name, _ in self.documents:
            yield name
        for array in self.arrays:
            for index in array.grid.indices():
                yield f"{array.path}/c/{'/'.join(map(str, index))}"

    def children(self, prefix: str) -> Iterator[str]:
        """Yield the names right below a prefix, each once, in time that grows with their number."""
        path = prefix.strip("/")
        inside = f"{path}/" if path else ""
        names: dict[str, None] = {}
        if not path:
            names[DOCUMENT] = None
        for key, _ in self.documents:
            if key.startswith(inside):
                names[key[len(inside) :].partition("/")[0]] = None
        for array in self.arrays:
            names.update(dict.fromkeys(_chunk_folders(array, path)))
        yield from names


def _chunk_folders(array: ServedArray, path: str) -> Iterator[str]:
    """Yield the names of chunks and folders of chunks right below a path."""
    if path == array.path:
        yield "c"
        return
    if not path.startswith(f"{array.path}/c"):
        return
    numbers = path[len(array.path) + 2 :].strip("/")
    given = numbers.split("/") if numbers else []
    counts = array.grid.counts
    if len(given) >= len(counts):
        return
    for number, count in zip(given, counts, strict=False):
        if not (number.isascii() and number.isdigit() and int(number) < count):
            return
    yield from map(str, range(counts[len(given)]))


@attrs.frozen
class GriddedImage:
    """An image, and the chunks of its levels."""

    image: ShownImage
    """As ``image_of`` shows it."""
    grids: tuple[RegularGrid, ...]
    """Chunks of each level."""


def make_tree(
    gridded: GriddedImage,
    *,
    measure_contrast: bool,
    labels: Mapping[str, GriddedImage] | None = None,
) -> StoreTree:
    """Lay out an image as an OME-Zarr: one group per level, with the array and its coordinates.

    Parameters
    ----------
    gridded
        The image.
    measure_contrast
        Whether the document of the root shows the contrast of pixels, which it reads.
    labels
        Label images of it, by name.
    """
    values: dict[str, bytes] = {}
    arrays = _add_levels(values, "", gridded)
    if labels:
        values[f"labels/{DOCUMENT}"] = documents.encode(
            documents.ome_group({"labels": list(labels)})
        )
    for name, label in (labels or {}).items():
        path = f"labels/{name}"
        of_label = _add_levels(values, f"{path}/", label)
        inside = tuple(array.path.removeprefix(f"{path}/") for array in of_label)
        attributes = label.image.attributes(inside, ())
        attributes["image-label"] = LABEL_SOURCE
        values[f"{path}/{DOCUMENT}"] = documents.encode(documents.ome_group(attributes))
        arrays += of_label
    return StoreTree(gridded.image, tuple(arrays), tuple(values.items()), measure_contrast)


def _add_levels(values: dict[str, bytes], prefix: str, gridded: GriddedImage) -> list[ServedArray]:
    """Add the documents of all levels; return their arrays."""
    arrays: list[ServedArray] = []
    levels = zip(gridded.image.levels, gridded.grids, strict=True)
    for number, (level, grid) in enumerate(levels):
        group = f"{prefix}scale{number}"
        served = ServedArray(f"{group}/image", level.array, grid)
        members = {"image": documents.array(level.array.dtype, grid, served.names)}
        for name, document, chunk in _coordinates(gridded.image, level):
            members[name] = document
            values[f"{group}/{name}/c/0"] = chunk
        for name, document in members.items():
            values[f"{group}/{name}/{DOCUMENT}"] = documents.encode(document)
        values[f"{group}/{DOCUMENT}"] = documents.encode(documents.group(members))
        arrays.append(served)
    return arrays


def _coordinates(
    image: ShownImage, level: ShownLevel
) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """Yield one-dimensional arrays by which xarray labels the axes: name, document and chunk."""
    dims = level.array.dims
    units = {"T": "s", "Z": "um", "Y": "um", "X": "um"}
    known = ngff.known_spacings(image.pixel_size, image.time_step)
    for letter, size, transform in zip(dims, dims.shape, level.transforms, strict=True):
        name = letter.lower()
        if letter == "C":
            labels = documents.encode_texts(image.channel_labels())
            yield name, documents.texts(size, name), labels
        elif letter in known and size <= MOST_COORDINATES:
            grid = RegularGrid((size,), (size,))
            # NGFF: "If translation is given it MUST be listed after scale".
            values = transform.translation + transform.scale * np.arange(size)
            attributes = {"units": units[letter]}
            document = documents.array(values.dtype, grid, [name], attributes)
            yield name, document, documents.encode_numbers(values)


def _members(values: Iterable[tuple[str, bytes]]) -> dict[str, Any]:
    """Return the documents below the root by path, without their own members."""
    members: dict[str, Any] = {}
    for key, value in values:
        if key.endswith(f"/{DOCUMENT}"):
            document = json.loads(value)
            # Members of members are listed by the root itself.
            document.pop("consolidated_metadata", None)
            members[key.removesuffix(f"/{DOCUMENT}")] = document
    return members


# ---------------------------------------------------------------- contrast


@functools.lru_cache(maxsize=KEPT_CONTRASTS)
def _contrasts(array: LazyArray) -> tuple[ngff.ContrastWindow, ...]:
    """Read a plane of each channel."""
    return tuple(contrast_of(_sample(array, channel)) for channel in range(array.dims.get("C", 1)))


def _sample(array: LazyArray, channel: int) -> npt.NDArray[Any]:
    """Read the middle of the middle plane of one channel."""
    dims = array.dims
    picks: dict[str, object] = {letter: size // 2 for letter, size in dims.items()}
    picks["C"] = channel
    # The middle of a plane stands for it: edges are often empty.
    side = math.isqrt(SAMPLE_BYTES // array.dtype.itemsize)
    for letter in "YX":
        size = dims[letter]
        first = max(0, (size - side) // 2)
        picks[letter] = slice(first, min(first + side, size))
    picks = {letter: pick for letter, pick in picks.items() if letter in dims}
    with readers.session():
        return _engine.read(views.transpose(array, "YX", picks), 1)


def contrast_of(pixels: npt.NDArray[Any]) -> ngff.ContrastWindow:
    """Return the contrast of a channel from some of its pixels."""
    whole = ngff.ContrastWindow.of_type(pixels.dtype)
    if pixels.dtype.kind == "b":
        return whole
    values = np.abs(pixels) if pixels.dtype.kind == "c" else pixels
    # One NaN makes every percentile NaN, which is no JSON.
    finite = values[np.isfinite(values)]
    if not finite.size:
        return whole
    start, end = np.percentile(finite.astype(np.float64), PERCENTILES).tolist()
    if pixels.dtype.kind not in "iu":
        low, high = float(finite.min()), float(finite.max())
        # A flat picture still has a range that a viewer can draw.
        return ngff.ContrastWindow(low, max(high, low + 1), start, max(end, start + 1))
    start, end = math.floor(start), math.ceil(end)
    return ngff.ContrastWindow(whole.low, whole.high, start, max(end, start + 1))
