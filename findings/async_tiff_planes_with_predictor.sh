#!/usr/bin/env bash
# async-tiff shows tiles of a TIFF with separate planes and a predictor as other pixels.
#
# Guess before the run: PlanarConfiguration 2 and predictor 2 are undone as TIFF 6.0 section 14 says: where the samples of a
# pixel lie in planes of their own, the neighbour is one sample away, not SamplesPerPixel.
# Seen (async-tiff 0.7.2; tifffile 2026.3.3 writes and reads the files right): planes side by side are right with and without
# a predictor, planes apart without. With a predictor planes apart come out wrong, of integers and of floats.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet async-tiff==0.7.2 tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import asyncio
import os
from importlib.metadata import version

import numpy as np
import tifffile
from async_tiff import TIFF, DecoderRegistry
from async_tiff.store import LocalStore

print("async-tiff", version("async-tiff"), "tifffile", version("tifffile"))


async def first_tile():
    tiff = await TIFF.open("a.tif", store=LocalStore(os.getcwd()))
    tile = await tiff.fetch_tile(0, 0, 0)
    return np.asarray(tile.decode_sync(DecoderRegistry()))


wrong = set()
for dtype in ("uint8", "uint16", "float32"):
    for planar in ("contig", "separate"):
        for predictor in (False, True):
            shape = (3, 32, 48) if planar == "separate" else (32, 48, 3)
            pixels = np.arange(3 * 32 * 48).reshape(shape).astype(dtype)
            tifffile.imwrite(
                "a.tif", pixels, photometric="rgb", planarconfig=planar, compression="zlib", predictor=predictor,
                tile=(16, 16), metadata=None,
            )
            assert np.array_equal(tifffile.imread("a.tif"), pixels)
            expected = pixels[:, :16, :16] if planar == "separate" else pixels[:16, :16]
            found = asyncio.run(first_tile())
            if not np.array_equal(found, expected):
                wrong.add((dtype, planar, predictor))
                row = 0, 0
                print(dtype, planar, "first row:", expected[row][:6].tolist(), "becomes", found[row][:6].tolist())
print("wrong:", sorted(wrong))
assert wrong == {(dtype, "separate", True) for dtype in ("uint8", "uint16", "float32")}, "changed"
PYTHON
