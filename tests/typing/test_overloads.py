"""What is written by ``overloads.py``, and lists of names that a table has too."""

import string
from pathlib import Path
from typing import get_args

import pytest

from aicsio import formats
from aicsio._dims import orders
from aicsio._dims.picks import Picks
from overloads import written


@pytest.mark.parametrize(
    ("path", "text"), list(written()), ids=lambda each: getattr(each, "name", "")
)
def test_overloads_are_as_their_generator_writes_them(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "run python tests/typing/overloads.py"


def test_orders_are_counted_by_their_letters() -> None:
    listed = [get_args(getattr(orders, f"Order{rank}")) for rank in range(1, 8)]
    for rank, texts in enumerate(listed, 1):
        assert {len(text) for text in texts} == {rank}
    # Arrangements of 0 to 5 of 5 letters, with and without M and S, less the empty one.
    assert sum(map(len, listed)) == 4 * (1 + 5 + 20 + 60 + 120 + 120) - 1
    assert get_args(orders.Order) == tuple(getattr(orders, f"Order{rank}") for rank in range(1, 8))


def test_each_letter_can_be_picked() -> None:
    assert Picks.__optional_keys__ == set(string.ascii_uppercase)


def test_names_of_formats_and_engines_are_those_of_the_table() -> None:
    rows = [*formats.TABLE, formats.BRIDGE, formats.FALLBACK]
    text = (Path(formats.__file__).parent / "names.py").read_text(encoding="utf-8")
    for row in rows:
        assert f'"{row.name}"' in text, f"FormatName lacks {row.name!r}"
        for engine in row.engines:
            assert f'"{engine}"' in text, f"EngineName lacks {engine!r}"
