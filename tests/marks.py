"""Marks of tests that the gates alone run. Needs nothing of the package: the gate `package` copies it."""

import os
from collections.abc import Iterable
from typing import Any

import pytest

takes_long = pytest.mark.skipif(
    "AICSIO_HYPOTHESIS" not in os.environ,
    reason="takes long: the gate `lowest` runs it, with AICSIO_HYPOTHESIS=ci",
)
"""For tests of seconds that others of the same law stand beside: the README's command takes five minutes."""


def mostly_long(values: Iterable[Any], *quick: Any) -> list[Any]:
    """Values for parametrising, tuples for several arguments: the tests of all but the quick ones take long."""
    found = list(values)
    assert set(quick) <= set(found), quick
    return [one if one in quick else _long(one) for one in found]


def _long(value: Any) -> Any:
    return pytest.param(*value if isinstance(value, tuple) else [value], marks=takes_long)
