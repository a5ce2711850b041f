#!/usr/bin/env bash
# RosettaSciIO gives the time axis of an ImageJ hyperstack the distance of its sections, and never the frame interval.
#
# Guess before the run: T has the frame interval, Z the spacing, as ImageJ wrote them.
# Seen (RosettaSciIO 0.15.0, tifffile 2026.3.3): with spacing=3 micron and finterval=0.5 s both T and Z have the scale 3; the
# T of a stack without Z has the scale 1. ImageJ (FileSaver, FileOpener) writes spacing for Z and finterval for T, and
# tifffile reads the two numbers from the file.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'rosettasciio[tiff]==0.15.0' tifffile==2026.3.3 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import tifffile
from rsciio.tiff import file_reader

print("RosettaSciIO", version("rosettasciio"), "tifffile", version("tifffile"))


def scales(axes, shape, **stated):
    metadata = {"axes": axes, "unit": "micron", **stated}
    tifffile.imwrite("a.tif", np.zeros(shape, np.uint16), imagej=True, resolution=(2, 4), metadata=metadata)
    with tifffile.TiffFile("a.tif") as tif:
        print("in the file:", {key: tif.imagej_metadata.get(key) for key in ("spacing", "finterval")})
    (signal,) = file_reader("a.tif")
    found = {axis["name"]: float(axis["scale"]) for axis in signal["axes"]}
    print(axes, "read:", found)
    return found


both = scales("TZYX", (2, 3, 20, 30), spacing=3.0, finterval=0.5)
assert (both["time"], both["depth"], both["height"], both["width"]) == (3.0, 3.0, 0.25, 0.5), "changed: TZYX"
alone = scales("TYX", (4, 20, 30), finterval=2.0)
assert alone["time"] == 1.0, "changed: TYX"
PYTHON
