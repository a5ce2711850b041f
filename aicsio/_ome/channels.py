"""Channel elements -> ``Channel``: names, colours, wavelengths.

Rule kept here: pure functions of one element. A value that cannot be read is ``None``.
"""

from xml.etree.ElementTree import Element

from aicsio._ome.elements import number_of, parse_integer, quantity_of
from aicsio._ome.parts import schema_word
from aicsio._ome.units import MICROMETRE, micrometres_per
from aicsio.records import Channel

_RGBA, _ALPHA, _LOWEST = 0xFFFFFFFF, 0xFF, -0x80000000
_NO_COLORS = frozenset({-2147483648, 0})
"""The default of old schemas, and transparent black."""
MOST_SAMPLES = 1 << 16
"""TIFF counts the samples of a pixel in 16 bits."""


def read_channel(element: Element) -> Channel:
    """Read a Channel, LogicalChannel or ChannelInfo element whose values are attributes."""
    # One pass over what is there: a lookup of what is not costs as much as one of what is.
    texts = {name: text.strip() for name, text in element.attrib.items()}
    get = texts.get
    samples = parse_integer(get("SamplesPerPixel"))
    # The schema has no default; the pages decide afterwards.
    if samples is None or not 0 < samples < MOST_SAMPLES:
        samples = 1
    pinhole_size = None
    if "PinholeSize" in texts:
        pinhole_size = quantity_of(element, "PinholeSize", micrometres_per, MICROMETRE)
    return Channel(
        name=_read_text(element, "Name"),
        color=_read_color(element),
        emission=_read_wavelength(element, "EmissionWavelength", "EmWave"),
        excitation=_read_wavelength(element, "ExcitationWavelength", "ExWave"),
        fluor=_read_text(element, "Fluor"),
        samples=samples,
        acquisition_mode=schema_word("AcquisitionMode", get("AcquisitionMode") or get("Mode")),
        pinhole_size=pinhole_size,
        illumination_type=schema_word("IlluminationType", get("IlluminationType")),
        contrast_method=schema_word("ContrastMethod", get("ContrastMethod")),
    )


def _read_text(element: Element, name: str) -> str | None:
    """Return a text of the user; ``None`` for one of blanks alone.

    Blanks around it belong to it: the schema has xsd:string, which keeps them, and XML takes them
    off no attribute without a document type (XML 1.0, section 3.3.3).
    """
    text = element.get(name)
    return text if text and not text.isspace() else None


def _read_color(element: Element) -> int | None:
    """Return Color as unsigned RGBA; the schema stores it as a signed int of 32 bits.

    ``None`` for -2147483648: the schemas before 2012-06 declared this default, "due to an error"
    (OME schema 2012-06, Channel/Color). An alpha of 0 was left out by its writer: no channel is
    invisible.
    """
    color = parse_integer(element.get("Color"))
    # Beyond 32 bits a number is no colour; some writers leave the sign out.
    if color is None or color in _NO_COLORS or not _LOWEST <= color <= _RGBA:
        return None
    color &= _RGBA
    return color if color & _ALPHA else color | _ALPHA


def _read_wavelength(element: Element, *names: str) -> float | None:
    """Return the first wavelength in nanometres that is one: the schema has PositiveFloat."""
    for name in names:
        if name not in element.attrib:
            continue
        if element.get(f"{name}Unit", "nm").strip() == "nm":
            length = number_of(element, name)
        else:
            micrometres = quantity_of(element, name, micrometres_per, None)
            # Rounding removes the noise that the two products leave.
            length = None if micrometres is None else round(micrometres * 1000, 9)
        if length is not None and length > 0:
            return length
    return None
