"""The second engine of LIF: readlif (GPL-3.0), as an independent second opinion.

Rule kept here: the library alone decides where planes lie. It assumes that the first two axes
make a plane, that channels come directly behind it, and that pixels have 8 or 16 bits; an image
that is stored otherwise is listed without pixels.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio.errors import CorruptFileError, MissingDependencyError, UnsupportedFormatError
from aicsio.formats._leica.description import LETTERS
from aicsio.formats._leica.layout import LifLayout, StitchedLayout
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
from aicsio.records.printing import printed_short

DIMENSION_NUMBERS = {letter: number for number, letter in LETTERS.items()}
READ_PLANE = "aicsio.formats.lif.readlif_engine:read_plane"


@printed_short
@attrs.frozen
class ReadlifLayout:
    """Layout whose pieces are planes that readlif reads."""

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
        """One call for the plane of the block; see ``Layout``."""
        starts = tuple(part.start for part in window)
        extent = tuple(part.stop - part.start for part in window)
        # A block is one plane: its numbers are positions along the other axes.
        yield self._plane(block[:-2], Selection(starts, extent, (0,) * len(extent)))

    def cut(self, starts: tuple[int, ...], extent: tuple[int, ...]) -> Iterator[Computed]:
        """Pieces for any part of the stored array, one for each plane."""
        lead = len(starts) - 2
        source_start = (*(0,) * lead, *starts[lead:])
        shape = (*(1,) * lead, *extent[lead:])
        for offset in np.ndindex(extent[:lead]):
            position = tuple(start + n for start, n in zip(starts[:lead], offset, strict=True))
            yield self._plane(position, Selection(source_start, shape, (*offset, 0, 0)))

    def _plane(self, position: tuple[int, ...], selection: Selection) -> Computed:
        where = tuple(zip(self.letters[:-2], position, strict=True))
        arguments = (self.source, self.image, where)
        return Computed(READ_PLANE, arguments, self.block_shape, self.dtype, selection)


# ---------------------------------------------------------------- the library


class _OpenLif:
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


def _borrow(source: Source) -> Any:
    return readers.borrow(("readlif", source), lambda: _OpenLif(source))


def read_plane(source: Source, image: int, where: tuple[tuple[str, int], ...]) -> npt.NDArray[Any]:
    """Read one plane through the library.

    Parameters
    ----------
    source
        The file.
    image
        Index of the image in the library's list.
    where
        Letters and positions of the axes that are not of the plane.

    Returns
    -------
    The two fastest axes of the image.

    Raises
    ------
    CorruptFileError
        When the library raises any error.
    """
    positions = dict(where)
    with _borrow(source) as library:
        try:
            with warnings.catch_warnings():
                # get_plane opens the file twice and forgets the first.
                warnings.simplefilter("ignore", ResourceWarning)
                return np.asarray(_call_library(library.images[image], positions))
        except Exception as error:  # the library documents no error of its own
            raise CorruptFileError.at(
                source.uri, None, f"readlif cannot read plane {where}: {error}"
            ) from error


def _call_library(lif_image: Any, positions: dict[str, int]) -> Any:
    is_typical = tuple(lif_image.display_dims) == (1, 2) and set(positions) <= set("ZTCM")
    if is_typical:
        z, t, c, m = (positions.get(letter, 0) for letter in "ZTCM")
        return lif_image.get_frame(z=z, t=t, c=c, m=m)
    # The library numbers dimensions as the file does; channels have an argument of their own.
    requested = {}
    for letter, position in positions.items():
        if letter != "C":
            requested[DIMENSION_NUMBERS[letter]] = position
    return lif_image.get_plane(c=positions.get("C", 0), requested_dims=requested)


# ---------------------------------------------------------------- scenes


def replace_layouts(source: Source, native: Contents) -> Contents:
    """Put readlif behind the scenes that it can read.

    Parameters
    ----------
    source
        The file.
    native
        Contents as the native engine describes them.

    Returns
    -------
    The same scenes; those that readlif would misread have no pixels and a diagnostic.

    Raises
    ------
    CorruptFileError
        When readlif finds another number of images.
    UnsupportedFormatError
        When it can read none of them.
    """
    scenes, diagnostics = [], []
    with _borrow(source) as library:
        if len(library.images) != len(native.scenes):
            text = (
                f"readlif finds {len(library.images)} images "
                f"where the XML describes {len(native.scenes)}"
            )
            raise CorruptFileError.at(source.uri, None, text)
        for index, scene in enumerate(native.scenes):
            replaced, diagnostic = _replace_layout(scene, source, index, library.images[index])
            scenes.append(replaced)
            if diagnostic is not None:
                diagnostics.append(diagnostic)
    if not any(scene.levels for scene in scenes):
        reasons = "; ".join(one.message for one in diagnostics)
        raise UnsupportedFormatError(f"{reasons}: leave engine= out")
    return attrs.evolve(
        native, scenes=tuple(scenes), diagnostics=(*native.diagnostics, *diagnostics)
    )


def _replace_layout(
    scene: Scene, source: Source, index: int, lif_image: Any
) -> tuple[Scene, Diagnostic | None]:
    if not scene.levels:
        return scene, None
    array = scene.levels[0]
    letters = array.stored.order
    # The places of tiles come from the XML; the library reads the tiles.
    stitched = None
    inner: Any = array.layout
    if isinstance(inner, StitchedLayout):
        stitched, inner = inner, inner.inner
        tile_axis = stitched.axes[0]
        # The canvas lacks the axis of tiles that the layout inside of it has.
        letters = letters[:tile_axis] + "M" + letters[tile_axis:]
    if not isinstance(inner, LifLayout):
        raise TypeError("the native engine lays out raw memory")
    reason = _find_refusal(inner, letters, lif_image)
    if reason is not None:
        text = f"readlif cannot read {scene.name!r}: {reason}"
        return attrs.evolve(scene, levels=()), Diagnostic("lif-readlif-declines", text, scene.name)
    layout: Any = ReadlifLayout(source, index, letters, inner.shape, array.dtype)
    if stitched is not None:
        layout = attrs.evolve(stitched, inner=layout)
    return attrs.evolve(scene, levels=(LazyArray.whole(layout, array.stored, array.dtype),)), None


def _find_refusal(inner: LifLayout, letters: str, lif_image: Any) -> str | None:
    """Return the assumption of the library that an image breaks, or ``None``."""
    dtype = inner.dtypes[0]
    if "S" in letters:
        return "its pixels are red, green and blue"
    if len(set(lif_image.bit_depth)) > 1 or dtype.kind == "f" or dtype.itemsize > 2:
        return f"its pixels have {lif_image.bit_depth} bits"
    if len(letters) < 2 or "C" in letters[-2:]:
        return f"no plane lies together in {letters}"
    if not set(letters) <= set(DIMENSION_NUMBERS) | {"C"}:
        return "it has dimensions with unknown numbers"
    lead = letters[:-2]
    is_typical = tuple(lif_image.display_dims) == (1, 2) and set(letters) <= set("TMZCYX")
    if is_typical:
        # Where C lies is the one freedom that the library has.
        assumed = "MTCZ" if lif_image.channel_as_second_dim else "MTZC"
        if lead != "".join(letter for letter in assumed if letter in lead):
            return f"it takes axes to lie in the order {assumed}, here they lie {lead}"
    elif "C" in letters and letters[-3] != "C":
        return f"its channels do not follow each plane, in {letters}"
    elif "C" in letters and dtype.itemsize > 1:
        return "it misplaces the channels of 16-bit planes that are not XY"
    # The library computes where a plane begins from the sizes alone.
    expected_stride = dtype.itemsize
    for size, stride in zip(reversed(inner.shape), reversed(inner.strides), strict=True):
        if size > 1 and stride != expected_stride:
            return "its pixels do not lie without gaps"
        expected_stride *= size
    return None
