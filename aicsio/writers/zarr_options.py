"""The options of ``write_ome_zarr``.

Rule kept here: `ZarrOptions` is the only list of options, `ZARR_DEFAULTS` the only list of
defaults; conversion and checks are those of ``aicsio.writers.options``.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

import numpy as np

from aicsio.records import DType, ImageHandle, PixelSize
from aicsio.writers.options import ColorValue

if TYPE_CHECKING:
    import ome_types

__all__ = ["ZARR_DEFAULTS", "ZarrOptions"]

Sizes: TypeAlias = int | Mapping[str, int] | Sequence[int]


class ZarrOptions(TypedDict, total=False):
    """Options of ``write_ome_zarr``. All have defaults."""

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
    levels: int | Literal["auto"]
    """Number of resolution levels, the full one included; each has half the height and width of the
    one before, rounded up. ``"auto"`` (default): until one fits into a chunk of 512 x 512, or into
    a larger one."""
    downsample: Literal["auto", "mean", "mode", "nearest"]
    """Pixels of smaller levels, as in ``WriteOptions``. Labels are never mixed: theirs are the
    mode, or the nearest pixel where that is chosen."""
    compression: Literal["blosc", "lz4", "zstd", "gzip"] | None
    """``"blosc"`` (default): bits shuffled, then zstd, in blosc's container. ``"lz4"``: the same
    container with lz4, the fastest to read. ``"zstd"``, ``"gzip"``: without the container. ``None``
    stores raw pixels."""
    compression_level: int | None
    """Effort: blosc and lz4 1 to 9, zstd 1 to 22, gzip 1 to 9; by default a small one."""
    dtype: str | DType | type | None
    """Type to convert to: a numpy name, dtype or type. Integers that do not fit raise."""
    labels: Mapping[str, ImageHandle] | None
    """Label images by name, such as ``{"nuclei": handle}``: integers, in the frame of the one image
    that is written."""
    plate: Mapping[str, int | Sequence[int]] | Sequence[str] | None
    """A plate: the well of each image, such as ``["A1", "A1", "B2"]``, where images of one well are
    its fields; or the images of each well by their index, ``{"A1": [0, 1], "B2": 2}``."""
    scene_names: str | Sequence[str] | None
    """One name for each image, in place of the source's."""
    channel_names: Sequence[str] | None
    """One name for each channel, in place of the source's; every image gets them."""
    channel_colors: Sequence[ColorValue] | None
    """``"#RRGGBB"``, ``"#RRGGBBAA"``, 0xRRGGBBAA or ``None`` for each channel."""
    pixel_size: PixelSize | None
    """Micrometres between the pixels that are written, in place of the source's."""
    time_step: float | None
    """Seconds between the positions of T that are written, in place of the source's."""
    acquired: str | dt.datetime | np.datetime64 | None
    """Date and time of the acquisition, ISO 8601, in place of the source's."""
    description: str | None
    """A text about the image, in place of the source's."""
    ome: "ome_types.OME | str | None"
    """A whole OME document in place of all metadata of the source, as in ``WriteOptions``."""
    original_metadata: bool
    """Whether to keep the metadata text of a source that is not OME (default ``False``)."""
    storage_options: Mapping[str, Any] | None
    """Options of the file system of a URL, as in ``open_image``."""
    overwrite: bool
    """Whether to replace an existing store (default ``False``)."""
    resume: bool
    """Whether to go on with what an earlier call left unfinished, if source and options are the
    same (default ``True``)."""
    sync: bool
    """Whether to wait until the files are on the disk before the store takes its name (default
    ``True``)."""
    workers: int | None
    """Number of threads, at least 1; by default one for each core, at most 8."""
    progress: Callable[[int, int], object] | None
    """Called in the caller's thread with bytes of pixels done and bytes in total."""


ZARR_DEFAULTS: ZarrOptions = {
    "version": "0.5",
    "chunks": "auto",
    "shards": "auto",
    "levels": "auto",
    "downsample": "auto",
    "compression": "blosc",
    "compression_level": None,
    "dtype": None,
    "labels": None,
    "plate": None,
    "scene_names": None,
    "channel_names": None,
    "channel_colors": None,
    "pixel_size": None,
    "time_step": None,
    "acquired": None,
    "description": None,
    "ome": None,
    "original_metadata": False,
    "storage_options": None,
    "overwrite": False,
    "resume": True,
    "sync": True,
    "workers": None,
    "progress": None,
}
"""The value of each option that the caller leaves out."""
