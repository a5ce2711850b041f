"""Numbers of TIFF by name: field types, tags, and the values of the tags that decide how pixels are stored.

Rule kept here: one table for the readers and for the writer. A number that a file holds and that is
missing here stays a plain number, so look-ups never fail on private tags.

Source of the facts: TIFF 6.0 (Adobe, 1992), appendix A; BigTIFF
(https://libtiff.gitlab.io/libtiff/specification/bigtiff.html); Adobe PageMaker 6.0 and Photoshop
TIFF technical notes; the lists of libtiff (tiff.h) and tifffile for registered and private numbers.
"""

from collections.abc import Mapping
from enum import IntEnum, IntFlag


class FieldType(IntEnum):
    """Type of the values of a directory entry (TIFF 6.0 section 2)."""

    # Twelve types of TIFF 6.0; "readers should skip over fields containing an unexpected field
    # type".
    BYTE = 1
    ASCII = 2
    SHORT = 3
    LONG = 4
    RATIONAL = 5
    SBYTE = 6
    UNDEFINED = 7
    SSHORT = 8
    SLONG = 9
    SRATIONAL = 10
    FLOAT = 11
    DOUBLE = 12
    # PageMaker 6.0 technical note 1: a LONG that is the offset of a directory.
    IFD = 13
    # BigTIFF: 16 to 18 are 64-bit integers and offsets.
    LONG8 = 16
    SLONG8 = 17
    IFD8 = 18


FIELD_SIZES: Mapping[int, int] = {
    FieldType.BYTE: 1,
    FieldType.ASCII: 1,
    FieldType.SHORT: 2,
    FieldType.LONG: 4,
    FieldType.RATIONAL: 8,
    FieldType.SBYTE: 1,
    FieldType.UNDEFINED: 1,
    FieldType.SSHORT: 2,
    FieldType.SLONG: 4,
    FieldType.SRATIONAL: 8,
    FieldType.FLOAT: 4,
    FieldType.DOUBLE: 8,
    FieldType.IFD: 4,
    FieldType.LONG8: 8,
    FieldType.SLONG8: 8,
    FieldType.IFD8: 8,
}
"""Bytes of one value of a field type."""


class Tag(IntEnum):
    """Code of a directory entry."""

    # TIFF 6.0, appendix A, to 532.
    NEW_SUBFILE_TYPE = 254
    SUBFILE_TYPE = 255
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    IMAGE_DESCRIPTION = 270
    MAKE = 271
    MODEL = 272
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    PLANAR_CONFIGURATION = 284
    T4_OPTIONS = 292
    RESOLUTION_UNIT = 296
    SOFTWARE = 305
    DATE_TIME = 306
    ARTIST = 315
    PREDICTOR = 317
    COLOR_MAP = 320
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    SUB_IFDS = 330
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_TABLES = 347
    # Sections 21 and 22: fields of YCbCr and of the old form of JPEG.
    JPEG_INTERCHANGE_FORMAT = 513
    JPEG_INTERCHANGE_FORMAT_LENGTH = 514
    YCBCR_COEFFICIENTS = 529
    YCBCR_SUBSAMPLING = 530
    REFERENCE_BLACK_WHITE = 532
    XMP = 700
    # From 32768 on tags are private: makers register them. SGI's pair is for tiles of volumes.
    IMAGE_DEPTH = 32997
    TILE_DEPTH = 32998
    OLYMPUS_SIS = 33560
    OLYMPUS_SIS_INI = 33471
    UIC1 = 33628
    """MetaMorph STK: settings of the stack."""
    UIC2 = 33629
    """MetaMorph STK: z distance and times of each plane."""
    CZ_SEM = 34118
    """Zeiss electron microscopes: settings as lines of text."""
    OLYMPUS_FLUOVIEW = 34362
    """Olympus FluoView: MM_Header."""
    CZ_LSMINFO = 34412
    """Zeiss LSM."""
    FEI_SFEG = 34680
    """FEI electron microscopes: settings as INI text."""
    FEI_HELIOS = 34682
    """FEI (Thermo Fisher) electron microscopes: settings as XML or INI text."""
    FEI_TITAN = 34683
    """FEI Titan: settings as XML."""
    TVIPS = 37706
    """TVIPS EM-MENU: TemData, the settings as one structure."""
    # Exif 2.32, sections 4.6.3 and 4.6.5: the offset of its directory, and tags in there.
    EXIF_IFD = 34665
    EXPOSURE_TIME = 33434
    DATE_TIME_ORIGINAL = 36867
    OFFSET_TIME_ORIGINAL = 36881
    SUB_SEC_TIME_ORIGINAL = 37521
    APERIO_ICC = 34675
    TESCAN = 50431
    """Tescan electron microscopes: blocks of text and a thumbnail."""
    IMAGEJ_METADATA_COUNTS = 50838
    IMAGEJ_METADATA = 50839
    LERC_PARAMETERS = 50674
    MICRO_MANAGER_METADATA = 51123
    NDPI_VERSION = 65420
    ARGOS_METADATA = 65000
    # Numbers from 65000 on are "reusable": ARGOS, EER, DigitalMicrograph and Hamamatsu share them,
    # so the maker is known before one of them is read.
    EER_METADATA = 65001
    NDPI_SOURCE_LENS = 65421
    """Hamamatsu: the magnification, in files with ``NDPI_VERSION``."""
    DIGITAL_MICROGRAPH_UNIT = 65003
    """Unit of X; those of Y and Z follow, then three origins, then three sizes."""
    EER_POSITION_SKIP_BITS = 65007
    EER_HORIZONTAL_SUB_BITS = 65008
    EER_VERTICAL_SUB_BITS = 65009
    GDAL_NODATA = 42113
    YCBCR_POSITIONING = 531


class NewSubfileType(IntFlag):
    """Bits of NewSubfileType (TIFF 6.0 section 8)."""

    # Bits may be set together: a reduced mask of a page is 7.
    REDUCED = 1
    """A reduced version of another image of the file."""
    PAGE = 2
    """One page of several."""
    MASK = 4
    """A transparency mask."""


class Compression(IntEnum):
    """Compression scheme of strips and tiles."""

    NONE = 1
    CCITT_RLE = 2
    CCITT_T4 = 3
    CCITT_T6 = 4
    LZW = 5
    # Section 22, replaced by 7 (Adobe's TIFF technical note 2): tables lie outside of the
    # segments.
    OLD_JPEG = 6
    JPEG = 7
    DEFLATE = 8
    """Adobe's number for zlib streams."""
    JPEG_XR_NDPI = 22610
    # libtiff's tiff.h lists the numbers from here to 34925, and 50000 to 50002.
    NEXT = 32766
    SONY_ARW = 32767
    CCITT_RLE_W = 32771
    PACKBITS = 32773
    THUNDERSCAN = 32809
    PIXAR_FILM = 32908
    PIXAR_LOG = 32909
    PIXTIFF_DEFLATE = 50013
    OLD_DEFLATE = 32946
    """PKZIP's number for zlib streams."""
    APERIO_JP2K_YCBCR = 33003
    """JPEG 2000; Aperio stores YCbCr in it, Bio-Formats RGB."""
    JP2K_LOSSY = 33004
    """JPEG 2000, lossy, as Bio-Formats writes it."""
    APERIO_JP2K_RGB = 33005
    """JPEG 2000 that holds RGB."""
    ALT_JPEG = 33007
    JBIG = 34661
    SGI_LOG = 34676
    SGI_LOG_24 = 34677
    JPEG_2000 = 34712
    """JPEG 2000 (Leica's number, which libtiff lists)."""
    NIKON_NEF = 34713
    LERC = 34887
    # The same number is a predictor, in another tag.
    LOSSY_DNG = 34892
    """JPEG of DNG files."""
    LZMA = 34925
    ZSTD_OLD = 34926
    WEBP_OLD = 34927
    PNG = 34933
    JPEG_XR = 34934
    JETRAW = 48124
    ZSTD = 50000
    WEBP = 50001
    JPEG_XL = 50002
    JPEG_XL_DNG = 52546
    # Electron events of Falcon detectors: positions in runs of bits, not pixels.
    EER_V0 = 65000
    EER_V1 = 65001
    EER_V2 = 65002


class Photometric(IntEnum):
    """Meaning of samples (PhotometricInterpretation)."""

    # 0 is drawn white: pixels are read as stored, and only a viewer inverts them.
    MIN_IS_WHITE = 0
    MIN_IS_BLACK = 1
    RGB = 2
    PALETTE = 3
    TRANSPARENCY_MASK = 4
    SEPARATED = 5
    """Amounts of ink, CMYK by default."""
    YCBCR = 6


class Predictor(IntEnum):
    """Prediction before compression (TIFF 6.0 section 14, Adobe Photoshop technical note 3)."""

    NONE = 1
    HORIZONTAL = 2
    FLOATING_POINT = 3
    # DNG: differences to the pixel two or four to the left.
    HORIZONTAL_X2 = 34892
    HORIZONTAL_X4 = 34893
    FLOATING_POINT_X2 = 34894
    FLOATING_POINT_X4 = 34895


class SampleFormat(IntEnum):
    """Number format of samples (TIFF 6.0 section 19)."""

    UINT = 1
    INT = 2
    FLOAT = 3
    VOID = 4
    # 5 and 6 are libtiff's; TIFF 6.0 ends at 4.
    COMPLEX_INT = 5
    COMPLEX_FLOAT = 6


class PlanarConfiguration(IntEnum):
    """How the samples of a pixel lie."""

    CONTIGUOUS = 1
    # Section 8: planes of one sample each. With one sample both values mean the same.
    SEPARATE = 2


class FillOrder(IntEnum):
    """Order of the bits of a byte."""

    MSB_FIRST = 1
    # Section 8 recommends 2 for special-purpose applications only.
    LSB_FIRST = 2


class ExtraSample(IntEnum):
    """Meaning of a sample beyond those of the photometric interpretation (TIFF 6.0 section 18)."""

    UNSPECIFIED = 0
    # Associated: the colours are multiplied by it already.
    ASSOCIATED_ALPHA = 1
    UNASSOCIATED_ALPHA = 2


class ResolutionUnit(IntEnum):
    """Unit of XResolution and YResolution.

    TIFF 6.0 section 8 has 1 to 3; tifffile, nd2 and other scientific writers use 4 and 5.
    """

    NONE = 1
    INCH = 2
    CENTIMETER = 3
    MILLIMETER = 4
    MICROMETER = 5
