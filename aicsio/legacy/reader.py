"""``LegacyReader``: an image in its stored dimensions, with the members of AICSImageIO's readers.

Rule kept here: the members are those of ``AICSImage``; what differs is that no dimension is added,
folded or cut.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, cast

import numpy.typing as npt

from aicsio._checks import checked
from aicsio.arrays import to_dask
from aicsio.errors import DimensionError, UnsupportedFormatError
from aicsio.formats.names import FormatName
from aicsio.legacy import inputs, mosaics, scenes, tczyx
from aicsio.legacy.reading import read
from aicsio.legacy.stacks import StackMethods
from aicsio.opening import explain
from aicsio.records import ImageHandle

if TYPE_CHECKING:
    import dask.array
    import xarray

__all__ = ["LegacyReader"]


class LegacyReader(StackMethods):
    """An image of any format in its stored dimensions; tiles of a mosaic are positions along M.

    The classes of ``aicsio.readers`` open one format each; this one opens all.

    Parameters
    ----------
    image, fs_kwargs, chunk_dims, dim_order, channel_names, physical_pixel_sizes
        As in ``AICSImage``.

    Raises
    ------
    UnsupportedFormatError, CorruptFileError
        When the image is of another format.
    SourceNotFoundError, SourceError, DimensionError
        As by ``AICSImage``.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.readers import ArrayLikeReader
    >>> reader = ArrayLikeReader(np.zeros((2, 3, 40, 50)), dim_order="VCYX")
    >>> reader.dims
    <Dimensions [V: 2, C: 3, Y: 40, X: 50]>
    >>> reader.get_image_data("YX", V=1, C=2).shape
    (40, 50)
    """

    format: ClassVar[FormatName | None] = None
    """Name of the format that the class opens; ``None`` to recognise it."""
    only_arrays: ClassVar[bool] = False
    """Whether the class opens arrays and no files."""

    @checked
    def __init__(
        self,
        image: object,
        fs_kwargs: Mapping[str, Any] | None = None,
        *,
        chunk_dims: Annotated[str | Sequence[str] | None, "letters, such as 'ZYX'"] = None,
        dim_order: inputs.DimOrder = None,
        channel_names: inputs.Names = None,
        physical_pixel_sizes: inputs.Sizes = None,
    ) -> None:
        if self.only_arrays and not inputs.is_of_arrays(image):
            raise UnsupportedFormatError(
                f"{type(self).__name__} opens arrays: AICSImage or a class of aicsio.readers opens "
                f"{image!r}"
            )
        handle = inputs.open_legacy(
            image,
            format=self.format,
            tiles=True,
            storage_options=fs_kwargs,
            dims=dim_order,
            names=channel_names,
            sizes=physical_pixel_sizes,
        )
        self._show(handle, chunk_dims)

    def _show(self, handle: ImageHandle, chunk_dims: str | Sequence[str] | None) -> None:
        self._chunk_letters = scenes.chunk_letters(chunk_dims, handle.dims)
        self._focus(handle)

    @classmethod
    def of(cls, handle: ImageHandle, chunk_letters: str | None = None) -> Self:
        """Return a reader of a handle, whose scene and level are in focus.

        Parameters
        ----------
        handle
            With the stored order in focus, as ``select_scene`` leaves it.
        chunk_letters
            Letters that are whole in a chunk; ``None`` for automatic chunks.

        Returns
        -------
        LegacyReader
            Nothing is opened again.
        """
        reader = cls.__new__(cls)
        reader._chunk_letters = chunk_letters  # noqa: SLF001 - the class's own
        reader._focus(handle)  # noqa: SLF001
        return reader

    @staticmethod
    def _arrange(handle: ImageHandle) -> ImageHandle:
        return tczyx.to_native(handle)

    @classmethod
    @checked
    def is_supported_image(cls, image: object, fs_kwargs: Mapping[str, Any] | None = None) -> bool:
        """Return whether this class opens an image; the content decides, not the name.

        Parameters
        ----------
        image, fs_kwargs
            As in ``AICSImage``.

        Returns
        -------
        bool
            Of arrays ``False`` for a class of files, and the reverse.

        Raises
        ------
        SourceNotFoundError, SourceError
            When the file is missing or cannot be read.
        """
        if cls.only_arrays or inputs.is_of_arrays(image):
            return inputs.is_of_arrays(image) and cls.format is None
        candidates = explain(image, storage_options=fs_kwargs)
        taken = [each.format for each in candidates if each.taken]
        return bool(taken) and cls.format in {None, *taken}

    @property
    @checked
    def shape(self) -> tuple[int, ...]:
        """Size of each dimension of ``dims``."""
        return self._standard.shape

    @property
    @checked
    def channel_names(self) -> list[str] | None:
        """Names along C; ``None`` if the image has no C."""
        shown = self._standard
        return list(shown.channel_names) if "C" in shown.dims else None

    @property
    @checked
    def data(self) -> npt.NDArray[Any]:
        """All pixels of the scene; read once, and kept until the scene or level changes."""
        if self._data is None:
            self._data = read(self._standard)
        return self._data

    @property
    @checked
    def dask_data(self) -> "dask.array.Array":
        """All pixels of the scene; they are read when they are computed."""
        return cast("dask.array.Array", to_dask(self._standard, chunks=self._chunks))

    @property
    @checked
    def xarray_data(self) -> "xarray.DataArray":
        """``data`` with coordinates, and metadata in ``attrs`` as in ``AICSImage.xarray_data``."""
        return self.xarray_dask_data.copy(data=self.data)

    @property
    @checked
    def xarray_dask_data(self) -> "xarray.DataArray":
        """``dask_data`` with the coordinates and attributes of ``xarray_data``."""
        return self._label()

    @checked
    def get_image_data(
        self, dimension_order_out: str | None = None, **kwargs: Any
    ) -> npt.NDArray[Any]:
        """Read only a part of the image.

        Parameters
        ----------
        dimension_order_out
            Letters of the result; by default those of ``dims``. A missing letter becomes an axis of
            length 1, a letter left out is taken at index 0.
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
        if dimension_order_out is None and not kwargs:
            return self.data
        return read(self._pick(dimension_order_out, kwargs))

    @checked
    def get_image_dask_data(
        self, dimension_order_out: str | None = None, **kwargs: Any
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
        part = self._pick(dimension_order_out, kwargs)
        return cast("dask.array.Array", to_dask(part, chunks=self._chunks))

    def _pick(self, order: str | None, picks: Mapping[str, Any]) -> ImageHandle:
        shown = self._standard
        return tczyx.pick_legacy(shown, order or shown.dims.order, picks)

    # The stitched image; each is a ``DimensionError`` where the scene has no M.

    @property
    @checked
    def mosaic_data(self) -> npt.NDArray[Any]:
        """All pixels of the stitched mosaic; read at each call."""
        return self._stitched.data

    @property
    @checked
    def mosaic_dask_data(self) -> "dask.array.Array":
        """The stitched mosaic; it is read when it is computed."""
        return self._stitched.dask_data

    @property
    @checked
    def mosaic_xarray_data(self) -> "xarray.DataArray":
        """``mosaic_data`` with coordinates."""
        return self._stitched.xarray_data

    @property
    @checked
    def mosaic_xarray_dask_data(self) -> "xarray.DataArray":
        """``mosaic_dask_data`` with coordinates."""
        return self._stitched.xarray_dask_data

    @property
    def _stitched(self) -> "LegacyReader":
        if "M" not in self._handle.dims or self._handle.scene.tiles is None:
            raise DimensionError(f"scene {self.current_scene!r} is no mosaic: it has no tiles")
        return self.of(mosaics.show_mosaic(self._handle, "stitched"), self._chunk_letters)

    def __repr__(self) -> str:
        uri = self._handle.source.uri
        loaded = self._data is not None
        return f"<{type(self).__name__} {uri} {self.dims}, in memory: {loaded}>"
