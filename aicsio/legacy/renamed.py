"""Names of AICSImageIO that are not here, and the calls that give the same.

Rule kept here: a name stands in a table only if nothing of aicsio has it; a test compares.

Source of the names: AICSImageIO 3.3 and 4.14 (``AICSImage``, the package).
"""

from collections.abc import Mapping

__all__ = ["advise_function", "advise_member"]

MEMBERS: Mapping[str, str] = {
    "close": "no file stays open, so there is nothing to close",
    "get_channel_names": "it is the list img.channel_names",
    "get_physical_pixel_size": "it is the tuple img.physical_pixel_sizes",
    "known_dims": "the letters are img.dims.order",
    "size": "it is img.shape, and img.dims.X for one letter",
    "size_c": "it is img.dims.C",
    "size_s": "it is len(img.scenes)",
    "size_t": "it is img.dims.T",
    "size_x": "it is img.dims.X",
    "size_y": "it is img.dims.Y",
    "size_z": "it is img.dims.Z",
    "view_napari": "viewer.add_image(img.dask_data) shows it",
}
"""Members of ``AICSImage``."""

FUNCTIONS: Mapping[str, str] = {
    "OmeTiffWriter": "imwrite('a.ome.tiff', array, dim_order=...) writes an array",
}
"""Names of the package."""


def advise_member(name: str) -> str:
    """Return the message of the ``AttributeError`` for a missing member of ``AICSImage``."""
    advice = MEMBERS.get(name)
    end = "" if advice is None else f": {advice}"
    return f"'AICSImage' object has no attribute {name!r}{end}"


def advise_function(name: str) -> str:
    """Return the message of the ``AttributeError`` for a missing name of the package."""
    advice = FUNCTIONS.get(name)
    end = "" if advice is None else f": {advice}"
    return f"module 'aicsio' has no attribute {name!r}{end}"
