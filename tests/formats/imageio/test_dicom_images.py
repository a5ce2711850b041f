"""Images in DICOM other than whole slides: what pydicom sees, preambles of other formats, objects without pixels."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from aicsio import open_image, to_numpy, transpose_to
from aicsio.errors import CorruptFileError, MissingDependencyError, UnsupportedFormatError
from aicsio.records import ImageHandle
from http_server import serving

pydicom = pytest.importorskip("pydicom")
pixel_data_handlers = pytest.importorskip("pydicom.pixels")

RNG = np.random.default_rng(3)
GRAY = RNG.integers(0, 60_000, (5, 7), np.uint16)
IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
RLE, JPEG, JPEG_LS = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80"
CT = "1.2.840.10008.5.1.4.1.1.2"


def data_set(pixels: npt.NDArray[Any] | None, meaning: str = "MONOCHROME2", **more: Any) -> Any:
    """A data set of Y, X or Y, X, S, with a T in front if ``NumberOfFrames`` is given."""
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = EXPLICIT
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = CT, "1.2.3", "CT"
    if pixels is not None:
        samples = pixels.shape[-1] if meaning.startswith(("RGB", "YBR")) else 1
        rows, columns = pixels.shape[-3:-1] if samples > 1 else pixels.shape[-2:]
        data.Rows, data.Columns, data.SamplesPerPixel = rows, columns, samples
        data.PhotometricInterpretation = meaning
        if samples > 1:
            data.PlanarConfiguration = 0
        bits = 8 * pixels.itemsize
        data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
        data.PixelRepresentation = 0
        raw = pixels.tobytes()
        data.PixelData = raw + b"\0" * (len(raw) % 2)
        data["PixelData"].VR = "OB" if bits == 8 else "OW"
    for name, value in more.items():
        setattr(data, name, value)
    return data


def as_bytes(data: Any, syntax: str = EXPLICIT) -> bytes:
    file = io.BytesIO()
    data.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(
        file,
        data,
        enforce_file_format=True,
        implicit_vr=syntax == IMPLICIT,
        little_endian=syntax != BIG_ENDIAN,
    )
    return file.getvalue()


def opened_pixels(content: bytes) -> tuple[ImageHandle, npt.NDArray[Any]]:
    handle = open_image(content)
    return handle, to_numpy(handle)


# ---------------------------------------------------------------- preambles


def with_preamble(content: bytes, preamble: bytes) -> bytes:
    return preamble.ljust(128, b"\0") + content[128:]


def dual_file(order: str = "<") -> bytes:
    """A TIFF and a DICOM file in one, as PS3.10, 7.1 allows: one header in the preamble, shared pixels."""
    content = as_bytes(data_set(GRAY, ImageComments="X" * 9000))
    place = content.index(GRAY.tobytes())
    tags = [(256, 7), (257, 5), (258, 16), (259, 1), (262, 1), (273, place), (278, 5), (279, 70)]
    entries = [struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in tags]
    directory = struct.pack(order + "H", len(tags)) + b"".join(entries) + bytes(4)
    header = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, len(content) + 12)
    # The directory lies in trailing padding of the data set (PS3.10, 7.2).
    padding = struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, len(directory))
    return with_preamble(content, header) + padding + directory


FALSE_HEADERS = {
    "behind the end": b"II*\0" + (530_516).to_bytes(4, "little"),
    "zero": b"II*\0\0\0\0\0",
    "in the pixels": b"II*\0" + (900).to_bytes(4, "little"),
    "in the header": b"MM\0*" + (140).to_bytes(4, "big"),
    "bigtiff": b"II+\0\x08\0\0\0" + (1 << 40).to_bytes(8, "little"),
    "bigtiff of another width": b"II+\0\x04\0\0\0" + (16).to_bytes(8, "little"),
}


@pytest.mark.parametrize("name", FALSE_HEADERS)
def test_a_preamble_with_the_magic_of_tiff_alone_is_that_of_dicom(name: str) -> None:
    pixels = RNG.integers(0, 4096, (64, 64), np.uint16)
    content = with_preamble(as_bytes(data_set(pixels)), FALSE_HEADERS[name])
    handle, found = opened_pixels(content)
    assert handle.format == "imageio"
    np.testing.assert_array_equal(found, pydicom.dcmread(io.BytesIO(content)).pixel_array)


def test_a_file_that_is_both_opens_as_the_tiff_that_it_is(tmp_path: Path) -> None:
    content = dual_file()
    for name in ("a.tif", "a.dcm"):
        path = tmp_path / name
        path.write_bytes(content)
        handle = open_image(path)
        assert handle.format == "tiff"
        np.testing.assert_array_equal(to_numpy(handle), GRAY)
    np.testing.assert_array_equal(tifffile.imread(path), GRAY)
    np.testing.assert_array_equal(pydicom.dcmread(path).pixel_array, GRAY)


def test_a_tiff_header_in_a_preamble_costs_no_request() -> None:
    plain = as_bytes(data_set(GRAY, ImageComments="X" * 9000))
    files = {
        "plain.dcm": plain,
        "false.dcm": with_preamble(plain, FALSE_HEADERS["behind the end"]),
        "both.tif": dual_file(),
        # The same file, but for the letters behind its preamble.
        "plain.tif": dual_file().replace(b"DICM", b"CDMI", 1),
    }
    asked = {}
    with serving() as site:
        site.files = files
        for name in files:
            site.forget()
            open_image(site.url + name)
            asked[name] = len(site.asked)
    assert asked["false.dcm"] == asked["plain.dcm"]
    assert asked["both.tif"] == asked["plain.tif"]


# ---------------------------------------------------------------- objects without pixels, and missing elements


@pytest.mark.parametrize(
    ("uid", "name"),
    [
        ("1.2.840.10008.5.1.4.1.1.88.11", "Basic Text SR Storage, modality SR"),
        ("1.2.840.10008.5.1.4.1.1.481.5", "RT Plan Storage, modality SR"),
        ("1.2.840.10008.1.3.10", "Media Storage Directory Storage, modality SR"),
        ("1.2.3.4", "1.2.3.4, modality SR"),
    ],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_an_object_without_pixels_is_named(uid: str, name: str, syntax: str) -> None:
    content = as_bytes(data_set(None, SOPClassUID=uid, Modality="SR"), syntax)
    with pytest.raises(UnsupportedFormatError) as caught:
        open_image(content)
    assert f"is a DICOM object without an image ({name})" in str(caught.value)


def test_sizes_without_pixels_are_no_image() -> None:
    data = data_set(GRAY)
    del data.PixelData
    with pytest.raises(
        UnsupportedFormatError, match=r"without an image.*CT Image Storage, modality CT"
    ):
        open_image(as_bytes(data))


@pytest.mark.parametrize(
    "name", ["Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "PhotometricInterpretation"]
)
def test_a_missing_element_is_named(name: str) -> None:
    data = data_set(GRAY)
    del data[name]
    with pytest.raises(CorruptFileError, match=rf"missing: {name} \(0028,00|0100\)"):
        open_image(as_bytes(data))


def test_a_missing_transfer_syntax_is_named() -> None:
    content = as_bytes(data_set(GRAY))
    tag = struct.pack("<HH", 2, 0x10)
    # The tag becomes one that has no meaning.
    damaged = content.replace(tag, struct.pack("<HH", 2, 0x11), 1)
    with pytest.raises(CorruptFileError, match=r"missing: TransferSyntaxUID \(0002,0010\)"):
        open_image(damaged)


@pytest.mark.filterwarnings("ignore:Invalid value for VR IS")
@pytest.mark.parametrize("value", ["1A", "-3"])
def test_a_count_that_is_none_is_named(value: str) -> None:
    content = as_bytes(data_set(GRAY, NumberOfFrames="11"))
    damaged = content.replace(b"IS\x02\x0011", b"IS\x02\x00" + value.encode(), 1)
    with pytest.raises(CorruptFileError, match=r"NumberOfFrames|expected frames"):
        open_image(damaged)


def test_an_element_that_cannot_be_read_costs_itself() -> None:
    content = as_bytes(data_set(GRAY, StationName="ABCDEF", PatientName="A"))
    # Six bytes are no float of eight.
    damaged = content.replace(b"SH\x06\x00ABCDEF", b"FD\x06\x00ABCDEF", 1)
    handle, pixels = opened_pixels(damaged)
    np.testing.assert_array_equal(pixels, GRAY)
    notes = {note.code: note.message for note in handle.diagnostics}
    assert notes["dicom-element"] == "these elements cannot be read: (0008,1010)"
    assert '"PatientName": "A"' in str(handle.metadata)


def test_a_data_set_without_preamble_is_named() -> None:
    content = as_bytes(data_set(GRAY, SpecificCharacterSet="ISO_IR 100"))
    bare = content[content.index(struct.pack("<HH", 8, 5)) :]
    with pytest.raises(UnsupportedFormatError, match="a DICOM data set without preamble"):
        open_image(bare)


# ---------------------------------------------------------------- colours

YBR = RNG.integers(0, 256, (2, 6, 8, 3), np.uint8)
"""T, Y, X, S; columns are even, as YBR_FULL_422 needs."""


def as_rgb(ybr: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The inverse of PS3.3, C.7.6.3.1.2, in 64 bits: floor(x + 0.5), clipped."""
    forward = np.array(
        [[0.2990, 0.5870, 0.1140], [-0.1687, -0.3313, 0.5000], [0.5000, -0.4187, -0.0813]]
    )
    values = (ybr.astype(float) - [0, 128, 128]) @ np.linalg.inv(forward).T
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def halved(ybr: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Samples of YBR_FULL_422 as they are stored: Y Y Cb Cr for two pixels."""
    pairs = ybr.reshape(*ybr.shape[:-2], -1, 6)
    return pairs[..., [0, 3, 1, 2]]


def full(data: Any) -> Any:
    return data


def half(data: Any) -> Any:
    data.PhotometricInterpretation = "YBR_FULL_422"
    data.PixelData = halved(YBR).tobytes()
    return data


def run_length(data: Any) -> Any:
    data.compress(RLE, generate_instance_uid=False)
    return data


@pytest.mark.parametrize("store", [full, half, run_length])
def test_ycbcr_is_shown_as_rgb(store: Callable[[Any], Any]) -> None:
    data = store(data_set(YBR, "YBR_FULL", NumberOfFrames=2))
    content = as_bytes(data, RLE if store is run_length else EXPLICIT)
    handle, pixels = opened_pixels(content)
    assert (handle.dims.order, handle.channel_names) == ("TYXS", ("Channel:0",))
    assert [note.code for note in handle.diagnostics] == []
    # Equal to pydicom, and within 1 of the inverted matrix: the coefficients of the standard have four digits.
    np.testing.assert_array_equal(pixels, pydicom.dcmread(io.BytesIO(content)).pixel_array)
    stored = YBR.copy()
    if store is half:
        # Both pixels of a pair have the chroma of the first.
        stored[..., 1::2, 1:] = stored[..., ::2, 1:]
    assert np.abs(pixels.astype(int) - as_rgb(stored)).max() <= 1
    window = to_numpy(transpose_to(handle, "YXS", T=1, Y=slice(2, 5), X=slice(3, 8)))
    np.testing.assert_array_equal(window, pixels[1, 2:5, 3:8])


def test_jpeg_in_ycbcr_is_shown_as_rgb() -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    ramp = np.linspace(0, 255, 32).astype(np.uint8)
    rgb = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(90)), -1)
    stream = imagecodecs.jpeg8_encode(rgb, level=95)
    data = data_set(rgb, "YBR_FULL_422")
    data.PixelData = pydicom.encaps.encapsulate([stream])
    content = as_bytes(data, JPEG)
    handle, pixels = opened_pixels(content)
    assert not handle.diagnostics
    np.testing.assert_array_equal(pixels, pydicom.dcmread(io.BytesIO(content)).pixel_array)
    # libjpeg turns it into RGB by tables of its own.
    assert np.abs(pixels.astype(int) - imagecodecs.jpeg8_decode(stream)).max() <= 2


def test_ycbcr_of_16_bits_is_shown_as_stored() -> None:
    wide = RNG.integers(0, 60_000, (6, 8, 3), np.uint16)
    handle, pixels = opened_pixels(as_bytes(data_set(wide, "YBR_FULL")))
    np.testing.assert_array_equal(pixels, wide)
    notes = {note.code: note.message for note in handle.diagnostics}
    assert notes == {"sample-meaning": "samples are shown as stored: YBR_FULL"}


# ---------------------------------------------------------------- syntaxes, frames, packages


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN, DEFLATED])
def test_frames_of_every_syntax(syntax: str) -> None:
    stack = RNG.integers(0, 60_000, (4, 5, 7), np.uint16)
    raw = stack.astype(">u2") if syntax == BIG_ENDIAN else stack
    data = data_set(stack, NumberOfFrames=4, PixelData=raw.tobytes())
    data["PixelData"].VR = "OW"
    handle, pixels = opened_pixels(as_bytes(data, syntax))
    np.testing.assert_array_equal(pixels, stack)
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, "YX", T=2)), stack[2])


def test_what_is_not_applied_is_named() -> None:
    data = data_set(GRAY, PixelSpacing=[0.5, 0.25], RescaleSlope=2, RescaleIntercept=-1024)
    handle, pixels = opened_pixels(as_bytes(data))
    np.testing.assert_array_equal(pixels, GRAY)
    messages = {note.code: note.message for note in handle.diagnostics}
    assert set(messages) == {"dicom-rescale", "dicom-spacing"}
    assert "-1024 + 2 x sample" in messages["dicom-rescale"]
    assert "0.5, 0.25" in messages["dicom-spacing"]


def test_a_decoder_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_set(GRAY)
    data.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    decoder = type(pixel_data_handlers.get_decoder(JPEG_LS))
    monkeypatch.setattr(decoder, "is_available", property(lambda _: False))
    with pytest.raises(MissingDependencyError, match=r"JPEG-LS Lossless.*pip install 'pylibjpeg"):
        to_numpy(open_image(as_bytes(data, JPEG_LS)))


def test_jpeg_of_12_bits_without_its_decoder_is_no_damage() -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    extended = "1.2.840.10008.1.2.4.51"
    pixels = RNG.integers(0, 4096, (8, 8), np.uint16)
    data = data_set(pixels, BitsStored=12, HighBit=11)
    stream = imagecodecs.jpeg8_encode(pixels, bitspersample=12)
    data.PixelData = pydicom.encaps.encapsulate([stream])
    handle = open_image(as_bytes(data, extended))
    plugins = pixel_data_handlers.get_decoder(extended).available_plugins
    if plugins != ("pillow",):
        pytest.skip("another package decodes it here")
    with pytest.raises(UnsupportedFormatError, match="12-bit"):
        to_numpy(handle)
