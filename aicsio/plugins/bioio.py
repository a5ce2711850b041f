"""The reader of bioio: ``BioImage(path, reader=AicsioReader)``, or by itself where no other reader
takes the file.

Rule kept here: all that bioio asks is answered by a verb. bioio's own class holds the scene and
level in focus and the pixels that were read.

bioio asks readers of fewer suffixes first: an installed ``bioio-czi`` reads CZI before this one.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias, cast

import bioio_base.dimensions
import bioio_base.exceptions
import bioio_base.io
import bioio_base.reader
import bioio_base.reader_metadata
import bioio_base.types
import numpy as np
import numpy.typing as npt

from aicsio import _metadata
from aicsio._io.urls import is_url
from aicsio.arrays import to_numpy, to_xarray
from aicsio.errors import AicsioError
from aicsio.legacy.metadata import parse_metadata
from aicsio.opening import explain, open_image
from aicsio.plugins.suffixes import all_suffixes
from aicsio.records import ImageHandle, PixelSize
from aicsio.records.scenes import distinguish_scenes
from aicsio.steps import select_level, select_scene, transpose_to

__all__ = ["AicsioReader", "ReaderMetadata"]

# Types of xarray and ome_types, which bioio installs; importing them here would cost each start of
# bioio a second.
Pixels: TypeAlias = Any
Ome: TypeAlias = Any

WHOLE = "YXS"
"""Letters that are whole in each chunk, in every reader of bioio: ``REQUIRED_CHUNK_DIMS``."""


class AicsioReader(bioio_base.reader.Reader):  # type: ignore[misc] # bioio asks for its own class
    """Reads every format of aicsio for bioio.

    Parameters
    ----------
    image
        Path or URL.
    chunk_dims
        Letters that are whole in a chunk, besides Y, X and S; without it chunks grow to 32 MiB.
    fs_kwargs
        For URLs: keyword arguments of the fsspec file system.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio.plugins.bioio import AicsioReader
    >>> from aicsio.testing import ImageSpec, TiffSpec, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     reader = AicsioReader(write(TiffSpec((ImageSpec(Z=5, Y=40, X=50),)), Path(folder)))
    ...     reader.dims.order, reader.get_image_data("YX", Z=2).shape
    ('TCZYX', (40, 50))
    """

    NAME = "aicsio"
    _current_resolution_level: int

    @staticmethod
    def _is_supported_image(fs: Any, path: Any = None, **kwargs: Any) -> bool:
        del kwargs
        if not isinstance(path, str):
            return False  # an array: bioio has a reader of its own for them
        # fsspec gives one protocol as a text, several as a tuple.
        local = "file" in fs.protocol or fs.protocol == "file"
        name = path if local else fs.unstrip_protocol(path)
        try:
            candidates = explain(name, storage_options=None if local else fs.storage_options)
        except AicsioError as error:
            raise _unsupported(name, str(error)) from error
        if not any(candidate.taken for candidate in candidates):
            raise _unsupported(name, "no format of aicsio takes it")
        return True

    def __init__(
        self,
        image: str | os.PathLike[str],
        chunk_dims: str | Sequence[str] | None = None,
        fs_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        name = os.fspath(image)
        self._options = dict(fs_kwargs or {}) if is_url(name) else {}
        self._name = name
        self._chunk_dims = chunk_dims
        if not is_url(name):
            # What bioio's tests look at to see that no file stays open.
            self._fs, self._path = bioio_base.io.pathlike_to_fs(name, enforce_exists=True)
        self._tiles = self._open("tiles")
        self._stitched: ImageHandle | None = None
        self._current_scene_index = self._tiles.scene_index

    def _open(self, mosaic: Any) -> ImageHandle:
        try:
            return open_image(self._name, mosaic=mosaic, storage_options=self._options or None)
        except FileNotFoundError:
            raise  # as all readers of bioio
        except AicsioError as error:
            raise _unsupported(self._name, str(error)) from error

    # ---------------------------------------------------------------- focus

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the scenes; names that repeat are numbered."""
        return tuple(distinguish_scenes(self._tiles.scene_names))

    @property
    def resolution_levels(self) -> tuple[int, ...]:
        """Levels of the scene; those of a mosaic beyond the tiles are stitched."""
        levels = len(self._tiles.scenes[self._current_scene_index].levels)
        if "M" in self._tiles.scenes[self._current_scene_index].dims:
            levels = max(levels, len(self._whole_mosaic.levels))
        return tuple(range(max(1, levels)))

    def set_scene(self, scene_id: str | int) -> None:
        """Focus on another scene, at full resolution where it lacks the level in focus."""
        super().set_scene(scene_id)
        if self._current_resolution_level not in self.resolution_levels:
            self._current_resolution_level = 0

    @property
    def handle(self) -> ImageHandle:
        """The scene and level in focus, in stored order."""
        scene = select_scene(self._tiles, self._current_scene_index)
        level = self._current_resolution_level
        if level >= len(scene.levels):
            return select_level(self._whole_mosaic, level)  # the tiles of a mosaic have one level
        return select_level(scene, level)

    @property
    def _whole_mosaic(self) -> ImageHandle:
        if self._stitched is None:
            self._stitched = self._open("stitched")
        return select_scene(self._stitched, self._current_scene_index)

    # ---------------------------------------------------------------- pixels

    def _read_delayed(self) -> Pixels:
        return self._show(self.handle, lazy=True)

    def _read_immediate(self) -> Pixels:
        return self._show(self.handle, lazy=False)

    def _get_stitched_dask_mosaic(self) -> Pixels:
        return self._show(self._whole_mosaic, lazy=True)

    def _get_stitched_mosaic(self) -> Pixels:
        return self._show(self._whole_mosaic, lazy=False)

    def _show(self, handle: ImageHandle, *, lazy: bool) -> Pixels:
        chunks = "auto"
        if self._chunk_dims is not None:
            letters = {*self._chunk_dims, *WHOLE}
            chunks = "".join(letter for letter in handle.dims if letter in letters)
        shown: Any = to_xarray(handle, lazy=lazy, chunks=chunks)
        unprocessed = _metadata.raw_metadata(handle)
        # Objects of ome_types for OME-TIFF, an element for other XML: as in other readers of bioio.
        shown.attrs = {"unprocessed": unprocessed, "processed": parse_metadata(handle)}
        return shown

    def _read_indexed(self, given_dims: str, dim_specs: list[Any]) -> npt.NDArray[Any]:
        """Read the requested part alone."""
        if self._xarray_data is not None:
            return cast("npt.NDArray[Any]", self._xarray_data.data[tuple(dim_specs)])
        picks = dict(zip(given_dims, dim_specs, strict=True))
        kept = "".join(letter for letter in given_dims if not isinstance(picks[letter], int))
        # numpy decides which picks are empty: for these bioio expects an empty array, not an error.
        empty = [
            np.zeros(size)[picks[letter]].size == 0 for letter, size in self.handle.dims.items()
        ]
        if any(empty):
            return cast("npt.NDArray[Any]", self.dask_data[tuple(dim_specs)].compute())
        return to_numpy(transpose_to(self.handle, kept, **picks))

    # ---------------------------------------------------------------- metadata

    @property
    def ome_metadata(self) -> Ome:
        """The metadata as OME, one image for each scene."""
        return _metadata.ome_metadata(self._tiles)

    @property
    def physical_pixel_sizes(self) -> Any:
        """Micrometres along Z, Y and X at the level in focus."""
        return bioio_base.types.PhysicalPixelSizes(*self.handle.pixel_size)

    @property
    def time_interval(self) -> timedelta | None:
        """Time between positions of T; ``None`` where it is unknown or uneven."""
        step = self.handle.time_step
        return None if step is None else timedelta(seconds=step)

    @property
    def dimension_properties(self) -> Any:
        """Kind and unit of each of T, C, Z, Y, X that the image has."""
        kinds = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
        units = bioio_base.types.ureg
        known = _known_units(self.handle.pixel_size, self.handle.time_step)
        properties = {}
        for letter, kind in kinds.items():
            unit = known.get(letter)
            properties[letter] = bioio_base.types.DimensionProperty(
                kind if letter in self.handle.dims else None,
                None if unit is None else units.Unit(unit),
            )
        return bioio_base.types.DimensionProperties(**properties)

    # ---------------------------------------------------------------- mosaics

    def get_mosaic_tile_positions(self, **kwargs: int) -> list[tuple[int, int]]:
        """Row and column of each tile on the stitched image, in the order of M."""
        del kwargs  # a tile lies at one place, whatever its time, channel and section
        tiles = self.handle.scene.tiles
        if tiles is None or "M" not in self.handle.dims:
            raise bioio_base.exceptions.UnexpectedShapeError("this scene is no mosaic")
        rows, columns = np.frombuffer(tiles.y, "<i4"), np.frombuffer(tiles.x, "<i4")
        return list(zip(rows.tolist(), columns.tolist(), strict=True))

    def get_mosaic_tile_position(self, mosaic_tile_index: int, **kwargs: int) -> tuple[int, int]:
        """Row and column of a tile on the stitched image."""
        return self.get_mosaic_tile_positions(**kwargs)[mosaic_tile_index]


def _unsupported(name: str, reason: str) -> Exception:
    error: Exception = bioio_base.exceptions.UnsupportedFileFormatError("aicsio", name, reason)
    return error


def _known_units(sizes: PixelSize, step: float | None) -> dict[str, str]:
    units = {letter: "micrometer" for letter, size in zip("ZYX", sizes, strict=True) if size}
    if step is not None:
        units["T"] = "second"
    return units


class ReaderMetadata(bioio_base.reader_metadata.ReaderMetadata):  # type: ignore[misc] # as above
    """What bioio asks of the entry point.

    Examples
    --------
    >>> from aicsio.plugins.bioio import ReaderMetadata
    >>> ".czi" in ReaderMetadata.get_supported_extensions()
    True
    """

    @staticmethod
    def get_supported_extensions() -> list[str]:
        """Suffixes; the folders of plates are found by their content."""
        return [suffix for suffix in all_suffixes() if suffix.startswith(".")]

    @staticmethod
    def supports_directory_images() -> bool:
        """Whether folders are images, too."""
        return True

    @staticmethod
    def get_reader() -> Any:
        """The class of the reader."""
        return AicsioReader
