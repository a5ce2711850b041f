"""The import name of ``thumbnail`` and its companions; they live in ``aicsio.pictures``.

Rule kept here: nothing is defined.
"""

from aicsio.pictures import channel_colors, suggest_contrast, thumbnail

__all__ = ["channel_colors", "suggest_contrast", "thumbnail"]
