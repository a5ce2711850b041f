"""Names of formats and engines, and what opens as an image: types of ``open_image``'s arguments.

Rule kept here: names for annotations alone. To a type checker they are the names of the table, which
a test compares; at run time any text is taken, and ``opening`` words the error about an unknown one.

A name of an external format (entry points) is known at run time alone: ``cast("FormatName", name)``.
"""

import os
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy.typing as npt

from aicsio._io.readers import BinaryFile
from aicsio.records import Source

if TYPE_CHECKING:
    import dask.array

__all__ = ["EngineName", "FormatName", "ImageSource", "Mosaic"]

Mosaic: TypeAlias = Literal["stitched", "tiles"]


if TYPE_CHECKING:
    FormatName: TypeAlias = Literal[
        "biorad-pic",
        "cellvoyager",
        "czi",
        "dicom",
        "harmony",
        "ics",
        "imageio",
        "imagexpress",
        "ims",
        "incell",
        "lif",
        "metamorph",
        "micromanager",
        "mirax",
        "mrc",
        "nd2",
        "nrrd",
        "oif",
        "oir",
        "ome-tiff",
        "ome-zarr",
        "openreadout",
        "spe",
        "tiff",
        "vsi",
        "xlef",
    ]
    EngineName: TypeAlias = Literal["native", "aicspylibczi", "readlif", "openreadout"]

    class DataArray(Protocol):
        """An ``xarray.DataArray`` or ``Variable``; by their names all is Any without xarray."""

        @property
        def dims(self) -> tuple[Hashable, ...]: ...
        @property
        def sizes(self) -> Mapping[Any, int]: ...
        @property
        def data(self) -> Any: ...
        @property
        def attrs(self) -> dict[Any, Any]: ...

    Array: TypeAlias = npt.NDArray[Any] | dask.array.Array
    ImageSource: TypeAlias = (
        str
        | os.PathLike[str]
        | bytes
        | bytearray
        | memoryview
        | BinaryFile
        | Source
        | Array
        | DataArray
        # One item: mypy's message leaves out those of a union of more than eleven.
        | Sequence[Array]
    )
else:
    FormatName: TypeAlias = str
    EngineName: TypeAlias = str
    ImageSource: TypeAlias = object
