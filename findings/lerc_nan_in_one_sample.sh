#!/usr/bin/env bash
# NaN in one sample of a pixel, as in RGB of floats, becomes the lowest number in LERC; GDAL cannot read what it wrote.
#
# Guess before the run: samples of a pixel have masks of their own, or NaN is refused when it is written.
# Seen (rasterio 1.4.3 with GDAL 3.9.3, imagecodecs 2026.3.6): with bands interleaved by pixel, GDAL writes without a word
# and reads -3.4e38; where another pixel is NaN in all samples, it fails to read the file again. imagecodecs writes the
# same and reads -3.4e38, without a mask. Bands apart (interleave=band) keep NaN in GDAL.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imagecodecs==2026.3.6 numpy==2.4.6 rasterio==1.4.3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import imagecodecs
import numpy as np
import rasterio

# A TIFF that is not a map has no place on the earth.
warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
print("GDAL", rasterio.__gdal_version__, "imagecodecs", imagecodecs.__version__)
pixels = np.arange(3 * 32 * 48, dtype=np.float32).reshape(3, 32, 48)
pixels[0, 1, 2] = np.nan
both = pixels.copy()
both[:, 3, 4] = np.nan


def read_back(values, interleave):
    profile = {"driver": "GTiff", "width": 48, "height": 32, "count": 3, "dtype": "float32"}
    with rasterio.open("a.tif", "w", interleave=interleave, compress="LERC", **profile) as dataset:
        dataset.write(values)
    with rasterio.open("a.tif") as dataset:
        try:
            return dataset.read()
        except rasterio.errors.RasterioIOError:
            return None


for values in (pixels, both):
    assert np.array_equal(read_back(values, "band"), values, equal_nan=True), "changed: bands apart"
read = read_back(pixels, "pixel")
print("GDAL reads", None if read is None else read[0, 1, 2])
assert read is not None and read[0, 1, 2] == np.finfo(np.float32).min, "changed: GDAL"
read = read_back(both, "pixel")
print("beside a pixel of NaN alone:", "cannot be read" if read is None else read[0, 1, 2])
assert read is None, "changed: GDAL, beside a pixel of NaN alone"
interleaved = np.ascontiguousarray(np.moveaxis(pixels, 0, -1))
decoded, masks = imagecodecs.lerc_decode(imagecodecs.lerc_encode(interleaved), masks=True)
print("imagecodecs reads", decoded[1, 2, 0], "and a mask of", masks if masks is None else masks.shape)
assert decoded[1, 2, 0] == np.finfo(np.float32).min, "changed: imagecodecs"
assert masks is None or bool(masks[1, 2].all()), "changed: the mask of imagecodecs"
PYTHON
