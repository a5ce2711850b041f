"""The law of damage: changed, cut and wiped files are images or errors of aicsio.

Rule kept here: a file is damaged in place and made whole again, so that a thousand variants need no thousand copies.
"""

import time
import tracemalloc
from typing import Final

import numpy as np

from aicsio.arrays import to_numpy
from aicsio.errors import AicsioError, ArgumentTypeError
from aicsio.testing.conformance.cases import Case, each_level, require, take_corner

SECONDS: Final = 5.0
"""Processor time for one damaged file: other work on the machine does not count."""
MEMORY: Final = 1 << 30
"""Bytes that one damaged file may make the process hold at once."""
_LEVELS: Final = 8
"""Levels that are read of each damaged file, and pixels of each axis of one that became huge."""


def check_damage(case: Case) -> None:
    """Each damaged copy gives an image or an error of aicsio, within 5 s and 1 GiB."""
    files = case.files()
    rng = case.random()
    for variant in range(case.variants):
        path = files[int(rng.integers(0, len(files)))]
        whole = path.read_bytes()
        path.write_bytes(_damaged(whole, rng))
        where = f"variant {variant} of seed {case.seed}, {path.name}"
        try:
            _try_file(case, where)
        except ArgumentTypeError as error:
            # Inside of a format it means that a record broke its own types.
            raise AssertionError(f"{where}: {error}") from error
        except AicsioError:
            pass
        # A limit that was passed, which already has its message.
        except AssertionError:
            raise
        except Exception as error:  # the fault that this law looks for
            raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error
        finally:
            path.write_bytes(whole)


def _damaged(whole: bytes, rng: np.random.Generator) -> bytes:
    """Change single bytes, wipe a run, or cut; half of it where the first 4 KiB or the last lie."""
    data = bytearray(whole)
    if not data:
        return bytes(data)
    low, high = 0, len(data)
    # Headers stand at the start, maps and directories of many formats at the end.
    place = rng.integers(0, 4)
    if place == 0:
        high = min(high, 4096)
    elif place == 1:
        low = max(0, high - 4096)
    at = int(rng.integers(low, high))
    kind = rng.integers(0, 4)
    if kind == 0:
        # A download or a copy that broke off.
        return bytes(data[:at])
    if kind == 1:
        length = int(rng.choice([4, 16, 128]))
        # A run at the end of the file is wiped as far as it goes: the length of the file stays.
        data[at : at + length] = bytes(len(data[at : at + length]))
        return bytes(data)
    for _ in range(int(rng.choice([1, 1, 2, 8]))):
        data[int(rng.integers(low, high))] = int(rng.integers(0, 256))
    return bytes(data)


def _try_file(case: Case, where: str) -> None:
    # tracemalloc counts what Python and numpy allocate, and pages that are never touched with it.
    tracemalloc.start()
    start = time.process_time()
    try:
        for count, level in enumerate(each_level(case.open())):
            if count == _LEVELS:
                break
            to_numpy(take_corner(level))
    finally:
        spent, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    require(spent < SECONDS, f"{where} takes {spent:.1f} s")
    require(peak < MEMORY, f"{where} takes {peak:,} bytes")
