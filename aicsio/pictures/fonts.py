"""The font of texts on pictures: the one inside Pillow, or one of the system for characters that it lacks.

Rule kept here: pictures of ASCII texts are the same on every machine.
"""

from collections.abc import Iterable
from typing import Any

MICRO = "\N{MICRO SIGN}"
SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "Arial Unicode.ttf",
    "Arial.ttf",
    "arial.ttf",
    "LiberationSans-Regular.ttf",
)
"""Fonts that Linux, macOS and Windows have; Pillow looks for them where these systems keep fonts."""
NO_CHARACTER = "\ufffe"
"""U+FFFE is no character: every font draws the box of a missing one."""


def font_for(texts: Iterable[str], size: int) -> Any:
    """Choose a font of Pillow that has the characters of some texts, as far as there is one.

    Parameters
    ----------
    texts
        What is written. The micro sign does not count: ``annotations`` draws it.
    size
        Height in pixels.

    Examples
    --------
    >>> from aicsio.pictures.fonts import font_for
    >>> font_for(["20 um"], 14).getname()
    ('Aileron', 'Regular')
    """
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    others = {letter for text in texts for letter in text if not letter.isascii()} - {MICRO}
    if not _missing(font, others):
        return font
    best, fewest = font, len(_missing(font, others))
    for name in SYSTEM_FONTS:
        try:
            candidate = ImageFont.truetype(name, size)
        except OSError:
            continue  # this machine has it not
        missing = len(_missing(candidate, others))
        if missing < fewest:
            best, fewest = candidate, missing
    return best


def _missing(font: Any, letters: set[str]) -> set[str]:
    """Characters for which a font draws the box."""
    # Pillow does not report a missing character: its drawn pixels are compared.
    box = bytes(font.getmask(NO_CHARACTER))
    return {letter for letter in letters if bytes(font.getmask(letter)) == box}
