"""Legal LIF and LOF files of any dims, memory orders, depths, folders and mosaics.

``write_lif`` puts images into a container; where each pixel lies follows from ``memory_order``, as the format's strides
allow.

from aicsio.testing.lif import LifImage, write_lif

write_lif("project.lif", [LifImage(pixels, "TCZYX", name="Folder/Series001", memory_order="TZCYX")])

Source of the structures: "LIF File Format Description" (Leica Microsystems).
"""

import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree as ET

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["LifImage", "build_lif", "build_lof", "cut_tiles", "write_lif"]

DIM_IDS = {"X": 1, "Y": 2, "Z": 3, "T": 4, "L": 5, "R": 6, "N": 7, "Q": 8, "E": 9, "M": 10, "P": 11}
UNITS = {"X": "m", "Y": "m", "Z": "m", "T": "s", "L": "m", "E": "m"}
FILETIME_1970 = 116444736000000000


@attrs.frozen(eq=False)
class LifImage:
    """One image of a project."""

    pixels: npt.NDArray[Any]
    """Any number of axes; uint8, uint16, uint32, float16 to float64."""
    dims: str
    """A letter an axis of ``pixels``: those of ``DIM_IDS``, C for channels, S for red, green, blue."""
    name: str = "Series001"
    """Path in the project tree."""
    memory_order: str | None = None
    """Letters of ``dims`` as they lie in memory, slowest first; ``None`` for ``dims``."""
    depths: tuple[str, ...] = ()
    """Numpy types of the channels, where they differ."""
    luts: tuple[str, ...] = ()
    """Names of colour tables, one a channel."""
    dyes: tuple[str, ...] = ()
    """Dyes, one a channel, told by active detectors."""
    lengths: Mapping[str, float] = attrs.Factory(dict)
    """By letter: from the first position to the last, in ``unit`` (seconds for T)."""
    origins: Mapping[str, float] = attrs.Factory(dict)
    """By letter: coordinate of the first position."""
    unit: str = "m"
    """Unit of lengths."""
    tiles: tuple[tuple[float, float], ...] = ()
    """Stage position x, y of each tile in metres."""
    turn: tuple[bool, bool, bool] = (False, False, False)
    """FlipX, FlipY, SwapXY of the tile scan."""
    times: tuple[float, ...] = ()
    """Seconds since 1970 of each frame."""
    old_times: bool = False
    """Whether time stamps are written as elements with two halves."""
    row_padding: int = 0
    """Bytes behind each row that belong to no pixel."""
    memory: Literal["whole", "short", "missing"] = "whole"
    """Whether the memory block holds what the description promises."""


def _layout(image: LifImage) -> tuple[dict[str, int], dict[tuple[int, int], int], int]:
    """Strides by letter, offsets by channel and sample, and bytes in all."""
    sizes = dict(zip(image.dims, image.pixels.shape, strict=True))
    types = image.depths or (image.pixels.dtype.name,)
    step = max(np.dtype(kind).itemsize for kind in types)
    strides: dict[str, int] = {}
    for letter in reversed(image.memory_order or image.dims):
        strides[letter] = step
        step *= sizes[letter]
        if letter == "X":
            step += image.row_padding
    channels, samples = range(sizes.get("C", 1)), range(sizes.get("S", 1))
    offsets = {
        (c, s): c * strides.get("C", 0) + s * strides.get("S", 0) for c in channels for s in samples
    }
    return {k: v for k, v in strides.items() if k not in "CS"}, offsets, step


def _memory(image: LifImage) -> bytes:
    strides, offsets, nbytes = _layout(image)
    out = np.zeros(nbytes, np.uint8)
    letters = [letter for letter in image.dims if letter not in "CS"]
    for (c, s), offset in offsets.items():
        one = {"C": c, "S": s}
        plane = image.pixels[tuple(one.get(letter, slice(None)) for letter in image.dims)]
        kind = np.dtype(image.depths[c] if image.depths else image.pixels.dtype).newbyteorder("<")
        view: npt.NDArray[Any] = np.ndarray(
            plane.shape, kind, out.data, offset, tuple(strides[letter] for letter in letters)
        )
        view[...] = plane
    memory = out.tobytes()
    return memory[: -max(1, len(memory) // 3)] if image.memory == "short" else memory


def _element(image: LifImage, block: str | None) -> ET.Element:
    sizes = dict(zip(image.dims, image.pixels.shape, strict=True))
    strides, offsets, nbytes = _layout(image)
    element = ET.Element("Element", Name=image.name.rpartition("/")[2])
    described = ET.SubElement(
        ET.SubElement(ET.SubElement(element, "Data"), "Image"), "ImageDescription"
    )
    channels = ET.SubElement(described, "Channels")
    for (c, s), offset in offsets.items():
        kind = np.dtype(image.depths[c] if image.depths else image.pixels.dtype)
        ET.SubElement(channels, "ChannelDescription", {
            "DataType": "1" if kind.kind == "f" else "0", "ChannelTag": str(s + 1 if sizes.get("S", 1) == 3 else 0),
            "Resolution": str(8 * kind.itemsize), "NameOfMeasuredQuantity": "", "Min": "0", "Max": "255", "Unit": "",
            "LUTName": image.luts[c] if image.luts else "Gray", "IsLUTInverted": "0", "BytesInc": str(offset),
            "BitInc": "0",
        })  # fmt: skip
    dimensions = ET.SubElement(described, "Dimensions")
    for letter in sorted(strides, key=strides.__getitem__):
        ET.SubElement(dimensions, "DimensionDescription", {
            "DimID": str(DIM_IDS[letter]), "NumberOfElements": str(sizes[letter]),
            "Origin": repr(float(image.origins.get(letter, 0))), "Length": repr(float(image.lengths.get(letter, 0))),
            "Unit": image.unit if UNITS.get(letter) == "m" else UNITS.get(letter, ""), "BitInc": "0",
            "BytesInc": str(strides[letter]),
        })  # fmt: skip
    root = element[0][0]
    _add_times(root, image)
    _add_settings(root, image)
    if block is not None:
        ET.SubElement(element, "Memory", Size=str(nbytes), MemoryBlockID=block)
    return element


def _add_times(root: ET.Element, image: LifImage) -> None:
    if not image.times:
        return
    ticks = [round(seconds * 1e7) + FILETIME_1970 for seconds in image.times]
    listed = ET.SubElement(root, "TimeStampList")
    if image.old_times:
        for tick in ticks:
            ET.SubElement(
                listed, "TimeStamp", HighInteger=str(tick >> 32), LowInteger=str(tick & 0xFFFFFFFF)
            )
    else:
        listed.set("NumberOfTimeStamps", str(len(ticks)))
        listed.text = " ".join(f"{tick:x}" for tick in ticks) + " "


def _add_settings(root: ET.Element, image: LifImage) -> None:
    flags = {
        key: str(int(value))
        for key, value in zip(("FlipX", "FlipY", "SwapXY"), image.turn, strict=True)
    }
    if image.tiles:
        scan = ET.SubElement(root, "Attachment", {"Name": "TileScanInfo", **flags})
        for x, y in image.tiles:
            ET.SubElement(
                scan, "Tile", FieldX="0", FieldY="0", PosX=repr(x), PosY=repr(y), PosZ="0"
            )
    if image.dyes:
        attachment = ET.SubElement(root, "Attachment", Name="HardwareSetting")
        scan = ET.SubElement(
            attachment,
            "ATLConfocalSettingDefinition",
            ObjectiveName="HC PL APO",
            Magnification="63",
        )
        scan.attrib.update(
            NumericalAperture="1.4", Immersion="OIL", StagePosX="0.001", StagePosY="0.002", **flags
        )
        for number, dye in enumerate(image.dyes, start=1):
            channel = str(number)
            ET.SubElement(scan, "Detector", Channel=channel, IsActive="1", Name=f"PMT {number}")
            band = {
                "TargetWaveLengthBegin": str(500 + 50 * number),
                "TargetWaveLengthEnd": str(520 + 50 * number),
            }
            ET.SubElement(scan, "MultiBand", {"Channel": channel, "DyeName": dye, **band})


def _text(characters: str, magic: int = 0x70) -> bytes:
    raw = characters.encode("utf-16-le")
    return struct.pack("<IIBI", magic, len(raw) + 5, 0x2A, len(raw) // 2) + raw


def build_lif(
    images: Sequence[LifImage], *, version: Literal[1, 2] = 2, project: str = "Project"
) -> bytes:
    """Make a LIF.

    Parameters
    ----------
    images
        In the order of the project tree; folders come from their names.
    version
        2 writes block sizes with eight bytes, 1 with four.
    project
        Name of the project.
    """
    root = ET.Element("LMSDataContainerHeader", Version=str(version))
    folders = {"": ET.SubElement(ET.SubElement(root, "Element", Name=project), "Children")}
    blocks = []
    for index, image in enumerate(images):
        path = image.name.rpartition("/")[0]
        parts = path.split("/") if path else []
        for depth in range(1, len(parts) + 1):
            here = "/".join(parts[:depth])
            if here not in folders:
                folder = ET.SubElement(
                    folders["/".join(parts[: depth - 1])], "Element", Name=parts[depth - 1]
                )
                ET.SubElement(folder, "Data")
                folders[here] = ET.SubElement(folder, "Children")
        name = f"MemBlock_{index + 10}"
        folders[path].append(_element(image, name))
        if image.memory != "missing":
            blocks.append(_block(name, _memory(image), version))
    return _text(ET.tostring(root, encoding="unicode")) + b"".join(blocks)


def _block(name: str, memory: bytes, version: int) -> bytes:
    raw = name.encode("utf-16-le")
    size = struct.pack("<Q" if version == 2 else "<I", len(memory))
    body = b"\x2a" + size + b"\x2a" + struct.pack("<I", len(raw) // 2) + raw
    return struct.pack("<II", 0x70, len(body)) + body + memory


def build_lof(image: LifImage) -> bytes:
    """Make a LOF: one image, its memory before its description."""
    memory = _memory(image)
    root = ET.Element("LMSDataContainerHeader", Version="2")
    root.append(_element(image, "MemBlock_1"))
    head = _text("LMS_Object_File") + struct.pack("<BIBIBQ", 0x2A, 2, 0x2A, 0, 0x2A, len(memory))
    return head + memory + _text(ET.tostring(root, encoding="unicode"))


def write_lif(path: str | Path, images: Sequence[LifImage], *, version: Literal[1, 2] = 2) -> Path:
    """Write a LIF; returns its path."""
    where = Path(path)
    where.write_bytes(build_lif(images, version=version))
    return where


def cut_tiles(
    scene: npt.NDArray[Any],
    tile: tuple[int, int],
    step: tuple[int, int],
    pixel: float,
    turn: tuple[bool, bool, bool],
) -> tuple[npt.NDArray[Any], tuple[tuple[float, float], ...]]:
    """Cut a picture into tiles and say where the stage stood for each.

    Parameters
    ----------
    scene
        Shape (Y, X).
    tile, step
        Rows and columns of a tile, and from one tile to the next.
    pixel
        Width of a pixel in metres.
    turn
        FlipX, FlipY, SwapXY: how the stage's axes lie against those of the picture.

    Returns
    -------
    Tiles with shape (M, Y, X), and the stage's x, y in metres of each.
    """
    rows = range(0, scene.shape[0] - tile[0] + 1, step[0])
    columns = range(0, scene.shape[1] - tile[1] + 1, step[1])
    tiles, places = [], []
    for y in rows:
        for x in columns:
            tiles.append(scene[y : y + tile[0], x : x + tile[1]])
            across, down = (-x if turn[0] else x), (-y if turn[1] else y)
            stage = (down, across) if turn[2] else (across, down)
            places.append(
                (math.fsum([0.01, stage[0] * pixel]), math.fsum([0.02, stage[1] * pixel]))
            )
    return np.stack(tiles), tuple(places)
