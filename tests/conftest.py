"""What every test is held to: types checked throughout the package, no file left open."""

import contextlib
import functools
import gc
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import time
import typing
from collections.abc import Generator, Iterator

import psutil
import pytest
from beartype import BeartypeConf
from beartype.claw import beartype_package
from hypothesis import settings


def _load_errors() -> type[Exception]:
    """Load the errors without the package around them: what is imported before beartype comes stays unchecked."""
    package = importlib.util.find_spec("aicsio")
    assert package is not None
    assert package.submodule_search_locations
    path = os.path.join(package.submodule_search_locations[0], "errors.py")
    spec = importlib.util.spec_from_file_location("aicsio.errors", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["aicsio.errors"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: type[Exception] = module.ArgumentTypeError
    return found


# The public boundary promises this type, and beartype decorates a function only once. A test of damaged input must
# therefore not take ArgumentTypeError for an answer: inside the package it means that a record broke its own types.
# Annotated assignments are checked where more examples are (AICSIO_HYPOTHESIS): they cost a tenth of the tests' time.
beartype_package(
    "aicsio",
    conf=BeartypeConf(
        violation_type=_load_errors(), claw_is_pep526="AICSIO_HYPOTHESIS" in os.environ
    ),
)

if sys.version_info < (3, 12):
    # What a protocol asks for is looked up at each check before Python 3.12: 7 % of the tests' time.
    for lookup in ("_get_protocol_attrs", "_is_callable_members_only"):
        setattr(typing, lookup, functools.cache(getattr(typing, lookup)))

# A failing test shows the frames inside the package, which users do not see.
os.environ["AICSIO_FULL_TRACEBACK"] = "1"

# The same examples in every run, so that a failure is one of the change at hand. AICSIO_HYPOTHESIS=thorough looks
# further, at other examples each time; AICSIO_HYPOTHESIS=ci is what the gates `servers` and `lowest` look at.
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=8, database=None)
settings.register_profile("ci", settings.get_profile("quick"), max_examples=60)
settings.register_profile("thorough", deadline=None, max_examples=3000)
settings.load_profile(os.environ.get("AICSIO_HYPOTHESIS", "quick"))


# Tests start 200 processes. Where the environment keeps Python from writing compiled modules beside the sources, as
# images of Docker do, each of them would compile numpy, dask and aicsio, 3 s of it: they share a folder of their own.
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
COMPILED = os.path.join(tempfile.gettempdir(), f"aicsio-compiled-{RUN}")


def pytest_configure(config: pytest.Config) -> None:
    """Give processes that tests start a folder for their compiled modules, where they could write none."""
    starts_workers = bool(getattr(config.option, "numprocesses", None))
    if os.environ.get("PYTHONDONTWRITEBYTECODE") and not starts_workers:
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        os.environ["PYTHONPYCACHEPREFIX"] = COMPILED
    # Nothing that is imported and collected is garbage; looking for it took 14 of 39 s.
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave what was collected out of later searches for garbage: half a second for each one."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Remove the folder; another worker's processes that go on make what they need."""
    shutil.rmtree(COMPILED, ignore_errors=True)


OPTIONAL = (
    "bioio",
    "bioio_base",
    "aiohttp",
    "h5netcdf",
    "moto",
    "napari",
    "netCDF4",
    "numcodecs",
    "obstore",
    "openreadout",
    "pint",
    "pylibCZIrw",
    "qtpy",
    "s3fs",
    "xarray",
    "zarr",
)
"""Packages of the extras ``servers`` and ``plugins``, which the README's test command does not install."""


def _messages(error: BaseException | None) -> str:
    """The messages of an error and of those that it was raised from."""
    texts: list[str] = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__
    return "; ".join(texts)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """As in ``pytest_runtest_call``, for fixtures."""
    return (yield from pytest_runtest_call(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:  # noqa: ARG001
    """Skip a test that needs a package of the extra ``servers`` where that is not installed."""
    try:
        return (yield)
    except ImportError as error:
        for name in OPTIONAL:
            named = re.search(rf"\b{name}\b", _messages(error))
            if named and importlib.util.find_spec(name) is None:
                pytest.skip(f"needs {name}: pip install '.[test,servers,plugins]'")
        raise


DESCRIPTORS = "/proc/self/fd"


def _open_files() -> set[str]:
    if not os.path.isdir(DESCRIPTORS):
        return {file.path for file in psutil.Process(os.getpid()).open_files()}
    # psutil asks the system three times for each file: half a minute for 14 000 tests.
    links: set[str] = set()
    for number in os.listdir(DESCRIPTORS):
        with contextlib.suppress(FileNotFoundError):  # the folder itself was open for the list
            links.add(os.readlink(f"{DESCRIPTORS}/{number}"))
    return links


def _is_file(path: str) -> bool:
    return path.startswith("/") and os.path.isfile(path)


def _left_open(before: set[str]) -> set[str]:
    new = _open_files() - before
    # itkwasm, with which ngff-zarr makes levels, keeps its compiled modules open.
    return {
        path
        for path in new
        if not path.endswith((".log", ".sqlite3")) and "itkwasm" not in path and _is_file(path)
    }


@pytest.fixture(autouse=True)
def no_file_left_open() -> Iterator[None]:
    """Fail a test after which a file is open that was not open before."""
    before = _open_files()
    yield
    # Threads of dask look into files of the system now and then; what is left open is so a second later, too.
    end = time.monotonic() + 1
    while (left := _left_open(before)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left, f"left open: {sorted(left)}"


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait little between tries of a request, and leave no connection to the next test."""
    from aicsio._io import pool, retrying

    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.001)
    yield
    pool.close_connections()
