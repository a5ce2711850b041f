"""Every example in a docstring of the package runs."""

import doctest
import functools
import importlib
import inspect
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import Phase, settings

import aicsio

NEEDS = {
    "aicsio.arrays.xarray": "xarray",
    "aicsio.legacy.functions": "xarray",
    "aicsio.plugins.napari.writing": "pint",
    "aicsio.references.serving": "zarr",
}
"""Packages of the extras ``servers`` and ``plugins`` that examples import."""


def modules() -> Iterator[str]:
    yield "aicsio"
    for module in pkgutil.walk_packages(aicsio.__path__, "aicsio."):
        if not module.name.endswith("__main__"):
            yield module.name


def examples(name: str) -> list[doctest.DocTest]:
    """Examples of a module and of what it defines; the finder of doctest alone would miss decorated functions."""
    module = importlib.import_module(name)
    own = [value for value in vars(module).values() if getattr(value, "__module__", None) == name]
    finder = doctest.DocTestFinder()
    parsed = doctest.DocTestParser().get_doctest(module.__doc__ or "", {}, name, module.__file__, 0)
    found = [parsed] if parsed.examples else []
    for value in own:
        if inspect.isroutine(value) or inspect.isclass(value):
            found += finder.find(value, f"{name}.{value.__qualname__}", module=False, globs={})
    return [test for test in found if test.examples]


def run(example: doctest.DocTest) -> str:
    """Return the report of what an example shows that its docstring does not."""
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    runner.run(example, out=report.append, clear_globs=False)
    return "".join(report)


QUICK = settings(phases=[Phase.explicit, Phase.generate])
"""To find an example without making it the smallest, which takes ten times as long."""


def run_finding_any(example: doctest.DocTest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run an example whose ``find`` returns any example; what shows the smallest runs again as it is."""
    names = dict(example.globs)
    with monkeypatch.context() as patch:
        patch.setattr(hypothesis, "find", functools.partial(hypothesis.find, settings=QUICK))
        report = run(example)
    example.globs = names
    return report and run(example)


@pytest.mark.parametrize("name", list(modules()))
def test_the_examples_of_a_module_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    monkeypatch.chdir(tmp_path)
    for example in examples(name):
        finds = any("find(" in each.source for each in example.examples)
        thorough = "AICSIO_HYPOTHESIS" in os.environ
        report = run_finding_any(example, monkeypatch) if finds and not thorough else run(example)
        assert not report


@pytest.mark.parametrize(
    "name", [n for n in aicsio.__all__ if inspect.isfunction(getattr(aicsio, n))]
)
def test_every_public_function_has_an_example(name: str) -> None:
    function = getattr(aicsio, name)
    found = [example.name for example in examples(function.__module__)]
    assert f"{function.__module__}.{name}" in found
