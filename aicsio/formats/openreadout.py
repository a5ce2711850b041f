"""OpenReadout behind our records: formats that we do not read, and a second opinion on those we do.

Imports `_io`. OpenReadout (Kakadu Labs, MIT or Apache-2.0) reads more than a hundred formats of
instruments. It is asked for by ``engine="openreadout"`` or ``format="openreadout"`` and never takes
a file on its own: its readings stay independent of ours.

Rule kept here: the library alone decides what a file holds; nothing of ours is mixed in. It reads
planes and windows of planes, so each piece is one call for a rectangle of one plane.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio._ome.dates import valid_date
from aicsio.errors import CorruptFileError, MissingDependencyError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.records import (
    Channel,
    Computed,
    Contents,
    Dims,
    DType,
    LazyArray,
    Objective,
    Piece,
    PixelSize,
    Scene,
    Selection,
    Source,
)
from aicsio.records.lazy import window_in_array
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import printed_short

READ_REGION: Final = "aicsio.formats.openreadout:read_region"
BLOCK_PIXELS: Final = 1 << 22
"""Planes are cut into blocks of rows of about this many pixels: 8 MiB of uint16."""
MICROMETRES: Final = {"µm": 1.0, "nm": 1e-3, "mm": 1e3, "m": 1e6}
"""By the units in which the library gives sizes."""


@printed_short
@pickled_by_position
@attrs.frozen
class BridgedLayout:
    """Pixels of one level of one image, read by the library."""

    source: Source
    """The file."""
    image: int
    """Index of the image in the library's list."""
    level: int
    """Index of the level in the library's list."""
    shape: tuple[int, ...]
    """T, C, Z, Y, X, and S for colour."""
    block_shape: tuple[int, ...]
    """One plane, or some of its rows."""
    dtype: DType
    """Type of the pixels."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """One call for the window of each plane; see ``Layout``."""
        starts, counts = window_in_array(block, self.block_shape, window)
        # A rectangle of a plane: x, y, width, height, as the library takes it.
        region = (starts[4], starts[3], counts[4], counts[3])
        shape = (1, 1, 1, *counts[3:5], *self.shape[5:])
        for inside in np.ndindex(*counts[:3]):
            place = tuple(start + step for start, step in zip(starts, inside, strict=False))
            selection = Selection(
                (0, 0, 0, 0, 0, *starts[5:]),
                (1, 1, 1, *counts[3:]),
                (*inside, *(0,) * (len(counts) - 3)),
            )
            arguments = (self.source, self.image, self.level, place, region)
            yield Computed(READ_REGION, arguments, shape, self.dtype, selection)


# ---------------------------------------------------------------- the library


class _LibraryFile:
    """A file that the library holds open."""

    def __init__(self, source: Source) -> None:
        if not source.local:
            raise UnsupportedFormatError(
                f"OpenReadout reads files of this machine only, not {source.uri}: leave engine= out"
            )
        try:
            import openreadout
        except ImportError as error:
            text = "engine='openreadout' needs it: pip install 'aicsio[openreadout]'"
            raise MissingDependencyError(text) from error
        try:
            self.file = openreadout.open(source.uri)
            self.info: Mapping[str, Any] = self.file.info
        except (openreadout.UnknownFormatError, openreadout.UnsupportedFeatureError) as error:
            raise UnsupportedFormatError(f"{source.uri}: OpenReadout: {error}") from error
        except Exception as error:
            raise CorruptFileError.at(source.uri, None, f"OpenReadout: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def _borrow(source: Source) -> Any:
    return readers.borrow(("openreadout", source), lambda: _LibraryFile(source))


def read_region(
    source: Source,
    image: int,
    level: int,
    place: tuple[int, ...],
    region: tuple[int, int, int, int],
) -> npt.NDArray[Any]:
    """Read a rectangle of one plane through the library.

    Parameters
    ----------
    source
        The file.
    image, level
        Indices in the library's lists.
    place
        T, C and Z.
    region
        First column, first row, width, height.

    Returns
    -------
    T, C and Z of length 1, rows, columns, and samples of colour.

    Raises
    ------
    CorruptFileError
        When the library raises any error.
    """
    t, c, z = place
    with _borrow(source) as opened:
        try:
            pixels = opened.file.read_plane(image, c, z, t, level=level, region=region)
        except Exception as error:
            text = f"OpenReadout cannot read T={t}, C={c}, Z={z}: {error}"
            raise CorruptFileError.at(source.uri, None, text) from error
    return np.asarray(pixels)[np.newaxis, np.newaxis, np.newaxis]


# ---------------------------------------------------------------- contents


def recognises(source: Source, head: bytes, /) -> bool:  # noqa: ARG001 - part of the protocol
    """Return False: the library is used where it is asked for by name."""
    return False


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the images of a file as the library sees them.

    Parameters
    ----------
    source
        A file or folder of this machine.
    options
        None applies.

    Returns
    -------
    One scene an image, with the axes TCZYX, and S for colour.

    Raises
    ------
    MissingDependencyError
        When OpenReadout is not installed.
    UnsupportedFormatError
        When it does not read the file, or the file is not of this machine.
    CorruptFileError
        When it finds the file damaged, or without an image.
    """
    with _borrow(source) as opened:
        images = opened.info.get("images") or []
        scenes = tuple(_describe_image(source, opened.file, image) for image in images)
        raw = json.dumps(opened.info, ensure_ascii=False)
    if not scenes:
        raise CorruptFileError.at(source.uri, None, "OpenReadout finds no image in it")
    return Contents(scenes, raw)


def _describe_image(source: Source, file: Any, image: Mapping[str, Any]) -> Scene:
    index = image["index"]
    channels = image.get("channels") or []
    objective = image.get("objective")
    return Scene(
        name=image.get("name") or f"Image:{index}",
        levels=tuple(_lay_out(source, file, index, level["level"]) for level in file.levels(index)),
        channels=tuple(
            _describe_channel(channel, image["samples_per_pixel"]) for channel in channels
        ),
        pixel_size=_pixel_size(image.get("physical_size") or {}),
        time_step=image.get("time_increment_s"),
        acquired=valid_date(image.get("acquired_at")),
        objective=objective
        and Objective(
            objective.get("model"),
            objective.get("nominal_magnification"),
            objective.get("lens_na"),
            objective.get("immersion"),
        ),
    )


def _lay_out(source: Source, file: Any, image: int, level: int) -> LazyArray:
    shape = tuple(file.shape(image, level))
    dtype = np.dtype(file.dtype(image))
    rows = max(1, min(shape[3], BLOCK_PIXELS // max(shape[4], 1)))
    layout = BridgedLayout(
        source=source,
        image=image,
        level=level,
        shape=shape,
        block_shape=(1, 1, 1, rows, *shape[4:]),
        dtype=dtype,
    )
    return LazyArray.whole(layout, Dims(file.dims(image), shape), dtype)


def _describe_channel(channel: Mapping[str, Any], samples: int) -> Channel:
    color = channel.get("color")
    return Channel(
        name=channel.get("name"),
        # "#RRGGBB"
        color=None if color is None else int(color[1:], 16) << 8 | 0xFF,
        emission=channel.get("emission_nm"),
        excitation=channel.get("excitation_nm"),
        fluor=channel.get("fluorophore"),
        samples=samples,
    )


def _pixel_size(sizes: Mapping[str, Any]) -> PixelSize:
    factor = MICROMETRES.get(sizes.get("unit", ""))
    if factor is None:
        return PixelSize()
    found = (sizes.get(letter) for letter in "zyx")
    return PixelSize(*(None if size is None else size * factor for size in found))
