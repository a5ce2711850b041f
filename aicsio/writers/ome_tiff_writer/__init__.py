"""``OmeTiffWriter`` of AICSImageIO, which calls ``write_scenes``. Imports `writers`, `opening` and `_metadata`.

Rule kept here: ``write_scenes`` writes; what AICSImageIO's arguments mean is decided here.
"""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from aicsio._checks import checked
from aicsio._metadata import ome_metadata
from aicsio._ome.builder import PIXEL_TYPES
from aicsio.errors import DimensionError
from aicsio.records import ImageHandle
from aicsio.steps import transpose_to
from aicsio.writers.ome_tiff import write_scenes
from aicsio.writers.writer import (
    ArrayWriter,
    for_each,
    is_colors,
    open_scene,
    require_local,
    with_colors,
)

if TYPE_CHECKING:
    import ome_types

__all__ = ["OmeTiffWriter"]


class OmeTiffWriter(ArrayWriter):
    """Writes arrays as OME-TIFF. ``imwrite`` does it with fewer words."""

    @staticmethod
    @checked
    def save(
        data: Any,
        uri: str | os.PathLike[str],
        dim_order: str | Sequence[str | None] | None = None,
        ome_xml: "str | ome_types.OME | None" = None,
        channel_names: Any = None,
        image_name: str | Sequence[str | None] | None = None,
        physical_pixel_sizes: Any = None,
        channel_colors: Any = None,
        fs_kwargs: Mapping[str, Any] | None = None,  # noqa: ARG004 - it writes local files
        **kwargs: Any,
    ) -> None:
        """Write an array, or a list of arrays as scenes, as OME-TIFF.

        Parameters
        ----------
        data
            numpy or dask arrays of 2 to 6 dimensions.
        uri
            Path of the file; an existing one is replaced when the new one is complete.
        dim_order
            Letters of T, C, Z, Y, X and S, in any order; for a list of arrays one, or a list. By
            default the last of TCZYX; of six axes TCZYXS.
        ome_xml
            A whole document, in place of all other metadata; see ``ome`` of ``WriteOptions``.
        channel_names
            Names along C; for a list of arrays one list for all, or a list of lists.
        image_name
            Name of the scene, or one for each.
        physical_pixel_sizes
            Micrometres along Z, Y and X; for a list of arrays one for all, or a list.
        channel_colors
            Red, green, blue from 0 to 255 for each channel, for all images or a list of them.
        fs_kwargs
            Not needed: the file is a local one.
        **kwargs
            Options of ``write_scenes``: ``compression``, ``levels``, ``overwrite=False``, ...

        Raises
        ------
        DimensionError
            When letters, names or colours do not fit the arrays.
        WriteError
            When it cannot be written; an existing file is unchanged then.

        Examples
        --------
        >>> import numpy as np, os, tempfile
        >>> from aicsio import imread
        >>> from aicsio.writers import OmeTiffWriter
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "a.ome.tiff")
        ...     OmeTiffWriter.save(np.zeros((2, 40, 50), np.uint8), path, dim_order="CYX")
        ...     imread(path).shape
        (1, 2, 1, 40, 50)
        """
        require_local(uri, "OmeTiffWriter")
        # The name of the option before version 4; scripts still give it.
        older_name = kwargs.pop("dimension_order", None)
        handles = _open_scenes(
            data,
            dim_order=older_name if dim_order is None else dim_order,
            channel_names=channel_names,
            physical_pixel_sizes=physical_pixel_sizes,
            channel_colors=channel_colors,
        )
        names = for_each(image_name, len(handles), "image_name")
        named = [name or f"Image:{index}" for index, name in enumerate(names)]
        options: dict[str, Any] = {"overwrite": True, "ome": ome_xml, **kwargs}
        if ome_xml is None:
            options["scene_names"] = named
        else:
            _require_fit(ome_xml, handles)
        write_scenes(handles, uri, **options)

    @staticmethod
    @checked
    def build_ome(
        data_shapes: Sequence[Sequence[int]],
        data_types: Sequence[Any],
        dimension_order: str | Sequence[str | None] | None = None,
        channel_names: Any = None,
        image_name: str | Sequence[str | None] | None = None,
        physical_pixel_sizes: Any = None,
        channel_colors: Any = None,
    ) -> "ome_types.OME":
        """Return the OME document of arrays that are not there yet, to complete it for ``save``.

        Parameters
        ----------
        data_shapes, data_types
            Shape and type of each array.
        dimension_order, channel_names, image_name, physical_pixel_sizes, channel_colors
            As in ``save``.

        Returns
        -------
        ome_types.OME
            An image for each array.

        Raises
        ------
        DimensionError
            When letters, names or colours do not fit the shapes.
        """
        pixels = []
        for shape, dtype in zip(data_shapes, data_types, strict=True):
            # One pixel in memory stands for all of them.
            pixels.append(np.broadcast_to(np.zeros((), dtype), tuple(shape)))
        handles = _open_scenes(
            pixels,
            dim_order=dimension_order,
            channel_names=channel_names,
            physical_pixel_sizes=physical_pixel_sizes,
            channel_colors=channel_colors,
        )
        names = for_each(image_name, len(handles), "image_name")
        scenes = []
        for index, (handle, name) in enumerate(zip(handles, names, strict=True)):
            scenes.append(attrs.evolve(handle.scene, name=name or f"Image:{index}"))
        contents = attrs.evolve(handles[0].contents, scenes=tuple(scenes))
        return ome_metadata(attrs.evolve(handles[0], contents=contents))


def _require_fit(document: "str | ome_types.OME", handles: Sequence[ImageHandle]) -> None:
    """Refuse a document of other images: a ValueError, where the writer has an OSError."""
    import ome_types

    try:
        ome = ome_types.from_xml(document) if isinstance(document, str) else document
    except (ValueError, SyntaxError) as error:  # lxml's is a SyntaxError, pydantic's a ValueError
        raise DimensionError(f"ome_xml is no OME-XML that ome_types accepts: {error}") from error
    if len(ome.images) != len(handles):
        raise DimensionError(f"ome_xml has {len(ome.images)} images for {len(handles)} arrays")
    for handle, image in zip(handles, ome.images, strict=True):
        pixels, dims = image.pixels, handle.dims
        sizes = {letter: getattr(pixels, f"size_{letter.lower()}") for letter in "TCZYX"}
        stored = {letter: dims.get(letter, 1) for letter in "TCZYX"}
        # OME counts samples as channels.
        stored["C"] *= dims.get("S", 1)
        if sizes != stored or pixels.type.value != PIXEL_TYPES.get(handle.dtype.name):
            raise DimensionError(
                f"ome_xml describes {sizes} of {pixels.type.value}, and the array has {stored} of "
                f"{handle.dtype}"
            )


def _open_scenes(
    data: Any,
    *,
    dim_order: Any,
    channel_names: Any,
    physical_pixel_sizes: Any,
    channel_colors: Any,
) -> list[ImageHandle]:
    """Open each array with its own options."""
    arrays = data if isinstance(data, list | tuple) else [data]
    count = len(arrays)
    orders = for_each(dim_order, count, "dim_order")
    sizes = for_each(physical_pixel_sizes, count, "physical_pixel_sizes")
    # Names of one image are a list, too: a list of texts is for all images.
    if channel_names is not None and all(isinstance(name, str) for name in channel_names):
        names = [list(channel_names)] * count
    else:
        names = for_each(channel_names, count, "lists of channel names")
    if channel_colors is not None and is_colors(channel_colors):
        colors = [channel_colors] * count
    else:
        colors = for_each(channel_colors, count, "lists of channel_colors")
    handles = []
    for array, *options, of_channels in zip(arrays, orders, names, sizes, colors, strict=True):
        handle = with_colors(open_scene(array, *options), of_channels)
        samples = handle.dims.get("S", 1)
        if samples not in {1, 3, 4}:
            raise DimensionError(f"S has {samples} positions: a colour picture has 3 or 4")
        order = "TCZYX" if samples == 1 else "TCZYXS"
        extra = [letter for letter in handle.dims if letter not in "TCZYXS"]
        if extra:
            raise DimensionError(
                f"dim_order={handle.dims.order!r}: OME-TIFF has no {', '.join(extra)}"
            )
        # As AICSImageIO's reader showed any OME-TIFF; S of length 1 is none.
        handles.append(transpose_to(handle, order))
    return handles
