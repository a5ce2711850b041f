#!/usr/bin/env bash
# The wheel of libvips opens TIFFs whose compression it lacks, and shows them black.
#
# Guess before the run: pyvips with pyvips-binary raises an error for a TIFF of a compression that its libtiff was built
# without.
# Seen (pyvips 3.2.0, pyvips-binary 8.18.7): ZSTD, LZMA, LERC, JPEG XL and JPEG 2000 give an image of the right size and
# type that is zero everywhere. OME-TIFF of Zstandard is common. fail_on="error" makes an error of it.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyvips==3.2.0 pyvips-binary==8.18.7 tifffile==2026.3.3 imagecodecs==2026.3.6 \
    numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - 2> warnings.txt <<'PYTHON' || { cat warnings.txt; exit 1; }
from importlib.metadata import version

import numpy as np
import pyvips
import tifffile

print("pyvips", version("pyvips"), "libvips", *(pyvips.version(part) for part in range(3)))
pixels = np.arange(1, 1 + 64 * 64, dtype=np.uint16).reshape(64, 64)
shown = {}
for name in ("none", "deflate", "lzw", "zstd", "lzma", "lerc", "jpegxl", "jpeg2000"):
    # One name for each: libvips remembers the images that it opened by their names.
    path = f"{name}.tif"
    tifffile.imwrite(path, pixels, compression=None if name == "none" else name, metadata=None)
    read = pyvips.Image.new_from_file(path).numpy()
    assert read.shape == pixels.shape and read.dtype == pixels.dtype
    shown[name] = "right" if np.array_equal(read, pixels) else "black" if not read.any() else "other"
    print(f"{name:9} {shown[name]}")
    if shown[name] == "black":
        try:
            pyvips.Image.new_from_file(path, fail_on="error").numpy()
        except pyvips.Error:
            continue
        raise SystemExit("changed: fail_on raises nothing")
right = dict.fromkeys(("none", "deflate", "lzw"), "right")
assert shown == right | dict.fromkeys(("zstd", "lzma", "lerc", "jpegxl", "jpeg2000"), "black"), "changed"
PYTHON
