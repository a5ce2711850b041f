"""Legal LIF and LOF files of any dims, memory orders, depths, folders and mosaics.

Rule kept here: a file holds the given pixels in the order of ``memory_order``; the strides and
offsets of its XML follow from that order alone.

Source of the structures: "LIF File Format Description" (Leica Microsystems).
"""

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
"""1970-01-01 in tenths of microseconds since 1601, as LIF counts time."""
MAGIC, FIELD = 0x70, b"\x2a"
"""First number of each chunk, and the mark before each of its fields."""


@attrs.frozen(eq=False)
class LifImage:
    """One image of a project."""

    pixels: npt.NDArray[Any]
    """Any number of axes; uint8, uint16, uint32, float16 to float64."""
    dims: str
    """A letter for each axis of ``pixels``: of ``DIM_IDS``, C for channels, S for samples."""
    name: str = "Series001"
    """Path in the project tree."""
    memory_order: str | None = None
    """Letters of ``dims`` as they lie in memory, slowest first; ``None`` for ``dims``."""
    depths: tuple[str, ...] = ()
    """Numpy types of the channels, where they differ."""
    luts: tuple[str, ...] = ()
    """Names of colour tables, one a channel."""
    dyes: tuple[str, ...] = ()
    """Dyes, one a channel, written as those of active detectors."""
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
    """Whether the memory block holds all pixels of the description."""


@attrs.frozen(eq=False)
class _MemoryPlan:
    """Where the pixels of an image lie in its memory block."""

    strides: dict[str, int]
    """Bytes from one position to the next, by letter; C and S have offsets instead."""
    offsets: dict[tuple[int, int], int]
    """Bytes to the first pixel, by channel and sample."""
    nbytes: int
    """Length of the block."""


def _sizes(image: LifImage) -> dict[str, int]:
    return dict(zip(image.dims, image.pixels.shape, strict=True))


def _channel_type(image: LifImage, channel: int) -> np.dtype[Any]:
    return np.dtype(image.depths[channel] if image.depths else image.pixels.dtype)


def _plan_memory(image: LifImage) -> _MemoryPlan:
    sizes = _sizes(image)
    types = image.depths or (image.pixels.dtype.name,)
    # Channels of different depth share one stride, that of the widest.
    step = max(np.dtype(name).itemsize for name in types)
    strides: dict[str, int] = {}
    for letter in reversed(image.memory_order or image.dims):
        strides[letter] = step
        step *= sizes[letter]
        if letter == "X":
            # Strides allow bytes at the end of a row that belong to no pixel.
            step += image.row_padding
    # Channels and samples are described by offsets and not by a dimension.
    channel_step, sample_step = strides.pop("C", 0), strides.pop("S", 0)
    offsets = {
        (c, s): c * channel_step + s * sample_step
        for c in range(sizes.get("C", 1))
        for s in range(sizes.get("S", 1))
    }
    return _MemoryPlan(strides, offsets, step)


def memory_of(image: LifImage) -> bytes:
    """Return the memory block of an image.

    Parameters
    ----------
    image
        The image.

    Returns
    -------
    bytes
        Its pixels in the order of ``memory_order``.
    """
    plan = _plan_memory(image)
    out = np.zeros(plan.nbytes, np.uint8)
    letters = [letter for letter in image.dims if letter not in "CS"]
    strides = tuple(plan.strides[letter] for letter in letters)
    for (c, s), offset in plan.offsets.items():
        picks = {"C": c, "S": s}
        plane = image.pixels[tuple(picks.get(letter, slice(None)) for letter in image.dims)]
        dtype = _channel_type(image, c).newbyteorder("<")
        # numpy writes through the strides of the file: no copy decides where a pixel lies.
        view: npt.NDArray[Any] = np.ndarray(plane.shape, dtype, out.data, offset, strides)
        view[...] = plane
    memory = out.tobytes()
    if image.memory == "short":
        # As after a stopped transfer: the last third is missing.
        return memory[: -max(1, len(memory) // 3)]
    return memory


def element_of(image: LifImage, block: str | None) -> ET.Element:
    """Describe an image.

    Parameters
    ----------
    image
        The image.
    block
        Identifier of its memory block; ``None`` leaves the memory out.

    Returns
    -------
    xml.etree.ElementTree.Element
        Its element of the project tree.
    """
    plan = _plan_memory(image)
    element = ET.Element("Element", Name=image.name.rpartition("/")[2])
    described = ET.SubElement(ET.SubElement(element, "Data"), "Image")
    description = ET.SubElement(described, "ImageDescription")
    _add_channels(ET.SubElement(description, "Channels"), image, plan)
    _add_dimensions(ET.SubElement(description, "Dimensions"), image, plan)
    _add_times(described, image)
    _add_settings(described, image)
    if block is not None:
        ET.SubElement(element, "Memory", Size=str(plan.nbytes), MemoryBlockID=block)
    return element


def _add_channels(channels: ET.Element, image: LifImage, plan: _MemoryPlan) -> None:
    is_color = _sizes(image).get("S", 1) == 3
    for (c, s), offset in plan.offsets.items():
        dtype = _channel_type(image, c)
        # ChannelTag: 0 gray, 1 red, 2 green, 3 blue.
        tag = s + 1 if is_color else 0
        ET.SubElement(channels, "ChannelDescription", {
            "DataType": str(int(dtype.kind == "f")), "ChannelTag": str(tag),
            "Resolution": str(8 * dtype.itemsize), "NameOfMeasuredQuantity": "",
            "Min": "0", "Max": "255", "Unit": "",
            "LUTName": image.luts[c] if image.luts else "Gray", "IsLUTInverted": "0",
            "BytesInc": str(offset), "BitInc": "0",
        })  # fmt: skip


def _add_dimensions(dimensions: ET.Element, image: LifImage, plan: _MemoryPlan) -> None:
    sizes = _sizes(image)
    # From the fastest to the slowest, as in every image of the public LIF files of the corpus.
    for letter in sorted(plan.strides, key=plan.strides.__getitem__):
        unit = UNITS.get(letter, "")
        ET.SubElement(dimensions, "DimensionDescription", {
            "DimID": str(DIM_IDS[letter]), "NumberOfElements": str(sizes[letter]),
            "Origin": repr(float(image.origins.get(letter, 0))),
            "Length": repr(float(image.lengths.get(letter, 0))),
            "Unit": unit.replace("m", image.unit), "BitInc": "0",
            "BytesInc": str(plan.strides[letter]),
        })  # fmt: skip


def _add_times(root: ET.Element, image: LifImage) -> None:
    if not image.times:
        return
    # Whole numbers from here on: a float holds 16 digits, a time stamp has 18.
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
            place = {"FieldX": "0", "FieldY": "0", "PosX": repr(x), "PosY": repr(y), "PosZ": "0"}
            ET.SubElement(scan, "Tile", place)
    if image.dyes:
        attachment = ET.SubElement(root, "Attachment", Name="HardwareSetting")
        lens = {"ObjectiveName": "HC PL APO", "Magnification": "63", "NumericalAperture": "1.4"}
        settings = {**lens, "Immersion": "OIL", "StagePosX": "0.001", "StagePosY": "0.002", **flags}
        scan = ET.SubElement(attachment, "ATLConfocalSettingDefinition", settings)
        for number, dye in enumerate(image.dyes, start=1):
            channel = str(number)
            ET.SubElement(scan, "Detector", Channel=channel, IsActive="1", Name=f"PMT {number}")
            band = {
                "TargetWaveLengthBegin": str(500 + 50 * number),
                "TargetWaveLengthEnd": str(520 + 50 * number),
            }
            ET.SubElement(scan, "MultiBand", {"Channel": channel, "DyeName": dye, **band})


def text_chunk(characters: str) -> bytes:
    """Make a chunk of text: 0x70, its length, and a field of UTF-16 characters."""
    raw = characters.encode("utf-16-le")
    return struct.pack("<IIcI", MAGIC, len(raw) + 5, FIELD, len(raw) // 2) + raw


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

    Returns
    -------
    The content of the file.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing.lif import LifImage, build_lif
    >>> content = build_lif([LifImage(np.zeros((5, 6), np.uint8), "YX", name="Folder/a")])
    >>> open_image(content).scene_names
    ('Folder/a',)
    """
    root = ET.Element("LMSDataContainerHeader", Version=str(version))
    folders = {"": ET.SubElement(ET.SubElement(root, "Element", Name=project), "Children")}
    blocks = []
    for index, image in enumerate(images):
        identifier = f"MemBlock_{index + 10}"
        folder = _folder(folders, image.name.rpartition("/")[0])
        folder.append(element_of(image, identifier))
        # The XML names the block all the same.
        if image.memory != "missing":
            blocks.append(_block(identifier, memory_of(image), version))
    return text_chunk(ET.tostring(root, encoding="unicode")) + b"".join(blocks)


def _folder(folders: dict[str, ET.Element], path: str) -> ET.Element:
    """Return the children of the folder ``path``; those that are missing are made."""
    if path not in folders:
        parent, _, name = path.rpartition("/")
        folder = ET.SubElement(_folder(folders, parent), "Element", Name=name)
        ET.SubElement(folder, "Data")
        folders[path] = ET.SubElement(folder, "Children")
    return folders[path]


def _block(identifier: str, memory: bytes, version: int) -> bytes:
    raw = identifier.encode("utf-16-le")
    size = struct.pack("<Q" if version == 2 else "<I", len(memory))
    body = FIELD + size + FIELD + struct.pack("<I", len(raw) // 2) + raw
    return struct.pack("<II", MAGIC, len(body)) + body + memory


def build_lof(image: LifImage) -> bytes:
    """Make a LOF: one image, its memory before its description.

    Parameters
    ----------
    image
        The image; its folder is left out.

    Returns
    -------
    The content of the file.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing.lif import LifImage, build_lof
    >>> open_image(build_lof(LifImage(np.zeros((5, 6), np.uint8), "YX", name="a"))).dims
    Dims(order='YX', shape=(5, 6))
    """
    memory = memory_of(image)
    root = ET.Element("LMSDataContainerHeader", Version="2")
    root.append(element_of(image, "MemBlock_1"))
    # Two version numbers, then the length of the memory.
    head = struct.pack("<cIcIcQ", FIELD, 2, FIELD, 0, FIELD, len(memory))
    description = text_chunk(ET.tostring(root, encoding="unicode"))
    return text_chunk("LMS_Object_File") + head + memory + description


def write_lif(path: str | Path, images: Sequence[LifImage], *, version: Literal[1, 2] = 2) -> Path:
    """Write a LIF.

    Parameters
    ----------
    path
        File to write.
    images, version
        As for ``build_lif``.

    Returns
    -------
    The path of the file.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.lif import LifImage, write_lif
    >>> write_lif("zeros.lif", [LifImage(np.zeros((5, 6), np.uint8), "YX")]).name
    'zeros.lif'
    """
    target = Path(path)
    target.write_bytes(build_lif(images, version=version))
    return target


def cut_tiles(
    scene: npt.NDArray[Any],
    tile: tuple[int, int],
    step: tuple[int, int],
    pixel: float,
    turn: tuple[bool, bool, bool],
) -> tuple[npt.NDArray[Any], tuple[tuple[float, float], ...]]:
    """Cut a picture into tiles, with the stage position of each.

    Parameters
    ----------
    scene
        Shape (Y, X).
    tile, step
        Rows and columns of a tile, and from one tile to the next.
    pixel
        Width of a pixel in metres.
    turn
        FlipX, FlipY, SwapXY: how the axes of the stage lie against those of the picture.

    Returns
    -------
    Tiles with shape (M, Y, X), and the stage position x, y of each in metres.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.lif import cut_tiles
    >>> tiles, places = cut_tiles(np.zeros((8, 12)), (4, 6), (4, 6), 1e-6, (False, False, False))
    >>> tiles.shape, len(places)
    ((4, 4, 6), 4)
    """
    flip_x, flip_y, swap = turn
    tiles, places = [], []
    for y in range(0, scene.shape[0] - tile[0] + 1, step[0]):
        for x in range(0, scene.shape[1] - tile[1] + 1, step[1]):
            tiles.append(scene[y : y + tile[0], x : x + tile[1]])
            stage_x = -x if flip_x else x
            stage_y = -y if flip_y else y
            if swap:
                stage_x, stage_y = stage_y, stage_x
            # The stage stands anywhere; readers must subtract the position of the first tile.
            places.append((0.01 + stage_x * pixel, 0.02 + stage_y * pixel))
    return np.stack(tiles), tuple(places)
