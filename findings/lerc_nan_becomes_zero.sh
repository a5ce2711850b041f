#!/usr/bin/env bash
# Pixels that are NaN are read as 0 from a LERC-compressed TIFF, and predictor=True damages floats in it.
#
# Guess before the run: LERC with its default of no error keeps NaN. A predictor is refused, or undone while reading.
# Seen (imagecodecs 2026.3.6 and 2026.10.10, tifffile 2026.3.3 and 2026.11.8): NaN is 0.0 after writing and reading,
# through imagecodecs alone too, without a warning. The file still has it, as a masked pixel: GDAL (3.9 in rasterio 1.4.3,
# 3.12 in 1.5.2) reads NaN from it. With predictor=True the bytes of floats are rearranged before LERC takes them for
# floats; where they happen to spell NaN they become 0, and the pixels from there on are wrong.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6 rasterio==1.4.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import imagecodecs
import numpy as np
import rasterio
import tifffile

warnings.simplefilter("error")
versions = [word for word in imagecodecs.version().split(", ") if word.startswith("lerc")]
print("imagecodecs", imagecodecs.__version__, *versions, "tifffile", tifffile.__version__)
pixels = np.linspace(1, 2, 64 * 64, dtype=np.float32).reshape(64, 64)
pixels[10:20, 10:20] = np.nan
tifffile.imwrite("nan.tif", pixels, compression="lerc")
read = tifffile.imread("nan.tif")
print("NaN is read as", np.unique(read[10:20, 10:20]).tolist())
assert np.array_equal(read, np.nan_to_num(pixels, nan=0.0)), "changed: tifffile"
with warnings.catch_warnings():
    # A TIFF that is not a map has no place on the earth.
    warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
    with rasterio.open("nan.tif") as dataset:
        by_gdal = dataset.read(1)
print("by GDAL", rasterio.__gdal_version__, "as", np.unique(by_gdal[10:20, 10:20]).tolist())
assert np.array_equal(by_gdal, pixels, equal_nan=True), "changed: GDAL"
decoded = imagecodecs.lerc_decode(imagecodecs.lerc_encode(pixels))
assert np.array_equal(decoded, read), "changed: imagecodecs"

values = np.random.default_rng(0).normal(0, 1000, (64, 64)).astype(np.float32)
right = {}
for predictor in (False, True):
    tifffile.imwrite("floats.tif", values, compression="lerc", predictor=predictor)
    right[predictor] = float((tifffile.imread("floats.tif") == values).mean())
    print(f"predictor={predictor}: {right[predictor]:.0%} of the pixels are right")
assert right[False] == 1 and right[True] < 1, "changed: predictor"
PYTHON
