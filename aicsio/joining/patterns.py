"""Patterns of file names: fields such as ``{T}``, wildcards, and plain text.

Rule kept here: pure functions of text; no file is listed or opened.
"""

import glob
import os
import re
from collections.abc import Sequence
from typing import Literal

import attrs

from aicsio.errors import DimensionError

__all__ = ["Token", "field_names", "has_fields", "name_regex", "split_tokens", "to_glob"]

_FIELD = re.compile(r"\{([^{}/]*)\}")
_KNOWN_FIELD = re.compile(r"[A-Z]|scene")
_TOKEN = re.compile(
    r"(?P<escaped>\{\{|\}\})"
    r"|\{(?P<field>[^{}/]*)\}"
    r"|(?P<wildcard>\*\*/?|\*|\?)"
    # As in fnmatch, a "]" right after "[" or "[!" belongs to the class; a class has no field.
    r"|(?P<class>\[!?\]?[^\]/{}]*\])"
    r"|(?P<text>.)",
    re.DOTALL,
)
_WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@attrs.frozen
class Token:
    """One part of a pattern."""

    kind: Literal["field", "wildcard", "class", "text"]
    """A class is a wildcard in brackets, ``[0-9]``."""
    text: str
    """Name of a field without its braces; other parts as written, escapes resolved."""


def has_fields(pattern: str) -> bool:
    """Whether a pattern has a field; ``{{`` and ``}}`` are braces of the name."""
    return any(token.kind == "field" for token in split_tokens(pattern))


def split_tokens(pattern: str, *, literal_brackets: bool = False) -> tuple[Token, ...]:
    """Split a pattern into its parts.

    Parameters
    ----------
    pattern
        Text with fields and wildcards; ``{{`` and ``}}`` stand for braces, as in ``str.format``.
    literal_brackets
        Whether square brackets are characters of the name.
    """
    tokens: list[Token] = []
    for match in _TOKEN.finditer(pattern):
        kind, text = match.lastgroup or "text", match[0]
        if kind == "escaped":
            kind, text = "text", text[0]
        elif kind == "field":
            text = match["field"]
        elif kind == "class" and literal_brackets:
            kind = "text"
        tokens.append(Token(_kind(kind), text))
    return tuple(tokens)


def _kind(name: str) -> Literal["field", "wildcard", "class", "text"]:
    if name == "field":
        return "field"
    if name == "wildcard":
        return "wildcard"
    return "class" if name == "class" else "text"


def field_names(pattern: str) -> list[str]:
    """Return the names of the fields, each once, in order.

    Raises
    ------
    DimensionError
        When a field is no capital letter and not ``scene``, or two fields touch.
    """
    tokens = split_tokens(pattern)
    names: list[str] = []
    previous = None
    for token in tokens:
        if token.kind == "field":
            _require_known(token.text, pattern)
            if previous == "field":
                raise DimensionError(
                    f"{pattern!r}: two fields touch, so the end of the first is unknown: "
                    "put a character between them"
                )
            if token.text not in names:
                names.append(token.text)
        previous = token.kind
    return names


def _require_known(name: str, pattern: str) -> None:
    if _KNOWN_FIELD.fullmatch(name):
        return
    hint = "."
    if _KNOWN_FIELD.fullmatch(name.upper()):
        hint = f": did you mean {{{name.upper()}}}?"
    raise DimensionError(
        f"{pattern!r}: {{{name}}} is no field{hint} "
        "Fields are {T}, {C}, {Z} or another capital letter, and {scene}; {{ and }} are braces"
    )


def name_regex(tokens: Sequence[Token]) -> str:
    """Return a regular expression for names: a field takes anything but separators and ``_``."""
    regex = ""
    seen = set[str]()
    for token in tokens:
        if token.kind == "field":
            # The second field of one name takes the same text as the first. Fields take as little
            # as they can, so that the text behind them decides where they end.
            group = f"(?P<{token.text}>[^/\\\\_]+?)"
            regex += f"(?P={token.text})" if token.text in seen else group
            seen.add(token.text)
        elif token.kind == "wildcard":
            regex += _WILDCARDS[token.text]
        elif token.kind == "class":
            regex += _class_regex(token.text)
        else:
            # Names are compared with "/" as their separator on every system.
            regex += re.escape(token.text.replace(os.sep, "/"))
    return regex


def _class_regex(text: str) -> str:
    # `re` gives a meaning to characters that are plain in a class of fnmatch.
    inside = text[1:-1].replace("\\", "\\\\").replace("[", "\\[")
    if inside.startswith("!"):
        return f"[^{_first_escaped(inside[1:])}]"
    return f"[{_first_escaped(inside)}]"


def _first_escaped(inside: str) -> str:
    """Escape the characters that mean something at the start of a class of ``re``."""
    return "\\" + inside if inside[:1] in {"]", "^"} else inside


def to_glob(tokens: Sequence[Token]) -> str:
    """Return a glob that finds at least the files of a pattern."""
    parts: list[str] = []
    for token in tokens:
        if token.kind == "field":
            # Wider than the field, which takes no "_": the regular expression decides.
            parts.append("*")
        elif token.kind == "text":
            parts.append(glob.escape(token.text))
        else:
            parts.append(token.text)
    return "".join(parts)
