"""Damage in copies of real files that ``check`` finds: bytes cut off, and single bits in compressed blocks.

    python tests/damage_found.py [CUTS] [FLIPS] [SEED]

The figures of docs/checking.md are those of 500 cuts and 500 flips with seed 1. A cut or a flip that
leaves every pixel and all metadata as they were is counted apart: nothing is lost. So is a flip whose bytes
are a valid stream of their codec, as other programs judge it (``valid_streams``): no decoder can find it. Last
comes what a list of digests finds that was written before the damage.
Packages that judge, beside those of the tests: ``simplejpeg`` and ``fzstd``.
"""

import collections
import os
import random
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy.typing as npt

from aicsio import (
    AicsioError,
    ImageHandle,
    check,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    write_sums,
)
from aicsio._codecs import Scratch
from aicsio._engine import placing
from aicsio._engine.placements import Worker
from aicsio._engine.plan import placements, tasks
from aicsio._io import readers
from aicsio.records import Encoded
from valid_streams import is_valid_stream

DATA = Path(os.environ.get("AICSIO_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
LARGEST = 6 << 20
"""Bytes of a file: each is decoded whole for each flip."""
MOST_BLOCKS = 1000
"""Blocks of a level of which one is chosen."""
UNCHECKED = ("packints", "ycbcr", "raw")
"""Codecs at the head of a chain that only pack numbers: a flip is another pixel, so few are tried."""

Places: TypeAlias = dict[tuple[int, int], Encoded]
"""Pieces of a file by offset and length."""
Blocks: TypeAlias = dict[str, list[tuple[Path, Places]]]
Tally: TypeAlias = dict[str, collections.Counter[str]]


def whole_files() -> Iterator[Path]:
    """Yield the files that open and in which nothing is found; print the others."""
    for path in sorted(DATA.rglob("*")):
        if not path.is_file() or path.stat().st_size > LARGEST or "facts" in path.parts:
            continue
        try:
            report = check(path, deep=True)
        except AicsioError:
            continue  # no image, or a format that is not read
        if report.whole:
            yield path
        else:
            print(f"not whole as it is: {path.relative_to(DATA)}: {report.damage[0].code}")


def find_blocks(path: Path) -> dict[str, Places]:
    """Return the compressed blocks inside of a file, by chain of codecs."""
    handle = open_image(path)
    found: dict[str, Places] = collections.defaultdict(dict)
    levels = [level for scene in handle.scenes for level in scene.levels]
    with readers.session(), readers.one_reader_at_a_time() as reader_of:
        worker = Worker(Scratch(), reader_of, None, None, 0)  # type: ignore[arg-type]
        for level in levels:
            for number, task in enumerate(tasks(level)):
                if number == MOST_BLOCKS:
                    break
                for placement in placements(level, task):
                    piece: Any = placement.piece
                    if not isinstance(piece, Encoded) or piece.source.uri != handle.source.uri:
                        continue
                    if piece.header is not None:
                        piece = placing.resolve_header(piece, piece.header, worker)
                    chain = "+".join(codec.name for codec in piece.codecs) or "raw"
                    if piece.nbytes:
                        found[chain][piece.offset, piece.nbytes] = piece
    return dict(found)


def read_all(handle: ImageHandle) -> list[npt.NDArray[Any]]:
    arrays = []
    for index, scene in enumerate(handle.scenes):
        selected = select_scene(handle, index)
        arrays += [to_numpy(select_level(selected, level)) for level in range(len(scene.levels))]
    return arrays


def judge(before: bytes, after: bytes, *, deep: bool) -> str:
    """Return whether damage was found, did nothing, or was missed."""
    if not check(after, deep=deep).whole:
        return "found"
    old, new = open_image(before), open_image(after)
    pairs = zip(read_all(old), read_all(new), strict=False)
    same = len(old.scenes) == len(new.scenes) and all(
        one.shape == other.shape and one.tobytes() == other.tobytes() for one, other in pairs
    )
    return "nothing lost" if same and old.metadata == new.metadata else "missed"


def judge_by_digests(path: Path, after: bytes) -> str:
    """Return whether a list of digests of the whole file finds the damage; members of a set are compared alone."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        copy.write_bytes(path.read_bytes())
        sums = write_sums(Path(folder, "SHA256SUMS"), copy)
        copy.write_bytes(after)
        try:
            return "missed" if check(copy, sums=sums).whole else "found"
        except AicsioError:
            return "found"  # nothing opens any more


def cut(files: list[Path], count: int, rng: random.Random, tally: Tally) -> None:
    for _ in range(count):
        path = rng.choice(files)
        data = path.read_bytes()
        kept = rng.randrange(1, len(data))
        try:
            result = judge(data, data[:kept], deep=False)
        except AicsioError:
            result = "found"  # an error of opening: no image at all is left
        tally["cuts"][result] += 1
        tally["cuts, digests"][judge_by_digests(path, data[:kept])] += 1
        if result == "missed":
            print(f"missed: {path.relative_to(DATA)} cut to {kept} of {len(data)} bytes")


def flip(blocks: Blocks, count: int, rng: random.Random, tally: Tally) -> None:
    """Flip as many bits in blocks of each chain of codecs; few in those that are not compressed."""
    chains = sorted(chain for chain in blocks if chain.split("+")[0] not in UNCHECKED)
    for number in range(count):
        chain = chains[number % len(chains)]
        path, places = rng.choice(blocks[chain])
        offset, nbytes = rng.choice(sorted(places))
        data = path.read_bytes()
        flipped = bytearray(data)
        bit = rng.randrange(8 * nbytes)
        flipped[offset + bit // 8] ^= 1 << bit % 8
        result = judge(data, bytes(flipped), deep=True)
        before, after = (bytes(each[offset : offset + nbytes]) for each in (data, flipped))
        if result == "missed" and is_valid_stream(places[offset, nbytes], before, after):
            result = "valid stream"
        if result == "missed":
            print(f"missed: {path.relative_to(DATA)}, bit {bit} of the block at {offset}")
        tally[chain][result] += 1
        tally["flips, digests"][judge_by_digests(path, bytes(flipped))] += 1


def main(cuts: int = 500, flips: int = 500, seed: int = 1) -> None:
    warnings.simplefilter("ignore")
    rng = random.Random(seed)
    files = list(whole_files())
    print(f"{len(files)} files are whole")
    blocks: Blocks = collections.defaultdict(list)
    single = []
    for path in files:
        try:
            open_image(path.read_bytes())
        except AicsioError:
            continue  # a member of a set, which bytes alone do not open
        single.append(path)
        for chain, places in find_blocks(path).items():
            blocks[chain].append((path, places))
    tally: Tally = collections.defaultdict(collections.Counter)
    cut(single, cuts, rng, tally)
    flip(blocks, flips, rng, tally)
    for chain, results in tally.items():
        print(f"{chain:20} {dict(results)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
