#!/usr/bin/env bash
# Pillow resizes a big-endian 16-bit TIFF to other pixels than a little-endian one of the same image.
#
# Guess before the run: open(...).resize(...) does not depend on the byte order of the file.
# Seen (pillow 13.0.0): the pixels that are read are equal, and so are those of rotate. resize of the big-endian image, whose
# mode is I;16B, returns other numbers for each filter but NEAREST, up to sixteen times too bright, without an error.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import PIL
import tifffile
from PIL import Image

print("pillow", PIL.__version__)
image = (np.arange(64 * 64, dtype=np.uint16) * 10).reshape(64, 64)
for name, order in (("little.tif", "<"), ("big.tif", ">")):
    tifffile.imwrite(name, image, byteorder=order, photometric="minisblack")
little, big = Image.open("little.tif"), Image.open("big.tif")
print("modes", little.mode, big.mode)
assert np.array_equal(np.asarray(little), image) and np.array_equal(np.asarray(big), image)
assert np.array_equal(np.asarray(little.rotate(90)), np.asarray(big.rotate(90)))
wrong = []
for kind in Image.Resampling:
    one, other = (np.asarray(each.resize((8, 8), kind)).astype(int) for each in (little, big))
    print(f"{kind.name}: first pixels {one[0, :3]} and {other[0, :3]}")
    if not np.array_equal(one, other):
        wrong.append(kind.name)
every = [kind.name for kind in Image.Resampling if kind is not Image.Resampling.NEAREST]
assert wrong == [name for name in wrong if name in every] and len(wrong) == len(every), f"changed: {wrong}"
PYTHON
