#!/usr/bin/env bash
# pillow shows other pixels of an animated PNG when its frames are read one after the other than when a
# frame is sought at once.
#
# Guess: Image.seek(n) gives frame n, whatever was read before. PNG specification (third edition, 11.3.6.2):
# dispose_op 2 restores the region of a frame to its previous contents before the next frame.
# Seen (pillow 13.0.0; dispose_op 2 with blend_op 1, "over"): read in order, a frame keeps the pixels of
# those before it; sought at once it does not, as the specification has it. imageio's pillow plug-in reads
# in order.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 numpy
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import numpy as np
import PIL
from PIL import Image

frames = []
for index in range(5):
    pixels = np.zeros((40, 50, 4), np.uint8)
    pixels[5 * index : 5 * index + 5, 5 * index : 5 * index + 5] = 255  # one opaque square each
    frames.append(Image.fromarray(pixels))
file = io.BytesIO()
frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], disposal=2, blend=1)


def opaque_pixels(image):
    return int((np.asarray(image)[..., 3] > 0).sum())


in_order, image = [], Image.open(io.BytesIO(file.getvalue()))
for index in range(5):
    image.seek(index)
    in_order.append(opaque_pixels(image))
at_once = []
for index in range(5):
    image = Image.open(io.BytesIO(file.getvalue()))
    image.seek(index)
    at_once.append(opaque_pixels(image))
print("pillow", PIL.__version__)
print("opaque pixels of each frame, read in order: ", in_order)
print("opaque pixels of each frame, sought at once:", at_once)
if in_order == at_once:
    sys.exit("changed: both ways agree")
if at_once != [25] * 5:
    sys.exit("changed: frames that are sought show something else than one square of 5 x 5")
print("as described: read in order, squares of earlier frames stay")
PYTHON
