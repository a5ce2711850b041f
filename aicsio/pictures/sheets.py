"""Contact sheets: many pictures on one, each with its name.

Rule kept here: the sheet has the pictures in their order, in cells of one size; a cell of a file that
could not be drawn shows the reason.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from aicsio.pictures.colors import Picture
from aicsio.pictures.fonts import font_for

BACKGROUND, TEXT, FAILED = (32, 32, 32), (230, 230, 230), (255, 140, 120)
GAP = 8
"""Pixels between cells."""
TEXT_SIZE = 13


def contact_sheet(
    pictures: Sequence[Picture | str], names: Sequence[str], cell: int, columns: int | None = None
) -> Picture:
    """Put pictures onto one.

    Parameters
    ----------
    pictures
        Shape (Y, X, 3) each, at most ``cell`` pixels long; a text in place of one that failed.
    names
        Text below each.
    cell
        Pixels of the sides of a cell.
    columns
        Pictures in a row; ``None`` for a sheet of about 4 to 3.

    Returns
    -------
    numpy.ndarray
        uint8, shape (Y, X, 3).

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.pictures.sheets import contact_sheet
    >>> dark = np.zeros((64, 64, 3), np.uint8)
    >>> contact_sheet([dark, "not found"], ["a.czi", "b.czi"], 64).shape
    (97, 152, 3)
    """
    from PIL import Image, ImageDraw

    count = max(1, len(pictures))
    if columns is None:
        columns = min(count, max(1, round(math.sqrt(count * 4 / 3))))
    rows = math.ceil(count / columns)
    line = TEXT_SIZE + 4
    width, height = GAP + columns * (cell + GAP), GAP + rows * (cell + line + GAP)
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = font_for(names, TEXT_SIZE)
    for index, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        row, column = divmod(index, columns)
        left, top = GAP + column * (cell + GAP), GAP + row * (cell + line + GAP)
        if isinstance(picture, str):
            draw.multiline_text((left, top), _wrap(picture, draw, font, cell), FAILED, font)
        else:
            shown_height, shown_width = picture.shape[:2]
            middle = left + (cell - shown_width) // 2, top + (cell - shown_height) // 2
            sheet.paste(Image.fromarray(picture), middle)
        draw.text((left, top + cell + 2), _shorten(name, draw, font, cell), TEXT, font)
    return np.asarray(sheet)


def _shorten(text: str, draw: Any, font: Any, width: int) -> str:
    """Leave out the middle of a name that is too wide: its end has the suffix and the number."""
    if draw.textlength(text, font) <= width:
        return text
    kept = len(text)
    while kept > 2 and draw.textlength(f"{text[: kept // 2]}...{text[-kept // 2 :]}", font) > width:
        kept -= 1
    return f"{text[: kept // 2]}...{text[-kept // 2 :]}"


def _wrap(text: str, draw: Any, font: Any, width: int) -> str:
    """Break a text into lines, at most as many as the cell holds."""
    lines = [""]
    for character in text:
        if draw.textlength(lines[-1] + character, font) > width:
            lines.append("")
        lines[-1] += character
    return "\n".join(lines[: max(1, width // (TEXT_SIZE + 4))])
