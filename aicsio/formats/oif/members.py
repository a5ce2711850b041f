"""The files of an OIF set: streams of an OIB, or files in the folder beside an OIF.

Rule kept here: a member is a name and byte ranges of one source; whoever reads it need not know
which of the two it lies in. Only files below the folder of the OIF are opened.

Source of the facts: files of FluoView 2.1, and the documentation of ``oiffile``: an OIB has a
stream ``OibInfo.txt`` that maps the names of streams to those of files.
"""

import ntpath
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import unquote

import attrs

from aicsio._io import readers
from aicsio._io.readers import Span
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.oif.compound import Extents, Stream, is_compound, read_streams
from aicsio.formats.oif.settings import (
    LARGEST_TEXT,
    Section,
    Settings,
    decode_settings,
    parse_settings,
    section_of,
    text_of,
    whole_of,
)
from aicsio.records import Diagnostic, Source

INFO: Final = "OibInfo.txt"
"""The stream that every OIB has."""
RECORDED: Final = (
    *("PtyFileNameS", "PtyFileNameE", "PtyFileNameThumbnail0", "LutFileName0", "RoiFileName0"),
)
"""Keys of the main settings with names of members."""
TEMPLATE: Final = "PtyFileNameT2"
"""Key of the name of a plane, with ``%03d`` for the number along each axis."""
MOST_LUTS: Final = 64
"""Lookup tables that are looked for: one a channel."""
MOST_REMOTE: Final = 1 << 16
"""Members of a remote OIF that are looked for by name: each is a request."""
PLANE_HEAD: Final = 512
"""Bytes that come with the answer of whether a plane of a remote OIF is there."""
OTHER_HEAD: Final = 8192
"""The same of other members: settings of a plane take some 4 KiB."""


@attrs.frozen
class Member:
    """One file of a set."""

    name: str
    """As the set has it, without folders."""
    source: Source
    """Where its bytes are."""
    extents: Extents
    """Runs of bytes of the source, in order."""

    @property
    def nbytes(self) -> int:
        """Bytes that there are."""
        return sum(nbytes for _, nbytes in self.extents)

    def ranges(self, start: int, nbytes: int) -> list[Span]:
        """Return the ranges of the source that hold a range of the member."""
        found = []
        for offset, length in self.extents:
            # For a lookup table shorter than one colour, the start is below 0.
            first = max(start, 0)
            count = min(length - first, nbytes)
            if count > 0:
                found.append((offset + first, count))
                nbytes -= count
            # The start now counts from the first byte of the next run.
            start = max(start - length, 0)
        return found


@attrs.frozen(eq=False)
class FileSet:
    """A set that was opened. Not a record: it lives for one opening."""

    base: Source
    """The OIF or OIB file."""
    text: str
    """The main settings."""
    settings: Settings
    """The same, parsed."""
    members: dict[str, Member]
    """By lower-case name."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Trouble with members."""

    def member(self, name: str) -> Member | None:
        """Return a member by its name, whatever its case: Windows wrote it."""
        return self.members.get(base_name(name).lower())

    def read_settings(self, names: Iterable[str]) -> dict[str, Settings]:
        """Read settings texts, all at once; those that the set lacks are left out."""
        found = [member for member in map(self.member, names) if member is not None]
        texts = read_parts([(member, 0, LARGEST_TEXT) for member in found])
        return {
            member.name: parse_settings(decode_settings(data))
            for member, data in zip(found, texts, strict=True)
        }


def base_name(path: str) -> str:
    """Return the last part of a path of Windows or of another system."""
    return path.replace("\\", "/").rpartition("/")[2]


def read_parts(parts: Sequence[tuple[Member, int, int]]) -> list[bytes]:
    """Read a range (first byte, number) of each of some members, those of one source at once.

    A range that reaches beyond the member is cut.
    """
    spans: dict[Source, list[Span]] = {}
    counts = []
    for member, start, nbytes in parts:
        ranges = member.ranges(start, nbytes)
        spans.setdefault(member.source, []).extend(ranges)
        counts.append(len(ranges))
    buffers = {}
    for source, wanted in spans.items():
        with readers.lend(source) as reader:
            buffers[source] = iter(reader.read_spans(wanted))
    # Buffers come in the order of their spans: each member takes the next ones of its source.
    return [
        b"".join(bytes(next(buffers[member.source])) for _ in range(count))
        for (member, _, _), count in zip(parts, counts, strict=True)
    ]


def is_oib(source: Source, head: bytes) -> bool:
    """Return whether a file is a compound file with the streams of an OIB."""
    if not is_compound(head):
        return False
    if source.uri.partition("?")[0].lower().endswith(".oib"):
        # Where it has no such streams, the error of reading it helps more than "no format".
        return True
    try:
        # Many programs write compound files: only an OIB has this stream.
        return INFO in read_streams(source)
    except CorruptFileError:
        return False


def open_set(source: Source) -> FileSet:
    """Find the members of a set.

    Raises
    ------
    CorruptFileError
        When the compound file is damaged, the main settings are missing, or the folder is.
    UnsupportedFormatError
        When members are compressed as a whole, of which no file has been seen.
    """
    if is_compound(readers.read_head(source, 8)):
        return _open_oib(source)
    return _open_oif(source)


# ---------------------------------------------------------------- OIB


def _open_oib(source: Source) -> FileSet:
    streams = read_streams(source)
    info_stream = streams.get(INFO)
    if info_stream is None:
        raise CorruptFileError.at(source.uri, None, f"expected the stream {INFO!r}")
    info_member = Member(INFO, source, info_stream.extents)
    [data] = read_parts([(info_member, 0, LARGEST_TEXT)])
    info = section_of(parse_settings(decode_settings(data)), "OibSaveInfo")
    compression = text_of(info, "Compression")
    if compression not in {None, "None"}:
        raise UnsupportedFormatError(
            f"{source.uri} is an OIB whose members are compressed ({compression}), which is not read"
        )
    members, diagnostics = _name_streams(source, streams, info)
    members[INFO.lower()] = info_member
    main_key = text_of(info, "MainFileName") or ""
    main = streams.get(main_key)
    if main is None:
        raise CorruptFileError.at(
            source.uri, None, f"expected the main settings in the stream {main_key!r}"
        )
    [data] = read_parts([(Member(main_key, source, main.extents), 0, LARGEST_TEXT)])
    text = decode_settings(data)
    return FileSet(source, text, parse_settings(text), members, diagnostics)


def _name_streams(
    source: Source, streams: dict[str, Stream], info: Section
) -> tuple[dict[str, Member], tuple[Diagnostic, ...]]:
    members: dict[str, Member] = {}
    lost = []
    for key in info:
        name = text_of(info, key)
        if not key.startswith("Stream") or name is None:
            continue
        name = base_name(name)
        stream = streams.get(key)
        if stream is None or not stream.is_whole:
            lost.append(name)
        # A stream that is cut off may hold its settings all the same.
        if stream is not None and stream.extents:
            members.setdefault(name.lower(), Member(name, source, stream.extents))
    if not lost:
        return members, ()
    text = f"{len(lost)} of its streams are not whole in the file, the first is {lost[0]!r}"
    return members, (Diagnostic("oif-streams", text, loss=True),)


# ---------------------------------------------------------------- OIF


def _open_oif(source: Source) -> FileSet:
    text = decode_settings(readers.read_head(source, LARGEST_TEXT))
    settings = parse_settings(text)
    if not source.has_place:
        raise UnsupportedFormatError(
            f"{source.uri} is the index of an OIF set, whose pixels lie in files beside it: open it by "
            "its path or URL"
        )
    saved = section_of(settings, "ProfileSaveInfo")
    recorded = [name for key in RECORDED if (name := text_of(saved, key)) is not None]
    folders = [f"{_file_name(source)}.files"]
    # A renamed index leaves its folder under the name that the settings recorded.
    folders += [folder for name in recorded if (folder := ntpath.dirname(name)) not in folders]
    for folder in folders:
        members = _find_files(source, settings, folder, [base_name(name) for name in recorded])
        if members:
            return FileSet(source, text, settings, members)
    raise CorruptFileError.at(
        source.uri, None, f"expected the folder {folders[0]!r} with its planes beside it"
    )


def _file_name(source: Source) -> str:
    name = re.split(r"[/\\]", source.uri.partition("?")[0])[-1]
    # A name on a disk may hold a percent sign of its own; in a URL it begins an escape.
    return name if source.local else unquote(name)


def _find_files(
    source: Source, settings: Settings, folder: str, recorded: list[str]
) -> dict[str, Member]:
    """Return the files of the folder of a set."""
    first = None
    for name in recorded:
        first = readers.file_below(source, f"{folder}/{name}")
        if first is not None:
            break
    if first is None:
        return {}
    # The folder of a URL cannot be listed: the settings give the names.
    names = readers.neighbours(first) or [*recorded, *_expected_names(settings)]
    own_name, beside = base_name(first.uri), first

    def find(name: str) -> Source | None:
        if name == own_name:
            return beside
        # Of planes, which are many, only one shows what all are like.
        is_plane = name.lower().endswith(".tif")
        return readers.sibling(beside, name, head_nbytes=PLANE_HEAD if is_plane else OTHER_HEAD)

    names = list(dict.fromkeys(names[:MOST_REMOTE]))
    members = {}
    for name, found in zip(names, readers.find_at_once(find, names, first), strict=True):
        if found is not None and found.size:
            members[name.lower()] = Member(name, found, ((0, found.size),))
    return members


def _expected_names(settings: Settings) -> list[str]:
    """Return the names of planes and their settings that the main settings announce."""
    saved = section_of(settings, "ProfileSaveInfo")
    template = base_name(text_of(saved, TEMPLATE) or "")
    # The template names settings, ``s_C%03dZ%03d.pty``; the TIFF of a plane shares the stem.
    stems = [re.sub(r"\.pty$", "", template)]
    for letter in re.findall(r"([A-Z])%0\dd", template):
        # A damaged size must not make many more names than will be looked for.
        count = min(_axis_size(settings, letter), MOST_REMOTE // len(stems) + 1)
        parts = [re.split(r"(%0\dd)", stem, maxsplit=1) for stem in stems]
        numbers = range(1, count + 1)
        stems = [before + form % one + after for before, form, after in parts for one in numbers]
    lut_count = min(whole_of(saved, "LUTCount") or 0, MOST_LUTS)
    luts = [text_of(saved, f"LutFileName{index}") for index in range(lut_count)]
    others = [base_name(name) for name in luts if name is not None]
    return [*others, *(f"{stem}{suffix}" for stem in stems for suffix in (".tif", ".pty"))]


def _axis_size(settings: Settings, letter: str) -> int:
    for number in range(9):
        axis = section_of(settings, f"Axis {number} Parameters Common")
        if text_of(axis, "AxisCode") == letter:
            return max(whole_of(axis, "MaxSize") or 1, 1)
    return 1
