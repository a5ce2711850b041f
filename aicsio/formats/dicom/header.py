"""The header of a DICOM file, up to its pixels.

Rule kept here: a file is read from its start in steps, each twice as long as the one before, until
the element of the pixels is found: one or two requests for most files.

Source of the facts: DICOM PS3.10, 7.1 (file meta information); PS3.5, annex A (transfer syntaxes);
PS3.6 for tags.
"""

from typing import Final

import attrs

from aicsio._io import readers
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.dicom.elements import (
    UNDEFINED,
    DataSet,
    Element,
    EndOfBytesError,
    next_element,
    skip_item,
)
from aicsio.records import Source

# PS3.10, 7.1: 128 bytes without a fixed meaning, then four letters.
PREFIX: Final = b"DICM"
PREFIX_OFFSET: Final = 128
SLIDE_CLASSES: Final = (b"1.2.840.10008.5.1.4.1.1.77.1.6", b"1.2.840.10008.5.1.4.1.1.77.1.8")
"""VL Whole Slide Microscopy Image Storage, and Confocal Microscopy Tiled Pyramidal Image Storage."""
CLASS_TAG: Final = b"\x02\x00\x02\x00UI"
"""MediaStorageSOPClassUID, which all files have in their meta information."""
# PS3.5, A.1 (implicit), A.5 (deflated as a whole) and A.3 (big-endian, retired).
IMPLICIT, DEFLATED, BIG_ENDIAN = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
FIRST_NBYTES: Final = 1 << 16
LARGEST_HEADER: Final = 1 << 28
"""Bytes in front of the pixels: those of a slide of a million tiles take about 200 MB."""
TRANSFER_SYNTAX, GROUP_LENGTH = 0x00020010, 0x00020000
PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS = 0x7FE00010, 0x7FE00008, 0x7FE00009
PER_FRAME: Final = 0x52009230
"""PerFrameFunctionalGroupsSequence."""
ITEM_HEAD: Final = 8


@attrs.define
class SlideHeader:
    """Elements of a file, and where its pixels begin. Not a record: it lives for one opening."""

    source: Source
    """The file."""
    data: DataSet
    """Elements in front of the pixels."""
    syntax: str
    """Transfer syntax."""
    pixels: Element
    """The element of the pixels; of encapsulated ones only the start is known."""
    encapsulated: bool
    """Whether the pixels are a sequence of fragments."""


def is_slide(head: bytes) -> bool:
    """Return whether the first bytes are those of a whole-slide image in DICOM."""
    if head[PREFIX_OFFSET : PREFIX_OFFSET + 4] != PREFIX:
        return False
    at = head.find(CLASS_TAG, PREFIX_OFFSET)
    # Eight bytes of tag, VR and length; the UID has at most 64 and ends where group 0002 goes on.
    name = head[at + 8 : at + 8 + 64].partition(b"\2\0")[0].rstrip(b"\0 ")
    return at > 0 and name in SLIDE_CLASSES


def breaks_off(head: bytes) -> bool:
    """Return whether a file is DICOM and ends within its file meta information (PS3.10, 7.1)."""
    start = PREFIX_OFFSET + 4
    if head[PREFIX_OFFSET:start] != PREFIX or len(head) >= FIRST_NBYTES:
        return False
    # The first element, group length, counts the bytes behind it.
    group = head[start : start + 12]
    if group[:4] != b"\2\0\0\0" or len(group) < 12:
        return len(group) < 12
    return start + 12 + int.from_bytes(group[8:], "little") > len(head)


class _Growing:
    """The first bytes of a file, more of them whenever an element needs them."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._size = source.size or 0
        self.data = bytearray(readers.read_head(source, FIRST_NBYTES))

    def reach(self, needed: int) -> None:
        """Read on, at least to a place.

        Raises
        ------
        CorruptFileError
            When the file ends before, or the header is implausibly long.
        """
        held = len(self.data)
        if self._size and needed > self._size:
            raise CorruptFileError.at(
                self._source.uri, held, f"expected {needed} bytes, the file has {self._size}"
            )
        if needed > LARGEST_HEADER:
            raise CorruptFileError.at(
                self._source.uri, held, f"its header would take more than {LARGEST_HEADER} bytes"
            )
        wanted = max(needed, min(2 * held, self._size or needed))
        with readers.lend(self._source) as reader:
            self.data += reader.read(held, wanted - held)

    def element(self, at: int, *, explicit: bool) -> Element:
        """Return the element at a place, whole but for pixels."""
        while True:
            try:
                # Pixels are found, not read.
                tag = int.from_bytes(self.data[at : at + 2], "little") << 16
                tag |= int.from_bytes(self.data[at + 2 : at + 4], "little")
                if tag in {PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS}:
                    return self._pixels(tag, at, explicit=explicit)
                if tag == PER_FRAME:
                    return self._per_frame(at, explicit=explicit)
                found = next_element(self.data, at, explicit=explicit)
            except EndOfBytesError as error:
                self.reach(error.needed)
            except ValueError as error:
                raise CorruptFileError.at(self._source.uri, at, str(error)) from error
            else:
                if found.stop > len(self.data):
                    self.reach(found.stop)
                return found

    def _pixels(self, tag: int, at: int, *, explicit: bool) -> Element:
        if at + 12 > len(self.data):
            raise EndOfBytesError(at + 12)
        start = at + 12 if explicit else at + 8
        nbytes = int.from_bytes(self.data[start - 4 : start], "little")
        vr = self.data[at + 4 : at + 6].decode("latin_1") if explicit else "OW"
        return Element(tag, vr, start, start + nbytes, start + nbytes)

    def _per_frame(self, at: int, *, explicit: bool) -> Element:
        """Walk the items of the longest sequence one by one, so that none is walked twice."""
        if at + 12 > len(self.data):
            raise EndOfBytesError(at + 12)
        start = at + 12 if explicit else at + 8
        nbytes = int.from_bytes(self.data[start - 4 : start], "little")
        if nbytes != UNDEFINED:
            if start + nbytes > len(self.data):
                raise EndOfBytesError(start + nbytes)
            return Element(PER_FRAME, "SQ", start, start + nbytes, start + nbytes)
        stop = start
        while True:
            try:
                after = skip_item(self.data, stop, explicit=explicit)
            except EndOfBytesError as error:
                self.reach(error.needed)
                continue
            if after == stop:
                return Element(PER_FRAME, "SQ", start, stop, stop + ITEM_HEAD)
            stop = after


def read_header(source: Source) -> SlideHeader:
    """Read the elements of a file in front of its pixels.

    Raises
    ------
    CorruptFileError
        When an element makes no sense, or the file has no pixels.
    UnsupportedFormatError
        For files that are deflated as a whole, or big-endian.
    """
    growing = _Growing(source)
    if growing.data[PREFIX_OFFSET : PREFIX_OFFSET + 4] != PREFIX:
        raise CorruptFileError.at(source.uri, PREFIX_OFFSET, "expected 'DICM'")
    elements: dict[int, Element] = {}
    at, explicit = PREFIX_OFFSET + 4, True
    # The meta information is explicit, whatever follows (PS3.10, 7.1).
    while True:
        if at + ITEM_HEAD > len(growing.data):
            growing.reach(at + ITEM_HEAD)
        # The group length is not relied on: group 0002 ends where another one begins.
        if growing.data[at : at + 2] != b"\2\0":
            break
        found = growing.element(at, explicit=True)
        elements[found.tag] = found
        at = found.after
    syntax = DataSet(bytes(growing.data), elements, explicit=True).text(TRANSFER_SYNTAX)
    if syntax in {DEFLATED, BIG_ENDIAN}:
        raise UnsupportedFormatError(
            f"{source.uri} has the transfer syntax {syntax}, deflated as a whole or big-endian, "
            "which no slide uses: pydicom reads and rewrites it"
        )
    # Every other transfer syntax is explicit and little-endian (PS3.5, annex A).
    explicit = syntax != IMPLICIT
    while True:
        found = growing.element(at, explicit=explicit)
        if found.tag in {PIXEL_DATA, FLOAT_PIXELS, DOUBLE_PIXELS}:
            break
        elements[found.tag] = found
        at = found.after
    data = DataSet(bytes(growing.data), elements, explicit=explicit)
    # PS3.5, A.4: encapsulated pixels have an undefined length, native ones a defined one.
    nbytes = found.stop - found.start
    return SlideHeader(source, data, syntax, found, nbytes == UNDEFINED)
