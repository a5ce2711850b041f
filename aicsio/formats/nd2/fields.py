"""Values of a tree of metadata, by name and checked: a file may hold anything under any name.

Rule kept here: a value of another kind than expected is a missing value.
"""

import math
from typing import Any

from aicsio.formats.nd2.variants import Tree


def level(tree: Any, *names: str) -> Tree:
    """Return the level on a path of names; empty where one is missing."""
    for name in names:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if isinstance(tree, dict) else {}


def values(tree: Any) -> list[Any]:
    """Return the values of a level in order, whether it is a list or has names."""
    if isinstance(tree, dict):
        return list(tree.values())
    return tree if isinstance(tree, list) else []


def levels(tree: Any) -> list[Tree]:
    """Return those values of a level that are levels."""
    return [value for value in values(tree) if isinstance(value, dict)]


def text(value: Any) -> str | None:
    """Return a text without the blanks around it; ``None`` where it is empty."""
    if not isinstance(value, str):
        return None
    return value.strip() or None


def whole(value: Any) -> int:
    """Return a number of things; 0 where it is none."""
    # True is an int to Python.
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return max(value, 0)


def number(value: Any) -> float | None:
    """Return a finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return float(value)


def positive(value: Any) -> float | None:
    """Return a number above 0: NIS-Elements writes 0 and -1 for "unknown"."""
    found = number(value)
    return None if found is None or found <= 0 else found
