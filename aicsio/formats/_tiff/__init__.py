"""TIFF itself, shared by `formats.tiff` and `formats.ome_tiff`. Imports `_io`, `_codecs`, `_ome` and `records`."""
