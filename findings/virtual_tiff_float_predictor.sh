#!/usr/bin/env bash
# virtual-tiff shows a big-endian TIFF of compressed floats with the floating-point predictor as other numbers.
#
# Guess before the run: a predictor is undone as tifffile does, in both byte orders, or the file is refused.
# Seen (virtual-tiff 0.5.0, virtualizarr 2.8.0, zarr 3.4.2; tifffile 2026.11.8 writes and reads the file right): predictor 3
# of TIFF Technical Note 3 stores the highest byte first whatever the order of the file, and the store swaps the bytes
# once more: 0.0909 becomes 2.6e-38. Little-endian files, and integers with predictor 2 in both orders, are right.
#
# Needs Python 3.12. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet virtual-tiff==0.5.0 virtualizarr==2.8.0 zarr==3.4.2 tifffile==2026.11.8 \
    imagecodecs==2026.10.10 numpy==2.5.5
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import os
from importlib.metadata import version

import numpy as np
import tifffile
import zarr
from obspec_utils.registry import ObjectStoreRegistry
from obstore.store import LocalStore
from virtual_tiff import VirtualTIFF

for name in ("virtual-tiff", "virtualizarr", "zarr", "tifffile"):
    print(name, version(name))
address = "file://" + os.path.abspath("a.tif")


def read():
    parse = VirtualTIFF(ifd=0)
    store = parse(url=address, registry=ObjectStoreRegistry({"file://": LocalStore()}))
    arrays = [array for _, array in zarr.open_group(store, mode="r").arrays()]
    return arrays[0][:]


ramp = np.linspace(0, 1, 12).reshape(3, 4)
right = {}
for dtype in ("float32", "float64", "float16", "uint16"):
    pixels = (ramp * 1000).astype(dtype) if dtype == "uint16" else ramp.astype(dtype)
    for order in "<>":
        tifffile.imwrite("a.tif", pixels, byteorder=order, compression="zlib", predictor=True, metadata=None)
        with tifffile.TiffFile("a.tif") as tif:
            predictor = tif.pages[0].predictor.name
        assert np.array_equal(tifffile.imread("a.tif"), pixels)
        found = read()
        right[dtype, order] = np.array_equal(found, pixels)
        outcome = "right"
        if not right[dtype, order]:
            place = tuple(np.argwhere(found != pixels)[0])
            outcome = f"{pixels[place]} becomes {found[place]}"
        print(dtype, order, predictor, outcome)
wrong = {key for key, value in right.items() if not value}
assert wrong == {("float32", ">"), ("float64", ">"), ("float16", ">")}, f"changed: {wrong}"
PYTHON
