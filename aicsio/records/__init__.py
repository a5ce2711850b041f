"""The frozen records that everything else speaks in, and the one seam: the Layout protocol.

Rule kept here: a record holds only str, int, float, bytes, None, range, numpy dtypes, tuples of these, or other
records. So each one is immutable, hashes, compares by value and pickles; none holds an open file, a lock, an
ndarray or a parsed document. Columns of numbers (plane times, tile positions) are ``bytes``, read by ``np.frombuffer``.
"""

import importlib
import itertools
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast, overload, runtime_checkable

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.errors import DimensionError, SceneError

DType: TypeAlias = np.dtype[Any]
Pick: TypeAlias = int | range | tuple[int, ...]
if TYPE_CHECKING:
    Value: TypeAlias = "str | int | float | bool | bytes | range | tuple[Value, ...] | None"
else:
    # beartype does not follow an alias into itself.
    Value = str | int | float | bool | bytes | range | tuple[Any, ...] | None


@attrs.frozen(cache_hash=True)
class Source:
    """Where the bytes are, and how to tell that they are still the same bytes."""

    uri: str
    """Absolute local path, fsspec URL, or ``memory:<digest>`` for bytes that the caller handed over."""
    storage_options: str = attrs.field(default="{}", repr=False)
    """JSON object for fsspec (may hold credentials, so it is not shown)."""
    size: int | None = None
    """Length in bytes; ``None`` where a server does not tell."""
    fingerprint: str | None = None
    """What changes when the content does: mtime in nanoseconds, ETag or checksum; ``None`` where nothing tells."""
    content: bytes | None = attrs.field(default=None, repr=False)
    """The bytes themselves when the caller handed them over, else ``None``."""
    local: bool = True
    """Whether ``uri`` is a path of this machine's file system."""


@attrs.frozen
class Dims:
    """Letters and sizes, in order: ``Dims("CZYX", (2, 5, 64, 64))``.

    Sizes are attributes and items (``dims.X``, ``dims["X"]``, ``dims["Z", "Y"]``); it iterates over its letters.
    """

    order: str
    """One capital letter an axis, slowest first."""
    shape: tuple[int, ...]
    """Size of each axis, in pixels or positions."""

    def __attrs_post_init__(self) -> None:
        if len(self.order) != len(self.shape):
            raise DimensionError(
                f"{len(self.order)} letters {self.order!r} for {len(self.shape)} sizes {self.shape}"
            )
        if len(set(self.order)) != len(self.order):
            raise DimensionError(f"{self.order!r} names a dimension twice")

    @overload
    def __getitem__(self, key: str, /) -> int: ...
    @overload
    def __getitem__(self, key: tuple[str, ...], /) -> tuple[int, ...]: ...
    def __getitem__(self, key: str | tuple[str, ...], /) -> int | tuple[int, ...]:
        if isinstance(key, tuple):
            return tuple(self[letter] for letter in key)
        if len(key) != 1 or key not in self.order:
            raise DimensionError(f"no dimension {key!r} here; there are {self._listing()}")
        return self.shape[self.order.index(key)]

    def __contains__(self, letter: object) -> bool:
        return isinstance(letter, str) and len(letter) == 1 and letter in self.order

    def __iter__(self) -> Iterator[str]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)

    def get(self, letter: str, default: int) -> int:
        """Size of a dimension, or ``default`` where there is none."""
        return self.shape[self.order.index(letter)] if letter in self else default

    def items(self) -> tuple[tuple[str, int], ...]:
        """Pairs of letter and size, in order."""
        return tuple(zip(self.order, self.shape, strict=True))

    def __str__(self) -> str:
        return self._listing()

    def _listing(self) -> str:
        return ", ".join(f"{letter}={size}" for letter, size in self.items()) or "no dimensions"

    if TYPE_CHECKING:
        # A bare __getattr__ would make every misspelt attribute an int in the eyes of a type checker.
        @property
        def T(self) -> int: ...
        @property
        def C(self) -> int: ...
        @property
        def Z(self) -> int: ...
        @property
        def Y(self) -> int: ...
        @property
        def X(self) -> int: ...
        @property
        def S(self) -> int: ...
        @property
        def M(self) -> int: ...
        @property
        def H(self) -> int: ...
        @property
        def I(self) -> int: ...  # noqa: E743 - the letter that Zeiss gives to illuminations
        @property
        def V(self) -> int: ...
        @property
        def R(self) -> int: ...
        @property
        def B(self) -> int: ...

    else:

        def __getattr__(self, name: str) -> int:
            if len(name) == 1 and name.isascii() and name.isupper():
                if name in self.order:
                    return self.shape[self.order.index(name)]
                raise AttributeError(f"no dimension {name!r} here; there are {self._listing()}")
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


@attrs.frozen
class Codec:
    """One step from stored bytes to pixels: a name in the table of ``_codecs`` and its parameters."""

    name: str
    """Key of the codec table, such as ``"deflate"``."""
    parameters: tuple[tuple[str, Value], ...] = ()
    """Keyword parameters of the codec, sorted as the format gives them."""


@attrs.frozen
class HeaderRef:
    """A header in front of some pixels, whose length only the header itself tells."""

    header: str
    """Name in the table of headers of ``_codecs``."""
    offset: int
    """Byte offset of the header."""
    nbytes: int
    """Bytes from there to the end of the pixels, or beyond: what to fetch where a request costs more than bytes."""


@attrs.frozen
class Strided:
    """Pixels that lie raw in the source.

    ``shape``, ``strides``, ``crop``, ``extent`` and ``place`` have the rank of the stored dims.
    """

    source: Source
    """Where the bytes are."""
    offset: int
    """Byte offset of element ``(0, 0, ...)``; with negative strides not the lowest byte touched."""
    shape: tuple[int, ...]
    """Shape of the stored array that ``crop`` cuts from."""
    strides: tuple[int, ...]
    """Bytes from one position to the next, per axis; may be negative."""
    dtype: DType
    """Stored type, with its byte order."""
    crop: tuple[int, ...]
    """First position that is wanted, per axis."""
    extent: tuple[int, ...]
    """How many positions are wanted, per axis."""
    place: tuple[int, ...]
    """Where the first of them goes, relative to the window asked for."""
    behind: HeaderRef | None = None
    """Header that the pixels lie behind; ``offset`` then counts from the first byte after it."""


@attrs.frozen
class Encoded:
    """Pixels that come out of a run of bytes through a chain of codecs."""

    source: Source
    """Where the bytes are."""
    offset: int
    """Byte offset of the run."""
    nbytes: int
    """Length of the run in bytes; with ``behind``, the header tells."""
    codecs: tuple[Codec, ...]
    """Applied in order; none means that the bytes are the pixels."""
    shape: tuple[int, ...]
    """Shape of the decoded array, with the rank of the stored dims."""
    dtype: DType
    """Type of the decoded array, with its byte order."""
    crop: tuple[int, ...]
    """First position that is wanted, per axis."""
    extent: tuple[int, ...]
    """How many positions are wanted, per axis."""
    place: tuple[int, ...]
    """Where the first of them goes, relative to the window asked for."""
    behind: HeaderRef | None = None
    """Header that the pixels lie behind; ``offset`` then counts from the first byte after it."""


@attrs.frozen
class Computed:
    """Pixels that a function returns, for libraries that read files in their own way."""

    function: str
    """``"package.module:name"`` of a function of this package or of a registered format."""
    arguments: tuple[Any, ...]
    """Hashable positional arguments."""
    shape: tuple[int, ...]
    """Shape of the array that comes back, with the rank of the stored dims."""
    dtype: DType
    """Type of the array that comes back."""
    crop: tuple[int, ...]
    """First position that is wanted, per axis."""
    extent: tuple[int, ...]
    """How many positions are wanted, per axis."""
    place: tuple[int, ...]
    """Where the first of them goes, relative to the window asked for."""


Piece: TypeAlias = Strided | Encoded | Computed


@runtime_checkable
class Layout(Protocol):
    """A frozen record that says, without any I/O, which pieces hold the window of a stored block.

    The stored array is cut into a regular grid of blocks; the last block of an axis may be shorter. What lies in no
    piece is zero. A later piece of a block covers an earlier one.
    """

    @property
    def block_shape(self) -> tuple[int, ...]:
        """Size of a block along each stored axis."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterable[Piece]:
        """Pieces for ``window`` (unit step, relative to the block) of the block at grid index ``block``."""


@attrs.frozen
class View:
    """Which stored positions, in which order."""

    letters: str
    """Letters of the output axes."""
    axes: tuple[int, ...]
    """Stored axis of each output axis; -1 for an added axis of length 1."""
    picks: tuple[Pick, ...]
    """What is taken of each stored axis: an int drops it, a range or a tuple of ints keeps these positions."""


@attrs.frozen
class LazyArray:
    """Pixels that have not been read: a layout, its stored dims, a type, and a view."""

    layout: Layout
    """Which pieces hold which window."""
    stored: Dims
    """Letters and sizes as in the file."""
    dtype: DType
    """Type of the pixels once read, in native byte order."""
    view: View
    """Which stored positions, in which order."""

    @classmethod
    def whole(cls, layout: Layout, stored: Dims, dtype: npt.DTypeLike) -> "LazyArray":
        """Make the array that shows everything stored, in stored order."""
        picks = tuple(range(size) for size in stored.shape)
        view = View(stored.order, tuple(range(len(stored))), picks)
        return cls(layout, stored, np.dtype(dtype).newbyteorder("="), view)

    @property
    def blocks(self) -> tuple[range, ...]:
        """First positions of the stored blocks, per stored axis."""
        return tuple(
            range(0, n, max(b, 1))
            for n, b in zip(self.stored.shape, self.layout.block_shape, strict=True)
        )

    @property
    def dims(self) -> Dims:
        """Letters and sizes as seen through the view."""
        return Dims(self.view.letters, self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each axis."""
        picks = self.view.picks
        return tuple(1 if axis < 0 else len(cast("range", picks[axis])) for axis in self.view.axes)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.view.axes)

    @property
    def size(self) -> int:
        """Number of pixels (a Python int: it does not overflow)."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the array once read."""
        return self.size * self.dtype.itemsize

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        # Reading lives on a higher floor than the records; numpy's protocol wants the method here.
        if copy is False:
            raise ValueError("pixels are read into a new array: leave out copy=False")
        read = importlib.import_module("aicsio.arrays").read_array
        pixels = cast("npt.NDArray[Any]", read(self))
        return pixels if dtype is None else pixels.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"<LazyArray {self.dims} {self.dtype}>"


@attrs.frozen
class PixelSize:
    """Physical size of a pixel in micrometres; ``None`` where the file does not say. Unpacks as Z, Y, X."""

    Z: float | None = None
    """Distance between sections."""
    Y: float | None = None
    """Height."""
    X: float | None = None
    """Width."""

    def __iter__(self) -> Iterator[float | None]:
        return iter((self.Z, self.Y, self.X))


@attrs.frozen
class Channel:
    """What the file says of one channel."""

    name: str | None = None
    """As the file names it; ``None`` where it does not."""
    color: int | None = None
    """0xRRGGBBAA, unsigned; ``None`` where the file gives none."""
    emission: float | None = None
    """Emission wavelength in nanometres."""
    excitation: float | None = None
    """Excitation wavelength in nanometres."""
    fluor: str | None = None
    """Fluorophore or dye."""
    samples: int = 1
    """Samples of one pixel: 3 for RGB, 4 for RGBA."""


@attrs.frozen
class Objective:
    """The lens, as far as the file describes it."""

    name: str | None = None
    """Model or manufacturer's name."""
    magnification: float | None = None
    """Nominal magnification."""
    aperture: float | None = None
    """Numerical aperture."""
    immersion: str | None = None
    """Medium, as the file names it."""


@attrs.frozen
class Planes:
    """Per-plane facts in columns: little-endian float64, one value a plane, NaN where the file does not say."""

    dims: Dims
    """Letters and sizes of the planes, such as ``TCZ``; the columns are in C order over them."""
    time: bytes | None = None
    """Seconds since the start of the acquisition."""
    exposure: bytes | None = None
    """Exposure time in seconds."""
    x: bytes | None = None
    """Stage position in micrometres."""
    y: bytes | None = None
    """Stage position in micrometres."""
    z: bytes | None = None
    """Stage or focus position in micrometres."""

    def column(self, name: str) -> npt.NDArray[np.float64] | None:
        """Return one column in the shape of ``dims``, or ``None`` where the file has no such facts."""
        raw: bytes | None = getattr(self, name)
        return None if raw is None else np.frombuffer(raw, "<f8").reshape(self.dims.shape)


@attrs.frozen
class Tiles:
    """Mosaic tiles in columns: little-endian, one value a tile, in the order of M."""

    m: bytes
    """int32: mosaic index."""
    y: bytes
    """int32: first row on the level-0 canvas."""
    x: bytes
    """int32: first column on the level-0 canvas."""
    height: bytes
    """int32: rows."""
    width: bytes
    """int32: columns."""
    stage_x: bytes | None = None
    """float64: stage position in micrometres."""
    stage_y: bytes | None = None
    """float64: stage position in micrometres."""

    def __len__(self) -> int:
        return len(self.m) // 4


@attrs.frozen
class Coordinate:
    """Coordinates along one axis that are not a plain multiple of a pixel size (wavelengths, angles, times)."""

    letter: str
    """Axis."""
    values: tuple[float, ...]
    """One value a stored position."""
    unit: str | None = None
    """Such as ``"nm"`` or ``"s"``."""


@attrs.frozen
class Scene:
    """One image of a file: a name, its resolution levels, and what is known of its axes."""

    name: str
    """As the file names it, or ``Image:<index>``."""
    levels: tuple[LazyArray, ...]
    """Full resolution first; empty when the pixels are missing."""
    channels: tuple[Channel, ...] = ()
    """One record for each position of stored C (one where there is no C); empty when the file says nothing."""
    pixel_size: PixelSize = PixelSize()
    """Of level 0, in micrometres."""
    time_step: float | None = None
    """Seconds between positions of T."""
    acquired: str | None = None
    """Date and time of acquisition, ISO 8601, as the file gives it."""
    objective: Objective | None = None
    """The lens."""
    planes: Planes | None = None
    """Times, exposures and stage positions of planes."""
    tiles: Tiles | None = None
    """Positions of mosaic tiles."""
    color_map: bytes | None = attrs.field(default=None, repr=False)
    """Palette of indexed pixels: little-endian uint16, shape (3, entries), red green blue."""
    coordinates: tuple[Coordinate, ...] = ()
    """Values along axes that the file gives explicitly."""

    @property
    def dims(self) -> Dims:
        """Dims of level 0, as stored."""
        return self.levels[0].dims if self.levels else Dims("", ())


@attrs.frozen
class Diagnostic:
    """Something wrong, guessed or left out that did not stop the reading."""

    code: str
    """Short and stable, such as ``"guessed-axes"``."""
    message: str
    """What was found and what was done about it."""
    where: str | None = None
    """File, page or element."""


@attrs.frozen
class Contents:
    """What a format found in a source: the return value of ``read_contents``."""

    scenes: tuple[Scene, ...]
    """In file order."""
    metadata: str | None = attrs.field(default=None, repr=False)
    """Raw metadata text (XML, JSON, ...), unparsed."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Trouble that did not stop the reading."""


@attrs.frozen
class ImageHandle:
    """An opened image: what the file holds, and the array in focus. Nothing of it is open or read."""

    source: Source
    """Where the bytes are."""
    format: str
    """Name in the table of formats, such as ``"ome-tiff"``."""
    contents: Contents
    """Scenes, raw metadata and diagnostics of the whole file."""
    scene_index: int
    """Which scene is in focus."""
    level: int
    """Which resolution level is in focus; 0 is full resolution."""
    array: LazyArray
    """The pixels in focus, as picked and transposed so far."""

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """All scenes of the file."""
        return self.contents.scenes

    @property
    def scene_names(self) -> tuple[str, ...]:
        """Names of all scenes."""
        return tuple(scene.name for scene in self.contents.scenes)

    @property
    def scene(self) -> Scene:
        """The scene in focus."""
        return self.contents.scenes[self.scene_index]

    @property
    def levels(self) -> tuple[LazyArray, ...]:
        """Resolution levels of the scene in focus, full resolution first."""
        return self.scene.levels

    @property
    def metadata(self) -> str | None:
        """Raw metadata text of the file."""
        return self.contents.metadata

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Trouble that did not stop the opening."""
        return self.contents.diagnostics

    @property
    def dims(self) -> Dims:
        """Letters and sizes of the array in focus."""
        return self.array.dims

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the array in focus."""
        return self.array.shape

    @property
    def ndim(self) -> int:
        """Number of axes of the array in focus."""
        return self.array.ndim

    @property
    def size(self) -> int:
        """Number of pixels of the array in focus."""
        return self.array.size

    @property
    def nbytes(self) -> int:
        """Bytes of the array in focus once read."""
        return self.array.nbytes

    @property
    def dtype(self) -> DType:
        """Pixel type, in native byte order."""
        return self.array.dtype

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Channels of the array in focus, in its order; one for each position of C."""
        channels = self.scene.channels
        pick = self._pick("C")
        positions = (0,) if pick is None else (pick,) if isinstance(pick, int) else tuple(pick)
        unknown = Channel(samples=self.array.dims.get("S", 1))
        return tuple(channels[c] if c < len(channels) else unknown for c in positions)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of ``channels``; ``Channel:<index>`` where the file has none."""
        pick = self._pick("C")
        positions = (0,) if pick is None else (pick,) if isinstance(pick, int) else tuple(pick)
        return tuple(
            c.name or f"Channel:{i}" for c, i in zip(self.channels, positions, strict=True)
        )

    @property
    def pixel_size(self) -> PixelSize:
        """Physical size in micrometres of the pixels in focus: level and regular steps are counted in."""
        size = self.scene.pixel_size
        return PixelSize(
            *(self._spacing(letter, value) for letter, value in zip("ZYX", size, strict=True))
        )

    @property
    def time_step(self) -> float | None:
        """Seconds between positions of T in focus; ``None`` where unknown or uneven."""
        return self._spacing("T", self.scene.time_step)

    def _pick(self, letter: str) -> Pick | None:
        stored = self.array.stored.order
        return self.array.view.picks[stored.index(letter)] if letter in stored else None

    def _spacing(self, letter: str, value: float | None) -> float | None:
        if value is None or letter not in self.array.stored:
            return value
        full = self.levels[0].stored
        if self.level and letter in full:
            value *= full[letter] / self.array.stored[letter]
        pick = self._pick(letter)
        if isinstance(pick, range) and len(pick) > 1:
            return value * abs(pick.step)
        if isinstance(pick, tuple) and len(pick) > 1:
            steps = {b - a for a, b in itertools.pairwise(pick)}
            return value * abs(steps.pop()) if len(steps) == 1 and 0 not in steps else None
        return value

    def level_array(self, scene: int, level: int) -> LazyArray:
        """Return the untouched array of one scene and level.

        Raises
        ------
        SceneError
            When there is no such level, or the scene has no pixels.
        """
        levels = self.contents.scenes[scene].levels
        if not levels:
            raise SceneError(
                f"scene {scene} ({self.contents.scenes[scene].name!r}) has no pixels in this file"
            )
        if not -len(levels) <= level < len(levels):
            raise SceneError(
                f"no level {level} in scene {scene}: it has {len(levels)} (0 to {len(levels) - 1})"
            )
        return levels[level]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        return self.array.__array__(dtype, copy)

    def __repr__(self) -> str:
        scene = f"scene {self.scene_index + 1}/{len(self.scenes)} {self.scene.name!r}"
        return f"<ImageHandle {self.source.uri} ({self.format}) {scene}: {self.dims} {self.dtype}>"
