#!/usr/bin/env bash
# Of one grey TIFF in which 0 is white, the image is inverted or not by the depth of its pixels.
#
# Guess before the run: a reader turns PhotometricInterpretation WhiteIsZero around in all depths or in none.
# Seen (OpenCV 5.0, Pillow 13.0; tifffile 2026.3.3 writes the files): OpenCV and Pillow invert 8-bit images and leave
# those of 16 bits as they are. pyvips-binary 8.18 inverts both; tifffile, GDAL (rasterio 1.4) and SimpleITK 2.5
# neither. The order of intensities in a 16-bit image and in its 8-bit copy is so the opposite in OpenCV and in
# Pillow. ImageJ writes images with an inverting lookup table like this, in both depths.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tifffile==2026.3.3 opencv-python-headless==5.0.0.93 pillow==13.0.0 numpy==2.4.6 \
    pyvips-binary==8.18.7 pyvips==3.2.0 rasterio==1.4.4 SimpleITK==2.5.7
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import cv2
import numpy as np
import pyvips
import rasterio
import SimpleITK
import tifffile
from PIL import Image

packages = ("tifffile", "opencv-python-headless", "pillow", "pyvips-binary", "rasterio", "SimpleITK")
print(*(f"{name} {version(name)}" for name in packages), sep="\n")
readers = {
    "OpenCV": lambda name: cv2.imread(name, cv2.IMREAD_UNCHANGED),
    "Pillow": lambda name: np.array(Image.open(name)),
    "libvips": lambda name: pyvips.Image.new_from_file(name).numpy(),
    "tifffile": tifffile.imread,
    "GDAL": lambda name: rasterio.open(name).read(1),
    "ITK": lambda name: SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(name)),
}
inverted = {}
for dtype in ("uint8", "uint16"):
    pixels = np.arange(200, dtype=dtype).reshape(10, 20)
    # Another name for each depth: libvips keeps what it has read by name.
    tifffile.imwrite(f"{dtype}.tif", pixels, photometric="miniswhite")
    for name, read in readers.items():
        image = read(f"{dtype}.tif")
        assert image.dtype == dtype
        inverted[name, dtype] = np.array_equal(image, np.iinfo(dtype).max - pixels)
        assert inverted[name, dtype] or np.array_equal(image, pixels)
for name in readers:
    print(f"{name}: 8 bits inverted: {inverted[name, 'uint8']}; 16 bits inverted: {inverted[name, 'uint16']}")
expected = {"OpenCV": (True, False), "Pillow": (True, False), "libvips": (True, True)}
for name in readers:
    assert (inverted[name, "uint8"], inverted[name, "uint16"]) == expected.get(name, (False, False)), f"changed: {name}"
PYTHON
