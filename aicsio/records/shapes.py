"""Shapes as types: the number of axes that a type checker knows of a handle and of its pixels.

Rule kept here: names for annotations alone. At run time nothing depends on them.

``ImageHandle[tuple[int, int, int]]`` has three axes; ``ImageHandle`` has any number.
"""

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Pixels5", "Shape", "Shape_co"]

if TYPE_CHECKING:
    # Type checkers bring the stub of typing_extensions, so that the package need not be installed.
    from typing_extensions import TypeVar

    # The default of numpy's arrays: a handle of unknown rank fits where a rank is asked for. Behind an
    # alias mypy does not count the Any: it takes the first overload that fits, where with an Any in an
    # argument it tries each one. That is 2.3 ms a call of transpose_to, all 1303 orders with them.
    AnyRank: TypeAlias = tuple[Any, ...]
    Shape_co = TypeVar("Shape_co", bound=tuple[int, ...], covariant=True, default=AnyRank)
    Shape = TypeVar("Shape", bound=tuple[int, ...], default=AnyRank)
    Pixels5: TypeAlias = np.ndarray[tuple[int, int, int, int, int], np.dtype[Any]]
else:
    from typing import TypeVar

    # The default of a TypeVar (PEP 696) needs Python 3.13.
    Shape_co = TypeVar("Shape_co", bound=tuple[int, ...], covariant=True)
    Shape = TypeVar("Shape", bound=tuple[int, ...])
    Pixels5: TypeAlias = npt.NDArray[Any]
