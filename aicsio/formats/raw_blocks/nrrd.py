"""NRRD, with its pixels behind the header, or in a file or several of their own.

Rule kept here: the header is text that ends with an empty line; what it does not state stays ``None``.

Source of the facts: "Definition of NRRD File Format" (Kindlmann, teem.sourceforge.net/nrrd).
"""

import itertools
import math
import re
from typing import Final

from aicsio._io import readers
from aicsio._ome.units import finite_number, micrometres_per, seconds_per
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats.raw_blocks import nrrd_files
from aicsio.formats.raw_blocks.blocks import MOST_AXES, check_shape, lay_out, read_type
from aicsio.formats.raw_blocks.slabs import lay_out_slabs
from aicsio.records import Channel, Contents, Diagnostic, DType, PixelSize, Scene, Source
from aicsio.records.provenance import FactOrigin, FactOrigins

# One more digit follows: the version, 1 to 5.
MAGICS: Final = (b"NRRD000", b"NRRD00.01")
"""The second is the first version of the format."""
MOST_LINES: Final = 10_000
LONGEST_LINES: Final = 1 << 20
"""Bytes in which the lines in front of the pixels must end."""
LARGEST_HEADER: Final = 1 << 22
"""Bytes of the text; keys and values of programs have some kilobytes."""
TYPES: Final = {
    "signed char": "i1", "int8": "i1", "int8_t": "i1",
    "uchar": "u1", "unsigned char": "u1", "uint8": "u1", "uint8_t": "u1",
    "short": "i2", "short int": "i2", "signed short": "i2", "signed short int": "i2",
    "int16": "i2", "int16_t": "i2",
    "ushort": "u2", "unsigned short": "u2", "unsigned short int": "u2", "uint16": "u2",
    "uint16_t": "u2",
    "int": "i4", "signed int": "i4", "int32": "i4", "int32_t": "i4",
    "uint": "u4", "unsigned int": "u4", "uint32": "u4", "uint32_t": "u4",
    "longlong": "i8", "long long": "i8", "long long int": "i8", "signed long long": "i8",
    "signed long long int": "i8", "int64": "i8", "int64_t": "i8",
    "ulonglong": "u8", "unsigned long long": "u8", "unsigned long long int": "u8",
    "uint64": "u8", "uint64_t": "u8",
    "float": "f4", "double": "f8",
}  # fmt: skip
ENCODINGS: Final = {
    "raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2",
    "ascii": "ascii", "text": "ascii", "txt": "ascii", "hex": "hex",
}  # fmt: skip
COLOURS: Final = {"rgb-color": 3, "rgba-color": 4, "3-color": 3, "4-color": 4}
"""Kinds of axes whose positions are samples of a colour, and their number."""
# Axes of these kinds are neither space nor time: they are shown as channels.
NO_SPACE: Final = frozenset({"list", "vector", "point", "normal", "3-vector", "4-vector"})
SPARE: Final = "QABDEFGHIJKLMNOPRUVW"
ORIGINS: Final = (
    ("pixel_size", "nrrd:spacings"),
    ("time_step", "nrrd:spacings"),
    ("name", "nrrd:content"),
)


def recognises(source: Source, head: bytes, /) -> bool:  # noqa: ARG001 - part of the protocol
    """Return whether the file is an NRRD header."""
    return head.startswith(MAGICS)


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the image of an NRRD file.

    Parameters
    ----------
    source
        The file, or a header whose pixels lie beside it.
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
        For types and encodings that are not read.
    """
    text, stop = _read_text(source)
    listed, files = nrrd_files.split_list(text)
    fields = _parse(listed)
    sizes = _integers(fields.get("sizes", ""))
    count = _integers(fields.get("dimension", ""))
    if not sizes or count != [len(sizes)] or len(sizes) > MOST_AXES:
        raise CorruptFileError.at(source.uri, None, f"expected sizes of axes, found {sizes}")
    dtype, encoding = _read_type(source, fields)
    letters = _letter_axes(fields, sizes)
    skip = _read_skip(source, fields, encoding)
    name = fields.get("datafile") or fields.get("data_file")
    if files is None and name is not None:
        files = nrrd_files.parse_pattern(source, name)
    if files is not None:
        if fields.get("lineskip", "0") != "0":
            raise UnsupportedFormatError(f"{source.uri} skips lines in several files")
        shape = tuple(sizes[::-1])
        check_shape(source, shape)
        array, diagnostics = lay_out_slabs(
            source,
            nrrd_files.find_files(source, files),
            skip,
            letters[::-1],
            shape,
            nrrd_files.measure_slab(source, files, shape),
            dtype,
            compression=encoding,
        )
    else:
        pixels, offset = _find_pixels(source, name, stop)
        offset = _skip_lines(pixels, offset, fields)
        if skip < 0:
            # The pixels end the file, behind a header of any length.
            offset = max((pixels.size or 0) - math.prod(sizes) * dtype.itemsize, 0)
        array, diagnostics = lay_out(
            pixels, offset + max(skip, 0), letters[::-1], sizes[::-1], dtype, compression=encoding
        )
    steps, trouble = _read_steps(fields, letters, source)
    scene = Scene(
        name=fields.get("content") or "Image:0",
        levels=(array,),
        channels=_list_channels(letters, sizes),
        pixel_size=PixelSize(steps.get("Z"), steps.get("Y"), steps.get("X")),
        time_step=steps.get("T"),
    )
    return Contents((scene,), text, (*diagnostics, *trouble))


def _read_text(source: Source) -> tuple[str, int]:
    """Return the header, and where it ends."""
    for nbytes in (1 << 14, LARGEST_HEADER):
        head = readers.read_head(source, nbytes)
        end = re.search(rb"\r?\n\r?\n", head)
        if end is not None:
            return head[: end.start()].decode("utf_8", "replace"), end.end()
        if source.size is not None and len(head) >= source.size:
            break
    # A header of its own may end with the file.
    return head.decode("utf_8", "replace"), len(head)


def _parse(text: str) -> dict[str, str]:
    """Return fields by name, without blanks in the names; keys of programs are left out."""
    fields: dict[str, str] = {}
    # `name: value` is a field, `key:=value` is a program's own, `#` begins a comment.
    for line in re.split(r"\r?\n", text)[1:]:
        name, colon, value = line.partition(": ")
        if line.startswith("#") or not colon or ":=" in name:
            continue
        fields.setdefault(name.replace(" ", "").lower(), value.strip())
    return fields


def _integers(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split()]
    except ValueError:
        return []


def _read_type(source: Source, fields: dict[str, str]) -> tuple[DType, str]:
    # Types of one byte, and numbers as text, need no `endian`.
    order = "<" if fields.get("endian", "little").lower() != "big" else ">"
    dtype = read_type(TYPES.get(fields.get("type", "").lower(), "none"), order)
    encoding = ENCODINGS.get(fields.get("encoding", "").lower())
    if dtype is None or encoding is None:
        raise UnsupportedFormatError(
            f"{source.uri} has pixels of type {fields.get('type')!r}, encoded as "
            f"{fields.get('encoding')!r}: numbers are read, raw, gzip, bzip2, ascii and hex"
        )
    return dtype, encoding


def _read_skip(source: Source, fields: dict[str, str], encoding: str) -> int:
    """Return the bytes in front of the pixels; -1 where they end the file."""
    skip = _integers(fields.get("byteskip") or "0")
    if skip == [0] or (encoding == "raw" and len(skip) == 1 and skip[0] >= -1):
        return skip[0]
    raise UnsupportedFormatError(
        f"{source.uri} skips {fields['byteskip']!r} bytes, which is read in front of raw pixels "
        "alone"
    )


def _skip_lines(pixels: Source, offset: int, fields: dict[str, str]) -> int:
    """Return where the pixels begin behind lines of text, such as the header of a PGM.

    Section 5 of the definition: lines are skipped before decompression, and before bytes.
    """
    (count,) = _integers(fields.get("lineskip") or "0") or (-1,)
    if not 0 <= count <= MOST_LINES:
        raise UnsupportedFormatError(f"{pixels.uri}: {fields['lineskip']!r} lines to skip")
    if count == 0:
        return offset
    with readers.lend(pixels) as reader:
        text = reader.read(offset, max(min(LONGEST_LINES, (pixels.size or 0) - offset), 0))
    ends = list(itertools.islice(re.finditer(rb"\n", text), count))
    if len(ends) < count:
        raise CorruptFileError.at(pixels.uri, offset, f"expected {count} lines to skip")
    return offset + ends[-1].end()


def _find_pixels(source: Source, name: str | None, stop: int) -> tuple[Source, int]:
    if name is None:
        return source, stop
    found = readers.sibling(source, name.removeprefix("./"))
    if found is None:
        raise CorruptFileError.at(source.uri, None, f"expected its pixels in {name!r}")
    return found, 0


def _words(fields: dict[str, str], *names: str) -> list[str]:
    """Return one word an axis, of the first field that is there; texts may be quoted."""
    for name in names:
        if name in fields:
            quoted = re.findall(r'"([^"]*)"', fields[name])
            return quoted or fields[name].split()
    return []


def _letter_axes(fields: dict[str, str], sizes: list[int]) -> str:
    """Return a letter for each axis, the fastest first."""
    kinds = [kind.lower() for kind in _words(fields, "kinds")]
    labels = [label.lower() for label in _words(fields, "labels")]
    letters = ""
    for index, size in enumerate(sizes):
        kind = kinds[index] if index < len(kinds) else ""
        label = labels[index] if index < len(labels) else ""
        letter = {"x": "X", "y": "Y", "z": "Z", "t": "T", "c": "C"}.get(
            label[:1] if len(label) == 1 else "", ""
        )
        if index == 0 and COLOURS.get(kind) == size:
            letter = "S"
        elif not letter and kind == "time":
            letter = "T"
        elif not letter and kind in NO_SPACE:
            letter = "C"
        # `?` waits for a letter that is still free when all axes are known.
        letters += letter if letter and letter not in letters else "?"
    free = [one for one in "XYZTC" if one not in letters] + list(SPARE)
    for one in free:
        letters = letters.replace("?", one, 1)
    return letters


def _list_channels(letters: str, sizes: list[int]) -> tuple[Channel, ...]:
    samples = sizes[0] if letters.startswith("S") else 1
    count = sizes[letters.index("C")] if "C" in letters else 1
    if count > 10_000 or (count == 1 and samples == 1):
        return ()
    return tuple(Channel(samples=samples) for _ in range(count))


def _read_steps(
    fields: dict[str, str], letters: str, source: Source
) -> tuple[dict[str, float], list[Diagnostic]]:
    """Return micrometres, or seconds, between positions of axes."""
    words = _words(fields, "spacings")
    spacings: list[float | None] = [_number(word) for word in words]
    # NaN is the format's word for an axis without a spacing; 0 is none.
    zeros = [letter for letter, word in zip(letters, words, strict=False) if _is_zero(word)]
    units = _words(fields, "units")
    if not spacings and "spacedirections" in fields:
        # One vector an axis, `none` for one outside of space; its length is the spacing.
        vectors = re.findall(r"none|\([^)]*\)", fields["spacedirections"])
        spacings = [_length(vector) for vector in vectors]
        in_space = _words(fields, "spaceunits")
        places = iter(in_space)
        # `space units` has no word for the axes without a vector.
        units = ["" if one == "none" else next(places, "") for one in vectors]
    steps: dict[str, float] = {}
    bare = []
    for index, letter in enumerate(letters):
        step = spacings[index] if index < len(spacings) else None
        if step is None or letter not in "XYZT":
            continue
        unit = units[index] if index < len(units) else ""
        factor = seconds_per(unit or None) if letter == "T" else micrometres_per(unit or None)
        if factor is None:
            bare.append(f"{letter}={step:g} {unit}".strip())
        elif 0 < step * factor < 1e12:
            steps[letter] = step * factor
    notes = []
    if zeros:
        text = f"the spacing of {', '.join(zeros)} is 0: no size follows from it"
        notes.append(Diagnostic("unusable-size", text, source.uri))
    if bare:
        text = f"spacings without a known unit are left out: {', '.join(bare)}"
        notes.append(Diagnostic("nrrd-unit", text, source.uri))
    return steps, notes


def _is_zero(word: str) -> bool:
    return finite_number(word) == 0


def _number(word: str) -> float | None:
    try:
        number = abs(float(word))
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def _length(vector: str) -> float | None:
    numbers = [_number(word) or 0.0 for word in vector.strip("()").split(",")]
    return math.hypot(*numbers) or None


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the fields of the header."""
    return FactOrigins(tuple(FactOrigin(path, origin) for path, origin in ORIGINS))
