"""Suffixes by which other programs offer a file to a plug-in: those of the table of formats, and of
common images.

Rule kept here: a suffix only asks; content decides when the file is opened.
"""

from aicsio import formats

__all__ = ["COMMON", "all_suffixes"]

COMMON = (
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".avif", ".jp2"),
    *(".mp4", ".avi", ".mov", ".mkv", ".webm"),
)
"""Of the formats that imageio reads, those of pictures and movies of microscopes."""


def all_suffixes() -> tuple[str, ...]:
    """Return the suffixes, each once, in the order of the table.

    Returns
    -------
    tuple of str
        In lower case; most begin with a point, whole names such as ``metadata.txt`` do not.

    Examples
    --------
    >>> from aicsio.plugins.suffixes import all_suffixes
    >>> all_suffixes()[:2]
    ('.czi', '.lif')
    """
    listed = [suffix for row in formats.TABLE for suffix in row.suffixes]
    return tuple(dict.fromkeys([*listed, *COMMON]))
