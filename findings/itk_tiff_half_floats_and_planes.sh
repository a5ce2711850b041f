#!/usr/bin/env bash
# SimpleITK returns the bit patterns of half floats as uint16, without an error or a warning; OpenCV 5 mixes the pixels of
# an RGB image of 16 bits in separate planes, likewise.
#
# Guess before the run: a TIFF of float16 is read right or refused, as float64 is; RGB in separate planes
# (PlanarConfiguration 2, which Bio-Formats writes) gives the same pixels as RGB in one plane.
# Seen: SimpleITK 2.5.7 reads float16 1.0 as 15360 (its bits, 0x3C00), and a uint16 RGB image in planes as a uint8 one
# with four samples (this with a warning on standard error). OpenCV 5.0.0 keeps the size and the type of the latter, with most values in other places: it takes
# one plane for interleaved pixels. Both read RGB in one plane right.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet SimpleITK==2.5.7 opencv-python-headless==5.0.0.93 tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import cv2
import numpy as np
import SimpleITK
import tifffile


def by_itk(path):
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(path))


def by_opencv(path):
    return cv2.imread(path, cv2.IMREAD_UNCHANGED)[..., ::-1]


print("SimpleITK", version("SimpleITK"), "OpenCV", cv2.__version__)
halves = np.linspace(0, 1, 20 * 30, dtype=np.float16).reshape(20, 30)
tifffile.imwrite("half.tif", halves, metadata=None)
read = by_itk("half.tif")
print("float16 1.0 by SimpleITK:", read.dtype, read[-1, -1])
assert read.dtype == np.uint16 and np.array_equal(read, halves.view(np.uint16)), "changed: float16"

colour = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
tifffile.imwrite("together.tif", colour, photometric="rgb", metadata=None)
planes = np.moveaxis(colour, -1, 0)
tifffile.imwrite("planes.tif", planes, photometric="rgb", planarconfig="separate", metadata=None)
for read in (by_itk, by_opencv):
    assert np.array_equal(read("together.tif"), colour)
itk, opencv = by_itk("planes.tif"), by_opencv("planes.tif")
print("RGB planes of uint16 by SimpleITK:", itk.dtype, itk.shape)
places = float((opencv == colour).mean())
print("RGB planes of uint16 by OpenCV:", opencv.dtype, opencv.shape, f"{places:.1%} of the values are right")
assert itk.dtype == np.uint8 and itk.shape == (20, 30, 4), "changed: SimpleITK"
assert opencv.dtype == np.uint16 and opencv.shape == colour.shape and places < 0.5, "changed: OpenCV"
PYTHON
