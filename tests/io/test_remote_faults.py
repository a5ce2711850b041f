"""Faults at random: what is read is right, or one of our errors says why not, and it ends.

``AICSIO_FAULTS=500`` tries as many; ``python tests/test_remote_faults.py 500`` prints what became of each.
"""

import collections
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import AicsioError, ImageHandle, open_image, to_dask, to_numpy, transpose_to
from aicsio._io import pool, retrying
from aicsio.testing import ImageSpec, TiffSpec, build
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.lif import LifImage, build_lif
from http_server import Site, serving

PIXELS = np.random.default_rng(5).integers(0, 4096, (6, 128, 160), np.uint16)
FAULTS = (
    "reset",
    "cut",
    "slow",
    "stall",
    "429",
    "500",
    "502",
    "503",
    "change",
    "gone",
    "403",
    "whole",
    "restart",
)
LONGEST = 60.0
"""Seconds after which a read counts as hung."""


@attrs.frozen
class Tried:
    """One fault, or several, and what came of it."""

    faults: tuple[str, ...]
    outcome: str
    seconds: float


def contents(folder: Path) -> dict[str, bytes]:
    """One file of each format."""
    xml = metadata_xml()
    write_czi(folder / "raw.czi", blocks_of(PIXELS, "ZYX"), xml)
    write_czi(folder / "zstd.czi", blocks_of(PIXELS, "ZYX", compression="zstd1"), xml)
    spec = TiffSpec((ImageSpec(Z=6, Y=128, X=160),), compression="zlib", tile=(64, 64))
    return {
        "raw.czi": (folder / "raw.czi").read_bytes(),
        "zstd.czi": (folder / "zstd.czi").read_bytes(),
        "raw.lif": build_lif([LifImage(PIXELS, "ZYX")]),
        "tiles.ome.tiff": next(iter(build(spec).values())),
    }


def _read(handle: ImageHandle, rng: random.Random) -> Any:
    match rng.randrange(3):
        case 0:
            return to_numpy(handle)
        case 1:
            return to_dask(handle, chunks={"Z": 1, "Y": 70}).compute()
        case _:
            planes = [to_numpy(transpose_to(handle, handle.dims.order, Z=[z])) for z in range(6)]
            return np.concatenate(planes, axis=handle.dims.order.index("Z"))


def attempt(site: Site, whole: dict[str, bytes], rng: random.Random) -> Tried:
    """Open and read an image while the server misbehaves in one of many ways."""
    name = rng.choice(sorted(whole))
    faults = tuple(rng.choices(FAULTS, k=rng.choice((1, 1, 2, 5))))
    when = {rng.randrange(12): fault for fault in faults}
    always = rng.random() < 0.1
    site.files, site.ranges, site.trouble = dict(whole), True, lambda _: ""
    changed = whole[name][:-1] + bytes([whole[name][-1] ^ 255])
    # What changed before it was opened is read as it then is.
    expected = [to_numpy(open_image(content)) for content in (whole[name], changed)]
    site.forget()

    def trouble(number: int) -> str:
        fault = when.get(number, faults[0] if always and number > 2 else "")
        match fault:
            case "change":
                site.files[name] = changed
            case "gone":
                site.files.pop(name, None)
            case "whole":
                site.ranges = False
            case "restart":
                pool.close_connections()
            case _:
                return fault
        return ""

    site.trouble = trouble
    begin, found = time.monotonic(), list[str]()

    def work() -> None:
        try:
            handle = open_image(site.url + name, storage_options={"timeout": 0.3})
            got = _read(handle, rng)
            found.append(
                "right" if any(np.array_equal(got, each) for each in expected) else "WRONG PIXELS"
            )
        except AicsioError as error:
            found.append(type(error).__name__)
        except BaseException as error:  # noqa: BLE001 - that is what is looked for
            found.append(f"NOT OURS: {error!r}")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(LONGEST)
    return Tried(faults, found[0] if found else "HUNG", time.monotonic() - begin)


def trials(count: int, folder: Path, seed: int = 0) -> list[Tried]:
    """Try faults until ``count`` have been met."""
    whole, rng, tried = contents(folder), random.Random(seed), list[Tried]()
    with serving() as site:
        while sum(len(each.faults) for each in tried) < count:
            tried.append(attempt(site, whole, rng))
    pool.close_connections()
    return tried


def test_random_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.001)
    tried = trials(int(os.environ.get("AICSIO_FAULTS", "40")), tmp_path)
    bad = [
        each for each in tried if not (each.outcome == "right" or each.outcome.endswith("Error"))
    ]
    assert not bad
    passing = {"reset", "cut", "slow", "429", "500", "502", "503", "restart"}
    assert any(each.outcome == "right" for each in tried)
    single = [each for each in tried if set(each.faults) <= passing and len(each.faults) == 1]
    assert sum(each.outcome == "right" for each in single) >= 0.8 * len(
        single
    )  # the others had it always
    assert pool.open_count() == 0


if __name__ == "__main__":
    import tempfile

    retrying.FIRST_PAUSE = 0.002
    with tempfile.TemporaryDirectory() as made:
        results = trials(int(sys.argv[1]), Path(made), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    outcomes = collections.Counter(each.outcome for each in results)
    print(
        f"{sum(len(each.faults) for each in results)} faults in {len(results)} reads: {dict(outcomes)}"
    )
    by_fault: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for each in results:
        for fault in each.faults:
            by_fault[fault][each.outcome] += 1
    for fault, counter in sorted(by_fault.items()):
        print(f"{fault:8} {dict(counter)}")
    print(f"slowest {max(each.seconds for each in results):.1f} s")
