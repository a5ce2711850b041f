"""The version number; imports nothing."""

__version__ = "0.1.0"
