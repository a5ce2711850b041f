"""OME-XML with an element or two for each plane: opening the file beside the bare parse of the same text."""

from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree.ElementTree import XMLParser
from xml.parsers import expat

import attrs
import numpy as np
from rich.console import Console
from rich.table import Table

import aicsio
from benchmarks import timing
from ome_files import ome_tiff, ome_xml

UUID = '><UUID FileName="{name}">urn:uuid:1</UUID></TiffData>'
PLANE = (
    '<Plane TheZ="{z}" TheC="0" TheT="{t}" {time}ExposureTime="0.05" '
    'ExposureTimeUnit="s" PositionX="{x}" PositionXUnit="µm" PositionY="{x}" PositionYUnit="µm" '
    'PositionZ="0.5" PositionZUnit="µm"/>'
)
DEPTH = 10
"""Sections of a time point."""


@attrs.frozen
class Row:
    """One document; seconds of the processors, the least of all turns."""

    name: str
    characters: int
    seconds: Mapping[str, float]


def measure(folder: Path, count: int, rounds: int) -> list[Row]:
    """Measure documents of about ``count`` planes."""
    rows = []
    for name, inside in _bodies(-(-count // DEPTH)).items():
        path = folder / f"{name.replace(' ', '_')}.ome.tif"
        text = _document(inside.replace("{name}", path.name), -(-count // DEPTH))
        stack = [
            np.full((2, 2, 1), number % 256, np.uint8)
            for number in range(-(-count // DEPTH) * DEPTH)
        ]
        ome_tiff(path, stack, text)
        found = timing.measure(_contenders(path, text), rounds, 600, "cpu")
        rows.append(Row(name, len(text), {key: min(each.seconds) for key, each in found.items()}))
        path.unlink()
    return rows


def _bodies(times: int) -> dict[str, str]:
    places, named, planes, some = [], [], [], []
    for number in range(times * DEPTH):
        t, z = divmod(number, DEPTH)
        place = f'<TiffData IFD="{number}" FirstZ="{z}" FirstC="0" FirstT="{t}" PlaneCount="1"'
        places.append(f"{place}/>")
        named.append(place + UUID)
        time = f'DeltaT="{number * 0.05:.2f}" DeltaTUnit="s" '
        place_on_stage = {"z": z, "t": t, "x": f"{t * 0.1:.1f}"}
        planes.append(PLANE.format(time=time, **place_on_stage))
        some.append(PLANE.format(time=time if number % 2 else "", **place_on_stage))
    return {
        "TiffData": "".join(places),
        "Plane": "".join(planes),
        "TiffData and Plane": "".join(places + planes),
        "TiffData with UUID and Plane": "".join(named + planes),
        "Plane, times of every other": "".join(some),
    }


def _document(inside: str, times: int) -> str:
    sizes = f'SizeX="2" SizeY="2" SizeZ="{DEPTH}" SizeC="1" SizeT="{times}"'
    pixels = f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" {sizes}>'
    channel = '<Channel ID="Channel:0:0" Name="DAPI"/>'
    return ome_xml(f'<Image ID="Image:0">{pixels}{channel}{inside}</Pixels></Image>')


def _contenders(path: Path, text: str) -> dict[str, Callable[[], object]]:
    raw = text.encode()

    def parse() -> object:
        parser = XMLParser()  # noqa: S314 - the text is ours
        parser.feed(text)
        return parser.close()

    def scan() -> object:
        return expat.ParserCreate().Parse(raw, True)

    def describe() -> object:
        handle = aicsio.open_image(path)
        return handle.channel_names, handle.dims, handle.pixel_size

    return {"ours": describe, "parse": parse, "scan": scan}


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table(title="OME-XML of many planes: open, names and sizes; least ms of the processors")
    for heading in (
        "elements",
        "MB",
        "ours",
        "ElementTree",
        "expat, no tree",
        "ours / ElementTree",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        ours, parse, scan = (1000 * row.seconds[name] for name in ("ours", "parse", "scan"))
        cells = [f"{ours:.1f}", f"{parse:.1f}", f"{scan:.1f}", f"{ours / parse:.2f}"]
        table.add_row(row.name, f"{row.characters / 1e6:.1f}", *cells)
    console.print(table)
