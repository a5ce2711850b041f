#!/usr/bin/env bash
# Lossless JPEG 2000 is not lossless for integers above 24 bits: imagecodecs and tifffile write other values than they
# were given, without an error. Lossless JPEG XR of floats rounds them.
#
# Guess before the run: both codecs keep every value with their default settings (reversible), as they do for 16 bits, or
# refuse the type. JPEG 2000 (ISO/IEC 15444-1) permits 38 bits; float32 is a pixel format of JPEG XR.
# Seen (imagecodecs 2026.3.6 and 2026.10.10 with OpenJPEG 2.5.4): 32-bit integers are exact up to 2**24 and wrong in a
# tenth of the pixels below 2**25, in all below 2**31: errors of a whole range, not of rounding. Labels that pack an identifier
# into high bits are lost. JPEG XR keeps float32 within one part in 16 000.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import imagecodecs
import numpy as np
import tifffile

versions = [word for word in imagecodecs.version().split(", ") if word.startswith(("openjpeg", "jxrlib"))]
print("imagecodecs", imagecodecs.__version__, *versions, "tifffile", tifffile.__version__)
random = np.random.default_rng(0)
wrong = {}
for bits in (16, 24, 25, 28, 31, 32):
    pixels = random.integers(0, 2**bits, (64, 64), dtype=np.uint32)
    encoded = imagecodecs.jpeg2k_encode(pixels, reversible=True)
    decoded = imagecodecs.jpeg2k_decode(encoded)
    assert decoded.dtype == pixels.dtype
    tifffile.imwrite("one.tif", pixels, compression="jpeg2000")
    assert np.array_equal(tifffile.imread("one.tif"), decoded), "changed: tifffile differs from imagecodecs"
    wrong[bits] = float((decoded != pixels).mean())
    largest = int(np.abs(decoded.astype(np.int64) - pixels.astype(np.int64)).max())
    print(f"values below 2**{bits}: {wrong[bits]:.1%} of the pixels are wrong, by up to {largest}")
floats = random.normal(0, 1000, (64, 64)).astype(np.float32)
tifffile.imwrite("floats.tif", floats, compression="jpegxr")
loss = float(np.max(np.abs(tifffile.imread("floats.tif") - floats) / np.abs(floats)))
print(f"JPEG XR of float32: largest relative error {loss:.2g}")
assert wrong[16] == wrong[24] == 0
assert wrong[25] > 0.1 and wrong[31] > 0.99, "changed: JPEG 2000 keeps more bits"
assert 1e-5 < loss < 1e-3, "changed: JPEG XR of float32"
PYTHON
