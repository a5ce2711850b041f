"""The metadata documents of Zarr: groups and arrays, formats 2 and 3.

Rule kept here: pure. A document describes uncompressed, little-endian chunks in C order unless its
caller gives other codecs.

Source of the facts: https://zarr-specs.readthedocs.io/en/latest/v3/core/ and /v2/v2.0.html; the
type ``string`` and the codec ``vlen-utf8`` of https://github.com/zarr-developers/zarr-extensions.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from aicsio._ome import ngff
from aicsio.errors import UnsupportedFormatError
from aicsio.records import DType
from aicsio.references.chunks import RegularGrid

Json: TypeAlias = Mapping[str, Any]

DATA_TYPES = frozenset(
    {
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64", "complex64", "complex128",
    }
)  # fmt: skip
"""Data types of the core specification; numpy has the same names."""


def encode(document: Json) -> bytes:
    """Return a document as UTF-8; lone surrogates, which it cannot hold, become question marks."""
    # NaN is no JSON: a size that is not finite would make the store unreadable.
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="replace")


def require_data_type(dtype: DType) -> None:
    """Raise unless Zarr has the type.

    Raises
    ------
    UnsupportedFormatError
        When it has not.
    """
    if dtype.name not in DATA_TYPES:
        raise UnsupportedFormatError(
            f"Zarr has no data type for pixels of {dtype}; it has {', '.join(sorted(DATA_TYPES))}"
        )


def group(members: Mapping[str, Json], attributes: Json | None = None) -> dict[str, Any]:
    """Return the ``zarr.json`` of a group, with those of all members by their path.

    xarray warns where the members are missing from it: zarr-python's "consolidated_metadata".
    """
    # Zarr 3: a reader must refuse fields that it does not know, unless this is false.
    inline = {"kind": "inline", "must_understand": False, "metadata": members}
    return {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": attributes or {},
        "consolidated_metadata": inline,
    }


def ome_group(attributes: Json) -> dict[str, Any]:
    """Return the ``zarr.json`` of a group of OME-Zarr 0.5, without those of its members."""
    placed = ngff.place_attributes(dict(attributes), "0.5")
    return {"zarr_format": 3, "node_type": "group", "attributes": placed}


def array(
    dtype: DType, grid: RegularGrid, names: Sequence[str], attributes: Json | None = None
) -> dict[str, Any]:
    """Return the ``zarr.json`` of an array of raw little-endian chunks."""
    require_data_type(dtype)
    codec = {"name": "bytes", "configuration": {"endian": "little"}}
    # An item of one byte has no byte order: Zarr 3 needs `endian` only for longer ones.
    if dtype.itemsize == 1:
        codec = {"name": "bytes"}
    return _array(dtype.name, _zero(dtype), [codec], grid, names, attributes)


def texts(count: int, name: str) -> dict[str, Any]:
    """Return the ``zarr.json`` of a one-dimensional array of texts in one chunk."""
    grid = RegularGrid((count,), (count,))
    return _array("string", "", [{"name": "vlen-utf8"}], grid, [name], None)


def encode_texts(values: Sequence[str]) -> bytes:
    """Return the chunk of an array of texts: the number of texts, then each with its length."""
    # `vlen-utf8`: little-endian uint32 for the count, and for the bytes of each text.
    parts = [struct.pack("<I", len(values))]
    for value in values:
        raw = value.encode(errors="replace")
        parts += [struct.pack("<I", len(raw)), raw]
    return b"".join(parts)


def encode_numbers(values: npt.NDArray[Any]) -> bytes:
    """Return a chunk of float64."""
    return values.astype("<f8").tobytes()


def _array(
    data_type: str,
    fill_value: object,
    codecs: Sequence[Json],
    grid: RegularGrid,
    names: Sequence[str],
    attributes: Json | None,
) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": grid.shape,
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": grid.chunk}},
        # Keys are `c/0/1`: `ServedArray.parse_key` expects this separator.
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill_value,
        "codecs": codecs,
        # NGFF 0.5: "the dimension_names of the zarr arrays MUST match the names in axes".
        "dimension_names": names,
        "attributes": attributes or {},
    }


def _zero(dtype: DType) -> object:
    # xarray does not take the fill value of Zarr 3 for a missing value, as it does that of Zarr 2.
    if dtype.kind == "b":
        return False
    if dtype.kind == "c":
        return [0.0, 0.0]
    return 0.0 if dtype.kind == "f" else 0


def group_v2(attributes: Json | None = None) -> dict[str, str]:
    """Return ``.zgroup`` and ``.zattrs`` of a group, by name."""
    return {
        ".zgroup": encode({"zarr_format": 2}).decode(),
        ".zattrs": encode(attributes or {}).decode(),
    }


def array_v2(
    dtype: DType,
    grid: RegularGrid,
    names: Sequence[str],
    compressor: Json | None,
    filters: Sequence[Json] | None,
) -> dict[str, str]:
    """Return ``.zarray`` and ``.zattrs`` of an array, by name; ``dtype`` as stored.

    The fill value is null: xarray would show all pixels of any other one as missing (NaN).
    """
    require_data_type(dtype)
    document = {
        "zarr_format": 2,
        "shape": grid.shape,
        "chunks": grid.chunk,
        # Chunks without a codec are bytes of the file, in its byte order.
        "dtype": dtype.str,
        "compressor": compressor,
        "filters": filters,
        "fill_value": None,
        "order": "C",
        # The keys of `to_references` are `0.1.2`: both must agree.
        "dimension_separator": ".",
    }
    # Zarr 2 has no `dimension_names`: xarray takes them from this attribute.
    attributes = {"_ARRAY_DIMENSIONS": list(names)}
    return {".zarray": encode(document).decode(), ".zattrs": encode(attributes).decode()}


def as_little_endian(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return pixels in C order and little-endian, without a copy where they are so."""
    return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
