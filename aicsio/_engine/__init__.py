"""Runs a plan of pieces: fetch bytes, decode, place pixels. May import _io, _codecs, _dims and what they import."""

from aicsio._engine.run import pieces, read, read_into, room, tasks

__all__ = ["pieces", "read", "read_into", "room", "tasks"]
