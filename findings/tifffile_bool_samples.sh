#!/usr/bin/env bash
# tifffile writes booleans with several samples a pixel, and reads other booleans back, without an error.
#
# Guess before the run: a boolean image that tifffile writes without loss is the one that it reads again, whatever its
# number of samples, as it is for uint8.
# Seen, tifffile 2026.3.3: one sample a pixel comes back as it was; three or four samples side by side (planarconfig
# "contig") do not, in strips as in tiles, raw as compressed: about half of the values differ. In separate planes they
# come back.
#
# Needs Python 3.11 or later. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.6 tifffile==2026.3.3 imagecodecs==2026.3.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import tifffile

print("tifffile", tifffile.__version__)
pixels = np.random.default_rng(0).random((33, 24, 4)) < 0.5


def differing(written, **options):
    """Share of the values that come back as others."""
    tifffile.imwrite("a.tif", written, metadata=None, **options)
    read = tifffile.imread("a.tif")
    assert read.shape == written.shape and read.dtype == bool
    return float((read != written).mean())


for storage in ({}, {"tile": (16, 16)}, {"compression": "deflate"}, {"tile": (16, 16), "compression": "lzw"}):
    one = differing(pixels[..., 0], photometric="minisblack", **storage)
    beside = [
        differing(np.ascontiguousarray(pixels[..., :count]), photometric="rgb", planarconfig="contig", **storage)
        for count in (3, 4)
    ]
    apart = differing(
        np.ascontiguousarray(pixels[..., :3].transpose(2, 0, 1)), photometric="rgb", planarconfig="separate", **storage
    )
    print(storage, "one sample:", one, "side by side:", beside, "apart:", apart)
    assert one == 0 and apart == 0, "changed: one sample, or planes"
    assert all(share > 0.3 for share in beside), "changed: samples side by side come back"
PYTHON
