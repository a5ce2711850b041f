"""The files of a group: opened and checked at once, or unchecked until they are read.

Rule kept here: a file is checked when it is opened, or when it is read; none passes unchecked.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._dims import views
from aicsio._io import readers, urls
from aicsio.arrays import read_array
from aicsio.errors import ArgumentTypeError, DimensionError, SceneError
from aicsio.formats.names import EngineName, FormatName, Mosaic
from aicsio.joining import layout
from aicsio.joining.groups import Group
from aicsio.opening import open_image
from aicsio.records import Dims, DType, ImageHandle, Source
from aicsio.steps import select_level, select_scene

__all__ = [
    "FileOptions",
    "only_first",
    "open_files",
    "open_first",
    "read_unchecked_file",
    "unchecked_levels",
]

REMOTE_THREADS = 24
"""Files on a server that are opened at once: each waits for a few requests."""


@attrs.frozen(eq=False)
class FileOptions:
    """Options of ``open_image`` for each file. Not a record: it lives for one call."""

    format: FormatName | None = None
    """As in ``open_image``."""
    engine: EngineName | None = None
    """As in ``open_image``."""
    mosaic: Mosaic = "stitched"
    """As in ``open_image``."""
    dims: str | None = None
    """As in ``open_image``."""
    storage_options: Mapping[str, Any] | None = None
    """As in ``open_image``."""
    masks: bool = False
    """As in ``open_image``."""


def open_first(group: Group, options: FileOptions) -> tuple[int, ImageHandle]:
    """Open the first file that is not missing; return its index, too."""
    # A group has at least one file: names without files make no group.
    index = next(index for index, file in enumerate(group.files) if file is not None)
    return index, _open_file(group.files[index], options)


def open_files(group: Group, options: FileOptions) -> list[ImageHandle | None]:
    """Open all files of a group; ``None`` for a missing one."""
    first_index, first = open_first(group, options)
    handles: list[ImageHandle | None] = [None] * len(group.files)
    handles[first_index] = first
    others: list[int] = []
    for index, file in enumerate(group.files):
        if file is not None and index != first_index:
            others.append(index)
    remote = not first.source.local and first.source.content is None
    if not remote or not isinstance(group.files[first_index], str):
        # Local files are opened one by one: threads of Python would take turns at parsing.
        for index in others:
            handles[index] = _open_file(group.files[index], options)
        return handles
    from concurrent.futures import ThreadPoolExecutor  # imports logging and queue: 4 ms

    with ThreadPoolExecutor(REMOTE_THREADS, thread_name_prefix="aicsio") as pool:
        opened = pool.map(lambda index: _open_file(group.files[index], options), others)
        for index, handle in zip(others, opened, strict=True):
            handles[index] = handle
    return handles


def _open_file(file: Any, options: FileOptions) -> ImageHandle:
    if isinstance(file, ImageHandle):
        return _only_focus(file)
    return open_image(
        file,
        format=options.format,
        engine=options.engine,
        mosaic=options.mosaic,
        dims=options.dims,
        storage_options=options.storage_options,
        masks=options.masks,
    )


def _only_focus(handle: ImageHandle) -> ImageHandle:
    """Return a handle whose one scene is the array in focus, with the picks that it shows."""
    scene = attrs.evolve(
        handle.scene,
        levels=(handle.array,),
        channels=handle.channels,
        pixel_size=handle.pixel_size,
        time_step=handle.time_step,
    )
    if handle.array != handle.level_array(handle.scene_index, handle.level):
        # Tables of planes and tiles belong to the whole array.
        scene = attrs.evolve(scene, planes=None, coordinates=(), tiles=None)
    contents = attrs.evolve(handle.contents, scenes=(scene,))
    return attrs.evolve(handle, contents=contents, scene_index=0, level=0)


# ---------------------------------------------------------------- unchecked files


def unchecked_levels(
    group: Group, first: ImageHandle, scene_index: int, options: FileOptions
) -> list[layout.UncheckedFiles]:
    """Describe the levels of one scene of unopened files, assuming those of the first file.

    Raises
    ------
    ArgumentTypeError
        When a file is no path and no URL.
    """
    sources: list[Source | None] = []
    for file in group.files:
        if file is not None and not isinstance(file, str):
            raise ArgumentTypeError(
                "check='first' takes paths and URLs: leave it out for images in memory"
            )
        sources.append(None if file is None else _unchecked_source(file, first))
    levels: list[layout.UncheckedFiles] = []
    for level, array in enumerate(first.scenes[scene_index].levels):
        request = layout.OpenRequest(
            format=options.format,
            engine=options.engine,
            mosaic=options.mosaic,
            dims=options.dims,
            scene=scene_index,
            level=level,
            reference=first.source,
            masks=options.masks,
        )
        levels.append(layout.unchecked_files(sources, request, array))
    return levels


def _unchecked_source(file: str, first: ImageHandle) -> Source:
    if first.source.local:
        return readers.identify(file)
    # One request for each of ten thousand files would take minutes: the server is asked when the
    # file is read.
    options = urls.client_options(first.source)
    public = urls.public_url(file)
    if public != file:
        options[urls.URL_KEY] = file
    return Source(public, json.dumps(options, sort_keys=True), local=False)


@attrs.define
class _OpenedHandle:
    """A handle in the pool of open files: one read opens each file once. Not a record."""

    handle: ImageHandle
    """The handle."""

    def close(self) -> None:
        """Do nothing: a handle holds no open file."""


def read_unchecked_file(
    source: Source,
    request: layout.OpenRequest,
    dims: Dims,
    dtype: DType,
    starts: tuple[int, ...],
    extent: tuple[int, ...],
) -> npt.NDArray[Any]:
    """Open and check a file, and read a window of it.

    Parameters
    ----------
    source, request
        The file, and how it is opened.
    dims, dtype
        Expected of its array.
    starts, extent
        First position and size of the window along each dim.

    Raises
    ------
    DimensionError
        When its scenes, dims or type differ from those of the first file.
    """
    # Opened in one way, a file has one handle in the pool; another way is another key.
    key = (
        "unchecked-file",
        source.uri,
        source.storage_options,
        source.fingerprint,
        request.format,
        request.engine,
        request.mosaic,
        request.dims,
        request.masks,
    )
    with readers.borrow(key, lambda: _open_unchecked(source, request)) as opened:
        try:
            scene = select_scene(opened.handle, request.scene)
            array = select_level(scene, request.level).array
        except SceneError as error:
            raise DimensionError(
                f"{source.uri!r} differs from the first file, {request.reference.uri!r}: {error}"
            ) from error
    # The layout has promised this shape to the engine: another one would be read as garbage.
    if array.dims != dims or array.dtype != dtype:
        raise DimensionError(
            f"{source.uri!r} has {array.dims} of {array.dtype}, but the first file, "
            f"{request.reference.uri!r}, has {dims} of {dtype}: "
            "open_many(..., check='all') names all files that differ"
        )
    picks: dict[str, range] = {}
    for letter, start, length in zip(dims.order, starts, extent, strict=True):
        picks[letter] = range(start, start + length)
    # The engine calls this on one of its threads, beside others: no threads of its own.
    return np.asarray(read_array(views.transpose(array, dims.order, picks), 1))


def _open_unchecked(source: Source, request: layout.OpenRequest) -> _OpenedHandle:
    # Of a remote file only the URL is known; local ones have the fingerprint of their listing.
    if not source.local and source.size is None:
        source = readers.identify(urls.requested_url(source), urls.client_options(source))
    mosaic: Mosaic = "tiles" if request.mosaic == "tiles" else "stitched"
    handle = open_image(
        source,
        format=cast("FormatName | None", request.format),
        engine=cast("EngineName | None", request.engine),
        mosaic=mosaic,
        masks=request.masks,
        dims=request.dims,
    )
    return _OpenedHandle(handle)


def only_first(group: Group, first: ImageHandle) -> Sequence[ImageHandle | None]:
    """Return the handle of the first file in place of each file."""
    return [None if file is None else first for file in group.files]
