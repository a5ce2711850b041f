"""Legal DeltaVision and MRC files of any sizes, orders of sections, byte orders and types.

Rule kept here: sections lie in the order of ``dims``; the header follows from the description alone.

Sources of the structures: "IVE/Priism image file format" and "MRC2014 file format"; the files made
here are opened alike by the packages ``mrc`` and ``mrcfile``.
"""

import struct
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["MrcImage", "build_mrc", "write_mrc"]

SEQUENCES = {"CTZ": 0, "TZC": 1, "TCZ": 2}
DELTAVISION_MODES = {"u1": 0, "i2": 1, "f4": 2, "c8": 4, "u2": 6, "i4": 7}
MRC_MODES = {"i1": 0, "i2": 1, "f4": 2, "c8": 4, "u2": 6, "f2": 12}
PACKED_MODES = {"c8": 3, "u1": 101}
"""DeltaVision has the first."""
INTEGERS, FLOATS = 8, 32
"""Numbers of each section in the extended header, as softWoRx writes them."""


@attrs.frozen(eq=False)
class MrcImage:
    """Pixels of a file, and its description."""

    pixels: npt.NDArray[Any]
    """Of ``DELTAVISION_MODES`` or ``MRC_MODES``; packed ones of ``PACKED_MODES``."""
    dims: str
    """``CTZYX``, ``TZCYX`` or ``TCZYX`` for DeltaVision; ``ZYX`` or ``QZYX`` for MRC."""
    kind: Literal["deltavision", "mrc"] = "deltavision"
    """Which of the two."""
    byte_order: Literal["<", ">"] = "<"
    """Of all numbers."""
    spacing: tuple[float, float, float] = (0.125, 0.125, 0.25)
    """Micrometres along X, Y and Z."""
    emissions: tuple[int, ...] = ()
    """Nanometres, one a channel."""
    excitations: tuple[int, ...] = ()
    """Nanometres, one a channel."""
    extended: bool = True
    """Whether each section has times and positions; DeltaVision alone."""
    cut_sections: int = 0
    """Sections at the end that are described and not in the file."""
    packed: bool = False
    """Whether complex64 is stored as two int16 (mode 3), and uint8 below 16 as half a byte (mode 101)."""


def write_mrc(image: MrcImage, path: Path) -> Path:
    """Write a file.

    Parameters
    ----------
    image
        Pixels and description.
    path
        Target, with a name that ends in ``.dv`` or ``.mrc``.

    Returns
    -------
    Path
        ``path``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing.mrc import MrcImage, write_mrc
    >>> image = MrcImage(np.zeros((2, 1, 3, 4, 5), "i2"), "TCZYX")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     str(open_image(write_mrc(image, Path(folder) / "a.dv")).dims)
    'T=2, C=1, Z=3, Y=4, X=5'
    """
    path.write_bytes(build_mrc(image))
    return path


def build_mrc(image: MrcImage) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    image
        Pixels and description.

    Returns
    -------
    bytes
        The whole file.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio.testing.mrc import MrcImage, build_mrc
    >>> build_mrc(MrcImage(np.zeros((2, 4, 5), "f4"), "ZYX", kind="mrc"))[208:212]
    b'MAP '
    """
    order = image.byte_order
    *lead, rows, columns = image.pixels.shape
    count = int(np.prod(lead))
    head = bytearray(1024)
    name = image.pixels.dtype.str[1:]
    modes = DELTAVISION_MODES if image.kind == "deltavision" else MRC_MODES
    if image.packed:
        modes = PACKED_MODES
    # NX, NY, NZ and MODE; NZ counts all sections, of every channel and time point.
    struct.pack_into(f"{order}4i", head, 0, columns, rows, count, modes[name])
    # MAPC, MAPR, MAPS: columns run along X, rows along Y, sections along Z.
    struct.pack_into(f"{order}3i", head, 64, 1, 2, 3)
    # NLABL, the number of labels of 80 bytes from byte 224 on.
    struct.pack_into(f"{order}i", head, 220, 1)
    head[224:233] = b"generated"
    extended = b""
    if image.kind == "deltavision":
        extended = _fill_deltavision(image, head, count)
    else:
        _fill_mrc(image, head)
    kept = image.pixels.reshape(count, rows, columns)[: count - image.cut_sections]
    return bytes(head) + extended + _store(kept, image)


def _store(pixels: npt.NDArray[Any], image: MrcImage) -> bytes:
    if not image.packed:
        return pixels.astype(pixels.dtype.newbyteorder(image.byte_order)).tobytes()
    if pixels.dtype.kind == "c":
        return pixels.view("f4").astype(f"{image.byte_order}i2").tobytes()
    # Two pixels to a byte, the left one in its low bits; a row of an odd length ends with a half.
    even = np.pad(pixels, ((0, 0), (0, 0), (0, pixels.shape[2] % 2)))
    packed: npt.NDArray[Any] = even[:, :, ::2] | (even[:, :, 1::2] << 4)
    return packed.tobytes()


def _fill_deltavision(image: MrcImage, head: bytearray, count: int) -> bytes:
    """Fill the header in; returns the extended header."""
    order = image.byte_order
    sizes = dict(zip(image.dims, image.pixels.shape, strict=True))
    # The header has room for the wavelengths of five channels.
    waves = (*image.emissions, 0, 0, 0, 0, 0)[:5]
    # With one interval along each axis, the lengths of the cell are pixel sizes in micrometres.
    struct.pack_into(f"{order}3i", head, 28, 1, 1, 1)
    struct.pack_into(f"{order}3f", head, 40, *image.spacing)
    # DVID, the signature of DeltaVision.
    struct.pack_into(f"{order}h", head, 96, -16224)
    # Number of time points, and order of the sections.
    struct.pack_into(f"{order}2h", head, 180, sizes["T"], SEQUENCES[image.dims[:3]])
    # Number of channels, and their emissions in nanometres.
    struct.pack_into(f"{order}6h", head, 196, sizes["C"], *waves)
    if not image.extended:
        return b""
    # Integers and floats of a section in the extended header; the integers come first.
    struct.pack_into(f"{order}2h", head, 128, INTEGERS, FLOATS)
    width = 4 * (INTEGERS + FLOATS)
    extended = bytearray(-(-count * width // 1024) * 1024)
    for number, place in enumerate(np.ndindex(*image.pixels.shape[:3])):
        at = dict(zip(image.dims, place, strict=False))
        floats = [0.0] * 14
        # Time points are 5 s apart, sections follow each other in half a second.
        floats[1] = 100.0 + 5.0 * at["T"] + 0.5 * at["Z"]
        # X, Y and Z of the stage, in micrometres.
        floats[2:5] = [1000.0, -500.0, 20.0 + image.spacing[2] * at["Z"]]
        # Exposure in seconds; 10 and 11 are excitation and emission in nanometres.
        floats[8] = 0.25
        floats[10] = (*image.excitations, *(0,) * 9)[at["C"]]
        floats[11] = (*image.emissions, *(0,) * 9)[at["C"]]
        struct.pack_into(f"{order}14f", extended, number * width + 4 * INTEGERS, *floats)
    # Bytes of the extended header, between byte 1024 and the pixels.
    struct.pack_into(f"{order}i", head, 92, len(extended))
    return bytes(extended)


def _fill_mrc(image: MrcImage, head: bytearray) -> None:
    order = image.byte_order
    *_, depth, rows, columns = image.pixels.shape
    counts = (columns, rows, depth)
    # MX, MY, MZ: MZ is the sections of one volume, NZ those of all volumes of a stack.
    struct.pack_into(f"{order}3i", head, 28, *counts)
    # Lengths of the cell in angstroms.
    cell = [count * step * 1e4 for count, step in zip(counts, image.spacing, strict=True)]
    struct.pack_into(f"{order}3f", head, 40, *cell)
    # CELLB, the angles of the cell in degrees.
    struct.pack_into(f"{order}3f", head, 52, 90.0, 90.0, 90.0)
    # ISPGRP: 1 for a volume; 401 for a stack of volumes.
    struct.pack_into(f"{order}i", head, 88, 401 if image.dims == "QZYX" else 1)
    # NVERSION: year and minor version of MRC2014, 2014 and 0.
    struct.pack_into(f"{order}i", head, 108, 20140)
    head[208:212] = b"MAP "
    # MACHST, the stamp of the byte order.
    head[212:216] = b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0"
