"""Places of a TIFF from which the facts of its scenes come.

Rule kept here: the tags are read again; a fact that they give as it is comes from them, every other
from the metadata of the dialect.
"""

from collections.abc import Mapping

import numpy as np

from aicsio.formats._tiff.acquisition import locate_date, locate_exposure
from aicsio.formats._tiff.dialects import DIALECTS
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.makers import locate_maker_size
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.physical_size import resolution_unit
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Scene
from aicsio.records.provenance import FactOrigin, FactOrigins

OF_DIALECTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "imagej": (
        ("pixel_size.Z", "imagej:spacing"),
        ("time_step", "imagej:finterval"),
        ("channels[*].name", "imagej:Labels"),
        ("channels[*].color", "imagej:LUTs"),
        ("channels[*].window", "imagej:Ranges"),
        ("name", "imagej:Title"),
    ),
    "tifffile_shaped": (
        ("name", "tifffile:name"),
        ("pixel_size.Z", "tifffile:spacing or PhysicalSizeZ"),
        ("pixel_size", "tifffile:unit or PhysicalSizeX"),
        ("time_step", "tifffile:finterval or TimeIncrement"),
    ),
    "scanimage": (
        ("channels", "scanimage:hChannels"),
        ("pixel_size.Z", "scanimage:hStackManager"),
        ("time_step", "scanimage:hRoiManager"),
        ("acquired", "scanimage:epoch"),
        ("planes", "scanimage:frameTimestamps_sec"),
    ),
    "ndtiff": (
        ("name", "ndtiff:Summary/Prefix"),
        ("channels", "ndtiff:NDTiff.index or Summary/ChNames"),
        ("pixel_size.Z", "ndtiff:Summary/z-step_um"),
        ("acquired", "ndtiff:Summary/DateAndTime"),
        ("planes", "ndtiff:image metadata"),
    ),
    "micromanager": (
        ("name", "micromanager:Summary/Prefix"),
        ("channels", "micromanager:Summary/ChNames"),
        ("pixel_size.Z", "micromanager:Summary/z-step_um"),
        ("pixel_size", "micromanager:Summary/PixelSize_um"),
        ("acquired", "micromanager:Summary/StartTime"),
        ("planes", "tag:MicroManagerMetadata"),
    ),
    "mibi": (("channels", "mibi:channel.target"), ("name", "mibi:image.type")),
    # The pages of the others are sorted by tifffile, which names its series.
    "maker": (("name", "tifffile:series"),),
}
"""Keys of a dialect by field."""
OF_TAGS: tuple[tuple[int, tuple[tuple[str, str], ...]], ...] = (
    (
        Tag.UIC1,
        (
            ("name", "metamorph:UIC1/Name"),
            ("channels", "metamorph:UIC1/Name"),
            ("pixel_size.Z", "metamorph:UIC2/ZDistance"),
            ("pixel_size.Y", "metamorph:UIC1/YCalibration"),
            ("pixel_size", "metamorph:UIC1/XCalibration"),
            ("acquired", "metamorph:UIC1/CreateTime"),
            ("planes.time", "metamorph:UIC2/TimeCreated"),
            ("planes.exposure", "metamorph:UIC4/PlaneDescriptions"),
            ("planes.z", "metamorph:UIC4/AbsoluteZ"),
            ("planes", "metamorph:UIC4/StagePosition"),
        ),
    ),
    (
        Tag.CZ_LSMINFO,
        (
            ("channels[*].name", "lsm:ChannelColors/ColorNames"),
            ("channels[*].color", "lsm:ChannelColors/Colors"),
            ("channels[*].excitation", "lsm:ScanInformation/IlluminationChannels"),
            ("channels", "lsm:ScanInformation/DetectionChannels"),
            ("pixel_size", "lsm:VoxelSize"),
            ("time_step", "lsm:TimeIntervall"),
            ("acquired", "lsm:ScanInformation/Sample0time"),
            ("objective", "lsm:ScanInformation/Objective"),
            ("planes", "lsm:TimeStamps"),
        ),
    ),
    (
        Tag.OLYMPUS_SIS_INI,
        (
            ("channels", "olympus-sis:Band"),
            ("planes", "olympus-sis:Time/TimePos"),
        ),
    ),
    (
        Tag.OLYMPUS_SIS,
        (
            ("pixel_size", "olympus-sis:GeneralData"),
            ("acquired", "olympus-sis:Header"),
            ("objective", "olympus-sis:GeneralData"),
        ),
    ),
    (
        Tag.OLYMPUS_FLUOVIEW,
        (("pixel_size", "fluoview:MM_Header"), ("time_step", "fluoview:MM_Header")),
    ),
    (Tag.DIGITAL_MICROGRAPH_UNIT, (("time_step", "tag:DigitalMicrograph"),)),
    (Tag.MICRO_MANAGER_METADATA, (("planes", "tag:MicroManagerMetadata"),)),
)
"""Fields of makers by the tag that holds them."""
APERIO = (("acquired", "aperio:Date"), ("objective", "aperio:AppMag"), ("pixel_size", "aperio:MPP"))
SAME = 1e-3
"""Relative difference of sizes that still counts as one value: resolutions are quotients."""


def trace(file: OpenTiff, first: int, scene: Scene) -> FactOrigins:
    """Return the origins of the facts of a scene, from the tags of the first directory."""
    directory, _, _ = read_directory(file, first)
    tags = PageTags.of(file, directory)
    dialect = _dialect_of(tags)
    facts = [FactOrigin("color_map", "tag:ColorMap")]
    facts += _of_page(tags, scene)
    facts += [FactOrigin(path, origin) for path, origin in _of_maker(tags, dialect)]
    known = {fact.path: fact.origin for fact in reversed(facts)}
    conflicts: list[tuple[str, str]] = []
    maker_size, maker_place = locate_maker_size(tags)
    for letter, code in (("X", Tag.X_RESOLUTION), ("Y", Tag.Y_RESOLUTION)):
        size, path = getattr(scene.pixel_size, letter), f"pixel_size.{letter}"
        of_tag, of_maker = _size_of(tags, code), getattr(maker_size, letter, None)
        if size is None:
            continue
        is_of_maker = of_maker is not None and _close(size, of_maker)
        is_of_tag = of_tag is not None and _close(size, of_tag)
        origin = known.get(path) or known.get("pixel_size") or dialect
        if is_of_maker:
            origin = maker_place
        elif is_of_tag:
            origin = f"tag:{letter}Resolution"
        elif dialect == "imagej":
            origin = "imagej:unit"
        # The specific place goes first: of several for one path, the first counts.
        facts.insert(0, FactOrigin(path, origin))
        # ImageJ's unit replaces ResolutionUnit: the size is their product.
        if of_tag is not None and not is_of_tag and (is_of_maker or dialect != "imagej"):
            text = f"{origin} has {size:.6g} um, tag:{letter}Resolution {of_tag:.6g} um"
            conflicts.append((path, text))
    names = ("name", "channels", "pixel_size", "time_step", "acquired", "objective", "planes")
    facts += [FactOrigin(name, dialect) for name in names]
    return FactOrigins(tuple(facts), tuple(conflicts))


def _of_page(tags: PageTags, scene: Scene) -> list[FactOrigin]:
    """Return the places of the date and the exposure of the first page, where the scene has them."""
    facts = []
    date, place = locate_date(tags)
    if date is not None and place is not None and date == scene.acquired:
        facts.append(FactOrigin("acquired", place))
    exposure, place = locate_exposure(tags)
    column = None if scene.planes is None else scene.planes.column("exposure")
    if exposure is not None and column is not None and np.all(column == exposure):
        facts += [FactOrigin("planes.exposure", place), FactOrigin("planes.dims", "pixels")]
    return facts


def _of_maker(tags: PageTags, dialect: str) -> tuple[tuple[str, str], ...]:
    """Return the places of the metadata of the maker."""
    places: tuple[tuple[str, str], ...] = ()
    for code, fields in OF_TAGS:
        if code in tags.tags:
            places += fields
    places += OF_DIALECTS.get(dialect, ())
    return places + APERIO if tags.description.startswith("Aperio") else places


def _dialect_of(tags: PageTags) -> str:
    """Return the name of the dialect that the first page is written in."""
    for name, is_written_so, _ in DIALECTS:
        if is_written_so(tags):
            return name
    return "tiff"


def _size_of(tags: PageTags, code: int) -> float | None:
    per_unit, unit = tags.positive(code), resolution_unit(tags)
    return None if per_unit is None or unit is None else unit / per_unit


def _close(first: float, second: float) -> bool:
    return abs(first - second) <= SAME * second
