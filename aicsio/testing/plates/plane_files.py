"""TIFF files of the planes of a plate, and the facts that MetaMorph keeps in them.

Rule kept here: one strip a plane, raw and little-endian.
"""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aicsio.testing.plates.spec import Pixels, Place, PlateSpec

START = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
"""Start of the acquisitions of MetaMorph and MetaXpress."""
START_DAY = 2_458_850
"""Its Julian day."""


class PlaneFacts(NamedTuple):
    """When and where a plane was taken, as MetaMorph's tags hold it."""

    day: int
    """Julian day."""
    milliseconds: int
    """Of the day."""
    x: float
    """Stage position in micrometres."""
    y: float
    """Stage position in micrometres."""
    z: float
    """Focus position in micrometres."""


def metamorph_time(spec: PlateSpec, place: Place) -> str:
    """Return the time of a plane as MetaMorph's XML writes it.

    Parameters
    ----------
    spec, place
        The plate and the plane.

    Returns
    -------
    str
        From 2 January 2020, 3:04:05 on.

    Examples
    --------
    >>> from aicsio.testing.plates import PlateSpec
    >>> from aicsio.testing.plates.plane_files import metamorph_time
    >>> spec = PlateSpec()
    >>> metamorph_time(spec, next(spec.places()))
    '20200102 03:04:05.000'
    """
    moment = START + timedelta(seconds=spec.seconds(place))
    return f"{moment:%Y%m%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


def tiff_bytes(
    planes: Pixels,
    *,
    description: bytes | Sequence[bytes] = b"",
    is_stk: bool = False,
    facts: Sequence[PlaneFacts] = (),
) -> bytes:
    """Return a TIFF of raw planes.

    Parameters
    ----------
    planes
        Of shape (planes, rows, columns).
    description
        Text of each page, or one for all.
    is_stk
        Whether the planes lie behind one directory, as in MetaMorph stacks.
    facts
        Of each plane of a stack; by default seconds of one day.

    Returns
    -------
    bytes
        Little-endian, one strip a plane.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing.plates.plane_files import tiff_bytes
    >>> open_image(tiff_bytes(np.zeros((1, 4, 5), np.uint16))).shape
    (4, 5)
    """
    count, rows, columns = planes.shape
    texts = [description] * count if isinstance(description, bytes) else list(description)
    data = b"II*\0" + struct.pack("<I", 8)
    plane_nbytes = rows * columns * 2
    for page in range(1 if is_stk else count):
        # The texts of the planes of a stack follow each other, each with its end.
        text = b"".join(one + b"\0" for one in (texts if is_stk else texts[page : page + 1]))
        tags = [
            (256, 4, 1, columns),  # ImageWidth
            (257, 4, 1, rows),  # ImageLength
            (258, 3, 1, 16),  # BitsPerSample
            (259, 3, 1, 1),  # Compression: none
            (262, 3, 1, 1),  # PhotometricInterpretation: black is zero
            (270, 2, len(text), None),  # ImageDescription
            (273, 4, 1, None),  # StripOffsets
            (277, 3, 1, 1),  # SamplesPerPixel
            (278, 4, 1, rows),  # RowsPerStrip
            (279, 4, 1, plane_nbytes),  # StripByteCounts, that of the first plane of a stack
        ]
        if is_stk:
            # UIC2: six numbers a plane; UIC1 has no identifiers here, its count is that of planes.
            tags += [(33628, 4, count, None), (33629, 5, count, None)]
            # UIC3: a wavelength a plane. UIC4: items until the item 0; its count is that of planes.
            tags += [(33630, 5, count, None), (33631, 4, count, None)]
        start = len(data)
        text_at = start + 2 + 12 * len(tags) + 4
        uic_at = text_at + len(text) + len(text) % 2
        uic = _make_uic(count, facts) if is_stk else ()
        pixels_at = uic_at + sum(map(len, uic))
        # Values that do not fit into the entry: text, pixels, and the tags of MetaMorph.
        places = {270: text_at, 273: pixels_at}
        places |= {
            33628 + number: uic_at + sum(map(len, uic[:number])) for number in range(len(uic))
        }
        directory = struct.pack("<H", len(tags))
        for code, kind, number, value in tags:
            directory += struct.pack("<HHII", code, kind, number, places.get(code, value or 0))
        if _lies_in_the_tag(text):
            directory = directory.replace(
                struct.pack("<HHII", 270, 2, len(text), text_at),
                struct.pack("<HHI", 270, 2, len(text)) + text.ljust(4, b"\0"),
            )
        stored = planes if is_stk else planes[page : page + 1]
        end = pixels_at + stored.nbytes
        is_last = is_stk or page == count - 1
        directory += struct.pack("<I", 0 if is_last else end + end % 2)
        data += directory + text + b"\0" * (len(text) % 2) + b"".join(uic)
        data += stored.astype("<u2").tobytes() + b"\0" * (end % 2)
    return data


def _make_uic(count: int, facts: Sequence[PlaneFacts]) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the values of UIC1 to UIC4."""
    uic2 = b"".join(
        # Distance as a fraction, then day and time of the acquisition, and those of a change.
        struct.pack("<6I", z, 1, one.day, one.milliseconds, 0, 0)
        for z, one in enumerate(facts or _default_facts(count))
    )
    uic1, uic3 = struct.pack("<2I", 7, 0) * count, struct.pack("<2I", 525, 1) * count
    return uic1, uic2, uic3, _list_items(facts).ljust(4 * count, b"\0")


def _default_facts(count: int) -> list[PlaneFacts]:
    return [PlaneFacts(2_459_000, 1000 * z, 0.0, 0.0, 0.0) for z in range(count)]


def _list_items(facts: Sequence[PlaneFacts]) -> bytes:
    """Return the items of UIC4: StagePosition (28), AbsoluteZ (40), AbsoluteZValid (41), the end."""
    if not facts:
        return b""
    # Positions are fractions of two int32 each: X and Y of a plane follow each other.
    stage = b"".join(struct.pack("<iIiI", *_ratio(one.x), *_ratio(one.y)) for one in facts)
    height = b"".join(struct.pack("<iI", *_ratio(one.z)) for one in facts)
    valid = struct.pack("<I", 1) * len(facts)
    # Each item is its number of two bytes and a value for every plane.
    items = [(28, stage), (40, height), (41, valid)]
    return b"".join(struct.pack("<H", code) + data for code, data in items) + b"\0\0"


def _ratio(value: float) -> tuple[int, int]:
    return round(value * 1000), 1000


def _lies_in_the_tag(text: bytes) -> bool:
    """Return whether a text lies in the tag itself: four bytes do (TIFF 6.0, section 2)."""
    return len(text) <= 4


def write_planes(
    spec: PlateSpec,
    folder: Path,
    names: dict[int, str],
    text: Callable[[int], bytes] | None = None,
) -> None:
    """Write one TIFF a plane.

    Parameters
    ----------
    spec
        Description.
    folder
        Where the names count from.
    names
        Name of each plane by its number; folders in them are made.
    text
        Returns the description of a page, of one length for all.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio.testing.plates import PlateSpec
    >>> from aicsio.testing.plates.plane_files import write_planes
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_planes(PlateSpec(), Path(folder), {0: "a.tif", 3: "b/c.tif"})
    ...     len(list(Path(folder).rglob("*.tif")))
    2
    """
    made: set[Path] = set()
    head: bytes | None = None
    first = b""
    for number, name in names.items():
        if number in spec.missing:
            continue
        path = folder / name
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        plane = spec.plane(number)
        if head is None:
            # All files begin alike but for the text: the pixels are their end.
            first = b"" if text is None else text(number)
            head = tiff_bytes(plane[np.newaxis], description=first)[: -plane.nbytes or None]
        begin = head if text is None else head.replace(first, text(number), 1)
        path.write_bytes(begin + plane.astype("<u2").tobytes())
