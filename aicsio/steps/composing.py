"""``compose``: several steps as one. ``a >> b`` is ``compose(a, b)``.

Rule kept here: a chain is a step like any other, and chains of chains are flat.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast, overload

from aicsio._checks import checked
from aicsio.records import ImageHandle
from aicsio.steps.piping import CHAIN, check_parts, run
from aicsio.steps.step import Step, make_step

__all__ = ["compose"]

# begin of overloads of compose
# fmt: off
if TYPE_CHECKING:
    T0 = TypeVar("T0")
    T1 = TypeVar("T1")
    T2 = TypeVar("T2")
    T3 = TypeVar("T3")
    T4 = TypeVar("T4")
    T5 = TypeVar("T5")
    T6 = TypeVar("T6")
    T7 = TypeVar("T7")
    T8 = TypeVar("T8")
    T9 = TypeVar("T9")
    T10 = TypeVar("T10")
    T11 = TypeVar("T11")
    T12 = TypeVar("T12")
    T13 = TypeVar("T13")
    T14 = TypeVar("T14")
    T15 = TypeVar("T15")
    T16 = TypeVar("T16")
    T17 = TypeVar("T17")
    T18 = TypeVar("T18")
    T19 = TypeVar("T19")
    T20 = TypeVar("T20")
    F: TypeAlias = Callable[[T0], T1]

if TYPE_CHECKING:
    @overload
    def compose() -> Step[ImageHandle]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], /) -> Step[T1]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], /) -> Step[T2]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], /) -> Step[T3]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4],
        /) -> Step[T4]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        /) -> Step[T5]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], /) -> Step[T6]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], /) -> Step[T7]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], /) -> Step[T8]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], /) -> Step[T9]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10],
        /) -> Step[T10]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], /) -> Step[T11]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], /) -> Step[T12]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], /) -> Step[T13]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], /) -> Step[T14]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15],
        /) -> Step[T15]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], /) -> Step[T16]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], f17: F[T16, T17], /) -> Step[T17]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], f17: F[T16, T17], f18: F[T17, T18], /) -> Step[T18]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], f17: F[T16, T17], f18: F[T17, T18], f19: F[T18, T19], /) -> Step[T19]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], f17: F[T16, T17], f18: F[T17, T18], f19: F[T18, T19], f20: F[T19, T20],
        /) -> Step[T20]: ...
    @overload
    def compose(f1: F[ImageHandle, T1], f2: F[T1, T2], f3: F[T2, T3], f4: F[T3, T4], f5: F[T4, T5],
        f6: F[T5, T6], f7: F[T6, T7], f8: F[T7, T8], f9: F[T8, T9], f10: F[T9, T10], f11: F[T10,
        T11], f12: F[T11, T12], f13: F[T12, T13], f14: F[T13, T14], f15: F[T14, T15], f16: F[T15,
        T16], f17: F[T16, T17], f18: F[T17, T18], f19: F[T18, T19], f20: F[T19, T20], /, *steps:
        F[Any, Any]) -> Step[Any]: ...
# fmt: on
# end of overloads


@checked
def compose(*steps: Callable[[Any], Any]) -> Any:
    """Make one step of several, which run from left to right.

    Parameters
    ----------
    *steps
        Steps, or other functions of one argument that hash; the first one takes a handle. They
        pickle with the chain. Type checkers infer the result of up to twenty.

    Returns
    -------
    Step
        Frozen, hashable, picklable; of the same parts it is equal, however they were grouped:
        ``(a >> b) >> c == a >> (b >> c) == compose(a, b, c)``. Without parts it returns its handle.

    Raises
    ------
    ArgumentTypeError
        When a part is no function, or takes a handle behind one that returns none.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import compose, open_image, to_numpy, transpose_to
    >>> brightest = compose(transpose_to("YX", Z=0), to_numpy(), np.max, float)
    >>> brightest(open_image(np.arange(24.0).reshape(2, 3, 4)))
    11.0
    >>> transpose_to("YX", Z=0) >> to_numpy() == compose(transpose_to("YX", Z=0), to_numpy())
    True
    """
    # A step calls its verb by name, with the handle first.
    if steps and isinstance(steps[0], ImageHandle):
        handle, *rest = cast("tuple[Any, ...]", steps)
        return run("compose", handle, rest)
    check_parts("compose", steps)
    flat: list[Callable[[Any], Any]] = []
    for part in steps:
        if isinstance(part, Step) and part.verb == CHAIN:
            flat += part.arguments
        else:
            flat.append(part)
    return make_step(CHAIN, tuple(flat), {})
