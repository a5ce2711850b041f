"""The private tags of ImageJ: lookup tables, display ranges and labels of slices.

Rule kept here: a list is used only if its length fits the channels or the planes; others are
reported.

Source of the facts: ij/io/TiffDecoder.java (getMetaData) and TiffEncoder.java of ImageJ 1.54. Tag
50838 lists byte counts, the first of them that of a header in tag 50839: ``IJIJ``, then pairs of a
four-letter type and a count of entries.
"""

import math
import re
import struct

import attrs
import numpy as np

from aicsio._checks.words import count_of
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.tags import Tag
from aicsio.records import Channel, Diagnostic

_MAGIC = b"IJIJ"
_LUT_BYTES = 768
"""256 levels of red, then of green, then of blue."""
_OPAQUE = 0xFF
_POSITION = re.compile(r"^(?:[czt]:\d+/\d+\s*)+(?:-\s*)?")
"""Start of labels that ImageJ makes itself: ``c:1/3 z:2/5 - title``."""
LARGEST_METADATA = 64 << 20
"""Labels of a million slices; a longer tag is not read."""


@attrs.frozen
class ImageJMetadata:
    """Contents of the tags that describe channels and planes."""

    luts: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    """Lookup table of each channel: 768 bytes, red, green, blue."""
    ranges: tuple[float, ...] = ()
    """Lowest and highest displayed value of each channel, in turn."""
    labels: tuple[str, ...] = ()
    """One for each plane, in the order of the file."""
    info: str = attrs.field(default="", repr=False)
    """Text of the property ``Info``: what the importer of the image knew about it."""
    properties: tuple[tuple[str, str], ...] = ()
    """Other properties of the image (since ImageJ 1.53)."""


def read_imagej_metadata(tags: PageTags) -> ImageJMetadata:
    """Return the private metadata of a page; empty fields if they are missing or broken."""
    value = tags.value(Tag.IMAGEJ_METADATA, LARGEST_METADATA)
    counts = tags.value(Tag.IMAGEJ_METADATA_COUNTS, LARGEST_METADATA)
    if not value or not isinstance(counts, tuple):
        return ImageJMetadata()
    if isinstance(value, tuple) and any(not 0 <= octet < 256 for octet in value):
        return ImageJMetadata()
    # A tag may hold floats: NaN and infinity count no bytes.
    if not all(map(math.isfinite, counts)):
        return ImageJMetadata()
    sizes = [int(count) for count in counts]
    return parse_imagej_metadata(bytes(map(int, value)), sizes, tags.file.variant.order)


def parse_imagej_metadata(data: bytes, byte_counts: list[int], order: str) -> ImageJMetadata:
    """Parse the content of tag 50839.

    Parameters
    ----------
    data
        Content of the tag.
    byte_counts
        Content of tag 50838: size of the header, then of each entry.
    order
        Byte order of the file.
    """
    # The first count is that of the header, the others follow in the order of its types.
    header_size = byte_counts[0] if byte_counts else 0
    # The magic number and the types are integers in the byte order of the file.
    magic = _MAGIC if order == ">" else _MAGIC[::-1]
    if data[:4] != magic or not 12 <= header_size <= len(data):
        return ImageJMetadata()
    entries: dict[bytes, list[bytes]] = {}
    offset, index = header_size, 1
    # Behind the magic number: a type of four letters and a count of four bytes for each kind.
    for start in range(4, header_size - 7, 8):
        kind = data[start : start + 4]
        kind = kind if order == ">" else kind[::-1]
        (count,) = struct.unpack_from(order + "I", data, start + 4)
        for nbytes in byte_counts[index : index + count]:
            entries.setdefault(kind, []).append(data[offset : offset + max(nbytes, 0)])
            offset += max(nbytes, 0)
        index += count
    ranges = b"".join(entries.get(b"rang", []))
    # Texts are Java strings: two bytes a character, in the byte order of the file.
    encoding = "utf-16-be" if order == ">" else "utf-16-le"
    properties = [text.decode(encoding, "replace") for text in entries.get(b"prop", [])]
    return ImageJMetadata(
        luts=tuple(lut for lut in entries.get(b"luts", []) if len(lut) == _LUT_BYTES),
        ranges=struct.unpack(f"{order}{len(ranges) // 8}d", ranges[: len(ranges) // 8 * 8]),
        labels=tuple(label.decode(encoding, "replace") for label in entries.get(b"labl", [])),
        info=b"".join(entries.get(b"info", [])[:1]).decode(encoding, "replace"),
        # Keys and values follow each other.
        properties=tuple(zip(properties[::2], properties[1::2], strict=False)),
    )


def channel_records(
    metadata: ImageJMetadata,
    letters: str,
    shape: tuple[int, ...],
    channel_count: int,
    samples: int,
    where: str,
) -> tuple[tuple[Channel, ...], list[Diagnostic]]:
    """Make the records of channels: colours of the lookup tables, names of the labels.

    Parameters
    ----------
    metadata
        Private metadata.
    letters, shape
        Axes of the planes, in the order of the file.
    channel_count, samples
        Channels of the image, samples of a pixel.
    where
        The file, for diagnostics.
    """
    notes: list[Diagnostic] = []
    if len(metadata.ranges) == 2 * channel_count:
        pairs = zip(metadata.ranges[::2], metadata.ranges[1::2], strict=True)
        shown = ", ".join(f"{low:g} to {high:g}" for low, high in pairs)
        notes.append(Diagnostic("imagej-ranges", f"displayed grey values: {shown}", where))
    colors: list[int | None] = [None] * channel_count
    if len(metadata.luts) == channel_count and samples == 1:
        colors = [_color(lut) for lut in metadata.luts]
    names = _names(metadata.labels, letters, shape, channel_count)
    if metadata.labels and not any(names):
        count = sum(bool(label) for label in metadata.labels)
        text = f"{count_of(count, 'label')} of slices without the name of a channel: the first is {metadata.labels[0]!r}"
        notes.append(Diagnostic("imagej-labels", text, where))
    if not any(names) and not any(color is not None for color in colors):
        return (), notes
    records = tuple(
        Channel(name=name, color=color, samples=samples)
        for name, color in zip(names, colors, strict=True)
    )
    return records, notes


def _color(lut: bytes) -> int | None:
    """Return the colour of the brightest level as 0xRRGGBBAA; ``None`` for a grey table."""
    levels = np.frombuffer(lut, np.uint8).reshape(3, 256)
    if (levels == levels[0]).all():
        return None
    # Tables run from black to the colour of the channel.
    red, green, blue = (int(level) for level in levels[:, 255])
    return red << 24 | green << 16 | blue << 8 | _OPAQUE


def _names(
    labels: tuple[str, ...], letters: str, shape: tuple[int, ...], channel_count: int
) -> list[str | None]:
    """Return the label of each channel, if all of its planes share it and no other channel has it."""
    nothing: list[str | None] = [None] * channel_count
    plane_count = int(np.prod(shape, dtype=np.int64))
    if "C" not in letters or len(labels) != plane_count:
        return nothing
    # Labels are one a plane, in the order of the file: a table over the axes of the planes.
    table = np.array(labels, object).reshape(shape)
    by_channel = np.moveaxis(table, letters.index("C"), 0).reshape(channel_count, -1)
    names = [{_POSITION.sub("", label) for label in row} for row in by_channel.tolist()]
    if any(len(name) != 1 for name in names) or len(set.union(*names)) != channel_count:
        return nothing
    return [name.pop().strip() or None for name in names]
