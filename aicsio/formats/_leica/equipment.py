"""Records of the equipment of one image: lens, lasers, detectors, light paths.

Rule kept here: records in Leica's words and units. ``instrument`` turns them into those of OME.
"""

import attrs


@attrs.frozen
class Microscope:
    """The stand."""

    model: str | None = None
    """Model of the stand, else of the system."""
    serial: str | None = None
    """Serial number of the system."""
    type: str | None = None
    """``Inverted`` or ``Upright``."""


@attrs.frozen
class Lens:
    """The objective and its medium, in Leica's words."""

    name: str | None
    """Engraving."""
    magnification: float | None
    """Nominal magnification."""
    aperture: float | None
    """Numerical aperture."""
    immersion: str | None
    """Such as ``GLYC``."""
    refractive_index: float | None
    """Of the medium."""
    order_number: str | None
    """Number in Leica's catalogue."""


@attrs.frozen
class LaserLine:
    """One line of a laser that was on."""

    name: str | None
    """Name of the laser."""
    wavelength: float | None
    """Nanometres; ``None`` where it was swept."""
    milliwatts: float | None = None
    """Output power of the laser, where the file has it."""


@attrs.frozen
class DetectorPart:
    """One active detector, or a camera."""

    name: str | None
    """Such as ``HyD 1``."""
    type: str | None
    """Such as ``PMT``."""
    zoom: float | None = None
    """Zoom of the scan field."""


@attrs.frozen
class FilterBand:
    """A filter by its name, or a band of the spectrophotometer."""

    name: str | None
    """Name of the filter, or of the channel of the spectrophotometer."""
    low: float | None = None
    """Lower edge in nanometres."""
    high: float | None = None
    """Upper edge in nanometres."""
    type: str | None = None
    """``BandPass``, or ``Tuneable`` where the band moved during the scan."""


@attrs.frozen
class ChannelHardware:
    """Which parts made a channel, as numbers in the lists of its instrument, and their settings."""

    acquisition_mode: str
    """As the OME schema names it."""
    illumination: str | None = None
    """``Transmitted`` or ``Epifluorescence``."""
    contrast: str | None = None
    """As the OME schema names it."""
    pinhole: float | None = None
    """Diameter in metres."""
    lines: tuple[tuple[int, float | None], ...] = ()
    """Number and attenuation, from 0 to 1, of each laser line that was on."""
    detector: int | None = None
    """Number of the detector."""
    gain: float | None = None
    """Without a unit."""
    offset: float | None = None
    """Without a unit."""
    voltage: float | None = None
    """Volts."""
    dichroic: int | None = None
    """Number of the beam splitter."""
    filters: tuple[int, ...] = ()
    """Numbers of the emission filters."""


@attrs.frozen
class Instrument:
    """Everything that one image was taken with."""

    microscope: Microscope
    """The stand."""
    lens: Lens | None
    """The objective."""
    lasers: tuple[LaserLine, ...] = ()
    """Lines that were on."""
    detectors: tuple[DetectorPart, ...] = ()
    """Detectors and cameras that were on."""
    filters: tuple[FilterBand, ...] = ()
    """Emission filters and bands."""
    dichroics: tuple[str, ...] = ()
    """Beam splitters and filter cubes, by name."""


@attrs.frozen
class ImageHardware:
    """The instrument of an image, and how its channels used it."""

    instrument: Instrument
    """The parts."""
    channels: tuple[ChannelHardware, ...]
    """One a channel; empty where the settings do not fit the channels."""
    settings: tuple[tuple[str, str], ...]
    """Settings that the schema has no place for, by their own names."""
