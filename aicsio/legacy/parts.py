"""``data`` of an ``AICSImage``, and ``get_image_data`` and ``get_image_dask_data``: a part in any order.

Rule kept here: ``tczyx`` has the rules of left-out and missing letters; the overloads, which
``tests/typing/overloads.py`` writes, count the letters of a literal order.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Unpack, cast, overload

import numpy as np
import numpy.typing as npt

from aicsio._checks import checked
from aicsio._dims.picks import Picks, UserPick
from aicsio._engine.in_memory import show
from aicsio.arrays import to_dask
from aicsio.arrays.ranked import DaskPixels5
from aicsio.legacy import tczyx
from aicsio.legacy.reading import read
from aicsio.legacy.stacks import StackMethods
from aicsio.opening import open_image
from aicsio.records import ImageHandle
from aicsio.records.shapes import Pixels5

if TYPE_CHECKING:
    import dask.array

    from aicsio._dims.misfits import OrderAndNoPickIsNone, OrderOfLetters, PickByLetter
    from aicsio._dims.orders import Order1, Order2, Order3, Order4, Order5, Order6, Order7
    from aicsio.arrays.ranked import DaskPixels

Order: TypeAlias = Annotated[str | None, "letters, such as 'ZYX'"]

__all__ = ["PartMethods"]


class PartMethods(StackMethods):
    """Methods that read or show a part, for ``AICSImage`` alone."""

    @property
    @checked
    def channel_names(self) -> list[str]:
        """Names along C; ``Channel:<scene>:<index>`` without one, ``<name>:R`` for samples."""
        return list(self._standard.channel_names)

    @property
    @checked
    def data(self) -> Pixels5:
        """All pixels of the scene as TCZYX; read once, and kept until the scene or level changes.

        Threads of this process read them; with an active ``distributed`` client its workers do,
        unless ``use_dask(False)``.
        """
        if self._data is None:
            self._data = read(self._standard)
        return cast("Pixels5", self._data)

    @property
    @checked
    def dask_data(self) -> DaskPixels5:
        """All pixels of the scene as TCZYX; they are read when they are computed."""
        return to_dask(self._standard, chunks=self._chunks)

    # begin of overloads of get_image_data
    # fmt: off
    if TYPE_CHECKING:
        @overload
        def get_image_data(self, dimension_order_out: Order2, **kwargs:
            Unpack[Picks]) -> np.ndarray[tuple[int, int], np.dtype[Any]]: ...
        @overload
        def get_image_data(self, dimension_order_out: Order3, **kwargs:
            Unpack[Picks]) -> np.ndarray[tuple[int, int, int], np.dtype[Any]]: ...
        @overload
        def get_image_data(self, dimension_order_out: Order4, **kwargs:
            Unpack[Picks]) -> np.ndarray[tuple[int, int, int, int], np.dtype[Any]]: ...
        @overload
        def get_image_data(self, dimension_order_out: Order5 | None = None, **kwargs:
            Unpack[Picks]) -> np.ndarray[tuple[int, int, int, int, int], np.dtype[Any]]: ...
        @overload
        def get_image_data(self, dimension_order_out: Order1, **kwargs:
            Unpack[Picks]) -> np.ndarray[tuple[int], np.dtype[Any]]: ...
        @overload
        def get_image_data(self, dimension_order_out: Order6, **kwargs:
            Unpack[Picks]) -> np.ndarray[tuple[int, int, int, int, int, int], np.dtype[Any]]: ...
        @overload
        def get_image_data(self, dimension_order_out: Order7, **kwargs:
            Unpack[Picks]) -> np.ndarray[tuple[int, int, int, int, int, int, int], np.dtype[Any]]: ...
        @overload
        def get_image_data(self, dimension_order_out: str | None = None, **kwargs:
            Unpack[Picks]) -> np.ndarray[tuple[Any, ...], np.dtype[Any]]: ...
        @overload
        def get_image_data(self, dimension_order_out: OrderAndNoPickIsNone[int], **kwargs: UserPick |
            None) -> np.ndarray[tuple[Any, ...], np.dtype[Any]]: ...
        @overload
        def get_image_data(self, dimension_order_out: str | OrderOfLetters[str] | None = None,
            **kwargs: PickByLetter[str]) -> np.ndarray[tuple[Any, ...], np.dtype[Any]]: ...
    # fmt: on
    # end of overloads

    @checked  # type: ignore[misc]  # its last overloads, which nothing fits, shorten errors
    def get_image_data(self, dimension_order_out: Order = None, **kwargs: Any) -> npt.NDArray[Any]:
        """Read only a part of the image, or show the part of ``data`` if it has been read.

        Parameters
        ----------
        dimension_order_out
            Letters of the result; by default TCZYX. A missing letter becomes an axis of length 1,
            a letter left out is taken at index 0. Other letters of the file may be named, too.
        **kwargs
            By letter: an int, a slice, a range, a list or tuple of ints; along C also names.

        Returns
        -------
        numpy.ndarray
            Shape and order of ``dimension_order_out``.

        Raises
        ------
        DimensionError
            When a pick is out of range, or picks several positions of a letter that is left out.
        CorruptFileError, ImageTooLargeError, SourceError
            As by ``to_numpy``.
        """
        # `data` is a property of the whole scene: reading it keeps the pixels.
        if dimension_order_out is None and not kwargs:
            return self.data
        order = dimension_order_out or tczyx.ORDER
        if self._data is not None and not tczyx.extra_letters(self._handle.dims, order, kwargs):
            loaded = open_image(self._data, dims=tczyx.ORDER, channel_names=self.channel_names)
            view = tczyx.pick_legacy(loaded, order, kwargs).array.view
            return cast("npt.NDArray[Any]", show(self._data, view))
        return read(self._pick(order, kwargs))

    # begin of overloads of get_image_dask_data
    # fmt: off
    if TYPE_CHECKING:
        @overload
        def get_image_dask_data(self, dimension_order_out: Order2, **kwargs:
            Unpack[Picks]) -> DaskPixels[tuple[int, int]]: ...
        @overload
        def get_image_dask_data(self, dimension_order_out: Order3, **kwargs:
            Unpack[Picks]) -> DaskPixels[tuple[int, int, int]]: ...
        @overload
        def get_image_dask_data(self, dimension_order_out: Order4, **kwargs:
            Unpack[Picks]) -> DaskPixels[tuple[int, int, int, int]]: ...
        @overload
        def get_image_dask_data(self, dimension_order_out: Order5 | None = None, **kwargs:
            Unpack[Picks]) -> DaskPixels[tuple[int, int, int, int, int]]: ...
        @overload
        def get_image_dask_data(self, dimension_order_out: Order1, **kwargs:
            Unpack[Picks]) -> DaskPixels[tuple[int]]: ...
        @overload
        def get_image_dask_data(self, dimension_order_out: Order6, **kwargs:
            Unpack[Picks]) -> DaskPixels[tuple[int, int, int, int, int, int]]: ...
        @overload
        def get_image_dask_data(self, dimension_order_out: Order7, **kwargs:
            Unpack[Picks]) -> DaskPixels[tuple[int, int, int, int, int, int, int]]: ...
        @overload
        def get_image_dask_data(self, dimension_order_out: str | None = None, **kwargs:
            Unpack[Picks]) -> DaskPixels[tuple[Any, ...]]: ...
        @overload
        def get_image_dask_data(self, dimension_order_out: OrderAndNoPickIsNone[int], **kwargs:
            UserPick | None) -> DaskPixels[tuple[Any, ...]]: ...
        @overload
        def get_image_dask_data(self, dimension_order_out: str | OrderOfLetters[str] | None = None,
            **kwargs: PickByLetter[str]) -> DaskPixels[tuple[Any, ...]]: ...
    # fmt: on
    # end of overloads

    @checked  # type: ignore[misc]  # its last overloads, which nothing fits, shorten errors
    def get_image_dask_data(
        self, dimension_order_out: Order = None, **kwargs: Any
    ) -> "dask.array.Array":
        """Show a part of the image as a dask array; it is read when it is computed.

        Parameters
        ----------
        dimension_order_out, **kwargs
            As in ``get_image_data``, which raises the same errors.

        Returns
        -------
        dask.array.Array
            In the requested order.
        """
        order = dimension_order_out or tczyx.ORDER
        return to_dask(self._pick(order, kwargs), chunks=self._chunks)

    def _pick(self, order: str, picks: Mapping[str, UserPick]) -> ImageHandle:
        letters = tczyx.extra_letters(self._handle.dims, order, picks)
        return tczyx.pick_legacy(tczyx.to_tczyx(self._handle, letters), order, picks)
