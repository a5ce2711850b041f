"""Leica LIF and LOF. Two engines behind the same records: native (default), and readlif.

Rule kept here: an image that cannot be found is listed without pixels and with a diagnostic; the others open.
"""

import itertools
from collections import Counter
from xml.etree import ElementTree as ET

import attrs
import numpy as np

from aicsio._io import readers
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats.lif import metadata as xml
from aicsio.formats.lif.container import Block, Container, is_leica_xml, is_lif, read_container
from aicsio.formats.lif.layout import Memory, Stitched
from aicsio.formats.lif.metadata import Axis, Refused, Stored
from aicsio.records import (
    Channel,
    Contents,
    Coordinate,
    Diagnostic,
    Dims,
    LazyArray,
    PixelSize,
    Planes,
    Scene,
    Source,
    Tiles,
)

BLOCK_BYTES = 2 << 20
"""Blocks are made about this large."""


def recognises(source: Source, head: bytes, /) -> bool:  # noqa: ARG001 - part of the protocol
    """Say whether the file is a LIF, a LOF, or one of Leica's XML files (which are then refused by name)."""
    return is_lif(head) or is_leica_xml(head)


def read_contents(source: Source, options: Options, /) -> Contents:
    """Describe the images of a LIF or LOF file.

    Raises
    ------
    CorruptFileError, UnsupportedFormatError, MissingDependencyError
    """
    if is_leica_xml(readers.read_head(source, 256)):
        raise UnsupportedFormatError(
            f"{source.uri} is one of Leica's XML files (XLEF, XLIF, XLCF), which hold no pixels: "
            "open the .lof or .lif files that it names"
        )
    container = read_container(source)
    root = xml.parse_xml(container.text, source)
    scenes, notes = [], list(container.diagnostics)
    found = list(xml.images(root))
    if not found and root.tag == "Data":  # some LOFs hold the data of their image alone
        wrapper = ET.Element("Element", {"Name": ""})
        wrapper.append(root)
        found = [("", wrapper)]
    names = _distinct([path for path, _ in found])
    for name, (_, element) in zip(names, found, strict=True):
        scene, trouble = _scene(source, container, name, element, tiles=options.mosaic == "tiles")
        scenes.append(scene)
        notes.extend(trouble)
    if not any(scene.levels for scene in scenes):
        reasons = "; ".join(note.message for note in notes[:3]) or "its XML describes none"
        raise CorruptFileError.at(source.uri, None, f"expected an image with pixels: {reasons}")
    contents = Contents(tuple(scenes), container.text, tuple(notes))
    if options.engine == "readlif":
        from aicsio.formats.lif import readlif_engine

        return readlif_engine.contents(source, contents)
    return contents


def _distinct(paths: list[str]) -> list[str]:
    """Tell images of one path apart by a number, in the order of the file."""
    count, seen = Counter(paths), Counter[str]()
    names = []
    for index, path in enumerate(paths):
        seen[path] += 1
        name = path or f"Image:{index}"
        names.append(f"{name}#{seen[path]}" if count[path] > 1 and path else name)
    return names


def _scene(
    source: Source, container: Container, name: str, element: ET.Element, *, tiles: bool
) -> tuple[Scene, list[Diagnostic]]:
    image = element.find("./Data/Image")
    if image is None:
        raise CorruptFileError.at(source.uri, None, f"expected an image in {name!r}")
    try:
        axes, channels = xml.parse_axes(image), xml.parse_channels(image)
        array = _array(source, _block(container, element, source), axes, channels)
    except Refused as refused:
        return Scene(name, ()), [
            Diagnostic("lif-no-pixels", f"{name!r} is listed without pixels: {refused}", name)
        ]
    notes: list[Diagnostic] = []
    table = None
    samples = array.stored.get("S", 1)
    if "M" in array.stored:
        array, table, notes = _mosaic(array, axes, image, name, tiles=tiles)
    spacing = {axis.letter: axis.spacing(xml.MICROMETRES) for axis in axes}
    time = next((axis.spacing(xml.SECONDS) for axis in axes if axis.letter == "T"), None)
    stamps = xml.time_stamps(image)
    return Scene(
        name=name,
        levels=(array,),
        channels=_without_swept(
            xml.describe_channels(image, channels[::samples], samples), array.stored
        ),
        pixel_size=PixelSize(spacing.get("Z"), spacing.get("Y"), spacing.get("X")),
        time_step=time,
        acquired=xml.as_date(int(stamps[0])) if stamps.size else None,
        objective=xml.objective(image),
        planes=_planes(axes, channels, samples, stamps, image),
        tiles=table,
        coordinates=tuple(_coordinates(axes)),
    ), notes


def _block(container: Container, element: ET.Element, source: Source) -> Block:
    """Find the memory block of an image, as far as the file holds it."""
    memory = element.find("Memory")
    name = "" if memory is None else memory.get("MemoryBlockID", "")
    block = container.blocks.get("") or container.blocks.get(name)
    if block is None:
        raise Refused(f"its memory block {name!r} is not in the file")
    there = (source.size or 0) - block.offset
    return attrs.evolve(block, size=min(block.size, max(there, 0)))


# ---------------------------------------------------------------- pixels


def _array(
    source: Source, block: Block, axes: tuple[Axis, ...], channels: tuple[Stored, ...]
) -> LazyArray:
    """Lay out an image: its axes by their strides, channels and samples by their offsets.

    Raises
    ------
    Refused
        When pixels would lie outside of the memory block, or on top of each other.
    """
    samples = _samples(channels)
    groups = [
        sorted(channels[i : i + samples], key=lambda one: one.tag)
        for i in range(0, len(channels), samples)
    ]
    count = len(groups)
    step = min(
        (abs(groups[i + 1][0].offset - groups[i][0].offset) for i in range(count - 1)), default=0
    )
    where = sum(axis.step > step for axis in axes) if count > 1 else 0
    letters = [axis.letter for axis in axes]
    shape, strides = [axis.size for axis in axes], [axis.step for axis in axes]
    if count > 1:
        letters.insert(where, "C")
        shape.insert(where, count)
        strides.insert(where, 0)
    if samples > 1:
        letters.append("S")
        shape.append(samples)
        strides.append(0)
    dtypes = tuple(group[0].dtype for group in groups)
    _check_inside(block, shape, strides, channels)
    offsets = tuple(block.offset + one.offset for group in groups for one in group)
    c = where if count > 1 else -1
    s = len(letters) - 1 if samples > 1 else -1
    between = {b[0].offset - a[0].offset for a, b in itertools.pairwise(groups)}
    within = {b.offset - a.offset for group in groups for a, b in itertools.pairwise(group)}
    even = len(set(dtypes)) == 1 and len(between) <= 1 and len(within) <= 1
    if even and c >= 0:
        strides[c] = between.pop()
    if even and s >= 0:
        strides[s] = within.pop()
    widest = dtypes[0] if len(set(dtypes)) == 1 else np.result_type(*dtypes)
    blocks = _block_shape(shape, widest.itemsize)
    layout = Memory(source, tuple(shape), tuple(strides), blocks, c, s, even, offsets, dtypes)
    return LazyArray.whole(layout, Dims("".join(letters), tuple(shape)), widest)


def _samples(channels: tuple[Stored, ...]) -> int:
    """3 when channels come in threes of red, green and blue that lie beside each other, else 1."""
    if len(channels) % 3 or any(one.tag == 0 for one in channels):
        return 1
    for i in range(0, len(channels), 3):
        three = channels[i : i + 3]
        offsets = sorted(one.offset for one in three)
        near = offsets[2] - offsets[0] == 2 * three[0].dtype.itemsize
        if (
            {one.tag for one in three} != {1, 2, 3}
            or len({one.dtype for one in three}) > 1
            or not near
        ):
            return 1
    return 3


def _check_inside(
    block: Block, shape: list[int], strides: list[int], channels: tuple[Stored, ...]
) -> None:
    far = sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    for one in channels:
        if one.offset + far + one.dtype.itemsize > block.size:
            end = one.offset + far + one.dtype.itemsize
            raise Refused(f"its pixels take {end} bytes, its memory block holds {block.size}")
    pixels = 1
    for n in shape:
        pixels *= n
    # Strides that lie on top of each other would make a large image of a small block.
    if pixels * min(one.dtype.itemsize for one in channels) > block.size:
        raise Refused(f"it claims {pixels} pixels, its memory block holds {block.size} bytes")


def _block_shape(shape: list[int], itemsize: int) -> tuple[int, ...]:
    """Take whole fast axes, and as much of the next as makes a block of about ``BLOCK_BYTES``."""
    blocks, nbytes = [1] * len(shape), itemsize
    for axis in reversed(range(len(shape))):
        blocks[axis] = max(1, min(shape[axis], BLOCK_BYTES // nbytes))
        nbytes *= blocks[axis]
        if blocks[axis] < shape[axis]:
            break
    return tuple(blocks)


# ---------------------------------------------------------------- mosaics


def _mosaic(
    array: LazyArray, axes: tuple[Axis, ...], image: ET.Element, name: str, *, tiles: bool
) -> tuple[LazyArray, Tiles | None, list[Diagnostic]]:
    """Place tiles on a canvas by their recorded positions, or keep M when they cannot be placed or shall not."""
    stored = array.stored
    found = xml.tiles(image)
    size = {axis.letter: axis.spacing(xml.MICROMETRES) for axis in axes}
    if len(found) != stored["M"] or not {"Y", "X"} <= set(stored.order):
        text = f"{name!r} has {stored['M']} tiles and {len(found)} positions: the tiles are kept apart along M"
        return array, None, [Diagnostic("lif-tiles-without-positions", text, name)]
    height, width = stored["Y"], stored["X"]
    x, y = np.array([tile.x for tile in found]), np.array([tile.y for tile in found])
    pixel_x, pixel_y = size.get("X"), size.get("Y")
    notes = []
    if pixel_x and pixel_y and (np.ptp(x) or np.ptp(y)):
        left, top = np.rint((x - x.min()) / pixel_x), np.rint((y - y.min()) / pixel_y)
    else:
        left, top = (np.array([getattr(tile, key) for tile in found]) for key in ("column", "row"))
        left, top = (left - left.min()) * width, (top - top.min()) * height
        text = f"{name!r} states no positions of tiles: they are placed by their fields, without overlap"
        notes.append(Diagnostic("lif-tiles-by-field", text, name))
    if max(left.max(), top.max()) > 2**31 - 1 - max(width, height):
        text = f"{name!r} has tiles too far apart for a canvas: they are kept apart along M"
        return array, None, [Diagnostic("lif-tiles-too-far", text, name)]

    def column(values: object) -> bytes:
        return np.broadcast_to(np.asarray(values), (len(found),)).astype("<i4").tobytes()

    table = Tiles(
        m=column(np.arange(len(found))),
        y=column(top),
        x=column(left),
        height=column(height),
        width=column(width),
        stage_x=x.astype("<f8").tobytes(),
        stage_y=y.astype("<f8").tobytes(),
    )
    if tiles:
        return array, table, notes
    inner = array.layout
    if not isinstance(inner, Memory):
        raise TypeError("only raw memory is stitched")
    letters = stored.order.replace("M", "")
    canvas = {"Y": int(top.max()) + height, "X": int(left.max()) + width}
    shape = tuple(canvas.get(letter, stored[letter]) for letter in letters)
    places = (stored.order.index("M"), stored.order.index("Y"), stored.order.index("X"))
    blocks = _block_shape(list(shape), array.dtype.itemsize)
    layout = Stitched(inner, places, shape, blocks, table.y, table.x)
    return LazyArray.whole(layout, Dims(letters, shape), array.dtype), table, notes


# ---------------------------------------------------------------- facts of planes


def _planes(
    axes: tuple[Axis, ...],
    channels: tuple[Stored, ...],
    samples: int,
    stamps: np.ndarray,
    image: ET.Element,
) -> Planes | None:
    """Times of frames, in stored order; a frame is a plane of the two fastest axes, of each channel or of all."""
    frames = axes[:-2]
    count = len(channels) // samples
    sizes = tuple(axis.size for axis in frames)
    letters = "".join(axis.letter for axis in frames)
    total = int(np.prod(sizes, dtype=np.int64))
    place = xml.stage(image)
    if stamps.size and stamps.size == total * count and count > 1:
        dims = Dims(letters + "C", (*sizes, count))
    elif stamps.size == total or place is not None:
        dims = Dims(letters, sizes)
    else:
        return None
    n = int(np.prod(dims.shape, dtype=np.int64))
    times = (
        ((stamps - stamps[0]).astype("<i8") / 1e7).astype("<f8").tobytes()
        if stamps.size == n
        else None
    )
    if "M" in dims:
        place = None
    return Planes(
        dims,
        time=times,
        x=None if place is None else np.full(n, place[0], "<f8").tobytes(),
        y=None if place is None else np.full(n, place[1], "<f8").tobytes(),
    )


def _without_swept(channels: tuple[Channel, ...], stored: Dims) -> tuple[Channel, ...]:
    """Drop wavelengths that are an axis of the image: what the settings say is where the sweep ended."""
    if "L" in stored:
        channels = tuple(attrs.evolve(channel, emission=None) for channel in channels)
    if "E" in stored:
        channels = tuple(attrs.evolve(channel, excitation=None) for channel in channels)
    return channels


def _coordinates(axes: tuple[Axis, ...]) -> list[Coordinate]:
    """Wavelengths in nanometres, rotation in degrees."""
    found = []
    for axis in axes:
        if axis.letter in "LE" and axis.unit in xml.MICROMETRES:
            found.append(
                Coordinate(axis.letter, axis.values(xml.MICROMETRES[axis.unit] * 1000), "nm")
            )
        elif axis.letter == "R":
            found.append(Coordinate("R", axis.values(1.0), axis.unit or None))
    return found
