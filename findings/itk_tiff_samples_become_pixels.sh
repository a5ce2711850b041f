#!/usr/bin/env bash
# SimpleITK takes the channels of a TIFF that are stored side by side for neighbouring pixels, and tiles for 8-bit
# colour.
#
# Guess before the run: an image of three channels comes back as three channels or is refused, and tiles read like
# strips.
# Seen (SimpleITK 2.5.7; tifffile 2026.3.3 writes and reads the files): 16-bit channels side by side that are not
# declared as RGB (PhotometricInterpretation BlackIsZero, SamplesPerPixel 2 to 5) come back as one image of the right
# width whose rows hold the channels in turn, 1 2 3 1 2 3, cut off at the width. There is no error and no warning. The
# same 16-bit image in tiles instead of strips comes back as RGBA of 8 bits, each value divided by 256, with a warning
# on standard error; floats in tiles are refused. Multichannel TIFFs of confocal and slide scanners are stored so.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet SimpleITK==2.5.7 tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import SimpleITK
import tifffile

for name in ("SimpleITK", "tifffile"):
    print(name, version(name))


def read(pixels, **options):
    tifffile.imwrite("a.tif", pixels, photometric="minisblack", **options)
    assert np.array_equal(tifffile.imread("a.tif"), pixels)
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage("a.tif"))


for count in (2, 3, 5):
    channels = np.broadcast_to(np.arange(1, count + 1, dtype=np.uint16), (32, 32, count))
    image = read(channels, planarconfig="contig")
    print(f"{count} channels: {image.shape} {image.dtype}, begins with {image.ravel()[:6].tolist()}")
    turns = np.resize(np.arange(1, count + 1), 32)
    assert image.shape == (32, 32) and image[0].tolist() == turns.tolist(), "changed"

pixels = np.arange(4096, dtype=np.uint16).reshape(64, 64)
strips, tiles = read(pixels), read(pixels, tile=(16, 16))
print(f"strips: {strips.shape} {strips.dtype}, largest value {strips.max()}")
print(f"tiles: {tiles.shape} {tiles.dtype}, largest value {tiles[..., 0].max()}")
assert np.array_equal(strips, pixels), "changed"
assert tiles.shape == (64, 64, 4) and tiles.dtype == np.uint8, "changed"
assert np.array_equal(tiles[..., 0], pixels >> 8), "changed"
PYTHON
