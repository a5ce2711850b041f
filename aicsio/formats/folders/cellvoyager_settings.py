"""The files beside the index of a CellVoyager: settings, cameras, and the plate.

Rule kept here: any of them may be missing or damaged; it then costs its facts, with a diagnostic.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element

from aicsio._ome.elements import local_name, parse_integer, parse_number
from aicsio._ome.xml import decode_xml, parse_root, remove_declaration
from aicsio.errors import CorruptFileError
from aicsio.formats.folders.entries import positive
from aicsio.formats.folders.listing import find_beside, find_index, list_beside
from aicsio.formats.folders.xml_lists import read_index
from aicsio.records import Channel, Diagnostic, Objective, PixelSize, Source

NAMES: Final = ("measurementdata.mlf",)
INDEX: Final = "MeasurementData.mlf"
DETAIL: Final = "MeasurementDetail.mrf"


def find_measurement(source: Source) -> Source:
    """Return the index of a folder, or beside another file of the measurement.

    Raises
    ------
    CorruptFileError
        When there is none.
    """
    index = find_index(source, NAMES)
    if source.folder or index.uri.lower().endswith(NAMES[0]):
        return index
    beside = find_beside(index, INDEX)
    if beside is None:
        raise CorruptFileError.at(index.uri, None, f"expected {INDEX!r} beside it, found none")
    return beside


def plain_attributes(element: Element) -> dict[str, str]:
    """Return attributes without the namespace."""
    return {name.rpartition("}")[2]: value for name, value in element.attrib.items()}


class MeasurementSettings:
    """Metadata of the other files. Not a record: it lives for one opening."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.root: Mapping[str, str] = {}
        self.cameras: dict[int, dict[str, str]] = {}
        self.settings: dict[int, dict[str, str]] = {}
        self.plate_name: str | None = None
        self.lasers: dict[str, float | None] = {}

    def channel(self, key: tuple[int, int]) -> Mapping[str, str]:
        """Return the settings of a channel; empty where there are none."""
        return self.settings.get(key[0], {})

    def describe_channel(self, key: tuple[int, int]) -> Channel:
        """Describe a channel, named after its dye, else after its target or number."""
        texts = self.channel(key)
        dye = (texts.get("Fluorophore") or "").strip() or None
        named = dye or (texts.get("Target") or "").strip()
        name = named or f"C{key[0]:02}"
        # A negative number (``ANY_ACTION``) stands for all actions of the channel.
        if key[1] >= 0:
            name += f" action {key[1]}"
        emission = None
        # "BP445/45": centre and width of the band.
        band = texts.get("Acquisition", "").removeprefix("BP").partition("/")
        if band[1]:
            emission = positive(parse_number(band[0]))
        return Channel(
            name=name,
            color=_color(texts.get("Color", "")),
            emission=emission,
            excitation=self.lasers.get(texts.get("LightSourceName", "")),
            fluor=dye,
        )

    def describe_objective(self, key: tuple[int, int]) -> Objective | None:
        """Describe the lens of a channel."""
        texts = self.channel(key)
        magnification = positive(parse_number(texts.get("Magnification")))
        name = (texts.get("Objective") or "").strip() or None
        if name is None and magnification is None:
            return None
        return Objective(name=name, magnification=magnification)

    def pixel_size(self, key: tuple[int, int], step: float | None) -> PixelSize:
        """Return the size of pixels of a channel, with a distance of sections."""
        camera = self.cameras.get(key[0], {})
        rows = positive(parse_number(camera.get("VerticalPixelDimension")))
        columns = positive(parse_number(camera.get("HorizontalPixelDimension")))
        return PixelSize(step, rows, columns)

    def plane_size(self, key: tuple[int, int]) -> tuple[int, int] | None:
        """Return the rows and columns of a channel's images."""
        camera = self.cameras.get(key[0], {})
        rows = parse_integer(camera.get("VerticalPixels"))
        columns = parse_integer(camera.get("HorizontalPixels"))
        return (rows, columns) if rows and columns else None


def _color(text: str) -> int | None:
    """Return a colour of the form ``#AARRGGBB`` as 0xRRGGBBAA, opaque."""
    digits = text.strip().removeprefix("#")
    if len(digits) not in {6, 8}:
        return None
    try:
        return int(digits[-6:], 16) << 8 | 0xFF
    except ValueError:
        return None


def read_settings(index: Source) -> tuple[MeasurementSettings, list[Diagnostic]]:
    """Read ``MeasurementDetail.mrf``, the settings that it names, and the plate."""
    found = MeasurementSettings()
    diagnostics: list[Diagnostic] = []
    detail = _parse_beside(index, DETAIL, diagnostics)
    if detail is None:
        return found, diagnostics
    element, found.text = detail
    found.root = plain_attributes(element)
    for child in element.iter():
        if local_name(child) == "MeasurementChannel":
            texts = plain_attributes(child)
            found.cameras[(parse_integer(texts.get("Ch")) or 0)] = texts
    # The settings that the detail names come first; the name may be missing, or its file lost.
    names = [found.root.get("MeasurementSettingFileName"), *list_beside(index, ".mes")]
    settings = first_parsed(index, names, diagnostics)
    if settings is not None:
        for child in settings.iter():
            if local_name(child) == "Channel":
                texts = plain_attributes(child)
                for part in child:
                    # A fact of a channel is an attribute or a child element; attributes come first.
                    texts.setdefault(local_name(part), (part.text or "").strip())
                found.settings[(parse_integer(texts.get("Ch")) or 0)] = texts
            elif (
                local_name(child) == "LightSource"
                and plain_attributes(child).get("Type") == "Laser"
            ):
                laser = plain_attributes(child)
                wavelength = positive(parse_number(laser.get("WaveLength")))
                found.lasers[laser.get("Name", "")] = wavelength
    plate = first_parsed(index, list_beside(index, ".wpi"), diagnostics)
    if plate is not None:
        found.plate_name = plain_attributes(plate).get("Name")
    return found, diagnostics


def first_parsed(
    index: Source, names: Sequence[str | None], diagnostics: list[Diagnostic]
) -> Element | None:
    """Return the root of the first file that is there and whole."""
    for name in names:
        if name:
            parsed = _parse_beside(index, name, diagnostics)
            if parsed is not None:
                return parsed[0]
    return None


def _parse_beside(
    index: Source, name: str, diagnostics: list[Diagnostic]
) -> tuple[Element, str] | None:
    """Parse an XML beside the index; one that is damaged costs its facts."""
    try:
        source = find_beside(index, name)
        if source is None:
            return None
        raw = read_index(source)
        # Files of the CV7000 in the wild end with one ">" too many.
        text = remove_declaration(decode_xml(raw)).rstrip().replace(">>", ">")
        return parse_root(text), text
    except CorruptFileError as error:
        diagnostics.append(Diagnostic("cellvoyager-settings", str(error), name, loss=True))
        return None
