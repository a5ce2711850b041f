"""Writes the overloads of the package, and the orders that they count, into its modules.

``python tests/typing/overloads.py`` writes them; ``test_overloads.py`` shows that they are as written.
"""

import itertools
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "# begin of overloads of {}\n", "# end of overloads\n"
WIDTH = 99
BLOCK = "if TYPE_CHECKING:"
LETTERS = "TCZYX"
RANKS = range(1, 8)
COMMON_FIRST = (2, 3, 4, 5, 1, 6, 7)
"""Ranks in the order of their overloads: mypy tries one after the other, each of its orders in turn."""
NO_NONE = "OrderAndNoPickIsNone[int]"
"""The type of an order in front of a pick that is None."""
MOST_PARTS = 20
"""Functions of ``pipe`` and ``compose`` whose types are inferred."""


# ---------------------------------------------------------------- orders


def orders() -> Iterator[str]:
    """Permutations of some of T, C, Z, Y, X; M in front, S at the end, both or neither."""
    for count in range(len(LETTERS) + 1):
        for first, last in itertools.product(("", "M"), ("", "S")):
            for letters in itertools.permutations(LETTERS, count):
                order = first + "".join(letters) + last
                if order:
                    yield order


def rarity(order: str) -> int:
    """0 for orders as files store planes, 1 for others in that order: mypy looks from the left, editors show it."""
    is_stored = order == "".join(letter for letter in "TCZYXS" if letter in order)
    if (is_stored and "YX" in order) or order in {"XY", "XYZ"}:
        return 0
    return 1 if is_stored else 2


def orders_module() -> str:
    lines = [
        '"""Orders as types, by their number of letters. Written by ``tests/typing/overloads.py``.',
        "",
        "Rule kept here: all orders of T, C, Z, Y, X, with M in front and S at the end; 1303 texts.",
        '"""',
        "",
        "# fmt: off",
        "from typing import Literal, TypeAlias",
        "",
    ]
    for rank in RANKS:
        chosen = sorted((order for order in orders() if len(order) == rank), key=rarity)
        texts = ", ".join(f'"{order}"' for order in chosen)
        lines.append(f"Order{rank}: TypeAlias = Literal[")
        lines += textwrap.wrap(texts + ",", WIDTH, initial_indent="    ", subsequent_indent="    ")
        lines.append("]")
    lines.append("Order: TypeAlias = " + " | ".join(f"Order{rank}" for rank in RANKS))
    lines.append('"""An order of the letters that images of microscopes have."""')
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- functions


def shape(rank: int) -> str:
    return f"tuple[{', '.join(['int'] * rank)}]"


def overload(name: str, parameters: Sequence[str], result: str) -> list[str]:
    """Lines of one overload, as short as the width allows."""
    # The hard spaces keep what is behind the parameters on one line.
    text = f"def {name}({', '.join(parameters)})" + f" -> {result}: ...".replace(" ", "\xa0")
    lines = textwrap.wrap(
        text, WIDTH - 4, break_long_words=False, break_on_hyphens=False, subsequent_indent="    "
    )
    return ["    @overload", *(f"    {line}".replace("\xa0", " ") for line in lines)]


def transpose_to() -> list[str]:
    lines = [BLOCK]
    handle, picks = "handle: ImageHandle", "**picks: Unpack[Picks]"
    for rank in COMMON_FIRST:
        result = f"ImageHandle[{shape(rank)}]"
        order = f"order: Order{rank}"
        lines += overload("transpose_to", [handle, "/", order, picks], result)
        lines += overload("transpose_to", [order, picks], f"Step[{result}]")
    # An order that is no literal, or has other letters, gives a handle of any rank.
    lines += overload("transpose_to", [handle, "/", "order: str", picks], "ImageHandle")
    lines += overload("transpose_to", ["order: str", picks], "Step[ImageHandle]")
    # mypy lists all overloads, 71 kB, where none fits, unless one of them nearly does: no value is a
    # PickByLetter, but each has the method of one. The error is then about one argument. To mypy None
    # has no method: it fits here as it is, and what stands in front of it does not. These come first,
    # as pyright reports the last overload.
    handle_of, maybe = "handle: {}[str]", "**picks: UserPick | None"
    no_order = [handle_of.format("NoneIsNoOrder"), "/", "order: None", maybe]
    lines += overload("transpose_to", no_order, "ImageHandle")
    no_pick = [handle_of.format("NoneIsNoPick"), "/", "order: str", maybe]
    lines += overload("transpose_to", no_pick, "ImageHandle")
    lines += overload("transpose_to", [f"order: {NO_NONE}", maybe], "Step[ImageHandle]")
    wrong = ["*picks_by_name: PickByLetter[str]", "**picks: PickByLetter[str]"]
    order = "order: str | OrderOfLetters[str]"
    lines += overload("transpose_to", [handle, "/", order, *wrong], "ImageHandle")
    lines += overload("transpose_to", [order, *wrong], "Step[ImageHandle]")
    return lines


def type_names(count: int) -> list[str]:
    return [f"T{number}" for number in range(count)]


def parts(count: int, first: str) -> list[str]:
    """Parameters of a chain: each function takes what the one before it returns."""
    names = [first, *type_names(MOST_PARTS + 1)[1:]]
    return [f"f{n}: F[{names[n - 1]}, {names[n]}]" for n in range(1, count + 1)]


def type_variables() -> list[str]:
    names = type_names(MOST_PARTS + 1)
    # A block of their own: overloads are joined with the function below if they fill their block.
    lines = [BLOCK, *(f'    {name} = TypeVar("{name}")' for name in names)]
    return [*lines, "    F: TypeAlias = Callable[[T0], T1]", "", BLOCK]


def pipe() -> list[str]:
    names = type_names(MOST_PARTS + 1)
    lines = type_variables()
    for count in range(MOST_PARTS + 1):
        lines += overload("pipe", ["value: T0", *parts(count, "T0"), "/"], names[count])
    rest = ["value: T0", *parts(MOST_PARTS, "T0"), "/", "*functions: F[Any, Any]"]
    lines += overload("pipe", rest, "Any")
    return lines


def compose() -> list[str]:
    names = ["ImageHandle", *type_names(MOST_PARTS + 1)[1:]]
    lines = type_variables()
    for count in range(MOST_PARTS + 1):
        lines += overload(
            "compose", [*parts(count, "ImageHandle"), *["/"] * bool(count)], f"Step[{names[count]}]"
        )
    rest = [*parts(MOST_PARTS, "ImageHandle"), "/", "*steps: F[Any, Any]"]
    lines += overload("compose", rest, "Step[Any]")
    return lines


def parts_of_image(name: str, kind: str) -> list[str]:
    """Overloads of a method of ``AICSImage``: without an order it has five dimensions."""
    lines = [BLOCK]
    picks = "**kwargs: Unpack[Picks]"
    for rank in COMMON_FIRST:
        order = f"dimension_order_out: Order{rank}"
        if rank == 5:
            order += " | None = None"
        lines += overload(name, ["self", order, picks], kind.format(shape(rank)))
    order = "dimension_order_out: str | None = None"
    any_rank = kind.format("tuple[Any, ...]")
    lines += overload(name, ["self", order, picks], any_rank)
    # As for transpose_to: mypy's errors are then about one argument.
    maybe = "**kwargs: UserPick | None"
    lines += overload(name, ["self", f"dimension_order_out: {NO_NONE}", maybe], any_rank)
    order = "dimension_order_out: str | OrderOfLetters[str] | None = None"
    lines += overload(name, ["self", order, "**kwargs: PickByLetter[str]"], any_rank)
    return [f"    {line}".rstrip() for line in lines]


def get_image_data() -> list[str]:
    return parts_of_image("get_image_data", "np.ndarray[{}, np.dtype[Any]]")


def get_image_dask_data() -> list[str]:
    return parts_of_image("get_image_dask_data", "DaskPixels[{}]")


REGIONS = {
    "aicsio/legacy/parts.py": (get_image_data, get_image_dask_data),
    "aicsio/steps/composing.py": (compose,),
    "aicsio/steps/piping.py": (pipe,),
    "aicsio/steps/transposing.py": (transpose_to,),
}
"""Modules, and the functions here that write the overloads of the functions there."""


def written() -> Iterator[tuple[Path, str]]:
    """Each module and the text that it should have."""
    yield ROOT / "aicsio/_dims/orders.py", orders_module()
    for name, makers in REGIONS.items():
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        for make in makers:
            begin = BEGIN.format(make.__name__)
            before, _, rest = text.partition(begin)
            _, end, after = rest.partition(END)
            assert end, f"{name} has no place for overloads of {make.__name__}"
            indent = " " * (len(before) - len(before.rstrip(" ")))
            lines = [f"{indent}# fmt: off", *make(), f"{indent}# fmt: on", indent]
            text = before + begin + "\n".join(lines) + END + after
        yield path, text


if __name__ == "__main__":
    for path, text in written():
        path.write_text(text, encoding="utf-8")
