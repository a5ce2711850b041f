"""The second engine of LIF: readlif (GPL-3.0), for a second opinion.

Rule kept here: where planes lie comes from the library alone. It assumes that the first two axes make a plane, that
channels come right behind it, and that pixels have 8 or 16 bits; what is stored otherwise is listed without pixels.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio.errors import CorruptFileError, MissingDependencyError, UnsupportedFormatError
from aicsio.formats.lif.layout import Memory, Stitched
from aicsio.formats.lif.metadata import LETTERS
from aicsio.records import (
    Computed,
    Contents,
    Diagnostic,
    DType,
    LazyArray,
    Piece,
    Scene,
    Selection,
    Source,
)

NUMBERS = {letter: number for number, letter in LETTERS.items()}


@attrs.frozen
class LibraryLayout:
    """Layout whose pieces are planes that the library reads."""

    source: Source
    """The file."""
    image: int
    """Index of the image in the library's list."""
    letters: str
    """Stored letters; the last two make a plane."""
    shape: tuple[int, ...]
    """Stored shape."""
    dtype: DType
    """Type of the pixels."""

    @property
    def block_shape(self) -> tuple[int, ...]:
        """One plane."""
        return (*(1,) * (len(self.shape) - 2), *self.shape[-2:])

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """One call for the plane of the block."""
        where = tuple(zip(self.letters[:-2], block[:-2], strict=True))
        crop = tuple(part.start for part in window)
        extent = tuple(part.stop - part.start for part in window)
        arguments = (self.source, self.image, where)
        name = "aicsio.formats.lif.readlif_engine:read_plane"
        yield Computed(
            name,
            arguments,
            self.block_shape,
            self.dtype,
            Selection(crop, extent, (0,) * len(extent)),
        )

    def cut(self, starts: tuple[int, ...], extent: tuple[int, ...]) -> Iterator[Computed]:
        """Pieces for any part of the stored array."""
        lead = len(starts) - 2
        for position in np.ndindex(extent[:lead]):
            block = tuple(a + b for a, b in zip(starts[:lead], position, strict=True))
            where = tuple(zip(self.letters[:-2], block, strict=True))
            name = "aicsio.formats.lif.readlif_engine:read_plane"
            yield Computed(
                name,
                (self.source, self.image, where),
                self.block_shape,
                self.dtype,
                Selection(
                    (*(0,) * lead, *starts[lead:]),
                    (*(1,) * lead, *extent[lead:]),
                    (*position, 0, 0),
                ),
            )


class _Library:
    """An open file of the library; it keeps none open between reads."""

    def __init__(self, source: Source) -> None:
        if not source.local:
            raise UnsupportedFormatError(
                f"readlif reads local files only, not {source.uri}: leave engine= out"
            )
        try:
            from readlif.reader import LifFile
        except ImportError as error:
            text = "engine='readlif' needs readlif (GPL-3.0): pip install 'aicsio[readlif]'"
            raise MissingDependencyError(text) from error
        try:
            self.images: list[Any] = list(LifFile(source.uri).get_iter_image())
        except Exception as error:  # the library documents no error of its own
            raise CorruptFileError.at(
                source.uri, None, f"readlif cannot open it: {error}"
            ) from error

    def close(self) -> None:
        """Nothing is open."""


def _borrowed(source: Source) -> Any:
    return readers.borrow(("readlif", source), lambda: _Library(source))


def read_plane(source: Source, image: int, where: tuple[tuple[str, int], ...]) -> npt.NDArray[Any]:
    """Read one plane through the library."""
    at = dict(where)
    with _borrowed(source) as library:
        found = library.images[image]
        try:
            with warnings.catch_warnings():
                # get_plane opens the file twice and forgets the first.
                warnings.simplefilter("ignore", ResourceWarning)
                if tuple(found.display_dims) == (1, 2) and set(at) <= set("ZTCM"):
                    numbers = {key.lower(): at.get(key, 0) for key in "ZTCM"}
                    plane = found.get_frame(**numbers)
                else:
                    requested = {NUMBERS[key]: n for key, n in at.items() if key != "C"}
                    plane = found.get_plane(c=at.get("C", 0), requested_dims=requested)
                return np.asarray(plane)
        except Exception as error:  # as above
            raise CorruptFileError.at(
                source.uri, None, f"readlif cannot read plane {where}: {error}"
            ) from error


def contents(source: Source, native: Contents) -> Contents:
    """Put the library behind the scenes that it can read."""
    with _borrowed(source) as library:
        if len(library.images) != len(native.scenes):
            text = f"readlif finds {len(library.images)} images where the XML describes {len(native.scenes)}"
            raise CorruptFileError.at(source.uri, None, text)
        images = zip(native.scenes, library.images, strict=True)
        pairs = [
            _through(scene, source, index, found) for index, (scene, found) in enumerate(images)
        ]
    notes = tuple(note for _, note in pairs if note is not None)
    if not any(scene.levels for scene, _ in pairs):
        raise UnsupportedFormatError(
            "; ".join(note.message for note in notes) + ": leave engine= out"
        )
    return attrs.evolve(
        native, scenes=tuple(scene for scene, _ in pairs), diagnostics=(*native.diagnostics, *notes)
    )


def _through(
    scene: Scene, source: Source, index: int, found: Any
) -> tuple[Scene, Diagnostic | None]:
    if not scene.levels:
        return scene, None
    array = scene.levels[0]
    inner = array.layout.inner if isinstance(array.layout, Stitched) else array.layout
    if not isinstance(inner, Memory):
        raise TypeError("the native engine lays out raw memory")
    letters = array.stored.order
    if isinstance(array.layout, Stitched):
        tiles = array.layout.axes[0]
        letters = letters[:tiles] + "M" + letters[tiles:]
    reason = _refusal(inner, letters, found)
    if reason is not None:
        text = f"readlif cannot read {scene.name!r}: {reason}"
        return attrs.evolve(scene, levels=()), Diagnostic("lif-readlif-declines", text, scene.name)
    layout: Any = LibraryLayout(source, index, letters, inner.shape, array.dtype)
    if isinstance(array.layout, Stitched):
        layout = attrs.evolve(array.layout, inner=layout)
    return attrs.evolve(scene, levels=(LazyArray.whole(layout, array.stored, array.dtype),)), None


def _refusal(inner: Memory, letters: str, found: Any) -> str | None:
    """Say what of an image lies beyond the library's assumptions, or ``None``."""
    if "S" in letters:
        return "its pixels are red, green and blue"
    if len(set(found.bit_depth)) > 1 or inner.dtypes[0].kind == "f" or inner.dtypes[0].itemsize > 2:
        return f"its pixels have {found.bit_depth} bits"
    if len(letters) < 2 or "C" in letters[-2:]:
        return f"no plane lies together in {letters}"
    atypical = tuple(found.display_dims) != (1, 2) or not set(letters) <= set("TMZCYX")
    assumed = "MTCZ" if found.channel_as_second_dim and not atypical else "MTZC"
    lead = letters[:-2]
    if not atypical and lead != "".join(letter for letter in assumed if letter in lead):
        return f"it takes axes to lie in the order {assumed}, here they lie {lead}"
    if atypical and "C" in letters and letters[-3] != "C":
        return f"its channels do not follow each plane, in {letters}"
    if atypical and inner.dtypes[0].itemsize > 1 and "C" in letters:
        return "it misplaces the channels of 16-bit planes that are not XY"
    item = inner.dtypes[0].itemsize
    expected = item
    for n, stride in zip(reversed(inner.shape), reversed(inner.strides), strict=True):
        if n > 1 and stride != expected:
            return "its pixels do not lie without gaps"
        expected *= n
    return None
