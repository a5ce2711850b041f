"""Places of a TIFF from which the facts of its scenes come.

Rule kept here: the tags are read again; a fact that they give as it is comes from them, every other
from the metadata of the dialect.
"""

from aicsio.formats._tiff.dialects import DIALECTS
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.physical_size import resolution_unit
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Scene
from aicsio.records.provenance import FactOrigin, FactOrigins

IMAGEJ = (
    ("pixel_size.Z", "imagej:spacing"),
    ("time_step", "imagej:finterval"),
    ("channels[*].name", "imagej:Labels"),
    ("channels[*].color", "imagej:LUTs"),
    ("channels[*].window", "imagej:Ranges"),
    ("name", "imagej:Title"),
)
"""Keys of ImageJ by field."""
SAME = 1e-3
"""Relative difference of sizes that still counts as one value: resolutions are quotients."""


def trace(file: OpenTiff, first: int, scene: Scene) -> FactOrigins:
    """Return the origins of the facts of a scene, from the tags of the first directory."""
    directory, _, _ = read_directory(file, first)
    tags = PageTags.of(file, directory)
    dialect = _dialect_of(tags)
    facts = [FactOrigin("color_map", "tag:ColorMap")]
    if dialect == "imagej":
        facts += [FactOrigin(path, origin) for path, origin in IMAGEJ]
    if scene.acquired is not None and scene.acquired == tags.acquired():
        facts.append(FactOrigin("acquired", "tag:DateTime"))
    conflicts: list[tuple[str, str]] = []
    for letter, code in (("X", Tag.X_RESOLUTION), ("Y", Tag.Y_RESOLUTION)):
        size, path = getattr(scene.pixel_size, letter), f"pixel_size.{letter}"
        of_tag = _size_of(tags, code)
        if size is None:
            continue
        if of_tag is not None and _close(size, of_tag):
            facts.append(FactOrigin(path, f"tag:{letter}Resolution"))
        elif dialect == "imagej":
            # ImageJ's unit replaces ResolutionUnit: the size is their product.
            facts.append(FactOrigin(path, "imagej:unit"))
        elif of_tag is None:
            facts.append(FactOrigin(path, dialect))
        else:
            text = f"{dialect} has {size:.6g} um, tag:{letter}Resolution {of_tag:.6g} um"
            conflicts.append((path, text))
    names = ("name", "channels", "pixel_size", "time_step", "acquired", "objective", "planes")
    facts += [FactOrigin(name, dialect) for name in names]
    return FactOrigins(tuple(facts), tuple(conflicts))


def _dialect_of(tags: PageTags) -> str:
    """Return the name of the dialect that the first page is written in."""
    for is_written_so, read in DIALECTS:
        if is_written_so(tags):
            return (
                read.__module__.rpartition(".")[2] if read.__name__ != "_by_tifffile" else "maker"
            )
    return "tiff"


def _size_of(tags: PageTags, code: int) -> float | None:
    per_unit, unit = tags.positive(code), resolution_unit(tags)
    return None if per_unit is None or unit is None else unit / per_unit


def _close(first: float, second: float) -> bool:
    return abs(first - second) <= SAME * second
