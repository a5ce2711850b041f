#!/usr/bin/env bash
# bioio-convert makes an OME-Zarr whose pixel sizes have no unit, whose time step is gone, and whose channel names
# ome-zarr-py cannot read.
#
# Guess: converting an OME-TIFF (0.1 um a pixel, 30 s a frame, channels DAPI and GFP) keeps pixel size, unit, time step
# and channel names for every reader of OME-Zarr.
# Seen (bioio-conversion 3.0.0, bioio-ome-tiff 1.4.0, bioio-ome-zarr 3.8.1): the numbers of the pixel size arrive, their
# unit does not; the scale of T is 1.0 instead of 30; the colour of each channel is "#FFFFFF" where NGFF wants six
# hexadecimal digits, so that ome-zarr-py (0.18.0), by which napari-ome-zarr reads, fails on it and drops all channel names.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet bioio-conversion==3.0.0 bioio==3.6.0 bioio-ome-tiff==1.4.0 bioio-ome-zarr==3.8.1 \
    ome-zarr==0.18.0 zarr==3.1.6 tifffile==2026.3.3
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import tifffile

metadata = {
    "axes": "TCYX",
    "PhysicalSizeX": 0.1,
    "PhysicalSizeXUnit": "µm",
    "PhysicalSizeY": 0.1,
    "PhysicalSizeYUnit": "µm",
    "TimeIncrement": 30.0,
    "TimeIncrementUnit": "s",
    "Channel": {"Name": ["DAPI", "GFP"]},
}
pixels = np.arange(3 * 2 * 64 * 64, dtype=np.uint16).reshape(3, 2, 64, 64)
tifffile.imwrite("cells.ome.tif", pixels, ome=True, photometric="minisblack", metadata=metadata)
PYTHON
"$folder/venv/bin/bioio-convert" cells.ome.tif --destination out >/dev/null 2>&1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import json
import logging
import sys
from importlib.metadata import version
from pathlib import Path

from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

logging.disable(logging.CRITICAL)
print(*(f"{name} {version(name)}" for name in ("bioio-conversion", "bioio-ome-tiff", "bioio-ome-zarr", "ome-zarr")))
(document,) = Path("out").glob("*/zarr.json")
ome = json.loads(document.read_text())["attributes"]["ome"]
axes = ome["multiscales"][0]["axes"]
scale = ome["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"]
units = {axis["name"]: axis.get("unit") for axis in axes}
sizes = dict(zip(units, scale, strict=True))
written = [(channel["label"], channel["color"]) for channel in ome["omero"]["channels"]]
node = next(iter(Reader(parse_url(str(document.parent)))()))
shown = node.metadata.get("channel_names")
print("scale:", sizes)
print("units:", units)
print("channels in the store:", written)
print("channel names by ome-zarr-py:", shown)
if sizes["x"] != 0.1:
    sys.exit("changed: the pixel size is another number")
if units["x"] is not None or sizes["t"] != 1.0:
    sys.exit("changed: the unit or the time step arrives")
if shown is not None or written[0] != ("DAPI", "#FFFFFF"):
    sys.exit("changed: ome-zarr-py shows the channel names")
print("as described: no unit, no time step, and ome-zarr-py shows no channel names")
PYTHON
