"""Pixels that are written: streams, pyramids, encoders. Imports `_engine`, `_codecs`, `_dims`."""
