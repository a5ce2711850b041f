"""Label, overview and thumbnail of a slide.

Rule kept here: a picture of one JPEG frame is returned as it is stored, any other as PNG.

Source of the facts: DICOM PS3.3, C.8.12.4.1.1: the third value of ImageType names the kind.
"""

from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs import CODECS, DecodeTarget, Scratch, as_strided, decode, imagecodecs
from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.formats.dicom.instances import Instance
from aicsio.formats.dicom.series import read_series
from aicsio.records import Attachment, Codec, Source
from aicsio.records.scenes import distinguish_scenes

TITLES: Final = {
    "LABEL": "Label",
    "OVERVIEW": "Overview",
    "LOCALIZER": "Overview",
    "THUMBNAIL": "Thumbnail",
}
LARGEST_PICTURE: Final = 1 << 28
"""Bytes of the pixels of a picture; overviews have about 10 MB."""


@attrs.define
class Picture:
    """A picture of a series. Not a record: it lives for one call."""

    instance: Instance
    """Its file."""
    attachment: Attachment
    """Its name and kind."""


def find_pictures(source: Source) -> list[Picture]:
    """Return the pictures of a file's series, or of a folder."""
    series, _ = read_series(source)
    instances = [one for files in series for one in files if one.kind != "VOLUME"]
    instances = [one for one in instances if len(one.offsets)]
    names = distinguish_scenes([TITLES[one.kind] for one in instances])
    return [
        Picture(one, Attachment(name, "JPG" if _is_jpeg(one) else "PNG", int(one.offsets[0])))
        for one, name in zip(instances, names, strict=True)
    ]


def _is_jpeg(instance: Instance) -> bool:
    return len(instance.offsets) == 1 and instance.pixels.is_jpeg


def read_picture(source: Source, attachment: Attachment) -> bytes:
    """Return a picture as a file.

    Raises
    ------
    CorruptFileError
        When the series lacks it, or a frame is damaged.
    """
    for picture in find_pictures(source):
        if picture.attachment.name == attachment.name:
            return _encode(picture.instance)
    raise CorruptFileError.at(source.uri, None, f"expected {attachment.name!r}")


def _encode(instance: Instance) -> bytes:
    uri = instance.source.uri
    offset = int(instance.offsets[0])
    try:
        if _is_jpeg(instance):
            with readers.lend(instance.source) as reader:
                raw = reader.read(offset, int(instance.nbytes[0]))
            # Joining ignores its target: the length of the joined JPEG is not known before.
            fragments = DecodeTarget((1,), np.dtype("u1"), Scratch())
            return bytes(CODECS["dicom-fragments"](raw, fragments))
        return bytes(imagecodecs().png_encode(_decode_all(instance)))
    except (ValueError, RuntimeError) as error:
        raise CorruptFileError.at(uri, offset, str(error)) from error


def _decode_all(instance: Instance) -> npt.NDArray[np.generic]:
    """Decode all frames of a small picture."""
    pixels, (rows, columns) = instance.pixels, instance.tile
    sampled = (pixels.samples,) if pixels.samples > 1 else ()
    height, width = instance.matrix
    # Samples of PNG are unsigned, of at most 16 bits.
    if pixels.dtype.itemsize > 2 or pixels.dtype.kind != "u":
        raise ValueError(f"PNG holds no pixels of type {pixels.dtype}")
    if height * width * pixels.samples * pixels.dtype.itemsize > LARGEST_PICTURE:
        raise ValueError(f"expected a picture, found {width} x {height} pixels")
    whole = np.zeros((height, width, *sampled), pixels.dtype.newbyteorder("="))
    across = -(-width // columns)
    chain = pixels.codecs or (_raw_codec(instance),)
    for number, (offset, nbytes) in enumerate(zip(instance.offsets, instance.nbytes, strict=True)):
        tile = int(instance.places.tile[number])
        if tile < 0:
            continue
        with readers.lend(instance.source) as reader:
            raw = reader.read(int(offset), int(nbytes))
        target = DecodeTarget((rows, columns, *sampled), pixels.dtype, Scratch())
        y, x = tile // across * rows, tile % across * columns
        part = whole[y : y + rows, x : x + columns]
        part[...] = decode(chain, raw, target)[: part.shape[0], : part.shape[1]]
    return whole


def _raw_codec(instance: Instance) -> Codec:
    pixels, (rows, columns) = instance.pixels, instance.tile
    size = pixels.dtype.itemsize
    if pixels.samples == 1:
        return as_strided(0, (columns * size, size))
    if pixels.planar:
        return as_strided(0, (columns * size, size, rows * columns * size))
    return as_strided(0, (columns * pixels.samples * size, pixels.samples * size, size))
