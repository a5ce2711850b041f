"""``import aicsio`` is light, and each floor imports only lower ones."""

import subprocess
import sys

import pytest

import aicsio
from support import ROOT

HEAVY = (
    "PIL",
    "aicspylibczi",
    "aiohttp",
    "av",
    "beartype",
    "dask",
    "distributed",
    "fsspec",
    "hypothesis",
    "imagecodecs",
    "imageio",
    "ome_types",
    "pydantic",
    "pytest",
    "readlif",
    "rich",
    "tifffile",
    "xarray",
    "zarr",
)


def loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in run.stdout.split()}


def test_importing_the_package_imports_nothing_heavy() -> None:
    loaded = loaded_after("import aicsio")
    assert "numpy" in loaded
    assert not loaded & set(HEAVY)


def test_the_generators_need_numpy_alone() -> None:
    code = "from aicsio.testing import TiffSpec, build; build(TiffSpec(compression='zlib'))"
    assert not loaded_after(code) & set(HEAVY)


def test_reading_an_array_needs_neither_dask_nor_xarray() -> None:
    code = "import numpy, aicsio; aicsio.to_numpy(aicsio.open_image(numpy.zeros((2, 3))))"
    assert not loaded_after(code) & (set(HEAVY) - {"beartype"})


def test_every_public_name_is_there_and_documented() -> None:
    assert sorted(aicsio.__all__) == aicsio.__all__
    for name in aicsio.__all__:
        # An alias of types has no docstring; it has a comment in the reference.
        assert getattr(aicsio, name).__doc__ or name == "Order", name


def test_the_floors_hold() -> None:
    pytest.importorskip("importlinter")
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ]
    run = subprocess.run(
        [*command, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
