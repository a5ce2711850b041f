"""The engine "aicsio" of xarray: ``open_dataset`` for one image, ``open_datatree`` for scenes and
levels.

Rule kept here: names, coordinates and attributes are those of ``to_xarray``. Pixels are read when
they are indexed or computed, and only those.
"""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray.backends import BackendArray, BackendEntrypoint
from xarray.core import indexing

from aicsio import formats
from aicsio._dims import views
from aicsio.arrays import chunks, read_array
from aicsio.arrays.xarray import attributes_of, axis_coordinates, variable_name
from aicsio.errors import AicsioError
from aicsio.labels import list_labels, select_label
from aicsio.opening import explain, open_image
from aicsio.pictures.reading import is_raw
from aicsio.records import ImageHandle, LazyArray
from aicsio.steps import select_level, select_scene

if TYPE_CHECKING:
    from aicsio.formats.names import FormatName, Mosaic

__all__ = ["AicsioBackend"]

VARIABLE = "image"
"""Name of the one variable of a dataset: the same for all images, so that scripts find it."""
SHARED_SUFFIXES = frozenset(
    {
        ".tif",
        ".tiff",
        ".zarr",
        ".zip",
        ".ozx",
        ".ims",
        "index.xml",
        "metadata.txt",
        ".nd",
        ".st",
        ".rec",
    }
)
"""Suffixes that files of others have as well: xarray asks engines in the order of their names, and
this one comes before ``rasterio`` and ``zarr``. For such files the engine is named."""


class AicsioBackend(BackendEntrypoint):
    """Opens images of every format of the table.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import xarray as xr
    >>> from aicsio.plugins.xarray import AicsioBackend
    >>> from aicsio.testing import ImageSpec, TiffSpec, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(TiffSpec((ImageSpec(Z=5, Y=40, X=50),)), Path(folder))
    ...     with xr.open_dataset(path, engine=AicsioBackend) as dataset:
    ...         print(dict(dataset["image"].isel(Z=slice(1, 3)).sizes))
    {'T': 1, 'C': 1, 'Z': 2, 'Y': 40, 'X': 50}
    """

    description = "Microscopy images of all formats that aicsio reads"
    url = "https://aicsio.readthedocs.io"
    supports_groups = True
    open_dataset_parameters = (
        "drop_variables", "scene", "level", "mosaic", "format", "storage_options",
    )  # fmt: skip

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        scene: int | str | None = None,
        level: int = 0,
        mosaic: "Mosaic" = "stitched",
        format: "FormatName | None" = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> xr.Dataset:
        """Open one scene at one level.

        Parameters
        ----------
        filename_or_obj
            What ``open_image`` opens.
        drop_variables
            Names to leave out: ``"image"``, or a coordinate.
        scene
            Index or name; ``None`` for the first one with pixels.
        level
            Resolution level; 0 is full resolution.
        mosaic, format, storage_options
            As in ``open_image``.

        Returns
        -------
        xarray.Dataset
            The variable ``image`` with the dims, coordinates and attributes of ``to_xarray``; lazy.

        Raises
        ------
        AicsioError
            As by ``open_image``, ``select_scene`` and ``select_level``.
        """
        handle = open_image(
            filename_or_obj, mosaic=mosaic, format=format, storage_options=storage_options
        )
        return make_dataset(_select(handle, scene, level), _names(drop_variables))

    def open_groups_as_dict(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        mosaic: "Mosaic" = "stitched",
        format: "FormatName | None" = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> dict[str, xr.Dataset]:
        """Open all scenes and levels, and the labels of each scene.

        Parameters
        ----------
        filename_or_obj
            What ``open_image`` opens.
        drop_variables, mosaic, format, storage_options
            As in ``open_dataset``.

        Returns
        -------
        dict
            Datasets by path: ``/<scene>/<level>`` and ``/<scene>/labels/<name>/<level>``; ``/`` has
            the attributes of the file. Scenes without pixels are left out.

        Raises
        ------
        AicsioError
            As by ``open_image``.
        """
        handle = open_image(
            filename_or_obj, mosaic=mosaic, format=format, storage_options=storage_options
        )
        dropped = _names(drop_variables)
        root = {name: attributes_of(handle)[name] for name in ("source", "format")}
        groups = {"/": xr.Dataset(attrs=root)}
        for index, name in _group_names(handle).items():
            scene = select_scene(handle, index)
            groups |= _levels(scene, f"/{name}", dropped)
            for label in list_labels(scene):
                part = variable_name(label) or "labels"
                groups |= _levels(select_label(scene, label), f"/{name}/labels/{part}", dropped)
        return groups

    def open_datatree(self, filename_or_obj: Any, **options: Any) -> Any:
        """Open all scenes and levels as a tree.

        Parameters
        ----------
        filename_or_obj
            What ``open_image`` opens.
        **options
            Those of ``open_groups_as_dict``.

        Returns
        -------
        xarray.DataTree
            The groups of ``open_groups_as_dict``.

        Raises
        ------
        AicsioError
            As by ``open_image``.
        """
        return xr.DataTree.from_dict(self.open_groups_as_dict(filename_or_obj, **options))

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether a file is a microscope's, by its suffix and, on this machine, its content.

        Parameters
        ----------
        filename_or_obj
            Path or URL; other objects are left to other engines.

        Returns
        -------
        bool
            False for suffixes that others have, too: see ``SHARED_SUFFIXES``.
        """
        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        name = os.fspath(filename_or_obj)
        if not name.lower().endswith(_own_suffixes()):
            return False
        # Content is recognised on this machine alone: a URL would cost requests.
        if not os.path.exists(name):
            return "://" in name
        try:
            return any(candidate.taken for candidate in explain(name))
        except AicsioError:
            return False


def _own_suffixes() -> tuple[str, ...]:
    suffixes = {suffix for row in formats.TABLE for suffix in row.suffixes} - SHARED_SUFFIXES
    return (*suffixes, ".ome.tif", ".ome.tiff")


def _names(names: str | Iterable[str] | None) -> frozenset[str]:
    if names is None:
        return frozenset()
    return frozenset([names] if isinstance(names, str) else names)


def _select(handle: ImageHandle, scene: int | str | None, level: int) -> ImageHandle:
    if scene is not None:
        handle = select_scene(handle, scene)
    return select_level(handle, level) if level else handle


def _group_names(handle: ImageHandle) -> dict[int, str]:
    """Name the groups of the scenes that have pixels, by index: no two alike, none with a slash."""
    names: dict[int, str] = {}
    for index, scene in enumerate(handle.scenes):
        if not scene.levels:
            continue
        name = variable_name(scene.name) or f"scene_{index}"
        names[index] = name if name not in names.values() else f"{name}_{index}"
    return names


def _levels(handle: ImageHandle, path: str, dropped: frozenset[str]) -> dict[str, xr.Dataset]:
    groups = {}
    for level in range(len(handle.levels)):
        groups[f"{path}/{level}"] = make_dataset(select_level(handle, level), dropped)
    return groups


# ---------------------------------------------------------------- datasets


def make_dataset(handle: ImageHandle, dropped: frozenset[str] = frozenset()) -> xr.Dataset:
    """Show what a handle shows as a dataset of one lazy variable.

    Parameters
    ----------
    handle
        An opened image.
    dropped
        Names that are left out.

    Returns
    -------
    xarray.Dataset
        Equal to ``to_xarray(handle)`` under the name ``image``.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.plugins.xarray import make_dataset
    >>> dict(make_dataset(open_image(np.zeros((4, 5)), dims="YX")).sizes)
    {'Y': 4, 'X': 5}
    """
    attributes = attributes_of(handle)
    lazy = indexing.LazilyIndexedArray(IndexedPixels(handle.array))
    image = xr.Variable(tuple(handle.dims), lazy, attributes)
    image.encoding["preferred_chunks"] = _preferred_chunks(handle.array)
    coordinates = {}
    for axis in axis_coordinates(handle):
        if axis.letter not in dropped:
            coordinates[axis.letter] = xr.Variable((axis.letter,), axis.values, axis.attributes)
    variables = {} if VARIABLE in dropped else {VARIABLE: image}
    return xr.Dataset(variables, coords=coordinates, attrs=attributes)


def _preferred_chunks(array: LazyArray) -> dict[str, int]:
    """Return what ``chunks={}`` makes of an image: stored blocks along Z, T and others, whole
    planes along Y and X.

    xarray warns of requested chunks that cut preferred ones, and users request single planes.
    """
    automatic = chunks.chunks_per_axis(array, "auto")
    raw = is_raw(array)  # a block of raw pixels may be all of them; any part of it is as cheap
    preferred = {}
    for letter, axis, along in zip(array.dims, array.view.axes, automatic, strict=True):
        size = max(along, default=1)
        if letter not in "YXS":
            size = 1 if raw or axis < 0 else min(size, array.layout.block_shape[axis])
        preferred[letter] = max(1, size)
    return preferred


@attrs.frozen(eq=False)
class IndexedPixels(BackendArray):
    """An array as xarray indexes it. Not a record: xarray gives it a base of its own."""

    array: LazyArray
    """The pixels."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each axis."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self.array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        dims = self.array.dims
        picks: dict[str, Any] = {}
        kept = ""
        shape = []
        for (letter, size), part in zip(dims.items(), key, strict=True):
            if isinstance(part, int | np.integer):
                picks[letter] = int(part)
                continue
            # A range resolves the missing and negative bounds of a slice.
            positions = range(size)[part] if isinstance(part, slice) else list(map(int, part))
            picks[letter] = positions
            kept += letter
            shape.append(len(positions))
        # An empty pick is an error to a user of ours, and an empty array to xarray.
        if 0 in shape:
            return np.zeros(shape, self.dtype)
        if not kept:
            # One pixel has no axis; the engine reads it with all of them.
            return read_array(views.transpose(self.array, dims.order, picks)).reshape(())
        return read_array(views.transpose(self.array, kept, picks))
