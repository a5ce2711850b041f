"""Drawings of dims and of the tiles of a mosaic, as SVG.

Rule kept here: a drawing has a bounded number of lines, whatever the sizes; its lines take the colour of
the text around, so that it is read on light and dark; without SVG its letters and sizes stay as text.
"""

import math
from collections.abc import Sequence

import numpy as np

from aicsio.notebook.markup import Markup, join, muted, tag, text
from aicsio.pictures.reading import plane_letters
from aicsio.records import Dims, Tiles

SIDE = 92
"""Pixels of the longer side of a plane."""
FLATTEST = 0.16
"""Least ratio of the sides of a plane that is drawn: a line of 100 000 pixels is still an area."""
MOST_SECTIONS = 9
"""Sections of Z that are drawn behind the first."""
SECTION_STEP = 5
"""Pixels by which each lies behind the other."""
MOST_CELLS = 12
"""Positions of other axes that are drawn."""
CELL = 10
MOST_TILES = 600
"""Tiles that are drawn one by one; of more, the area that they fill."""
GRID = 48
"""Cells of the longer side of that area."""


def draw_dims(dims: Dims, colors: Sequence[int] = ()) -> Markup:
    """Draw the planes as a stack along Z, and a row of cells for each other axis.

    Parameters
    ----------
    dims
        Letters and sizes.
    colors
        0xRRGGBB of the channels.

    Returns
    -------
    str
        One ``<svg>``; a text for an image without axes.

    Examples
    --------
    >>> from aicsio import Dims
    >>> from aicsio.notebook.drawings import draw_dims
    >>> "Z 30" in draw_dims(Dims("ZYX", (30, 64, 80)))
    True
    """
    if not dims:
        return muted("no dimensions")
    plane = [letter for letter in plane_letters(dims) if letter in dims]
    has_stack = "Z" not in plane and dims.get("Z", 1) > 1
    others = [
        letter for letter in dims if letter not in plane and not (has_stack and letter == "Z")
    ]
    parts: list[Markup] = []
    top = 4
    for letter in others:
        parts.append(_draw_row(letter, dims[letter], top, colors if letter == "C" else ()))
        top += CELL + 8
    if others:
        top += 4
    drawing, height = _draw_stack(dims, plane, top)
    parts.append(drawing)
    return _svg(parts, 190, height + 4, f"dims {dims}")


def _svg(parts: Sequence[Markup], width: int, height: int, label: str) -> Markup:
    return tag(
        "svg",
        *parts,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
    )


def _label(words: str, x: float, y: float, anchor: str = "start") -> Markup:
    # The space parts the labels where a page drops the SVG and keeps its texts.
    label = tag(
        "text", text(words), x=f"{x:g}", y=f"{y:g}", fill="currentColor", text_anchor=anchor
    )
    return join([label, text("")], " ")


def _rectangle(
    x: float, y: float, width: float, height: float, fill: str, opacity: float
) -> Markup:
    return tag(
        "rect",
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        width=f"{width:.1f}",
        height=f"{height:.1f}",
        fill=fill,
        fill_opacity=opacity,
        stroke="currentColor",
        stroke_opacity=0.75,
        rx=1,
    )


def _draw_row(letter: str, size: int, top: int, colors: Sequence[int]) -> Markup:
    """Draw the positions of an axis as cells, behind its letter."""
    parts = [_label(letter, 0.0, float(top + CELL - 1))]
    left = 16.0
    for index in range(min(size, MOST_CELLS)):
        fill, opacity = "currentColor", 0.12
        if index < len(colors):
            fill, opacity = f"#{colors[index]:06x}", 1.0
        parts.append(_rectangle(left, float(top), float(CELL), float(CELL), fill, opacity))
        left += CELL + 1
    dots = "… " if size > MOST_CELLS else ""
    parts.append(_label(f"{dots}{size:,}", left + 4.0, float(top + CELL - 1)))
    return join(parts)


def _draw_stack(dims: Dims, plane: Sequence[str], top: int) -> tuple[Markup, int]:
    """Draw a plane, and the sections behind it; returns the drawing and where it ends."""
    sizes = [dims[letter] for letter in plane]
    # One axis is a line of pixels, none is a pixel.
    rows, columns = (1, 1, *sizes)[-2:]
    longest = max(rows, columns, 1)
    height = SIDE * max(rows / longest, FLATTEST)
    width = SIDE * max(columns / longest, FLATTEST)
    sections = 1 if "Z" in plane else dims.get("Z", 1)
    behind = min(max(0, sections - 1), MOST_SECTIONS)
    shift = behind * SECTION_STEP
    left, front = 4.0, top + shift + 2.0
    parts = [
        _rectangle(left + k * SECTION_STEP, front - k * SECTION_STEP, width, height, "none", 0.0)
        for k in range(behind, 0, -1)
    ]
    parts.append(_rectangle(left, front, width, height, "currentColor", 0.12))
    right, bottom = left + width, front + height
    if plane:
        parts.append(_label(f"{plane[-1]} {columns:,}", left + width / 2, bottom + 14, "middle"))
    if len(plane) == 2:
        beside = right + shift + 5
        parts.append(_label(f"{plane[0]} {rows:,}", beside, front - shift + height / 2 + 4))
    if behind:
        parts.append(_label(f"Z {sections:,}", right + shift / 2 + 6, bottom - shift / 2 + 8))
    return join(parts), math.ceil(bottom + 18)


def draw_tiles(tiles: Tiles) -> Markup:
    """Draw where the tiles of a mosaic lie on its canvas.

    Parameters
    ----------
    tiles
        Of any number.

    Returns
    -------
    str
        One ``<svg>``; nothing without tiles.
    """
    count = len(tiles)
    if not count:
        return Markup("")
    columns = (tiles.x, tiles.y, tiles.width, tiles.height)
    x, y, width, height = (np.frombuffer(raw, "<i4").astype(np.float64) for raw in columns)
    x, y = x - x.min(), y - y.min()
    canvas = float((x + width).max()), float((y + height).max())
    scale = 150 / max(1.0, *canvas)
    boxes: list[tuple[float, ...]]
    if count <= MOST_TILES:
        boxes = list(zip(x, y, width, height, strict=True))
    else:
        boxes = _filled_cells(x + width / 2, y + height / 2, max(canvas))
    parts = [
        _rectangle(
            2 + left * scale, 2 + top * scale, wide * scale, high * scale, "currentColor", 0.12
        )
        for left, top, wide, high in boxes
    ]
    size = math.ceil(canvas[0] * scale) + 4, math.ceil(canvas[1] * scale) + 4
    return _svg(parts, max(size[0], 12), max(size[1], 12), f"{count} tiles")


def _filled_cells(x: "np.ndarray", y: "np.ndarray", longest: float) -> list[tuple[float, ...]]:
    """Return the cells of a grid in which some tile has its centre."""
    side = max(1.0, longest) / GRID
    # Shape (2, cells): each cell once, however many tiles lie in it.
    cells = np.unique(np.stack([x // side, y // side]), axis=1) * side
    return [(float(left), float(top), side, side) for left, top in cells.T]
