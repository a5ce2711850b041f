"""Dimensions and pixel sizes as AICSImageIO returns them.

Rule kept here: names, order and types are those that scripts unpack.

Source of the facts: AICSImageIO 4 (``dimensions.Dimensions``, ``types.PhysicalPixelSizes``).
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import attrs

from aicsio.errors import ArgumentTypeError, DimensionError

__all__ = ["DimensionNames", "Dimensions", "PhysicalPixelSizes"]


class PhysicalPixelSizes(NamedTuple):
    """Micrometres; ``None`` if the file lacks the size."""

    Z: float | None
    Y: float | None
    X: float | None


class DimensionNames:
    """Letters of dimensions by name."""

    Time = "T"
    Channel = "C"
    SpatialZ = "Z"
    SpatialY = "Y"
    SpatialX = "X"
    Samples = "S"
    MosaicTile = "M"


def _join_letters(dims: Collection[str]) -> str:
    longer = [name for name in dims if len(name) != 1]
    if longer:
        raise DimensionError(f"{longer} are no single letters: give letters, such as 'CYX'")
    return "".join(dims)


def _tuple_of_sizes(shape: Iterable[int]) -> tuple[int, ...]:
    return tuple(shape)


@attrs.frozen
class Dimensions:
    """Letters and sizes: ``dims.X`` is a number, ``dims["X"]`` a tuple of one."""

    # ``dims`` is the keyword of AICSImageIO: Dimensions(dims="CYX", shape=(2, 3, 4)).
    order: str = attrs.field(alias="dims", converter=_join_letters)
    """Letters, slowest first."""
    shape: tuple[int, ...] = attrs.field(converter=_tuple_of_sizes)
    """Size of each."""

    def __attrs_post_init__(self) -> None:
        if len(self.order) != len(self.shape):
            raise DimensionError(
                f"{self.order!r} names {len(self.order)} axes, and {self.shape} has "
                f"{len(self.shape)}"
            )

    @property
    def M(self) -> int:
        """Tiles of a mosaic."""
        return self._size("M")

    @property
    def S(self) -> int:
        """Samples of a pixel."""
        return self._size("S")

    @property
    def T(self) -> int:
        """Time points."""
        return self._size("T")

    @property
    def C(self) -> int:
        """Channels; samples of RGB pixels count."""
        return self._size("C")

    @property
    def Z(self) -> int:
        """Sections."""
        return self._size("Z")

    @property
    def Y(self) -> int:
        """Rows."""
        return self._size("Y")

    @property
    def X(self) -> int:
        """Columns."""
        return self._size("X")

    @property
    def _dims_shape(self) -> dict[str, int]:
        # Not public in AICSImageIO either, but scripts take a size by its letter from it.
        return dict(self.items())

    def items(self) -> tuple[tuple[str, int], ...]:
        """Return pairs of letter and size, in order."""
        return tuple(zip(self.order, self.shape, strict=True))

    def _size(self, letter: str) -> int:
        # No DimensionError: scripts ask getattr(dims, "T", None) of images without T.
        if letter not in self:
            raise AttributeError(f"no dimension {letter!r} here; there are {self.order}")
        return dict(self.items())[letter]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> int:
            # H, V, I and what else a format has.
            if len(name) == 1 and name.isascii() and name.isupper():
                return self._size(name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __contains__(self, letter: object) -> bool:
        return isinstance(letter, str) and letter in dict(self.items())

    def __getitem__(self, key: str | Sequence[str], /) -> tuple[int, ...]:
        # A text is one name, never a sequence of letters: dims["TC"] is an error.
        letters = (key,) if isinstance(key, str) else key
        # AICSImageIO raised for an int, too: dims[0] would be ambiguous.
        if isinstance(letters, int) or not all(isinstance(letter, str) for letter in letters):
            raise ArgumentTypeError(
                f"dims[{key!r}]: give letters, such as dims['X'] or dims['T', 'C']"
            )
        # A repeated letter is allowed: AICSImageIO returned its size each time.
        sizes = dict(self.items())
        missing = [letter for letter in letters if letter not in sizes]
        if missing:
            raise DimensionError(
                f"no dimension {', '.join(map(repr, missing))} here; there are {self.order}"
            )
        return tuple(sizes[letter] for letter in letters)

    def __repr__(self) -> str:
        return f"<Dimensions [{', '.join(f'{letter}: {size}' for letter, size in self.items())}]>"
