"""Legal whole slides in DICOM of any sizes, levels, tiles, optical paths, focal planes and codecs.

Rule kept here: tiles hold the given pixels, those at the edges are filled up with zeros; elements
follow from the description alone.

Source of the structures: DICOM PS3.3, A.32.8 and C.8.12; PS3.5, 7 and A.4; PS3.10, 7.1. The files
made here are opened alike by pydicom, wsidicom and OpenSlide.
"""

import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.testing._dicom_elements import Elements, Writer
from aicsio.testing._dicom_frames import encapsulate, encode_tile

__all__ = ["DicomImage", "write_dicom"]

SYNTAXES = {
    "none": "1.2.840.10008.1.2.1",
    "implicit": "1.2.840.10008.1.2",
    "jpeg": "1.2.840.10008.1.2.4.50",
    "jpegls": "1.2.840.10008.1.2.4.80",
    "jpeg2k": "1.2.840.10008.1.2.4.90",
    "rle": "1.2.840.10008.1.2.5",
}
"""Transfer syntaxes by compression; ``implicit`` is raw without value representations."""
SLIDE_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6"
ROOT = "1.2.826.0.1.3680043.10.999"
"""Root of the identifiers."""

FIXED: Elements = {
    0x00080005: ("CS", "ISO_IR 192"),  # SpecificCharacterSet: UTF-8
    0x00080020: ("DA", "20260102"),  # StudyDate
    0x00080023: ("DA", "20260102"),  # ContentDate
    0x00080030: ("TM", "030405"),  # StudyTime
    0x00080033: ("TM", "030405"),  # ContentTime
    0x00080050: ("SH", ""),  # AccessionNumber, present without a value
    0x0008002A: ("DT", "20260102030405.25"),  # AcquisitionDateTime
    0x00080060: ("CS", "SM"),  # Modality: slide microscopy
    0x00080070: ("LO", "aicsio"),  # Manufacturer
    0x00080090: ("PN", ""),  # ReferringPhysicianName
    0x00081090: ("LO", "Generator µ"),  # ManufacturerModelName, with a letter beyond ASCII
    0x00100010: ("PN", "Doe^Jane"),  # PatientName: family name, then given name
    0x00100020: ("LO", "1"),  # PatientID
    0x00100030: ("DA", ""),  # PatientBirthDate
    0x00100040: ("CS", ""),  # PatientSex
    0x00181000: ("LO", "7"),  # DeviceSerialNumber
    0x00181020: ("LO", "1"),  # SoftwareVersions
    0x00200010: ("SH", ""),  # StudyID
    0x00200011: ("IS", "1"),  # SeriesNumber
    0x00280103: ("US", 0),  # PixelRepresentation: unsigned
    0x00280301: ("CS", "NO"),  # BurnedInAnnotation
    0x00400512: ("LO", "Slide 12"),  # ContainerIdentifier, that of the slide
    # ImageOrientationSlide: cosines of rows, then of columns.
    0x00480102: ("DS", "0\\-1\\0\\-1\\0\\0"),
}
"""Elements that all files have alike."""

Pixels = npt.NDArray[Any]
Compression = Literal["none", "implicit", "jpeg", "jpegls", "jpeg2k", "rle"]


@attrs.frozen(eq=False)
class DicomImage:
    """Pixels of a slide, and its description."""

    pixels: Pixels
    """uint8 or uint16; colours have uint8."""
    dims: str = "YXS"
    """Some of C and Z in this order, then YX, then S of three samples if colour."""
    tile: tuple[int, int] = (32, 48)
    """Rows and columns of a tile."""
    levels: int = 1
    """Each has every second row and column of the one before."""
    tiling: Literal["full", "sparse"] = "full"
    """Whether places of frames follow from their order, or are given."""
    compression: Compression = "none"
    """One of ``SYNTAXES``; ``jpeg`` loses."""
    offsets: Literal["basic", "extended", "none"] = "basic"
    """Table of the offsets of encapsulated frames."""
    fragments: int = 1
    """Of a frame; without a table, JPEG alone may have several."""
    planar: bool = False
    """Whether raw samples lie in planes."""
    undefined: bool = False
    """Whether delimiters end sequences, in place of lengths."""
    missing: tuple[int, ...] = ()
    """Frames of the first level that are not in the file; sparse alone."""
    split: int = 0
    """Frames of a file of the first level, a concatenation; 0 for all in one file."""
    apart: bool = False
    """Whether each optical path and focal plane has a file of its own."""
    pictures: tuple[str, ...] = ()
    """Kinds of further images: ``LABEL``, ``OVERVIEW``, ``THUMBNAIL``."""
    channels: tuple[str, ...] = ()
    """Descriptions of optical paths; ``Path <n>`` if left out."""
    pixel_size: float = 0.25
    """Micrometres."""
    z_step: float = 2.0
    """Micrometres."""
    power: float = 20.0
    """Magnification of the lens."""

    def sizes(self) -> dict[str, int]:
        """Return the size of each axis by its letter."""
        return dict(zip(self.dims, self.pixels.shape, strict=True))

    def whole(self) -> Pixels:
        """Return the pixels with all axes: C, Z, Y, X, S."""
        index = tuple(slice(None) if letter in self.dims else None for letter in "CZYXS")
        return self.pixels[index]

    def level(self, number: int) -> Pixels:
        """Return the pixels of a level.

        Parameters
        ----------
        number
            0 for full resolution.

        Returns
        -------
        numpy.ndarray
            With the axes of ``dims``.
        """
        step = tuple(
            slice(None, None, 1 << number) if letter in "YX" else slice(None)
            for letter in self.dims
        )
        return self.pixels[step]


@attrs.frozen(eq=False)
class _File:
    """One file to write."""

    image: DicomImage
    pixels: Pixels
    """C, Z, Y, X, S: of the paths and planes that it shows."""
    kind: str
    level: int
    number: int
    paths: tuple[int, ...]
    planes: tuple[int, ...]
    frames: tuple[int, ...]
    """Numbers of its frames, in the order of paths, planes, rows and columns of tiles."""
    part: int = 0
    """Number of the part of a concatenation, from 1; 0 if it is none."""
    first: int = 0
    """Number of the first frame within the concatenation."""


def write_dicom(image: DicomImage, folder: Path) -> Path:
    """Write the files of a slide into a folder.

    Parameters
    ----------
    image
        Pixels and description.
    folder
        Made if it is missing.

    Returns
    -------
    Path
        The first file of the first level; the others lie beside it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing.dicom import DicomImage, write_dicom
    >>> image = DicomImage(np.zeros((60, 70, 3), "u1"), levels=2, compression="jpeg2k")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     str(open_image(write_dicom(image, Path(folder))).dims)
    'Y=60, X=70, S=3'
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for file in _list_files(image):
        path = folder / f"slide_{file.number:03d}.dcm"
        path.write_bytes(_build(file))
        paths.append(path)
    return paths[0]


def _list_files(image: DicomImage) -> Iterator[_File]:
    numbers = itertools.count()
    for level in range(image.levels):
        whole = image.whole()[:, :, :: 1 << level, :: 1 << level]
        count_c, count_z = whole.shape[:2]
        groups = [(tuple(range(count_c)), tuple(range(count_z)))]
        if image.apart:
            groups = [((c,), (z,)) for c in range(count_c) for z in range(count_z)]
        for paths, planes in groups:
            shown = whole[list(paths)][:, list(planes)]
            tiles = len(paths) * len(planes) * _tile_count(shown, image.tile)
            frames = [n for n in range(tiles) if level or n not in image.missing]
            size = image.split if image.split and not level else len(frames)
            parts = [frames[at : at + size] for at in range(0, len(frames), size)]
            for part, held in enumerate(parts):
                yield _File(
                    image, shown, "VOLUME", level, next(numbers), paths, planes, tuple(held),
                    part=part + 1 if len(parts) > 1 else 0, first=part * size,
                )  # fmt: skip
    for kind in image.pictures:
        shown = image.whole()[:1, :1, : image.tile[0], : image.tile[1]]
        yield _File(image, shown, kind, 0, next(numbers), (0,), (0,), (0,))


def _tile_count(pixels: Pixels, tile: tuple[int, int]) -> int:
    rows, columns = pixels.shape[2:4]
    return int(-(-rows // tile[0]) * -(-columns // tile[1]))


def _tile_of(file: _File, number: int) -> tuple[tuple[int, int, int, int], Pixels]:
    """Return path, plane, first row and column of a frame, and its pixels."""
    rows, columns = file.image.tile
    down, across = (
        -(-n // t) for n, t in zip(file.pixels.shape[2:4], (rows, columns), strict=True)
    )
    plane, tile = divmod(number, down * across)
    c, z = divmod(plane, file.pixels.shape[1])
    y, x = tile // across * rows, tile % across * columns
    part = file.pixels[c, z, y : y + rows, x : x + columns]
    full = np.zeros((rows, columns, part.shape[2]), part.dtype)
    full[: part.shape[0], : part.shape[1]] = part
    return (file.paths[c], file.planes[z], y, x), full


# ---------------------------------------------------------------- elements


def _build(file: _File) -> bytes:
    image = file.image
    syntax = SYNTAXES[image.compression]
    placed = [_tile_of(file, number) for number in file.frames]
    frames = [encode_tile(tile, image.compression, planar=image.planar) for _, tile in placed]
    writer = Writer(explicit=image.compression != "implicit", undefined=image.undefined)
    body = _describe(file)
    if image.tiling == "sparse" and file.kind == "VOLUME":
        # PerFrameFunctionalGroupsSequence: one item a frame, in the order of the frames.
        body[0x52009230] = ("SQ", [_place_frame(file, place) for place, _ in placed])
    pixels = b"".join(frames)
    is_raw = image.compression in {"none", "implicit"}
    if not is_raw:
        pixels, offsets, lengths = encapsulate(frames, image.offsets, image.fragments)
        if offsets:
            # ExtendedOffsetTable and ExtendedOffsetTableLengths, of eight bytes a frame.
            body |= {0x7FE00001: ("OV", offsets), 0x7FE00002: ("OV", lengths)}
    # PS3.5, A.4: encapsulated pixels are OB, with an undefined length.
    vr = "OW" if is_raw and file.pixels.dtype.itemsize > 1 else "OB"
    tail = writer.element(0x7FE00010, vr, pixels + bytes(len(pixels) % 2), undefined=not is_raw)
    meta = Writer(explicit=True).data_set(
        {
            0x00020001: ("OB", b"\0\1"),  # FileMetaInformationVersion
            0x00020002: ("UI", SLIDE_CLASS),  # MediaStorageSOPClassUID
            0x00020003: ("UI", f"{ROOT}.3.{file.number}"),  # MediaStorageSOPInstanceUID
            0x00020010: ("UI", syntax),  # TransferSyntaxUID
            0x00020012: ("UI", f"{ROOT}.1"),  # ImplementationClassUID
        }
    )
    # FileMetaInformationGroupLength counts the bytes of the group behind itself.
    length = Writer(explicit=True).element(0x00020000, "UL", struct.pack("<I", len(meta)))
    # PS3.10, 7.1: a preamble of 128 bytes, the prefix DICM, then group 0002.
    # Group 0002 is always explicit and little-endian, whatever the transfer syntax.
    return bytes(128) + b"DICM" + length + meta + writer.data_set(body) + tail


def _describe(file: _File) -> Elements:
    image, pixels = file.image, file.pixels
    rows, columns = image.tile
    samples, bits = pixels.shape[4], 8 * pixels.dtype.itemsize
    # PixelSpacing is in millimetres, and doubles with each level.
    spacing = image.pixel_size / 1000 * (1 << file.level)
    derived = "ORIGINAL\\PRIMARY" if not file.level else "DERIVED\\PRIMARY"
    described: Elements = FIXED | {
        # ImageType.
        0x00080008: ("CS", f"{derived}\\{file.kind}\\{'RESAMPLED' if file.level else 'NONE'}"),
        0x00080016: ("UI", SLIDE_CLASS),  # SOPClassUID
        0x00080018: ("UI", f"{ROOT}.3.{file.number}"),  # SOPInstanceUID
        0x0020000D: ("UI", f"{ROOT}.2"),  # StudyInstanceUID
        0x0020000E: ("UI", f"{ROOT}.4"),  # SeriesInstanceUID
        0x00200013: ("IS", str(file.number + 1)),  # InstanceNumber
        0x00200052: ("UI", f"{ROOT}.5"),  # FrameOfReferenceUID
        0x00280002: ("US", samples),  # SamplesPerPixel
        0x00280004: ("CS", _photometric(image, samples)),  # PhotometricInterpretation
        0x00280008: ("IS", str(len(file.frames))),  # NumberOfFrames
        0x00280010: ("US", rows),  # Rows, of one tile
        0x00280011: ("US", columns),  # Columns, of one tile
        0x00280100: ("US", bits),  # BitsAllocated
        0x00280101: ("US", bits),  # BitsStored
        0x00280102: ("US", bits - 1),  # HighBit
        0x00282110: ("CS", "01" if image.compression == "jpeg" else "00"),  # LossyImageCompression
        0x00480001: ("FL", pixels.shape[3] * spacing),  # ImagedVolumeWidth, in millimetres
        0x00480002: ("FL", pixels.shape[2] * spacing),  # ImagedVolumeHeight, in millimetres
        0x00480003: ("FL", image.z_step),  # ImagedVolumeDepth, in micrometres
        0x00480006: ("UL", pixels.shape[3]),  # TotalPixelMatrixColumns
        0x00480007: ("UL", pixels.shape[2]),  # TotalPixelMatrixRows
        0x00480008: ("SQ", [_origin(image, file.planes[0])]),  # TotalPixelMatrixOriginSequence
        0x00480010: ("CS", "YES" if file.kind == "LABEL" else "NO"),  # SpecimenLabelInImage
        # OpticalPathSequence.
        0x00480105: ("SQ", [_optical_path(image, number) for number in file.paths]),
        0x00480302: ("UL", len(file.paths)),  # NumberOfOpticalPaths
        0x00480303: ("UL", len(file.planes)),  # TotalPixelMatrixFocalPlanes
        0x52009229: ("SQ", [_shared_groups(file, spacing)]),  # SharedFunctionalGroupsSequence
    }
    if samples > 1:
        # PlanarConfiguration stands only where a pixel has several samples.
        described[0x00280006] = ("US", int(image.planar))
    if file.kind == "VOLUME":
        # DimensionOrganizationType: TILED_FULL or TILED_SPARSE.
        described[0x00209311] = ("CS", f"TILED_{image.tiling.upper()}")
    if file.part:
        described |= {
            0x00209161: ("UI", f"{ROOT}.6.{file.level}"),  # ConcatenationUID
            0x00209162: ("US", file.part),  # InConcatenationNumber, from 1
            0x00209228: ("UL", file.first),  # ConcatenationFrameOffsetNumber, from 0
        }
    return described


def _photometric(image: DicomImage, samples: int) -> str:
    if samples == 1:
        return "MONOCHROME2"
    # PS3.5, 8.2: names are those of the colours in the codestream, not of the decoded pixels.
    return {"jpeg": "YBR_FULL_422", "jpeg2k": "YBR_RCT"}.get(image.compression, "RGB")


def _origin(image: DicomImage, plane: int) -> Elements:
    return {
        0x0040072A: ("DS", "20"),  # XOffsetInSlideCoordinateSystem, in millimetres
        0x0040073A: ("DS", "40"),  # YOffset..., in millimetres
        0x0040074A: ("DS", f"{plane * image.z_step:.10g}"),  # ZOffset..., in micrometres
    }


def _optical_path(image: DicomImage, number: int) -> Elements:
    names = dict(enumerate(image.channels))
    return {
        # IlluminationTypeCodeSequence.
        0x00220016: ("SQ", [_code("111744", "Brightfield illumination")]),
        0x00220055: ("FL", 550.0 + number),  # IlluminationWaveLength, in nanometres
        0x00480106: ("SH", str(number)),  # OpticalPathIdentifier
        0x00480107: ("ST", names.get(number, f"Path {number}")),  # OpticalPathDescription
        0x00480112: ("DS", f"{image.power:g}"),  # ObjectiveLensPower
        0x00480113: ("DS", "0.75"),  # ObjectiveLensNumericalAperture
    }


def _code(value: str, meaning: str) -> Elements:
    # CodeValue, CodingSchemeDesignator and CodeMeaning; DCM names codes of PS3.16.
    return {0x00080100: ("SH", value), 0x00080102: ("SH", "DCM"), 0x00080104: ("LO", meaning)}


def _shared_groups(file: _File, spacing: float) -> Elements:
    # Measures are in millimetres, as PixelSpacing is.
    depth = f"{file.image.z_step / 1000:.10g}"
    measures: Elements = {
        0x00180050: ("DS", depth),  # SliceThickness
        0x00180088: ("DS", depth),  # SpacingBetweenSlices
        # PixelSpacing: distance between rows, then columns.
        0x00280030: ("DS", f"{spacing:.10g}\\{spacing:.10g}"),
    }
    # PixelMeasuresSequence.
    return {0x00289110: ("SQ", [measures])}


def _place_frame(file: _File, place: tuple[int, int, int, int]) -> Elements:
    path, plane, y, x = place
    position: Elements = {
        0x0040072A: ("DS", "20"),
        0x0040073A: ("DS", "40"),
        0x0040074A: ("DS", f"{plane * file.image.z_step:.10g}"),
        0x0048021E: ("SL", x + 1),  # ColumnPositionInTotalImagePixelMatrix, from 1
        0x0048021F: ("SL", y + 1),  # RowPositionInTotalImagePixelMatrix, from 1
    }
    return {
        0x0048021A: ("SQ", [position]),  # PlanePositionSlideSequence
        0x00480207: ("SQ", [{0x00480106: ("SH", str(path))}]),  # OpticalPathIdentificationSequence
    }
