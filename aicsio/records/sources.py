"""Where the bytes of an image are.

Rule kept here: a source is compared by value. It holds no open file and no credentials that its
repr would show.
"""

import attrs

from aicsio._checks.constructors import checked_record
from aicsio.records.pickling import pickled_by_position


# The hash is kept because sources are keys of the pool and of every piece, and ``content`` may be
# a whole file.
@pickled_by_position
@checked_record
@attrs.frozen(cache_hash=True)
class Source:
    """Where the bytes are, and how to recognise that they are still the same bytes."""

    uri: str
    """Absolute local path, fsspec URL, or ``memory:<digest>`` for bytes that the caller passed."""
    # A text, not a dict: a source has a hash.
    storage_options: str = attrs.field(default="{}", repr=False)
    """JSON object for fsspec. It may hold credentials, so the repr leaves it out."""
    size: int | None = None
    """Length in bytes; ``None`` if the server does not send it."""
    fingerprint: str | None = None
    """Changes when the content does: mtime in nanoseconds, ETag or checksum; ``None`` if unknown."""
    content: bytes | None = attrs.field(default=None, repr=False)
    """The bytes themselves if the caller passed them, or a server that serves no ranges sent them; else ``None``."""
    local: bool = True
    """Whether ``uri`` is a path of this machine's file system."""
    folder: bool = False
    """Whether ``uri`` is a folder: some formats are a tree of files."""

    @property
    def has_place(self) -> bool:
        """Whether other files may lie beside it: bytes that the caller passed have no folder."""
        return self.content is None or "://" in self.uri
