"""Damage to the stores of ``plainly``: chunks, shard indices, documents, missing files, ZIP files."""

import functools
import json
import random
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import imagecodecs

from zarr_stores.plainly import CHUNKS, INNER, crc32c

LEVELS = ("0", "1")


@attrs.frozen
class Hit:
    """One damage."""

    kind: str
    """What was done, and where."""
    array: str | None = None
    """Path of the only array that it touches; ``None`` where it may touch all."""
    place: tuple[int, ...] | None = None
    """Grid position of the only chunk that it touches."""


Damage = Callable[[Path, random.Random], Hit]


# ---------------------------------------------------------------- chunks


def chunk_files(store: Path) -> list[Path]:
    """All files of pixels."""
    names = {"zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"}
    return sorted(path for path in store.rglob("*") if path.is_file() and path.name not in names)


def _parts(store: Path, path: Path) -> tuple[str, tuple[int, ...]]:
    """Path of the array and grid position of a chunk, whose numbers ``/`` or ``.`` separates."""
    parts = re.split("[./]", path.relative_to(store).as_posix())
    array = [part for part in parts[: -len(CHUNKS)] if part != "c"]
    return "/".join(array), tuple(int(part) for part in parts[-len(CHUNKS) :])


def _hit(store: Path, path: Path, kind: str) -> Hit:
    return Hit(f"{kind}: {path.relative_to(store)}", *_parts(store, path))


def _chunk(change: Callable[[bytes, random.Random], bytes], kind: str) -> Damage:
    def damage(store: Path, rng: random.Random) -> Hit:
        path = rng.choice(chunk_files(store))
        path.write_bytes(change(path.read_bytes(), rng))
        return _hit(store, path, kind)

    return damage


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 4, 64])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _header(data: bytes, rng: random.Random) -> bytes:
    """The first bytes of a frame: sizes that lie."""
    changed = bytearray(data)
    at = rng.randrange(min(16, len(changed)))
    changed[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"])
    return bytes(changed)


def _longer(data: bytes, rng: random.Random) -> bytes:
    return data + rng.randbytes(rng.choice([1, 7, 4096]))


def _empty(data: bytes, rng: random.Random) -> bytes:  # noqa: ARG001 - one signature
    return b""


def _bomb(data: bytes, rng: random.Random) -> bytes:  # noqa: ARG001 - one signature
    return _bombs()[rng.random() < 0.5]


@functools.cache
def _bombs() -> tuple[bytes, bytes]:
    """Few bytes that decode to 256 MiB of zeros, by gzip and by zstd."""
    zeros = bytes(1 << 28)
    packed = zlib.compressobj(1, zlib.DEFLATED, 31)
    by_gzip = packed.compress(zeros) + packed.flush()
    return by_gzip, bytes(imagecodecs.zstd_encode(zeros, level=1))


def _no_file(store: Path, rng: random.Random) -> Hit:
    """A folder where a chunk should be."""
    path = rng.choice(chunk_files(store))
    path.unlink()
    path.mkdir()
    return _hit(store, path, "folder for a chunk")


# ---------------------------------------------------------------- shards


def _index(store: Path, rng: random.Random) -> Hit:
    """Change the index of a shard, with a right checksum or without."""
    shards = [path for path in chunk_files(store) if _is_sharded(store, path)]
    if not shards:
        return _chunk(_cut, "cut")(store, rng)
    path = rng.choice(shards)
    data = path.read_bytes()
    count = 1
    for outer, inner in zip(CHUNKS, INNER, strict=True):
        count *= outer // inner
    index = bytearray(data[-16 * count - 4 : -4])
    for _ in range(rng.choice([1, 1, 3])):
        at = 8 * rng.randrange(2 * count)
        value = rng.choice([0, 1, len(data), len(data) - 8, 1 << 31, 1 << 40, (1 << 64) - 2, 5])
        index[at : at + 8] = struct.pack("<Q", value)
    checksum = crc32c(bytes(index)) if rng.random() < 0.7 else data[-4:]
    path.write_bytes(data[: -16 * count - 4] + bytes(index) + checksum)
    return _hit(store, path, "index of a shard")


def _is_sharded(store: Path, path: Path) -> bool:
    document = store / _parts(store, path)[0] / "zarr.json"
    return document.exists() and "sharding_indexed" in document.read_text(encoding="utf-8")


# ---------------------------------------------------------------- documents

VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2, 3.5, 1 << 31, 1 << 40, 1 << 63, 10**30, 10**400, -(1 << 63), 1e308, float("nan"),
    float("inf"), "", "x", "\ud800", "/", "..", "0", [], [0], [1] * 40, {}, {"name": "x"}, "9" * 5000,
)  # fmt: skip
"""What takes the place of another value."""


def documents(store: Path) -> list[Path]:
    """All JSON documents."""
    names = ("zarr.json", ".zarray", ".zattrs", ".zgroup")
    return sorted(path for path in store.rglob("*") if path.name in names)


def _document_hit(store: Path, path: Path, kind: str) -> Hit:
    """A document of an array touches that array alone; one of a group may touch all."""
    array = path.parent.relative_to(store).as_posix()
    is_array = array in {*LEVELS, "labels/nuclei/0"}
    apart = array if is_array else "labels" if array.startswith("labels") else None
    return Hit(f"{kind}: {path.relative_to(store)}", apart)


def _places(content: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Keys and indices that lead to each value of a document."""
    if isinstance(content, dict):
        inside = list(content.items())
    elif isinstance(content, list):
        inside = list(enumerate(content))
    else:
        return [at]
    found = [at] if at else []
    for key, value in inside:
        found += _places(value, (*at, key))
    return found


def _value(store: Path, rng: random.Random) -> Hit:
    """Lose a key, or put another value in its place."""
    path = rng.choice(documents(store))
    content = json.loads(path.read_text(encoding="utf-8"))
    places = _places(content)
    if not places:
        return _text(store, rng)
    place = rng.choice(places)
    inside = content
    for key in place[:-1]:
        inside = inside[key]
    if rng.random() < 0.4:
        del inside[place[-1]]
        kind = f"lost {place}"
    else:
        value = rng.choice(VALUES)
        inside[place[-1]] = value
        kind = f"{place} = {str(value)[:40]!r}"
    path.write_text(json.dumps(content), encoding="utf-8")
    return _document_hit(store, path, kind)


def _shape(store: Path, rng: random.Random) -> Hit:
    """Sizes that no array has, or that fit no other level."""
    path = rng.choice([each for each in documents(store) if each.parent.name in LEVELS])
    content = json.loads(path.read_text(encoding="utf-8"))
    if path.name not in {"zarr.json", ".zarray"}:
        return _value(store, rng)
    sizes = [0, 1, 7, 1 << 20, 1 << 32, 1 << 62, 1 << 64, -5]
    shape = [rng.choice(sizes) if rng.random() < 0.5 else size for size in content["shape"]]
    chunk = [rng.choice(sizes) if rng.random() < 0.5 else size for size in CHUNKS]
    which = rng.choice(["shape", "chunks", "both"])
    if which != "chunks":
        content["shape"] = shape
    if which != "shape" and path.name == ".zarray":
        content["chunks"] = chunk
    elif which != "shape":
        content["chunk_grid"]["configuration"]["chunk_shape"] = chunk
    path.write_text(json.dumps(content), encoding="utf-8")
    return _document_hit(store, path, f"{which} {shape} {chunk}")


def _text(store: Path, rng: random.Random) -> Hit:
    """Text that is no JSON, or JSON of another kind."""
    path = rng.choice(documents(store))
    data = path.read_bytes()
    changed = rng.choice(
        [
            data[: rng.randrange(len(data))],
            _flipped(data, rng),
            b"",
            b"\xff\xfe" + data,
            b"\xef\xbb\xbf" + data,
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"null",
            b"[]",
            b'"text"',
            b"9" * 10_000,
            data + data,
            bytes(1 << 16),
        ]
    )
    path.write_bytes(changed)
    return _document_hit(store, path, f"text {changed[:12]!r}")


def _missing(store: Path, rng: random.Random) -> Hit:
    path = rng.choice(documents(store))
    path.unlink()
    return _document_hit(store, path, "missing document")


# ---------------------------------------------------------------- ZIP files


def _zip(store: Path, rng: random.Random) -> Hit:
    """Pack the store into a ZIP file of the same name, and damage that."""
    packed = store.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(store.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(store).as_posix())
    data = packed.read_bytes()
    tail = data.rfind(b"PK\x01\x02")
    change = rng.choice(["cut", "flip", "directory", "end"])
    if change == "cut":
        data = _cut(data, rng)
    elif change == "flip":
        data = _flipped(data, rng)
    elif change == "directory":
        data = data[: tail - 2000] + _flipped(data[tail - 2000 :], rng)
    else:
        data = data[:-22] + _header(data[-22:], rng)
    shutil.rmtree(store)
    store.with_suffix(".zip").rename(store)
    store.write_bytes(data)
    return Hit(f"ZIP {change}")


DAMAGES: tuple[Damage, ...] = (
    _chunk(_cut, "cut"),
    _chunk(_flipped, "flipped"),
    _chunk(_header, "header"),
    _chunk(_longer, "longer"),
    _chunk(_empty, "empty"),
    _chunk(_bomb, "bomb"),
    _no_file,
    _index,
    _index,
    _value,
    _value,
    _value,
    _value,
    _shape,
    _shape,
    _text,
    _missing,
    _zip,
)
"""As often as they stand here."""
