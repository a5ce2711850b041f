"""How what aicsio sees in a real file differs from what the independent reader recorded. Nothing here is a test.

``docs/fidelity.md`` lists every difference with its reason; ``listed`` reads that page, ``differences`` looks for
itself, and ``test_corpus`` holds the two against each other.
"""

import functools
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio import ImageHandle, Scene, select_level, select_scene, to_numpy
from support import ROOT

Fact = dict[str, Any]
PAGE = ROOT / "docs" / "fidelity.md"


@functools.cache
def listed() -> list[tuple[str, str]]:
    """Pairs of aspect and file pattern in the tables of the page."""
    rows = re.findall(
        r"^\| ([a-z][A-Za-z -]*) \| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return [(aspect.strip(), pattern) for aspect, pattern in rows]


def expected(name: str) -> set[str]:
    """Aspects in which the page says that a file differs."""
    return {aspect for aspect, pattern in listed() if fnmatchcase(name, pattern)}


# ---------------------------------------------------------------- pixels


def every_array(handle: ImageHandle) -> Iterator[npt.NDArray[Any]]:
    """Pixels of each scene and level."""
    for index, scene in enumerate(handle.scenes):
        for level in range(len(scene.levels)):
            yield to_numpy(select_level(select_scene(handle, index), level))


def digest(plane: npt.NDArray[Any]) -> str:
    """Checksum as recorded: little-endian, row-major."""
    return hashlib.md5(
        plane.astype(plane.dtype.newbyteorder("<")).tobytes(), usedforsecurity=False
    ).hexdigest()


def planes(
    array: npt.NDArray[Any], rows: int, columns: int, samples: int
) -> Iterator[npt.NDArray[Any]]:
    """Planes of the recorded size: in stored order, and with an axis as long as the samples moved to the end."""
    length = rows * columns * samples
    if array.size == 0 or array.size % length:
        return
    yield from array.reshape(-1, length)
    for axis, size in enumerate(array.shape[:-1]):
        if size == samples > 1 != array.ndim - 1 - axis:
            yield from np.ascontiguousarray(np.moveaxis(array, axis, -1)).reshape(-1, length)


def conversions(plane: npt.NDArray[Any], columns: int) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """What the independent reader does to pixels without losing any."""
    if plane.dtype == np.float16:
        yield "widened", plane.astype(np.float32)
    if plane.dtype.kind in "biu":
        whole = (
            plane.view(np.uint8) if plane.dtype == bool else plane.view(f"u{plane.dtype.itemsize}")
        )
        for bits in (1,) if plane.dtype == bool else range(8 * whole.itemsize, 1, -1):
            yield "inverted", whole ^ whole.dtype.type((1 << bits) - 1)
    if plane.dtype == np.float32:
        yield "inverted", plane.view(np.uint32) ^ np.uint32(0x7FFFFFFF)
    if plane.dtype == np.uint32:
        for seen in (plane, 0xFFFFFF - plane):
            yield (
                "repacked",
                np.append(_packed(seen.reshape(-1, columns), 24), np.zeros(plane.size, np.uint8)),
            )
    if plane.dtype in {np.dtype(np.uint16), np.dtype(np.uint32)}:
        for bits in (10, 12, 14, 24):
            yield "predicted on bytes", _predicted_on_bytes(plane.reshape(-1, columns), bits)


def _packed(rows: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    """Samples as TIFF packs them: most significant bit first, each row from a new byte."""
    each = rows[..., None].astype(np.uint64) >> np.arange(
        bits - 1, -1, -1, dtype=np.uint64
    ) & np.uint64(1)
    return np.packbits(each.astype(np.uint8).reshape(len(rows), -1), axis=1)


def _predicted_on_bytes(rows: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """Take differences of samples, pack them, and add up pairs of bytes in place of the samples."""
    wide = rows.astype(np.int64)
    differences = (wide - np.pad(wide, ((0, 0), (1, 0)))[:, :-1]) & ((1 << bits) - 1)
    packed = _packed(differences, bits)
    if bits == 24:
        return np.append(packed, np.zeros(rows.size, np.uint8))
    if packed.size % 2:
        return packed
    pairs = packed.reshape(-1).view("<u2")
    width = rows.shape[1]
    summed = [np.cumsum(pairs[i : i + width], dtype=np.uint16) for i in range(0, pairs.size, width)]
    stored = np.concatenate(summed).astype("<u2").view(np.uint8).reshape(packed.shape)
    single = np.unpackbits(stored, axis=1)[:, : width * bits].reshape(len(rows), width, bits)
    weights = np.uint64(1) << np.arange(bits - 1, -1, -1, dtype=np.uint64)
    return np.asarray((single * weights).sum(2), np.uint16)


def pixel_differences(handle: ImageHandle, fact: Fact) -> set[str]:
    """Look for all recorded checksums; says which conversion was needed, or that pixels differ."""
    wanted = Counter(plane["md5"] for series in fact["series"] for plane in series["planes"])
    shapes = dict.fromkeys((s["Y"], s["X"], s["rgb"]) for s in fact["series"])
    others = []
    for array in every_array(handle):
        for shape in shapes:
            for plane in planes(array, *shape):
                checksum = digest(plane)
                if wanted[checksum] > 0:
                    wanted[checksum] -= 1
                else:
                    others.append((plane, shape[1] * shape[2]))
    if not +wanted:
        return set()
    if set(+wanted) <= {_blank(series) for series in fact["series"]}:
        return {"pixels blank"}
    needed = set()
    for plane, columns in others:
        for name, seen in conversions(plane, columns):
            checksum = digest(seen)
            if wanted[checksum] > 0:
                wanted[checksum] -= 1
                needed.add(f"pixels {name}")
                break
    return needed | ({"pixels"} if +wanted else set())


def _blank(series: Fact) -> str:
    size = {"float": 4, "double": 8}.get(series["type"]) or int(
        re.sub(r"\D", "", series["type"])
    ) // 8
    return digest(np.zeros(series["X"] * series["Y"] * series["rgb"] * size, np.uint8))


# ---------------------------------------------------------------- metadata


def _close(recorded: float | None, seen: float | None) -> bool:
    if recorded is None or seen is None:
        return recorded is seen
    return math.isclose(recorded, seen, rel_tol=1e-6)


def _sizes(scene: Scene) -> dict[str, int]:
    sizes = dict(scene.dims.items())
    sizes["C"] = sizes.get("C", 1) * sizes.get("S", 1)
    return {letter: sizes.get(letter, 1) for letter in "XYZCT"}


def scene_differences(scene: Scene, series: Fact, ome: bool, guessed: bool) -> set[str]:
    """Compare one scene with one recorded series."""
    found = set()
    sizes, recorded = _sizes(scene), {letter: series[letter] for letter in "XYZCT"}
    if sizes != recorded:
        only_order = guessed and math.prod(sizes.values()) == math.prod(recorded.values())
        found.add("guessed axes" if only_order else "sizes")
    if len(scene.levels) != series["levels"]:
        found.add("levels")
    if (
        ome
        and (series["name"] or None)
        != (None if scene.name.startswith("Image:") else scene.name)
        != series["name"]
    ):
        found.add("names")
    if not all(map(_close, (series["psz"], series["psy"], series["psx"]), scene.pixel_size)):
        found.add("physical size")
    if not _close(series["tinc"], scene.time_step):
        found.add("time step")
    names = [channel.name for channel in scene.channels] or [None] * len(series["channels"])
    if names != [channel["name"] or None for channel in series["channels"]]:
        found.add("channel names")
    return found


def differences(handle: ImageHandle, fact: Fact) -> set[str]:
    """Compare an opened file with what was recorded of it."""
    found = pixel_differences(handle, fact)
    if len(handle.scenes) != len(fact["series"]):
        return found | {"scenes"}
    guessed = any(note.code == "guessed-axes" for note in handle.diagnostics)
    for scene, series in zip(handle.scenes, fact["series"], strict=True):
        found |= scene_differences(scene, series, fact["format"].startswith("OME"), guessed)
    return found
