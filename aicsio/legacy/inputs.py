"""Images and options of AICSImageIO as one handle.

Rule kept here: this module translates options; ``open_image`` and ``open_many`` open.

A list of arrays is a list of scenes; a list given for an option then holds one value per scene. A
list of files, or a glob, is one image, by ``file_lists``. Dimensions, channels and pixel sizes of
an xarray replace missing options.

Source of the facts: AICSImageIO 4 (``AICSImage``, ``ArrayLikeReader``, ``TiffReader``).
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import Annotated, Any, SupportsFloat, TypeAlias, TypedDict, cast

import attrs
import numpy.typing as npt

from aicsio.errors import ArgumentTypeError, DimensionError, UnsupportedFormatError
from aicsio.formats.data_arrays import NamedArray, is_data_array, read_data_array
from aicsio.formats.names import FormatName, ImageSource, Mosaic
from aicsio.opening import open_image
from aicsio.records import ImageHandle, PixelSize
from aicsio.records.conversions import optional_float

__all__ = [
    "DimOrder",
    "FilePlaces",
    "ImageOptions",
    "Names",
    "Sizes",
    "file_names_of",
    "is_of_arrays",
    "list_names",
    "open_legacy",
]

# Each with the words of the message that refuses another value. Tuples, arrays of numpy and indices
# of pandas are iterables of texts alike.
DimOrder: TypeAlias = Annotated[
    str | Iterable[str | None] | None, "letters such as 'CZYX', or a list of them"
]
Names: TypeAlias = Annotated[
    Iterable[str] | Iterable[Iterable[str] | None] | npt.NDArray[Any] | None,
    "a list of names, or a list of lists",
]
Sizes: TypeAlias = Annotated[
    PixelSize
    | Sequence[SupportsFloat | None]
    | Mapping[str, SupportsFloat | None]
    | npt.NDArray[Any]
    | None,
    "three numbers, for Z, Y and X",
]


class ImageOptions(TypedDict, total=False):
    """Options of ``AICSImage``, which ``imread`` and ``imread_dask`` pass on; each as there."""

    reader: FormatName | type[Any] | None
    reconstruct_mosaic: bool
    fs_kwargs: Mapping[str, Any] | None
    chunk_dims: str | Sequence[str] | None
    dim_order: DimOrder
    known_dims: DimOrder
    channel_names: Names
    physical_pixel_sizes: Sizes
    indexer: object
    scene_glob_character: str
    single_file_dims: str | Sequence[str] | None


@attrs.frozen(eq=False)
class FilePlaces:
    """What ``TiffGlobReader`` is given besides the files. Not a record: it lives for one call."""

    indexer: Any = None
    """The position of each file; ``None`` to find them in the names."""
    scene_letter: str = "S"
    """The letter whose positions are scenes."""
    file_dims: str | Sequence[str] | None = None
    """Letters of each file; ``None`` for what the file states."""


def open_legacy(
    image: object,
    *,
    format: FormatName | None,
    tiles: bool,
    storage_options: Mapping[str, Any] | None,
    dims: DimOrder,
    names: Names,
    sizes: Sizes,
    places: FilePlaces | None = None,
) -> ImageHandle:
    """Open an image as ``AICSImage`` does.

    Parameters
    ----------
    image
        As in ``AICSImage``.
    format
        Name of a format; ``None`` to recognise it.
    tiles
        Whether tiles stay apart, along M.
    storage_options
        As in ``open_image``.
    dims, names, sizes
        ``dim_order``, ``channel_names`` and ``physical_pixel_sizes`` of ``AICSImage``.
    places
        Positions and letters of the files of a list or glob; ``None`` to find them in the names.

    Raises
    ------
    ArgumentTypeError
        When a list is empty, or an indexer returns no positions.
    DimensionError
        When options do not fit the image, or one another.
    UnsupportedFormatError
        When a format is requested for arrays, and as by ``open_image``.
    SourceNotFoundError, CorruptFileError, SourceError
        As by ``open_image``.
    """
    pixel_size = _pixel_size(sizes)
    mosaic: Mosaic = "tiles" if tiles else "stitched"
    files = file_names_of(image, storage_options)
    if files is not None:
        from aicsio.joining.files import FileOptions
        from aicsio.legacy import file_lists

        options = FileOptions(
            format=format,
            mosaic=mosaic,
            dims=_single_order(dims),
            storage_options=storage_options,
        )
        return file_lists.join_legacy(
            files,
            image,
            options,
            places or FilePlaces(),
            channel_names=_scene_names(names, 0, 1),
            pixel_size=pixel_size,
        )
    if format is not None and is_of_arrays(image):
        raise UnsupportedFormatError(f"reader={format!r} is for files: an array is opened as it is")
    # A list of files was one image; any other list is one scene per item.
    if isinstance(image, list | tuple):
        return _open_scenes(image, dims, names, pixel_size)
    channel_names = _scene_names(names, 0, 1)
    if is_data_array(image):
        return _open_array(image, _single_order(dims), channel_names, pixel_size)
    return open_image(
        cast("ImageSource", image),  # what is none, open_image refuses
        format=format,
        mosaic=mosaic,
        dims=_single_order(dims),
        channel_names=channel_names,
        pixel_size=pixel_size,
        storage_options=storage_options,
    )


def _open_scenes(
    arrays: Sequence[object], dims: DimOrder, names: Names, pixel_size: PixelSize | None
) -> ImageHandle:
    """Open a list of arrays, one scene each."""
    if not arrays:
        raise ArgumentTypeError("an empty list is no image: give at least one array")
    count = len(arrays)
    if dims is not None and not isinstance(dims, str):
        _require_texts("dim_order", dims, "letters such as 'CZYX', or a list of them")
    orders: Sequence[str | None]
    orders = (dims,) * count if dims is None or isinstance(dims, str) else tuple(dims)
    if len(orders) != count:
        raise DimensionError(
            f"{len(orders)} dim_order for {count} arrays: give one for all, or one each"
        )
    handles: list[ImageHandle] = []
    for index, array in enumerate(arrays):
        channel_names = _scene_names(names, index, count)
        handles.append(_open_array(array, orders[index], channel_names, pixel_size))
    # The scenes of one handle: each has its own array, so any can come into focus.
    scenes = tuple(attrs.evolve(each.scene, name=f"Image:{i}") for i, each in enumerate(handles))
    diagnostics = sum((each.contents.diagnostics for each in handles), ())
    contents = attrs.evolve(handles[0].contents, scenes=scenes, diagnostics=diagnostics)
    return attrs.evolve(handles[0], contents=contents)


def is_of_arrays(image: object) -> bool:
    """Return whether an image is an array or a list of arrays, and no file."""
    first = image[0] if isinstance(image, list | tuple) and image else image
    # xarrays and dask arrays have it, too; records and texts do not.
    return hasattr(first, "__array__")


def file_names_of(image: object, storage_options: Mapping[str, Any] | None) -> list[str] | None:
    """Return the names of a list of paths, or of a glob; ``None`` for other images."""
    if isinstance(image, list | tuple):
        names = [os.fspath(each) for each in image if isinstance(each, str | os.PathLike)]
        return names if names and len(names) == len(image) else None
    if not isinstance(image, str | os.PathLike):
        return None
    name = os.fsdecode(image)
    if not any(wildcard in name for wildcard in "*?["):
        return None
    from aicsio.joining import file_names  # 8 ms with its room, and most names are those of files

    return file_names.find_files(name, storage_options) if file_names.is_glob(name) else None


def list_names(image: object) -> object:
    """Return the names of any iterable as a list; other images are unchanged."""
    if isinstance(image, str | bytes | os.PathLike) or not isinstance(image, Iterable):
        return image
    items = list(image)
    are_names = items and all(isinstance(item, str | os.PathLike) for item in items)
    return items if are_names else image


def _open_array(
    array: object, dims: str | None, names: Sequence[str] | None, pixel_size: PixelSize | None
) -> ImageHandle:
    known = read_data_array(array) if is_data_array(array) else NamedArray(array)
    # Names of an xarray come before options, as in AICSImageIO; a size that is given comes first.
    return open_image(
        known.pixels,
        dims=known.dims or dims,
        channel_names=known.channel_names or names,
        pixel_size=pixel_size or known.pixel_size,
    )


# ---------------------------------------------------------------- options


def _require_texts(option: str, value: object, advice: str) -> None:
    """Raise unless an option is an iterable of texts and ``None``."""
    # Scripts give tuples, arrays of numpy and indices of pandas.
    if isinstance(value, Iterable) and all(isinstance(each, str | NoneType) for each in value):
        return
    raise ArgumentTypeError(f"{option}={value!r}: give {advice}")


def _single_order(dims: DimOrder) -> str | None:
    """Return the one order of a list that repeats it, as AICSImageIO accepted for files."""
    if dims is None or isinstance(dims, str):
        return dims
    _require_texts("dim_order", dims, "letters such as 'CZYX', or a list of them")
    distinct = set(dims)
    if len(distinct) != 1:
        raise DimensionError(
            f"dim_order={list(dims)!r} differs by scene: only arrays can be named one by one"
        )
    return distinct.pop()


def _scene_names(names: Names, index: int, count: int) -> Sequence[str] | None:
    """Return the channel names of one scene, from names for all or a list of lists."""
    if names is None:
        return None
    if isinstance(names, str):
        return (names,) if names else None
    advice = "a list of names, or a list of lists"
    if not isinstance(names, Iterable):
        raise ArgumentTypeError(f"channel_names={names!r}: give {advice}")
    names = list(names)  # arrays of numpy and indices of pandas, too
    for item in names:
        if not isinstance(item, str | NoneType):
            _require_texts("channel_names", item, advice)
    if not names:
        return None
    # The first item decides: texts are names for all scenes, lists are those of one each.
    if isinstance(names[0], str):
        return [item for item in names if isinstance(item, str)]
    of_scenes = [item for item in names if not isinstance(item, str)]
    if len(of_scenes) != count:
        raise DimensionError(
            f"{len(of_scenes)} lists of channel names for {count} images: "
            "give one for all, or one each"
        )
    names_of_scene = of_scenes[index]
    return None if names_of_scene is None else list(names_of_scene)


def _pixel_size(sizes: Sizes) -> PixelSize | None:
    if sizes is None or isinstance(sizes, PixelSize):
        return sizes
    try:
        values = list(map(sizes.get, "ZYX")) if isinstance(sizes, Mapping) else list(sizes)
        numbers = [optional_float(size) for size in values]
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"physical_pixel_sizes={sizes!r}: give three numbers, for Z, Y and X"
        ) from error
    if len(numbers) != 3:
        raise DimensionError(f"physical_pixel_sizes={sizes!r}: give three numbers, for Z, Y and X")
    return PixelSize(*numbers)
