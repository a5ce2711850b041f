"""The options of every writer, and those of OME-TIFF alone.

One documented table for functions, command line and legacy face.

Rule kept here: an option stands once, in `SharedOptions` if the writers of OME-TIFF and OME-Zarr
both take it, else in the table of its writer; its default stands beside it, in the dict of the
same table. The writers receive a complete table of plain Python values: numpy scalars, dtypes and
ints for floats are converted here. `checked` refuses unknown names and wrong types by the signature
that `takes_options` gives a writer.
"""

import datetime as dt
import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    ForwardRef,
    Literal,
    ParamSpec,
    TypeAlias,
    TypedDict,
    TypeVar,
    cast,
    no_type_check,
)

import numpy as np

from aicsio._checks.plain_values import plain
from aicsio._metadata.folding import ModuloChoice
from aicsio.arrays.outputs import check_workers
from aicsio.errors import WriteError
from aicsio.opening import UserPixelSize
from aicsio.records import DType

if TYPE_CHECKING:
    import ome_types

__all__ = ["DEFAULTS", "SHARED_DEFAULTS", "SharedOptions", "WriteOptions", "takes_options"]

P = ParamSpec("P")
R = TypeVar("R")

CompressionName: TypeAlias = Literal["zlib", "zstd", "lzw", "jpeg", "jpeg2000", "jpegxl"]
ColorValue: TypeAlias = str | int | None


class SharedOptions(TypedDict, total=False):
    """Options that the writers of OME-TIFF and of OME-Zarr both take. All have defaults."""

    downsample: Literal["auto", "mean", "mode", "nearest"]
    """Pixels of smaller levels: ``"mean"`` of all pixels they cover, halves rounded to even, NaN
    where one is NaN; ``"mode"``, the most frequent of two by two, level by level, the first of
    equals; ``"nearest"``, the upper left one. ``"auto"`` (default): the mode for bool and indexed
    pixels, else the mean. Label images of OME-Zarr are never mixed: theirs are the mode, or the
    nearest pixel where that is chosen."""
    dtype: str | DType | type | None
    """Type to convert to: a numpy name, dtype or type. Integers that do not fit raise; they never
    wrap around. By default the type of the pixels; OME-TIFF stores bool as uint8."""
    scene_names: str | Sequence[str] | None
    """One name for each scene, in place of the source's."""
    channel_names: Sequence[str] | None
    """One name for each channel, in place of the source's; every scene gets them."""
    channel_colors: Sequence[ColorValue] | None
    """``"#RRGGBB"``, ``"#RRGGBBAA"``, 0xRRGGBBAA or ``None`` for each channel; every scene gets
    them."""
    pixel_size: UserPixelSize
    """Micrometres between the pixels that are written, in place of the source's."""
    time_step: float | None
    """Seconds between the positions of T that are written, in place of the source's."""
    acquired: str | dt.datetime | np.datetime64 | None
    """Date and time of the acquisition, ISO 8601, in place of the source's."""
    description: str | None
    """A text about the image, in place of the source's."""
    ome: "ome_types.OME | str | None"
    """A whole OME document, an object of ome_types or a text, in place of all metadata of the
    source: one Image for each scene, of the sizes that are written. The other options override
    it."""
    original_metadata: bool
    """Whether to keep the metadata text of a source that is not OME, such as the XML of a CZI, as
    an annotation (default ``False``); ``aicsio.writers.original_metadata`` reads it back from an
    OME-TIFF."""
    overwrite: bool
    """Whether to replace an existing file or store (default ``False``)."""
    sync: bool
    """Whether to wait until the pixels are on the disk before the file or store takes its name
    (default ``True``). ``False`` is faster; a power cut may then lose it."""
    workers: int | None
    """Number of threads, at least 1; by default one for each core, at most 8."""
    progress: Callable[[int, int], object] | None
    """Called in the caller's thread with bytes of pixels done and bytes in total."""


SHARED_DEFAULTS: SharedOptions = {
    "downsample": "auto",
    "dtype": None,
    "scene_names": None,
    "channel_names": None,
    "channel_colors": None,
    "pixel_size": None,
    "time_step": None,
    "acquired": None,
    "description": None,
    "ome": None,
    "original_metadata": False,
    "overwrite": False,
    "sync": True,
    "workers": None,
    "progress": None,
}
"""The value of each shared option that the caller leaves out."""


class WriteOptions(SharedOptions, total=False):
    """Options of ``write_ome_tiff``, ``write_scenes``, ``AICSImage.save`` and ``imwrite``.

    All have defaults. Those of ``SharedOptions`` belong to them.
    """

    compression: CompressionName | None
    """``"zlib"`` (default) and ``"lzw"``: every reader decodes them. ``"zstd"`` decodes faster;
    tifffile, libtiff from 4.0.10 and Bio-Formats 7 read it. ``None`` stores raw pixels: the fastest
    to write, and they can be memory-mapped. ``"jpeg"`` is lossy; uint8, gray or RGB. ``"jpeg2000"``
    (integers of 8 and 16 bits) is lossless unless ``compression_level`` is given. ``"jpegxl"``
    (uint8, uint16, float32) is lossless and the smallest; tifffile and this library read it."""
    compression_level: int | None
    """Effort of zlib (0 to 12), zstd (1 to 22) and JPEG XL (2 to 9), by default a small one;
    quality of JPEG (1 to 100, default 90); quality of JPEG 2000 in decibels, such as 45, by default
    lossless."""
    predictor: bool | Literal["auto"]
    """Whether zlib, zstd and lzw store differences of neighbouring pixels. ``"auto"`` (default):
    for integers (predictor 2). ``True``: for floats too (predictor 3); smooth ones get smaller, but
    Bio-Formats cannot read them."""
    tile: int | tuple[int, int] | Literal["auto"] | None
    """Side of square tiles in pixels, or (height, width), multiples of 16. ``None`` for strips.
    ``"auto"`` (default): 512 for pyramids and for compressed planes larger than this, else
    strips."""
    levels: int | Literal["auto", "source"]
    """Number of resolution levels, the full one included (default 1); each has half the height and
    width of the one before, rounded up. ``"auto"``: until one fits into a tile. These are computed
    while the pixels are written, whatever levels the source has. ``"source"``: those of the source
    below the level in focus, read and written as they are; the handle shows whole planes. Stored as
    SubIFDs."""
    modulo: ModuloChoice
    """Where dimensions without a place in OME go: ``{"H": "T"}`` folds H into T, as its faster
    part, and adds a Modulo annotation; one each into T, C and Z. ``"auto"`` chooses. Of several
    scenes, each folds the letters that it has. By default such dimensions raise, except those that
    an OME-TIFF already had folded."""
    bigtiff: bool | Literal["auto"]
    """``"auto"`` (default): BigTIFF when the file would exceed 4 GiB less 32 MiB."""


DEFAULTS: WriteOptions = {
    "compression": "zlib",
    "compression_level": None,
    "predictor": "auto",
    "tile": "auto",
    "levels": 1,
    "modulo": None,
    "bigtiff": "auto",
    **SHARED_DEFAULTS,
}
"""The value of each option that the caller leaves out."""


def takes_options(function: Callable[P, R]) -> Callable[P, R]:
    """Pass a writer complete options in plain Python values, and show each of them in its signature.

    Parameters
    ----------
    function
        A writer with ``**options: Unpack[WriteOptions]``; it is called with all options.

    Returns
    -------
    Callable
        The same function for callers. ``inspect.signature`` and ``help`` list the options with
        their defaults, so that ``checked`` compares names and types with them.
    """
    return with_options(function, WriteOptions.__annotations__, DEFAULTS)


def with_options(
    function: Callable[P, R], hints: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Callable[P, R]:
    """Do as ``takes_options`` for any table of options.

    Parameters
    ----------
    function
        A writer that takes options by keyword; it is called with all of them.
    hints
        Type of each option, by name.
    defaults
        Value of each option that the caller leaves out.

    Returns
    -------
    Callable
        The same function for callers.
    """
    signature = inspect.signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    listed = [_parameter(name, default, hints[name]) for name, default in defaults.items()]

    @no_type_check  # to beartype's import hook in tests, which would check values before they are converted
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        values = {name: _converted(name, value) for name, value in kwargs.items()}
        workers = values.get("workers")
        # Others are refused with all wrong types.
        if isinstance(workers, int):
            check_workers(workers, WriteError)
        return function(*args, **cast("Any", {**defaults, **values}))

    wrapper.__signature__ = signature.replace(parameters=[*own, *listed])
    return cast("Callable[P, R]", wrapper)


def _parameter(name: str, default: object, hint: Any) -> inspect.Parameter:
    # A TypedDict wraps annotations that are texts; a signature shows the text.
    if isinstance(hint, ForwardRef):
        hint = hint.__forward_arg__
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


# ---------------------------------------------------------------- values


def _converted(name: str, value: object) -> object:
    """Return a value without numpy types; an int where the option takes a float becomes one."""
    if name == "dtype" and isinstance(value, np.dtype | type):
        return np.dtype(value).name
    value = plain(value)
    if name == "time_step" and isinstance(value, int):
        try:
            return float(value)
        except OverflowError:  # the writer refuses what is no 64-bit number
            return math.inf
    return value
