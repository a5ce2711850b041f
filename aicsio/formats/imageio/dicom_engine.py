"""Images in DICOM other than whole slides, by pydicom: CT, MR, ultrasound, pictures.

Rule kept here: samples are those of the file, but for colours of 8 bits in YCbCr, which are shown
as RGB. An element that cannot be read costs itself, unless the pixels need it.

Source of the facts: DICOM PS3.3, C.7.6.3 (pixels; C.7.6.3.1.2 for YBR_FULL and YBR_FULL_422) and
C.11.1.1.2 (rescaling); PS3.10, 7.1 (file meta information); PS3.6 (names of classes).

C.7.6.3.1.2 gives Y, Cb and Cr of R, G and B; pydicom inverts its matrix in 32-bit floats, adds 0.5,
takes the floor and clips. JPEG 2000 has transforms of its own (YBR_ICT, YBR_RCT), which decoders
undo.
"""

import contextlib
import io
import math
from collections.abc import Iterator, MutableSequence
from typing import Any

import numpy as np

from aicsio._io.readers import BinaryFile
from aicsio.errors import CorruptFileError, MissingDependencyError, UnsupportedFormatError
from aicsio.formats.imageio.frames import (
    Array,
    Description,
    Frames,
    FrameScene,
    Note,
    check_shape,
    check_size,
    opened,
    translated,
)
from aicsio.records import Source

NEEDED = (
    ("Rows", "0028,0010"),
    ("Columns", "0028,0011"),
    ("SamplesPerPixel", "0028,0002"),
    ("BitsAllocated", "0028,0100"),
    ("PhotometricInterpretation", "0028,0004"),
)
"""Elements without which no pixel has a place (PS3.3, C.7.6.3: type 1), and their tags."""
PIXEL_TAGS = (b"\xe0\x7f", b"\x7f\xe0")
"""Group 7FE0, that of pixels, in either byte order."""
DEFLATED = "1.2.840.10008.1.2.1.99"
"""Transfer syntax of data sets that are deflated as a whole (PS3.5, A.5)."""
KIND, WHOLE_KIND = "DICOM", "DICOM read whole"
"""Kinds of frames: those that pydicom reads one by one, and those that it has in memory alone.

The latter are deflated; or raw in YBR_FULL_422, which ``iter_pixels`` of pydicom 3.0 cannot take
from a file.
"""
PLAIN = frozenset({"RGB", "MONOCHROME2", "YBR_ICT", "YBR_RCT"})
"""Meanings of samples that need no words; decoders of JPEG 2000 return the last two as RGB."""
AS_RGB = frozenset({"YBR_FULL", "YBR_FULL_422"})
"""Meanings that are turned into RGB where samples have 8 bits."""
GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
"""Elements of the frames of an enhanced object (PS3.3, C.7.6.16)."""
DECODERS = "pip install 'pylibjpeg[all]' brings them"
"""What decodes every transfer syntax of pydicom (its documentation, "Handling of pixel data")."""
DIRECTORY_CLASS = "Media Storage Directory Storage"


def _import_pydicom(source: Source) -> Any:
    try:
        import pydicom
        import pydicom.pixels
    except ImportError as error:
        # The folder of pixels came with pydicom 3.
        old = isinstance(error, ModuleNotFoundError) and error.name == "pydicom.pixels"
        state, line = ("is too old", "-U ") if old else ("is not installed", "")
        raise MissingDependencyError(
            f"{source.uri!r}: the package pydicom reads it, which {state}: "
            f"pip install {line}pydicom"
        ) from error
    return pydicom


def _seekable(source: Source, file: BinaryFile) -> Any:
    """Return a file for pydicom; of a remote one all bytes, as it asks for them in small parts."""
    return file if source.local else io.BytesIO(file.read())


def describe(source: Source, kind: str) -> Description:
    """Read the elements in front of the pixels.

    Parameters
    ----------
    source
        The file.
    kind
        Name in the table of signatures.

    Returns
    -------
    One scene; several frames are T.

    Raises
    ------
    UnsupportedFormatError
        When the object holds no image, or samples of a type that there is not here.
    CorruptFileError
        When an element is missing that pixels need, or the file is damaged.
    MissingDependencyError
        When pydicom is not installed.
    """
    pydicom = _import_pydicom(source)
    with translated(source, "reading this file with pydicom"), opened(source) as file:
        dataset, kind = _read_elements(pydicom, source, _seekable(source, file))
        count = _read_integer(source, dataset, "NumberOfFrames") or 1
        shape, dtype = _describe_frame(source, dataset)
        bits = _read_integer(source, dataset, "BitsAllocated") or 0
        check_size(source, "pydicom", shape, dtype, bits * math.prod(shape[2:]))
        metadata, unread = _list_metadata(dataset)
        notes = tuple(_note(dataset, unread))
    if count < 1:
        raise CorruptFileError.at(source.uri, None, f"expected frames, found {count} of them")
    frames = Frames(source, "dicom", kind, count, shape, dtype)
    scene = FrameScene("Image:0", frames, count > 1)
    return Description((scene,), {"format": "pydicom", "metadata": metadata}, notes)


def _read_elements(pydicom: Any, source: Source, file: Any) -> tuple[Any, str]:
    """Return the elements in front of the pixels, after checks, and the kind of the file."""
    dataset = pydicom.dcmread(file, stop_before_pixels=True)
    syntax, kind = dataset.file_meta.get("TransferSyntaxUID"), KIND
    if syntax == DEFLATED:
        # The place of the pixels is known in the inflated bytes alone.
        file.seek(0)
        dataset, kind = pydicom.dcmread(file), WHOLE_KIND
        has_pixels = "PixelData" in dataset
    else:
        has_pixels = file.read(2) in PIXEL_TAGS
    if not has_pixels:
        raise UnsupportedFormatError(_name_object(pydicom, source, dataset))
    missing = [f"{name} ({tag})" for name, tag in NEEDED if dataset.get(name) is None]
    if not syntax:
        missing.append("TransferSyntaxUID (0002,0010)")
    if missing:
        names = ", ".join(missing)
        text = f"its pixels cannot be read without these elements, which are missing: {names}"
        raise CorruptFileError.at(source.uri, None, text)
    if dataset.PhotometricInterpretation == "YBR_FULL_422" and not syntax.is_compressed:
        kind = WHOLE_KIND
    return dataset, kind


def _name_object(pydicom: Any, source: Source, dataset: Any) -> str:
    """Word that an object has no pixels: its class and modality say what it is."""
    uid = dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID")
    name = pydicom.uid.UID(uid).name if uid else "an unnamed class"
    modality = dataset.get("Modality")
    noun = f"{name}, modality {modality}" if modality else name
    advice = "pydicom reads its elements"
    if name == DIRECTORY_CLASS:
        advice = "open the files that it lists"
    return f"{source.uri} is a DICOM object without an image ({noun}): {advice}"


def _read_integer(source: Source, dataset: Any, name: str) -> int | None:
    """Return the value of an element; ``None`` if it is missing or empty."""
    try:
        value = dataset.get(name)
        return None if value is None else int(value)
    # pydicom converts texts of numbers here, and several values are a list.
    except (TypeError, ValueError) as error:
        raise CorruptFileError.at(source.uri, None, f"expected an integer in {name}") from error


def _describe_frame(source: Source, dataset: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of a frame."""
    numbers = [_read_integer(source, dataset, name) or 0 for name, _ in NEEDED[:4]]
    rows, columns, samples, bits = numbers
    signed = _read_integer(source, dataset, "PixelRepresentation")
    # Only pixels of integers have a sign (PS3.3, C.7.6.3 and C.7.6.24); one bit becomes a byte.
    letter = "f" if signed is None else "ui"[signed == 1]
    types = {1: 8} if letter == "u" else {}
    name = f"{letter}{types.get(bits, bits) // 8}"
    if name not in {"u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"}:
        raise UnsupportedFormatError(
            f"{source.uri}: samples with BitsAllocated {bits} and PixelRepresentation {signed} "
            "have no type here"
        )
    if samples not in {1, 3, 4}:
        raise UnsupportedFormatError(f"{source.uri}: pixels of {samples} samples have no letters")
    return (rows, columns, *((samples,) if samples > 1 else ())), np.dtype(name)


def _list_metadata(dataset: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the elements by keyword, those of the first frame flat, and the unreadable tags."""
    unread: list[str] = []
    found = _as_dict(dataset, unread)
    found["TransferSyntaxUID"] = dataset.file_meta.get("TransferSyntaxUID")
    for name in GROUPS:
        groups = found.pop(name, None)
        # Those of the first frame outrank the shared ones.
        found |= groups[0] if groups else {}
    return found, unread


def _as_dict(dataset: Any, unread: list[str]) -> dict[str, Any]:
    found = {}
    for tag in sorted(dataset.keys()):
        try:
            element = dataset[tag]
            if element.keyword and element.keyword != "PixelData":
                found[element.keyword] = _as_plain(element.value, unread)
        # pydicom converts a value when it is looked at, and raises whatever that raises.
        except Exception:  # noqa: BLE001
            unread.append(str(tag))
    return found


def _as_plain(value: Any, unread: list[str]) -> Any:
    # Of pydicom's values, data sets can be walked, and those of several values be changed; names of
    # persons, which are iterable, are texts.
    if hasattr(value, "walk"):
        return _as_dict(value, unread)
    if isinstance(value, MutableSequence):
        return [_as_plain(one, unread) for one in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _note(dataset: Any, unread: list[str]) -> Iterator[Note]:
    """Yield notes on what is not applied (PS3.3, C.11.1.1.2, C.7.6.3.1.2 and 10.7.1.1)."""
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    slope, intercept = (1 if slope is None else slope), (0 if intercept is None else intercept)
    if float(slope) != 1 or float(intercept) != 0:
        scaling = f"{float(intercept):g} + {float(slope):g} x sample"
        yield "dicom-rescale", f"samples are shown as stored; the file scales them: {scaling}"
    meaning = str(dataset.PhotometricInterpretation)
    if meaning not in PLAIN and not (meaning in AS_RGB and dataset.BitsAllocated == 8):
        yield "sample-meaning", f"samples are shown as stored: {meaning}"
    spacing = dataset.get("PixelSpacing")
    if spacing is not None:
        yield "dicom-spacing", f"PixelSpacing {spacing} (millimetres) is in the raw metadata only"
    if unread:
        yield "dicom-element", f"these elements cannot be read: {', '.join(unread)}"


def _check_decoder(pydicom: Any, source: Source, syntax: Any) -> None:
    """Raise where pydicom knows how pixels are encoded, and no package here decodes them."""
    decoder = pydicom.pixels.get_decoder(syntax)
    if not decoder.is_available:
        packages = "; ".join(decoder.missing_dependencies)
        raise MissingDependencyError(
            f"{source.uri!r}: pydicom decodes {syntax.name} by one of these packages, none of "
            f"which is installed: {packages}. {DECODERS}"
        )


@contextlib.contextmanager
def _lacking_variants(source: Source) -> Iterator[None]:
    """Turn the error of decoders that lack a legal variant, such as JPEG of 12 bits, into ours."""
    try:
        yield
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        if "not support" not in reason:
            raise
        raise UnsupportedFormatError(f"{source.uri}: {reason}. {DECODERS}") from error


def read_dicom(frames: Frames, start: int, stop: int) -> Array:
    """Decode frames; colours of 8 bits in YCbCr become RGB.

    Raises
    ------
    MissingDependencyError
        When pydicom lacks the package that decodes them.
    UnsupportedFormatError
        When the packages that it has cannot.
    CorruptFileError
        When they cannot be decoded.
    """
    pydicom = _import_pydicom(frames.source)
    action = f"reading images {start} to {stop - 1} with pydicom"
    # The conversion is that of 8 bits: others would be clipped at 255.
    raw = frames.dtype.itemsize != 1
    with (
        translated(frames.source, action),
        opened(frames.source) as file,
        _lacking_variants(frames.source),
    ):
        binary = _seekable(frames.source, file)
        alone = frames.count == 1 or frames.kind == WHOLE_KIND
        dataset = pydicom.dcmread(binary, stop_before_pixels=not alone)
        _check_decoder(pydicom, frames.source, dataset.file_meta.TransferSyntaxUID)
        indices = range(start, stop)
        if alone:
            pixels = (pydicom.pixels.pixel_array(dataset, index=i, raw=raw) for i in indices)
        else:
            # Only the bytes of these frames are read.
            pixels = pydicom.pixels.iter_pixels(binary, indices=list(indices), raw=raw)
        return np.stack([check_shape(frames, one) for one in pixels])
