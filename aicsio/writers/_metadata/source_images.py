"""Which image of an OME document a written image comes from, with its planes and pixels.

Rule kept here: pure functions of the handle. A position that cannot be followed is ``None``, never
a guess.
"""

from collections.abc import Mapping, Sequence

from aicsio._metadata import documents, folding, for_writers
from aicsio._metadata.from_records import place_in_document
from aicsio.records import ImageHandle, ImagePart, LazyArray, Pick
from aicsio.writers._metadata.merge.images import SourceImage
from aicsio.writers._metadata.merge.rois import Frame


def source_image(handle: ImageHandle, array: LazyArray) -> SourceImage | None:
    """Return the image of an OME document that this one comes from, with its planes and pixels.

    ``None`` for a source without OME.
    """
    if handle.format != "ome-tiff" or not handle.metadata:
        return None
    # Letters that the caller gave are not those of the axes in the document.
    has_own_letters = not any(note.code == "named-axes" for note in handle.diagnostics)
    stored = array.stored
    picks = dict(zip(stored.order, array.view.picks, strict=True))
    positions = tuple(
        (letter, _source_positions(letter, array, picks) if has_own_letters else None)
        for letter in "TCZ"
    )
    part = handle.scene.part
    if part is not None:
        positions = tuple(
            (letter, _positions_of_image(places, part) if letter == part.letter else places)
            for letter, places in positions
        )
    number, image_count = place_in_document(handle)
    whole_planes = all(picks.get(letter) == range(stored.get(letter, 0)) for letter in "YX")
    steps_kept = [
        letter
        for letter in "XYZ"
        if _keeps_steps(picks.get(letter, 0)) and (letter == "Z" or handle.level == 0)
    ]
    return SourceImage(
        text=handle.metadata,
        number=number,
        image_count=image_count,
        positions=positions,
        frame=_frame(handle, array, picks) if has_own_letters else None,
        scene=handle.scene.name,
        whole=handle.level == 0 and whole_planes,
        unscaled="".join(steps_kept),
        unfolded=tuple(letter for letter in stored.order if letter not in "TCZYXS"),
        is_part=part is not None,
    )


def all_source_images(
    handles: Sequence[ImageHandle], arrays: Sequence[LazyArray]
) -> list[SourceImage | None]:
    """Return the image of a document that each image comes from; ``None`` without a document.

    Parameters
    ----------
    handles
        The images.
    arrays
        Pixels of each, in the order of the file.
    """
    made = _MadeDocuments(handles)
    sources = []
    for handle, array in zip(handles, arrays, strict=True):
        is_ome_tiff = handle.format == "ome-tiff" and handle.metadata
        sources.append(source_image(handle, array) if is_ome_tiff else made.source(handle, array))
    return sources


class _MadeDocuments:
    """Documents of files that are no OME-TIFF, one for each file. Lives for one writing."""

    def __init__(self, handles: Sequence[ImageHandle]) -> None:
        self._numbers: dict[int, list[int]] = {}
        self._documents: dict[int, tuple[str | None, bool]] = {}
        for handle in handles:
            numbers = self._numbers.setdefault(id(handle.contents), [])
            if handle.scene_index not in numbers:
                numbers.append(handle.scene_index)

    def source(self, handle: ImageHandle, array: LazyArray) -> SourceImage | None:
        """Return the image of a scene in the document of its file."""
        key = id(handle.contents)
        numbers = self._numbers[key]
        if key not in self._documents:
            own = documents.own_document(handle)
            is_own = isinstance(own, documents.OmeTree)
            if isinstance(own, documents.OmeTree):
                text: str | None = documents.to_text(own)
            else:
                text = for_writers.source_text(handle, numbers)
            self._documents[key] = text, is_own
        text, is_own = self._documents[key]
        if text is None:
            return None
        if is_own:
            numbers = list(range(len(handle.scenes)))
        return _made_source(handle, array, text, numbers)


def _made_source(
    handle: ImageHandle, array: LazyArray, text: str, numbers: Sequence[int]
) -> SourceImage:
    stored = array.stored
    picks = dict(zip(stored.order, array.view.picks, strict=True))
    channels = _all_positions(picks.get("C", 0))
    inner = _folded_into("C", folding.in_file(array.dims))
    # A dimension folded into channels repeats each of them.
    repeats = 1 if inner is None else array.dims[inner]
    return SourceImage(
        text=text,
        number=numbers.index(handle.scene_index),
        image_count=len(numbers),
        positions=(
            # Times and positions of planes are those of the records.
            ("T", None),
            ("C", tuple(position for position in channels for _ in range(repeats))),
            ("Z", None),
        ),
        frame=None,
        scene=handle.scene.name,
        whole=False,
        unfolded=tuple(letter for letter in stored.order if letter not in "TCZYXS"),
        is_of_file=True,
    )


def _positions_of_image(places: tuple[int, ...] | None, part: ImagePart) -> tuple[int, ...] | None:
    """Turn positions of the scene into those of its image."""
    if places is None or max(places, default=0) >= len(part.positions):
        return None
    return tuple(part.positions[place] for place in places)


def _frame(handle: ImageHandle, array: LazyArray, picks: Mapping[str, Pick]) -> Frame | None:
    """Return where points of full resolution go.

    ``None`` where rows or columns are picked unevenly.
    """
    rows, columns = _as_range(picks.get("Y", 0)), _as_range(picks.get("X", 0))
    if rows is None or columns is None:
        return None
    full, stored = handle.levels[0].stored, array.stored
    down = full.get("Y", 1) / stored.get("Y", 1)
    across = full.get("X", 1) / stored.get("X", 1)
    return Frame(*_affine(columns, across), *_affine(rows, down))


def _as_range(pick: Pick) -> range | None:
    if isinstance(pick, int):
        return range(pick, pick + 1)
    return pick if isinstance(pick, range) else None


def _keeps_steps(pick: Pick) -> bool:
    """Whether neighbours in the file are neighbours in the source."""
    if isinstance(pick, int) or len(pick) == 1:
        return True
    return isinstance(pick, range) and abs(pick.step) == 1


def _affine(pick: range, ratio: float) -> tuple[float, float]:
    """Return scale and shift from full resolution to the pixels picked of a level ``ratio`` times smaller."""
    step = pick.step if len(pick) > 1 else 1
    # A mirrored pixel begins at the edge where it ended.
    start = pick.start if step > 0 else pick.start + 1
    return 1 / (ratio * step), -start / step


def _source_positions(
    letter: str, array: LazyArray, picks: Mapping[str, Pick]
) -> tuple[int, ...] | None:
    """Return the position in the source of each position in the file, both with folded dimensions.

    ``None`` where source and file fold different dimensions into the letter.
    """
    stored = array.stored
    folded_in_file = _folded_into(letter, folding.in_file(array.dims))
    if letter not in stored:
        return (0,) if folded_in_file is None else None
    # A folded dimension is the faster part of its letter, so it stands right behind it.
    next_letter = stored.order[stored.order.index(letter) + 1 :][:1]
    folded_in_source = None if next_letter in {"", *"TCZYXS"} else next_letter
    if folded_in_file not in {None, folded_in_source}:
        return None
    outer = _all_positions(picks[letter])
    if folded_in_source is None:
        return outer
    inner = _all_positions(picks[folded_in_source])
    if folded_in_file is None and len(inner) != 1:
        return None
    inner_size = stored[folded_in_source]
    # Counted along the letter, the folded part varies fastest.
    return tuple(position * inner_size + part for position in outer for part in inner)


def _folded_into(letter: str, folds: Mapping[str, str]) -> str | None:
    for inner, outer in folds.items():
        if outer == letter:
            return inner
    return None


def _all_positions(pick: Pick) -> tuple[int, ...]:
    return (pick,) if isinstance(pick, int) else tuple(pick)
