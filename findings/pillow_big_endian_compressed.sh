#!/usr/bin/env bash
# Pillow 13 swaps the bytes of compressed big-endian TIFFs once too often, unless they are unsigned 16 bit: floats and
# signed integers come out as noise, without an error. Big-endian is what Bio-Formats writes unless it is asked for little.
#
# Guess before the run: what Pillow opens at all of big-endian TIFFs has the right values, since uncompressed ones have.
# Seen: int16, int32 and float32 with LZW or Deflate, with and without a predictor, have the bytes of each value reversed.
# libtiff, which Pillow uses for compressed data, returns them in the order of the machine already.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import PIL
import tifffile
from PIL import Image, features

if sys.byteorder != "little":
    sys.exit("needs a little-endian machine")
print("pillow", PIL.__version__, "libtiff", features.version("libtiff"), "tifffile", tifffile.__version__)
random = np.random.default_rng(0)
expected = {}
for name in ("uint16", "int16", "int32", "float32"):
    pixels = random.normal(0, 1000, (16, 16)).astype(name)
    for byte_order in "<>":
        for compression in (None, "lzw", "zlib"):
            tifffile.imwrite("one.tif", pixels, byteorder=byte_order, compression=compression, metadata=None)
            assert np.array_equal(tifffile.imread("one.tif"), pixels)
            with Image.open("one.tif") as image:
                shown = np.asarray(image)
            wrong = not np.array_equal(shown, pixels)
            if wrong:
                swapped = pixels.byteswap()
                assert np.array_equal(shown, swapped, equal_nan=name == "float32"), "changed: not the swapped bytes"
                print(f"{name:8} byte order {byte_order} {compression}: {pixels[0, 0]} is shown as {shown[0, 0]}")
            expected[name, byte_order, compression] = wrong
wrong = {key for key, value in expected.items() if value}
as_described = {(name, ">", codec) for name in ("int16", "int32", "float32") for codec in ("lzw", "zlib")}
assert wrong == as_described, f"changed: {wrong ^ as_described}"
PYTHON
