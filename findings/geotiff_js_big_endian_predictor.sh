#!/usr/bin/env bash
# geotiff.js, the TIFF reader of Viv and Avivator, shows big-endian TIFFs with a predictor and 12-bit RGB as other
# pixels.
#
# Guess before the run: a predictor is undone right in both byte orders, and samples of 12 bits are unpacked for RGB
# as they are for grey images.
# Seen (geotiff 3.0.5; tifffile 2026.3.3 writes and reads the files): the differences of predictor 2 are added in the
# byte order of the machine, so that of 16-bit and 32-bit big-endian images only the first pixel in each row of a tile
# is sure to be right; the floats of predictor 3 come out as other numbers. In 12-bit RGB two of three samples are
# wrong. There is no error. Little-endian files with predictors, big-endian files without one and 12-bit grey images
# are right.
#
# Needs Node.js 18. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tifffile==2026.3.3 imagecodecs==2026.3.6 numpy==2.4.6
cd "$folder"
npm install --silent --no-audit --no-fund geotiff@3.0.5
"$folder/venv/bin/python" - <<'PYTHON'
import json
from importlib.metadata import version

import numpy as np
import tifffile

print("tifffile", version("tifffile"))
random = np.random.default_rng(1)
integers = random.integers(0, 1000, (40, 51))
tiled = {"tile": (16, 16), "compression": "zlib", "photometric": "minisblack"}
packed = {"bitspersample": 12, "byteorder": "<"}
cases = {}
for order, name in (("<", "little"), (">", "big")):
    for dtype in ("uint16", "uint32", "float32"):
        pixels = integers.astype(dtype)
        for predictor in (False, True):
            options = {**tiled, "byteorder": order, "predictor": predictor}
            cases[f"{name}-endian {dtype}{' predictor' * predictor}"] = (pixels, options)
grey = random.integers(0, 4096, (40, 51), dtype=np.uint16)
cases["12-bit grey"] = (grey, {**packed, "photometric": "minisblack"})
cases["12-bit RGB"] = (np.stack([grey, grey, grey], -1), {**packed, "photometric": "rgb"})
for name, (pixels, options) in cases.items():
    tifffile.imwrite(f"{name}.tif", pixels, **options)
    assert np.array_equal(tifffile.imread(f"{name}.tif"), pixels)
with open("pixels.json", "w") as file:
    json.dump({name: pixels.ravel().tolist() for name, (pixels, _) in cases.items()}, file)
PYTHON
cat > read.mjs <<'JAVASCRIPT'
import { readFileSync } from "node:fs";
import { fromArrayBuffer } from "geotiff";

console.log("geotiff", JSON.parse(readFileSync("node_modules/geotiff/package.json")).version);
let asDescribed = true;
for (const [name, pixels] of Object.entries(JSON.parse(readFileSync("pixels.json")))) {
  const bytes = new Uint8Array(readFileSync(`${name}.tif`));
  const tiff = await fromArrayBuffer(bytes.buffer);
  const read = await (await tiff.getImage()).readRasters({ interleave: true });
  const wrong = pixels.filter((value, index) => value !== read[index]).length;
  console.log(`${name}: ${wrong} of ${pixels.length} samples wrong`);
  const expected = name.startsWith("big-endian") && name.endsWith("predictor") || name === "12-bit RGB";
  asDescribed &&= (wrong > pixels.length / 2) === expected && (expected || wrong === 0);
}
if (!asDescribed) throw new Error("changed");
JAVASCRIPT
node read.mjs
