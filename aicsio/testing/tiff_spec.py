"""The description of a TIFF file, or a set of them, and the rules that make it legal.

Rule kept here: a description that no legal file answers to raises ``ValueError`` when it is made.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

from aicsio.testing.patterns import ImageSpec
from aicsio.testing.segments import ByteOrder, Compression
from aicsio.testing.tiff_bytes import COMPRESSIONS

__all__ = ["IMAGEJ_TYPES", "OME_TYPES", "TiffSpec"]

OME_TYPES: Mapping[str, str] = {
    "bool": "bit",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "float32": "float",
    "float64": "double",
    "complex64": "complex",
    "complex128": "double-complex",
}
"""numpy names of the pixel types of the OME schema (2016-06, PixelType)."""

IMAGEJ_TYPES = ("uint8", "uint16", "float32")
"""Pixel types of ImageJ stacks."""


@attrs.frozen
class TiffSpec:
    """A file, or a set of them."""

    images: tuple[ImageSpec, ...] = (ImageSpec(),)
    """In file order."""
    flavour: Literal["ome", "plain", "imagej"] = "ome"
    """``"ome"`` with OME-XML, ``"plain"`` with no description at all, ``"imagej"`` with that of
    ImageJ."""
    byte_order: ByteOrder = "<"
    """``"<"`` little endian, ``">"`` big endian."""
    big: bool = False
    """Whether BigTIFF."""
    rows_per_strip: int | None = None
    """Rows of a strip; ``None`` for one strip a plane."""
    tile: tuple[int, int] | None = None
    """Rows and columns of a tile, multiples of 16; ``None`` for strips."""
    compression: Compression = "none"
    """Name of the compression."""
    predictor: Literal[1, 2, 3] = 1
    """1 none; 2 horizontal, for whole numbers; 3 floating point."""
    shuffle: int | None = None
    """Seed of a random order of the pages, which only TiffData undo; ``None`` for the order of the
    dimensions."""
    tiffdata: Literal["bare", "block", "each"] = "each"
    """OME only: one TiffData without attributes, one for each image, or one for each plane."""
    files: int = 1
    """OME only: the pages are dealt out to this many files, which name each other."""
    companion: bool = False
    """OME only: the OME-XML is in a file of its own, ``.companion.ome``; the others have
    ``BinaryOnly``."""
    one_directory: bool = False
    """ImageJ only: one directory for the whole stack, as ImageJ writes stacks of more than 4
    GiB."""

    def __attrs_post_init__(self) -> None:
        for broken, why in _broken_rules(self):
            if broken:
                raise ValueError(f"no legal file: {why}")

    @property
    def pages(self) -> int:
        """Number of planes of all images."""
        return sum(image.planes for image in self.images)


Rule: TypeAlias = tuple[bool, str]
"""Whether a rule is broken, and the reason."""


def _broken_rules(spec: TiffSpec) -> list[Rule]:
    if not spec.images:
        return [(True, "it needs an image")]
    rules = [*_rules_of_storage(spec), *_rules_of_sets(spec)]
    if spec.flavour == "imagej":
        rules += _rules_of_imagej(spec)
    return rules


def _rules_of_storage(spec: TiffSpec) -> list[Rule]:
    """Segments, compressions and predictors: TIFF 6.0, sections 13 to 15, and its technical notes."""
    types = {image.dtype for image in spec.images}
    whole = all(name.lstrip("u").startswith("int") for name in types)
    real = all(name.startswith("float") for name in types)
    # Section 14 defines predictors for LZW, libtiff for zlib and zstd.
    entropy = spec.compression in {"lzw", "zlib", "deflate", "zstd"}
    odd_tile = spec.tile is not None and any(side < 16 or side % 16 for side in spec.tile)
    planar_gray = any(image.planar and image.samples == 1 for image in spec.images)
    no_rows = spec.rows_per_strip is not None and spec.rows_per_strip < 1
    both = spec.tile is not None and spec.rows_per_strip is not None
    wrong_horizontal = spec.predictor == 2 and not (whole and entropy)
    wrong_floating = spec.predictor == 3 and not (real and entropy)
    return [
        (spec.compression not in COMPRESSIONS, f"no compression is called {spec.compression!r}"),
        (odd_tile, "tiles come in multiples of 16"),
        (both, "strips or tiles, not both"),
        (no_rows, "a strip has at least one row"),
        (wrong_horizontal, "predictor 2 takes whole numbers and lzw, zlib or zstd"),
        (wrong_floating, "predictor 3 takes real numbers and lzw, zlib or zstd"),
        (planar_gray, "one sample has no planes of its own"),
    ]


def _rules_of_sets(spec: TiffSpec) -> list[Rule]:
    """Files and TiffData elements: OME-TIFF specification."""
    types = {image.dtype for image in spec.images}
    ome, listed = spec.flavour == "ome", spec.tiffdata == "each"
    shuffled = spec.shuffle is not None
    # Without attributes a TiffData stands for all planes, from the first directory on.
    bare = ome and spec.tiffdata == "bare"
    return [
        (ome and not types <= set(OME_TYPES), f"OME has {', '.join(OME_TYPES)}"),
        (not ome and (spec.files > 1 or spec.companion), "only OME-TIFF comes in several files"),
        (not 1 <= spec.files <= max(spec.pages, 1), "each file of a set holds a plane"),
        (spec.files > 1 and not listed, "planes in several files need a TiffData each"),
        (spec.companion and not listed, "planes beside a companion need a TiffData each"),
        (shuffled and not (ome and listed), "shuffled planes need a TiffData each"),
        (bare and len(spec.images) > 1, "a bare TiffData serves one image"),
        (
            spec.one_directory and spec.flavour != "imagej",
            "only ImageJ has one directory for many planes",
        ),
    ]


def _rules_of_imagej(spec: TiffSpec) -> list[Rule]:
    """One stack of gray planes, as ImageJ 1.53t writes it."""
    types = {image.dtype for image in spec.images}
    image = spec.images[0]
    several = len(spec.images) > 1 or image.order != "XYCZT"
    has_segments = spec.tile is not None or spec.rows_per_strip is not None
    cut = spec.compression != "none" or has_segments
    return [
        (not types <= set(IMAGEJ_TYPES), f"ImageJ has {', '.join(IMAGEJ_TYPES)}"),
        (several, "ImageJ has one stack, in XYCZT order"),
        (image.samples > 1, "colours of ImageJ are left to plain files"),
        (image.levels > 1, "ImageJ has no pyramids"),
        (spec.one_directory and cut, "one directory means one raw strip a plane"),
    ]
