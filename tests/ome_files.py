"""OME-TIFF files that tests make: planes of one value each, XML by hand. Nothing here is a test."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio import ImageHandle, to_numpy, transpose_to
from aicsio.testing.segments import Storage
from aicsio.testing.tiff_bytes import ASCII, TagEntry, make_page, write_pages

Array = npt.NDArray[Any]


def planes(count: int, samples: int = 1) -> list[Array]:
    return [np.full((5, 6, samples), 10 + i, np.uint8) for i in range(count)]


def ome_xml(body: str, uuid: str | None = "urn:uuid:1") -> str:
    identity = "" if uuid is None else f' UUID="{uuid}"'
    return f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{identity}>{body}</OME>'


def image(
    inside: str, z: int = 1, c: int = 1, t: int = 1, order: str = "XYZCT", name: str = "a"
) -> str:
    sizes = f'SizeX="6" SizeY="5" SizeZ="{z}" SizeC="{c}" SizeT="{t}"'
    pixels = f'<Pixels DimensionOrder="{order}" Type="uint8" {sizes}>{inside}</Pixels>'
    return f'<Image ID="I:{name}" Name="{name}">{pixels}</Image>'


def ome_tiff(path: Path, stack: list[Array], xml: str) -> Path:
    text = TagEntry(270, ASCII, xml.encode() + b"\0")
    path.write_bytes(
        write_pages([make_page(p, Storage(), [text] if not i else []) for i, p in enumerate(stack)])
    )
    return path


def codes(handle: ImageHandle) -> list[str]:
    return [note.code for note in handle.diagnostics]


def values(handle: ImageHandle) -> list[int]:
    """First pixel of each plane, in order."""
    letters = "".join(letter for letter in handle.dims if letter not in "YXS")
    picks = {"Y": 0, "X": 0, **({"S": 0} if "S" in handle.dims else {})}
    seen: list[int] = to_numpy(transpose_to(handle, letters, **picks)).reshape(-1).tolist()
    return seen


def member(number: int, name: str, uuid: str | None = None) -> str:
    identity = f'<UUID FileName="{name}">{uuid or f"urn:uuid:{number}"}</UUID>'
    return f'<TiffData FirstZ="{number}" IFD="0" PlaneCount="1">{identity}</TiffData>'


def write_set(folder: Path, names: list[str]) -> list[Path]:
    """A set whose metadata are in its first file; the others only point to it."""
    everything = image("".join(member(i, name) for i, name in enumerate(names)), z=len(names))
    pointer = f'<BinaryOnly MetadataFile="{names[0]}" UUID="urn:uuid:0"/>'
    return [
        ome_tiff(folder / name, [plane], ome_xml(pointer if i else everything, f"urn:uuid:{i}"))
        for i, (name, plane) in enumerate(zip(names, planes(len(names)), strict=True))
    ]
