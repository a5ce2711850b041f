"""Arguments, annotations and calls in words.

Rule kept here: the same mistake gets the same words in every function, and each message ends in
the call or the value that works.
"""

import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    SupportsFloat,
    SupportsIndex,
    Union,
    get_args,
    get_origin,
)

__all__ = ["count_of", "describe", "describe_misfit", "join_ends", "name_of", "show"]

MAX_OPTIONS = 4
"""Optional parameters that a message lists; a writer has twenty."""
MAX_ITEMS = 12
"""Items of a list that are all shown: the letters and numbers of most picks."""
MAX_SHOWN = 80
"""Characters of a value that a message shows; of a longer one it shows the class."""
_SHOWN_TYPES = (str, bytes, int, float, complex, list, tuple, dict, set, range, slice, NoneType)
_WORDS: Mapping[object, str] = {
    Any: "anything",
    NoneType: "None",
    SupportsFloat: "a number",
    SupportsIndex: "an int",
    bool: "True or False",
    float: "a number",
    int: "an int",
    object: "anything",
    os.PathLike: "a path",
}


_VERBS: Mapping[str, str] = {
    "level": "select_level(handle, ...) chooses one",
    "scene": "select_scene(handle, ...) chooses one",
}
"""Keywords that users expect of functions that open, and the verbs that do it."""
_SINGULAR: Mapping[str, str] = {"are": "is", "have": "has", "lie": "lies"}
"""Verbs for one thing; of any other verb, its form for many and an s."""


def count_of(number: int, noun: str, verb: str = "", *, total: int | None = None) -> str:
    """Write a number of things: ``1 plane``, ``2 planes``, ``1 of 3 planes is``.

    Parameters
    ----------
    number
        How many.
    noun
        One of them, of a regular plural.
    verb
        Its form for many; left out, none is written.
    total
        How many there are in all, if it is written.

    Returns
    -------
    str
        The number, the noun and the verb.
    """
    word = noun if (number if total is None else total) == 1 else f"{noun}s"
    text = f"{number} {word}" if total is None else f"{number} of {total} {word}"
    if not verb:
        return text
    if number == 1:
        verb = _SINGULAR.get(verb, f"{verb}s")
    return f"{text} {verb}"


def join_ends(texts: Sequence[str]) -> str:
    """Join texts by commas; of many, the first three and the last.

    Parameters
    ----------
    texts
        Items of a list as they are shown.

    Returns
    -------
    str
        All of up to ``MAX_ITEMS`` texts, so that a long list stays on one line.
    """
    if len(texts) > MAX_ITEMS:
        texts = [*texts[:3], "...", texts[-1]]
    return ", ".join(texts)


# ---------------------------------------------------------------- calls


def name_of(function: Callable[..., Any], args: Sequence[Any] = ()) -> str:
    """Return the name of a function as its caller writes it.

    Parameters
    ----------
    function
        A function, or a method as it stands in its class.
    args
        Arguments of the call: the first one of a method is an object of the class that the caller
        knows, which may be a subclass.
    """
    # "function.<locals>.name" is the name of a function inside another.
    name: str = function.__qualname__.rpartition("<locals>.")[2]
    class_name, _, method = name.rpartition(".")
    if not class_name:
        return name
    # The first argument of a static method is no object of the class.
    if args and any(kind.__name__ == class_name for kind in type(args[0]).__mro__):
        class_name = type(args[0]).__name__
    return class_name if method == "__init__" else f"{class_name}.{method}"


def describe_misfit(
    signature: inspect.Signature,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    picks: bool = True,
) -> str | None:
    """Describe how the number or the names of arguments differ from a signature; ``None`` if they fit.

    Parameters
    ----------
    signature
        Of the function.
    args, kwargs
        The arguments of a call.
    picks
        Whether a keyword of one capital letter may be meant for ``transpose_to``.

    Returns
    -------
    str or None
        A text that follows the name of the function.
    """
    parameters = signature.parameters.values()
    # Kinds are ordered: POSITIONAL_ONLY comes before POSITIONAL_OR_KEYWORD.
    by_position = [each for each in parameters if each.kind <= each.POSITIONAL_OR_KEYWORD]
    for name in kwargs:
        problem = _describe_name(name, signature, picks=picks)
        if problem is not None:
            return problem
    if len(args) > len(by_position) and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        surplus = show(args[len(by_position)])
        return f": {surplus} is one argument too many; it takes {_list_parameters(signature)}"
    for parameter in by_position[: len(args)]:
        if parameter.name in kwargs and parameter.kind is not parameter.POSITIONAL_ONLY:
            return f": {parameter.name} is given twice, by position and by name"
    given = {each.name for each in by_position[: len(args)]} | kwargs.keys()
    missing = [
        each.name
        for each in parameters
        if each.default is each.empty
        and each.kind not in {each.VAR_POSITIONAL, each.VAR_KEYWORD}
        and each.name not in given
    ]
    if missing:
        return f": {_join(missing, 'and')} missing; it takes {_list_parameters(signature)}"
    return None


def _describe_name(name: str, signature: inspect.Signature, *, picks: bool) -> str | None:
    """Describe why a keyword does not fit; ``None`` if it does."""
    parameters = signature.parameters
    if name in parameters:
        kind = parameters[name].kind
        if kind is inspect.Parameter.POSITIONAL_ONLY:
            return f": {name} is given by position, without its name"
        if kind in {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}:
            return None
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return None
    names = _names(signature)
    # AICSImageIO's functions call it scene_id: the nearest name is the better advice there.
    if name in _VERBS and "handle" not in parameters and f"{name}_id" not in names:
        return f" has no parameter {name!r}: {_VERBS[name]}"
    if picks and len(name) == 1 and name.isupper():
        return f" picks no positions: transpose_to(handle, order, {name}=...) does"
    if not names:
        return f" has no parameter {name!r}: it has none"
    # A letter of the other case shares no character with the right one.
    nearest = [each for each in names if each.lower() == name.lower()]
    import difflib  # for an error alone

    nearest = nearest or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    advice = f"did you mean {nearest[0]!r}?" if nearest else f"it has {', '.join(names)}"
    return f" has no parameter {name!r}: {advice}"


def _names(signature: inspect.Signature) -> list[str]:
    """Names that a caller may write."""
    return [
        name
        for name, each in signature.parameters.items()
        if each.kind in {each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD} and name != "self"
    ]


def _list_parameters(signature: inspect.Signature) -> str:
    """Return the parameters in the form of a call: ``(handle, order, **picks)``."""
    required: list[str] = []
    optional: list[str] = []
    for name, each in signature.parameters.items():
        if name == "self":
            continue
        if each.kind is each.VAR_KEYWORD:
            optional.append(f"**{name}")
        elif each.kind is each.VAR_POSITIONAL:
            optional.append(f"*{name}")
        elif each.default is not each.empty:
            optional.append(f"{name}=...")
        else:
            required.append(name)
    if len(optional) > MAX_OPTIONS:
        optional = ["..."]
    return f"({', '.join(required + optional)})" if required or optional else "no arguments"


# ---------------------------------------------------------------- values and annotations


def show(value: object) -> str:
    """Return a short value as text, and the class of any other."""
    if isinstance(value, _SHOWN_TYPES):
        text = repr(value)
        if len(text) <= MAX_SHOWN:
            return text
    return f"<{type(value).__module__}.{type(value).__qualname__}>".replace("<builtins.", "<")


def describe(hint: Any) -> str:
    """Return an annotation in words: "an int, 'auto' or None"."""
    if isinstance(hint, str):
        names = [name.strip() for name in hint.split("|")]
        words = ["None" if name == "None" else f"a {name}" for name in names]
        return _join(words)
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        # Its author has better words than the types.
        return next((part for part in parts[1:] if isinstance(part, str)), describe(parts[0]))
    if hint is None:
        return "None"
    if hint in _WORDS:
        return _WORDS[hint]
    if origin in {Union, UnionType}:
        # None, the usual default, is named last.
        ordered = sorted(parts, key=lambda part: part is NoneType)
        words = []
        for part in ordered:
            if get_origin(part) is Literal:
                words += map(repr, get_args(part))
            else:
                words.append(describe(part))
        return _join(words)
    if origin is Literal:
        return _join([repr(part) for part in parts])
    if origin is os.PathLike:
        return "a path"
    if origin is Callable:
        return "a function"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        # What it holds is what a dict of other values lacks; ``Any`` adds nothing.
        known = len(parts) == 2 and not {Any, object}.intersection(parts)
        return f"a mapping of {_plural(parts[0])} to {_plural(parts[1])}" if known else "a mapping"
    if origin is tuple and parts[-1] is not Ellipsis:
        return f"a tuple ({', '.join(map(_plural, parts))})"
    if isinstance(origin, type) and parts and parts[0] is not Any:
        # A list is what most callers have; no one speaks of iterables.
        name = "sequence" if origin is Iterable else origin.__name__.lower()
        return f"a {name} of {_plural(parts[0])}"
    name = getattr(origin or hint, "__name__", str(hint))
    article = "an" if name[0] in "AEIOU" else "a"
    return f"{article} {name}"


def _plural(hint: Any) -> str:
    """Return an annotation without its article: "int", "str or None"."""
    return describe(hint).removeprefix("an ").removeprefix("a ")


def _join(words: Sequence[str], conjunction: str = "or") -> str:
    unique = list(dict.fromkeys(words))
    if len(unique) == 1:
        return unique[0]
    return f"{', '.join(unique[:-1])} {conjunction} {unique[-1]}"
