"""The memory of an image, from the files that hold its parts.

Rule kept here: parts are counted against the memory of the description; a file is looked for by its
name and not opened, but for a LOF, whose header tells where its pixels begin.
"""

from xml.etree import ElementTree as ET

import attrs
import numpy as np

from aicsio._checks.words import count_of
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats._leica.arrays import lay_out_pixels
from aicsio.formats._leica.container import MemoryBlock, read_container
from aicsio.formats._leica.description import Axis, ChannelDescription, Unreadable
from aicsio.formats._leica.layout import LifLayout
from aicsio.formats.xlef.layout import MemoryFilesLayout
from aicsio.formats.xlef.members import READERS
from aicsio.formats.xlef.paths import ProjectFolder
from aicsio.formats.xlef.project import ProjectImage
from aicsio.records import Diagnostic, LazyArray
from aicsio.records.packed import PackedIntegers

LARGEST_MEMORY = 2**62
"""Bytes. Sums of a few such numbers still fit 64 bits."""


@attrs.frozen
class MemoryPart:
    """A file and the part of the memory that it holds."""

    name: str
    """As written."""
    start: int
    """Where the part begins in the memory."""
    nbytes: int
    """Its length."""


class MemoryReader:
    """Finds the memory of images. Not a record: it lives for one opening."""

    def __init__(self, folder: ProjectFolder) -> None:
        self._folder = folder
        self.diagnostics: list[Diagnostic] = []

    def lay_out(
        self,
        scene: str,
        image: ProjectImage,
        axes: tuple[Axis, ...],
        channels: tuple[ChannelDescription, ...],
    ) -> LazyArray:
        """Return the array of an image.

        Raises
        ------
        Unreadable
            When it has no memory, none of its files is there, or pixels lie outside of the memory.
        """
        memory = image.element.find("Memory")
        parts = () if memory is None else _parse_parts(memory)
        if memory is None or not parts:
            raise Unreadable("its XML names no file with pixels")
        found = self._find(scene, image, parts)
        # A LOF that holds the whole memory is read by byte ranges, as a LIF.
        only = found[0] if len(found) == len(parts) == 1 else None
        if only is not None and only[0].lower().endswith(".lof"):
            return self._lay_out_lof(only[0], axes, channels)
        size = max(part.start + part.nbytes for part in parts)
        # LifLayout has no source of its own here: its offsets count from the start of the memory.
        virtual = lay_out_pixels(self._folder.source, MemoryBlock(0, size), axes, channels)
        return _over_files(virtual, found, self._folder.parents)

    def _lay_out_lof(
        self, path: str, axes: tuple[Axis, ...], channels: tuple[ChannelDescription, ...]
    ) -> LazyArray:
        source = self._folder.open(path)
        if source is None:
            raise Unreadable(f"there is no file {path!r}")
        try:
            block = read_container(source).blocks.get("")
        except (CorruptFileError, UnsupportedFormatError) as error:
            raise Unreadable(str(error)) from error
        if block is None:
            raise Unreadable(f"{path!r} is no LOF")
        return lay_out_pixels(source, block, axes, channels)

    def _find(
        self, scene: str, image: ProjectImage, parts: tuple[MemoryPart, ...]
    ) -> list[tuple[str, MemoryPart]]:
        """Return the files that are there, in the order of the memory."""
        found: list[tuple[str, MemoryPart]] = []
        missing: list[str] = []
        for part in sorted(parts, key=lambda one: one.start):
            path = self._folder.resolve(image.file, part.name)
            is_known = path is not None and path.lower().rpartition(".")[2] in READERS
            if path is not None and is_known:
                found.append((path, part))
            else:
                missing.append(part.name)
        if not found:
            raise Unreadable(f"none of its {count_of(len(parts), 'file')} is there: {missing[0]!r}")
        if missing:
            text = (
                f"{scene!r} lacks {count_of(len(missing), 'file', total=len(parts))}, the first is "
                f"{missing[0]!r}: their pixels are zero"
            )
            self.diagnostics.append(Diagnostic("xlef-missing-members", text, scene, loss=True))
        return found


def list_files(folder: ProjectFolder, image: ProjectImage) -> list[str]:
    """Return the paths of the files of an image that are there."""
    memory = image.element.find("Memory")
    try:
        parts = () if memory is None else _parse_parts(memory)
    except Unreadable:
        return []
    paths = (folder.resolve(image.file, part.name) for part in parts)
    return [path for path in dict.fromkeys(paths) if path is not None]


def _parse_parts(memory: ET.Element) -> tuple[MemoryPart, ...]:
    """Return the files of a memory: Block, Frame, OMETiffBlock and others alike."""
    parts = []
    size = _whole(memory.get("Size"))
    for element in memory:
        name = element.get("File")
        if name is None:
            continue
        start, nbytes = _whole(element.get("Offset", "0")), _whole(element.get("Size"))
        # Without a size of its own, one file holds it all.
        nbytes = size if nbytes is None else nbytes
        if start is None or nbytes is None or nbytes == 0:
            raise Unreadable(f"{name!r} holds {element.get('Size')!r} bytes of its memory")
        parts.append(MemoryPart(name, start, nbytes))
    return tuple(parts)


def _whole(text: str | None) -> int | None:
    """Return a number of bytes; ``None`` for what is none."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    return int(text) if int(text) < LARGEST_MEMORY else None


def _over_files(virtual: LazyArray, found: list[tuple[str, MemoryPart]], parents: int) -> LazyArray:
    memory = virtual.layout
    if not isinstance(memory, LifLayout):
        raise TypeError("a memory is laid out by its strides")
    encoded = [path.encode() for path, _ in found]
    plane = tuple(axis for axis, letter in enumerate(virtual.stored.order) if letter in "YXS")
    layout = MemoryFilesLayout(
        memory=memory,
        plane=plane,
        parents=parents,
        names=b"".join(encoded),
        name_ends=PackedIntegers.pack(np.cumsum([len(name) for name in encoded])),
        starts=np.array([part.start for _, part in found], "<i8").tobytes(),
        sizes=PackedIntegers.pack(np.array([part.nbytes for _, part in found], np.int64)),
    )
    return LazyArray.whole(layout, virtual.stored, virtual.dtype)
