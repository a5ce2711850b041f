"""LegacyReader classes by format, with the names of AICSImageIO.

Rule kept here: a class is a name of a format and nothing else; ``LegacyReader`` has the members.
"""

from collections.abc import Mapping
from typing import Any

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
    """A list of files or a glob, as one image."""


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
    # Arrays have a format, too, which is not in the table of formats.
    if name == "array":
        return ArrayLikeReader
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
