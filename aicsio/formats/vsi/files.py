"""The ETS files of a VSI: found by the numbers of stacks, else by their sizes.

Rule kept here: only files in the folder of the VSI's name are looked at; a stack whose file is missing
is reported by the name of its folder.
"""

import re
from collections.abc import Sequence
from typing import Final

import attrs

from aicsio._io import readers
from aicsio._io.named_files import find_named, list_folder
from aicsio.errors import AicsioError
from aicsio.formats.vsi.ets import is_ets, read_ets
from aicsio.formats.vsi.metadata import StackTags, describe_stack
from aicsio.records import Diagnostic, Source

STACK_FOLDER: Final = re.compile(r"stack(\d{1,9})")
USUAL_NAMES: Final = ("frame_t.ets", "frame_t_0.ets")
"""Names that are tried where a folder cannot be listed."""
MOST_STACKS: Final = 10_000
SHOWN: Final = 5
"""Missing files that are named; others are counted."""


@attrs.frozen(eq=False)
class FoundFiles:
    """Stacks and their files. Not a record: it lives for one opening."""

    pairs: tuple[tuple[StackTags | None, Source], ...]
    """In the order of the tags; files that no tag describes come last."""
    diagnostics: tuple[Diagnostic, ...]
    """Files that are missing."""


def is_pixel_file(source: Source) -> bool:
    """Return whether a file is an ETS file, not the VSI."""
    return is_ets(readers.read_head(source, 4))


def find_files(source: Source, images: Sequence[StackTags]) -> FoundFiles:
    """Find the files of the stacks of a VSI."""
    stem = _file_name(source).rpartition(".")[0]
    if not source.has_place or not stem:
        return FoundFiles((), _report_missing([_folder_of(image) for image in images], source))
    held = _list_files(source, f"_{stem}_", images)
    pairs: list[tuple[StackTags | None, Source]] = []
    missing: list[StackTags] = []
    by_image: dict[int, Source] = {}
    for index, image in enumerate(images):
        # Keys are sorted: the first file of a folder is the image of its stack.
        key = next((key for key in held if key[0] == image.number), None)
        if key is None:
            missing.append(image)
        else:
            by_image[index] = held.pop(key)
    matched = _match_sizes(missing, held) if missing and held else {}
    for index, image in enumerate(images):
        file = by_image.get(index) or matched.get(id(image))
        if file is not None:
            pairs.append((image, file))
    lost = [_folder_of(image) for image in missing if id(image) not in matched]
    pairs += [(None, file) for file in held.values()]
    return FoundFiles(tuple(pairs), _report_missing(lost, source))


def _list_files(
    source: Source, folder: str, images: Sequence[StackTags]
) -> dict[tuple[int, str], Source]:
    """Return the files by stack and name, in the order of stacks."""
    numbers = {}
    for name in list_folder(source, folder):
        found = STACK_FOLDER.fullmatch(name)
        if found is not None:
            numbers[int(found[1])] = name
    keys = []
    for number in sorted(numbers)[:MOST_STACKS]:
        inside = f"{folder}/{numbers[number]}"
        # Others (blob_*.ets) are maps of focus.
        names = [
            name
            for name in list_folder(source, inside)
            if name.startswith("frame_t") and name.lower().endswith(".ets")
        ]
        keys += [(number, f"{inside}/{name}") for name in names]
    # A web server lists no folders: the numbers in the tags give the paths to try.
    if not source.local:
        stacks = [image.number for image in images if image.number is not None]
        keys = [(number, f"{folder}/stack{number}/{USUAL_NAMES[0]}") for number in stacks]
    held = {}
    for number, key in keys:
        file = find_named(source, key)
        if file is None and not source.local:
            file = find_named(source, key.replace(*USUAL_NAMES))
        if file is not None:
            held[number, key] = file
    return held


def _match_sizes(
    images: Sequence[StackTags], held: dict[tuple[int, str], Source]
) -> dict[int, Source]:
    """Give files of unknown stacks to images of their size; they are taken out of those held."""
    matched = {}
    for key, file in list(held.items()):
        try:
            extents = read_ets(file).extents
        except AicsioError:
            continue  # it is reported where its image is described
        for image in images:
            stack = describe_stack(image)
            if id(image) not in matched and extents[:2] == (stack.width, stack.height):
                matched[id(image)] = held.pop(key)
                break
    return matched


def _report_missing(folders: Sequence[str], source: Source) -> tuple[Diagnostic, ...]:
    if not folders:
        return ()
    shown = ", ".join(folders[:SHOWN])
    more = f" and {len(folders) - SHOWN} more" if len(folders) > SHOWN else ""
    stem = _file_name(source).rpartition(".")[0]
    text = (
        f"{len(folders)} images have no ETS file and are not shown: expected frame_t*.ets in {shown}"
        f"{more} of the folder _{stem}_ beside the file"
    )
    return (Diagnostic("vsi-missing-ets", text, source.uri, loss=True),)


def _folder_of(image: StackTags) -> str:
    return "a stack without a number" if image.number is None else f"stack{image.number}"


# ---------------------------------------------------------------- names


def _file_name(source: Source) -> str:
    return re.split(r"[/\\]", source.uri.partition("?")[0])[-1]


def folder_name(file: Source) -> str:
    """Return the name of the folder of an ETS file; empty if it has none."""
    parts = re.split(r"[/\\]", file.uri.partition("?")[0])
    return parts[-2] if len(parts) > 1 and STACK_FOLDER.fullmatch(parts[-2]) else ""


def stack_number(file: Source) -> int | None:
    """Return the number of the stack of an ETS file."""
    found = STACK_FOLDER.fullmatch(folder_name(file))
    return None if found is None else int(found[1])


def find_index(file: Source) -> Source | None:
    """Return the VSI that an ETS file belongs to; ``None`` where it does not lie above it."""
    # .../_NAME_/stack<number>/frame_t.ets: the VSI lies beside the folder _NAME_.
    parts = re.split(r"[/\\]", file.uri.partition("?")[0])
    if not file.has_place or len(parts) < 4 or not re.fullmatch(r"_.+_", parts[-3]):
        return None
    return readers.file_below(file, f"{parts[-3][1:-1]}.vsi", parents=2)
