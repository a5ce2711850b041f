"""Public functions and classes are documented: parameters, returns, raises with conditions, an example.

``python tests/test_docstrings.py`` lists the gaps by room.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import aicsio
from aicsio import records, testing
from aicsio.writers import WriteOptions, ZarrOptions

ROOT = Path(__file__).resolve().parent.parent
ALSO = (
    "aicsio.arrays.read",
    "aicsio.formats.signatures",
    "aicsio.legacy.parts",
    "aicsio.legacy.stacks",
    "aicsio.plugins.bioio",
    "aicsio.plugins.napari.geometry",
    "aicsio.plugins.napari.layers",
    "aicsio.plugins.napari.reading",
    "aicsio.plugins.napari.samples",
    "aicsio.plugins.napari.sampling",
    "aicsio.plugins.napari.scenes",
    "aicsio.plugins.napari.writing",
    "aicsio.plugins.suffixes",
    "aicsio.plugins.xarray",
    "aicsio.references.codec",
    "aicsio.references.kerchunk",
    "aicsio.references.serving",
    "aicsio.references.store",
    "aicsio.references.zarr_codec",
    "aicsio.writers.target_names",
)
"""Modules further inside whose names are documented too."""
INTERNAL = frozenset(
    {
        "aicsio.testing.conformance.cases",
        "aicsio.testing.conformance.damage",
        "aicsio.testing.conformance.file_laws",
        "aicsio.testing.conformance.pixel_laws",
        "aicsio.testing.conformance.record_laws",
        "aicsio.testing.zarr.arrays",
    }
)
"""Modules of public rooms whose names serve these rooms alone."""
OF_THE_SEAM = frozenset({"pieces", "read_into"})
"""Methods that many classes have; the protocol describes them."""
OPTIONS = frozenset({*WriteOptions.__annotations__, *ZarrOptions.__annotations__})
"""Options of writers: ``writers/test_options.py`` holds their descriptions."""

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


def public_modules() -> list[str]:
    """Modules right below ``aicsio``, all of ``records`` and ``testing``, and ``ALSO``."""
    names = [module.name for module in pkgutil.iter_modules(aicsio.__path__, "aicsio.")]
    for room in (records, testing):
        names += [
            module.name for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")
        ]
    names = ["aicsio", *names, *ALSO]
    names = [name for name in names if not any(part[0] == "_" for part in name.split("."))]
    return sorted(set(names) - INTERNAL)


def public_names(module_name: str) -> dict[str, Any]:
    """Functions and classes of the package that a module offers: all of ``__all__``, or its own."""
    module = importlib.import_module(module_name)
    listed = getattr(module, "__all__", None)
    if listed is not None:
        values = {name: getattr(module, name) for name in listed}
    else:
        own = {
            n: v for n, v in vars(module).items() if getattr(v, "__module__", None) == module_name
        }
        values = {name: value for name, value in own.items() if not name.startswith("_")}
    return {
        name: value
        for name, value in values.items()
        if (inspect.isclass(value) or inspect.isroutine(value))
        and str(getattr(value, "__module__", "")).startswith("aicsio")
    }


def public_functions(module_name: str) -> Iterator[Public]:
    """Functions of a module, and methods of its classes."""
    for name, value in public_names(module_name).items():
        full_name = f"{value.__module__}.{name}"
        if inspect.isclass(value):
            yield from methods(full_name, value)
        else:
            # A writer shows its options in a signature of its own.
            function = inspect.unwrap(value, stop=lambda each: hasattr(each, "__signature__"))
            yield Public(full_name, function, is_method=False)


def methods(prefix: str, owner: type) -> Iterator[Public]:
    """Methods of a class, but for those that a protocol or another library's base describes."""
    foreign = [base for base in owner.__mro__ if not base.__module__.startswith("aicsio")]
    for name, value in vars(owner).items():
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        described_elsewhere = name in OF_THE_SEAM and "protocols" not in prefix
        described_elsewhere |= any(hasattr(base, name) for base in foreign)
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
    if "options" in extra and OPTIONS & set(expected):
        expected = ["options", *[name for name in expected if name not in OPTIONS]]
        extra.remove("options")
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


@pytest.mark.parametrize("module", public_modules())
def test_public_functions_are_documented(module: str) -> None:
    if module.startswith("aicsio.references."):
        pytest.importorskip("zarr")
    lacking = {public.name: gaps(public) for public in public_functions(module)}
    messages = [f"{name} lacks {', '.join(what)}" for name, what in lacking.items() if what]
    assert not messages, "\n".join(messages)


def test_everything_in_the_reference_is_checked() -> None:
    """Each ``::: aicsio.x`` of docs/reference is a public module, or a name that one offers."""
    modules = public_modules()
    pages = (ROOT / "docs" / "reference").glob("*.md")
    targets = {
        target
        for page in pages
        for target in re.findall(r"^::: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(targets) > 60
    unchecked = [
        target
        for target in targets - set(modules)
        if target.rpartition(".")[0] not in modules
        or not hasattr(
            importlib.import_module(target.rpartition(".")[0]), target.rpartition(".")[2]
        )
    ]
    assert unchecked == []


def test_each_generator_of_files_is_in_the_reference() -> None:
    page = (ROOT / "docs" / "reference" / "testing.md").read_text(encoding="utf-8")
    makers = {
        f"{module}.{name}"
        for module in public_modules()
        if re.fullmatch(r"aicsio\.testing\.[a-z]\w*", module)
        for name in getattr(importlib.import_module(module), "__all__", ())
        if name.startswith(("build", "write"))
    }
    assert len(makers) > 25
    assert [
        each for each in sorted(makers) if not re.search(rf"\b{each.split('.')[-1]}\b", page)
    ] == []


def test_the_rooms_of_the_issue_are_checked() -> None:
    """Names that were easily forgotten, by the module that defines them."""
    checked = {public.name for module in public_modules() for public in public_functions(module)}
    assert checked >= {
        "aicsio.labels.select_label",
        "aicsio.references.kerchunk.to_references",
        "aicsio.testing.zarr.tree.write_zarr",
        "aicsio.testing.strategies.zarr.zarr_specs",
        "aicsio.writers.ome_zarr.write_ome_zarr",
        "aicsio.writers.zarr_region.write_region",
        "aicsio.legacy.parts.PartMethods.get_image_data",
        "aicsio.records.protocols.FormatModule.read_contents",
    }


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
    for name in public_modules():
        for public in public_functions(name):
            what = gaps(public)
            if what:
                print(f"{public.name}: {', '.join(what)}")
