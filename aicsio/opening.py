"""From any name of an image to a handle: ``open_image`` and ``explain``. Imports `formats`, `_io` and `_dims`.

An opening in order: ``_io.store_urls.identify_image`` (by ``_io.sources``) makes the ``Source``; here the
candidates of ``formats`` are asked, and the message lists those that decline; ``read_contents`` of the one
in ``formats/<format>`` describes scenes; the caller's facts outrank them; ``records.ImageHandle`` holds all.

Rule kept here: a format declines by its content, or its error reaches the caller; nothing is swallowed.
"""

import os
from collections.abc import Generator, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import attrs
import numpy as np

from aicsio import formats
from aicsio._checks import checked
from aicsio._checks.constructors import checked_record
from aicsio._checks.words import count_of
from aicsio._dims import notation
from aicsio._io import readers, store_urls
from aicsio._io.sources import folder_error
from aicsio.errors import (
    AicsioError,
    CorruptFileError,
    DimensionError,
    SceneError,
    SourceError,
    SourceNotFoundError,
    UnsupportedFormatError,
)
from aicsio.formats.names import EngineName, FormatName, ImageSource, Mosaic
from aicsio.records import (
    Channel,
    Contents,
    Diagnostic,
    Dims,
    ImageHandle,
    LazyArray,
    Pick,
    PixelSize,
    Scene,
    Source,
    View,
)
from aicsio.records.comparing import compared_by_fields

UserPixelSize: TypeAlias = Annotated[
    PixelSize | None, "a PixelSize, such as PixelSize(Y=0.5, X=0.5), or None"
]

MOST_REASONS = 3
"""Diagnostics in an error: the first ones are those of the file as a whole, or of its first scene."""

__all__ = ["Candidate", "explain", "open_image"]


@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class Candidate:
    """One format that was considered for a file."""

    format: str
    """Name in the table of formats."""
    taken: bool
    """Whether this format opens the file."""
    reason: str
    """Why it opens the file, or why not."""


@checked
def open_image(
    image: ImageSource,
    *,
    format: FormatName | None = None,
    engine: EngineName | None = None,
    mosaic: Mosaic = "stitched",
    masks: bool = False,
    dims: str | None = None,
    channel_names: Sequence[str] | None = None,
    pixel_size: UserPixelSize = None,
    storage_options: Mapping[str, Any] | None = None,
) -> ImageHandle:
    """Open an image: read its metadata and no pixels, and leave nothing open.

    Parameters
    ----------
    image
        Path, URL of any fsspec file system, ``bytes``, binary file object, numpy, dask or
        xarray array (read in place, not copied), or a list of arrays (one scene each).
    format
        Name of the format, to skip recognition; see ``explain``.
    engine
        Name of the engine, for a format that has several: ``"native"`` (the default),
        ``"aicspylibczi"`` for CZI, ``"readlif"`` for LIF. ``"openreadout"`` opens a file of any
        format that the library OpenReadout reads, through that library alone.
    mosaic
        ``"stitched"`` places tiles on one canvas, ``"tiles"`` keeps them apart along M.
    masks
        Whether the masks of valid pixels of CZI subblocks are applied: a masked pixel is not drawn,
        and shows the tile below it or 0. Other formats have none.
    dims
        Letters of the stored axes, for files that do not name them and for arrays. They override
        the letters of the file. Letters of axes of size 1 may be left out.
    channel_names
        Names along C, which replace those of the file.
    pixel_size
        Micrometres, which replace the size in the file.
    storage_options
        For URLs: keyword arguments of the fsspec file system.

    Returns
    -------
    ImageHandle
        In focus: the first scene that has pixels, at full resolution, in stored order.

    Raises
    ------
    SourceNotFoundError
        When the path or URL names nothing.
    SourceError
        When the bytes cannot be read.
    UnsupportedFormatError
        When no format opens the file, or the format has no such engine.
    MissingDependencyError
        When the format needs a package that is not installed.
    CorruptFileError
        When the file breaks the rules of its format.
    DimensionError
        When ``dims`` or ``channel_names`` do not fit.
    SceneError
        When no scene of the file has pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> open_image(np.zeros((2, 64, 48), np.uint8), dims="CYX", channel_names=["DAPI", "GFP"]).dims
    Dims(order='CYX', shape=(2, 64, 48))
    """
    # The cheapest check comes first: a misspelt order must not cost the opening of a remote file.
    if dims is not None:
        notation.parse_order(dims)
    if _is_array(image) or (
        isinstance(image, list | tuple) and image and all(map(_is_array, image))
    ):
        from aicsio.formats import arrays

        for option, requested in (("format", format), ("engine", engine)):
            if requested is not None:
                raise UnsupportedFormatError(
                    f"{option}={requested!r} is for files: an array is opened as it is"
                )
        source, contents = arrays.read_arrays(image, dims)
        name = "array"
    else:
        options = formats.Options(mosaic=mosaic, engine=engine, masks=masks)
        # Within a session, bytes that several formats look at are read once.
        with readers.session():
            source = store_urls.identify_image(image, storage_options)
            if engine == formats.BRIDGE.name:
                row = formats.BRIDGE
            elif format is not None:
                row = _named(format)
            else:
                source, row = _choose(source)
            row.check_engine(engine)
            contents, name = row.load().read_contents(source, options), row.name
        if dims is not None:
            contents = _with_dims(contents, dims)
    # The caller's facts come last: they outrank those of every format.
    contents = with_overrides(contents, channel_names, pixel_size)
    # A file may list scenes whose pixels lie elsewhere: the handle begins with one that can be read.
    first = next((index for index, scene in enumerate(contents.scenes) if scene.levels), None)
    if first is None:
        raise _no_pixels(source.uri, contents)
    return ImageHandle(source, name, contents, first, 0, contents.scenes[first].levels[0])


def _no_pixels(uri: str, contents: Contents) -> SceneError:
    """Make the error for a file whose scenes have no pixels; its diagnostics may give the reason."""
    reasons = [note.message for note in contents.diagnostics[:MOST_REASONS]]
    hidden = len(contents.diagnostics) - len(reasons)
    if hidden > 0:
        reasons.append(f"{hidden} more")
    text = f"{uri} holds no pixels: {count_of(len(contents.scenes), 'scene')}, none with data"
    return SceneError("; ".join([text, *reasons]))


@checked
def explain(
    image: object, *, storage_options: Mapping[str, Any] | None = None
) -> tuple[Candidate, ...]:
    """List the formats in the order in which they are asked, with the reason for each decision.

    Parameters
    ----------
    image
        Path, URL, ``bytes`` or binary file object.
    storage_options
        For URLs: keyword arguments of the fsspec file system.

    Returns
    -------
    tuple of Candidate
        At most one of them is taken.

    Raises
    ------
    SourceNotFoundError
        When the path or URL names nothing.
    SourceError
        When the bytes cannot be read.

    Examples
    --------
    >>> from aicsio import explain
    >>> [candidate.format for candidate in explain(b"no image") if candidate.taken]
    []
    """
    return tuple(each_answer(image, storage_options))


def each_answer(
    image: object, storage_options: Mapping[str, Any] | None
) -> Generator[Candidate, None, None]:
    """Yield what ``explain`` lists; who stops at the one that is taken spares 20 ms, those of entry points."""
    taken = False
    with readers.session():
        source = store_urls.identify_image(image, storage_options)
        source, head = store_urls.look_behind_page(source, formats.HEAD_BYTES)
        for row in formats.each_candidate(source):
            reason = "not asked: another format took the file"
            asked = not taken
            if asked and (missing := row.missing()):
                reason = f"needs {', '.join(missing)}, which is not installed"
            elif asked:
                taken = row.load().recognises(source, head)
                reason = f"its content {'is' if taken else 'is not'} {row.name}"
            yield Candidate(row.name, asked and taken, reason)


def _choose(source: Source) -> tuple[Source, formats.Format]:
    source, head = store_urls.look_behind_page(source, formats.HEAD_BYTES)
    declined: list[str] = []
    for row in formats.each_candidate(source):
        missing = row.missing()
        if missing:
            declined.append(f"{row.name} (needs {', '.join(missing)})")
        elif row.load().recognises(source, head):
            return source, row
        else:
            declined.append(row.name)
    raise _unsupported(source, head, declined)


def _unsupported(source: Source, head: bytes, declined: Sequence[str]) -> AicsioError:
    """Make the error for a source that every format declined; known formats are named."""
    # The file of a MIRAX slide may be empty: its pixels lie elsewhere.
    if source.size == 0:
        return CorruptFileError.at(source.uri, 0, "the file is empty")
    # Imported here: its tables are needed for no file that opens.
    from aicsio.formats import signatures

    asked = ", ".join(declined)
    if source.folder and not source.local:
        # No request lists a folder of a web server: nothing shows that it is there.
        return SourceNotFoundError(
            f"there is no Zarr at {source.uri!r}: no zarr.json, .zattrs, .zgroup or .zarray is below"
        )
    if source.folder:
        try:
            names = os.listdir(source.uri)
        except OSError as error:
            return SourceError(f"cannot list {source.uri!r}: {error.strerror}")
        name = signatures.describe_folder(names)
        if name is None:
            return folder_error(source.uri)
        return UnsupportedFormatError(f"no format opens {source.uri!r}: {name}")
    name = signatures.describe_content(head, source.uri)
    if name is not None:
        return UnsupportedFormatError(f"no format opens {source.uri!r}: {name}; asked: {asked}")
    start = " ".join(f"{byte:02x}" for byte in head[:8])
    return UnsupportedFormatError(
        f"no format opens {source.uri!r} (it begins with {start}); asked: {asked}. "
        "explain() lists why each declined"
    )


def _named(name: str) -> formats.Format:
    row = formats.by_name(name)
    if row is None:
        rows = (*formats.TABLE, formats.FALLBACK, *formats.external())
        known = ", ".join(each.name for each in rows)
        from difflib import get_close_matches  # for an error alone

        near = get_close_matches(name.lower(), known.split(", "), 1)
        advice = f"; did you mean {near[0]!r}?" if near else ""
        raise UnsupportedFormatError(f"no format is called {name!r}; there are {known}{advice}")
    return row


def _is_array(value: object) -> bool:
    # By its protocol, so that dask is not imported to recognise its arrays.
    return isinstance(value, np.ndarray) or (
        hasattr(value, "__dask_graph__") and hasattr(value, "chunks") and hasattr(value, "dtype")
    )


def _with_dims(contents: Contents, dims: str) -> Contents:
    """Rename the stored axes, in every scene that has as many."""
    renamed = [_renamed(scene, dims) for scene in contents.scenes]
    if all(scene is None for scene in renamed):
        present = "; ".join(sorted({str(scene.dims) for scene in contents.scenes}))
        raise DimensionError(f"dims={dims!r} names {len(dims)} axes, but the file has: {present}")
    scenes = tuple(
        before if after is None else after
        for before, after in zip(contents.scenes, renamed, strict=True)
    )
    # The guess is replaced, so its diagnostic would be wrong.
    kept = tuple(note for note in contents.diagnostics if note.code != "guessed-axes")
    named = Diagnostic("named-axes", f"the caller named the axes {dims!r}")
    return attrs.evolve(contents, scenes=scenes, diagnostics=(*kept, named))


def _renamed(scene: Scene, dims: str) -> Scene | None:
    levels: list[LazyArray] = []
    for level in scene.levels:
        relettered = _relettered(level, dims)
        if relettered is None:
            return None
        levels.append(relettered)
    return attrs.evolve(scene, levels=tuple(levels))


def _relettered(level: LazyArray, dims: str) -> LazyArray | None:
    """Name the axes; ``None`` if their number differs.

    Axes of size 1 that the caller left out keep a letter in the stored dims and are not shown.
    """
    shape = level.stored.shape
    if len(dims) == len(shape):
        shown = list(range(len(shape)))
    else:
        shown = [axis for axis, size in enumerate(shape) if size != 1]
    if len(dims) != len(shown):
        return None
    # Hidden axes keep their own letters where the caller did not take them for others.
    letters = dict.fromkeys(level.stored.order + notation.LETTERS)
    spare = iter([letter for letter in letters if letter not in dims])
    letter_of_axis = dict(zip(shown, dims, strict=True))
    order = ""
    picks: list[Pick] = []
    for axis, size in enumerate(shape):
        if axis in letter_of_axis:
            order += letter_of_axis[axis]
            picks.append(range(size))
        else:
            order += next(spare)
            picks.append(0)
    view = View(dims, tuple(shown), tuple(picks))
    return attrs.evolve(level, stored=Dims(order, shape), view=view)


def with_overrides(
    contents: Contents, names: Sequence[str] | None, pixel_size: PixelSize | None
) -> Contents:
    """Replace the channel names and the pixel size of every scene by those of the caller.

    Raises
    ------
    DimensionError
        When a scene has another number of channels than there are names.
    """
    scenes = contents.scenes
    if names is not None:
        names = [names] if isinstance(names, str) else names
        scenes = tuple(_with_names(scene, names) for scene in scenes)
    if pixel_size is not None:
        scenes = tuple(
            attrs.evolve(scene, pixel_size=pixel_size, level_places=()) for scene in scenes
        )
    return contents if scenes is contents.scenes else attrs.evolve(contents, scenes=scenes)


def _with_names(scene: Scene, names: Sequence[str]) -> Scene:
    count = scene.levels[0].stored.get("C", 1) if scene.levels else 1
    if len(names) != count:
        raise DimensionError(
            f"{count_of(len(names), 'channel name')} {list(names)} for {count_of(count, 'channel')} "
            f"of {scene.name!r}"
        )
    # Other facts of the channels stay, unless their number shows that they are of others.
    known = scene.channels if len(scene.channels) == count else (Channel(),) * count
    renamed = tuple(
        attrs.evolve(channel, name=name) for channel, name in zip(known, names, strict=True)
    )
    return attrs.evolve(scene, channels=renamed)
