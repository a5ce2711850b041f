"""The legacy face: ``AICSImage``, for scripts written for AICSImageIO.

Rule kept here: everything is done by the pure functions of the package. An ``AICSImage`` holds the handle in focus
(scene and level) and the pixels that ``data`` has read; the second is dropped when the first changes.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, cast

import numpy as np
import numpy.typing as npt

from aicsio._dims.notation import UserPick
from aicsio._engine.in_memory import show
from aicsio.arrays import Chunks, to_dask
from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.legacy import inputs, metadata, tczyx
from aicsio.legacy.reading import Stack, labelled, read, stack_of, use_dask
from aicsio.legacy.tczyx import Dimensions, PhysicalPixelSizes
from aicsio.opening import open_image
from aicsio.records import ImageHandle
from aicsio.steps import select_level, select_scene
from aicsio.writers import write_scenes

if TYPE_CHECKING:
    import dask.array
    import ome_types
    import xarray

__all__ = ["AICSImage", "Dimensions", "PhysicalPixelSizes", "use_dask"]


class AICSImage:
    """An image of any kind as TCZYX, with a scene and a resolution level that are set.

    A dimension that the file lacks has length 1. Samples of RGB pixels are channels. Other dimensions longer than 1
    (H, V, I, tiles M, ...) are cut to their first position, with a warning; ``get_image_data`` reaches them when it
    names them, and so does ``transpose_to`` with ``AICSImage.handle``.

    Parameters
    ----------
    image
        Path, URL of any fsspec file system, ``bytes``, binary file object, numpy or dask array, xarray
        ``DataArray``, or a list of arrays (one scene each). A list of files, or a glob such as ``"*.tif"``, is one
        image: four numbers in each name are scene, T, C and Z; otherwise they are joined along T (``open_many``).
    reader
        Name of a format, to skip recognition; see ``explain``.
    reconstruct_mosaic
        Whether tiles are stitched; if not, they lie along M.
    fs_kwargs
        For URLs: keyword arguments of the fsspec file system.
    chunk_dims
        Letters that lie whole in a chunk of ``dask_data``, beside Y and X; left out, chunks grow to 32 MiB.
    dim_order, known_dims
        Letters of the stored axes (two names of one option); for a list of arrays one for all or a list.
    channel_names
        Names along C; for a list of arrays one list for all or a list of lists.
    physical_pixel_sizes
        Micrometres for Z, Y, X: a ``PixelSize``, three numbers, or a mapping by letter.

    Raises
    ------
    SourceNotFoundError, SourceError, UnsupportedFormatError, CorruptFileError, DimensionError

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import AICSImage
    >>> img = AICSImage([np.zeros((3, 40, 50)), np.zeros((7, 40, 50))], dim_order="ZYX")
    >>> img.set_scene(1)
    >>> img.dims
    <Dimensions [T: 1, C: 1, Z: 7, Y: 40, X: 50]>
    >>> img.get_image_data("ZYX", T=0, Z=slice(2, 4)).shape
    (2, 40, 50)
    """

    def __init__(
        self,
        image: object,
        reader: str | None = None,
        reconstruct_mosaic: bool = True,
        fs_kwargs: Mapping[str, Any] | None = None,
        *,
        chunk_dims: str | Sequence[str] | None = None,
        dim_order: inputs.DimOrder = None,
        known_dims: inputs.DimOrder = None,
        channel_names: inputs.Names = None,
        physical_pixel_sizes: inputs.Sizes = None,
    ) -> None:
        if reader is not None and not isinstance(reader, str):
            raise ArgumentTypeError(
                f"reader={reader!r}: give the name of a format, such as reader='tiff'"
            )
        self._chunk_letters = None if chunk_dims is None else "".join(chunk_dims) + "YX"
        handle = inputs.open_legacy(
            image,
            format=reader,
            tiles=not reconstruct_mosaic,
            storage_options=fs_kwargs,
            dims=known_dims if dim_order is None else dim_order,
            names=channel_names,
            sizes=physical_pixel_sizes,
        )
        # Scripts name S and M whether the image has them or not, as the defaults of AICSImageIO did.
        unknown = [
            letter
            for letter in self._chunk_letters or ""
            if letter not in "MTCZYXS" + handle.dims.order
        ]
        if unknown:
            raise DimensionError(
                f"chunk_dims names {', '.join(map(repr, unknown))}: there are {handle.dims}"
            )
        self._focus(handle)

    def _focus(self, handle: ImageHandle) -> None:
        self._handle = handle
        self._data: npt.NDArray[Any] | None = None
        cut = tczyx.hidden(handle.dims)
        if len(cut):
            tczyx.warn(
                f"AICSImage shows TCZYX: of {cut} only the first position is read. All of it: "
                f"transpose_to(img.handle, {tczyx.whole_order(handle.dims)!r}), or name the letters in get_image_data"
            )

    # ------------------------------------------------------------ scenes and levels

    @property
    def handle(self) -> ImageHandle:
        """The scene and level in focus as the functions of the package take them, in stored order."""
        return self._handle

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names that tell the scenes apart: ``Image:<index>`` in OME-TIFF and where names are used twice."""
        names = self._handle.scene_names
        if self._handle.format != "ome-tiff" and len(set(names)) == len(names):
            return names
        return tuple(f"Image:{index}" for index in range(len(names)))

    @property
    def current_scene(self) -> str:
        """Name of the scene in focus, as in ``scenes``."""
        return self.scenes[self._handle.scene_index]

    @property
    def current_scene_index(self) -> int:
        """Index of the scene in focus."""
        return self._handle.scene_index

    def set_scene(self, scene_id: str | SupportsIndex) -> None:
        """Focus on another scene at full resolution, and forget what ``data`` has read.

        Parameters
        ----------
        scene_id
            Index, one of ``scenes``, the name that the file gives, or ``"Image:<index>"``.

        Raises
        ------
        SceneError
            When there is no such scene.
        """
        self._focus(self._scene(scene_id))

    def _scene(self, scene_id: str | SupportsIndex) -> ImageHandle:
        if scene_id in self.scenes:
            return select_scene(self._handle, self.scenes.index(scene_id))
        numbered = re.fullmatch(r"Image:(\d+)", scene_id) if isinstance(scene_id, str) else None
        if numbered and scene_id not in self._handle.scene_names:
            return select_scene(self._handle, int(numbered[1]))
        return select_scene(self._handle, scene_id)

    @property
    def resolution_levels(self) -> tuple[int, ...]:
        """Indices of the resolution levels of the scene in focus; 0 is full resolution."""
        return tuple(range(len(self._handle.levels)))

    @property
    def current_resolution_level(self) -> int:
        """Index of the resolution level in focus."""
        return self._handle.level

    def set_resolution_level(self, resolution_level: SupportsIndex) -> None:
        """Focus on another resolution level, and forget what ``data`` has read.

        Raises
        ------
        SceneError
            When the scene has no such level.
        """
        self._focus(select_level(self._handle, resolution_level))

    # ------------------------------------------------------------ pixels

    @property
    def dims(self) -> Dimensions:
        """Letters and sizes of the five dimensions."""
        dims = self._standard.dims
        return Dimensions(dims.order, dims.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of T, C, Z, Y, X."""
        return self._standard.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels, in native byte order."""
        return self._handle.dtype

    @property
    def data(self) -> npt.NDArray[Any]:
        """All pixels of the scene as TCZYX; read once, and kept until the scene or level changes.

        They are read directly, in parallel; through the cluster when a ``distributed`` client is active, unless
        ``use_dask(False)``.
        """
        if self._data is None:
            self._data = read(self._standard)
        return self._data

    @property
    def dask_data(self) -> "dask.array.Array":
        """All pixels of the scene as TCZYX, read when they are computed."""
        return to_dask(self._standard, chunks=self._chunks)

    @property
    def xarray_data(self) -> "xarray.DataArray":
        """``data`` with coordinates; ``attrs`` hold the metadata, raw (``unprocessed``) and parsed (``processed``)."""
        return self.xarray_dask_data.copy(data=self.data)

    @property
    def xarray_dask_data(self) -> "xarray.DataArray":
        """``dask_data`` with coordinates and attributes as in ``xarray_data``."""
        array = labelled(self._standard, self._chunks)
        if self._handle.metadata is not None:
            array.attrs |= {"unprocessed": self._handle.metadata, "processed": self.metadata}
        return array

    def get_image_data(
        self, dimension_order_out: str | None = None, **kwargs: UserPick
    ) -> npt.NDArray[Any]:
        """Read a part of the image, and only this part; once ``data`` has been read, show the part of it.

        Parameters
        ----------
        dimension_order_out
            Letters of the result; left out, TCZYX. A letter that the image lacks becomes an axis of length 1. A letter
            left out is taken at index 0. S and other letters of the file beside TCZYX may be named too.
        **kwargs
            By letter: an int, a slice, a range, or a list or tuple of ints; negative ones count from the end.

        Returns
        -------
        numpy.ndarray
            Shape and order of ``dimension_order_out``.

        Raises
        ------
        DimensionError
            When a pick is out of range, or picks several positions of a letter that is left out.
        """
        if dimension_order_out is None and not kwargs:
            return self.data
        order = dimension_order_out or tczyx.ORDER
        if self._data is not None and not tczyx.beyond(self._handle.dims, order, kwargs):
            loaded = tczyx.asked_for(open_image(self._data, dims=tczyx.ORDER), order, kwargs)
            return cast("npt.NDArray[Any]", show(self._data, loaded.array.view))
        return read(self._asked_for(order, kwargs))

    def get_image_dask_data(
        self, dimension_order_out: str | None = None, **kwargs: UserPick
    ) -> "dask.array.Array":
        """Show a part of the image as a dask array, read when it is computed.

        Parameters
        ----------
        dimension_order_out, **kwargs
            As in ``get_image_data``.
        """
        return to_dask(
            self._asked_for(dimension_order_out or tczyx.ORDER, kwargs), chunks=self._chunks
        )

    def get_stack(self, **kwargs: Any) -> npt.NDArray[Any]:
        """Read scenes into one array, with the scene as its first axis.

        Parameters
        ----------
        select_scenes
            Names or indices; left out, all.
        drop_non_matching_scenes
            Whether scenes whose shape or type differs from the first are left out; otherwise they are an error.
        scene_character
            Letter of the first axis; of use to the xarray stacks.
        scene_coord_values
            ``"names"`` puts the names of the scenes along it, ``"index"`` nothing; of use to the xarray stacks.

        Returns
        -------
        numpy.ndarray
            Scenes in the order in which they are selected, each as TCZYX. The scene in focus stays.

        Raises
        ------
        DimensionError
            When scenes differ.
        """
        return self._stack(**kwargs).to_numpy()

    def get_dask_stack(self, **kwargs: Any) -> "dask.array.Array":
        """As ``get_stack``, read when it is computed."""
        return self._stack(**kwargs).to_dask(self._chunks)

    def get_xarray_stack(self, **kwargs: Any) -> "xarray.DataArray":
        """As ``get_stack``, with the coordinates of the first scene."""
        stack = self._stack(**kwargs)
        return stack.to_xarray(self._chunks).copy(data=stack.to_numpy())

    def get_xarray_dask_stack(self, **kwargs: Any) -> "xarray.DataArray":
        """As ``get_xarray_stack``, read when it is computed."""
        return self._stack(**kwargs).to_xarray(self._chunks)

    def _stack(
        self, *, select_scenes: Sequence[str | SupportsIndex] | None = None, **kwargs: Any
    ) -> Stack:
        wanted: Sequence[str | SupportsIndex] = (
            range(len(self.scenes)) if select_scenes is None else select_scenes
        )
        handles = [tczyx.standard(self._scene(scene)) for scene in wanted]
        return stack_of(handles, [self.scenes[handle.scene_index] for handle in handles], **kwargs)

    @property
    def _standard(self) -> ImageHandle:
        return tczyx.standard(self._handle)

    @property
    def _chunks(self) -> Chunks:
        letters = self._chunk_letters
        return "auto" if letters is None else {c: -1 if c in letters else 1 for c in tczyx.ORDER}

    def _asked_for(self, order: str, picks: Mapping[str, UserPick]) -> ImageHandle:
        letters = tczyx.beyond(self._handle.dims, order, picks)
        return tczyx.asked_for(tczyx.standard(self._handle, letters), order, picks)

    # ------------------------------------------------------------ metadata

    @property
    def metadata(self) -> Any:
        """What the file says of itself: ``ome_types.OME`` for OME-TIFF, else the raw text, or ``None``."""
        return metadata.parsed(self._handle)

    @property
    def ome_metadata(self) -> "ome_types.OME":
        """The metadata as OME, also of files that are not OME: then made of what the package knows of them.

        A pixel type that OME lacks is given as the nearest of OME's that reaches as far.
        """
        return metadata.ome_of(self._handle)

    @property
    def channel_names(self) -> list[str]:
        """Names along C; ``Channel:<scene>:<index>`` where the file has none, ``<name>:R`` for samples of pixels."""
        return list(self._standard.channel_names)

    @property
    def physical_pixel_sizes(self) -> PhysicalPixelSizes:
        """Micrometres along Z, Y, X at the level in focus."""
        return PhysicalPixelSizes(*self._handle.pixel_size)

    # ------------------------------------------------------------ writing

    def save(
        self,
        uri: str | os.PathLike[str],
        select_scenes: Sequence[str | SupportsIndex] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write scenes as one OME-TIFF, in place of what is at ``uri``.

        Parameters
        ----------
        uri
            Path of the file.
        select_scenes
            Names or indices as for ``set_scene``, in the order of the new file; left out, all.
        **kwargs
            Options of ``write_scenes``: ``compression``, ``levels``, ``overwrite=False``, ...

        Raises
        ------
        SceneError
            When there is no such scene.
        WriteError
            When it cannot be written; what was there is as it was.
        """
        wanted: Sequence[str | SupportsIndex] = (
            range(len(self.scenes)) if select_scenes is None else select_scenes
        )
        write_scenes(
            [tczyx.unfolded(self._scene(scene)) for scene in wanted],
            uri,
            **{"overwrite": True, **kwargs},
        )

    def __repr__(self) -> str:
        handle = self._handle
        scene = f"scene {handle.scene_index + 1}/{len(handle.scenes)} {self.current_scene!r}"
        return f"<AICSImage {handle.source.uri} ({handle.format}) {scene}, in memory: {self._data is not None}>"
