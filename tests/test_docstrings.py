"""Public functions and classes are documented: parameters, returns, raises with conditions, an example.

``python tests/test_docstrings.py`` lists the gaps by room.
"""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

MODULES = (
    "aicsio.arrays",
    "aicsio.arrays.read",
    "aicsio.arrays.xarray",
    "aicsio.attachments",
    "aicsio.cli",
    "aicsio.dask_utils",
    "aicsio.errors",
    "aicsio.formats",
    "aicsio.formats.signatures",
    "aicsio.joining",
    "aicsio.legacy.functions",
    "aicsio.legacy.image",
    "aicsio.opening",
    "aicsio.planes",
    "aicsio.references",
    "aicsio.references.kerchunk",
    "aicsio.references.serving",
    "aicsio.records",
    "aicsio.records.dims",
    "aicsio.records.facts",
    "aicsio.records.handle",
    "aicsio.records.lazy",
    "aicsio.records.pieces",
    "aicsio.records.protocols",
    "aicsio.records.scenes",
    "aicsio.records.sources",
    "aicsio.steps",
    "aicsio.testing.czi",
    "aicsio.testing.layouts",
    "aicsio.testing.lif",
    "aicsio.testing.model",
    "aicsio.testing.ome_tiff",
    "aicsio.testing.patterns",
    "aicsio.testing.segments",
    "aicsio.testing.strategies.files",
    "aicsio.testing.strategies.images",
    "aicsio.testing.tiff_bytes",
    "aicsio.testing.tiff_spec",
    "aicsio.thumbnails",
    "aicsio.verify",
    "aicsio.writers",
    "aicsio.writers.ome_tiff",
    "aicsio.writers.target_names",
)
"""Modules whose names are public: those of ``__all__``, or all without an underscore."""
OF_THE_SEAM = frozenset({"pieces", "read_into"})
"""Methods that many classes have; the protocol describes them."""

SECTIONS = (
    "Parameters",
    "Returns",
    "Yields",
    "Raises",
    "Examples",
    "Attributes",
    "Notes",
    "See Also",
)


@attrs.frozen(eq=False)
class Public:
    """A public function or method."""

    name: str
    function: Callable[..., Any]
    is_method: bool


def public_functions(module_name: str) -> Iterator[Public]:
    """Functions of a module, and methods and properties of its classes."""
    module = importlib.import_module(module_name)
    listed = getattr(module, "__all__", vars(module))
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module_name
        if name.startswith("_") or name not in listed or not own:
            continue
        if inspect.isclass(value):
            yield from methods(f"{module_name}.{name}", value)
        elif inspect.isroutine(value):
            yield Public(f"{module_name}.{name}", inspect.unwrap(value), is_method=False)


def methods(prefix: str, owner: type) -> Iterator[Public]:
    for name, value in vars(owner).items():
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        described_elsewhere = name in OF_THE_SEAM and "protocols" not in prefix
        if inspect.isfunction(function) and not name.startswith("_") and not described_elsewhere:
            yield Public(f"{prefix}.{name}", inspect.unwrap(function), is_method=True)


def sections(docstring: str) -> dict[str, str]:
    """Text of each numpydoc section by its title; the summary under ""."""
    titles = "|".join(SECTIONS)
    parts = re.split(rf"^({titles})\n-+\n", inspect.cleandoc(docstring), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def entries(section: str) -> dict[str, str]:
    """Names of a section, each with its indented description."""
    found: dict[str, str] = {}
    for match in re.finditer(r"^(\S[^\n]*)\n((?:[ ]+[^\n]*\n?|\n)*)", section + "\n", re.MULTILINE):
        for name in match[1].split(":")[0].split(","):
            found[name.strip().lstrip("*")] = match[2].strip()
    return found


def raised_names(function: Callable[..., Any]) -> set[str]:
    """Errors that a function raises in its own body."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except OSError:  # hypothesis makes composite strategies without a source
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            called = node.exc.func
            while isinstance(called, ast.Attribute):
                called = called.value
            if isinstance(called, ast.Name):
                names.add(called.id)
    return {name for name in names if name.endswith("Error")}


def gaps(public: Public) -> list[str]:
    """Things that the docstring of a function lacks."""
    docstring = public.function.__doc__
    if not docstring:
        return ["a docstring"]
    written = sections(docstring)
    signature = inspect.signature(public.function)
    expected = [name for name in signature.parameters if name not in {"self", "cls", "draw"}]
    described = entries(written.get("Parameters", ""))
    extra = [name for name in described if name not in expected]
    kinds = {parameter.name: parameter.kind for parameter in signature.parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds.values() and extra:
        # The keywords are described one by one.
        expected = [name for name in expected if kinds[name] is not inspect.Parameter.VAR_KEYWORD]
        extra = []
    lacking = [f"parameter {name}" for name in expected if not described.get(name)]
    lacking += [f"no such parameter {name}" for name in extra]
    # A method without parameters may be described by its summary alone.
    plain_method = public.is_method and not expected
    returns_value = signature.return_annotation not in {None, "None", inspect.Signature.empty}
    if returns_value and not plain_method and not {"Returns", "Yields"} & set(written):
        lacking.append("Returns")
    raises = entries(written.get("Raises", ""))
    lacking += [f"condition of {name}" for name, condition in raises.items() if not condition]
    lacking += [f"Raises {name}" for name in sorted(raised_names(public.function) - set(raises))]
    if not public.is_method and ">>>" not in written.get("Examples", ""):
        lacking.append("Examples")
    return lacking


@pytest.mark.parametrize("module", MODULES)
def test_public_functions_are_documented(module: str) -> None:
    lacking = {public.name: gaps(public) for public in public_functions(module)}
    messages = [f"{name} lacks {', '.join(what)}" for name, what in lacking.items() if what]
    assert not messages, "\n".join(messages)


def test_the_reader_of_docstrings_finds_gaps() -> None:
    def function(first: int, second: int) -> int:
        """Add.

        Parameters
        ----------
        first
            A number.
        third
            No such thing.

        Raises
        ------
        TypeError
        """
        if first > second:
            raise ValueError("x")
        return first

    assert gaps(Public("function", function, is_method=False)) == [
        "parameter second",
        "no such parameter third",
        "Returns",
        "condition of TypeError",
        "Raises ValueError",
        "Examples",
    ]


if __name__ == "__main__":
    for name in MODULES:
        for public in public_functions(name):
            what = gaps(public)
            if what:
                print(f"{public.name}: {', '.join(what)}")
