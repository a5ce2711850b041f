"""Whether flipped bytes are a valid stream of their codec: other programs read or write exactly these bytes.

CCITT and LZW are proved by writing: an encoder turns the decoded pixels into the flipped bytes again. So is JPEG XR,
by coefficients, where the library jxrlib is installed (Debian's ``libjxr0``). Other
codecs are proved by reading: decoders that ``check`` does not use accept them as they accept the bytes before
the flip. What no judge can tell is not proved.
"""

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from aicsio._codecs import CODECS, DecodeTarget, Scratch
from aicsio._codecs.image_headers import jpegxr_entries
from aicsio._codecs.strict.jpegxr_layout import read_layout
from aicsio.records import Encoded

Judge = Callable[[bytes, Encoded], bool]


def is_valid_stream(piece: Encoded, before: bytes, after: bytes) -> bool:
    """Whether some judge accepts both streams of a piece, and none accepts the first alone."""
    codecs = list(piece.codecs)
    while codecs and codecs[0].name in {"bitorder", "base64"}:
        target = DecodeTarget(piece.shape, piece.dtype, Scratch())
        codec = codecs.pop(0)
        before, after = (
            bytes(CODECS[codec.name](each, target, **dict(codec.parameters)).copy())  # type: ignore[union-attr]
            for each in (before, after)
        )
    judges = JUDGES.get(codecs[0].name if codecs else "", [])
    verdicts = [judge(after, piece) for judge in judges if judge(before, piece)]
    return bool(verdicts) and all(verdicts)


# ---------------------------------------------------------------- by writing


def libtiff_writes(data: bytes, piece: Encoded) -> bool:
    """Whether libtiff (Pillow) writes these bytes of CCITT for the pixels that libtiff reads in them."""
    codec = next(each for each in piece.codecs if each.name.startswith("ccitt"))
    target = DecodeTarget(piece.shape, piece.dtype, Scratch())
    pixels = np.asarray(CODECS[codec.name](data, target, **dict(codec.parameters)), bool)
    options: dict[str, Any] = dict(codec.parameters)
    rows, columns, _ = target.frame(options["sampled"])
    names = {"ccitt-rle": "tiff_ccitt", "ccitt-t4": "group3", "ccitt-t6": "group4"}
    tags = {262: 0, 278: rows}
    if "t4options" in options:
        tags[292] = options["t4options"]
    file = io.BytesIO()
    image = Image.fromarray(~pixels.reshape(rows, columns))
    image.save(file, "TIFF", compression=names[codec.name], tiffinfo=tags)
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tiff:
        page: Any = tiff.pages[0]
        written = file.getvalue()[page.dataoffsets[0] :][: page.databytecounts[0]]
    return written.rstrip(b"\0") == data.rstrip(b"\0")


def lzw_writes(data: bytes, piece: Encoded) -> bool:  # noqa: ARG001 - one signature
    """Whether the encoder of TIFF 6.0, section 13, writes these codes, clearing where they clear."""
    low_first = data[:1] == b"\0" and bool(data[1] & 1)
    tables = list(read_lzw(data, low_first=low_first))
    return all(codes == write_lzw(text) for codes, text in tables)


def read_lzw(data: bytes, *, low_first: bool) -> Iterator[tuple[list[int], bytes]]:
    """Yield the codes between two clear codes, and what they stand for, as section 13 decodes them."""
    if low_first:
        number, order = int.from_bytes(data, "little"), 0
    else:
        number, order = int.from_bytes(data), 8 * len(data)
    at, early = 0, not low_first
    codes: list[int] = []
    table: list[bytes] = []
    text, last = bytearray(), b""
    while True:
        # The width of the next code: 511 takes ten bits (one code later in the old order), and so on.
        width = min(12, max(9, (len(table) + 258 + early).bit_length()))
        shift = at if low_first else order - at - width
        code = number >> max(shift, 0) & ((1 << width) - 1)
        at += width
        if code in {256, 257} or at > 8 * len(data):
            if codes:
                yield codes, bytes(text)
            if code != 256:
                return
            codes, table, text, last = [], [], bytearray(), b""
            continue
        if code < 256:
            entry = bytes([code])
        elif code - 258 < len(table):
            entry = table[code - 258]
        else:
            entry = last + last[:1]
        if last:
            table.append(last + entry[:1])
        codes.append(code)
        text += entry
        last = entry


def write_lzw(text: bytes) -> list[int]:
    """Return the codes of a text, as section 13 encodes it without clearing."""
    table = {bytes([value]): value for value in range(256)}
    codes, prefix = [], b""
    for value in text:
        longer = prefix + bytes([value])
        if longer in table:
            prefix = longer
            continue
        codes.append(table[prefix])
        table[longer] = len(table) + 2
        prefix = bytes([value])
    return [*codes, table[prefix]] if prefix else codes


def jxrlib_writes(data: bytes, piece: Encoded) -> bool:  # noqa: ARG001 - one signature
    """Whether jxrlib writes these packets of JPEG XR for the coefficients that it reads in them."""
    entries = jpegxr_entries(data)
    coded = data[entries[0xBCC0] :][: entries[0xBCC1]]
    layout = read_layout(coded)
    program = Path(__file__).with_name("jpegxr_transcode.py")
    by_frequency = int(layout.table_at is not None)
    command = [sys.executable, str(program), *map(str, (*layout.sizes, by_frequency))]
    written = subprocess.run(command, input=coded, stdout=subprocess.PIPE, check=False).stdout
    if not written:
        return False
    again = read_layout(written)
    return written[again.packets_at :] == coded[layout.packets_at :] and (
        again.starts == layout.starts
    )


# ---------------------------------------------------------------- by reading


def packbits_reads(data: bytes, piece: Encoded) -> bool:
    """Whether the packets of section 9 end with the data, and libtiff reads as many bytes."""
    at = total = 0
    while at < len(data):
        head = int(np.int8(np.uint8(data[at])))
        # "While n is between 0 and 127 inclusive, copy the next n + 1 bytes"; -127 to -1 repeat one.
        if head >= 0:
            total, at = total + head + 1, at + head + 2
        elif head == -128:  # "no operation"
            at += 1
        else:
            total, at = total - head + 1, at + 2
    nbytes = piece.dtype.itemsize * int(np.prod(piece.shape))
    return at == len(data) and total >= nbytes and ffmpeg_reads_packbits(data, piece)


def ffmpeg_reads_packbits(data: bytes, piece: Encoded) -> bool:
    """Whether FFmpeg reads them as a TIFF of one strip of gray pixels."""
    import imagecodecs

    unpacked = bytes(imagecodecs.packbits_decode(data))
    # FFmpeg unpacks row by row: no packet may lie in two.
    has_samples = piece.shape[-1] <= 4
    columns = int(np.prod(piece.shape[-2:] if has_samples else piece.shape[-1:]))
    columns *= piece.dtype.itemsize
    rows = len(unpacked) // columns
    if rows * columns != len(unpacked):
        return False
    file = io.BytesIO()
    gray = Image.fromarray(np.zeros((rows, columns), np.uint8))
    gray.save(file, "TIFF", compression="packbits", tiffinfo={278: rows})
    frames = frames_of("tiff", replace_strip(file.getvalue(), data))
    return [frame.to_ndarray().tobytes() for frame in frames] == [unpacked]


def replace_strip(file: bytes, data: bytes) -> bytes:
    """Put other bytes behind a TIFF, and let its only strip be those."""
    raw = bytearray(file)
    with tifffile.TiffFile(io.BytesIO(file)) as tiff:
        tags: Any = tiff.pages[0]
        for name, value in (("StripOffsets", len(file)), ("StripByteCounts", len(data))):
            tag = tags.tags[name]
            size = {3: 2, 4: 4}[int(tag.dtype)]
            raw[tag.valueoffset : tag.valueoffset + size] = value.to_bytes(size, "little")
    return bytes(raw) + data


def ffmpeg_reads(name: str, data: bytes) -> bool:
    """Whether FFmpeg decodes an image when it may not pass over any error."""
    return any(True for _ in frames_of(name, data))


def frames_of(name: str, data: bytes) -> Iterator[Any]:
    """Yield what FFmpeg decodes until it stops at an error."""
    import av

    context: Any = av.CodecContext.create(name, "r")
    context.options = {"err_detect": "explode+bitstream+buffer+crccheck"}
    context.thread_count = 1
    with contextlib.suppress(av.FFmpegError):
        yield from [*context.decode(av.Packet(data)), *context.decode(None)]


def jpeg_of(data: bytes, piece: Encoded) -> bytes:
    """Put the tables in front of the stream."""
    tables = dict(piece.codecs[-1].parameters).get("tables")
    return tables[:-2] + data[2:] if isinstance(tables, bytes) else data


def ffmpeg_reads_jpeg(data: bytes, piece: Encoded) -> bool:
    return ffmpeg_reads("mjpeg", jpeg_of(data, piece))


def turbo_reads_jpeg(data: bytes, piece: Encoded) -> bool:
    """Whether libjpeg-turbo reads them without a warning; false where simplejpeg is not installed."""
    with contextlib.suppress(ImportError):
        import simplejpeg

        for colorspace in ("RGB", "GRAY", "CMYK"):
            with contextlib.suppress(ValueError, KeyError):
                simplejpeg.decode_jpeg(jpeg_of(data, piece), colorspace=colorspace, strict=True)
                return True
    return False


def ffmpeg_reads_webp(data: bytes, piece: Encoded) -> bool:  # noqa: ARG001 - one signature
    return ffmpeg_reads("webp", data)


def python_reads_zstd(data: bytes, piece: Encoded) -> bool:
    """Whether fzstd, written in Python, reads as many bytes as the pixels have; false without it."""
    with contextlib.suppress(ImportError):
        import fzstd

        # libCZI, "ZStd1 header": its size in bytes comes first.
        frame = data[data[0] :] if piece.codecs[0].name == "zstd1" else data
        with contextlib.suppress(fzstd.ZstdError, IndexError, ValueError):
            nbytes = piece.dtype.itemsize * int(np.prod(piece.shape))
            return len(fzstd.decompress(frame)) == nbytes
    return False


JUDGES: dict[str, list[Judge]] = {
    "ccitt-rle": [libtiff_writes],
    "ccitt-t4": [libtiff_writes],
    "ccitt-t6": [libtiff_writes],
    "jpegxr": [jxrlib_writes],
    "jpeg": [ffmpeg_reads_jpeg, turbo_reads_jpeg],
    "lzw": [lzw_writes],
    "packbits": [packbits_reads],
    "webp": [ffmpeg_reads_webp],
    "zstd": [python_reads_zstd],
    "zstd1": [python_reads_zstd],
}
