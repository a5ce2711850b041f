"""``open_image`` and ``explain``: from whatever names an image to a handle.

Rule kept here: nothing is swallowed while choosing. A format either declines by its content, or its error reaches
the caller.
"""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any, Literal

import attrs
import numpy as np

from aicsio import formats
from aicsio._checks import checked
from aicsio._dims import notation
from aicsio._io import readers
from aicsio.errors import CorruptFileError, DimensionError, SceneError, UnsupportedFormatError
from aicsio.records import (
    Channel,
    Contents,
    Diagnostic,
    Dims,
    ImageHandle,
    LazyArray,
    PixelSize,
    Scene,
    Source,
    View,
)

__all__ = ["Candidate", "explain", "open_image"]


@attrs.frozen
class Candidate:
    """What became of one format while choosing."""

    format: str
    """Name in the table of formats."""
    taken: bool
    """Whether this one opens the file."""
    reason: str
    """Why, or why not."""


@checked
def open_image(
    image: object,
    *,
    format: str | None = None,
    engine: str | None = None,
    mosaic: Literal["stitched", "tiles"] = "stitched",
    dims: str | None = None,
    channel_names: Sequence[str] | None = None,
    pixel_size: PixelSize | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> ImageHandle:
    """Open an image: read what the file says of itself, no pixels, and leave nothing open.

    Parameters
    ----------
    image
        Path, URL of any fsspec file system, ``bytes``, binary file object, numpy or dask array (read in place, not
        copied), or a list of arrays (one scene each).
    format
        Name of the format, to skip recognition; see ``explain``.
    engine
        Which reader of a format that has several; see the page of the format.
    mosaic
        ``"stitched"`` places tiles on one canvas, ``"tiles"`` keeps them apart along M.
    dims
        Letters of the stored axes, for files that do not name them and for arrays. Given for a file, it overrides
        what the file says. Letters of axes of size 1 may be left out.
    channel_names
        Names along C, in place of those of the file.
    pixel_size
        Micrometres, in place of what the file says.
    storage_options
        For URLs: keyword arguments of the fsspec file system.

    Returns
    -------
    ImageHandle
        In focus: the first scene that has pixels, at full resolution, in stored order.

    Raises
    ------
    SourceNotFoundError, SourceError
        When there is nothing, or it cannot be read.
    UnsupportedFormatError
        When no format takes the file.
    CorruptFileError
        When the file breaks the rules of its format.
    DimensionError
        When ``dims`` or ``channel_names`` do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> open_image(np.zeros((2, 64, 48), np.uint8), dims="CYX", channel_names=["DAPI", "GFP"]).dims
    Dims(order='CYX', shape=(2, 64, 48))
    """
    if dims is not None:
        notation.parse_order(dims)
    if _is_array(image) or (
        isinstance(image, list | tuple) and image and all(map(_is_array, image))
    ):
        from aicsio.formats import arrays

        source, contents = arrays.read_arrays(image, dims)
        name = "array"
    else:
        options = formats.Options(mosaic=mosaic, engine=engine)
        with readers.session():
            source = readers.identify(image, storage_options)
            row = _choose(source) if format is None else _named(format)
            row.check_engine(engine)
            contents, name = row.load().read_contents(source, options), row.name
        if dims is not None:
            contents = _with_dims(contents, dims)
    contents = with_overrides(contents, channel_names, pixel_size)
    first = next((index for index, scene in enumerate(contents.scenes) if scene.levels), None)
    if first is None:
        raise SceneError(
            f"{source.uri} holds no pixels: {len(contents.scenes)} scenes, none with data"
        )
    return ImageHandle(source, name, contents, first, 0, contents.scenes[first].levels[0])


@checked
def explain(
    image: object, *, storage_options: Mapping[str, Any] | None = None
) -> tuple[Candidate, ...]:
    """Say which format opens a file, and why each of the others does not.

    Parameters
    ----------
    image
        Path, URL, ``bytes`` or binary file object.
    storage_options
        For URLs: keyword arguments of the fsspec file system.

    Returns
    -------
    tuple of Candidate
        In the order in which the formats are asked.

    Examples
    --------
    >>> from aicsio import explain
    >>> [candidate.format for candidate in explain(b"no image") if candidate.taken]
    []
    """
    told: list[Candidate] = []
    taken = False
    with readers.session():
        source = readers.identify(image, storage_options)
        head = readers.read_head(source, formats.HEAD_BYTES)
        for row in formats.candidates(source):
            if taken:
                told.append(Candidate(row.name, False, "not asked: another format took the file"))
                continue
            missing = row.missing()
            if missing:
                told.append(
                    Candidate(
                        row.name, False, f"needs {', '.join(missing)}, which is not installed"
                    )
                )
                continue
            taken = row.load().recognises(source, head)
            told.append(
                Candidate(row.name, taken, f"its content {'is' if taken else 'is not'} {row.name}")
            )
    return tuple(told)


def _choose(source: Source) -> formats.Format:
    if source.size == 0:
        raise CorruptFileError.at(source.uri, 0, "the file is empty")
    head = readers.read_head(source, formats.HEAD_BYTES)
    declined = []
    for row in formats.candidates(source):
        missing = row.missing()
        if missing:
            declined.append(f"{row.name} (needs {', '.join(missing)})")
        elif row.load().recognises(source, head):
            return row
        else:
            declined.append(row.name)
    start = " ".join(f"{byte:02x}" for byte in head[:8])
    raise UnsupportedFormatError(
        f"no format takes {source.uri!r} (it begins with {start}); asked: {', '.join(declined)}. "
        "explain() tells why each declined"
    )


def _named(name: str) -> formats.Format:
    row = formats.by_name(name)
    if row is None:
        known = ", ".join(
            row.name for row in (*formats.TABLE, formats.FALLBACK, *formats.external())
        )
        raise UnsupportedFormatError(f"no format is called {name!r}; there are {known}")
    return row


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray) or (
        hasattr(value, "__dask_graph__") and hasattr(value, "chunks")
    )


def _with_dims(contents: Contents, dims: str) -> Contents:
    """Rename the stored axes, in every scene that has as many."""
    scenes = [_renamed(scene, dims) for scene in contents.scenes]
    if all(scene is None for scene in scenes):
        there = "; ".join(sorted({str(scene.dims) for scene in contents.scenes}))
        raise DimensionError(f"dims={dims!r} names {len(dims)} axes, but the file has: {there}")
    kept = tuple(
        old if new is None else new for old, new in zip(contents.scenes, scenes, strict=True)
    )
    said = tuple(item for item in contents.diagnostics if item.code != "guessed-axes")
    note = Diagnostic("named-axes", f"the caller named the axes {dims!r}")
    return attrs.evolve(contents, scenes=kept, diagnostics=(*said, note))


def _renamed(scene: Scene, dims: str) -> Scene | None:
    levels = [_relettered(level, dims) for level in scene.levels]
    kept = tuple(level for level in levels if level is not None)
    return attrs.evolve(scene, levels=kept) if len(kept) == len(levels) else None


def _relettered(level: LazyArray, dims: str) -> LazyArray | None:
    """Name the axes; those of size 1 that the caller left out keep a letter in the file and are not shown."""
    shape = level.stored.shape
    shown = (
        range(len(shape))
        if len(dims) == len(shape)
        else [axis for axis, size in enumerate(shape) if size != 1]
    )
    if len(dims) != len(shown):
        return None
    spare = iter(dict.fromkeys(c for c in level.stored.order + ascii_uppercase if c not in dims))
    named = dict(zip(shown, dims, strict=True))
    stored = Dims(
        "".join(named[axis] if axis in named else next(spare) for axis in range(len(shape))), shape
    )
    picks = tuple(range(size) if axis in named else 0 for axis, size in enumerate(shape))
    return attrs.evolve(level, stored=stored, view=View(dims, tuple(shown), picks))


def with_overrides(
    contents: Contents, names: Sequence[str] | None, pixel_size: PixelSize | None
) -> Contents:
    scenes = contents.scenes
    if names is not None:
        if isinstance(names, str):
            names = [names]
        scenes = tuple(_with_names(scene, names) for scene in scenes)
    if pixel_size is not None:
        scenes = tuple(attrs.evolve(scene, pixel_size=pixel_size) for scene in scenes)
    return contents if scenes is contents.scenes else attrs.evolve(contents, scenes=scenes)


def _with_names(scene: Scene, names: Sequence[str]) -> Scene:
    count = scene.levels[0].stored["C"] if scene.levels and "C" in scene.levels[0].stored else 1
    if len(names) != count:
        raise DimensionError(
            f"{len(names)} channel names {list(names)} for {count} channels of {scene.name!r}"
        )
    known = scene.channels if len(scene.channels) == count else (Channel(),) * count
    renamed = tuple(
        attrs.evolve(channel, name=name) for channel, name in zip(known, names, strict=True)
    )
    return attrs.evolve(scene, channels=renamed)
