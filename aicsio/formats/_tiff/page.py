"""How the pixels of a TIFF page are stored: from tag values to a segment grid, a type and a chain of codecs.

Rule kept here: pure functions of tag values. Samples stay as they are stored -- palette indices, MinIsWhite, inks --
except where TIFF stores RGB in a form of its own (YCbCr), which is converted, because S is always R, G, B[, A].

Source of the facts: TIFF 6.0 (Adobe, 1992); TIFF technical notes 1 to 3; the tag list of libtiff for later codes.
"""

import functools
import math
from typing import Literal

import attrs
import numpy as np

from aicsio.errors import UnsupportedFormatError
from aicsio.formats._tiff.compressions import (
    BYTE_CODECS,
    CCITT,
    IMAGE_CODECS,
    INTEGER_FORMATS,
    JPEG,
    PLAIN_DEPTHS,
    PREDICTORS,
    UNDECODABLE_NAMES,
)
from aicsio.formats._tiff.tags import (
    Compression,
    FillOrder,
    Photometric,
    SampleFormat,
)
from aicsio.records import Codec, Diagnostic, DType, Value


@attrs.frozen(cache_hash=True)
class PageStructure:
    """What pages that are decoded alike have in common."""

    order: Literal["<", ">"]
    """Byte order: ``<`` or ``>``."""
    width: int
    """Columns."""
    length: int
    """Rows."""
    depth: int = 1
    """Sections inside one page (SGI ImageDepth)."""
    samples: int = 1
    """Samples of a pixel."""
    planar: bool = False
    """Whether each sample has its own strips or tiles."""
    bits: tuple[int, ...] = (1,)
    """Bits of each sample; one number when they are equal."""
    sample_format: int = 1
    """1 unsigned, 2 signed, 3 float, 4 undefined, 5 complex integer, 6 complex float."""
    photometric: int = 1
    """What samples mean."""
    compression: int = 1
    """Compression scheme."""
    predictor: int = 1
    """Prediction before compression."""
    fill_order: int = 1
    """2 when the bits of each byte are reversed."""
    tile: tuple[int, int, int] | None = None
    """Depth, length and width of tiles; ``None`` for strips."""
    rows_per_strip: int = 0
    """Rows of a strip."""
    extra_samples: tuple[int, ...] = ()
    """Meaning of the samples beyond those of the photometric interpretation."""
    reduced: bool = False
    """Whether NewSubfileType marks the page as a reduced version of another."""
    mask: bool = False
    """Whether the page is a transparency mask."""
    orientation: int = 1
    """Which corner row 0, column 0 is; pixels stay as stored."""
    jpeg_tables: bytes | None = attrs.field(default=None, repr=False)
    """Quantization and Huffman tables of JPEG segments."""
    jpeg_header: bytes | None = attrs.field(default=None, repr=False)
    """Header of JPEG segments that have none (NDPI)."""
    jpeg_parts: bool = False
    """Whether segments are bare scans whose tables lie elsewhere in the file (TIFF 6.0 section 22)."""
    subsampling: tuple[int, int] = (1, 1)
    """YCbCr: luma samples for each chroma sample, across and down."""
    luma: tuple[float, float, float] = (0.299, 0.587, 0.114)
    """YCbCr: share of red, green and blue in luma."""
    reference: tuple[float, ...] = ()
    """YCbCr: black and white code of each component."""
    options: tuple[int, ...] = ()
    """T4Options, or the bit numbers of EER."""
    decodes_to_ycbcr: bool = False
    """Whether JPEG 2000 segments hold YCbCr, which their decoder does not know."""

    @property
    def segment(self) -> tuple[int, int, int]:
        """Depth, rows and columns of a full strip or tile."""
        return self.tile or (1, self.rows_per_strip, self.width)

    @property
    def grid(self) -> tuple[int, int, int]:
        """How many segments there are along depth, rows and columns, for one sample plane."""
        depth, rows, columns = self.segment
        return -(-self.depth // depth), -(-self.length // rows), -(-self.width // columns)

    @property
    def segments(self) -> int:
        """How many strips or tiles a page has."""
        return math.prod(self.grid) * (self.samples if self.planar else 1)

    @property
    def contiguous_samples(self) -> int:
        """Samples that lie side by side in a segment."""
        if self.planar:
            return 1
        return self.samples

    @property
    def sampled(self) -> bool:
        """Whether the page has an axis of samples."""
        return self.samples > 1 or self.photometric == Photometric.RGB

    @property
    def is_raw(self) -> bool:
        """Whether segments are plain pixels, readable in part."""
        return not self.codecs

    @property
    def is_decodable(self) -> bool:
        """Whether there are codecs and a type for the pixels."""
        try:
            return self.dtype is not None
        except UnsupportedFormatError:
            return False

    @property
    def dtype(self) -> DType:
        """Type of the decoded pixels, in the byte order in which they come.

        Raises
        ------
        UnsupportedFormatError
        """
        return _dtype_of(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Depth (if more than one), rows, columns and samples (if any)."""
        depth = (self.depth,) if self.depth > 1 else ()
        return (*depth, self.length, self.width, *((self.samples,) if self.sampled else ()))

    @property
    def letters(self) -> str:
        """Letters of ``shape``."""
        return ("Z" if self.depth > 1 else "") + "YX" + ("S" if self.sampled else "")

    @property
    def codecs(self) -> tuple[Codec, ...]:
        """The chain from the bytes of a segment to pixels, which have a last axis of samples where ``sampled``.

        Raises
        ------
        UnsupportedFormatError
        """
        return _codecs_of(self)

    def raw_bytes(self, rows: int) -> int:
        """Bytes of a segment of so many rows before compression."""
        depth, _, columns = self.segment
        # TIFF 6.0 section 21: a data unit has the luma of a block, then one Cb and one Cr.
        if self.subsampled:
            across, down = self.subsampling
            return depth * -(-rows // down) * -(-columns // across) * (across * down + 2)
        # Samples of different depth (5, 6, 5) are packed into whole bytes per pixel.
        if len(set(self.bits)) > 1:
            return depth * rows * columns * (-(-sum(self.bits) // 8))
        # TIFF 6.0 section 2, BitsPerSample: each row begins at a byte.
        return depth * rows * -(-columns * self.contiguous_samples * self.bits[0] // 8)

    @property
    def subsampled(self) -> bool:
        """Whether pixels are YCbCr data units, outside JPEG."""
        return (
            self.photometric == Photometric.YCBCR
            and self.compression not in JPEG | IMAGE_CODECS.keys()
            and self.samples == 3
        )


@functools.lru_cache(maxsize=256)
def _codecs_of(kind: PageStructure) -> tuple[Codec, ...]:
    """Make the chain of codecs; kept, as each plane of a file asks for it."""
    # TIFF 6.0 section 22 was withdrawn by Technical Note 2; no two writers agreed on it.
    if kind.jpeg_parts:
        raise UnsupportedFormatError(
            "the pixels are old-style JPEG without a stream of their own, which cannot be decoded"
        )
    if kind.compression in JPEG:
        return (_jpeg_codec(kind),)
    if kind.compression in IMAGE_CODECS:
        return _image_codecs(kind)
    chain: list[Codec] = []
    if kind.compression != Compression.NONE:
        if kind.compression not in BYTE_CODECS:
            name = UNDECODABLE_NAMES.get(kind.compression, "of an unknown kind")
            raise UnsupportedFormatError(
                f"the pixels are compressed with scheme {kind.compression} ({name}), which cannot be decoded"
            )
        chain.append(Codec(BYTE_CODECS[kind.compression], _packing(kind)))
    if kind.fill_order == FillOrder.LSB_FIRST:
        # FillOrder 2 reverses the bits of the compressed bytes, before anything else is undone.
        chain.insert(0, Codec("bitorder"))
    return (*chain, *_unpacking(kind), *_unpredicting(kind))


@functools.lru_cache(maxsize=256)
def _dtype_of(kind: PageStructure) -> DType:
    native = np.dtype(_kind_of_number(kind))
    names = {codec.name for codec in kind.codecs}
    keeps_bytes = names <= {"delta", "bitorder", *BYTE_CODECS.values()}
    # Bytes are swapped while pixels are placed if no codec has made numbers of them before.
    is_as_stored = keeps_bytes and kind.bits[0] in PLAIN_DEPTHS
    if is_as_stored:
        return native.newbyteorder(kind.order)
    return native


def _kind_of_number(kind: PageStructure) -> str:
    if len(set(kind.bits)) > 1:
        if max(kind.bits) > 16 or sum(kind.bits) > 64 or len(kind.bits) != kind.samples:
            raise UnsupportedFormatError(f"samples of {kind.bits} bits cannot be unpacked")
        return "u1" if max(kind.bits) <= 8 else "u2"
    bits, sample_format = kind.bits[0], kind.sample_format
    if sample_format == SampleFormat.FLOAT and bits in {16, 24, 32, 64}:
        # Technical Note 3 adds floats of 16 and 24 bits; numpy has no type of 24.
        return {16: "f2", 24: "f4", 32: "f4", 64: "f8"}[bits]
    if sample_format == SampleFormat.COMPLEX_FLOAT and bits in {64, 128}:
        return f"c{bits // 8}"
    if sample_format == SampleFormat.COMPLEX_INT and bits in {16, 32, 64}:
        # numpy has no complex integers: both parts become floats that hold them exactly.
        return "c16" if bits == 64 else "c8"
    if sample_format in INTEGER_FORMATS and 1 <= bits <= 64:
        # Bilevel images are masks: a sample is true or false.
        if bits == 1 and sample_format != SampleFormat.INT:
            return "?"
        width = next(size for size in (1, 2, 4, 8) if 8 * size >= bits)
        return f"{'i' if sample_format == SampleFormat.INT else 'u'}{width}"
    raise UnsupportedFormatError(
        f"samples of {bits} bits in SampleFormat {sample_format} have no type here"
    )


def _packing(kind: PageStructure) -> tuple[tuple[str, Value], ...]:
    """Return the parameters of LZW, whose decoder must know the size of its result."""
    if kind.compression != Compression.LZW or not _unpacking(kind):
        return ()
    rows = kind.subsampling[1] if kind.subsampled else 1
    return ("sampled", kind.sampled), ("packing", (rows, kind.raw_bytes(rows) // kind.segment[0]))


def _unpacking(kind: PageStructure) -> tuple[Codec, ...]:
    """Return the step that turns stored samples into numbers that numpy has."""
    bits, run = kind.bits[0], kind.segment[2] * kind.contiguous_samples
    if kind.subsampled:
        if bits != 8 or kind.planar:
            raise UnsupportedFormatError(
                f"YCbCr samples of {bits} bits, planar {kind.planar}, cannot be converted"
            )
        return (
            Codec(
                "ycbcr",
                (
                    ("subsampling", kind.subsampling),
                    ("luma", kind.luma),
                    ("reference", kind.reference),
                ),
            ),
        )
    if len(set(kind.bits)) > 1:
        if kind.planar or kind.sample_format != SampleFormat.UINT:
            raise UnsupportedFormatError(f"samples of {kind.bits} bits cannot be unpacked")
        return (Codec("rgb565", (("bits", kind.bits), ("order", kind.order))),)
    if kind.sample_format == SampleFormat.COMPLEX_INT:
        return (Codec("complex-int", (("order", kind.order), ("size", bits // 16))),)
    if kind.sample_format == SampleFormat.FLOAT and bits == 24:
        return (Codec("float24", (("order", kind.order),)),)
    # Samples that numpy has need no unpacking.
    if bits in PLAIN_DEPTHS:
        return ()
    signed = (("signed", True),) if kind.sample_format == SampleFormat.INT else ()
    return (Codec("packints", (("bits", bits), ("run", run), *signed)),)


def _unpredicting(kind: PageStructure) -> tuple[Codec, ...]:
    axis, bits = ("axis", -2 if kind.sampled else -1), kind.bits[0]
    name, dist = PREDICTORS.get(kind.predictor, ("?", 1))
    if not name:
        return ()
    # Differences are defined between samples of equal depth (TIFF 6.0 section 14); floating
    # point prediction works on bytes of whole floats (Technical Note 3).
    if (
        name == "?"
        or kind.subsampled
        or len(set(kind.bits)) > 1
        or kind.sample_format == SampleFormat.COMPLEX_INT
        or (name == "floatpred" and bits == 24)
    ):
        raise UnsupportedFormatError(
            f"predictor {kind.predictor} cannot be undone on {kind.bits}-bit samples"
        )
    # Sums of packed samples wrap at their own number of bits.
    wrap = (("bits", bits),) if name == "delta" and bits not in {1, 8, 16, 32, 64} else ()
    far = (("dist", dist),) if dist > 1 else ()
    return (Codec(name, (axis, *far, *wrap)),)


def _jpeg_codec(kind: PageStructure) -> Codec:
    """Choose the colour spaces of the stored stream and of the result, as libtiff does."""
    # libtiff does not convert colours if there are extra samples: the stream has four
    # components then, and its header cannot name their meaning.
    spaces: list[tuple[str, int | str | None]] = []
    if not kind.extra_samples:
        if kind.photometric == Photometric.YCBCR:
            spaces = [("outcolorspace", 2)]
        elif kind.photometric == Photometric.RGB:
            spaces = [("colorspace", 2), ("outcolorspace", 2)]
        elif kind.photometric == Photometric.SEPARATED:
            spaces = [("outcolorspace", 4)]
    # Samples stored apart are grey streams (Technical Note 2).
    if kind.planar:
        spaces = [("outcolorspace", 1)]
    given = (("tables", kind.jpeg_tables), ("header", kind.jpeg_header))
    present = tuple((name, value) for name, value in given if value is not None)
    return Codec("jpeg", (("sampled", kind.sampled), *present, *spaces, ("bits", kind.bits[0])))


def _image_codecs(kind: PageStructure) -> tuple[Codec, ...]:
    name = IMAGE_CODECS[kind.compression]
    more: tuple[tuple[str, int | bool], ...] = ()
    before: tuple[Codec, ...] = ()
    if name.startswith("ccitt"):
        before = (Codec("bitorder"),) if kind.fill_order == FillOrder.LSB_FIRST else ()
        if name == "ccitt-t4":
            more = (("t4options", kind.options[0] if kind.options else 0),)
    elif name == "eer":
        # EER version 0 has 8 bits for the run of empty pixels, version 1 has 7.
        default = (8, 2, 2) if kind.compression == Compression.EER_V0 else (7, 2, 2)
        skip, horizontal, vertical = kind.options or default
        more = (("skip", skip), ("horizontal", horizontal), ("vertical", vertical))
    elif name == "webp" and kind.samples == 4:
        more = (("hasalpha", True),)
    # LercParameters: 1 is deflate, 2 is zstd around the LERC stream.
    elif name == "lerc" and kind.options and kind.options[0] in {1, 2}:
        before = (Codec("inflate" if kind.options[0] == 1 else "unzstd"),)
    codec = Codec(name, (("sampled", kind.sampled), *more))
    if kind.decodes_to_ycbcr and kind.samples == 3 and kind.bits == (8,) and not kind.planar:
        # JPEG 2000 has no ReferenceBlackWhite: its YCbCr is that of JFIF, full range.
        full_range = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
        parameters = (("subsampling", (1, 1)), ("luma", kind.luma), ("reference", full_range))
        return (*before, codec, Codec("ycbcr", parameters))
    return (*before, codec)


def diagnose(kind: PageStructure, where: str) -> list[Diagnostic]:
    """Report pages that are shown as stored though a viewer would turn or invert them."""
    notes = []
    if kind.photometric == Photometric.MIN_IS_WHITE and kind.compression not in CCITT:
        notes.append(
            Diagnostic("min-is-white", "0 is white: the samples are as stored, not inverted", where)
        )
    if kind.photometric == Photometric.SEPARATED:
        notes.append(
            Diagnostic("samples-are-inks", "the samples are amounts of ink (CMYK), not RGB", where)
        )
    if kind.orientation not in {0, 1}:
        notes.append(
            Diagnostic(
                "orientation",
                f"Orientation is {kind.orientation}: the rows are as stored, not turned",
                where,
            )
        )
    return notes
