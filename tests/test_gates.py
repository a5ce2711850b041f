"""The guards of the gates and of pyproject.toml: Pythons, extras without a wheel, settings of figures."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT: dict[str, Any] = SETTINGS["project"]
GATES = (ROOT / ".ci" / "run").read_text("utf-8")
VERSIONS = re.findall(r":: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
WITHOUT_WHEEL = ("aicspylibczi", "pylibczirw")
"""Packages that PyPI has no wheel of for Python 3.14, and that do not build from source there."""


def requirements(name: str) -> list[tuple[str, Requirement]]:
    """List where an extra names a package."""
    found: list[tuple[str, Requirement]] = []
    for extra, lines in PROJECT["optional-dependencies"].items():
        named = [each for each in map(Requirement, lines) if each.name == name]
        found += [(extra, each) for each in named]
    return found


@pytest.mark.parametrize("name", WITHOUT_WHEEL)
def test_packages_without_a_wheel_are_left_out_on_python_3_14(name: str) -> None:
    assert requirements(name)
    for extra, requirement in requirements(name):
        assert requirement.marker is not None, extra
        assert not requirement.marker.evaluate({"python_version": "3.14"}), extra
        assert requirement.marker.evaluate({"python_version": "3.13"}), extra


def test_every_declared_python_has_a_gate_where_it_is_found() -> None:
    assert "3.14" in VERSIONS
    assert all(version in SpecifierSet(PROJECT["requires-python"]) for version in VERSIONS)
    listed = re.search(r"^ALL=\(.* (servers .*)\)$", GATES, re.MULTILINE)
    assert listed is not None
    # The first version runs all other gates.
    expected = {f"py{version.replace('.', '')}" for version in VERSIONS[1:]}
    assert expected <= set(listed[1].split())
    for version in VERSIONS[1:]:
        assert f"py{version.replace('.', '')}) other_python {version} ;;" in GATES


def test_a_python_that_is_missing_is_a_skipped_gate() -> None:
    body = re.search(r"^other_python\(\) \{\n(.*?)^\}$", GATES, re.MULTILINE | re.DOTALL)
    assert body is not None
    script = f"interpreter() {{ return 1; }}\nother_python() {{\n{body[1]}}}\nother_python 3.99"
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True)
    assert done.stdout == "skipped: there is no Python 3.99 here\n"


def test_figures_of_writing_name_their_settings() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    table = text[text.index("| write, raw |") :]
    assert "`sync=False`" in table[: table.index("\n## ")]


def test_a_package_index_shows_no_link_to_a_file_of_the_source() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    outside = set(re.findall(r"\]\((https://[^)]+)\)", text))
    inside = set(re.findall(r"\]\(([^)]+)\)", text)) - outside
    assert outside
    assert inside
    assert all((ROOT / name).is_file() for name in inside)
    hook = SETTINGS["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    for rule in hook["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    assert set(re.findall(r"\]\(([^)]+)\)", text)) == outside
    assert all(f"(`{name}`)" in text for name in inside)
    # The build itself is held to it by the gate.
    assert "readme_of_the_wheel" in GATES
