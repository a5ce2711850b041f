"""``open_many``: many files as one image.

Rule kept here: a file is opened to be checked, or not before it is read and then checked; none is taken for what it is
not.
"""

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, SupportsIndex

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import _engine
from aicsio._checks import checked
from aicsio._dims import views
from aicsio._dims.notation import parse_order
from aicsio._io import readers
from aicsio.arrays import read_array
from aicsio.errors import ArgumentTypeError, DimensionError, SceneError, SourceError
from aicsio.joining import file_names, layout
from aicsio.joining.file_names import Group, listed
from aicsio.joining.scenes import Overrides, joined_scene, named
from aicsio.opening import open_image, with_overrides
from aicsio.records import (
    Computed,
    Contents,
    Diagnostic,
    Dims,
    DType,
    ImageHandle,
    PixelSize,
    Scene,
    Source,
)
from aicsio.steps import select_level, select_scene

__all__ = ["open_many"]

REMOTE_THREADS = 8
"""Files of a server that are opened at once."""


@checked
def open_many(
    files: str | os.PathLike[str] | Sequence[Any],
    *,
    along: str = "T",
    scene: SupportsIndex | str | None = None,
    check: Literal["all", "first"] = "all",
    missing: Literal["error", "fill", "skip"] = "error",
    format: str | None = None,
    engine: str | None = None,
    mosaic: Literal["stitched", "tiles"] = "stitched",
    dims: str | None = None,
    channel_names: Sequence[str] | None = None,
    pixel_size: PixelSize | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> ImageHandle:
    """Open many files as one image. No pixels are read, and reading a part of it opens only the files it lies in.

    Parameters
    ----------
    files
        - A pattern with named dims, ``"img_t{T}_c{C}.tif"``: capital letters, and ``{scene}`` for files of several
          scenes. A field takes anything but ``/`` and ``_``. Numbers, padded or not, are positions in their order;
          words are sorted, and along C they name the channels.
        - A glob, ``"img_*.tif"``: files in natural order, ``img_2`` before ``img_10``.
        - A list of whatever ``open_image`` takes, or of handles: in its order.
        Paths or URLs of any fsspec file system that can list them.
    along
        For a glob or a list: the letter along which files are joined. One that they have becomes longer, and they may
        differ in its size; another becomes a new axis in front, as do new letters of a pattern.
    scene
        Index or name: take this scene of each file. Left out, all scenes are joined, each with its like.
    check
        ``"all"`` looks into each file: those that do not fit are named. ``"first"`` looks into the first and takes the
        others to be like it: ten thousand files then open at once. One that differs raises when it is read, and what
        only files themselves say (times, positions) is not known.
    missing
        For a pattern that lacks files: ``"error"`` names them, ``"fill"`` shows zeros in their place with a
        diagnostic, ``"skip"`` leaves out numbers that no file has.
    format, engine, mosaic, dims, storage_options
        As for ``open_image``, for each file.
    channel_names, pixel_size
        As for ``open_image``, for the joined image; files then need not agree on them.

    Returns
    -------
    ImageHandle
        Its format is ``"joined"``; ``metadata`` is that of the first file. Channels, times and positions of planes are
        those of the files, one behind the other.

    Raises
    ------
    SourceNotFoundError
        When there is no such file, or one of a pattern is missing.
    DimensionError
        When files differ in dims, types, channel names or pixel sizes; the message names them.
    SceneError
        When files differ in their number of scenes.
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
    how: dict[str, Any] = {"format": format, "engine": engine, "mosaic": mosaic, "dims": dims}
    how["storage_options"] = storage_options
    groups = _groups(files, along, missing, storage_options)
    if not groups:
        raise ArgumentTypeError("an empty list is no image: give at least one file")
    return join_groups(
        groups, files, how, scene=scene, check=check, names=channel_names, pixel_size=pixel_size
    )


def join_groups(
    groups: Sequence[Group],
    files: object,
    how: Mapping[str, Any],
    *,
    scene: SupportsIndex | str | None = None,
    check: str = "all",
    names: Sequence[str] | None = None,
    pixel_size: PixelSize | None = None,
) -> ImageHandle:
    """Join files whose places are known.

    Parameters
    ----------
    groups
        The files and their grids.
    files
        What the caller named them by.
    how
        Options of ``open_image`` for each file.
    scene, check, names, pixel_size
        As in ``open_many``.
    """
    scenes: list[Scene] = []
    notes: list[Diagnostic] = []
    like: list[ImageHandle] = []
    for group in groups:
        opened = _opened(group, how, check)
        first = next(handle for handle in opened if handle is not None)
        unseen = functools.partial(_promises, group, first, how=how) if check == "first" else None
        made, told = _joined_contents(
            group, opened, scene, Overrides(names is not None, pixel_size), unseen
        )
        scenes += made
        notes += told
        like.append(first)
    if check == "first":
        count = sum(file is not None for group in groups for file in group.files)
        told_of = like[0].source.uri
        notes.append(
            Diagnostic(
                "unchecked-files",
                f"{count} files are taken to be like the first of them: {told_of}",
            )
        )
    source = Source(_called(files, like[0]), like[0].source.storage_options, local=False)
    contents = with_overrides(
        Contents(tuple(scenes), like[0].metadata, tuple(dict.fromkeys(notes))), names, None
    )
    focus = next((index for index, each in enumerate(contents.scenes) if each.levels), None)
    if focus is None:
        raise SceneError(f"{source.uri} holds no pixels: {len(scenes)} scenes, none with data")
    return ImageHandle(source, "joined", contents, focus, 0, contents.scenes[focus].levels[0])


def _called(files: object, first: ImageHandle) -> str:
    if isinstance(files, str | os.PathLike):
        name = os.fspath(files)
        return name if "://" in name or "::" in name else os.path.abspath(os.path.expanduser(name))
    more = len(files) - 1 if isinstance(files, Sequence) else 0
    return first.source.uri + (f" (and {more} more)" if more else "")


# ---------------------------------------------------------------- which files


def _groups(
    files: object,
    along: str,
    missing: file_names.Missing,
    storage_options: Mapping[str, Any] | None,
) -> tuple[Group, ...]:
    if isinstance(files, str | os.PathLike):
        name = os.fspath(files)
        if file_names.is_pattern(name):
            return file_names.placed(name, missing, storage_options)
        if os.path.isdir(name):
            raise SourceError(
                f"{name!r} is a folder: say which of its files, such as {os.path.join(name, '*.tif')!r}"
            )
        found: Sequence[Any] = (
            file_names.expanded(name, storage_options) if file_names.is_glob(name) else [name]
        )
    else:
        found = list(files) if isinstance(files, Sequence) else []
    return joined_along(found, along)


def joined_along(files: Sequence[Any], letter: str) -> tuple[Group, ...]:
    """Put files one behind the other along a letter."""
    each = tuple(os.fspath(file) if isinstance(file, os.PathLike) else file for file in files)
    return (Group(None, letter, (tuple(range(len(each))),), each),) if each else ()


# ---------------------------------------------------------------- opening them


def _opened(group: Group, how: Mapping[str, Any], check: str) -> list[ImageHandle | None]:
    """Open all files of a group, or the first and take the others to be like it."""
    first = next(index for index, file in enumerate(group.files) if file is not None)
    handles: list[ImageHandle | None] = [None] * len(group.files)
    rest = [index for index, file in enumerate(group.files) if file is not None and index != first]
    like = handles[first] = _open(group.files[first], how)
    if check == "first":
        return [None if file is None else like for file in group.files]
    if (
        like.source.local
        or like.source.content is not None
        or not isinstance(group.files[first], str)
    ):
        for index in rest:
            handles[index] = _open(group.files[index], how)
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(REMOTE_THREADS, thread_name_prefix="aicsio") as pool:
            for index, handle in zip(
                rest, pool.map(lambda at: _open(group.files[at], how), rest), strict=True
            ):
                handles[index] = handle
    return handles


def _open(file: Any, how: Mapping[str, Any]) -> ImageHandle:
    if not isinstance(file, ImageHandle):
        return open_image(file, **how)
    # What is in focus is what is joined, with the picks that it shows.
    scene = attrs.evolve(
        file.scene, levels=(file.array,), channels=file.channels, pixel_size=file.pixel_size
    )
    scene = attrs.evolve(scene, time_step=file.time_step)
    whole = file.array == file.level_array(file.scene_index, file.level)
    if not whole:
        scene = attrs.evolve(scene, planes=None, coordinates=(), tiles=None)
    return attrs.evolve(
        file, contents=attrs.evolve(file.contents, scenes=(scene,)), scene_index=0, level=0
    )


def _promises(
    group: Group, like: ImageHandle, index: int, how: Mapping[str, Any]
) -> list[layout.Promises]:
    """The levels of a scene of files that nobody has looked into."""
    if not all(isinstance(file, str | None) for file in group.files):
        raise ArgumentTypeError(
            "check='first' takes paths and URLs: leave it out for images that are here already"
        )
    sources = [None if file is None else _unseen(file, like) for file in group.files]
    options = (how["format"], how.get("engine"), how["mosaic"], how["dims"])
    return [
        layout.promises(sources, layout.Opening(*options, index, level, like.source), array)
        for level, array in enumerate(like.scenes[index].levels)
    ]


def _unseen(file: str, like: ImageHandle) -> Source:
    if like.source.local:
        return readers.identify(file)
    # To ask a server for each of ten thousand files takes minutes; it is asked when the file is read.
    return Source(file, like.source.storage_options, local=False)


@attrs.define
class _Kept:
    """A handle that the pool keeps until the end of a read, so that each file is opened once for it."""

    handle: ImageHandle

    def close(self) -> None:
        """Nothing is open."""


def read_promised(
    source: Source,
    opening: layout.Opening,
    dims: Dims,
    dtype: DType,
    starts: tuple[int, ...],
    extent: tuple[int, ...],
) -> npt.NDArray[Any]:
    """Open a file that nobody has looked into, and read a window of it.

    Raises
    ------
    DimensionError
        When it is not like the file that was looked into.
    """

    def opened() -> _Kept:
        known = source
        if not source.local and source.size is None:
            known = readers.identify(source.uri, json.loads(source.storage_options))
        mosaic: Literal["stitched", "tiles"] = "tiles" if opening.mosaic == "tiles" else "stitched"
        options = (opening.format, opening.engine)
        return _Kept(
            open_image(
                known, format=options[0], engine=options[1], mosaic=mosaic, dims=opening.dims
            )
        )

    how = (opening.format, opening.engine, opening.mosaic, opening.dims)
    with readers.borrow(
        ("promised", source.uri, source.storage_options, source.fingerprint, *how), opened
    ) as kept:
        try:
            array = select_level(select_scene(kept.handle, opening.scene), opening.level).array
        except SceneError as error:
            raise DimensionError(
                f"{source.uri!r} is not like {opening.like.uri!r}: {error}"
            ) from error
    if array.dims != dims or array.dtype != dtype:
        raise DimensionError(
            f"{source.uri!r} has {array.dims} of {array.dtype}, but {opening.like.uri!r} {dims} of {dtype}: "
            "open_many(..., check='all') names all that differ"
        )
    picks = {
        letter: range(at, at + n) for letter, at, n in zip(dims.order, starts, extent, strict=True)
    }
    return np.asarray(read_array(views.transpose(array, dims.order, picks), 1))


# ---------------------------------------------------------------- joining them


def _joined_contents(
    group: Group,
    handles: Sequence[ImageHandle | None],
    scene: SupportsIndex | str | None,
    overrides: Overrides,
    unseen: Callable[[int], Sequence[layout.Promises]] | None,
) -> tuple[list[Scene], list[Diagnostic]]:
    """Join the scene that is chosen, or each with its like."""
    there = [(index, handle) for index, handle in enumerate(handles) if handle is not None]
    _refuse_one_set(group, there)
    notes = _notes(there[:1] if unseen else there)
    if group.missing:
        told = f"{len(group.missing)} of {len(group.files)} files are missing and read as 0: {listed(group.missing)}"
        notes.append(Diagnostic("missing-files", told))
    chosen = _chosen(group, there, scene)
    scenes: list[Scene] = []
    for number in range(len(next(iter(chosen.values())))):
        each = [
            chosen[index][number].scene if index in chosen else None
            for index in range(len(handles))
        ]
        first = chosen[there[0][0]][number]
        if not any(one is not None and one.levels for one in each):
            scenes.append(first.scene)
            continue
        if unseen is not None:
            # Only the first file told when it was taken.
            believed = attrs.evolve(first.scene, planes=None, acquired=None)
            each = [None if one is None else believed for one in each]
        promised = None if unseen is None else unseen(first.scene_index)
        made, told_too = joined_scene(group, each, overrides, promised)
        if group.scene is not None and scene is None and len(first.scenes) > 1:
            made = attrs.evolve(made, name=f"{group.scene}:{first.scene.name}")
        scenes.append(made)
        notes += told_too
    return scenes, notes


def _chosen(
    group: Group, there: Sequence[tuple[int, ImageHandle]], scene: SupportsIndex | str | None
) -> dict[int, list[ImageHandle]]:
    """By position on the grid, the scenes of each file that are joined.

    Raises
    ------
    SceneError
        When files have different numbers of them, or lack the one that is wanted.
    """
    if scene is not None:
        return {index: [select_scene(handle, scene)] for index, handle in there}
    wanted = len(there[0][1].scenes)
    wrong = [
        f"{named(group.files[index], index)} has {len(h.scenes)}"
        for index, h in there
        if len(h.scenes) != wanted
    ]
    if wrong:
        first = named(group.files[there[0][0]], there[0][0])
        raise SceneError(
            f"{first} has {wanted} scenes, but {listed(wrong)}: choose one of each with scene=0"
        )
    return {
        index: [attrs.evolve(h, scene_index=n, level=0) for n in range(wanted)]
        for index, h in there
    }


def _refuse_one_set(group: Group, there: Sequence[tuple[int, ImageHandle]]) -> None:
    """Files of one OME-TIFF set open the same pixels, each of them all of it."""
    (first, one), *others = there
    for index, other in others[:1]:
        if (
            one.source != other.source
            and one.source.content is None
            and _first_pixel(one) == _first_pixel(other)
        ):
            a, b = named(group.files[first], first), named(group.files[index], index)
            raise DimensionError(
                f"{a} and {b} are files of one image, which either opens whole: open_image({a!r})"
            )


def _first_pixel(handle: ImageHandle) -> object:
    """Where the first pixel lies."""
    array = handle.array
    piece = next(
        _engine.pieces(views.transpose(array, array.dims.order, dict.fromkeys(array.dims, 0))), None
    )
    return (
        handle.source
        if piece is None or isinstance(piece, Computed)
        else (piece.source, piece.offset)
    )


def _notes(there: Sequence[tuple[int, ImageHandle]]) -> list[Diagnostic]:
    """Each trouble once, with the first file that has it."""
    first: dict[tuple[str, str], Diagnostic] = {}
    count: dict[tuple[str, str], int] = {}
    for _, handle in there:
        for note in handle.diagnostics:
            key = note.code, note.message
            first.setdefault(key, attrs.evolve(note, where=note.where or handle.source.uri))
            count[key] = count.get(key, 0) + 1
    more = {
        key: f"{note.message} (and {count[key] - 1} more times)"
        for key, note in first.items()
        if count[key] > 1
    }
    return [attrs.evolve(note, message=more.get(key, note.message)) for key, note in first.items()]
