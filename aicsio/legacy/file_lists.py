"""A list of files as one image: the position of each, and the order of their axes.

Rule kept here: ``joining`` opens and joins; this module translates what ``TiffGlobReader`` is given.

Four numbers in each name are scene, T, C and Z; other files are joined along T. ``single_file_dims``
are the letters of each file, ``dim_order`` is the order of the image that they make. Without
``single_file_dims``, as many letters as each file has axes are its own.

Source of the facts: AICSImageIO 4 (``TiffGlobReader``).
"""

from collections.abc import Sequence
from typing import Any

import attrs

from aicsio import joining
from aicsio._dims import views
from aicsio.errors import ArgumentTypeError
from aicsio.joining import groups as grids
from aicsio.joining.files import FileOptions, open_first
from aicsio.legacy.inputs import FilePlaces
from aicsio.records import ImageHandle, PixelSize

__all__ = ["index_files", "join_legacy"]

_LAST = "TCZYXS"


def join_legacy(
    files: Sequence[str],
    image: object,
    options: FileOptions,
    places: FilePlaces,
    *,
    channel_names: Sequence[str] | None,
    pixel_size: PixelSize | None,
) -> ImageHandle:
    """Join a list of files as ``TiffGlobReader`` does.

    Parameters
    ----------
    files, image
        Names, and what the caller gave for them.
    options
        Options of ``open_image`` for each file; ``dims`` are those of the caller.
    places
        Positions and letters of the files.
    channel_names, pixel_size
        As in ``open_many``.

    Raises
    ------
    ArgumentTypeError
        When the indexer returns no positions.
    DimensionError, SourceNotFoundError, UnsupportedFormatError, CorruptFileError, SourceError
        As by ``open_many``.
    """
    if places.indexer is not None:
        fields = index_files(files, places.indexer)
        groups = grids.group_by_numbers(fields, places.scene_letter)
    else:
        groups = grids.group_by_four_numbers(files) or grids.group_in_order(files, "T")
    order = options.dims
    if places.file_dims is not None:
        options = attrs.evolve(options, dims="".join(places.file_dims))
    elif order is not None:
        own = open_first(groups[0], attrs.evolve(options, dims=None))[1].dims
        if len(order) == len(own) or len(order) != len({*own, *groups[0].letters}):
            order = None
        else:
            options = attrs.evolve(options, dims=None)
    handle = joining.join_files(
        groups, image, options, channel_names=channel_names, pixel_size=pixel_size
    )
    return _in_order(handle, order)


def _in_order(handle: ImageHandle, order: str | None) -> ImageHandle:
    """Return a handle whose scenes have their axes in an order; TCZYXS, others first, for ``None``.

    Raises
    ------
    DimensionError
        When the order lacks a letter of several positions.
    """
    scenes = []
    for scene in handle.scenes:
        levels = []
        for level in scene.levels:
            wanted = order or "".join(sorted(level.dims, key=_LAST.find))
            same = wanted == level.dims.order
            levels.append(level if same else views.transpose(level, wanted, {}))
        scenes.append(attrs.evolve(scene, levels=tuple(levels)))
    contents = attrs.evolve(handle.contents, scenes=tuple(scenes))
    array = scenes[handle.scene_index].levels[handle.level]
    return attrs.evolve(handle, contents=contents, array=array)


def index_files(names: Sequence[str], indexer: Any) -> dict[str, dict[str, str]]:
    """Return the position of each file, by its name and by letter.

    Parameters
    ----------
    names
        Of the files.
    indexer
        A function of a name, or a table with a row for each file.

    Raises
    ------
    ArgumentTypeError
        When positions are no whole numbers by letter, or not the same letters for each file.
    """
    if callable(indexer):
        rows = [indexer(name) for name in names]
    else:
        rows = indexer.to_dict("records") if hasattr(indexer, "to_dict") else [indexer]
        if len(rows) != len(names):
            raise ArgumentTypeError(
                f"indexer has {len(rows)} rows for {len(names)} files: give one for each"
            )
    fields: dict[str, dict[str, str]] = {}
    for name, row in zip(names, rows, strict=True):
        try:
            fields[name] = {str(letter): str(int(position)) for letter, position in row.items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise ArgumentTypeError(
                f"indexer gives {row!r} for {name!r}: return a mapping of letters to whole numbers, such as "
                "{'S': 0, 'T': 3}"
            ) from error
        if set(fields[name]) != set(fields[names[0]]):
            raise ArgumentTypeError(
                f"indexer gives {sorted(fields[name])} for {name!r} and {sorted(fields[names[0]])} for "
                f"{names[0]!r}: return the same letters for each file"
            )
    return fields
