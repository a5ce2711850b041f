"""ND2 files of NIS-Elements 2: the boxes of a JPEG 2000 file, with a map of them at the end.

Rule kept here: frames and metadata are those of ``nd2``, under the names that these boxes have.

Source of the structures: see ``aicsio.formats.nd2.boxes``; the ``nd2`` package opens the files made here.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from aicsio.testing.nd2 import (
    Nd2Image,
    experiment_tree,
    frame_times,
    loop_parameters,
    sequence_tree,
)
from aicsio.testing.nd2_variants import encode_xml

__all__ = ["build_boxed_nd2", "write_boxed_nd2"]

SYMBOLS = {"P": "XY", "C": "λ"}
"""Names of dimensions in the text of an acquisition."""


def write_boxed_nd2(image: Nd2Image, path: Path) -> Path:
    """Write a file of boxes.

    Parameters
    ----------
    image
        Pixels (uint8 or uint16) and description, with ``C`` or ``S`` among the letters.
    path
        Target, with a name that ends in ``.nd2``.

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
    >>> from aicsio.testing.nd2 import Nd2Image
    >>> from aicsio.testing.nd2_boxes import write_boxed_nd2
    >>> image = Nd2Image(np.zeros((3, 2, 40, 50), "u2"), "TCYX")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     str(open_image(write_boxed_nd2(image, Path(folder) / "a.nd2")).dims)
    'T=3, C=2, Y=40, X=50'
    """
    path.write_bytes(build_boxed_nd2(image))
    return path


def build_boxed_nd2(image: Nd2Image) -> bytes:
    """Return the bytes of a file of boxes.

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
    >>> from aicsio.testing.nd2 import Nd2Image
    >>> from aicsio.testing.nd2_boxes import build_boxed_nd2
    >>> build_boxed_nd2(Nd2Image(np.zeros((1, 8, 9), "u1"), "CYX"))[4:6]
    b'jP'
    """
    import imagecodecs

    sizes = image.sizes()
    out = bytearray()
    entries: list[tuple[bytes, bytes, int]] = []

    def add(kind: bytes, tag: bytes, content: bytes) -> None:
        entries.append((kind, tag, len(out)))
        # T.800, I.4: the length of a box counts its own eight bytes; boxes are big-endian.
        out.extend(struct.pack(">I4s", 8 + len(content), kind) + content)

    samples = sizes.get("S", 1)
    bits = image.pixels.dtype.itemsize * 8
    # T.800, I.5.3.1: height, width, components, bits less one, compression (7),
    # whether the colour space is unknown, whether there is a box of rights.
    size = struct.pack(">IIHBBBB", sizes["Y"], sizes["X"], samples, bits - 1, 7, 0, 0)
    add(b"jP  ", b"LUNK", b"\r\n\x87\n")
    # Brand, minor version and the one brand that it is compatible with.
    add(b"ftyp", b"LUNK", b"jp2 \0\0\0\0jp2 ")
    add(b"jp2h", b"LUNK", struct.pack(">I4s", 8 + len(size), b"ihdr") + size)
    planes = image.pixels.reshape(-1, *image.pixels.shape[-2 - (samples > 1) :])
    # Each channel of a frame is a codestream of its own; missing counts frames.
    channels = sizes.get("C", 1)
    for number, plane in enumerate(planes):
        if number // channels in image.missing:
            continue
        content = np.ascontiguousarray(plane)
        stream = imagecodecs.jpeg2k_encode(content, reversible=True, codecformat="j2k")
        add(b"jp2c", b"LUNK", bytes(stream))
    for number, milliseconds in enumerate(frame_times(image)):
        tree = _picture_tree(image, milliseconds)
        # VIMD: the metadata of one frame; VCAL: its calibration, in the same order.
        add(b"xml ", b"VIMD", _named("MetadataSeq", encode_xml(tree)))
        add(b"xml ", b"VCAL", _named("CalibrationSeq", encode_xml({"dCalibration": number})))
    # AIMD: the experiment, with its loops.
    add(b"xml ", b"AIMD", _named("Metadata", encode_xml(_loops(image))))
    add(b"xml ", b"ARTT", f'<AdvancedImageAttributes SignificantBits="{bits}" />'.encode())
    dims = " x ".join(f"{SYMBOLS.get(name, name)}({sizes[name]})" for name in image.dims[:-2])
    text = f"Metadata:&#13;&#10;Dimensions: {dims}&#13;&#10;"
    items = f'<TextInfoItem Text="" Index="0" /><TextInfoItem Text="{text}" Index="5" />'
    add(b"xml ", b"TINF", f"<TextInfo>{items}</TextInfo>".encode())
    start = len(out)
    # The map counts its entries in big-endian order; their offsets are little-endian.
    out += struct.pack(">I", len(entries))
    for kind, tag, offset in entries:
        out += struct.pack("<4s4sQ", kind, tag, offset)
    # The tail has the distance of the map from the end of the file, not its offset.
    distance = len(out) + 40 - start
    return bytes(out) + struct.pack("<32sQ", b"LABORATORY IMAGING ND BOX MAP 00", distance)


def _named(name: str, xml: bytes) -> bytes:
    """Wrap a variant in the element of a box."""
    declaration, _, rest = xml.partition(b"?>")
    return declaration + b"?>" + f"<{name}>".encode() + rest + f"</{name}>".encode()


def _picture_tree(image: Nd2Image, milliseconds: float) -> dict[str, Any]:
    tree = sequence_tree(image)
    pictures = tree["sPicturePlanes"]
    planes = pictures.pop("sPlaneNew")
    for plane in planes.values():
        plane["sOpticalConfigName"] = plane["sDescription"]
    pictures["sPlane"] = planes
    lens = tree.pop("wsObjectiveName")
    return {**tree, "dTimeMSec": milliseconds, "sObjectiveName": lens}


def _loops(image: Nd2Image) -> dict[str, Any]:
    tree = experiment_tree(image)
    level = tree
    for letter in image.loops:
        _rename(image, letter, level)
        level = next(iter(level.get("ppNextLevelEx", ())), {})
    return tree


def _rename(image: Nd2Image, letter: str, level: dict[str, Any]) -> None:
    """Give a loop the parameters of its time: phases of T, columns of P."""
    parameters = loop_parameters(image, letter)
    if letter == "T":
        level["eType"] = 8
        level["uLoopPars"] = {"uiCount": parameters["uiCount"], "uiPeriodCount": 1}
        level["uLoopPars"]["pPeriod"] = {"a0": parameters}
    if letter == "P":
        points = parameters["Points"]
        names = [f"_{number:05}" for number in range(len(points))]
        columns = {
            name: dict(zip(names, (point[name] for point in points), strict=True))
            for name in ("dPosX", "dPosY", "dPosZ", "dPFSOffset")
        }
        level["uLoopPars"] = {"uiCount": len(points), "bUseZ": False, **columns}
