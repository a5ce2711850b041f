#!/usr/bin/env bash
# ome-zarr-py drops channel names without a word, if they are given to write_image as write_multiscale wants them, or
# the other way round.
#
# Guess: both functions take **metadata and describe it in nearly the same words, so the same keyword sets the channel
# names and colours in both; one that a function does not know raises.
# Seen (ome-zarr 0.18.0, the newest for Python 3.11): write_multiscale keeps metadata={"omero": ...} and drops
# omero=...; write_image keeps omero=... and drops metadata={"omero": ...}. What is dropped raises nothing and warns
# of nothing. In 0.21.0, on Python 3.13, write_image drops metadata= likewise, and raises TypeError for omero= with a
# dict, of which its documentation speaks.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ome-zarr==0.18.0 zarr==3.1.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

import numpy as np
import zarr
from ome_zarr.writer import write_image, write_multiscale

pixels = np.zeros((2, 64, 64), np.uint16)
window = {"min": 0, "max": 65535, "start": 0, "end": 4095}


def kept(function, first, how):
    channels = [{"label": name, "color": "00FF00", "active": True, "window": window} for name in ("DAPI", "GFP")]
    omero = {"channels": channels}
    options = {"omero": omero} if how == "omero=" else {"metadata": {"omero": omero}}
    path = f"{sys.argv[1]}/{function.__name__}-{how}.ome.zarr"
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        function(first, path, axes="cyx", **options)
    told = [str(one.message) for one in seen if "omero" in str(one.message) or "metadata" in str(one.message)]
    shown = zarr.open_group(path, mode="r").attrs["ome"].get("omero", {}).get("channels", [])
    names = [channel["label"] for channel in shown]
    print(f"{function.__name__:17}{how:10} channel names in the store: {names}, warnings of it: {told}")
    return names, told


print("ome-zarr", version("ome-zarr"), "zarr", version("zarr"))
names = ["DAPI", "GFP"]
expected = {
    ("write_multiscale", "metadata="): names,
    ("write_multiscale", "omero="): [],
    ("write_image", "metadata="): [],
    ("write_image", "omero="): names,
}
found = {
    (function.__name__, how): kept(function, first, how)
    for function, first in ((write_multiscale, [pixels]), (write_image, pixels))
    for how in ("metadata=", "omero=")
}
if {key: names for key, (names, _) in found.items()} != expected:
    sys.exit("changed: other names are kept")
if any(told for _, told in found.values()):
    sys.exit("changed: what is dropped is warned of")
print("as described: each function drops the keyword of the other, and nothing is raised")
PYTHON
