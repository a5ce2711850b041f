"""TiffData elements -> runs of planes.

Rule kept here: joining loses nothing: ``split_up`` makes the same entries of the elements again.
"""

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt

from aicsio._ome.elements import local_name, parse_integer
from aicsio._ome.model import TiffData
from aicsio._ome.runs import ElementRun, ElementTable, Runs, table_of
from aicsio.records import Diagnostic, Dims

FEW = 2
"""Elements that are read one by one: columns of them take longer."""
MANY = 64
"""Elements that are joined where they follow each other: of fewer there is nothing to gain."""
_PLACES = ("IFD", "PlaneCount", "FirstZ", "FirstC", "FirstT")

Texts = Sequence[str | None]


def read_tiff_data(
    elements: Sequence[Element],
    runs: Runs,
    sizes: Dims,
    label: str,
    diagnostics: list[Diagnostic],
) -> tuple[TiffData, ...]:
    """Read TiffData elements; many of one plane each that follow each other become one entry.

    Parameters
    ----------
    elements
        TiffData elements of one Pixels.
    runs
        Elements that were cut out of the text.
    sizes
        Sizes of the image, slowest first; C counts samples.
    label
        Name of the image in diagnostics.
    diagnostics
        Gets the elements that cannot be read.
    """
    if not elements:
        return ()
    # The usual file has one element, or a run of them that was cut out.
    if runs or len(elements) > FEW:
        table = table_of(elements, runs)
        columns = _read_columns(table) if table.count > FEW else None
        if columns is not None:
            return _make_entries(columns, *_read_files(table), sizes)
        elements = table.elements
    entries = []
    for element in elements:
        entry = _read_tiff_datum(element)
        if entry is not None:
            entries.append(entry)
    if len(entries) < len(elements):
        message = f"{len(elements) - len(entries)} TiffData elements hold no whole numbers"
        diagnostics.append(Diagnostic("ome-tiff-data", f"{message}: they are left out", label))
    return tuple(entries)


def split_up(entry: TiffData, sizes: Dims) -> Iterator[TiffData]:
    """Yield an entry for each element of a joined one, or the entry if it is of one element.

    Parameters
    ----------
    entry
        One of those that ``read_tiff_data`` returned.
    sizes
        The sizes that it was read with.
    """
    if entry.elements == 1 or entry.ifd is None:
        yield entry
        return
    shape = dict(sizes.items())
    at = {"Z": entry.z, "C": entry.c, "T": entry.t}
    for ifd in range(entry.ifd, entry.ifd + entry.elements):
        yield entry._replace(ifd=ifd, planes=1, z=at["Z"], c=at["C"], t=at["T"], elements=1)
        # The next place in C order.
        for letter in reversed(sizes.order[:-2]):
            at[letter] += 1
            if at[letter] < shape[letter]:
                break
            at[letter] = 0


# ---------------------------------------------------------------- by columns


def _read_columns(table: ElementTable) -> list[list[int]] | None:
    """Read the numbers of elements of the usual spelling; ``None`` where one has another.

    A set may list 100 000 of them: 0.3 microseconds each, one by one 1.4.
    """
    columns = []
    for name in _PLACES:
        texts = table.column(name)
        if texts is None:
            return None
        try:
            columns.append([int(text) for text in texts if text is not None])
        except ValueError:
            return None
        if len(columns[-1]) < table.count:
            return None
    return columns


def _make_entries(
    columns: Sequence[Sequence[int]], uuids: Texts, names: Texts, sizes: Dims
) -> tuple[TiffData, ...]:
    ifds, counts, z, c, t = columns
    starts: Sequence[int] = range(len(ifds))
    elements = [1] * len(ifds)
    joined = _find_starts(columns, uuids, names, sizes) if len(ifds) >= MANY else None
    if joined is not None:
        (places,) = np.nonzero(joined)
        starts = places.tolist()
        counts = elements = np.diff(places, append=len(ifds)).tolist()
        ifds, z, c, t = ([column[start] for start in starts] for column in (ifds, z, c, t))
        uuids, names = ([column[start] for start in starts] for column in (uuids, names))
    rows = zip(ifds, counts, z, c, t, uuids, names, elements, strict=True)
    return tuple(map(TiffData._make, rows))


def _find_starts(
    columns: Sequence[Sequence[int]], uuids: Texts, names: Texts, sizes: Dims
) -> npt.NDArray[np.bool_] | None:
    """Return which elements do not go on where the one before them ends.

    ``None`` unless all are of one plane inside of the image: others mean what the pages decide.
    """
    if set(columns[1]) != {1}:
        return None
    try:
        ifds, _, *places = (np.array(column, np.int64) for column in columns)
    except OverflowError:
        return None
    if ifds.min() < 0:
        return None
    planes = np.zeros(len(ifds), np.int64)
    for letter, size in zip(sizes.order[:-2], sizes.shape[:-2], strict=True):
        place = places["ZCT".index(letter)]
        # 63 bits hold the numbers of planes of no larger image.
        if place.min() < 0 or place.max() >= size or size >= 1 << 20:
            return None
        planes = planes * size + place
    is_start = np.ones(len(ifds), np.bool_)
    is_start[1:] = (np.diff(planes) != 1) | (np.diff(ifds) != 1)
    for texts in (uuids, names):
        number_of = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        if len(number_of) > 1:
            numbers = np.array([number_of[text] for text in texts], np.int64)
            is_start[1:] |= np.diff(numbers) != 0
    return is_start


def _read_files(table: ElementTable) -> tuple[Texts, Texts]:
    """Return the UUIDs and the names of the files of TiffData elements."""
    nothing = (None,) * table.count
    if isinstance(table, ElementRun):
        if table.uuids is None:
            return nothing, nothing
        return [text or None for text in table.uuids], table.column("FileName") or nothing
    if not table.has_children:
        return nothing, nothing
    elements = table.elements
    if set(map(len, elements)) == {1}:
        children = [element[0] for element in elements]
        # Tags are few: their names are looked at once each.
        if {tag.rpartition("}")[2] for tag in {child.tag for child in children}} == {"UUID"}:
            texts = [(child.text or "").strip() or None for child in children]
            return texts, [child.get("FileName") for child in children]
    files = [_read_uuid(element) for element in elements]
    return [uuid for uuid, _ in files], [name for _, name in files]


# ---------------------------------------------------------------- one by one


def _read_uuid(element: Element) -> tuple[str | None, str | None]:
    """Return the UUID and the name of the file that holds the planes."""
    for child in element:
        if child.tag.endswith("UUID") and local_name(child) == "UUID":
            text = child.text
            return (text.strip() or None if text else None), child.get("FileName")
    return None, None


def _read_tiff_datum(element: Element) -> TiffData | None:
    get = element.get
    count_text = get("PlaneCount", get("NumPlanes"))
    ifd, count = parse_integer(get("IFD")), parse_integer(count_text)
    z, c, t = (parse_integer(get(name, "0")) for name in ("FirstZ", "FirstC", "FirstT"))
    if z is None or c is None or t is None:
        return None
    # A number that cannot be read is not the same as a missing one, which has a default.
    if (ifd is None and get("IFD") is not None) or (count is None and count_text is not None):
        return None
    return TiffData(ifd, count, z, c, t, *_read_uuid(element))
