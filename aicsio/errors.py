"""The errors of aicsio: one tree, each leaf a builtin too, so that old ``except`` clauses keep
working.

::

    AicsioError
    ├─ ArgumentTypeError (TypeError)            an argument of a type that the call does not accept
    ├─ DimensionError (ValueError, IndexError)  an order string or a pick that does not fit
    ├─ SceneError (IndexError)                  a scene, level or channel that the file does not have
    ├─ UnsupportedFormatError (ValueError)      no format recognises the file
    ├─ MissingDependencyError (ImportError)     an optional package is not installed
    ├─ ImageTooLargeError (MemoryError)         the pixels do not fit into the free memory
    ├─ SourceError (OSError)                    the bytes cannot be read
    │  ├─ SourceNotFoundError (FileNotFoundError)   no file has the path or URL
    │  └─ SourceChangedError                    the file is not the one that was indexed
    ├─ CorruptFileError (OSError)               the bytes are read and break the rules of the format
    └─ WriteError (OSError)                     the output cannot be written

Rule kept here: a message names the request, the alternatives, and the call that works. Every error
pickles: its message is its only argument, and further facts are attributes, which travel in
``__dict__``. No message holds a secret of a URL.
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
    """Base of all errors that aicsio raises on purpose."""


class ArgumentTypeError(AicsioError, TypeError):
    """An argument has a type that the call does not accept."""


class DimensionError(AicsioError, ValueError, IndexError):
    """An order string or a pick does not fit the dimensions of the image."""


class SceneError(AicsioError, IndexError):
    """The file lacks the requested scene, level or channel."""


class UnsupportedFormatError(AicsioError, ValueError):
    """No format recognises the file; the message lists the formats that were asked."""


class MissingDependencyError(AicsioError, ImportError):
    """An optional package is needed; the message holds the exact install line."""


class ImageTooLargeError(
    MemoryError, AicsioError
):  # this order: MemoryError has a __new__ of its own
    """The requested pixels do not fit into the free memory; the file itself may be sound."""


class SourceError(AicsioError, OSError):
    """The bytes of a source cannot be read (permissions, network, server)."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """No file has the path or URL."""


class SourceChangedError(SourceError):
    """The file is not the one that was indexed: its size, time or ETag differs. Open it again."""


class CorruptFileError(AicsioError, OSError):
    """The bytes can be read, but break the rules of the format.

    Attributes
    ----------
    uri
        The file or URL, or ``None`` if the code that raised did not know it.
    offset
        Byte offset of the damage, or ``None`` if it has no single place.
    """

    uri: str | None = None
    offset: int | None = None

    @classmethod
    def at(cls, uri: str, offset: int | None, expected: str) -> "CorruptFileError":
        """Make the error for a place in a file, in the one wording that all formats share.

        Parameters
        ----------
        uri
            Path or URL of the file.
        offset
            Byte at which the damage was met; ``None`` if it has no single place.
        expected
            The expected content, and the found one: ``"expected 4 bytes, found 2"``.

        Returns
        -------
        CorruptFileError
            With ``uri`` and ``offset`` as fields.
        """
        where = "" if offset is None else f" at byte {offset}"
        error = cls(f"{uri}{where}: {expected}")
        error.uri, error.offset = uri, offset
        return error


class WriteError(AicsioError, OSError):
    """The output cannot be written; a file that had the name before is unchanged."""
