#!/usr/bin/env bash
# BioImage.save makes a pixel of 100 nm one of 100 µm: it copies the number and leaves the unit away, which in OME-TIFF
# means micrometres.
#
# Guess before the run: physical_pixel_sizes are micrometres whatever the file's unit is (bioio-tifffile converts ImageJ's
# nanometres), or save writes the unit.
# Seen (bioio 3.6.0, bioio-ome-tiff 1.4.0, bioio-ome-zarr 3.8.1): OME-TIFF and OME-Zarr with nanometres give 100.0, and a
# saved OME-TIFF has PhysicalSizeX="100.0" without a unit. From OME-TIFF the unit is lost while reading too
# (dimension_properties has none), and TimeIncrement="500" in ms gives no time interval.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet bioio==3.6.0 bioio-ome-tiff==1.4.0 bioio-ome-zarr==3.8.1 bioio-tifffile==1.3.1 \
    tifffile==2026.3.3 zarr==3.1.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - 2> errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
import re
from importlib.metadata import version

import bioio_ome_tiff
import bioio_ome_zarr
import bioio_tifffile
import numpy as np
import tifffile
import zarr
from bioio import BioImage

for package in ("bioio", "bioio-ome-tiff", "bioio-ome-zarr", "bioio-tifffile"):
    print(package, version(package))
pixels = np.zeros((2, 3, 32, 32), np.uint16)
stated = {"axes": "TCYX", "TimeIncrement": 500.0, "TimeIncrementUnit": "ms"}
for axis in "XY":
    stated |= {f"PhysicalSize{axis}": 100.0, f"PhysicalSize{axis}Unit": "nm"}
tifffile.imwrite("nm.ome.tif", pixels, ome=True, metadata=stated)
tifffile.imwrite("nm.tif", pixels[0], imagej=True, resolution=(0.01, 0.01), metadata={"axes": "CYX", "unit": "nm"})
group = zarr.open_group("nm.zarr", mode="w", zarr_format=3)
group.create_array("0", data=pixels)
spaces = [{"name": name, "type": "space", "unit": "nanometer"} for name in "yx"]
axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *spaces]
scale = {"type": "scale", "scale": [1.0, 1.0, 100.0, 100.0]}
level = {"path": "0", "coordinateTransformations": [scale]}
group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [level]}]}

readers = {"nm.ome.tif": bioio_ome_tiff, "nm.zarr": bioio_ome_zarr, "nm.tif": bioio_tifffile}
saved = {}
for name, module in readers.items():
    image = BioImage(name, reader=module.Reader)
    image.save("saved.ome.tif")
    text = tifffile.TiffFile("saved.ome.tif").ome_metadata
    saved[name] = re.findall(r'PhysicalSizeX[A-Za-z]*="[^"]*"', text)
    print(f"{name:11} physical_pixel_sizes.X {image.physical_pixel_sizes.X}, saved: {saved[name]}")
    if name == "nm.ome.tif":
        print(f"{name:11} time_interval {image.time_interval}")
        assert image.time_interval is None, "changed: the time interval is read"
assert saved["nm.ome.tif"] == saved["nm.zarr"] == ['PhysicalSizeX="100.0"'], "changed: the size is right"
assert saved["nm.tif"] == ['PhysicalSizeX="0.1"'], "changed: the size from ImageJ's TIFF"
PYTHON
