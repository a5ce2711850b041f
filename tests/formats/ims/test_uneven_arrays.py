"""Arrays of an Imaris file that differ from each other: HDF5 lets each have its own shape and type."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from aicsio import open_image, to_numpy
from aicsio.testing.ims import ImsImage, write_ims
from ome_files import codes

h5py = pytest.importorskip("h5py")
PIXELS = np.random.default_rng(0).integers(1, 250, (2, 2, 3, 20, 24)).astype("u1")


def replaced(folder: Path, array: npt.NDArray[Any], at: tuple[int, int], **how: Any) -> Path:
    """Write an image with another array for one time point and channel."""
    path = write_ims(ImsImage(PIXELS, "TCZYX"), folder / "a.ims")
    with h5py.File(path, "r+") as file:
        name = f"DataSet/ResolutionLevel 0/TimePoint {at[0]}/Channel {at[1]}"
        del file[name]
        group = file.create_group(name)
        for letter, size in zip("ZYX", array.shape, strict=True):
            group.attrs[f"ImageSize{letter}"] = np.frombuffer(str(size).encode(), "S1")
        data = how or {"data": array}
        group.create_dataset("Data", chunks=(2, 8, 8), **data)
    return path


@pytest.mark.parametrize("at", [(0, 0), (1, 1)])
def test_smaller_arrays_are_reported(at: tuple[int, int], tmp_path: Path) -> None:
    """Bio-Formats cannot read such a plane; whichever array is the first, none is cut."""
    small = PIXELS[(*at, slice(2), slice(10), slice(12))]
    expected = PIXELS.copy()
    expected[at] = 0
    expected[(*at, slice(2), slice(10), slice(12))] = small
    handle = open_image(replaced(tmp_path, small, at))
    assert np.array_equal(to_numpy(handle), expected)
    (note,) = handle.diagnostics
    assert note.code == "ims-array-sizes"
    assert (
        "1 array of 4 have other sizes than (3, 20, 24), the first is (2, 10, 12)" in note.message
    )


def test_a_larger_array_is_not_cut(tmp_path: Path) -> None:
    large = np.pad(PIXELS[1, 1], ((0, 1), (0, 5), (0, 6)), constant_values=7)
    handle = open_image(replaced(tmp_path, large, (1, 1)))
    assert handle.shape == (2, 2, 4, 25, 30)
    assert np.array_equal(to_numpy(handle)[1, 1], large)
    assert np.array_equal(to_numpy(handle)[:, 0, :3, :20, :24], PIXELS[:, 0])
    assert codes(handle) == ["ims-array-sizes"]


def test_arrays_of_another_type_are_reported(tmp_path: Path) -> None:
    """As in CZI and LIF."""
    handle = open_image(replaced(tmp_path, PIXELS[1, 1].astype("u2"), (1, 1)))
    assert np.array_equal(to_numpy(handle), PIXELS)
    (note,) = handle.diagnostics
    assert note.code == "mixed-pixel-types"
    assert "uint8, uint16 are read as uint16" in note.message


@pytest.mark.parametrize("value", [0, 7])
def test_fill_values_that_are_not_0_are_reported(value: int, tmp_path: Path) -> None:
    """h5py fills chunks that were never written with the value; aicsio counts them."""
    how = {"shape": (3, 20, 24), "dtype": "u1", "fillvalue": value}
    path = replaced(tmp_path, PIXELS[1, 1], (1, 1), **how)
    with h5py.File(path) as file:
        data = file["DataSet/ResolutionLevel 0/TimePoint 1/Channel 1/Data"]
        assert set(np.ravel(data[...]).tolist()) == {value}
    handle = open_image(path)
    assert not to_numpy(handle)[1, 1].any()
    assert codes(handle) == ["ims-fill-value"] * (value > 0)
