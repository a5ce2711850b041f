"""Planes and facts of real files beside those of two other readers: run by hand with files, or without any.

    python tests/second_readers.py [FILES]

For each file the best library of its format (``nd2``, ``mrc``, ``czifile``, ``liffile``, ``oiffile``,
``oirfile``, ``tifffile``) and OpenReadout: how many planes are equal, and which of names of scenes, pixel sizes,
steps of time, times and stage positions are. A fact that the other reader does not give is not compared.
Differences follow each row. Without files it takes all public files of these formats; readers that are not installed
are left out. czifile and liffile have newer releases for Python 3.12 and later.
"""

import importlib
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

import aicsio
from aicsio.verify import verify
from support import data_folder

Array = npt.NDArray[Any]
CLOSE = 1e-5
"""Part by which numbers may differ: some readers calculate in 32 bits."""


@attrs.frozen
class Reading:
    """One image as another reader sees it. What it does not say is ``None``."""

    axes: str
    """Letters of aicsio, one an axis."""
    pixels: Callable[[], Array]
    """Reads them."""
    name: str | None = None
    """Of the scene."""
    sizes: Mapping[str, float] = attrs.Factory(dict)
    """Micrometres by axis."""
    time_step: float | None = None
    """Seconds."""
    times: Array | None = None
    """Seconds since the first plane, a value a frame."""
    positions: Array | None = None
    """Of the stage in micrometres, (frames, 2): x and y."""


Reader = Callable[[Any, Path], Iterator[Reading]]


# ---------------------------------------------------------------- the readers


def _nd2(library: Any, path: Path) -> Iterator[Reading]:
    with library.ND2File(path) as file:
        axes = "".join(file.sizes)
        size = file.voxel_size()
        sizes = {"Y": size.y, "X": size.x} | ({"Z": size.z} if "Z" in file.sizes else {})
        frames = [file.frame_metadata(number).channels[0] for number in range(_frames(file))]
        times = [frame.time.relativeTimeMs / 1000 for frame in frames]
        places = [tuple(frame.position.stagePositionUm)[:2] for frame in frames]
        pixels = file.asarray()
        loops = [letter for letter in axes if letter not in "CYXS"]
        numbers = np.arange(len(frames)).reshape([file.sizes[letter] for letter in loops])
        for position in range(file.sizes.get("P", 1)):
            kept, own, shown = numbers, pixels, axes
            if "P" in axes:
                # The loop of positions may run inside of that of time.
                kept = numbers.take(position, loops.index("P"))
                own, shown = pixels.take(position, axes.index("P")), axes.replace("P", "")
            rows = kept.reshape(-1)
            yield Reading(
                shown,
                own.view,
                sizes=sizes,
                times=np.array(times)[rows] - times[rows[0]],
                positions=np.array(places)[rows],
            )


def _frames(file: Any) -> int:
    return math.prod(size for letter, size in file.sizes.items() if letter not in "CYXS")


def _mrc(library: Any, path: Path) -> Iterator[Reading]:
    with library.DVFile(path) as file:
        size = file.voxel_size
        sizes = {letter: each for letter, each in zip("ZYX", reversed(size), strict=True) if each}
        pixels = np.array(file.asarray(squeeze=False))
        yield Reading("".join(file.sizes), lambda: pixels, sizes=sizes)


def _czifile(library: Any, path: Path) -> Iterator[Reading]:
    with library.CziFile(path) as file:
        for image in file.scenes.values():
            sizes = {} if image.mpp is None else dict(zip("XY", image.mpp, strict=True))
            yield Reading("".join(image.dims), image.asarray, sizes=sizes)


def _liffile(library: Any, path: Path) -> Iterator[Reading]:
    # Emission and excitation, as liffile writes their wavelengths.
    letters = {"λ": "L", "Λ": "E"}
    with library.LifFile(path) as file:
        for image in file.images:
            coordinates = image.coords
            steps = {
                letter: abs(float(np.diff(coordinates[letter][:2])[0]))
                for letter in "TZYX"
                if letter in coordinates and len(coordinates[letter]) > 1
            }
            yield Reading(
                "".join(letters.get(letter, letter) for letter in image.dims),
                image.asarray,
                name=image.name,
                sizes={letter: steps[letter] * 1e6 for letter in "ZYX" if letter in steps},
            )


def _tifffile(library: Any, path: Path) -> Iterator[Reading]:
    with library.TiffFile(path) as file:
        for series in file.series:
            # The second one of an LSM is its preview.
            if not series.keyframe.is_reduced:
                yield Reading(series.axes, series.asarray)


def _oiffile(library: Any, path: Path) -> Iterator[Reading]:
    with library.OifFile(path) as file:
        for series in file.series:
            yield Reading(file.axes, series.asarray)


def _oirfile(library: Any, path: Path) -> Iterator[Reading]:
    with library.OirFile(path) as file:
        yield Reading("".join(file.dims), file.asarray)


READERS: Mapping[str, tuple[str, Reader]] = {
    ".nd2": ("nd2", _nd2),
    ".dv": ("mrc", _mrc),
    ".r3d": ("mrc", _mrc),
    ".czi": ("czifile", _czifile),
    ".lif": ("liffile", _liffile),
    ".lof": ("liffile", _liffile),
    ".oib": ("oiffile", _oiffile),
    ".oif": ("oiffile", _oiffile),
    ".oir": ("oirfile", _oirfile),
    ".lsm": ("tifffile", _tifffile),
}
"""By suffix: the library, and how it is asked."""


# ---------------------------------------------------------------- the comparison


@attrs.define
class Row:
    """What was found of one file."""

    library: str
    """The other reader and its version."""
    equal: int = 0
    """Planes that are equal."""
    total: int = 0
    """Planes that were compared."""
    facts: dict[str, list[bool]] = attrs.Factory(dict)
    """By kind of fact: whether each is equal."""
    differences: list[str] = attrs.Factory(list)
    """What differs."""

    def note(self, kind: str, ours: object, theirs: object, *, equal: bool) -> None:
        """Count a fact, and describe it where it differs."""
        self.facts.setdefault(kind, []).append(equal)
        if not equal:
            self.differences.append(f"{kind}: {ours} here, {theirs} there")


def compare(path: Path) -> Row | None:
    """Compare a file with the library of its format; ``None`` where that is not installed."""
    name, reader = READERS[path.suffix.lower()]
    try:
        library = importlib.import_module(name)
    except ImportError:
        return None
    row = Row(f"{name} {library.__version__}")
    handle = aicsio.open_image(path)
    count = 0
    try:
        # The library reads pixels while its file is open.
        for count, reading in enumerate(reader(library, path), 1):
            if "M" in reading.axes:
                handle = aicsio.open_image(path, mosaic="tiles")
            if count <= len(handle.scenes):
                _compare_scene(aicsio.select_scene(handle, count - 1), reading, row)
    except Exception as error:  # noqa: BLE001 - any error of any library says that it does not read the file
        row.differences.append(f"scene {count - 1}: {error!r}")
        return row
    if count != len(handle.scenes):
        row.differences.append(f"{len(handle.scenes)} scenes here, {count} there")
    return row


def _compare_scene(handle: aicsio.ImageHandle, reading: Reading, row: Row) -> None:
    scene = handle.scene
    _compare_planes(handle, reading, row)
    if reading.name is not None:
        row.note("name", scene.name, reading.name, equal=scene.name == reading.name)
    for letter, theirs in reading.sizes.items():
        own = getattr(scene.pixel_size, letter)
        row.note(f"size of {letter}", own, theirs, equal=own is not None and _close(own, theirs))
    planes = scene.planes
    if planes is None:
        return
    if reading.times is not None and planes.column("time") is not None:
        ours = _of_frames(planes, "time")
        row.note("times", ours[:3], reading.times[:3], equal=_close(ours, reading.times, 1e-3))
    if reading.positions is not None and planes.column("x") is not None:
        ours = np.stack([_of_frames(planes, "x"), _of_frames(planes, "y")], axis=1)
        equal = _close(ours, reading.positions)
        row.note("positions", ours[0].tolist(), reading.positions[0], equal=equal)


def _of_frames(planes: aicsio.Planes, name: str) -> Array:
    """Return a column, a value a frame: the channels of a frame share their facts."""
    column = planes.column(name)
    assert column is not None
    order = planes.dims.order
    return (
        column[(slice(None),) * order.index("C") + (0,)].ravel() if "C" in order else column.ravel()
    )


def _compare_planes(handle: aicsio.ImageHandle, reading: Reading, row: Row) -> None:
    theirs = np.asarray(reading.pixels())
    # Axes of one position are written by some readers and left out by others.
    ours = aicsio.to_numpy(handle).squeeze()
    axes = [letter for letter, size in zip(reading.axes, theirs.shape, strict=True) if size > 1]
    own = [letter for letter in handle.dims.order if handle.dims[letter] > 1]
    theirs = theirs.squeeze()
    if sorted(own) != sorted(axes):
        row.differences.append(f"axes {''.join(own)} {ours.shape}, {''.join(axes)} {theirs.shape}")
        return
    theirs = theirs.transpose([axes.index(letter) for letter in own])
    if ours.shape != theirs.shape:
        row.differences.append(f"shape {ours.shape} here, {theirs.shape} there")
        return
    lead = 3 if own and own[-1] == "S" else 2
    for index in np.ndindex(ours.shape[:-lead]):
        row.total += 1
        equal = np.array_equal(ours[index], theirs[index], equal_nan=ours.dtype.kind in "fc")
        row.equal += equal
        if not equal:
            row.differences.append(f"plane {index} differs")


def _close(ours: Any, theirs: Any, absolute: float = 1e-9) -> bool:
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    return ours.shape == theirs.shape and np.allclose(ours, theirs, CLOSE, absolute, equal_nan=True)


def main(names: Sequence[str]) -> int:
    """Print the table; return 1 if a plane of some file differs."""
    folder = data_folder()
    if not names and folder is None:
        print("no public files here: name some, or set AICSIO_TEST_DATA to their folder")
        return 2
    found = () if folder is None else sorted(folder.rglob("*"))
    console = Console(width=None if sys.stdout.isatty() else 160)
    table = Table("file", "reader", "planes", "facts", "openreadout: planes")
    unequal = 0
    notes: list[str] = []
    for path in map(Path, names or found):
        if path.suffix.lower() not in READERS:
            continue
        shown = path.name
        try:
            row = compare(path)
        except aicsio.AicsioError as error:
            table.add_row(shown, "", "not read here", "", "")
            notes.append(f"{shown}: {error}")
            continue
        second = verify(path, engine="openreadout")
        opinion = f"{second.planes} equal" if second.agrees else "see below"
        if second.unread is not None:
            opinion = "not read there"
        elif not second.agrees:
            notes.append(str(second))
        if row is None:
            table.add_row(shown, "not installed", "", "", opinion)
            continue
        facts = ", ".join(f"{kind} {sum(each)}/{len(each)}" for kind, each in row.facts.items())
        table.add_row(shown, row.library, f"{row.equal} of {row.total}", facts, opinion)
        unequal += row.equal < row.total
        notes += [f"{shown}: {text}" for text in row.differences]
    console.print(table)
    for note in notes:
        console.print(note, markup=False, highlight=False)
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
