"""Image Cytometry Standard (ICS, IDS).

Rule kept here: the header is text; the pixels lie behind it (version 2), in the file that it names,
or in the ``.ids`` file of its name (version 1).

Source of the facts: Dean, Mascio, Ow, Sudar and Mullikin, "Proposed standard for image cytometry data
files", Cytometry 11 (1990) 561-569; "ICS version 2" of the documentation of libics.
"""

import re
from typing import Final

import numpy as np

from aicsio._io import readers
from aicsio._ome.units import finite_number, micrometres_per, seconds_per
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats.raw_blocks.blocks import lay_out
from aicsio.formats.raw_blocks.ics_metadata import (
    describe_channels,
    describe_objective,
    describe_planes,
    read_date,
)
from aicsio.records import Contents, Diagnostic, DType, PixelSize, Scene, Source
from aicsio.records.provenance import FactOrigin, FactOrigins

# The first character separates words, the second ends lines; CR and LF make it three.
MARK: Final = re.compile(rb"[\s\S]{2,3}ics_version")
LARGEST_HEADER: Final = 1 << 22
"""Bytes of the text; histories of programs have some kilobytes."""
LETTERS: Final = {
    "x": "X",
    "y": "Y",
    "z": "Z",
    "t": "T",
    "time": "T",
    "ch": "C",
    "channel": "C",
    "c": "C",
    "p": "C",
    "probe": "C",
    "s": "S",
    "rgb": "S",
    "lambda": "L",
    "m": "T",
    "micro-time": "H",
}
"""Letters by the names of axes."""
SPARE: Final = "QABDEFGIJKNOPRUVW"
"""Letters of axes with other names."""
ORIGINS: Final = (
    ("pixel_size", "ics:parameter/scale"),
    ("time_step", "ics:parameter/scale"),
    ("acquired", "ics:history/date"),
    ("objective", "ics:sensor/s_params"),
    ("channels[*].name", "ics:parameter/ch"),
    ("channels", "ics:sensor/s_params"),
    ("planes", "ics:parameter/t"),
    ("name", "guess"),
)


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file is an ICS header, or the ``.ids`` file of one."""
    if MARK.match(head):
        return True
    return source.uri.lower().endswith(".ids") and _header_of(source) is not None


def _header_of(source: Source) -> Source | None:
    """Return the header of a file of pixels."""
    if not source.has_place:
        return None
    stem = re.split(r"[/\\]", source.uri.partition("?")[0])[-1][:-4]
    for suffix in (".ics", ".ICS"):
        found = readers.sibling(source, stem + suffix)
        if found is not None and MARK.match(readers.read_head(found, 64)):
            return found
    return None


def _read_separators(head: bytes) -> tuple[bytes, bytes]:
    """Return what stands between the words of a line, and between lines: the first characters."""
    field, line_end = head[:1], head[1:2]
    # Programs of Windows write the LF that ends lines as CR and LF.
    if line_end == b"\r" and head[2:3] == b"\n" and field != b"\n":
        line_end = b"\n"
    return field, line_end


def _last_line(field: bytes, line_end: bytes) -> re.Pattern[bytes]:
    """Return the line ``end``, up to where pixels of version 2 begin."""
    padding = b"".join(re.escape(one) for one in {b" ", b"\t", field} - {line_end})
    # As libics reads: a CR in front of an LF belongs to it. One more byte is one of the pixels.
    behind = rb"\r?\n" if line_end == b"\n" else re.escape(line_end)
    return re.compile(re.escape(line_end) + rb"end[" + padding + rb"]*" + behind)


class _IcsHeader:
    """Fields of the text by category and name. It lives for one opening."""

    def __init__(self, source: Source) -> None:
        head = readers.read_head(source, 1 << 16)
        if not MARK.match(head):
            raise CorruptFileError.at(source.uri, 0, "expected two separators and ics_version")
        field, line_end = _read_separators(head)
        last_line = _last_line(field, line_end)
        end = last_line.search(head)
        if end is None:
            head = readers.read_head(source, LARGEST_HEADER)
            end = last_line.search(head)
        self.stop = len(head) if end is None else end.end()
        self.text = head[: self.stop].decode("utf_8", "replace")
        self.fields: dict[tuple[str, str], list[str]] = {}
        self.history: list[str] = []
        for line in head[2 : self.stop].split(line_end):
            words = [word.decode("utf_8", "replace") for word in line.split(field)]
            category, name, values = words[0].strip().lower(), "", words[1:]
            if category in {"source", "layout", "representation", "parameter", "sensor", "history"}:
                name, values = (words[1].strip() if len(words) > 1 else "").lower(), words[2:]
            # Writers end a line with a separator, or pad with several.
            values = [value.strip() for value in values]
            while values and not values[-1]:
                values.pop()
            if category == "history":
                self.history.append(" ".join(word.strip() for word in words[1:]))
            # Parameters of the sensor have a name behind that of their group.
            if (category, name) == ("sensor", "s_params") and values:
                category, name, values = name, values[0].lower(), values[1:]
            self.fields.setdefault((category, name), values)

    def words(self, category: str, name: str = "") -> list[str]:
        return self.fields.get((category, name), [])

    def word(self, category: str, name: str = "") -> str:
        return next(iter(self.words(category, name)), "")


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the image of an ICS file.

    Parameters
    ----------
    source
        The header, or the ``.ids`` file beside it.
    options
        None applies.

    Returns
    -------
    One scene.

    Raises
    ------
    CorruptFileError
        When the header makes no sense, or the pixels are missing.
    UnsupportedFormatError
        For types and compressions that are not read.
    """
    described = source
    if not MARK.match(readers.read_head(source, 64)):
        described = _header_of(source) or source
    header = _IcsHeader(described)
    names, sizes = _read_axes(described, header)
    dtype = _read_type(described, header)
    pixels, offset = _find_pixels(described, header)
    compression = header.word("representation", "compression").lower() or "uncompressed"
    if compression not in {"uncompressed", "gzip"}:
        raise UnsupportedFormatError(
            f"{described.uri}: its compression {compression!r} is not read; gzip is"
        )
    letters = _letter_axes(names)
    array, diagnostics = lay_out(
        pixels,
        offset,
        letters[::-1],
        sizes[::-1],
        dtype,
        compression="gzip" if compression == "gzip" else "raw",
    )
    steps, trouble = _read_steps(header, letters, described)
    sizes_by_letter = dict(array.dims.items())
    where = described.uri
    channels, notes = describe_channels(
        header.fields, sizes_by_letter.get("C", 0), sizes_by_letter.get("S", 1), where
    )
    planes, more = describe_planes(header.fields, sizes_by_letter.get("T", 1), where)
    trouble += [*notes, *more]
    scene = Scene(
        name="Image:0",
        levels=(array,),
        channels=channels,
        pixel_size=PixelSize(steps.get("Z"), steps.get("Y"), steps.get("X")),
        time_step=steps.get("T"),
        acquired=read_date(header.history),
        objective=describe_objective(header.fields),
        planes=planes,
    )
    return Contents((scene,), header.text, (*diagnostics, *trouble))


def _read_axes(source: Source, header: _IcsHeader) -> tuple[list[str], list[int]]:
    """Return names and sizes of axes, the fastest first, without that of bits."""
    names = [name.lower() for name in header.words("layout", "order")]
    try:
        sizes = [int(size) for size in header.words("layout", "sizes")]
    except ValueError:
        sizes = []
    if len(names) != len(sizes) or "bits" not in names or not 1 < len(names) < 12:
        raise CorruptFileError.at(
            source.uri, None, f"expected names and sizes of axes, found {names} and {sizes}"
        )
    # `bits` is listed as an axis; its size is that of a sample.
    bits = names.index("bits")
    return names[:bits] + names[bits + 1 :], sizes[:bits] + sizes[bits + 1 :]


def _read_type(source: Source, header: _IcsHeader) -> DType:
    names = [name.lower() for name in header.words("layout", "order")]
    bits = header.words("layout", "sizes")[names.index("bits")]
    kind = header.word("representation", "format").lower() or "integer"
    sign = header.word("representation", "sign").lower()
    letter = {"integer": "i" if sign == "signed" else "u", "real": "f", "complex": "c"}.get(kind)
    order = header.words("representation", "byte_order")
    try:
        dtype = np.dtype(f"{letter}{int(bits) // 8}")
    except (TypeError, ValueError):
        dtype = None
    if dtype is None or int(bits) % 8 or dtype.kind not in "iufc":
        raise UnsupportedFormatError(f"{source.uri} has {kind} pixels of {bits} bits")
    # "1 2" names the place of each byte, the lowest first: little-endian.
    is_little = not order or order[0] == "1"
    nbytes = dtype.itemsize // (2 if dtype.kind == "c" else 1)
    places = [str(place) for place in range(1, nbytes + 1)]
    # Each part of a complex number has an order of its own in libics. Of a short list the first
    # place counts.
    if len(order) >= nbytes and order[:nbytes] not in (places, places[::-1]):
        whole = [str(place) for place in range(dtype.itemsize, 0, -1)]
        if order != whole:
            shown = " ".join(order[:16])
            raise UnsupportedFormatError(
                f"{source.uri} has pixels whose bytes lie in the order {shown!r}, which is not read"
            )
    return dtype.newbyteorder("<" if is_little else ">")


def _find_pixels(source: Source, header: _IcsHeader) -> tuple[Source, int]:
    named = header.word("source", "file")
    version = header.word("ics_version")
    if not named and version.startswith("2"):
        return source, header.stop
    if named:
        offset = header.word("source", "offset") or "0"
        # Folders in the name are those of the writer: the file is looked for beside the header.
        name = re.split(r"[/\\]", named)[-1]
        found = readers.sibling(source, name)
        is_number = offset.isascii() and offset.isdigit() and len(offset) < 19
        if found is None or not is_number:
            raise CorruptFileError.at(source.uri, None, f"expected its pixels in {name!r}")
        return found, int(offset)
    stem = re.split(r"[/\\]", source.uri.partition("?")[0])[-1].rpartition(".")[0]
    for suffix in (".ids", ".IDS"):
        found = readers.sibling(source, stem + suffix) if stem else None
        if found is not None:
            return found, 0
    # libics looks for it, too: pixels of an early version, packed by the program compress.
    packed = f"{stem}.ids.Z"
    if stem and readers.sibling(source, packed) is not None:
        raise UnsupportedFormatError(
            f"{source.uri} has its pixels in {packed!r}, which is not unpacked here: gzip -d does it"
        )
    raise CorruptFileError.at(source.uri, None, f"expected its pixels in {stem + '.ids'!r}")


def _letter_axes(names: list[str]) -> str:
    letters = ""
    for name in names:
        letter = LETTERS.get(name, "")
        if not letter or letter in letters:
            letter = next(one for one in SPARE if one not in letters)
        letters += letter
    # Samples of a colour run fastest; elsewhere they are channels.
    return letters.replace("S", "C") if "S" in letters[1:] and "C" not in letters else letters


def _read_steps(
    header: _IcsHeader, letters: str, source: Source
) -> tuple[dict[str, float], list[Diagnostic]]:
    """Return micrometres, or seconds, between positions of axes."""
    names = [name.lower() for name in header.words("layout", "order")]
    scales, units = header.words("parameter", "scale"), header.words("parameter", "units")
    bits = names.index("bits")
    steps: dict[str, float] = {}
    diagnostics = []
    for index, letter in enumerate(letters):
        # Scales and units have a place for `bits`, which has no letter.
        place = index + (index >= bits)
        if place >= len(scales) or letter not in "XYZT":
            continue
        unit = units[place].lower() if place < len(units) else ""
        factor = seconds_per(unit or None) if letter == "T" else micrometres_per(unit or None)
        step = finite_number(scales[place])
        if step is None:
            diagnostics.append(_unusable(letter, scales[place], source))
        elif factor is None:
            if unit not in {"", "undefined", "relative", "pixels"}:
                text = f"the unit {unit!r} of {letter} is not known: its step {step:g} is left out"
                diagnostics.append(Diagnostic("ics-unit", text, source.uri))
        elif 0 < step * factor < 1e9:
            steps[letter] = step * factor
        else:
            diagnostics.append(_unusable(letter, f"{scales[place]} {unit}", source))
    return steps, diagnostics


def _unusable(letter: str, words: str, source: Source) -> Diagnostic:
    text = f"the scale of {letter} is {words[:40]!r}, no usable step above 0: it is left out"
    return Diagnostic("unusable-size", text, source.uri)


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the fields of the header."""
    return FactOrigins(tuple(FactOrigin(path, origin) for path, origin in ORIGINS))
