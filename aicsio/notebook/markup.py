"""HTML from texts: escaping, elements, tables.

Rule kept here: ``Markup`` is made by these functions alone, and takes a text of a file only through
``text`` or an attribute of ``tag``. A forgotten escape is an error of types.
"""

import html
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NewType

from aicsio._checks.words import count_of
from aicsio._io.urls import hide_secrets
from aicsio.notebook.styles import STYLE

Markup = NewType("Markup", str)
"""HTML in which every text is escaped."""

NONE = Markup("")
SPACES = Markup("&#160;&#160;")
"""Two spaces that do not collapse: the area of an element without a style sheet."""
LONGEST_TEXT = 120
"""Characters of a name that are shown; longer ones are cut, and whole on hover."""
LONGEST_TITLE = 1000
"""Characters that are shown on hover."""
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean(value: object, most: int = LONGEST_TITLE) -> str:
    r"""Turn a value into one line of at most ``most`` characters that every encoding takes.

    Controls, directions of writing (which would turn the rest of the line) and lone surrogates (bytes of
    file names that are no text; UTF-8 has none) become replacement characters. Secrets of URLs are hidden.

    Examples
    --------
    >>> from aicsio.notebook.markup import clean
    >>> clean("DAPI\n405 nm"), clean("x" * 20, 10)
    ('DAPI 405 nm', 'xxxxxxxxx…')
    """
    # Cut first: a document of megabytes in a name is not searched for URLs.
    line = " ".join(str(value)[: 4 * most].split())
    if "://" in line:
        line = hide_secrets(line)
    if line.isascii() and line.isprintable() and len(line) <= most:
        return line  # pictures and paths of SVG are long
    parts = []
    for character in line:
        bad = not character.isprintable() or unicodedata.category(character) in {"Cf", "Cs"}
        parts.append(REPLACEMENT if bad and character != " " else character)
    cleaned = "".join(parts)
    return cleaned if len(cleaned) <= most else f"{cleaned[: most - 1]}…"


def text(value: object, most: int = LONGEST_TEXT) -> Markup:
    """Escape a value, shown as one line.

    Examples
    --------
    >>> from aicsio.notebook.markup import text
    >>> text("<b>&'")
    '&lt;b&gt;&amp;&#x27;'
    """
    return Markup(html.escape(clean(value, most)))


def tag(name: str, *children: Markup, **attributes: object) -> Markup:
    """Make an element.

    Parameters
    ----------
    name
        Of the element.
    *children
        Its contents.
    **attributes
        Escaped; ``class_`` is ``class``, ``stroke_width`` is ``stroke-width``; those of ``None`` are
        left out.

    Examples
    --------
    >>> from aicsio.notebook.markup import tag, text
    >>> tag("b", text("1 < 2"), title='"')
    '<b title="&quot;">1 &lt; 2</b>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(clean(value, 200_000))}"'
        for key, value in attributes.items()
        if value is not None
    )
    # HTML, "Void elements": they have no end tag.
    end = "" if name == "img" else f"</{name}>"
    return Markup(f"<{name}{written}>{''.join(children)}{end}")


def join(parts: Iterable[Markup], between: str = "") -> Markup:
    """Put pieces behind one another, with a plain text between them."""
    return Markup(html.escape(between).join(parts))


def titled(shown: Markup, title: object | None) -> Markup:
    """Show a text on hover, with a line below that gives it away."""
    if not title:
        return shown
    return tag("span", shown, title=clean(title), class_="aicsio-hint")


def muted(value: object) -> Markup:
    """A text that matters less."""
    return tag("span", text(value, 400), class_="aicsio-muted")


def badge(value: object, kind: str = "") -> Markup:
    """A word in a frame: ``kind`` is ``""``, ``"good"``, ``"warn"`` or ``"bad"``."""
    return tag("span", text(value), class_=f"aicsio-badge {kind and f'aicsio-{kind}'}".strip())


def head(kind: str, *parts: Markup) -> Markup:
    """The first line: the class of the record, then what names it."""
    name = tag("span", text(kind), class_="aicsio-kind")
    return tag("div", join([name, *parts], " "), class_="aicsio-head")


def table(header: Sequence[Markup], rows: Iterable[Sequence[Markup]], caption: str = "") -> Markup:
    """A table; cells of numbers are aligned by the style."""
    parts = []
    if caption:
        parts.append(tag("caption", text(caption)))
    if header:
        cells = [tag("th", cell, scope="col") for cell in header]
        parts.append(tag("thead", tag("tr", *cells)))
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    return _fitted(tag("table", *parts, tag("tbody", *body)))


def _fitted(drawn: Markup) -> Markup:
    """A part that scrolls by itself where the page is narrower than it."""
    return tag("div", drawn, class_="aicsio-fit")


def facts(pairs: Iterable[tuple[str, Markup]]) -> Markup:
    """A table of names and values; empty values are left out."""
    rows = [
        tag("tr", tag("th", text(name), scope="row"), tag("td", value))
        for name, value in pairs
        if value
    ]
    return _fitted(tag("table", tag("tbody", *rows), class_="aicsio-facts")) if rows else NONE


def folded(summary: str, *children: Markup, is_open: bool = False) -> Markup:
    """A part that is opened by a click."""
    opened = "open" if is_open else None
    return tag("details", tag("summary", text(summary)), *children, open=opened)


def listed(
    items: Sequence[Any], show: Callable[[int, Any], Markup], most: int, noun: str
) -> Markup:
    """A list of the first items, and the count of the others."""
    lines = [tag("li", show(index, item)) for index, item in enumerate(items[:most])]
    if len(items) > most:
        rest = count_of(len(items) - most, f"more {noun}")
        lines.append(tag("li", muted(f"and {rest}")))
    return tag("ul", *lines)


def section(make: Callable[..., Markup], *arguments: Any) -> Markup:
    """One part of a drawing; where it fails, the others are still shown."""
    try:
        return make(*arguments)
    except Exception as error:  # noqa: BLE001 - a damaged file breaks one part, not the whole
        return tag("p", muted(f"not shown: {type(error).__name__}: {error}"))


def page(contents: Markup) -> str:
    """Wrap the drawing of a record, with its style."""
    # Notebooks typeset $...$ in their outputs as mathematics; these classes of MathJax 2 and 3 forbid it.
    classes = "aicsio tex2jax_ignore mathjax_ignore"
    return tag("div", Markup(f"<style>{STYLE}</style>"), contents, class_=classes)


def rows_of(count: int, most: int) -> Iterator[int]:
    """Yield the first and the last of ``count`` rows, at most ``most`` in all.

    Examples
    --------
    >>> from aicsio.notebook.markup import rows_of
    >>> list(rows_of(100, 4))
    [0, 1, 98, 99]
    """
    if count <= most:
        yield from range(count)
        return
    yield from range(most // 2)
    yield from range(count - most // 2, count)
