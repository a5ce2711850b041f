#!/usr/bin/env bash
# scikit-image and dask read a z stack of three or four sections with its axes moved: the sections become the last axis.
#
# Guess before the run: skimage.io.imread, and dask.array.image.imread which calls it, return an OME-TIFF with the axes ZYX as
# (sections, rows, columns), whatever the number of sections: the file says that it is grey, and tifffile returns it so.
# Seen (scikit-image 0.26.0, dask 2026.8.0, tifffile 2026.3.3): so it is for 2 and 5 sections. With 3 or 4 the array is
# (rows, columns, sections), without an error or a warning: imread takes an axis of that length in front for colours.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scikit-image==0.26.0 dask==2026.8.0 tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import warnings
from importlib.metadata import version

import dask.array.image
import numpy as np
import skimage.io
import tifffile

warnings.simplefilter("error")
print(*(f"{name} {version(name)}" for name in ("scikit-image", "dask", "tifffile")))
moved = []
for sections in (2, 3, 4, 5):
    name = f"{sections}.ome.tif"
    stack = np.arange(sections * 20 * 30, dtype=np.uint16).reshape(sections, 20, 30)
    tifffile.imwrite(name, stack, photometric="minisblack", metadata={"axes": "ZYX"})
    assert np.array_equal(tifffile.imread(name), stack)
    by_skimage = skimage.io.imread(name)
    by_dask = dask.array.image.imread(name)[0].compute()  # one file: the first axis
    print(f"{sections} sections: skimage {by_skimage.shape}, dask {by_dask.shape}, tifffile {stack.shape}")
    assert np.array_equal(by_skimage, by_dask)
    if by_skimage.shape != stack.shape:
        assert np.array_equal(by_skimage, np.moveaxis(stack, 0, -1))
        moved.append(sections)
assert moved == [3, 4], f"changed: {moved}"
PYTHON
