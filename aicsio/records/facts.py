"""Facts about an image that pipelines use: sizes, channels, planes, tiles.

Rule kept here: ``None`` or NaN means that the file does not give the fact. It never becomes 1.0 or
an empty string.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any, SupportsFloat

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._checks.constructors import checked_record
from aicsio.errors import ArgumentTypeError
from aicsio.records.comparing import compared_by_fields
from aicsio.records.conversions import (
    optional_float,
    optional_int,
    optional_text,
    plain_floats,
    plain_int,
    plain_text,
)
from aicsio.records.dims import Dims
from aicsio.records.pickling import pickled_by_position
from aicsio.records.printing import drawn_in_notebooks


def _require_size(size: object, field: Any, value: float | None) -> None:
    del size
    # A file with such a size has None, and a diagnostic: a wrong scale spoils every measurement.
    if value is not None and not 0 < value < math.inf:
        raise ArgumentTypeError(
            f"PixelSize: {field.name}={value} is no size: give micrometres above 0, or None if it "
            "is unknown"
        )


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class PixelSize:
    """Physical size of a pixel in micrometres; ``None`` if the file lacks it. Unpacks as Z, Y, X.

    Raises
    ------
    ArgumentTypeError
        When a size is no number, or none above 0: negative, 0, infinite or NaN.
    """

    Z: float | None = attrs.field(default=None, converter=optional_float, validator=_require_size)
    """Distance between sections."""
    Y: float | None = attrs.field(default=None, converter=optional_float, validator=_require_size)
    """Height."""
    X: float | None = attrs.field(default=None, converter=optional_float, validator=_require_size)
    """Width."""

    def __iter__(self) -> Iterator[float | None]:
        # The order of AICSImage.physical_pixel_sizes, which unpacks so.
        return iter((self.Z, self.Y, self.X))


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Origin:
    """Position of the centre of the first pixel, in micrometres; ``None`` if the file lacks it."""

    # No validator, unlike sizes: a position may be 0 or negative.
    Z: float | None = attrs.field(default=None, converter=optional_float)
    """Along Z."""
    Y: float | None = attrs.field(default=None, converter=optional_float)
    """Along Y."""
    X: float | None = attrs.field(default=None, converter=optional_float)
    """Along X."""

    def __iter__(self) -> Iterator[float | None]:
        return iter((self.Z, self.Y, self.X))


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class LevelPlace:
    """Where a resolution level lies, as far as the file states it, in micrometres."""

    spacing: PixelSize = attrs.field(factory=PixelSize)
    """Distance between the centres of its pixels."""
    origin: Origin = attrs.field(factory=Origin)
    """Centre of its first pixel; ``None`` along an axis whose levels cover one field."""


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class ImagePart:
    """The part of an image of the file's metadata that a scene shows."""

    image: int
    """Number of the image in the metadata, from 0."""
    letter: str
    """Axis along which the image was split: C, T or Z."""
    positions: tuple[int, ...]
    """Positions along it that the scene has, in order."""


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Well:
    """The well of a plate in which a scene was taken."""

    row: str = attrs.field(converter=plain_text)
    """Name of the row, such as ``"B"``."""
    column: str = attrs.field(converter=plain_text)
    """Name of the column, such as ``"3"``."""
    field: int = attrs.field(default=0, converter=plain_int)
    """Number of the field of view within the well, from 0."""
    plate: str | None = attrs.field(default=None, converter=optional_text)
    """Name of the plate; ``None`` if the file has none."""

    @property
    def name(self) -> str:
        """Row and column, such as ``"B3"``."""
        return f"{self.row}{self.column}"


def _pair_of_floats(values: Iterable[SupportsFloat] | None) -> tuple[float, float] | None:
    if values is None:
        return None
    numbers = plain_floats(values)
    if len(numbers) != 2:
        raise ArgumentTypeError(f"{numbers} are no two numbers")
    return numbers[0], numbers[1]


@drawn_in_notebooks
@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Channel:
    """Metadata of one channel."""

    name: str | None = attrs.field(default=None, converter=optional_text)
    """As the file names it; ``None`` if the file has no name."""
    # OME-XML stores the same 32 bits as a signed number.
    color: int | None = attrs.field(default=None, converter=optional_int)
    """0xRRGGBBAA, unsigned; ``None`` if the file has no colour."""
    emission: float | None = attrs.field(default=None, converter=optional_float)
    """Emission wavelength in nanometres."""
    excitation: float | None = attrs.field(default=None, converter=optional_float)
    """Excitation wavelength in nanometres."""
    fluor: str | None = attrs.field(default=None, converter=optional_text)
    """Fluorophore or dye."""
    samples: int = attrs.field(default=1, converter=plain_int)
    """Samples of one pixel: 3 for RGB, 4 for RGBA."""
    quantity: str | None = attrs.field(default=None, converter=optional_text)
    """Measured quantity with its unit, such as ``"Lifetime (s)"``; ``None`` if the file names none."""
    window: tuple[float, float] | None = attrs.field(default=None, converter=_pair_of_floats)
    """Pixel values that are shown as black and as the full colour; ``None`` if the file has none."""
    # Words of the schema of OME, so that those of all makers compare; "Other" is one of them.
    acquisition_mode: str | None = attrs.field(default=None, converter=optional_text)
    """Such as ``"WideField"`` or ``"LaserScanningConfocalMicroscopy"``: AcquisitionMode of OME."""
    pinhole_size: float | None = attrs.field(default=None, converter=optional_float)
    """Diameter of the pinhole in micrometres."""
    illumination_type: str | None = attrs.field(default=None, converter=optional_text)
    """Such as ``"Epifluorescence"`` or ``"Transmitted"``: IlluminationType of OME."""
    contrast_method: str | None = attrs.field(default=None, converter=optional_text)
    """Such as ``"Fluorescence"``, ``"DIC"`` or ``"Phase"``: ContrastMethod of OME."""

    def __repr__(self) -> str:
        # Twelve fields of which most are None would hide the name.
        fields = attrs.fields(Channel)
        known = [field.name for field in fields if getattr(self, field.name) != field.default]
        return f"Channel({', '.join(f'{name}={getattr(self, name)!r}' for name in known)})"


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Objective:
    """The objective lens; fields that the file lacks are ``None``."""

    name: str | None = attrs.field(default=None, converter=optional_text)
    """Model, or the maker's name for it."""
    magnification: float | None = attrs.field(default=None, converter=optional_float)
    """Nominal magnification."""
    aperture: float | None = attrs.field(default=None, converter=optional_float)
    """Numerical aperture."""
    immersion: str | None = attrs.field(default=None, converter=optional_text)
    """Immersion medium, in the file's words."""
    working_distance: float | None = attrs.field(default=None, converter=optional_float)
    """From the lens to the focus, in micrometres."""
    medium: str | None = attrs.field(default=None, converter=optional_text)
    """Medium that was used, in the file's words."""
    refractive_index: float | None = attrs.field(default=None, converter=optional_float)
    """Of the medium that was used."""


@drawn_in_notebooks
@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Planes:
    """Per-plane facts in columns: little-endian float64, one value per plane, NaN if missing."""

    dims: Dims
    """Letters and sizes of the planes, such as ``TCZ``; the columns are in C order over them."""
    # In bytes a missing value equals itself, which NaN does not: equal tables compare equal.
    time: bytes | None = None
    """Seconds since the first plane of the scene."""
    exposure: bytes | None = None
    """Exposure time in seconds."""
    x: bytes | None = None
    """Stage position in micrometres."""
    y: bytes | None = None
    """Stage position in micrometres."""
    z: bytes | None = None
    """Stage or focus position in micrometres."""
    focus: bytes | None = None
    """Position of the focus drive in micrometres, where the file has one by that name."""
    start: float | None = attrs.field(default=None, converter=optional_float)
    """Seconds from ``Scene.acquired`` to time 0, the first plane; ``None`` if unknown."""

    def column(self, name: str) -> npt.NDArray[np.float64] | None:
        """Return one column.

        Parameters
        ----------
        name
            ``"time"`` or ``"exposure"`` (seconds), ``"x"``, ``"y"``, ``"z"`` or ``"focus"``
            (micrometres).

        Returns
        -------
        numpy.ndarray or None
            float64 in the shape of ``dims``, NaN for planes without a value; ``None`` if the file
            has no such column.
        """
        raw: bytes | None = getattr(self, name)
        # A view of the record's bytes, which numpy therefore marks as read-only.
        return None if raw is None else np.frombuffer(raw, "<f8").reshape(self.dims.shape)

    def __repr__(self) -> str:
        names = ("time", "exposure", "x", "y", "z", "focus")
        present = [name for name in names if getattr(self, name) is not None]
        return f"<Planes {self.dims}: {', '.join(present) or 'no columns'}>"


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class PlanePlaces:
    """Where the pixels of planes begin, in columns; one value a plane, in C order of the planes."""

    uris: tuple[str, ...]
    """Names of the files."""
    file: bytes = attrs.field(repr=False)
    """Little-endian int32: index into ``uris``; -1 for a plane that no file holds."""
    offset: bytes = attrs.field(repr=False)
    """Little-endian int64: byte offset; -1 if unknown."""


@drawn_in_notebooks
@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Tiles:
    """Mosaic tiles in columns: little-endian, one value per tile, in the order of M."""

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
        return len(self.m) // 4  # int32

    def __repr__(self) -> str:
        stage = " with stage positions" if self.stage_x is not None else ""
        return f"<Tiles {len(self)}{stage}>"


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Coordinate:
    """Coordinates along one axis that no pixel size gives (wavelengths, angles, times)."""

    letter: str
    """Axis."""
    values: tuple[float, ...] = attrs.field(converter=plain_floats)
    """One value per stored position."""
    unit: str | None = None
    """Such as ``"nm"`` or ``"s"``."""

    def __repr__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        # The first values show the spacing; all of a long axis would fill the screen.
        shown = ", ".join(f"{value:g}" for value in self.values[:4])
        more = ", ..." if len(self.values) > 4 else ""
        return f"<Coordinate {self.letter} ({len(self.values)}): {shown}{more}{unit}>"


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Attachment:
    """One attachment of a file: a thumbnail, a label, time stamps, events, a lookup table."""

    name: str
    """Such as ``"Thumbnail"``, ``"Label"``, ``"SlidePreview"``, ``"TimeStamps"``, ``"EventList"``."""
    kind: str
    """Type of the content: ``"JPG"``, ``"CZI"``, ``"CZTIMS"``, ``"CZEVL"``, ``"CZLUT"``, ..."""
    offset: int
    """Byte offset of the attachment in the file."""


@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Event:
    """One entry of an event list."""

    time: float
    """Seconds, on the clock of the time stamps."""
    kind: int
    """Number of the kind of event."""
    description: str
    """Text of the microscope or its user."""
