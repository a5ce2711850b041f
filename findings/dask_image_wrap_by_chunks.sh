#!/usr/bin/env bash
# dask-image's filters with mode="wrap" depend on how the image is cut into chunks: the border wraps around its chunk.
#
# Guess before the run: a filter of dask-image gives what scipy.ndimage gives, whatever the chunks.
# Seen (dask-image 2026.5.0, scipy 1.17.1): with one chunk the two are equal. With chunks of 16 x 24, pixels at the border of
# the image are mixed with those of the far side of their own chunk instead of the far side of the image. No error, no
# warning; the modes reflect, constant, nearest and mirror are equal.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dask-image==2026.5.0 scipy==1.17.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import dask.array as da
import numpy as np
import scipy.ndimage
from dask_image import ndfilters

print("dask-image", version("dask-image"), "dask", version("dask"), "scipy", version("scipy"))
image = np.zeros((64, 96))
image[-1, 50] = 900.0  # the lowest row: with wrap it is the neighbour of the highest
changed = {}
for mode in ("reflect", "constant", "nearest", "mirror", "wrap"):
    expected = scipy.ndimage.uniform_filter(image, size=3, mode=mode)
    for chunks in (image.shape, (16, 24)):
        found = ndfilters.uniform_filter(da.from_array(image, chunks=chunks), size=3, mode=mode).compute()
        changed[mode, chunks] = not np.allclose(found, expected)
        print(mode, "chunks", chunks, "pixel (0, 50):", round(float(found[0, 50]), 3), "scipy:", round(float(expected[0, 50]), 3))
assert [key for key, value in changed.items() if value] == [("wrap", (16, 24))], f"changed: {changed}"
PYTHON
