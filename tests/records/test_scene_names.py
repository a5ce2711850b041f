"""Scenes of a file can be told apart by their names, whatever the names are."""

from hypothesis import given
from hypothesis import strategies as st

from aicsio.records.scenes import distinguish_scenes

NAMES = st.sampled_from([None, "", "a", "a#1", "a#2", "a#1#1", "Image:0", "Image:1", "Image:1#1"])


@given(st.lists(NAMES, max_size=7))
def test_names_are_distinct_and_single_ones_stay(names: list[str | None]) -> None:
    distinct = distinguish_scenes(names)
    assert len(set(distinct)) == len(names)
    for name, made in zip(names, distinct, strict=True):
        if name and names.count(name) == 1:
            assert made == name


def test_numbers_begin_at_1() -> None:
    assert distinguish_scenes(["a", None, "a", "b"]) == ["a#1", "Image:1", "a#2", "b"]
    assert distinguish_scenes([None, "", None]) == ["Image:0", "Image:1", "Image:2"]
