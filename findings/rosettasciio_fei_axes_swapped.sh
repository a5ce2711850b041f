#!/usr/bin/env bash
# RosettaSciIO (the reader of HyperSpy) gives the pixel width of an FEI TIFF to the axis of rows, and the
# pixel height to the axis of columns.
#
# Guess: PixelWidth of the section [Scan] is the scale of the axis "width", PixelHeight that of "height".
# Seen (rosettasciio 0.15.0): the other way round, without a warning. Images whose pixels are not square
# (tilt correction of a scanning microscope) are stretched along the wrong axis.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rosettasciio==0.15.0 tifffile==2026.3.3 numpy
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import tifffile
from rsciio.tiff import file_reader

settings = b"[Beam]\r\nBeam=EBeam\r\nScan=EScan\r\n[Scan]\r\nPixelWidth=1e-9\r\nPixelHeight=2e-9\r\n"
tags = [(34682, 7, len(settings), settings, True)]
tifffile.imwrite("fei.tif", np.zeros((32, 40), np.uint8), metadata=None, extratags=tags)
axes = {axis["name"]: (axis["size"], axis["scale"], axis["units"]) for axis in file_reader("fei.tif")[0]["axes"]}
print("rosettasciio", version("rosettasciio"), "tifffile", version("tifffile"))
print("PixelWidth=1e-9, PixelHeight=2e-9, 40 columns, 32 rows:", axes)
if axes["width"][1] == 1e-9 and axes["height"][1] == 2e-9:
    sys.exit("changed: each axis has its own size")
if (axes["width"][:2], axes["height"][:2]) != ((40, 2e-9), (32, 1e-9)):
    sys.exit("changed: the axes have other sizes")
print("as described: the 40 columns have the height of a pixel, the 32 rows its width")
PYTHON
