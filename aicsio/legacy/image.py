"""The legacy face: ``AICSImage``, for scripts written for AICSImageIO.

Rule kept here: pure functions of the package do all work. An ``AICSImage`` holds the handle in
focus (scene and level) and the pixels that ``data`` has read; it forgets them when the scene or
level changes.
"""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from aicsio._checks import checked
from aicsio.arrays.ranked import XarrayPixels5
from aicsio.formats.names import FormatName
from aicsio.legacy import inputs, mosaics, readers, renamed, scenes, tczyx
from aicsio.legacy.dimensions import Dimensions, PhysicalPixelSizes
from aicsio.legacy.parts import PartMethods
from aicsio.legacy.reader import LegacyReader
from aicsio.legacy.reading import use_dask
from aicsio.legacy.stacks import SceneIds
from aicsio.legacy.warning import warn
from aicsio.records import ImageHandle
from aicsio.records.printing import as_html

__all__ = ["AICSImage", "Dimensions", "PhysicalPixelSizes", "use_dask"]


class AICSImage(PartMethods):
    """An image of any format as TCZYX, with a scene and a resolution level in focus.

    Missing dimensions have length 1. Samples of RGB pixels are channels. Other dimensions longer
    than 1 (H, V, I, tiles M, ...) are cut to their first position, with a warning; to read them,
    use ``reader``, name them in ``get_image_data``, or use ``transpose_to`` with ``handle``.

    Parameters
    ----------
    image
        A source of ``open_image``, an xarray ``DataArray``, or a list of arrays (one scene each). A
        list of files, or a glob such as ``"*.tif"``, is one image: four numbers in each name are
        scene, T, C and Z; other files are joined along T (``open_many``).
    reader
        Name of a format, or a class of ``aicsio.readers``, to skip recognition.
    reconstruct_mosaic
        Whether tiles are stitched; if not, they are positions along M.
    fs_kwargs
        For URLs: keyword arguments of the fsspec file system.
    chunk_dims
        Letters that are whole in a chunk, besides Y and X; without it, chunks grow to 32 MiB.
    dim_order, known_dims
        Letters of the stored axes (two names of one option); for a list of arrays one, or a list.
    channel_names
        Names along C; for a list of arrays one list for all, or a list of lists.
    physical_pixel_sizes
        Micrometres for Z, Y, X: a ``PixelSize``, three numbers, or a mapping by letter.
    indexer, scene_glob_character, single_file_dims
        For a list of files or a glob: as in ``aicsio.readers.TiffGlobReader``. For other
        images they have no meaning.

    Raises
    ------
    SourceNotFoundError, UnsupportedFormatError, CorruptFileError, SourceError
        As by ``open_image``.
    DimensionError
        When options do not fit the image, or one another.
    ArgumentTypeError
        When ``reader`` is neither text nor a reader class, a list is empty, or an indexer returns
        no positions.

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
    >>> img.reader.dims
    <Dimensions [Z: 7, Y: 40, X: 50]>
    """

    _reader: LegacyReader | None = None

    SUPPORTED_READERS: ClassVar[tuple[type[LegacyReader], ...]] = readers.CLASSES
    """LegacyReader classes of ``aicsio.readers``."""

    @checked
    def __init__(
        self,
        image: object,
        reader: Annotated[
            FormatName | type[LegacyReader] | None, "the name of a format, such as reader='tiff'"
        ] = None,
        reconstruct_mosaic: bool = True,
        fs_kwargs: Mapping[str, Any] | None = None,
        *,
        chunk_dims: Annotated[str | Sequence[str] | None, "letters, such as 'ZYX'"] = None,
        dim_order: inputs.DimOrder = None,
        known_dims: inputs.DimOrder = None,
        channel_names: inputs.Names = None,
        physical_pixel_sizes: inputs.Sizes = None,
        indexer: object = None,
        scene_glob_character: str = "S",
        single_file_dims: Annotated[str | Sequence[str] | None, "letters, such as 'ZYX'"] = None,
    ) -> None:
        handle = inputs.open_legacy(
            image,
            format=readers.format_of(reader),
            tiles=not reconstruct_mosaic,
            storage_options=fs_kwargs,
            dims=known_dims if dim_order is None else dim_order,
            names=channel_names,
            sizes=physical_pixel_sizes,
            places=inputs.FilePlaces(indexer, scene_glob_character, single_file_dims),
        )
        self._chunk_letters = scenes.chunk_letters(chunk_dims, handle.dims)
        self._focus(handle)

    def _focus(self, handle: ImageHandle) -> None:
        super()._focus(handle)
        self._reader = None
        dropped = tczyx.dropped_dims(handle.dims)
        if len(dropped):
            warn(
                f"AICSImage shows TCZYX: of {dropped} only the first position is read. "
                f"All positions: transpose_to(img.handle, {tczyx.full_order(handle.dims)!r}), "
                "or img.reader, or name the letters in get_image_data"
            )

    @staticmethod
    def _arrange(handle: ImageHandle) -> ImageHandle:
        return tczyx.to_tczyx(handle)

    @staticmethod
    @checked
    def determine_reader(
        image: object, fs_kwargs: Mapping[str, Any] | None = None
    ) -> type[LegacyReader]:
        """Return the reader class of an image.

        Parameters
        ----------
        image, fs_kwargs
            As in ``AICSImage``.

        Returns
        -------
        type of LegacyReader
            A class of ``aicsio.readers``; ``LegacyReader`` for a format that has none of its own.

        Raises
        ------
        UnsupportedFormatError, SourceNotFoundError, SourceError
            As by ``open_image``.
        """
        return readers.class_of(image, fs_kwargs)

    @property
    @checked
    def reader(self) -> LegacyReader:
        """The scene in focus in its stored dimensions: tiles M, samples S, H, V and all others.

        Each scene and level has a reader of its own: to change it changes no ``AICSImage``.
        """
        if self._reader is None:
            # Tiles apart, as the readers of AICSImageIO showed a mosaic.
            handle = mosaics.show_mosaic(self._handle, "tiles")
            self._reader = readers.class_of_format(handle.format).of(handle, self._chunk_letters)
        return self._reader

    @property
    @checked
    def shape(self) -> tuple[int, int, int, int, int]:
        """Sizes of T, C, Z, Y, X."""
        return cast("tuple[int, int, int, int, int]", self._standard.shape)

    @property
    @checked
    def xarray_data(self) -> XarrayPixels5:
        """``data`` with coordinates.

        ``attrs`` hold the metadata as text (``unprocessed``) and as an object (``processed``).
        Files cannot store the object: save ``to_xarray(img.handle)`` instead.
        """
        return self.xarray_dask_data.copy(data=self.data)

    @property
    @checked
    def xarray_dask_data(self) -> XarrayPixels5:
        """``dask_data`` with the coordinates and attributes of ``xarray_data``."""
        return cast("XarrayPixels5", self._label())

    @checked
    def save(
        self,
        uri: str | os.PathLike[str],
        select_scenes: SceneIds = None,
        **kwargs: Any,
    ) -> None:
        """Write scenes as one OME-TIFF or OME-Zarr; an existing one at ``uri`` is replaced.

        Parameters
        ----------
        uri
            Path of the file; a name that ends in ``.zarr`` or ``.ozx`` is an OME-Zarr.
        select_scenes
            Names or indices, in the order of the new file; by default all.
        **kwargs
            Options of ``write_scenes``, or for an OME-Zarr of ``write_ome_zarr``: ``compression``,
            ``levels``, ``overwrite=False``, ...

        Raises
        ------
        SceneError
            When there is no such scene.
        WriteError
            When it cannot be written, or its name is that of another format.
        """
        from aicsio.legacy import writing  # 40 ms with the writers, as long as importing numpy

        handles = list(map(tczyx.to_tczyxs, scenes.select_scenes(self._handle, select_scenes)))
        options = {"overwrite": True, **kwargs}
        writing.write_as_named(handles, uri, options, "AICSImage.save")

    if not TYPE_CHECKING:
        # To a type checker it would make every misspelt member an Any.
        def __getattr__(self, name: str) -> Any:
            if hasattr(type(self), name):
                # A property raised AttributeError itself: again, for its own message.
                return object.__getattribute__(self, name)
            raise AttributeError(renamed.advise_member(name), name=name, obj=self)

    def __repr__(self) -> str:
        handle = self._handle
        scene = f"scene {handle.scene_index + 1}/{len(handle.scenes)} {self.current_scene!r}"
        image = f"{handle.source.uri} ({handle.format}) {scene}"
        return f"<AICSImage {image}, in memory: {self._data is not None}>"

    def _repr_html_(self) -> str | None:
        return as_html(self._handle)
