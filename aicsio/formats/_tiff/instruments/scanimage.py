"""ScanImage: photomultipliers, zoom, laser powers and motors of the header.

Rule kept here: a list of the header is taken only where it has an entry for each channel.

Source of the facts: https://docs.scanimage.org (header of the TIFF), MATLAB assignments.
"""

import re

from aicsio._ome.parts import add_part
from aicsio._ome.units import finite_number
from aicsio.formats._tiff.dialects.marks import is_scanimage
from aicsio.formats._tiff.instruments.parts import ImageParts, count_channels
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Contents

NAMESPACE = "scanimage.org"
_ASSIGNMENT = re.compile(r"^(?:scanimage\.)?SI5?\.(\S+)\s*=\s*(.*?)\s*$", re.MULTILINE)


def describe_scanimage(tags: PageTags, contents: Contents, parts: ImageParts) -> bool:
    """Add the settings of ScanImage."""
    if not is_scanimage(tags):
        return False
    software = tags.text(Tag.SOFTWARE)
    header = software if software.startswith("SI.") else tags.description
    settings = dict(_ASSIGNMENT.findall(header))
    zoom = finite_number(settings.get("hRoiManager.scanZoomFactor"))
    gains = read_numbers(settings.get("hPmts.gains", ""))
    names = re.findall(r"'([^']*)'", settings.get("hPmts.names", ""))
    saved = [int(number) for number in read_numbers(settings.get("hChannels.channelSave", ""))]
    if len(saved) == count_channels(contents):
        for number in saved:
            # MATLAB counts from 1, and the lists have all channels, stored or not.
            name = names[number - 1] if 0 < number <= len(names) else None
            gain = gains[number - 1] if 0 < number <= len(gains) else None
            identity = parts.add_detector(Model=name, Type="PMT" if name else None, Zoom=zoom)
            add_part(parts.add_channel(), "DetectorSettings", {"ID": identity, "Gain": gain})
    place = read_numbers(settings.get("hMotors.motorPosition", ""))
    if len(place) >= 3:
        parts.set_stage("motorPosition", *place[:3])
    parts.annotate(NAMESPACE, settings.items())
    return True


def read_numbers(text: str) -> list[float]:
    """Return the numbers of a row, a column or a single value of MATLAB; empty for anything else.

    Examples
    --------
    >>> from aicsio.formats._tiff.instruments.scanimage import read_numbers
    >>> read_numbers("[1;3]"), read_numbers("2"), read_numbers("{[1 2] [3]}")
    ([1.0, 3.0], [2.0], [])
    """
    words = text.strip("[] ").replace(";", " ").replace(",", " ").split()
    numbers = [finite_number(word) for word in words]
    known = [number for number in numbers if number is not None]
    return known if len(known) == len(numbers) else []
