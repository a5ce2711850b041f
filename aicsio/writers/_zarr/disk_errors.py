"""Errors of the disk that a store is written to.

Rule kept here: one wording; the store that has the name stays as it was.
"""

import contextlib
from collections.abc import Iterator
from typing import NoReturn

from aicsio.errors import WriteError
from aicsio.writers._atomic_file import state_previous

__all__ = ["refuse", "refusing"]


def refuse(target: str, error: OSError) -> NoReturn:
    """Raise the error of the disk as one about the target.

    Raises
    ------
    WriteError
        Always.
    """
    reason = error.strerror or str(error)
    previous = state_previous(target, "store")
    raise WriteError(f"cannot write {target!r}: {reason}{previous}") from error


@contextlib.contextmanager
def refusing(target: str) -> Iterator[None]:
    """Raise errors of the disk in the block as errors about the target.

    Raises
    ------
    WriteError
        When the disk refuses.
    """
    try:
        yield
    except OSError as error:
        refuse(target, error)
