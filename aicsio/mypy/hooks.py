"""The answers to mypy: for each function that takes an order, picks, or steps.

Rule kept here: messages are those of the runtime, which ``_dims.known`` raises; a rank that follows
from a constant replaces the rank that mypy found.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias, TypeVar, cast

from mypy.checker import TypeChecker
from mypy.errorcodes import ErrorCode
from mypy.nodes import Context, Expression
from mypy.plugin import FunctionContext, MethodContext, Plugin, ReportConfigContext
from mypy.types import CallableType, Instance, ProperType, TupleType, Type, get_proper_type

from aicsio._dims.known import ANY, KnownDims, transpose
from aicsio._version import __version__
from aicsio.errors import AicsioError
from aicsio.mypy import literals, plans

__all__ = ["DimsPlugin"]

CallContext: TypeAlias = FunctionContext | MethodContext
C = TypeVar("C", FunctionContext, MethodContext)
DIMS: Final = ErrorCode("aicsio-dims", "Check orders and picks of dimensions", "aicsio")
HANDLE: Final = "aicsio.records.handle.ImageHandle"
STEP: Final = "aicsio.steps.step.Step"
PARTS: Final = (".get_image_data", ".get_image_dask_data")
CHAINS: Final = ("aicsio.steps.composing.compose", "aicsio.steps.piping.pipe")


class DimsPlugin(Plugin):
    """Checks orders and picks, and carries what is known of dims from call to call."""

    def report_config_data(self, ctx: ReportConfigContext) -> object:
        """Return what a cached result depends on: another version finds other things."""
        del ctx
        return __version__

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """Return the hook of a function."""
        if not fullname.startswith("aicsio."):
            return None
        if fullname == "aicsio.steps.transposing.transpose_to":
            return _or_default(_transpose_to)
        if fullname == CHAINS[0]:
            return _or_default(_compose)
        if fullname == CHAINS[1]:
            return _or_default(_pipe)
        return None

    def get_method_hook(self, fullname: str) -> Callable[[MethodContext], Type] | None:
        """Return the hook of a method."""
        if fullname == f"{STEP}.__call__":
            return _or_default(_call_step)
        if fullname == f"{STEP}.__rshift__":
            return _or_default(_join_steps)
        if fullname.startswith("aicsio.legacy.") and fullname.endswith(PARTS):
            return _or_default(_get_part)
        return None


def _or_default(hook: Callable[[C], Type]) -> Callable[[C], Type]:
    """Return a hook that types a call as mypy does where the hook itself fails."""

    @functools.wraps(hook)
    def safe(context: C) -> Type:
        try:
            return hook(context)
        except Exception:  # noqa: BLE001 - mypy would end: a check that may be left out ends no run
            return context.default_return_type

    return safe


# ---------------------------------------------------------------- calls


def _arguments(context: CallContext) -> Iterator[tuple[str | None, Expression, Type]]:
    """Yield name, expression and type of each argument; names of positional ones are ``None``."""
    # mypy groups arguments by the formal parameter that takes them: ``*args`` has several.
    for names, expressions, types in zip(
        context.arg_names, context.args, context.arg_types, strict=True
    ):
        yield from zip(names, expressions, types, strict=True)


def _transposition(context: CallContext, order_name: str) -> plans.Transposition | None:
    """Return order and picks of a call; ``None`` if the order is known at run time alone."""
    module = cast("TypeChecker", context.api).tree
    order: str | None = None
    picks: dict[str, object] = {}
    for name, expression, of_type in _arguments(context):
        if name is None or name == order_name:
            # The handle is positional, too: its type sets it apart from the order.
            if not _is(of_type, HANDLE):
                order = literals.text_of(expression, of_type, module)
        else:
            picks[name] = literals.pick_of(expression, of_type, module)
    return None if order is None else (order, picks)


def _transpose_to(context: FunctionContext) -> Type:
    found = _transposition(context, "order")
    result = get_proper_type(context.default_return_type)
    if not isinstance(result, Instance):
        return result
    text_type = context.api.named_generic_type("builtins.str", [])
    if _is(result, STEP):
        # What no image has is refused where the step is written.
        plan: plans.Plan = (found,)
        if found is None or _apply(context, context.context, ANY, plan) is None:
            return plans.with_plan(result, (None,), text_type)
        ranked = _with_rank(context, result.args[0], len(found[0]))
        return plans.with_plan(result.copy_modified(args=[ranked]), plan, text_type)
    if found is None or not _is(result, HANDLE):
        return result
    # The handle may be Any, as in a lambda whose parameter mypy does not know yet.
    handles = [of_type for _, _, of_type in _arguments(context) if _is(of_type, HANDLE)]
    known = plans.dims_of(handles[0]) if handles else ANY
    dims = _apply(context, context.context, known, (found,))
    if dims is None or dims.order is None:
        return result
    ranked = _with_rank(context, result, len(dims.order))
    return plans.with_dims(ranked, dims, text_type)


def _get_part(context: MethodContext) -> Type:
    """Check the order of ``AICSImage.get_image_data``; picks of letters it leaves out are free."""
    found = _transposition(context, "dimension_order_out")
    if found is not None:
        order, picks = found
        _apply(context, context.context, ANY, ((order, _of_one_letter(picks)),))
    return context.default_return_type


def _of_one_letter(picks: dict[str, object]) -> dict[str, object]:
    return {name: pick for name, pick in picks.items() if len(name) == 1}


# ---------------------------------------------------------------- steps


def _call_step(context: MethodContext) -> Type:
    result = context.default_return_type
    plan = plans.plan_of(context.type)
    handles = [of_type for _, _, of_type in _arguments(context)]
    if plan is None or not handles:
        return result
    dims = _apply(context, context.context, plans.dims_of(handles[0]), plan)
    return _carrying(context, result, dims)


def _pipe(context: FunctionContext) -> Type:
    arguments = list(_arguments(context))
    dims: KnownDims | None = ANY
    if arguments:
        dims = plans.dims_of(arguments[0][2])
    if not _follow(context, arguments):
        return context.default_return_type
    for _, expression, of_type in arguments[1:]:
        if dims is None:
            break
        dims = _apply(context, expression, dims, plans.plan_of(of_type) or (None,))
    return _carrying(context, context.default_return_type, dims)


def _compose(context: FunctionContext) -> Type:
    arguments = list(_arguments(context))
    # ``_follow`` counts from the handle of a pipe: an empty first argument stands in for it.
    if not _follow(context, [(None, context.context, None), *arguments]):  # type: ignore[list-item]
        return context.default_return_type
    dims: KnownDims | None = ANY
    for _, expression, of_type in arguments:
        if dims is None:
            break
        dims = _apply(context, expression, dims, plans.plan_of(of_type) or (None,))
    parts = [plans.plan_of(of_type) for _, _, of_type in arguments]
    return _with_joined_plan(context, parts)


def _join_steps(context: MethodContext) -> Type:
    arguments = list(_arguments(context))
    parts = [plans.plan_of(context.type), *(plans.plan_of(each) for _, _, each in arguments)]
    _apply(context, context.context, ANY, plans.join_plans(parts))
    return _with_joined_plan(context, parts)


def _follow(context: CallContext, arguments: list[tuple[str | None, Expression, Type]]) -> bool:
    """Whether each step follows what returns a handle; if not, name the two in an error."""
    for position in range(2, len(arguments)):
        before, after = arguments[position - 1], arguments[position]
        if _is(after[2], STEP) and _is(before[2], STEP) and not _returns_handle(before[2]):
            context.api.fail(
                f"part {position} takes a handle, which part {position - 1} does not return: "
                f"it returns {_shown(before[2])}",
                after[1],
                code=DIMS,
            )
            return False
    return True


# ---------------------------------------------------------------- types


def _apply(
    context: CallContext, place: Context, dims: KnownDims, plan: plans.Plan
) -> KnownDims | None:
    """Return the dims behind a plan; ``None`` behind an error, which is reported."""
    for transposition in plan:
        if transposition is None:
            dims = ANY
            continue
        order, picks = transposition
        try:
            dims = transpose(dims, order, picks)
        except AicsioError as error:
            context.api.fail(str(error), place, code=DIMS)
            return None
    return dims


def _carrying(context: CallContext, result: Type, dims: KnownDims | None) -> Type:
    proper = get_proper_type(result)
    if dims is None or dims.order is None or not isinstance(proper, Instance):
        return result
    if not _is(proper, HANDLE):
        return result
    return plans.with_dims(proper, dims, context.api.named_generic_type("builtins.str", []))


def _with_joined_plan(context: CallContext, parts: list[plans.Plan | None]) -> Type:
    result = get_proper_type(context.default_return_type)
    if not isinstance(result, Instance) or not _is(result, STEP):
        return result
    text_type = context.api.named_generic_type("builtins.str", [])
    return plans.with_plan(result, plans.join_plans(parts), text_type)


def _with_rank(context: CallContext, handle: Type, rank: int) -> Instance:
    """Return the type of a handle with as many axes as the order has letters."""
    proper = cast("Instance", get_proper_type(handle))
    number = context.api.named_generic_type("builtins.int", [])
    # A TupleType needs an instance of ``tuple`` behind it, which lends it the methods.
    fallback = context.api.named_generic_type("builtins.tuple", [number])
    return proper.copy_modified(args=[TupleType([number] * rank, fallback)])


def _is(of_type: Type, fullname: str) -> bool:
    """Whether a type is an instance of a class, or of one that inherits it."""
    proper = get_proper_type(of_type)
    return isinstance(proper, Instance) and proper.type.has_base(fullname)


def _returns_handle(step: Type) -> bool:
    result = _result_of(step)
    return not isinstance(result, Instance) or result.type.has_base(HANDLE)


def _result_of(step: Type) -> ProperType | None:
    proper = cast("Instance", get_proper_type(step))
    call = proper.type.get("__call__")
    signature = get_proper_type(call.type) if call is not None else None
    if proper.type.fullname == STEP:
        return get_proper_type(proper.args[0])
    if isinstance(signature, CallableType):
        return get_proper_type(signature.ret_type)
    return None


def _shown(step: Type) -> str:
    result = _result_of(step)
    return result.type.name if isinstance(result, Instance) else "something else"
