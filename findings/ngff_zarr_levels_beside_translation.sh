#!/usr/bin/env bash
# ngff-zarr: levels by five of its methods hold the pixels of another place than the translation beside them says.
#
# Guess before the run: whatever the method, a level of a ramp, whose value is its position, has at each pixel the
# value of the position that scale and translation in the metadata give.
# Seen (ngff-zarr 0.50.0): so it is with ITKWASM_GAUSSIAN, the default, and the three methods BIN_SHRINK. With
# ITKWASM_LABEL_IMAGE, the one for labels, ITK_GAUSSIAN, DASK_IMAGE_GAUSSIAN, DASK_IMAGE_MODE and DASK_IMAGE_NEAREST
# the metadata is the same, but the pixels are those around the first pixel of each block: half a pixel beside in the
# first level, one and a half in the second. Labels so lie beside their image when zoomed out.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "ngff-zarr[dask-image,itk]==0.50.0" dask-image==2026.5.0 dask==2026.8.0 \
    zarr==3.1.6 itkwasm-downsample==2.0.2 itk-filtering==5.4.7 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import ngff_zarr
import numpy as np

for name in ("ngff-zarr", "itkwasm-downsample", "itk-filtering", "dask-image"):
    print(name, version(name))
ramp = np.tile(np.arange(256, dtype=np.float32), (64, 1))
image = ngff_zarr.to_ngff_image(ramp, dims=["y", "x"])
beside = {}
for method in ngff_zarr.Methods:
    levels = ngff_zarr.to_multiscales(image, scale_factors=[2, 4], method=method).images
    beside[method.name] = []
    for level in levels[1:]:
        row = np.asarray(level.data)[level.data.shape[0] // 2]
        middle = len(row) // 2
        position = middle * level.scale["x"] + level.translation["x"]
        beside[method.name].append(round(float(row[middle]) - position, 3))
    print(f"{method.name:20} translation {[level.translation['x'] for level in levels]}, beside {beside[method.name]}")
for name, shifts in beside.items():
    right = name == "ITKWASM_GAUSSIAN" or name.endswith("BIN_SHRINK")
    assert shifts == ([0, 0] if right else [-0.5, -1.5]), f"changed: {name}"
PYTHON
