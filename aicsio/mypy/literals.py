"""Values of expressions, as far as they are written in the program.

Rule kept here: a value is returned only where each run of the program has it.
"""

import ast
import contextlib
import functools
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from mypy.nodes import (
    CallExpr,
    Expression,
    FloatExpr,
    IntExpr,
    ListExpr,
    MypyFile,
    NameExpr,
    StrExpr,
    TupleExpr,
    UnaryExpr,
    Var,
)
from mypy.types import Instance, LiteralType, Type, get_proper_type

from aicsio._dims.known import ANY_INT, UNKNOWN

__all__ = ["pick_of", "text_of"]

_BUILTINS: Final[Mapping[str, Any]] = {"builtins.slice": slice, "builtins.range": range}


def text_of(expression: Expression, of_type: Type, module: MypyFile) -> str | None:
    """Return the text of an order; ``None`` if it is known at run time alone."""
    value = _value_of(expression, module)
    if value is UNKNOWN:
        value = _value_of_type(of_type)
    return value if isinstance(value, str) else None


def pick_of(expression: Expression, of_type: Type, module: MypyFile) -> object:
    """Return a pick; ``ANY_INT`` or ``UNKNOWN`` if its value is known at run time alone."""
    value = _value_of(expression, module)
    return _value_of_type(of_type) if value is UNKNOWN else value


def _value_of(expression: Expression, module: MypyFile) -> Any:
    if isinstance(expression, IntExpr | StrExpr | FloatExpr):
        return expression.value
    if isinstance(expression, UnaryExpr) and expression.op == "-":
        value = _value_of(expression.expr, module)
        return -value if isinstance(value, int) else UNKNOWN
    if isinstance(expression, ListExpr | TupleExpr):
        items = [_value_of(item, module) for item in expression.items]
        # A starred item or a variable leaves the length or a value open.
        return UNKNOWN if any(item is UNKNOWN for item in items) else items
    if isinstance(expression, NameExpr):
        return _value_of_name(expression, module)
    if isinstance(expression, CallExpr) and isinstance(expression.callee, NameExpr):
        make = _BUILTINS.get(expression.callee.fullname)
        values = [_value_of(argument, module) for argument in expression.args]
        if make is None or any(isinstance(value, type(UNKNOWN)) for value in values):
            return UNKNOWN
        try:
            return make(*values)
        except (TypeError, ValueError):
            return UNKNOWN
    return UNKNOWN


def _value_of_name(name: NameExpr, module: MypyFile) -> Any:
    words = {"builtins.True": True, "builtins.False": False, "builtins.None": None}
    if name.fullname in words:
        return words[name.fullname]
    node = name.node
    if not isinstance(node, Var):
        return UNKNOWN
    if node.is_final and isinstance(node.final_value, int | str | float):
        return node.final_value
    # A constant of the same module: its name is written once, at the top.
    if node.fullname == f"{module.fullname}.{node.name}" and os.path.isfile(module.path):
        facts = os.stat(module.path)
        constants = _constants_of(module.path, facts.st_mtime_ns, facts.st_size)
        return constants.get(node.name, UNKNOWN)
    return UNKNOWN


@functools.lru_cache(maxsize=64)
def _constants_of(path: str, changed: int, size: int) -> Mapping[str, object]:
    """Return the literals that the top of a file gives to names that nothing else in it writes."""
    del changed, size  # a file that was edited is read again
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    # Names that are assigned, deleted or bound by a loop, anywhere in the file.
    writes = Counter(
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )
    constants: dict[str, object] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.Assign):
            continue
        for target in statement.targets:
            if isinstance(target, ast.Name) and writes[target.id] == 1:
                # What is no literal is known at run time alone.
                with contextlib.suppress(ValueError):
                    constants[target.id] = ast.literal_eval(statement.value)
    return constants


def _value_of_type(of_type: Type) -> Any:
    """Return the value of a literal type, ``ANY_INT`` for one position, else ``UNKNOWN``."""
    proper = get_proper_type(of_type)
    if isinstance(proper, Instance):
        if proper.last_known_value is not None:
            return _value_of_type(proper.last_known_value)
        # Bools are ints to mypy, and bytes sequences of ints; the runtime refuses them, whatever they hold.
        if proper.type.fullname == "builtins.bool":
            return True
        if proper.type.fullname in {"builtins.bytes", "builtins.bytearray"}:
            return b"..."
        if proper.type.fullname in {"builtins.int", "builtins.str"}:
            return ANY_INT
    if isinstance(proper, LiteralType):
        # Of a member of an enum it has the name, which says nothing of its value.
        if proper.is_enum_literal():
            return UNKNOWN
        # mypy keeps the text of bytes.
        if proper.fallback.type.fullname == "builtins.bytes":
            return str(proper.value).encode()
        return proper.value
    return UNKNOWN
