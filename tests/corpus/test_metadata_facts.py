"""Facts of the metadata of all real files agree with the recorded ones, or the docs give the reason."""

import functools
from fnmatch import fnmatchcase

import pytest

from metadata_facts import KINDS, PAGES, Fact, compare_file, count, listed, recorded_files
from support import data_folder

FEWEST_FACTS = 6000
"""Of all kinds together, in the whole collection."""


@functools.cache
def all_facts() -> tuple[Fact, ...]:
    """Facts of the whole collection: 7 000, in three seconds."""
    if data_folder() is None:
        pytest.skip("no real files here: set AICSIO_TEST_DATA to their folder")
    return tuple(fact for record in recorded_files().values() for fact in compare_file(record))


@pytest.mark.parametrize("kind", KINDS)
def test_nearly_all_facts_of_a_kind_agree_or_have_a_reason(kind: str) -> None:
    total, equal, explained = count(all_facts())[kind]
    assert total > 0
    assert equal + explained >= 0.99 * total


def test_the_comparison_runs_over_the_whole_collection() -> None:
    counts = count(all_facts())
    assert sum(total for total, _, _ in counts.values()) >= FEWEST_FACTS
    differing = sum(total - equal for total, equal, _ in counts.values())
    explained = sum(explained for _, _, explained in counts.values())
    assert differing - explained <= 0.01 * FEWEST_FACTS


def test_every_row_of_the_page_is_about_a_file_that_differs() -> None:
    differing = {(fact.kind, fact.file) for fact in all_facts() if not fact.agrees}
    rows = listed(PAGES[1])
    assert len(rows) > 20
    unused = [
        (kind, pattern)
        for kind, pattern in rows
        if not any(kind == one and fnmatchcase(file, pattern) for one, file in differing)
    ]
    assert unused == []
