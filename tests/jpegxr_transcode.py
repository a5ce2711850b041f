"""A JPEG XR codestream, decoded to its coefficients and coded again by jxrlib: stdin to stdout.

    python tests/jpegxr_transcode.py COLUMNS ROWS BY_FREQUENCY < before > after

A program of its own, as the library ends the process of damaged streams. It comes with the Debian package
``libjxr0``; the exit code is 2 without.
"""

import ctypes
import sys


class Parameters(ctypes.Structure):
    """``CWMTranscodingParam`` of ``windowsmediaphoto.h``."""

    _fields_ = (
        ("left", ctypes.c_size_t),
        ("columns", ctypes.c_size_t),
        ("top", ctypes.c_size_t),
        ("rows", ctypes.c_size_t),
        ("by_frequency", ctypes.c_int),
        ("alpha", ctypes.c_uint8),
        ("bands", ctypes.c_int),
        ("orientation", ctypes.c_int),
        ("ignores_overlap", ctypes.c_int),
    )


def transcode(coded: bytes, columns: int, rows: int, by_frequency: int) -> bytes | None:
    """Return the codestream as jxrlib writes it; ``None`` where it refuses."""
    library = ctypes.CDLL("libjpegxr.so.0")
    # The decoder reads ahead.
    source = ctypes.create_string_buffer(coded, len(coded) + 4096)
    target = ctypes.create_string_buffer(2 * len(coded) + 65536)
    streams = []
    for buffer in (source, target):
        stream = ctypes.c_void_p()
        library.CreateWS_Memory(ctypes.byref(stream), buffer, ctypes.c_size_t(len(buffer)))
        streams.append(stream)
    parameters = Parameters(columns=columns, rows=rows, by_frequency=by_frequency)
    if library.WMPhotoTranscode(*streams, ctypes.byref(parameters)) != 0:
        return None
    nbytes = ctypes.c_size_t()
    library.GetPosWS_Memory(streams[1], ctypes.byref(nbytes))
    return target.raw[: nbytes.value]


if __name__ == "__main__":
    try:
        found = transcode(sys.stdin.buffer.read(), *map(int, sys.argv[1:]))
    except OSError:
        sys.exit(2)
    sys.stdout.buffer.write(found or b"")
    sys.exit(0 if found else 1)
