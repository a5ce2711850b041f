"""Many files as one image: ``open_many``. Imports `opening` and `arrays`.

Rule kept here: ``file_names``, ``patterns`` and ``groups`` order names, ``files`` opens them,
``agreement`` compares them, ``contents``, ``scenes`` and ``planes`` join their records, ``layout``
joins their pixels.
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, TypeAlias

from aicsio._checks import checked
from aicsio._checks.words import count_of
from aicsio._dims.notation import parse_order
from aicsio._io import urls
from aicsio.errors import ArgumentTypeError, DimensionError, SceneError, SourceError
from aicsio.formats.names import EngineName, FormatName, ImageSource, Mosaic
from aicsio.joining import file_names
from aicsio.joining import files as joined_files
from aicsio.joining import groups as grids
from aicsio.joining.contents import UncheckedLevels, join_contents
from aicsio.joining.files import FileOptions
from aicsio.joining.groups import Group
from aicsio.joining.scenes import JoinOverrides
from aicsio.opening import UserPixelSize, with_overrides
from aicsio.records import Contents, Diagnostic, ImageHandle, PixelSize, Scene, Source

__all__ = ["join_files", "open_many"]

if TYPE_CHECKING:
    ManyFiles: TypeAlias = str | os.PathLike[str] | Sequence[ImageSource | ImageHandle]
else:
    # Each file of the list is checked when it is opened, in words of its own.
    ManyFiles: TypeAlias = str | os.PathLike[str] | Sequence[Any]


@checked
def open_many(
    files: ManyFiles,
    *,
    along: str = "T",
    scene: SupportsIndex | str | None = None,
    check: Literal["all", "first"] = "all",
    missing: Literal["error", "fill", "skip"] = "error",
    format: FormatName | None = None,
    engine: EngineName | None = None,
    mosaic: Mosaic = "stitched",
    masks: bool = False,
    dims: str | None = None,
    channel_names: Sequence[str] | None = None,
    pixel_size: UserPixelSize = None,
    storage_options: Mapping[str, Any] | None = None,
) -> ImageHandle:
    """Open many files as one image. No pixels are read; reading a part opens only its files.

    Parameters
    ----------
    files
        - A pattern with named dims, ``"img_t{T}_c{C}.tif"``: capital letters, and ``{scene}`` for
          files of several scenes. A field takes anything but ``/`` and ``_``. Numbers, padded or
          not, are positions in their order; words are sorted, and along C they name the channels.
          ``{{`` and ``}}`` are braces of the name.
        - A glob, ``"img_*.tif"``: files in natural order, ``img_2`` before ``img_10``.
        - A list of sources of ``open_image``, or of handles: in its order.
        Paths, or URLs of any fsspec file system that can list its files. Square brackets are
        wildcards, ``[0-9]``; if they match no file, they are characters of the name.
    along
        For a glob or a list: the letter along which files are joined. An axis that the files have
        becomes longer, and they may differ in its size; another letter becomes a new axis in front,
        and so do new letters of a pattern.
    scene
        Index or name: join this scene of each file. Without it, all scenes are joined, by index.
    check
        ``"all"`` opens each file, and names those that do not fit. ``"first"`` opens the first and
        assumes that the others have its scenes, dims and type: ten thousand files then open at
        once. A file that differs raises when it is read; times and positions are unknown.
    missing
        For a pattern with missing files: ``"error"`` names them, ``"fill"`` shows zeros in their
        place with a diagnostic, ``"skip"`` leaves out numbers that no file has.
    format, engine, mosaic, masks, dims, storage_options
        As for ``open_image``, for each file.
    channel_names, pixel_size
        As for ``open_image``, for the joined image; files then need not agree on them.

    Returns
    -------
    ImageHandle
        Its format is ``"joined"``; ``metadata`` is that of the first file. Channels, times and
        positions of planes are those of the files, one after the other.

    Raises
    ------
    SourceNotFoundError
        When no file is found, or a file of a pattern is missing.
    DimensionError
        When files differ in dims, types, channel names or pixel sizes; the message names them.
    SceneError
        When files differ in their number of scenes, or none has pixels.
    ArgumentTypeError
        When the list of files is empty.
    UnsupportedFormatError, CorruptFileError, SourceError
        As by ``open_image``.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_many
    >>> open_many([np.zeros((64, 48)), np.ones((64, 48))], along="Z").dims
    Dims(order='ZYX', shape=(2, 64, 48))
    """
    if len(parse_order(along)) != 1:
        raise DimensionError(
            f"along={along!r}: give one letter, or a pattern such as 'img_t{{T}}_c{{C}}.tif'"
        )
    groups = _group_files(files, along, missing, storage_options)
    if not groups:
        raise ArgumentTypeError("an empty list is no image: give at least one file")
    return join_files(
        groups,
        files,
        FileOptions(format, engine, mosaic, dims, storage_options, masks),
        scene=scene,
        check=check,
        channel_names=channel_names,
        pixel_size=pixel_size,
    )


def _group_files(
    files: str | os.PathLike[str] | Sequence[Any],
    along: str,
    missing: grids.Missing,
    storage_options: Mapping[str, Any] | None,
) -> tuple[Group, ...]:
    # A list holds names, never wildcards: "img[1].tif" of a list is that file.
    if not isinstance(files, str | os.PathLike):
        names = [os.fspath(file) if isinstance(file, os.PathLike) else file for file in files]
        return grids.group_in_order(names, along)
    name = os.fspath(files)
    # A file whose own name has braces or wildcards is neither pattern nor glob.
    if file_names.is_pattern(name):
        return grids.group_by_pattern(name, missing, storage_options)
    if os.path.isdir(name):
        example = os.path.join(name, "*.tif")
        raise SourceError(f"{name!r} is a folder: name its files, such as {example!r}")
    if file_names.is_glob(name):
        return grids.group_in_order(file_names.find_files(name, storage_options), along)
    return grids.group_in_order([name], along)


def join_files(
    groups: Sequence[Group],
    requested: object,
    options: FileOptions,
    *,
    scene: SupportsIndex | str | None = None,
    check: str = "all",
    channel_names: Sequence[str] | None = None,
    pixel_size: PixelSize | None = None,
) -> ImageHandle:
    """Join files whose places on a grid are known.

    Parameters
    ----------
    groups
        The files and their grids; each group adds its scenes.
    requested
        The caller's name for the files.
    options
        Options of ``open_image`` for each file.
    scene, check, channel_names, pixel_size
        As in ``open_many``.

    Returns
    -------
    ImageHandle
        As by ``open_many``.

    Raises
    ------
    DimensionError
        When files do not fit together.
    SceneError
        When files differ in their number of scenes, or none has pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.joining import join_files
    >>> from aicsio.joining.files import FileOptions
    >>> from aicsio.joining.groups import group_in_order
    >>> arrays = [np.zeros((4, 5)), np.ones((4, 5))]
    >>> join_files(group_in_order(arrays, "T"), arrays, FileOptions()).dims.T
    2
    """
    overrides = JoinOverrides(channel_names is not None, pixel_size)
    scenes: list[Scene] = []
    diagnostics: list[Diagnostic] = []
    references: list[ImageHandle] = []
    for group in groups:
        first, joined = _join_group(group, options, scene, overrides, check)
        references.append(first)
        scenes += joined[0]
        diagnostics += joined[1]
    # The first file of all stands for the joined image: its metadata, its options.
    first = references[0]
    if check == "first":
        count = sum(file is not None for group in groups for file in group.files)
        message = f"{count_of(count, 'file', 'are')} assumed to be like the first of them: {first.source.uri}"
        diagnostics.append(Diagnostic("unchecked-files", message))
    uri = _joined_uri(requested, first)
    # Each diagnostic once: groups share their files' troubles.
    unique = tuple(dict.fromkeys(diagnostics))
    contents = with_overrides(Contents(tuple(scenes), first.metadata, unique), channel_names, None)
    # As open_image does: the first scene with pixels is in focus.
    for index, each in enumerate(contents.scenes):
        if each.levels:
            # The options of the first file without its URL, which is not that of the joined image.
            encoded = json.dumps(urls.client_options(first.source), sort_keys=True)
            source = Source(uri, encoded, local=False)
            return ImageHandle(source, "joined", contents, index, 0, each.levels[0])
    raise SceneError(f"{uri} holds no pixels: {count_of(len(scenes), 'scene')}, none with data")


def _join_group(
    group: Group,
    options: FileOptions,
    scene: SupportsIndex | str | None,
    overrides: JoinOverrides,
    check: str,
) -> tuple[ImageHandle, tuple[list[Scene], list[Diagnostic]]]:
    """Open the files of a group, all or the first, and join them; return the first, too."""
    unchecked: UncheckedLevels | None = None
    if check == "first":
        _, first = joined_files.open_first(group, options)
        handles = joined_files.only_first(group, first)

        def unchecked(scene_index: int) -> list[Any]:
            return joined_files.unchecked_levels(group, first, scene_index, options)

    else:
        handles = joined_files.open_files(group, options)
        first = next(handle for handle in handles if handle is not None)
    return first, join_contents(group, handles, scene, overrides, unchecked)


def _joined_uri(requested: object, first: ImageHandle) -> str:
    if isinstance(requested, str | os.PathLike):
        name = os.fspath(requested)
        if urls.is_url(name):
            return urls.public_url(name)
        return os.path.abspath(os.path.expanduser(name))
    others = len(requested) - 1 if isinstance(requested, Sequence) else 0
    return first.source.uri + (f" (and {others} more)" if others else "")
