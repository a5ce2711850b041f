"""Metadata of one Zarr array, checked: shape, chunks, type, fill value, keys of its chunks.

Rule kept here: a number of a document is checked before anything is computed with it. Arrays that
cannot be shown are refused by name, and never shown as something else.

Source of the facts: Zarr core specification 3.1, "Array metadata", "Data types" and "Fill value";
Zarr v2 specification, "Metadata" and "Fill value encoding".
"""

import base64
import math
import re
import struct
from typing import Any

import attrs
import numpy as np

from aicsio.errors import AicsioError, CorruptFileError, UnsupportedFormatError
from aicsio.formats.zarr.chains import ChunkCoding, version_2_chain, version_3_chain
from aicsio.formats.zarr.documents import Json, Node, extension_of
from aicsio.records import DType

MOST_AXES = 24
"""Axes of an array: so many letters are free for axes, and NumPy 1 allows 32."""
LARGEST_SIZE = 1 << 62
"""Positions along an axis: a 64-bit count of bytes has no room for more."""
LARGEST_CHUNK = 1 << 40
"""Bytes of a decoded chunk: 1 TiB. A chunk of all of an image is legal, and read in part if raw."""
KINDS = "biufc"
"""Kinds of NumPy that are pixels: booleans, integers, floats, complex numbers."""


@attrs.frozen
class ArrayDescription:
    """One array. Not a record: it lives while the store is opened."""

    path: str
    """Below the store."""
    shape: tuple[int, ...]
    """As stored."""
    outer: tuple[int, ...]
    """Shape of a value: a chunk, or a shard."""
    chain: ChunkCoding
    """How chunks are decoded."""
    fill: bytes
    """One pixel in native byte order."""
    prefix: tuple[str, ...]
    """Parts of a key before the numbers of the chunk."""
    separator: str
    """Between the numbers of the chunk."""
    names: tuple[str | None, ...]
    """Names of the axes, where the array has them."""

    @property
    def dtype(self) -> DType:
        """Type of the pixels in native byte order."""
        return self.chain.dtype.newbyteorder("=")


def describe_array(node: Node) -> ArrayDescription:
    """Check the metadata of an array.

    Raises
    ------
    CorruptFileError
        When a part is missing or of another kind than the specification demands.
    UnsupportedFormatError
        When a type, a grid or a codec is not read.
    """
    if node.array is None:
        raise CorruptFileError(f"{node.path!r} is a group, not an array")
    try:
        describe = _describe_3 if node.version == 3 else _describe_2
        return describe(node, node.array)
    except AicsioError as error:
        # The class stays: an unread codec is no damage.
        raise type(error)(f"array {node.path!r}: {error}") from error
    except (TypeError, ValueError, KeyError, OverflowError, struct.error) as error:
        raise CorruptFileError(f"array {node.path!r}: its metadata are wrong: {error!r}") from error


def _sizes(values: Any, name: str, least: int) -> tuple[int, ...]:
    if not isinstance(values, list) or len(values) > MOST_AXES:
        raise CorruptFileError(f"{name} is {str(values)[:80]!r}, expected a list of sizes")
    for value in values:
        # ``True`` is an int to Python, and no size.
        if type(value) is not int or not least <= value <= LARGEST_SIZE:
            raise CorruptFileError(
                f"{name} is {str(values)[:80]!r}, expected sizes from {least} on"
            )
    return tuple(values)


def _check_chunk(chunk: tuple[int, ...], shape: tuple[int, ...], dtype: DType) -> None:
    if not shape:
        raise UnsupportedFormatError("it has no axes: a single number is no image")
    if len(chunk) != len(shape):
        raise CorruptFileError(f"chunks of {chunk} in an array of {shape}")
    if math.prod(chunk) * dtype.itemsize > LARGEST_CHUNK:
        raise CorruptFileError(f"chunks of {chunk} are larger than 1 TiB")
    if dtype.kind not in KINDS:
        raise UnsupportedFormatError(f"elements of type {dtype} are no pixels")


# ---------------------------------------------------------------- Zarr v2


def _describe_2(node: Node, document: Json) -> ArrayDescription:
    # A list describes the fields of a structure, such as coordinates and a weight.
    if not isinstance(document["dtype"], str):
        raise UnsupportedFormatError(f"elements of type {document['dtype']!r} are no pixels")
    # A type of NumPy with its byte order, such as "<u2".
    dtype = np.dtype(document["dtype"])
    shape = _sizes(document["shape"], "shape", 0)
    chunk = _sizes(document["chunks"], "chunks", 1)
    _check_chunk(chunk, shape, dtype)
    # Zarr v2 had "." alone at first; NGFF from 0.2 on demands "/".
    separator = document.get("dimension_separator", ".")
    if separator not in {".", "/"}:
        raise CorruptFileError(f"dimension_separator is {separator!r}")
    # The convention of xarray, for which Zarr v2 has no field.
    names = node.attributes.get("_ARRAY_DIMENSIONS")
    return ArrayDescription(
        path=node.path,
        shape=shape,
        outer=chunk,
        chain=version_2_chain(document, chunk, dtype),
        fill=_fill_2(document.get("fill_value"), dtype),
        prefix=(),
        separator=separator,
        names=_names(names, len(shape)),
    )


def _fill_2(value: Any, dtype: DType) -> bytes:
    native = dtype.newbyteorder("=")
    if value is None:
        return bytes(native.itemsize)  # "null": the content is undefined, and zarr-python reads 0
    if isinstance(value, list) and dtype.kind == "c":
        return _complex(value, native)  # as zarr-python writes them; JSON has no complex numbers
    # JZarr, in early versions of bioformats2raw, writes numbers in quotes; zarr-python reads them.
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value, re.ASCII):
        return _number(int(value), native)
    if isinstance(value, str) and not re.fullmatch(r"NaN|-?Infinity|-?\d+\.\d*", value, re.ASCII):
        # Other strings are the bytes of a raw type in base64, in the byte order of the array.
        raw = base64.b64decode(value)
        return np.frombuffer(raw, dtype, 1).astype(native).tobytes()
    return _number(value, native)


# ---------------------------------------------------------------- Zarr v3


def _describe_3(node: Node, document: Json) -> ArrayDescription:
    dtype = _type_3(document["data_type"])
    shape = _sizes(document["shape"], "shape", 0)
    grid, parameters = extension_of(document["chunk_grid"])
    if grid != "regular":
        raise UnsupportedFormatError(f"its grid of chunks is {grid!r}, not regular")
    # An axis may have no positions; a chunk may not.
    chunk = _sizes(parameters["chunk_shape"], "chunk_shape", 1)
    _check_chunk(chunk, shape, dtype)
    # They move or change values before a reader sees them, so that no key would be right.
    if document.get("storage_transformers"):
        raise UnsupportedFormatError("it has storage transformers, which are not read")
    # The specification demands a fill_value; an array without one is filled with 0.
    fill = _fill_3(document.get("fill_value", 0), dtype)
    prefix, separator = _keys_3(document["chunk_key_encoding"])
    return ArrayDescription(
        path=node.path,
        shape=shape,
        outer=chunk,
        chain=version_3_chain(document["codecs"], chunk, dtype, fill),
        fill=fill,
        prefix=prefix,
        separator=separator,
        names=_names(document.get("dimension_names"), len(shape)),
    )


def _type_3(value: Any) -> DType:
    name, _ = extension_of(value)
    if name not in _TYPES_3:
        raise UnsupportedFormatError(f"elements of type {value!r} are no pixels")
    dtype: DType = np.dtype(str(name))
    return dtype


_TYPES_3 = frozenset({
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
})  # fmt: skip
"""Data types of the core specification that are pixels; NumPy has the same names."""


def _keys_3(encoding: Any) -> tuple[tuple[str, ...], str]:
    """Return the parts before the numbers of a chunk, and what stands between these."""
    name, parameters = extension_of(encoding)
    prefix: tuple[str, ...] = ()
    # "c/0/1" by default; the encoding "v2" has neither the prefix nor "/", for arrays that were
    # converted in place.
    if name == "default":
        prefix, separator = ("c",), parameters.get("separator", "/")
    elif name == "v2":
        separator = parameters.get("separator", ".")
    else:
        raise UnsupportedFormatError(f"keys of chunks are encoded as {name!r}")
    if separator not in {".", "/"}:
        raise CorruptFileError(f"the separator of keys is {separator!r}")
    return prefix, separator


def _fill_3(value: Any, dtype: DType) -> bytes:
    if isinstance(value, list) and dtype.kind == "c":
        return _complex(value, dtype)
    if isinstance(value, str) and value.startswith("0x"):
        # The bits of the number, most significant first.
        raw = bytes.fromhex(value[2:])
        big = dtype.newbyteorder(">")
        return np.frombuffer(raw, big, 1).astype(dtype.newbyteorder("=")).tobytes()
    return _number(value, dtype)


def _complex(parts: list[Any], dtype: DType) -> bytes:
    """Return a complex number that is the list of its real and its imaginary part."""
    if len(parts) != 2:
        raise CorruptFileError(f"fill_value is {str(parts)[:80]!r}, expected two numbers")
    real = np.dtype(f"f{dtype.itemsize // 2}")
    return b"".join(_fill_3(part, real) for part in parts)


def _number(value: Any, dtype: DType) -> bytes:
    if isinstance(value, str):
        # "NaN", "Infinity" and "-Infinity", which JSON lacks as numbers.
        value = float(value)
    # NumPy 2 raises OverflowError for an integer beyond the type: ``describe_array`` catches it.
    raw = np.array(value, dtype).tobytes()
    if len(raw) != dtype.itemsize:
        raise CorruptFileError(f"fill_value is {str(value)[:80]!r}, expected one number")
    return raw


def _names(names: Any, count: int) -> tuple[str | None, ...]:
    if not isinstance(names, list) or len(names) != count:
        return ()
    return tuple(name if isinstance(name, str) else None for name in names)
