"""Full reads of CZI, LIF, ND2 and others: peers that only read pixels, the bare decoder, and memory that is used again.

"read, out" reads into the result of an earlier ``to_numpy``, "read, other out" into an array of
``np.empty``. The floor of both is ``to_numpy`` itself, so that the ratio is the part of its time.
"""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import aicsio
from benchmarks import floors
from benchmarks.samples import Ranges, Sample

Made = dict[str, dict[str, Callable[[], Any]]]


def reused(handle: aicsio.ImageHandle, workers: int) -> Made:
    """Read into memory that was used before."""
    former = aicsio.to_numpy(handle, workers=workers)
    other = np.empty(handle.shape, handle.dtype)

    def fresh() -> object:
        return aicsio.to_numpy(handle, workers=workers)

    def into(memory: Any) -> Callable[[], object]:
        return lambda: aicsio.to_numpy(handle, workers=workers, out=memory)

    return {
        "read, out": {"ours": into(former), "floor": fresh},
        "read, other out": {"ours": into(other), "floor": fresh},
    }


def decoder(where: Ranges) -> Made:
    """Decode all planes into one that is used again: no fresh memory, no joining of bytes, one thread."""
    if where.compression not in floors.BARE_DECODERS:
        return {}
    decode = floors.BARE_DECODERS[where.compression]
    memory = np.empty(where.shape[1:], np.uint16)
    coded = []
    fd = os.open(where.path, os.O_RDONLY)
    for offset, count in zip(where.offsets, where.counts, strict=True):
        coded.append(os.pread(fd, count, offset))
    os.close(fd)

    def run() -> None:
        for data in coded:
            decode(data, memory)

    return {"read": {"decoder": run}}


def opencodecs(sample: Sample, path: Path, workers: int) -> Made:
    """Read by opencodecs, which chooses its threads itself."""
    del sample, workers
    read: Any = importlib.import_module("opencodecs").read
    return {"read": {"opencodecs": lambda: read(str(path))}}


def pylibczirw(sample: Sample, path: Path, workers: int) -> Made:
    """Read plane by plane, as its documentation has it."""
    del workers
    open_czi: Any = importlib.import_module("pylibCZIrw.czi").open_czi

    def read() -> object:
        with open_czi(str(path)) as file:
            return [file.read(plane={"C": 0, "Z": z}) for z in range(sample.planes)]

    return {"read": {"pylibCZIrw": read}}
