#!/usr/bin/env bash
# zarrita.js, the Zarr reader of Viv and Vizarr, shows shards whose index stands at the start as empty, and large fill
# values as 0.
#
# Guess before the run: index_location "start" is read or refused, and a chunk of a uint64 array that was never
# written holds its fill value.
# Seen (zarrita 0.7.5; zarr 3.1.6 writes and reads the arrays): the index is looked for at the end whatever the
# metadata says. With chunks that are not compressed the array is 0 everywhere, without an error; with zstd there is
# an error about zstd. A fill value of 2**64 - 1, by which label images mark what is not known, is read as 0, and
# 2**53 + 1 as 2**53: numbers of JSON are floats in JavaScript. Stored values of uint64 are exact.
#
# Needs Node.js 18. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet zarr==3.1.6 numpy==2.4.6
cd "$folder"
npm install --silent --no-audit --no-fund zarrita@0.7.5
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import zarr
from zarr.codecs import BytesCodec, ShardingCodec

print("zarr", version("zarr"))
pixels = np.arange(1, 257, dtype=np.uint16).reshape(16, 16)
for location in ("start", "end"):
    shards = ShardingCodec(chunk_shape=(4, 4), codecs=[BytesCodec()], index_location=location)
    array = zarr.create(store=location, shape=(16, 16), chunks=(8, 8), dtype="uint16", codecs=[shards], zarr_format=3)
    array[...] = pixels
    assert np.array_equal(zarr.open_array(location)[...], pixels)
for name, fill in (("largest", 2**64 - 1), ("above", 2**53 + 1)):
    array = zarr.create_array(name, shape=(4,), chunks=(2,), dtype="uint64", fill_value=fill, compressors=None)
    array[:2] = [fill, 5]
    assert zarr.open_array(name)[...].tolist() == [fill, 5, fill, fill]
PYTHON
cat > read.mjs <<'JAVASCRIPT'
import { readFileSync } from "node:fs";
import * as zarr from "zarrita";

console.log("zarrita", JSON.parse(readFileSync("node_modules/zarrita/package.json")).version);
class Folder {
  constructor(path) { this.path = path; }
  async get(key) {
    try { return new Uint8Array(readFileSync(this.path + key)); } catch { return undefined; }
  }
  async getRange(key, range) {
    const bytes = await this.get(key);
    if (bytes === undefined) return undefined;
    if ("suffixLength" in range) return bytes.slice(bytes.length - range.suffixLength);
    return bytes.slice(range.offset, range.offset + range.length);
  }
}
async function read(name) {
  const array = await zarr.open(new Folder(name), { kind: "array" });
  return Array.from((await zarr.get(array)).data, String);
}
const start = await read("start");
const end = await read("end");
const isEmpty = start.every((value) => value === "0");
console.log(`index at the start: first pixels ${start.slice(0, 4)}; all are 0: ${isEmpty}`);
console.log(`index at the end: first pixels ${end.slice(0, 4)}`);
const largest = await read("largest");
const above = await read("above");
console.log(`2**64 - 1, stored and as fill value: ${largest[0]} ${largest[3]}`);
console.log(`2**53 + 1, stored and as fill value: ${above[0]} ${above[3]}`);
const described = isEmpty && end.every((value, index) => value === String(index + 1))
  && largest.join() === "18446744073709551615,5,0,0"
  && above.join() === "9007199254740993,5,9007199254740992,9007199254740992";
if (!described) throw new Error("changed");
JAVASCRIPT
node read.mjs
