"""Options of the writers: one table, complete and checked, in plain Python values."""

import ast
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from aicsio import (
    ImageHandle,
    PixelSize,
    open_image,
    pipe,
    write_ome_tiff,
    write_ome_zarr,
    write_scenes,
)
from aicsio.errors import ArgumentTypeError, WriteError
from aicsio.writers.options import DEFAULTS, SHARED_DEFAULTS, SharedOptions, WriteOptions
from aicsio.writers.zarr_options import ZARR_DEFAULTS, ZarrOptions


def image() -> ImageHandle:
    return open_image(np.arange(2 * 40 * 50, dtype=np.uint16).reshape(2, 40, 50), dims="TYX")


@pytest.mark.parametrize(
    ("table", "defaults"),
    [(SharedOptions, SHARED_DEFAULTS), (WriteOptions, DEFAULTS), (ZarrOptions, ZARR_DEFAULTS)],
)
def test_every_option_has_a_default_and_a_docstring(table: Any, defaults: dict[str, Any]) -> None:
    assert defaults.keys() == table.__annotations__.keys()
    (options,) = ast.parse(inspect.getsource(table)).body
    assert isinstance(options, ast.ClassDef)
    own = [name for name in defaults if table is SharedOptions or name not in SHARED_DEFAULTS]
    kinds = [type(statement) for statement in options.body[1:]]  # without the class's docstring
    assert kinds == [ast.AnnAssign, ast.Expr] * len(own)


@pytest.mark.parametrize(
    ("function", "defaults"),
    [(write_ome_tiff, DEFAULTS), (write_scenes, DEFAULTS), (write_ome_zarr, ZARR_DEFAULTS)],
)
def test_the_signature_lists_the_options(function: Any, defaults: dict[str, Any]) -> None:
    parameters = inspect.signature(function).parameters
    assert {name: parameters[name].default for name in defaults} == defaults


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compresion": "zstd"}, "write_ome_tiff has no parameter 'compresion': did you mean 'compression'?"),
        ({"pyramid": 3}, "write_ome_tiff has no parameter 'pyramid'"),
        ({"compression": "gif"}, "compression='gif' does not fit: give 'zlib', 'zstd'"),
        ({"levels": 2.5}, "levels=2.5 does not fit: give an int, 'auto' or 'source'"),
        ({"overwrite": 1}, "overwrite=1 does not fit: give True or False"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_with_a_handle_and_as_a_step(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        write_ome_tiff(image(), tmp_path / "a.ome.tiff", **options)
    assert message in str(caught.value)
    if "no parameter" in message:
        with pytest.raises(ArgumentTypeError) as caught:
            write_ome_tiff(tmp_path / "a.ome.tiff", **options)
        assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_no_thread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="workers=0: give at least one thread"):
        write_ome_tiff(image(), tmp_path / "a.ome.tiff", workers=0)


NUMPY_VALUES: list[tuple[str, Any, Any]] = [
    ("time_step", 30, 30.0),
    ("time_step", np.float32(0.5), 0.5),
    ("time_step", np.int16(30), 30.0),
    ("dtype", np.float32, "float32"),
    ("dtype", np.dtype(">u4"), "uint32"),
    ("dtype", np.str_("float32"), "float32"),
    ("compression", np.str_("zstd"), "zstd"),
    ("compression_level", np.int64(2), 2),
    ("tile", np.int64(32), 32),
    ("tile", (np.int32(16), np.uint8(32)), (16, 32)),
    ("levels", np.uint8(2), 2),
    ("predictor", np.bool_(False), False),
    ("bigtiff", np.True_, True),
    ("scene_names", [np.str_("a")], ["a"]),
    ("channel_names", list(np.array(["DAPI"])), ["DAPI"]),
    ("channel_colors", (np.uint32(0xFF0000FF),), [0xFF0000FF]),
    ("acquired", np.datetime64("2026-01-31T12:00:00"), "2026-01-31T12:00:00"),
    ("workers", np.int64(1), 1),
    ("sync", np.bool_(False), False),
]


@pytest.mark.parametrize(("name", "value", "plain"), NUMPY_VALUES)
def test_numpy_values_write_the_same_bytes_as_plain_ones(
    name: str, value: Any, plain: Any, tmp_path: Path
) -> None:
    """Source of the right value: Python's own value, which gives the same file."""
    options: Any = {name: value}
    given = write_ome_tiff(image(), tmp_path / "given.ome.tiff", **options)
    options = {name: plain}
    expected = write_ome_tiff(image(), tmp_path / "plain.ome.tiff", **options)
    assert Path(given.path).read_bytes() == Path(expected.path).read_bytes()
    options = {name: value}
    stepped = pipe(image(), write_ome_tiff(tmp_path / "step.ome.tiff", **options))
    assert Path(stepped.path).read_bytes() == Path(expected.path).read_bytes()


def test_a_whole_time_step_is_in_the_file(tmp_path: Path) -> None:
    """Source: tifffile reads TimeIncrement, a float of the OME schema."""
    write_ome_tiff(image(), tmp_path / "a.ome.tiff", time_step=30)
    with tifffile.TiffFile(tmp_path / "a.ome.tiff") as file:
        assert 'TimeIncrement="30.0" TimeIncrementUnit="s"' in str(file.ome_metadata)


@pytest.mark.parametrize("size", [np.float64(0.1), np.float64(0.25)])
def test_pixel_sizes_are_any_numbers(size: Any, tmp_path: Path) -> None:
    """Source: the number itself, as a double, in the attribute that tifffile shows."""
    pixel_size = PixelSize(Z=None, Y=size, X=size)
    write_ome_tiff(image(), tmp_path / "a.ome.tiff", pixel_size=pixel_size)
    with tifffile.TiffFile(tmp_path / "a.ome.tiff") as file:
        assert f'PhysicalSizeX="{float(size)!r}"' in str(file.ome_metadata)
    again = open_image(np.zeros((4, 5), np.uint8), pixel_size=pixel_size)
    write_ome_tiff(again, tmp_path / "b.ome.tiff")
    assert float(size) == open_image(tmp_path / "b.ome.tiff").pixel_size.X


def test_scenes_are_any_sequence_of_ints(tmp_path: Path) -> None:
    two = open_image([np.zeros((4, 5), np.uint8), np.ones((6, 7), np.uint8)])
    report = write_ome_tiff(two, tmp_path / "a.ome.tiff", scenes=list(np.array([1])))
    assert open_image(report.path).shape[-2:] == (6, 7)
