"""Legal Imaris 5.5 files (IMS, HDF5) of any sizes, levels, chunks and filters. Needs h5py.

Rule kept here: a file holds the given pixels at its first level, and every second position of the
level before at each further one; metadata follow from the description alone.

Source of the structures: "Imaris 5.5 File Format Description" (Bitplane); attributes are arrays of
single characters, as Imaris writes them. The files made here are read alike by
``imaris-ims-file-reader`` and by OpenReadout.
"""

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["ImsImage", "write_ims"]

LETTERS = "TCZYX"
"""Axes of a file, in the order of its groups and arrays."""
FILTERS: Mapping[str, int] = {
    "gzip": 1, "shuffle": 2, "fletcher32": 3, "lzf": 32000, "lz4": 32004, "zstd": 32015,
}  # fmt: skip
"""Registered numbers of filters of HDF5."""
OPTIONAL = 1
"""Flag of a filter that may be skipped (``H5Z_FLAG_OPTIONAL``): HDF5 then takes unknown ones too."""
THUMBNAIL_SIDE = 8
"""Pixels; Imaris writes 256."""


@attrs.frozen(eq=False)
class ImsImage:
    """Pixels of a file, and its description."""

    pixels: npt.NDArray[Any]
    """uint8, uint16, uint32 or float32."""
    dims: str
    """A letter for each axis: some of T, C, Z, Y, X in this order."""
    channels: tuple[str, ...] = ()
    """Names; ``Channel <n>`` if left out."""
    colors: tuple[int, ...] = ()
    """0xRRGGBB, one a channel; white if left out."""
    emissions: tuple[float, ...] = ()
    """Nanometres, one a channel."""
    excitations: tuple[float, ...] = ()
    """Nanometres, one a channel."""
    pixel_size: tuple[float, float, float] = (0.5, 0.25, 0.25)
    """Z, Y, X in ``unit``."""
    corner: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Z, Y, X of the outer corner of the first pixel, in ``unit``."""
    unit: str = "um"
    """Unit of sizes."""
    start: float = 1.7e9
    """Seconds since 1970 of the first time point."""
    period: float = 2.0
    """Seconds between time points."""
    levels: int = 1
    """Resolution levels."""
    chunk: tuple[int, int, int] | None = (2, 8, 8)
    """Z, Y, X of a chunk; ``None`` for contiguous arrays."""
    filters: tuple[str, ...] = ("gzip",)
    """Of ``FILTERS``, in the order of writing."""
    padded: bool = True
    """Whether arrays are rounded up to whole chunks, as Imaris writes them."""
    missing: tuple[tuple[int, int], ...] = ()
    """Time point and channel of arrays that are not in the file."""
    user_block: int = 0
    """Bytes in front of the HDF5 file: 0, or a power of two from 512."""
    objects: Mapping[str, int] = attrs.Factory(dict)
    """Numbers of objects beside the image, by kind: ``Points``, ``MegaSurfaces``, ..."""

    def full(self) -> npt.NDArray[Any]:
        """Return the pixels with all five axes.

        Returns
        -------
        numpy.ndarray
            Shape T, C, Z, Y, X.
        """
        places = tuple(slice(None) if letter in self.dims else None for letter in LETTERS)
        return self.pixels[places]

    def level(self, number: int) -> npt.NDArray[Any]:
        """Return the pixels of a level with all five axes.

        Parameters
        ----------
        number
            0 for full resolution.

        Returns
        -------
        numpy.ndarray
            Shape T, C, Z, Y, X.
        """
        step = slice(None, None, 1 << number)
        return self.full()[:, :, step, step, step]


def write_ims(image: ImsImage, path: Path) -> Path:
    """Write a file.

    Parameters
    ----------
    image
        Pixels and description.
    path
        Target, with a name that ends in ``.ims``.

    Returns
    -------
    Path
        ``path``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing.ims import ImsImage, write_ims
    >>> image = ImsImage(np.zeros((3, 2, 4, 5), "u2"), "CZYX")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     str(open_image(write_ims(image, Path(folder) / "a.ims")).dims)
    'T=1, C=3, Z=2, Y=4, X=5'
    """
    import h5py

    with h5py.File(path, "w", userblock_size=image.user_block) as file:
        _write_attributes(
            file,
            {
                # Attributes of the root name the groups below it.
                "DataSetDirectoryName": "DataSet",
                "DataSetInfoDirectoryName": "DataSetInfo",
                "ImarisDataSet": "ImarisDataSet",
                "ImarisVersion": "5.5.0",
                "ThumbnailDirectoryName": "Thumbnail",
            },
        )
        file.attrs["NumberOfDataSets"] = np.uint32(1)
        for number in range(image.levels):
            _write_level(file.create_group(f"DataSet/ResolutionLevel {number}"), image, number)
        for name, texts in _describe(image).items():
            _write_attributes(file.create_group(f"DataSetInfo/{name}"), texts)
        _write_thumbnail(file)
        for kind, count in image.objects.items():
            for number in range(count):
                file.create_group(f"Scene8/Content/{kind}{number}")
    return path


def _write_attributes(group: Any, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        # Characters of one byte each; an empty text is one NUL.
        characters = [bytes([byte]) for byte in text.encode()] or [b""]
        group.attrs.create(name, np.array(characters, "S1"))


def _write_thumbnail(file: Any) -> None:
    # Stored in two dimensions: the four bytes of the pixels of a row lie side by side.
    rgba = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE, 4), np.uint8)
    rgba[..., 0] = np.arange(THUMBNAIL_SIDE) * 8
    rgba[..., 3] = 255
    file.create_dataset("Thumbnail/Data", data=rgba.reshape(THUMBNAIL_SIDE, -1))


# ---------------------------------------------------------------- pixels


def _write_level(group: Any, image: ImsImage, number: int) -> None:
    pixels = image.level(number)
    for t, c in itertools.product(*map(range, pixels.shape[:2])):
        if (t, c) in image.missing:
            continue
        channel = group.create_group(f"TimePoint {t}/Channel {c}")
        volume = pixels[t, c]
        sizes = dict(zip("ZYX", volume.shape, strict=True))
        # Sizes of the image; the array may be larger, filled up to whole chunks.
        _write_attributes(channel, {f"ImageSize{a}": str(n) for a, n in sizes.items()})
        _write_attributes(channel, {"HistogramMin": "0.000", "HistogramMax": "255.000"})
        channel.create_dataset("Histogram", data=np.zeros(256, np.uint64))
        _write_volume(channel, image, volume)


def _write_volume(group: Any, image: ImsImage, volume: npt.NDArray[Any]) -> None:
    if image.chunk is None:
        group.create_dataset("Data", data=volume)
        return
    import h5py

    steps = image.chunk
    counts = [-(-size // step) for size, step in zip(volume.shape, steps, strict=True)]
    whole = tuple(count * step for count, step in zip(counts, steps, strict=True))
    # Chunks cannot be larger than an array of a fixed size: such a file is always padded.
    shape = whole
    if not image.padded and all(a >= b for a, b in zip(volume.shape, steps, strict=True)):
        shape = volume.shape
    padded = np.zeros(whole, volume.dtype)
    padded[tuple(map(slice, volume.shape))] = volume
    # The low-level interface takes filters that h5py lacks, and chunks that are encoded already.
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk(steps)
    for name in image.filters:
        _add_filter(plist, name, volume.dtype.itemsize, int(np.prod(steps)))
    kind = h5py.h5t.py_create(volume.dtype, logical=True)
    space = h5py.h5s.create_simple(shape)
    data = h5py.h5d.create(group.id, b"Data", kind, space, plist)
    for index in np.ndindex(*counts):
        start = tuple(at * step for at, step in zip(index, steps, strict=True))
        part = padded[tuple(slice(a, a + b) for a, b in zip(start, steps, strict=True))]
        # A chunk of zeros is left out: HDF5 then has the fill value, which is 0.
        if part.any():
            raw, mask = _encode(np.ascontiguousarray(part), image.filters)
            data.write_direct_chunk(start, raw, mask)


def _add_filter(plist: Any, name: str, itemsize: int, chunk_size: int) -> None:
    # Client data: level of gzip, bytes of an item, and for LZF versions and bytes of a chunk.
    parameters = {"gzip": (2,), "shuffle": (itemsize,), "lzf": (4, 262, chunk_size * itemsize)}
    plist.set_filter(FILTERS[name], OPTIONAL, parameters.get(name, ()))


def _encode(part: npt.NDArray[Any], filters: tuple[str, ...]) -> tuple[bytes, int]:
    """Return the bytes of a chunk, and the mask of filters that it skips."""
    import imagecodecs

    raw, mask = part.tobytes(), 0
    for number, name in enumerate(filters):
        if name == "shuffle":
            # HDF5 shuffle: all first bytes of the items, then all second ones, and so on.
            octets = np.frombuffer(raw, np.uint8)
            raw = np.ascontiguousarray(octets.reshape(-1, part.dtype.itemsize).T).tobytes()
        elif name == "fletcher32":
            # The checksum stands behind the bytes that it covers.
            total = int(imagecodecs.h5checksum_fletcher32(raw))
            raw += total.to_bytes(4, "little")
        else:
            codec = {"gzip": "zlib", "lz4": "lz4h5"}.get(name, name)
            coded = bytes(getattr(imagecodecs, f"{codec}_encode")(raw))
            # LZF of HDF5 gives up where a chunk would grow, and the filter is skipped.
            if name == "lzf" and len(coded) >= len(raw):
                # Bit n of the filter mask of a chunk: filter n of the pipeline was skipped.
                mask |= 1 << number
                continue
            raw = coded
    return raw, mask


# ---------------------------------------------------------------- metadata


def _describe(image: ImsImage) -> dict[str, dict[str, str]]:
    time_count, channel_count, *sizes = image.full().shape
    corners, texts = reversed(image.corner), {"Unit": image.unit, "Name": "(name not specified)"}
    spacings, lengths = reversed(image.pixel_size), reversed(sizes)
    rows = zip("XYZ", corners, spacings, lengths, strict=True)
    for axis, (letter, corner, spacing, length) in enumerate(rows):
        texts[letter] = str(length)
        # Extents are outer edges of pixels, so their distance is the size times the spacing.
        texts[f"ExtMin{axis}"] = repr(corner)
        texts[f"ExtMax{axis}"] = repr(corner + spacing * length)
    first = datetime.fromtimestamp(image.start, UTC).replace(tzinfo=None)
    times = [first + timedelta(seconds=image.period * t) for t in range(time_count)]
    texts["RecordingDate"] = _date(first)
    texts["LensPower"] = "20x"
    texts["Description"] = "generated"
    # Here time points count from 1; the groups of pixels count them from 0.
    times_of = {f"TimePoint{t + 1}": _date(time) for t, time in enumerate(times)}
    described = {
        "Image": texts,
        "TimeInfo": {
            "DatasetTimePoints": str(time_count),
            "FileTimePoints": str(time_count),
            **times_of,
        },
        "Imaris": {"Version": "9.5", "ThumbnailMode": "thumbnailMIP"},
        "ImarisDataSet": {"Creator": "Imaris", "NumberOfImages": "1", "Version": "9.5"},
        "Log": {"Entries": "0"},
    }
    for number in range(channel_count):
        described[f"Channel {number}"] = _describe_channel(image, number)
    return described


def _describe_channel(image: ImsImage, number: int) -> dict[str, str]:
    names = image.channels or tuple(f"Channel {n}" for n in range(number + 1))
    colors = image.colors or (0xFFFFFF,) * (number + 1)
    rgb = [colors[number] >> shift & 0xFF for shift in (16, 8, 0)]
    texts = {
        "Name": names[number],
        "Color": " ".join(f"{part / 255:.3f}" for part in rgb),
        "ColorMode": "BaseColor",
        "ColorOpacity": "1.000",
        "ColorRange": "0.000 255.000",
        "GammaCorrection": "1.000",
        "Description": "(description not specified)",
    }
    for name, values in (("Emission", image.emissions), ("Excitation", image.excitations)):
        if values:
            texts[f"LSM{name}Wavelength"] = repr(values[number])
    return texts


def _date(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S.") + f"{time.microsecond // 1000:03}"
