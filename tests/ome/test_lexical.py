"""Texts as XML spells them."""

import pytest

from aicsio._ome.lexical import resolve_references


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("&#181;m &amp; &#xB5;m &lt;&quot;", 'µm & µm <"'),
        ("&#1114112;", "\ufffd"),  # behind the last character, 0x10FFFF
        # Python refuses to convert more than 4300 digits.
        (f"a&#{'9' * 5000};b", "a\ufffdb"),
        (f"&#x{'f' * 5000};", "\ufffd"),
        (f"&#{'0' * 20}65;", "A"),
        ("R&D, 5 &#", "R&D, 5 &#"),
    ],
)
def test_references_are_resolved(text: str, expected: str) -> None:
    assert resolve_references(text) == expected
