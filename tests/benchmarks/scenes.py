"""``ome_metadata`` of a LIF of many scenes, each with its own settings, channels and planes.

The scenes are the images of a LIF, one after the other and again from the first: of the one that is
given, or else of generated lambda stacks with few settings. Pixels are holes in the file.
"""

import copy
import gc
import statistics
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import attrs
import numpy as np
from rich.console import Console
from rich.table import Table

import aicsio
from aicsio.testing.lif import FIELD, MAGIC, LifImage, text_chunk, write_lif


@attrs.frozen
class Row:
    """One file; seconds of the processors, a turn each."""

    scenes: int
    planes: int
    """Plane elements of the document."""
    seconds: tuple[float, ...]


def measure(folder: Path, count: int, rounds: int, source: Path | None) -> list[Row]:
    """Measure files of a quarter, a half and all of ``count`` scenes, in turns."""
    text = aicsio.raw_metadata(aicsio.open_image(source or _lambda_stacks(folder / "stacks.lif")))
    assert text is not None
    counts = [max(1, count // part) for part in (4, 2, 1)]
    handles = [
        aicsio.open_image(write_repeated(folder / f"{each}.lif", text, each)) for each in counts
    ]
    seconds: list[list[float]] = [[] for _ in counts]
    planes = [0] * len(counts)
    # The first round loads what the others find.
    for turn in range(rounds + 1):
        for at, handle in enumerate(handles):
            gc.collect()
            start = time.process_time()
            ome = aicsio.ome_metadata(handle)
            spent = time.process_time() - start
            planes[at] = sum(len(image.pixels.planes) for image in ome.images)
            del ome
            if turn:
                seconds[at].append(spent)
    for each in counts:
        (folder / f"{each}.lif").unlink()
    return [Row(*row) for row in zip(counts, planes, map(tuple, seconds), strict=True)]


def _lambda_stacks(path: Path) -> Path:
    """Write three images of 20, 15 and 220 planes, as the public file of LAS X has them."""
    images = [
        LifImage(
            np.zeros((size, 8, 8), np.uint8), "LYX", f"image {number}", dyes=("DAPI",),
            lengths={"X": 1e-5, "L": 1e-7}, times=tuple(1.6e9 + plane for plane in range(size)),
        )
        for number, size in enumerate((20, 15, 220))
    ]  # fmt: skip
    return write_lif(path, images)


def write_repeated(path: Path, text: str, count: int) -> Path:
    """Write a LIF of the images that an XML describes, again and again, each under its own name."""
    root = ET.fromstring(text)  # noqa: S314 - a file of the user's
    images = [one for one in root.iter("Element") if one.find("Data/Image") is not None]
    folder = next(one for one in root.iter("Children"))
    folder.clear()
    blocks = list(_add_images(folder, images, count))
    with path.open("wb") as file:
        file.write(text_chunk(ET.tostring(root, encoding="unicode")))
        for name, size in blocks:
            raw = name.encode("utf-16-le")
            body = FIELD + struct.pack("<Q", size) + FIELD + struct.pack("<I", len(name)) + raw
            file.write(struct.pack("<II", MAGIC, len(body)) + body)
            file.truncate(file.seek(size, 1))
    return path


def _add_images(
    folder: ET.Element, images: Sequence[ET.Element], count: int
) -> Iterator[tuple[str, int]]:
    """Add elements to the project; yield name and size of the memory block of each."""
    for number in range(count):
        element = copy.deepcopy(images[number % len(images)])
        memory = element.find("Memory")
        assert memory is not None
        element.set("Name", f"{element.get('Name')} {number}")
        memory.set("MemoryBlockID", f"MemBlock_{number}")
        folder.append(element)
        yield f"MemBlock_{number}", int(memory.get("Size", "0"))


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table(title="ome_metadata of a LIF of many scenes: seconds of the processors")
    for heading in ("scenes", "planes", "least", "median", "least / that of the first"):
        table.add_column(heading, justify="right")
    for row in rows:
        least = min(row.seconds)
        cells = [f"{least:.3f}", f"{statistics.median(row.seconds):.3f}"]
        ratio = least / min(rows[0].seconds)
        table.add_row(str(row.scenes), str(row.planes), *cells, f"{ratio:.2f}")
    console.print(table)
