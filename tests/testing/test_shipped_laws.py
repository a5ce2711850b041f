"""The laws that users import hold of the package's own images, and refuse what breaks them."""

import builtins
import importlib
import subprocess
import sys
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from aicsio import (
    Dims,
    ImageHandle,
    MissingDependencyError,
    Step,
    open_image,
    select_scene,
    to_numpy,
    transpose_to,
)
from aicsio.steps import verb
from aicsio.testing import ImageSpec, laws, pixels, pytest_plugin
from aicsio.testing.pytest_plugin import MakeFile, aicsio_file
from aicsio.testing.strategies import Image, handles, images, views
from support import takes_long

__all__ = ["aicsio_file"]


@takes_long
@given(st.from_type(ImageHandle), st.data())
def test_the_laws_hold(handle: ImageHandle, data: st.DataObject) -> None:
    order, picks = data.draw(views(handle.dims))
    laws.views_show_what_numpy_shows(handle, order, **picks)
    laws.dask_computes_what_is_read(handle, data.draw(st.integers(1, 4)))
    laws.handle_is_a_value(handle)
    laws.selecting_is_absolute(handle)
    steps: tuple[Any, ...] = (select_scene(0), transpose_to(handle.dims.order), to_numpy())
    laws.step_is_a_value(transpose_to(order, **picks), handle)
    first = select_scene(handle, 0)
    laws.chains_are_associative(steps[0], transpose_to(first.dims.order), steps[2], handle)


@given(st.from_type(Dims))
def test_dims_are_drawn_by_their_type(dims: Dims) -> None:
    assert len(dims.order) == len(dims.shape)


@settings(max_examples=1, database=None, phases=[Phase.generate])
@given(images(), handles(), st.just(transpose_to("YX", T=0)))
def fail(image: Image, handle: ImageHandle, step: Step[ImageHandle]) -> None:
    """Break at the first example."""
    pytest.fail(f"{image.handle.ndim}, {handle.ndim}, {step.verb}")


def test_a_falsifying_example_is_a_line_an_argument() -> None:
    with pytest.raises(pytest.fail.Exception) as caught:
        fail()
    (example,) = [note for note in caught.value.__notes__ if "image=" in note]
    shown = [line.strip() for line in example.splitlines() if "=" in line]
    assert [line.partition("=")[0] for line in shown] == ["image", "handle", "step"]
    assert shown[0].startswith("image=Image(<ImageHandle ")
    assert shown[1].startswith("handle=<ImageHandle ")
    assert shown[2] == "step=transpose_to('YX', T=0),"
    assert max(map(len, shown)) < 250


@takes_long
def test_a_draw_loads_what_dask_imports_with_its_first_result() -> None:
    """Behind it no test of a user breaks the deadline of hypothesis by an import."""
    program = (
        "import sys; from hypothesis import find; from aicsio.testing.strategies import handles; "
        "assert 'distributed' not in sys.modules; find(handles(), lambda handle: True); "
        "assert 'distributed' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


_CALLS = [0]


@verb
def count_calls(handle: ImageHandle, /) -> int:
    """Break the law: another result each time."""
    _CALLS[0] += handle.ndim
    return _CALLS[0]


def test_what_breaks_a_law_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = open_image(np.arange(6).reshape(2, 3), dims="YX")
    with pytest.raises(
        AssertionError, match=r"broken: count_calls\(\) is a function; <ImageHandle"
    ):
        laws.step_is_a_value(count_calls(), handle)
    monkeypatch.setattr(laws, "transpose_array", lambda *_, **__: np.zeros((2, 3)))
    with pytest.raises(AssertionError, match="broken: 'YX' with"):
        laws.windows_are_crops(handle, Y=slice(0, 1))
    monkeypatch.setattr(laws, "to_numpy", lambda _: np.zeros((2, 3), np.int64))
    with pytest.raises(AssertionError, match="computes what is read"):
        laws.dask_computes_what_is_read(handle)


def test_a_scene_that_depends_on_the_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    two = open_image([np.zeros((2, 3)), np.ones((2, 3))])

    def relative(handle: ImageHandle, index: int) -> ImageHandle:
        level = 1 if handle.scene_index else 0
        return attrs.evolve(select_scene(handle, index), level=level)

    monkeypatch.setattr(laws, "select_scene", relative)
    with pytest.raises(AssertionError, match="is the same behind"):
        laws.selecting_is_absolute(select_scene(two, 1))


def test_the_fixture_makes_files(aicsio_file: MakeFile) -> None:
    path = aicsio_file(Z=3, Y=20, X=30, channel_names=("DAPI",), compression="zlib")
    handle = open_image(path)
    assert handle.channel_names == ("DAPI",)
    spec = ImageSpec(Z=3, Y=20, X=30, channel_names=("DAPI",))
    assert np.array_equal(to_numpy(transpose_to(handle, "TCZYX")), pixels(spec))
    assert aicsio_file(Y=4, X=4) != path


@pytest.mark.parametrize(
    ("module", "package"),
    [("aicsio.testing.strategies", "hypothesis"), ("aicsio.testing.pytest_plugin", "pytest")],
)
def test_without_the_package_the_error_names_it(
    module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(name=name)
        return real(name, *args, **kwargs)

    kept = sys.modules[module]
    monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependencyError, match=f"pip install {package}"):
        importlib.import_module(module)
    monkeypatch.undo()
    sys.modules[module] = kept
    assert pytest_plugin.__doc__
