#!/usr/bin/env bash
# One OME-Zarr has pixels of 100 or 200 nm: napari-ome-zarr and ngff-zarr leave out the transform that the file gives for
# all levels together; ngio and bioio-ome-zarr apply it. napari-ome-zarr also leaves out translations.
#
# Guess before the run: all four multiply the scale of the level (100) by that of the multiscale (2), as section 3.4 of the
# OME-Zarr specification 0.5 demands ("applied ... in the same manner to all resolution levels"), and napari-ome-zarr
# hands the translation to the layer, since napari's layers have one.
# Seen: napari-ome-zarr 0.11.0: scale 100, no translation (0.10.0, for Python 3.11, gave 200, no translation). ngff-zarr
# 0.50.0: scale 100, translation 7. ngio 1.1.3 and bioio-ome-zarr 3.8.1: 200. A time step of 500 ms is 1 in the former two.
#
# Needs Python 3.12 or later: PYTHON=python3.13 bash findings/ngff_transform_of_all_levels_ignored.sh
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet napari==0.9.2 napari-ome-zarr==0.11.0 ngff-zarr==0.50.0 ngio==1.1.3 bioio==3.6.0 \
    bioio-ome-zarr==3.8.1 ome-zarr==0.21.0 zarr==3.4.2 numpy==2.5.5
cd "$folder"
"$folder/venv/bin/python" - 2> errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
from importlib.metadata import version

import bioio_ome_zarr
import napari_ome_zarr
import ngff_zarr
import ngio
import zarr
from bioio import BioImage

for package in ("napari-ome-zarr", "ngff-zarr", "ngio", "bioio-ome-zarr"):
    print(package, version(package))
group = zarr.open_group("image.zarr", mode="w", zarr_format=3)
levels = []
for level in range(2):
    group.create_array(str(level), shape=(2, 64 >> level, 64 >> level), dtype="uint16", chunks=(1, 32, 32))
    size, place = 100.0 * 2**level, 7.0 + 50 * level
    scale = {"type": "scale", "scale": [1.0, size, size]}
    translation = {"type": "translation", "translation": [0.0, place, place]}
    levels.append({"path": str(level), "coordinateTransformations": [scale, translation]})
axes = [{"name": "t", "type": "time", "unit": "millisecond"}]
axes += [{"name": name, "type": "space", "unit": "nanometer"} for name in "yx"]
whole = [{"type": "scale", "scale": [500.0, 2.0, 2.0]}]
multiscale = {"axes": axes, "datasets": levels, "coordinateTransformations": whole}
group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}

layer = napari_ome_zarr.napari_get_reader("image.zarr")("image.zarr")[0][1]
print("napari-ome-zarr:", {key: layer.get(key) for key in ("scale", "translate", "units")})
first = ngff_zarr.from_ngff_zarr("image.zarr").images[0]
print("ngff-zarr:      ", first.scale, first.translation)
size = ngio.open_ome_zarr_container("image.zarr").get_image().pixel_size
print("ngio:           ", size)
image = BioImage("image.zarr", reader=bioio_ome_zarr.Reader)
print("bioio-ome-zarr: ", image.scale)
assert list(layer["scale"]) == [1.0, 100.0, 100.0] and "translate" not in layer, "changed: napari-ome-zarr"
assert (first.scale["t"], first.scale["x"], first.translation["x"]) == (1, 100, 7), "changed: ngff-zarr"
assert (size.t, size.x) == (500, 200), "changed: ngio"
assert (image.scale.T, image.scale.X) == (500, 200), "changed: bioio-ome-zarr"
PYTHON
