"""Every TIFF-like file of the collection: it opens, or raises the error that is right, and shows what was recorded.

What differs from the independent reader's record, and why, is the table of ``docs/fidelity.md`` and nothing else.
"""

from fnmatch import fnmatchcase

import pytest

from aicsio import AicsioError, ArgumentTypeError, ImageHandle, open_image
from fidelity import differences, every_array, expected, listed
from support import corpus_file, corpus_names, data_folder, facts

FOLDERS = ("ometiff", "tiff", "ndtiff", "lsm", "generated", "fuzz")
NAMES = [name for name in corpus_names(*FOLDERS) if not name.endswith((".index", ".czi", ".lif"))]


@pytest.mark.parametrize("name", NAMES)
def test_file_is_seen_as_recorded_but_for_what_the_page_lists(name: str) -> None:
    fact = facts(name.split("/", 1)[0])[name]
    path = corpus_file(name)
    try:
        handle = open_image(path)
        found = differences(handle, fact) if "error" not in fact else _read_all(handle)
    except ArgumentTypeError:
        raise  # inside the package: a record that breaks its own types
    except AicsioError as error:
        found = {f"error {type(error).__name__}"}
    assert found == expected(name)


def _read_all(handle: ImageHandle) -> set[str]:
    for array in every_array(handle):
        assert array.size
    return set()


def _needs_corpus() -> None:
    if data_folder() is None:
        pytest.skip("no real files here: set AICSIO_TEST_DATA to their folder")


def test_every_row_of_the_page_is_about_a_file() -> None:
    _needs_corpus()
    rows = listed()
    assert len(rows) > 50
    assert [row for row in rows if not any(fnmatchcase(name, row[1]) for name in NAMES)] == []


def test_pixels_are_found_on_nearly_all_files() -> None:
    """At least 97 % of the files that the recorded reader could read; it could not where it shows blanks."""
    _needs_corpus()
    real = [
        name
        for name in NAMES
        if not name.startswith("fuzz/") and "error" not in facts(name.split("/", 1)[0])[name]
    ]
    readable = [name for name in real if "pixels blank" not in expected(name)]
    wrong = [
        name
        for name in readable
        if any(a == "pixels" or a.startswith("error") for a in expected(name))
    ]
    assert len(wrong) <= 0.03 * len(readable), wrong
