"""What a type carries: the dims that are known of a handle, and the transpositions that a step does.

Rule kept here: it is text in an attribute of the type that only this plug-in reads, so that mypy
keeps it through variables, calls and its cache.
"""

import ast
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from mypy.types import Instance, LiteralType, Type, get_proper_type

from aicsio._dims.known import ANY, ANY_INT, UNKNOWN, KnownDims

__all__ = ["Plan", "Transposition", "dims_of", "join_plans", "plan_of", "with_dims", "with_plan"]

Transposition: TypeAlias = tuple[str, dict[str, object]]
"""Order and picks."""
Plan: TypeAlias = tuple[Transposition | None, ...]
"""What a step does to the dims of its handle, in turn; ``None`` forgets them."""

_DIMS: Final = "aicsio dims"
_PLAN: Final = "aicsio plan"
_NAMES: Final[dict[str, Any]] = {"slice": slice, "range": range}


def with_dims(handle: Instance, dims: KnownDims, text_type: Instance) -> Instance:
    """Return the type of a handle that carries what is known of its dims."""
    return _with_text(handle, _DIMS, repr((dims.order, dims.sizes, dims.added)), text_type)


def dims_of(handle: Type) -> KnownDims:
    """Return what is known of the dims of a handle."""
    text = _text_of(handle, _DIMS)
    return ANY if text is None else KnownDims(*ast.literal_eval(text))


def with_plan(step: Instance, plan: Plan, text_type: Instance) -> Instance:
    """Return the type of a step that carries what it does."""
    return _with_text(step, _PLAN, repr([_written(each) for each in plan]), text_type)


def plan_of(step: Type) -> Plan | None:
    """Return what a step does; ``None`` if it is unknown."""
    text = _text_of(step, _PLAN)
    if text is None:
        return None
    return tuple(_read(each) for each in ast.literal_eval(text))


def _with_text(of_type: Instance, name: str, text: str, text_type: Instance) -> Instance:
    return of_type.copy_with_extra_attr(name, LiteralType(text, text_type))


def _text_of(of_type: Type, name: str) -> str | None:
    proper = get_proper_type(of_type)
    if not isinstance(proper, Instance) or proper.extra_attrs is None:
        return None
    kept = get_proper_type(proper.extra_attrs.attrs.get(name))
    return kept.value if isinstance(kept, LiteralType) and isinstance(kept.value, str) else None


def _written(transposition: Transposition | None) -> object:
    """Return a transposition as literals alone."""
    if transposition is None:
        return None
    order, picks = transposition
    return order, {letter: _written_pick(pick) for letter, pick in picks.items()}


def _written_pick(pick: object) -> object:
    if pick is ANY_INT or pick is UNKNOWN:
        # A dict marks a pick that is no literal: no pick that can be read is a dict.
        return {"unread": pick is ANY_INT}
    if isinstance(pick, slice | range):
        # ``ast.literal_eval`` reads no calls, such as ``slice(0, 3)``.
        return {type(pick).__name__: (pick.start, pick.stop, pick.step)}
    return pick


def _read(written: Any) -> Transposition | None:
    if written is None:
        return None
    order, picks = written
    return order, {letter: _read_pick(pick) for letter, pick in picks.items()}


def _read_pick(written: object) -> object:
    if not isinstance(written, dict):
        return written
    ((kind, values),) = written.items()
    if kind == "unread":
        return ANY_INT if values else UNKNOWN
    return _NAMES[kind](*values)


def join_plans(parts: Sequence[Plan | None]) -> Plan:
    """Join the plans of parts; one that is unknown forgets the dims."""
    joined: list[Transposition | None] = []
    for plan in parts:
        joined.extend((None,) if plan is None else plan)
    return tuple(joined)
