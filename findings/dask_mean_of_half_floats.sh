#!/usr/bin/env bash
# The mean of an image of half floats is NaN in dask, and in xarray infinite or NaN; numpy has it right.
#
# Guess before the run: dask's mean is numpy's, which adds half floats in float32: 1000 for an image that is 1000 everywhere.
# Seen (dask 2026.8.0, xarray 2026.9.0, numpy 2.4.6): dask adds in float16, whose largest value is 65504, and counts the
# pixels in it, too: infinity by infinity. The result is NaN, with chunks of 128 x 128 as with one chunk. xarray returns
# infinity for the numpy array, and NaN for its chunks. There are warnings of an overflow, no error. Models for segmentation
# and denoising return half floats, and OME-Zarr stores them.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "dask[array]==2026.8.0" xarray==2026.9.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import dask.array as da
import numpy as np
import xarray as xr

print(*(f"{name} {version(name)}" for name in ("dask", "xarray", "numpy")))
image = np.full((512, 512), 1000, np.float16)
means = {
    "numpy": np.mean(image),
    "dask, chunks of 128": da.from_array(image, chunks=128).mean().compute(),
    "dask, one chunk": da.from_array(image, chunks=512).mean().compute(),
    "xarray": xr.DataArray(image).mean().values,
    "xarray, chunks of 128": xr.DataArray(image).chunk(128).mean().values,
}
for name, mean in means.items():
    print(f"{name}: {float(mean)}")
assert [str(float(mean)) for mean in means.values()] == ["1000.0", "nan", "nan", "inf", "nan"], "changed"
PYTHON
