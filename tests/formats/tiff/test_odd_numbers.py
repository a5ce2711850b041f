"""Numbers that no writer means: floats for counts, resolutions beyond a float. The pixels are read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from aicsio import open_image, to_numpy

PIXELS = np.arange(80, dtype=np.uint8).reshape(8, 10)


def written(path: Path, tags: list[Any], description: str = "") -> Path:
    file = path / "a.tif"
    tifffile.imwrite(file, PIXELS, metadata=None, description=description, extratags=tags)
    return file


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e308, -1.5])
def test_counts_of_imagej_that_are_floats(tmp_path: Path, number: float) -> None:
    counts = (50838, 12, 3, (12.0, number, number), True)  # 12 is DOUBLE
    data = (50839, 1, 12, b"IJIJ" + bytes(8), True)
    handle = open_image(written(tmp_path, [counts, data], "ImageJ=1.53t\n"))
    np.testing.assert_array_equal(to_numpy(handle), PIXELS)


@pytest.mark.parametrize("code", [282, 283])
def test_a_resolution_that_no_float_holds_in_dots_per_inch(tmp_path: Path, code: int) -> None:
    file = written(tmp_path, [])
    with tifffile.TiffFile(file, mode="r+") as tif:
        tif.pages.first.tags[code].overwrite(1e308, dtype=12)
    handle = open_image(file)
    np.testing.assert_array_equal(to_numpy(handle), PIXELS)
