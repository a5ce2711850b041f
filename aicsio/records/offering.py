"""Which optional protocols a layout or a format offers.

Rule kept here: one check per class is enough, since every member is a method or a function.
"""

import functools
from types import ModuleType
from typing import Any, TypeVar, cast

P = TypeVar("P")


def offered(thing: object, protocol: type[P]) -> P | None:
    """Return ``thing`` as a ``protocol`` if it offers all of its members, else ``None``.

    Parameters
    ----------
    thing
        A layout or a module of a format.
    protocol
        One of the optional protocols of this file.

    Returns
    -------
    object or None
        ``thing`` itself, typed as the protocol.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.records.protocols import InMemory, offered
    >>> layout = open_image(np.zeros((2, 3))).array.layout
    >>> offered(layout, InMemory).held_array().shape
    (2, 3)
    """
    if isinstance(thing, ModuleType):  # its functions are members of the module, not of its class
        has = isinstance(thing, protocol)
    else:
        kind: Any = type(thing)
        has = _class_offers(kind, cast("Any", protocol))
    return cast("P", thing) if has else None


# Cached by class: ``issubclass`` of a Protocol compares every member, and layouts are asked for
# each read.
@functools.cache
def _class_offers(kind: Any, protocol: Any) -> bool:
    return issubclass(kind, protocol)
