"""The header of a DeltaVision or MRC file as a table of its fields, and what OME has of it.

Rule kept here: the names are those of the specifications, the values those of the file.

Sources of the facts: "IVE/Priism image file format" (Agard and Sedat labs, UCSF); "MRC2014 file format"
(A. Cheng et al., J. Struct. Biol. 192, 2015).
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np

from aicsio._ome.parts import add_part
from aicsio.formats.mrc.header import MrcHeader
from aicsio.formats.mrc.sections import Table
from aicsio.records import Value

NAMESPACE: Final = "mrc-header"
COMMON: Final = (
    ("nx", "i", 0), ("ny", "i", 4), ("nz", "i", 8), ("mode", "i", 12), ("nxstart", "i", 16),
    ("nystart", "i", 20), ("nzstart", "i", 24), ("mx", "i", 28), ("my", "i", 32), ("mz", "i", 36),
    ("xlen", "f", 40), ("ylen", "f", 44), ("zlen", "f", 48), ("alpha", "f", 52), ("beta", "f", 56),
    ("gamma", "f", 60), ("mapc", "i", 64), ("mapr", "i", 68), ("maps", "i", 72), ("amin", "f", 76),
    ("amax", "f", 80), ("amean", "f", 84), ("ispg", "i", 88), ("next", "i", 92),
)  # fmt: skip
"""Name, type and byte of the fields that both have."""
OF_DELTAVISION: Final = (
    ("dvid", "h", 96), ("nint", "h", 128), ("nreal", "h", 130), ("nres", "h", 132),
    ("type", "h", 160), ("lensNum", "h", 162), ("n1", "h", 164), ("n2", "h", 166), ("v1", "h", 168),
    ("v2", "h", 170), ("nTimes", "h", 180), ("imgSequence", "h", 182), ("xTilt", "f", 184),
    ("yTilt", "f", 188), ("zTilt", "f", 192), ("nWaves", "h", 196), ("wave1", "h", 198),
    ("wave2", "h", 200), ("wave3", "h", 202), ("wave4", "h", 204), ("wave5", "h", 206),
    ("z0", "f", 208), ("x0", "f", 212), ("y0", "f", 216), ("nTitles", "i", 220),
)  # fmt: skip
OF_MRC: Final = (
    ("nversion", "i", 108), ("xorigin", "f", 196), ("yorigin", "f", 200), ("zorigin", "f", 204),
    ("rms", "f", 216), ("nlabl", "i", 220),
)  # fmt: skip
SECTION_FLOATS: Final = (
    "photosensor", "time", "stage x", "stage y", "stage z", "minimum", "maximum", "mean",
    "exposure", "neutral density", "excitation", "emission", "intensity scaling", "energy factor",
)  # fmt: skip
"""Floats of a section of DeltaVision, in order."""
_IN_RECORDS: Final = frozenset(
    {"time", "stage x", "stage y", "stage z", "exposure", "excitation", "emission"}
)


def read_fields(head: bytes, header: MrcHeader) -> dict[str, Value]:
    """Return the fields of a header by name, the texts last.

    Parameters
    ----------
    head
        Its bytes.
    header
        The same, as parsed.
    """
    own = OF_DELTAVISION if header.is_deltavision else OF_MRC
    fields: dict[str, Value] = {}
    for name, kind, offset in (*COMMON, *own):
        (fields[name],) = struct.unpack_from(f"{header.order}{kind}", head, offset)
    if not header.is_deltavision:
        fields["exttyp"] = head[104:108].decode("latin-1").strip("\0 ")
    fields["titles" if header.is_deltavision else "labels"] = header.titles
    return fields


def describe(
    fields: Mapping[str, Value],
    header: MrcHeader,
    table: Table | None,
    settings: Sequence[tuple[str, str]] = (),
) -> Element | None:
    """Return what the records lack, as a map annotation; ``None`` where there is nothing."""
    pairs = [(name, str(value)) for name, value in _settings(fields, header).items()]
    pairs += settings
    if table is not None:
        pairs += _section_settings(header, table)
    titles = "\n".join(header.titles).strip()
    if not pairs and not titles:
        return None
    ome = Element("OME")
    image = add_part(ome, "Image")
    if titles:
        add_part(image, "Description").text = titles
    if pairs:
        annotations = add_part(ome, "StructuredAnnotations")
        attributes = {"ID": "Annotation:Settings:0", "Namespace": NAMESPACE}
        value = add_part(add_part(annotations, "MapAnnotation", attributes), "Value")
        for name, setting in pairs:
            add_part(value, "M", {"K": name}).text = setting
        add_part(image, "AnnotationRef", {"ID": "Annotation:Settings:0"})
    return ome


def _settings(fields: Mapping[str, Value], header: MrcHeader) -> dict[str, Value]:
    names: tuple[str, ...] = ("lensNum", "xTilt", "yTilt", "zTilt", "x0", "y0", "z0")
    if not header.is_deltavision:
        names = ("exttyp", "ispg", "xorigin", "yorigin", "zorigin")
    # 0 stands for a field that the writer left out.
    return {name: fields[name] for name in names if fields.get(name)}


def _section_settings(header: MrcHeader, table: Table) -> list[tuple[str, str]]:
    """Return the settings of the first section of each channel that the records lack."""
    axis = header.letters.index("C")
    numbers = np.arange(header.section_count).reshape(header.shape[:-2])
    firsts = np.moveaxis(numbers, axis, 0).reshape(header.shape[axis], -1)[:, 0].tolist()
    pairs = []
    for channel, first in enumerate(firsts, start=1):
        for place, name in enumerate(SECTION_FLOATS[: table.shape[1]]):
            value = float(table[first, place])
            if name not in _IN_RECORDS and np.isfinite(value) and value:
                pairs.append((f"wave {channel} {name}", repr(value)))
    return pairs
