"""Tables of patterns: text in, regular expression or error out. The rule of classes is fnmatch's."""

import re

import pytest

from aicsio import DimensionError
from aicsio.joining import patterns
from aicsio.joining.file_names import natural_key


@pytest.mark.parametrize(
    ("pattern", "name", "fields"),
    [
        ("img_t{T}.tif", "img_t007.tif", {"T": "007"}),
        ("img_t{T}.tif", "img_t1_mask.tif", None),  # no "_" in a field
        ("{T}/c{C}.tif", "3/cGFP.tif", {"T": "3", "C": "GFP"}),
        ("{T}/c{C}.tif", "3/x/cGFP.tif", None),
        ("w{scene}_{T}.tif", "wB2_4.tif", {"scene": "B2", "T": "4"}),
        ("{T}/img_{T}.tif", "4/img_4.tif", {"T": "4"}),
        ("{T}/img_{T}.tif", "4/img_5.tif", None),
        ("a?_*_{T}.tif", "ab_any thing_1.tif", {"T": "1"}),
        ("a?_*_{T}.tif", "a_x_1.tif", None),
        ("**/{T}.tif", "x/y/1.tif", {"T": "1"}),
        ("**/{T}.tif", "1.tif", {"T": "1"}),
        ("a[0-9]{T}.tif", "a12.tif", {"T": "2"}),
        ("a[!0-9]{T}.tif", "ab2.tif", {"T": "2"}),
        ("a[!0-9]{T}.tif", "a12.tif", None),
        ("a[^]{T}.tif", "a^2.tif", {"T": "2"}),
        ("a[]]{T}.tif", "a]2.tif", {"T": "2"}),
        ("a[!]]{T}.tif", "a]2.tif", None),
        ("a[[]1[]]{T}.tif", "a[1]2.tif", {"T": "2"}),
        ("a[{T}.tif", "a[2.tif", {"T": "2"}),
        ("a{{1}}{T}.tif", "a{1}2.tif", {"T": "2"}),
        ("a.({T})+$.tif", "a.(2)+$.tif", {"T": "2"}),
        (r"a\{T}.tif", r"a\2.tif", {"T": "2"}),  # a backslash is a character of the name
    ],
)
def test_names_and_their_fields(pattern: str, name: str, fields: dict[str, str] | None) -> None:
    match = re.fullmatch(patterns.name_regex(patterns.split_tokens(pattern)), name)
    assert (match and match.groupdict()) == fields


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("img[1] t{T}.tif", "img[1] t0.tif"),
        ("[{T}]*.tif", "[5]a.tif"),
        ("a[!x]{T}.tif", "a[!x]5.tif"),
    ],
)
def test_brackets_as_characters_of_the_name(pattern: str, name: str) -> None:
    tokens = patterns.split_tokens(pattern, literal_brackets=True)
    assert re.fullmatch(patterns.name_regex(tokens), name)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("img_t{T}_c{C}.tif", "img_t*_c*.tif"),
        ("a[0-9]?{T}", "a[0-9]?*"),
        ("a{{{T}", "a{*"),
    ],
)
def test_the_glob_of_a_pattern(pattern: str, expected: str) -> None:
    assert patterns.to_glob(patterns.split_tokens(pattern)) == expected


def test_literal_brackets_are_escaped_in_the_glob() -> None:
    tokens = patterns.split_tokens("img[1]{T}*", literal_brackets=True)
    assert patterns.to_glob(tokens) == "img[[]1]**"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.tif", []),
        ("{{T}}.tif", []),
        ("{T}_{C}_{T}", ["T", "C"]),
        ("{scene}-{H}", ["scene", "H"]),
    ],
)
def test_fields(pattern: str, names: list[str]) -> None:
    assert patterns.field_names(pattern) == names
    assert patterns.has_fields(pattern) == bool(names)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{t}.tif", r"\{t\} is no field: did you mean \{T\}\?"),
        ("{time}.tif", r"\{time\} is no field\. Fields are"),
        ("{}.tif", r"\{\} is no field"),
        ("{TC}.tif", r"\{TC\} is no field"),
        ("{T}{C}.tif", "two fields touch"),
        ("{T}{T}.tif", "two fields touch"),
    ],
)
def test_invalid_fields(pattern: str, message: str) -> None:
    with pytest.raises(DimensionError, match=message):
        patterns.field_names(pattern)


def test_names_with_and_without_digits_sort_together() -> None:
    """A name beside itself with digits: numbers and texts of different places never meet."""
    names = ["raw2", "raw", "a1", "a", "raw10", "out3", "out", "x.tif1", "x.tif", "1", "", "1a"]
    ordered = sorted(names, key=natural_key)
    assert ordered.index("raw") < ordered.index("raw2") < ordered.index("raw10")
    assert ordered.index("a") < ordered.index("a1")
    assert set(ordered) == set(names)
