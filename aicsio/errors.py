"""The errors of aicsio: one tree, each leaf a builtin too, so that old ``except`` clauses keep working.

::

    AicsioError
    ├─ ArgumentTypeError (TypeError)        an argument of a type that the call does not take
    ├─ DimensionError (ValueError, IndexError)  order strings and picks
    ├─ SceneError (IndexError)              a scene, level or channel that is not there
    ├─ UnsupportedFormatError (ValueError)  no format takes the file
    ├─ MissingDependencyError (ImportError) an optional package is not installed
    ├─ ImageTooLargeError (MemoryError)     the pixels do not fit into the free memory
    ├─ SourceError (OSError)                the bytes cannot be had
    │  ├─ SourceNotFoundError (FileNotFoundError)
    │  └─ SourceChangedError                the file is not the one that was indexed
    ├─ CorruptFileError (OSError)           the bytes are there and wrong
    └─ WriteError (OSError)                 the output cannot be written

Every error says what was asked, what is there, and the call that would work. Every error pickles: it keeps its
message as its only argument, and what else it knows in fields that travel with ``__dict__``.
"""

__all__ = [
    "AicsioError",
    "ArgumentTypeError",
    "CorruptFileError",
    "DimensionError",
    "ImageTooLargeError",
    "MissingDependencyError",
    "SceneError",
    "SourceChangedError",
    "SourceError",
    "SourceNotFoundError",
    "UnsupportedFormatError",
    "WriteError",
]


class AicsioError(Exception):
    """Whatever aicsio raises on purpose."""


class ArgumentTypeError(AicsioError, TypeError):
    """An argument has a type that the call does not take."""


class DimensionError(AicsioError, ValueError, IndexError):
    """An order string or a pick does not fit the dimensions that are there."""


class SceneError(AicsioError, IndexError):
    """A scene, level or channel that was asked for is not there."""


class UnsupportedFormatError(AicsioError, ValueError):
    """No format takes the file; the message lists what was tried and why each declined."""


class MissingDependencyError(AicsioError, ImportError):
    """An optional package is needed; the message holds the exact install line."""


class ImageTooLargeError(
    MemoryError, AicsioError
):  # this order: MemoryError has a __new__ of its own
    """The requested pixels do not fit into the free memory; the file itself may be sound."""


class SourceError(AicsioError, OSError):
    """The bytes of a source cannot be had (permissions, network, server)."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """There is nothing at the path or URL."""


class SourceChangedError(SourceError):
    """The file is not the one that was indexed: its size, time or ETag differs. Open it again."""


class CorruptFileError(AicsioError, OSError):
    """The bytes are there and do not say what the format requires.

    Attributes
    ----------
    uri
        The file or URL, or ``None`` where the place that raised did not know it.
    offset
        Byte offset of the trouble, or ``None`` where it has no single place.
    """

    uri: str | None = None
    offset: int | None = None

    @classmethod
    def at(cls, uri: str, offset: int | None, expected: str) -> "CorruptFileError":
        """Make the error for a place in a file, in the one wording that all formats share."""
        where = "" if offset is None else f" at byte {offset}"
        error = cls(f"{uri}{where}: {expected}")
        error.uri, error.offset = uri, offset
        return error


class WriteError(AicsioError, OSError):
    """The output cannot be written; what was there before is as it was."""
