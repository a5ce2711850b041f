"""LegacyReader classes by format, with the names of AICSImageIO.

Rule kept here: a class is a name of a format and nothing else; ``LegacyReader`` has the members.
``TiffGlobReader`` alone takes more arguments.
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from aicsio._checks import checked
from aicsio.errors import ArgumentTypeError, UnsupportedFormatError
from aicsio.formats.names import FormatName
from aicsio.legacy import inputs
from aicsio.legacy.reader import LegacyReader
from aicsio.opening import explain

__all__ = [
    "ArrayLikeReader",
    "BioformatsReader",
    "CziReader",
    "DVReader",
    "DefaultReader",
    "LifReader",
    "ND2Reader",
    "OmeTiffReader",
    "OmeTiledTiffReader",
    "OmeZarrReader",
    "TiffGlobReader",
    "TiffReader",
]


class ArrayLikeReader(LegacyReader):
    """numpy, dask and xarray arrays, or a list of them, one scene each."""

    only_arrays = True


class CziReader(LegacyReader):
    """Zeiss CZI."""

    format = "czi"


class LifReader(LegacyReader):
    """Leica LIF."""

    format = "lif"


class ND2Reader(LegacyReader):
    """Nikon ND2."""

    format = "nd2"


class DVReader(LegacyReader):
    """DeltaVision, which is a dialect of MRC."""

    format = "mrc"


class OmeTiffReader(LegacyReader):
    """OME-TIFF."""

    format = "ome-tiff"


class OmeTiledTiffReader(OmeTiffReader):
    """OME-TIFF of tiles: the same class, since any OME-TIFF is read by its tiles."""


class TiffReader(LegacyReader):
    """TIFF; of an OME-TIFF its pages, without the OME."""

    format = "tiff"


class TiffGlobReader(LegacyReader):
    r"""A list of files or a glob, as one image.

    Parameters
    ----------
    glob_in
        A glob, or names of files: a list, or any iterable, such as a column of pandas.
    indexer
        The position of each file: a function of its name that returns a mapping, such as
        ``{"S": 0, "T": 3}``, or a ``pandas.Series``; or a ``pandas.DataFrame`` with a row for each
        file. By default four numbers in each name are scene, T, C and Z; other files are joined
        along T.
    scene_glob_character
        The letter whose positions are scenes.
    chunk_dims, channel_names, physical_pixel_sizes, fs_kwargs
        As in ``AICSImage``.
    single_file_shape
        Not needed: each file states its own.
    single_file_dims
        Letters of each file, such as ``"ZYX"``; by default what the file states.
    dim_order
        Letters of the joined image in its order; without it TCZYXS, other letters in front.
        Where ``single_file_dims`` is not given, as many letters as each file has axes are its own.

    Raises
    ------
    ArgumentTypeError
        When the indexer returns something else.
    DimensionError
        When two files have one position, or files do not fit together.
    SourceNotFoundError
        When a position between others has no file.
    UnsupportedFormatError, CorruptFileError, SourceError
        As by ``open_many``.

    Examples
    --------
    >>> import os, re, tempfile
    >>> import numpy as np
    >>> from aicsio import imwrite
    >>> from aicsio.readers import TiffGlobReader
    >>> def indexer(name):
    ...     c, t = re.findall(r"\d+", os.path.basename(name))
    ...     return {"C": int(c), "T": int(t)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("c0_7.ome.tiff", "c0_8.ome.tiff", "c1_7.ome.tiff", "c1_8.ome.tiff"):
    ...         _ = imwrite(os.path.join(folder, name), np.zeros((4, 5), np.uint8))
    ...     reader = TiffGlobReader(os.path.join(folder, "*.ome.tiff"), indexer=indexer)
    ...     reader.dims
    <Dimensions [T: 2, C: 2, Z: 1, Y: 4, X: 5]>
    """

    @staticmethod
    def MicroManagerIndexer(path_to_img: str | os.PathLike[str]) -> dict[str, int]:
        """Return the position that the name of an image of Micro-Manager 2 has: C, position, T, Z.

        Parameters
        ----------
        path_to_img
            Such as ``img_channel000_position001_time000000003_z004.tif``.

        Returns
        -------
        dict of str to int
            Positions along C, S, T and Z.

        Raises
        ------
        ArgumentTypeError
            When the name has other than four numbers.
        """
        numbers = re.findall(r"\d+", os.path.basename(os.fspath(path_to_img)))
        if len(numbers) != len("CSTZ"):
            raise ArgumentTypeError(
                f"{os.fspath(path_to_img)!r} is no name of Micro-Manager: it has {len(numbers)} numbers, not four"
            )
        return dict(zip("CSTZ", map(int, numbers), strict=True))

    @checked
    def __init__(
        self,
        glob_in: object,
        indexer: object = None,
        scene_glob_character: str = "S",
        chunk_dims: Annotated[str | Sequence[str] | None, "letters, such as 'ZYX'"] = None,
        dim_order: inputs.DimOrder = None,
        channel_names: inputs.Names = None,
        single_file_shape: Sequence[int] | None = None,  # noqa: ARG002 - each file states its own
        single_file_dims: str | Sequence[str] | None = None,
        fs_kwargs: Mapping[str, Any] | None = None,
        *,
        physical_pixel_sizes: inputs.Sizes = None,
    ) -> None:
        handle = inputs.open_legacy(
            inputs.list_names(glob_in),
            format=self.format,
            tiles=True,
            storage_options=fs_kwargs,
            dims=dim_order,
            names=channel_names,
            sizes=physical_pixel_sizes,
            places=inputs.FilePlaces(indexer, scene_glob_character, single_file_dims),
        )
        self._show(handle, chunk_dims)


class OmeZarrReader(LegacyReader):
    """OME-Zarr."""

    format = "ome-zarr"


class DefaultReader(LegacyReader):
    """Pictures and movies, all that imageio reads."""

    format = "imageio"


class BioformatsReader(LegacyReader):
    """Any format that aicsio opens; no Java is started."""


CLASSES: tuple[type[LegacyReader], ...] = (
    ArrayLikeReader,
    CziReader,
    DVReader,
    LifReader,
    ND2Reader,
    OmeTiffReader,
    OmeZarrReader,
    TiffReader,
    DefaultReader,
    TiffGlobReader,
    LegacyReader,
)
"""The class that comes first serves a format: ``OmeTiffReader`` before its other names."""


def format_of(reader: FormatName | type[LegacyReader] | None) -> FormatName | None:
    """Return the format that ``reader=`` names.

    Raises
    ------
    ArgumentTypeError
        When it is a class of something else.
    """
    if reader is None or isinstance(reader, str):
        return reader
    if not issubclass(reader, LegacyReader):
        raise ArgumentTypeError(
            f"reader={reader.__name__}: give the name of a format, such as reader='tiff', or a "
            "class of aicsio.readers"
        )
    return reader.format


def class_of_format(name: str) -> type[LegacyReader]:
    """Return the class of a format; ``LegacyReader`` for one that has no class of its own."""
    # Arrays and joined files have a format, too, which is not in the table of formats.
    if name == "array":
        return ArrayLikeReader
    if name == "joined":
        return TiffGlobReader
    by_name = {each.format: each for each in reversed(CLASSES) if each.format is not None}
    return by_name.get(name, LegacyReader)  # type: ignore[call-overload, no-any-return]


def class_of(image: object, storage_options: Mapping[str, Any] | None) -> type[LegacyReader]:
    """Return the class that opens an image.

    Parameters
    ----------
    image, storage_options
        As ``image`` and ``fs_kwargs`` of ``AICSImage``.

    Raises
    ------
    UnsupportedFormatError
        When no format recognises the file.
    SourceNotFoundError, SourceError
        As by ``explain``.
    """
    if inputs.is_of_arrays(image):
        return ArrayLikeReader
    if inputs.file_names_of(image, storage_options) is not None:
        return TiffGlobReader
    candidates = explain(image, storage_options=storage_options)
    for candidate in candidates:
        if candidate.taken:
            return class_of_format(candidate.format)
    asked = ", ".join(candidate.format for candidate in candidates)
    raise UnsupportedFormatError(f"{image!r} is no image of the formats that were asked: {asked}")
