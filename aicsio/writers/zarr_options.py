"""The options of ``write_ome_zarr``.

Rule kept here: what OME-TIFF takes too stands in ``aicsio.writers.options``, as do conversion and
checks; `ZarrOptions` and `ZARR_DEFAULTS` add the options of OME-Zarr alone and their defaults.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from aicsio.records import ImageHandle
from aicsio.writers.options import SHARED_DEFAULTS, SharedOptions

__all__ = ["ZARR_DEFAULTS", "ZarrOptions"]

Sizes: TypeAlias = int | Mapping[str, int] | Sequence[int]


class ZarrOptions(SharedOptions, total=False):
    """Options of ``write_ome_zarr``. All have defaults. Those of ``SharedOptions`` belong to them."""

    version: Literal["0.4", "0.5"]
    """Version of OME-Zarr: ``"0.5"`` (default) is Zarr v3; ``"0.4"`` is Zarr v2, which has no
    shards, for readers of before 2025."""
    chunks: Sizes | Literal["auto"]
    """Pixels that a reader decodes at once: a side for Y and X, a size for each axis, or sizes by
    letter, such as ``{"Z": 32, "Y": 128, "X": 128}``. ``"auto"`` (default): 512 x 512 of one
    plane, which a browser draws; see docs/ome-zarr.md for volumes and for clusters."""
    shards: Sizes | Literal["auto"] | None
    """Pixels of a file, in the forms of ``chunks``, multiples of a chunk. ``"auto"`` (default):
    up to 16 MiB. ``None``: each chunk is a file. Version 0.4 has none."""
    levels: int | Literal["auto", "source"]
    """Number of resolution levels, the full one included; each has half the height and width of the
    one before, rounded up. ``"auto"`` (default): until one fits into a chunk of 512 x 512, or into
    a larger one. ``"source"``: those of the source below the level in focus, read and written as they
    are, in the sizes and places that the source gives them; the handle shows whole planes. Labels
    without such levels get computed ones."""
    compression: Literal["blosc", "lz4", "zstd", "gzip"] | None
    """``"blosc"`` (default): bits shuffled, then zstd, in blosc's container. ``"lz4"``: the same
    container with lz4, the fastest to read. ``"zstd"``, ``"gzip"``: without the container. ``None``
    stores raw pixels."""
    compression_level: int | None
    """Effort: blosc and lz4 1 to 9, zstd 1 to 22, gzip 1 to 9; by default a small one."""
    labels: Mapping[str, ImageHandle] | None
    """Label images by name, such as ``{"nuclei": handle}``: integers, in the frame of the one image
    that is written."""
    plate: Mapping[str, int | Sequence[int]] | Sequence[str] | None
    """A plate: the well of each image, such as ``["A1", "A1", "B2"]``, where images of one well are
    its fields; or the images of each well by their index, ``{"A1": [0, 1], "B2": 2}``."""
    storage_options: Mapping[str, Any] | None
    """Options of the file system of a URL, as in ``open_image``."""
    resume: bool
    """Whether to go on with what an earlier call left unfinished, if source and options are the
    same (default ``True``)."""


ZARR_DEFAULTS: ZarrOptions = {
    "version": "0.5",
    "chunks": "auto",
    "shards": "auto",
    "levels": "auto",
    "compression": "blosc",
    "compression_level": None,
    "labels": None,
    "plate": None,
    "storage_options": None,
    "resume": True,
    **SHARED_DEFAULTS,
}
"""The value of each option that the caller leaves out."""
