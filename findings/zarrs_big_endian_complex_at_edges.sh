#!/usr/bin/env bash
# zarrs, the Rust pipeline for zarr-python, exchanges real and imaginary parts of big-endian numbers in chunks at the edge.
#
# Guess before the run: ZarrsCodecPipeline returns what zarr-python's own pipeline returns, or falls back to it.
# Seen (zarrs 0.2.3, zarr 3.4.2): an array of 3 x 5 complex numbers in chunks of 2 x 3, stored big-endian, such as the phase
# of a hologram: in whole chunks they are right, in chunks that the array does not fill their real and imaginary parts are
# exchanged. Real numbers are right, and so are reads with a step, which go to zarr-python: w[:][::2] and w[::2] differ.
#
# Needs Python 3.12. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet zarrs==0.2.3 zarr==3.4.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import zarr
import zarrs  # noqa: F401 - brings the pipeline
from zarr.codecs import BytesCodec

print("zarrs", version("zarrs"), "zarr", version("zarr"))
PIPELINES = {"zarr": "zarr.core.codec_pipeline.BatchedCodecPipeline", "zarrs": "zarrs.ZarrsCodecPipeline"}
right = {}
for dtype in ("complex64", "complex128", "float32", "uint16"):
    for endian in ("little", "big"):
        for shape in ((4, 6), (3, 5)):
            index = np.arange(shape[0] * shape[1]).reshape(shape)
            pixels = (index + (1j * (index + 100) if dtype.startswith("complex") else 0)).astype(dtype)
            zarr.config.set({"codec_pipeline.path": PIPELINES["zarr"]})
            path = f"{dtype}-{endian}-{shape[0]}.zarr"
            stored = zarr.create_array(
                path, shape=shape, chunks=(2, 3), dtype=dtype, serializer=BytesCodec(endian=endian), compressors=None
            )
            stored[:] = pixels
            assert np.array_equal(stored[:], pixels)
            zarr.config.set({"codec_pipeline.path": PIPELINES["zarrs"]})
            again = zarr.open_array(path)
            found = again[:]
            assert np.array_equal(again[::2], pixels[::2]), "changed: reads with a step"
            right[dtype, endian, shape] = np.array_equal(found, pixels)
            if not right[dtype, endian, shape]:
                place = tuple(np.argwhere(found != pixels)[0])
                print(dtype, endian, shape, f"at {tuple(map(int, place))}: {pixels[place]} becomes {found[place]}")
wrong = [key for key, value in right.items() if not value]
assert wrong == [("complex64", "big", (3, 5)), ("complex128", "big", (3, 5))], f"changed: {wrong}"
PYTHON
