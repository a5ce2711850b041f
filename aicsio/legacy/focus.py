"""Scene, level and metadata in focus: what ``AICSImage`` and the readers have in common.

Rule kept here: a face holds a handle and what it has read; a verb of the package does the work.
"""

from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from aicsio._checks import checked
from aicsio.arrays import Chunks
from aicsio.legacy import bioio, metadata, mosaics, scenes
from aicsio.legacy.bioio import DimensionProperties, Scale, StandardMetadata, TimeInterval
from aicsio.legacy.dimensions import Dimensions, PhysicalPixelSizes
from aicsio.legacy.reading import to_labelled_xarray
from aicsio.records import ImageHandle
from aicsio.steps import select_level

if TYPE_CHECKING:
    import ome_types
    import xarray

__all__ = ["FocusMethods"]


class FocusMethods:
    """Members that ``AICSImage`` and the readers share."""

    _handle: ImageHandle
    _chunk_letters: str | None
    _data: npt.NDArray[Any] | None

    @staticmethod
    def _arrange(handle: ImageHandle) -> ImageHandle:
        """Show a scene and level as this face shows them: TCZYX, or as stored."""
        raise NotImplementedError

    def _focus(self, handle: ImageHandle) -> None:
        """Take a handle into focus, and forget the pixels of the one before."""
        self._handle = handle
        self._data = None

    @property
    def _standard(self) -> ImageHandle:
        return self._arrange(self._handle)

    # Scripts look at these two to learn whether pixels are in memory.

    @property
    def _xarray_data(self) -> "xarray.DataArray | None":
        return None if self._data is None else self._label().copy(data=self._data)

    @property
    def _xarray_dask_data(self) -> "xarray.DataArray | None":
        return None if self._data is None else self._label()

    def _label(self) -> "xarray.DataArray":
        """Show the pixels in focus lazily, with coordinates and the metadata of the file."""
        array = to_labelled_xarray(self._standard, self._chunks)
        if self._handle.metadata is not None:
            array.attrs |= {"unprocessed": self._handle.metadata, "processed": self.metadata}
        return array

    @property
    def _chunks(self) -> Chunks:
        return scenes.chunks_of_letters(self._chunk_letters, self._standard.dims.order)

    @property
    @checked
    def handle(self) -> ImageHandle:
        """The scene and level in focus as a handle, in stored order."""
        return self._handle

    @property
    @checked
    def scenes(self) -> tuple[str, ...]:
        """Unique names: those of the file, or ``Image:<index>`` in OME-TIFF and for equal names."""
        return scenes.scene_names(self._handle)

    @property
    @checked
    def current_scene(self) -> str:
        """Name of the scene in focus, as in ``scenes``."""
        return self.scenes[self._handle.scene_index]

    @property
    @checked
    def current_scene_index(self) -> int:
        """Index of the scene in focus."""
        return self._handle.scene_index

    @checked
    def set_scene(self, scene_id: str | SupportsIndex) -> None:
        """Focus on another scene at full resolution, and forget the pixels of ``data``.

        Parameters
        ----------
        scene_id
            Index, one of ``scenes``, the name in the file, or ``"Image:<index>"``; ``SceneError``
            is raised for others.
        """
        self._focus(scenes.focus_scene(self._handle, scene_id))

    @property
    @checked
    def resolution_levels(self) -> tuple[int, ...]:
        """Indices of the resolution levels of the scene in focus; 0 is full resolution."""
        return tuple(range(len(self._handle.levels)))

    @property
    @checked
    def current_resolution_level(self) -> int:
        """Index of the resolution level in focus."""
        return self._handle.level

    @checked
    def set_resolution_level(self, resolution_level: SupportsIndex) -> None:
        """Focus on one of ``resolution_levels``, and forget the pixels of ``data``.

        Parameters
        ----------
        resolution_level
            Number of the level; 0 is full resolution.

        Raises
        ------
        SceneError
            When the scene has no such level.
        """
        self._focus(select_level(self._handle, resolution_level))

    @property
    @checked
    def dims(self) -> Dimensions:
        """Letters and sizes of ``data``."""
        dims = self._standard.dims
        return Dimensions(dims.order, dims.shape)

    @property
    @checked
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels, in native byte order."""
        return self._handle.dtype

    @property
    @checked
    def metadata(self) -> Any:
        """Metadata of the file.

        ``ome_types.OME`` for OME-TIFF, the root element of other XML (CZI, LIF), else the text, or
        ``None``.
        """
        return metadata.parse_metadata(self._handle)

    @property
    @checked
    def ome_metadata(self) -> "ome_types.OME":
        """The metadata as OME; for other formats made from the records of all scenes.

        A pixel type that OME lacks becomes the nearest one of the same range.
        """
        return metadata.to_ome(self._handle)

    @property
    @checked
    def physical_pixel_sizes(self) -> PhysicalPixelSizes:
        """Micrometres along Z, Y, X at the level in focus."""
        return PhysicalPixelSizes(*self._handle.pixel_size)

    @property
    @checked
    def mosaic_tile_dims(self) -> Dimensions | None:
        """Rows and columns of the largest tile; ``None`` if the scene is no mosaic."""
        return mosaics.tile_dims(self._handle)

    @checked
    def get_mosaic_tile_position(
        self, mosaic_tile_index: SupportsIndex, **kwargs: SupportsIndex
    ) -> tuple[int, int]:
        """Return the first row and column of a tile on the stitched image at full resolution.

        Parameters
        ----------
        mosaic_tile_index
            Index of the tile, a position along M.
        **kwargs
            Positions along other letters, such as ``C=1``: a tile has one place for all of them.

        Returns
        -------
        tuple of int
            Row and column.

        Raises
        ------
        DimensionError
            When the scene is no mosaic, there is no such tile, or a position is out of range.
        """
        return mosaics.tile_position(self._handle, mosaic_tile_index, kwargs)

    @checked
    def get_mosaic_tile_positions(self, **kwargs: SupportsIndex) -> list[tuple[int, int]]:
        """Return the place of every tile, as ``get_mosaic_tile_position`` does of one.

        Parameters
        ----------
        **kwargs
            As there; ``M=4`` for one tile.

        Returns
        -------
        list of tuple
            Row and column of each tile, in the order of M.

        Raises
        ------
        DimensionError
            As by ``get_mosaic_tile_position``.
        """
        return mosaics.tile_positions(self._handle, kwargs)

    # What scripts of bioio ask of its ``BioImage``.

    @property
    @checked
    def resolution_level_dims(self) -> dict[int, tuple[int, ...]]:
        """Shape of ``data`` at each of ``resolution_levels``."""
        levels = self.resolution_levels
        return {level: self._arrange(select_level(self._handle, level)).shape for level in levels}

    @property
    @checked
    def time_interval(self) -> TimeInterval:
        """Time between positions of T; ``None`` if the file lacks it."""
        return bioio.time_interval(self._handle)

    @property
    @checked
    def scale(self) -> Scale:
        """Seconds along T and micrometres along Z, Y and X; ``None`` where the file lacks them."""
        return bioio.scale(self._handle)

    @property
    @checked
    def dimension_properties(self) -> DimensionProperties:
        """Kind and unit of each of T, C, Z, Y and X."""
        return bioio.dimension_properties(self._handle)

    @property
    @checked
    def standard_metadata(self) -> StandardMetadata:
        """Facts of the scene that bioio lists: sizes, times, lens, people, well."""
        return bioio.standard_metadata(self._standard)
