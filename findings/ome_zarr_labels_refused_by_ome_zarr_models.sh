#!/usr/bin/env bash
# ome-zarr-py writes labels that ome-zarr-models, on which it is built, refuses together with their image.
#
# Guess: a store that ome-zarr-py writes by its own functions is accepted by ome-zarr-models, which ome-zarr-py
# requires and takes its own metadata classes from.
# Seen (ome-zarr 0.18.0 with ome-zarr-models 1.7, the newest for Python 3.11; 0.21.0 with 1.8.1 on 3.13 as well):
# write_image alone is accepted. After write_labels the document labels/zarr.json holds {"ome": {"labels": [...]}}
# without the "version" that NGFF 0.5 requires beside it, and open_ome_zarr refuses the whole image.
# yaozarrs and ngff-zarr accept the store.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ome-zarr==0.18.0 ome-zarr-models==1.7 zarr==3.1.6
"$folder/venv/bin/python" -W ignore - "$folder" <<'PYTHON'
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import ome_zarr_models
import zarr
from ome_zarr.writer import write_image, write_labels

path = Path(sys.argv[1]) / "cells.ome.zarr"


def verdict():
    try:
        model = ome_zarr_models.open_ome_zarr(zarr.open_group(path, mode="r"))
    except Exception as error:
        lines = str(error).splitlines()
        return next((f"refused: {one.strip()}" for one in lines if "LabelsAttrs" in one), f"refused: {lines[0]}")
    return f"accepted as {type(model).__module__}.{type(model).__name__}"


print("ome-zarr", version("ome-zarr"), "ome-zarr-models", version("ome-zarr-models"), "zarr", version("zarr"))
write_image(np.zeros((64, 64), np.uint16), str(path), axes="yx", scale_factors=[2])
before = verdict()
print("image alone:      ", before)
write_labels(np.ones((64, 64), np.uint32), str(path), "nuclei", axes="yx")
after = verdict()
print("image with labels:", after)
attributes = json.loads((path / "labels" / "zarr.json").read_text())["attributes"]
print("labels/zarr.json: ", attributes)
if not before.startswith("accepted"):
    sys.exit("changed: the image alone is refused")
if not after.startswith("refused") or "version" in attributes["ome"]:
    sys.exit("changed: the image with labels is accepted")
print("as described: the store of ome-zarr-py is refused by ome-zarr-models")
PYTHON
