"""The frozen records that users and the engine hold. Imports `_checks` and `errors`.

``protocols`` is the seam: read it to add a format. ``pieces`` and ``lazy`` describe pixels,
``boxes`` many windows at once, ``dims`` axes, ``facts`` and ``scenes`` metadata and diagnostics
(which of them are losses), ``handle`` the opened image,
``sources`` where its bytes are, ``provenance`` where facts come from. ``packed`` and
``pickling`` keep tables and pickles small, ``comparing`` compares and hashes by fields,
``conversions`` makes numpy's values Python's, ``computed`` holds dask to its promises,
``printing`` has reprs,
``shapes`` the types of shapes, ``offering`` which optional protocols something offers.

Rule kept here: a record holds only str, int, float, bytes, None, range, numpy dtypes, tuples of
these, or other records. So each one is immutable, hashes, compares by value and pickles; none holds
an open file, a lock, an ndarray or a parsed document. Columns of numbers (plane times, tile
positions) are ``bytes``, read with ``np.frombuffer``.
"""

from aicsio.records.dims import Dims
from aicsio.records.facts import (
    Attachment,
    Channel,
    Coordinate,
    Event,
    ImagePart,
    LevelPlace,
    Objective,
    Origin,
    PixelSize,
    PlanePlaces,
    Planes,
    Tiles,
    Well,
)
from aicsio.records.handle import ImageHandle
from aicsio.records.lazy import Layout, LazyArray, Nested, Pick, Piece, StoredPiece, View, as_numpy
from aicsio.records.pieces import (
    Codec,
    Computed,
    Deferred,
    DType,
    Encoded,
    HeaderRef,
    Keyed,
    Selection,
    ShardIndex,
    Strided,
    Value,
)
from aicsio.records.scenes import Contents, Damage, Diagnostic, Scene
from aicsio.records.sources import Source

__all__ = [
    "Attachment",
    "Channel",
    "Codec",
    "Computed",
    "Contents",
    "Coordinate",
    "DType",
    "Damage",
    "Deferred",
    "Diagnostic",
    "Dims",
    "Encoded",
    "Event",
    "HeaderRef",
    "ImageHandle",
    "ImagePart",
    "Keyed",
    "Layout",
    "LazyArray",
    "LevelPlace",
    "Nested",
    "Objective",
    "Origin",
    "Pick",
    "Piece",
    "PixelSize",
    "PlanePlaces",
    "Planes",
    "Scene",
    "Selection",
    "ShardIndex",
    "Source",
    "StoredPiece",
    "Strided",
    "Tiles",
    "Value",
    "View",
    "Well",
    "as_numpy",
]

# Pickles and messages name the public module: files of this folder may be split without breaking them.
for _record in (
    Attachment,
    Event,
    Channel,
    Codec,
    Computed,
    Contents,
    Coordinate,
    Deferred,
    Damage,
    Diagnostic,
    Dims,
    Encoded,
    HeaderRef,
    ImageHandle,
    ImagePart,
    Keyed,
    LazyArray,
    LevelPlace,
    Nested,
    Objective,
    Origin,
    PixelSize,
    PlanePlaces,
    Planes,
    Scene,
    Selection,
    ShardIndex,
    Source,
    Strided,
    Tiles,
    View,
    Well,
):
    _record.__module__ = __name__
