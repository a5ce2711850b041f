"""The arrays of a store: shape, chunks, shards, type, and the files that hold their pixels.

Rule kept here: pure functions, no I/O. A *file* is what one key of the store holds: a shard, or a
chunk where there are no shards. Files are encoded whole, from the pixels of a whole file.

Source of the facts: Zarr v3 core (https://zarr-specs.readthedocs.io/en/latest/v3/core/) and Zarr v2
(https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html).
"""

import itertools
import json
import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._codecs import EMPTY_ENTRY
from aicsio.errors import CorruptFileError
from aicsio.records import DType
from aicsio.writers._zarr import shards as shard_files
from aicsio.writers._zarr.codecs import ChunkCodec

Array: TypeAlias = npt.NDArray[Any]
Parts: TypeAlias = list[bytes | memoryview]


@attrs.frozen
class ArrayPlan:
    """One array of a store, one level of an image. Travels to other processes."""

    path: str
    """Path of the array in the store, such as ``"0"`` or ``"labels/nuclei/1"``."""
    letters: str
    """Letters of its axes."""
    shape: tuple[int, ...]
    """Size of each axis."""
    chunks: tuple[int, ...]
    """Size of a chunk, per axis."""
    shards: tuple[int, ...] | None
    """Size of a shard, per axis, multiples of the chunk; ``None`` where each chunk is a file."""
    dtype: DType
    """Type of the pixels, little-endian."""
    codec: ChunkCodec
    """Compression of chunks."""
    zarr_format: int
    """2 or 3."""
    first_file: tuple[int, ...] | None = None
    """Index of the first file in a larger array of which this one is a part; ``None`` for a whole
    array."""
    stores_empty: bool = False
    """Whether files of zeros are stored: in a part of an array they replace what was there."""

    @property
    def file_shape(self) -> tuple[int, ...]:
        """Size of a file, per axis."""
        return self.shards or self.chunks

    @property
    def file_counts(self) -> tuple[int, ...]:
        """Number of files, per axis."""
        return tuple(
            -(-size // part) for size, part in zip(self.shape, self.file_shape, strict=True)
        )

    def key(self, index: tuple[int, ...]) -> str:
        """Return the key of a file."""
        if self.first_file is not None:
            # A part of an array counts its files from 0; the keys are those of the whole array.
            index = tuple(a + b for a, b in zip(index, self.first_file, strict=True))
        numbers = "/".join(map(str, index))
        # Zarr v2 with the separator "/", which NGFF recommends; Zarr v3 puts "c" in front.
        return f"{self.path}/{numbers}" if self.zarr_format == 2 else f"{self.path}/c/{numbers}"

    def extent(self, index: tuple[int, ...]) -> tuple[slice, ...]:
        """Return the pixels of a file, per axis, cut at the edges of the array."""
        return tuple(
            slice(number * part, min((number + 1) * part, size))
            for number, part, size in zip(index, self.file_shape, self.shape, strict=True)
        )

    # ------------------------------------------------------------ metadata

    def metadata(self) -> dict[str, bytes]:
        """Return the metadata files of the array, by key."""
        if self.zarr_format == 2:
            return {f"{self.path}/.zarray": _as_json(self._v2_metadata())}
        return {f"{self.path}/zarr.json": _as_json(self._v3_metadata())}

    def _v2_metadata(self) -> dict[str, Any]:
        return {
            "zarr_format": 2,
            "shape": self.shape,
            "chunks": self.chunks,
            "dtype": self.dtype.str,
            "compressor": self.codec.v2_metadata(),
            "fill_value": _fill_value(self.dtype),
            "order": "C",
            "filters": None,
            "dimension_separator": "/",
        }

    def _v3_metadata(self) -> dict[str, Any]:
        codecs = self.codec.v3_metadata()
        if self.shards is not None:
            # Zarr v3, sharding_indexed: no codec of variable size may encode the index. A reader
            # finds it by its length, which follows from the number of chunks.
            index_codecs = [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "crc32c"},
            ]
            settings = {
                "chunk_shape": self.chunks,
                "codecs": codecs,
                "index_codecs": index_codecs,
                "index_location": "end",
            }
            codecs = [{"name": "sharding_indexed", "configuration": settings}]
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": self.shape,
            "data_type": self.dtype.name,
            # With shards, a chunk of this grid is a shard; its codec holds the chunk's own size.
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": self.file_shape}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": _fill_value(self.dtype),
            "codecs": codecs,
            # NGFF 0.5: "the dimension_names of the zarr arrays MUST match the names in axes".
            "dimension_names": [letter.lower() for letter in self.letters],
            "attributes": {},
        }

    # ------------------------------------------------------------ pixels

    def encode_file(self, pixels: Array) -> Parts | None:
        """Return the parts of a file, to be written one after the other.

        Parameters
        ----------
        pixels
            The pixels of the file, cut at the edges of the array.

        Returns
        -------
        list or None
            ``None`` where all pixels are zero: a key that is missing holds the fill value.
        """
        chunks = [self._encode_chunk(part) for part in self._chunks_of(pixels)]
        if all(chunk is None for chunk in chunks) and not self.stores_empty:
            return None
        if self.shards is None:
            return [chunk for chunk in chunks if chunk is not None]
        return shard_files.join_chunks(chunks)

    def _chunks_of(self, pixels: Array) -> Iterator[Array]:
        """Cut the pixels of a file into its chunks, in C order; those beyond the edge are empty."""
        starts = (
            range(0, size, chunk) for size, chunk in zip(self.file_shape, self.chunks, strict=True)
        )
        for corner in itertools.product(*starts):
            yield pixels[
                tuple(
                    slice(start, start + chunk)
                    for start, chunk in zip(corner, self.chunks, strict=True)
                )
            ]

    def _encode_chunk(self, part: Array) -> bytes | memoryview | None:
        # Most chunks show by their first pixel that they are not empty. A shard lists an empty chunk
        # as missing; where each chunk is a file, zeros may have to replace it.
        is_empty = not part.size or (not part.flat[0] and not part.any())
        if is_empty and (self.shards is not None or not self.stores_empty):
            return None
        if part.shape != self.chunks:
            # Zarr: chunks at the edge are stored whole; what lies beyond the array is fill.
            whole = np.zeros(self.chunks, self.dtype)
            whole[tuple(map(slice, part.shape))] = part
            part = whole
        return self.codec.encode(np.ascontiguousarray(part, self.dtype))

    def decode_plane(self, data: bytes, index: tuple[int, ...], plane: tuple[int, ...]) -> Array:
        """Return one plane of a file, cut at the edges of the array. Decodes only its chunks.

        Parameters
        ----------
        data
            Bytes of the file.
        index
            Index of the file.
        plane
            Position of the plane in the file, per axis before Y and X.

        Raises
        ------
        CorruptFileError
            When the index of a shard does not agree with its checksum.
        """
        # Zeros are the fill value: chunks that a shard lists as missing stay so.
        whole = np.zeros(self.file_shape[-2:], self.dtype)
        sizes = self.chunks[:-2]
        # Position of the plane in its chunk, per axis before Y and X.
        within = tuple(p % size for p, size in zip(plane, sizes, strict=True))
        for (top, left), chunk in self._stored_chunks(data, index, plane):
            pixels = self.codec.decode(chunk, self.dtype, self.chunks)[within]
            whole[top : top + self.chunks[-2], left : left + self.chunks[-1]] = pixels
        rows, columns = self.extent(index)[-2:]
        return whole[: rows.stop - rows.start, : columns.stop - columns.start]

    def _stored_chunks(
        self, data: bytes, index: tuple[int, ...], plane: tuple[int, ...]
    ) -> Iterator[tuple[tuple[int, int], bytes]]:
        """Yield corner and bytes of the chunks that a file stores of a plane."""
        if self.shards is None:
            # The file is the chunk.
            yield (0, 0), data
            return
        table = shard_files.read_index(data[-self.index_bytes :])
        if table is None:
            raise CorruptFileError(f"{self.key(index)}: the index of the shard is damaged")
        counts = [s // c for s, c in zip(self.shards, self.chunks, strict=True)]
        outer = tuple(p // size for p, size in zip(plane, self.chunks[:-2], strict=True))
        # Shape (rows of chunks, columns of chunks, 2): offset and length of each.
        entries = table.reshape(*counts, 2)[outer]
        for row, column in np.ndindex(*counts[-2:]):
            offset, nbytes = entries[row, column].tolist()
            if offset != EMPTY_ENTRY:
                corner = (row * self.chunks[-2], column * self.chunks[-1])
                yield corner, data[offset : offset + nbytes]

    @property
    def index_bytes(self) -> int:
        """Length of the index of a shard."""
        counts = (s // c for s, c in zip(self.file_shape, self.chunks, strict=True))
        return shard_files.index_bytes(math.prod(counts))


def _fill_value(dtype: DType) -> Any:
    if dtype.kind == "b":
        return False
    if dtype.kind == "c":
        # Zarr v3: a complex fill value is an array of the real and the imaginary part.
        return [0.0, 0.0]
    return 0.0 if dtype.kind == "f" else 0


def _as_json(document: object) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode()
