"""The import name of ``metadata.utils`` that scripts know. Imports `legacy`, where it lives, and `_metadata`.

Rule kept here: ``aicsio.metadata`` is a verb. An import of this folder puts the module in its place,
so the module is called as the verb is.
"""

import sys
from types import ModuleType
from typing import Any

from aicsio import _metadata
from aicsio.metadata import utils

__all__ = ["utils"]


class _Verb(ModuleType):
    """The module, which can be called: ``aicsio.metadata(h)``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _metadata.metadata(*args, **kwargs)


sys.modules[__name__].__class__ = _Verb
