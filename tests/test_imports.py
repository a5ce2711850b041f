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


def test_numpy_reads_a_handle_before_any_verb_is_imported() -> None:
    script = """
import pickle
import numpy as np
from aicsio import open_image
handle = pickle.loads(pickle.dumps(open_image(np.eye(2), dims="YX")))
print(np.asarray(handle).tolist(), np.asarray(handle.array, np.uint8).tolist())
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "[[1.0, 0.0], [0.0, 1.0]] [[1, 0], [0, 1]]\n"


@pytest.mark.parametrize("name", ["arrays", "steps", "writers", "planes", "verify", "aics_image"])
def test_modules_are_attributes_of_the_package(name: str) -> None:
    script = f"import aicsio; print(aicsio.{name}.__name__)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == f"aicsio.{name}\n"


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
