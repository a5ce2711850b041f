"""What a user writes about checks, windows, reductions and pictures, with the types that a checker must infer."""

from pathlib import Path
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

from aicsio import (
    CheckReport,
    ImageHandle,
    Statistics,
    Step,
    check,
    open_image,
    project,
    read_windows,
    statistics,
    suggest_contrast,
    thumbnail,
    view,
    write_movie,
    write_picture,
    write_sums,
)

handle: ImageHandle = open_image("cells.czi")

report = check(handle, deep=True)
assert_type(report, CheckReport)
assert_type(report.whole, bool)
assert_type(report.damage[0].offset, int | None)
assert_type(check("cells.czi"), CheckReport)
assert_type(write_sums("SHA256SUMS", handle, "cells.czi"), Path)
assert_type(check(handle, sums="SHA256SUMS"), CheckReport)

assert_type(read_windows(handle, [(0, 0)], size=8), npt.NDArray[Any])
assert_type(project(handle, "Z", how="max"), npt.NDArray[Any])
assert_type(statistics(handle), tuple[Statistics, ...])
assert_type(suggest_contrast(handle), tuple[tuple[float, float], ...])
assert_type(thumbnail(handle, 64, project="max"), npt.NDArray[np.uint8])
REVEAL = (write_movie(handle, "a.mp4"), write_picture(handle, "a.png"), view(handle))
step: Step[npt.NDArray[Any]] = project("Z")
