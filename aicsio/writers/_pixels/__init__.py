"""Pixels that are written.

Streams, pyramids, encoders. Imports `_engine`, `_codecs`, `_dims`, `records`.
"""
