"""OME-Zarr on its way out: arrays, shards, levels, metadata. Imports `writers._pixels` and `_engine`."""
