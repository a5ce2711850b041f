#!/usr/bin/env bash
# A JPEG XR image with alpha, written by jxrlib: the container states more bytes of the alpha plane than the file has.
#
# Guess before the run: ALPHA_BYTE_COUNT (tag BCC3, ITU-T T.832, annex A) is the length of the alpha plane, as IMAGE_BYTE_COUNT
# (BCC1) is that of the image: offset and count together end at the end of the file.
# Seen (imagecodecs 2026.3.6): the count of the alpha plane is the length of the whole file, so its end lies beyond the file by
# the offset of the plane. A reader that checks counts against the file takes each such image for a cut one.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imagecodecs==2026.3.6 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import imagecodecs
import numpy as np

print("imagecodecs", imagecodecs.__version__, imagecodecs.jpegxr_version())
pixels = np.random.default_rng(0).integers(0, 256, (31, 48, 4)).astype(np.uint8)
data = imagecodecs.jpegxr_encode(pixels)
np.testing.assert_array_equal(imagecodecs.jpegxr_decode(data), pixels)
directory = int.from_bytes(data[4:8], "little")
values = {}
for entry in range(directory + 2, directory + 2 + 12 * int.from_bytes(data[directory : directory + 2], "little"), 12):
    values[int.from_bytes(data[entry : entry + 2], "little")] = int.from_bytes(data[entry + 8 : entry + 12], "little")
image, alpha = values[0xBCC0] + values[0xBCC1], values[0xBCC2] + values[0xBCC3]
print(f"image ends at {image}, alpha begins at {values[0xBCC2]} and ends at {alpha}, the file at {len(data)}")
assert image <= values[0xBCC2], "changed: the image"
assert values[0xBCC3] == len(data), "changed: the alpha plane"
PYTHON
