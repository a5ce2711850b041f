"""Olympus Soft Imaging: the camera, the magnification and the names of what was recorded.

Rule kept here: settings whose unit no document gives are kept under their own names and not converted.

Source of the facts: tags 33560 and 33471 as tifffile reads them; ``SISReader`` of Bio-Formats 7.3 for
the places of magnification and camera in OME.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from aicsio._ome.parts import add_part
from aicsio.formats._tiff.dialects.opened import open_with_tifffile
from aicsio.formats._tiff.instruments.parts import ImageParts, count_channels
from aicsio.formats._tiff.page_metadata import PageTags, positive_float
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Contents

NAMESPACE = "olympus-sis.com"
_PLAIN = (str, int, float)


def describe_olympus_sis(tags: PageTags, contents: Contents, parts: ImageParts) -> bool:
    """Add the settings of Olympus Soft Imaging."""
    if Tag.OLYMPUS_SIS not in tags.tags and Tag.OLYMPUS_SIS_INI not in tags.tags:
        return False
    info = open_with_tifffile(tags.file.source, "sis_metadata")
    magnification = positive_float(info.get("magnification"))
    if magnification is not None:
        parts.add_objective(None, magnification=magnification)
    camera = str(info.get("cameraname") or "").strip()
    if camera:
        identity = parts.add_detector(Model=camera, Type="Other")
        for _ in range(count_channels(contents)):
            add_part(parts.add_channel(), "DetectorSettings", {"ID": identity})
    parts.annotate(NAMESPACE, _settings(info))
    return True


def _settings(info: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield plain values under their names, those of a section behind its own."""
    for section, value in info.items():
        entries = value if isinstance(value, list | tuple) else [value]
        for number, entry in enumerate(entries, start=1):
            where = f"{section}{number}" if len(entries) > 1 else str(section)
            if isinstance(entry, Mapping):
                yield from (
                    (f"{where}.{key}", item)
                    for key, item in entry.items()
                    if isinstance(item, _PLAIN)
                )
            elif isinstance(entry, _PLAIN):
                yield where, entry
