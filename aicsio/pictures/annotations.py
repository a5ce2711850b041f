"""Scale bars, legends and times, drawn onto a finished picture.

Rule kept here: a length is drawn only where the file has the size of a pixel; text stands on a dark
outline, so that it is read on black and on white.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from aicsio.pictures.colors import Picture, parts_of
from aicsio.pictures.fonts import MICRO, font_for

LEAST_SIDE = 64
"""Pixels of the shorter side below which nothing is drawn: a text would hide the image."""
BAR_SHARE = 0.3
"""Most of the width that a scale bar takes."""
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
LEAST_LUMINANCE = 0.175
"""Relative luminance of a text: 4.5 to 1 against black, the least for reading (WCAG 2.2, 1.4.3)."""


def bar_length(width: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten within a share of a width.

    Examples
    --------
    >>> from aicsio.pictures.annotations import bar_length
    >>> bar_length(512 * 0.325), bar_length(0.4)
    (20.0, 0.1)
    """
    most = width * BAR_SHARE
    power = 10.0 ** math.floor(math.log10(most))
    # The tolerance keeps a step that rounding would put just above the limit.
    steps = [step for step in (1, 2, 5) if step * power <= most * (1 + 1e-9)]
    # Six digits: 5 * 10.0**-6 is not the float that is nearest to 0.000005.
    return float(f"{max(steps, default=1) * power:g}")


def format_length(micrometres: float) -> str:
    """Write a length with the unit that a reader expects.

    Examples
    --------
    >>> from aicsio.pictures.annotations import format_length
    >>> format_length(0.05), format_length(20.0), format_length(5000.0)
    ('50 nm', '20 µm', '5 mm')
    """
    if micrometres < 1:
        return f"{micrometres * 1000:g} nm"
    if micrometres < 1000:
        return f"{micrometres:g} µm"
    return f"{micrometres / 1000:g} mm"


def format_time(seconds: float) -> str:
    """Write a time as h:mm:ss, with milliseconds where steps are short.

    Examples
    --------
    >>> from aicsio.pictures.annotations import format_time
    >>> format_time(3725.0), format_time(0.25)
    ('1:02:05', '0:00:00.250')
    """
    sign = "-" if seconds < 0 else ""
    milliseconds = round(abs(seconds) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{sign}{minutes // 60}:{minutes % 60:02}:{rest // 1000:02}"
    return f"{text}.{rest % 1000:03}" if rest % 1000 else text


def annotate(
    picture: Picture,
    *,
    pixel_size: float | None = None,
    legend: Sequence[tuple[str, int]] = (),
    stamp: str = "",
) -> Picture:
    """Draw a scale bar, a legend and a stamp.

    Parameters
    ----------
    picture
        Shape (Y, X, 3).
    pixel_size
        Width of a pixel of the picture in micrometres; ``None`` for no scale bar.
    legend
        Names and colours (0xRRGGBB) of channels, drawn below each other at the top left.
    stamp
        Text at the top right, such as a time.

    Returns
    -------
    numpy.ndarray
        A new picture; the given one where it is too small for any text.
    """
    height, width = picture.shape[:2]
    if min(height, width) < LEAST_SIDE or not (pixel_size or legend or stamp):
        return picture
    # Pillow takes 60 ms to import.
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    text_size = max(11, min(height, width) // 26)
    font = font_for([stamp, *(name for name, _ in legend)], text_size)
    margin = max(4, text_size // 2)
    outline = {"stroke_width": max(1, text_size // 10), "stroke_fill": BLACK}
    for line, (name, color) in enumerate(legend):
        place = margin, margin + line * round(1.3 * text_size)
        shown = legible_color(parts_of(color))
        draw.text(place, _fit(name, draw, font, width / 2), shown, font, **outline)
    if stamp:
        _write(draw, (width - margin, margin), stamp, font, "ra", outline)
    if pixel_size:
        _draw_bar(draw, (width, height), pixel_size, font, margin, outline)
    return np.asarray(image)


def legible_color(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """Lighten a colour until its text can be read on black: the blue of DAPI cannot.

    Examples
    --------
    >>> from aicsio.pictures.annotations import legible_color
    >>> legible_color((0, 255, 0)), legible_color((0, 0, 255))
    ((0, 255, 0), (96, 96, 255))
    """
    for white in range(0, 256, 8):
        red, green, blue = (max(part, white) for part in color)
        if _luminance(red, green, blue) >= LEAST_LUMINANCE:
            return red, green, blue
    return WHITE


def _luminance(*color: int) -> float:
    """Return the relative luminance of a colour of sRGB, 0 to 1 (WCAG 2.2, "relative luminance")."""
    shares = []
    for part in color:
        value = part / 255
        shares.append(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
    return 0.2126 * shares[0] + 0.7152 * shares[1] + 0.0722 * shares[2]


def _fit(text: str, draw: Any, font: Any, width: float) -> str:
    """Shorten a text until it is narrower than ``width``."""
    # Names with line breaks would run into the next line.
    text = " ".join(text.split())
    while len(text) > 4 and draw.textlength(text, font) > width:
        text = text[:-4] + "..."
    return text


def _draw_bar(
    draw: Any,
    size: tuple[int, int],
    pixel_size: float,
    font: Any,
    margin: int,
    outline: dict[str, Any],
) -> None:
    width, height = size
    length = bar_length(width * pixel_size)
    right, bottom = width - 1 - margin, height - 1 - margin
    left = right - max(1, round(length / pixel_size)) + 1
    top = bottom - max(2, margin // 2) + 1
    # Drawn a pixel larger in black, so that the bar is seen on a white background.
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), BLACK)
    draw.rectangle((left, top, right, bottom), WHITE)
    middle = (left + right) / 2
    text = format_length(length)
    # The text may be wider than the bar, and must not leave the picture.
    half = draw.textlength(text, font) / 2 + 2
    # Above the tail of the micro sign, which reaches a quarter of the size below the line.
    place = min(max(middle, half), width - half), top - 3 - font.size // 4
    _write(draw, place, text, font, "ms", outline)


def _write(
    draw: Any,
    place: tuple[Any, Any],
    text: str,
    font: Any,
    anchor: str,
    outline: dict[str, Any],
) -> None:
    """Write a text in white; the font within Pillow has no micro sign, so it is drawn from a u."""
    plain = text.replace(MICRO, "u")
    draw.text(place, plain, WHITE, font, anchor=anchor, **outline)
    if MICRO not in text:
        return
    # From the anchor to the left edge of the text, and on to the u.
    share = {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]]
    left = place[0] - share * draw.textlength(plain, font)
    left += draw.textlength(plain[: text.index(MICRO)], font)
    box = draw.textbbox((left, place[1]), "u", font, anchor=f"l{anchor[1]}")
    wide = max(1, round((box[2] - box[0]) / 7))
    low = box[3] + round((box[3] - box[1]) * 0.4)
    edge = outline["stroke_width"]
    draw.rectangle((box[0] - edge, box[3] + edge, box[0] + wide - 1 + edge, low + edge), BLACK)
    draw.rectangle((box[0], box[1], box[0] + wide - 1, low), WHITE)
