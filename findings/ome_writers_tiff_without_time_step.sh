#!/usr/bin/env bash
# ome-writers keeps the time step and the place of an acquisition in OME-Zarr, and drops both in OME-TIFF.
#
# Guess before the run: the same settings give the same metadata in both formats, as far as OME-XML has a word for it;
# TimeIncrement is one for the time step, PositionX of a plane one for the place.
# Seen (ome-writers 0.3.2): pixels, pixel sizes with their units, channel names and the order of axes are alike. The
# step of 2.5 s and the place of the image (5000 nm in x, 10 µm in z), given as scale and translation of dimensions, are
# in the OME-Zarr; the OME-XML of the OME-TIFF has neither TimeIncrement nor a Plane, and there is no warning.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "ome-writers[tifffile,zarr-python]==0.3.2" tifffile==2026.3.3 zarr==3.1.6 \
    numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import warnings
from importlib.metadata import version

import numpy as np
import ome_writers
import tifffile
import zarr

print("ome-writers", version("ome-writers"))
pixels = np.arange(3 * 2 * 4 * 32 * 48, dtype=np.uint16).reshape(3, 2, 4, 32, 48)
nanometres = {"chunk_size": 16, "type": "space", "scale": 100, "unit": "nanometer"}
dimensions = [
    ome_writers.Dimension(name="t", count=3, chunk_size=1, type="time", scale=2.5, unit="second"),
    ome_writers.Dimension(name="c", count=2, chunk_size=1, type="channel", coords=["DAPI", "GFP"]),
    ome_writers.Dimension(
        name="z", count=4, chunk_size=1, type="space", scale=0.5, unit="micrometer", translation=10
    ),
    ome_writers.Dimension(name="y", count=32, **nanometres),
    ome_writers.Dimension(name="x", count=48, translation=5000, **nanometres),
]
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for path, name in (("a.ome.tiff", "tifffile"), ("a.ome.zarr", "zarr-python")):
        settings = ome_writers.AcquisitionSettings(
            root_path=path, format=name, dimensions=dimensions, dtype="uint16"
        )
        with ome_writers.create_stream(settings) as stream:
            for frame in pixels.reshape(-1, 32, 48):
                stream.append(frame)
print("warnings:", [str(warning.message) for warning in caught if "ome_writers" in warning.filename])

group = zarr.open_group("a.ome.zarr", mode="r")
dataset = group.attrs["ome"]["multiscales"][0]["datasets"][0]
transforms = {transform["type"]: transform[transform["type"]] for transform in dataset["coordinateTransformations"]}
print("OME-Zarr:", transforms)
assert np.array_equal(group[dataset["path"]][...], pixels)
assert transforms == {"scale": [2.5, 1, 0.5, 100, 100], "translation": [0, 0, 10, 0, 5000]}, "changed"

with tifffile.TiffFile("a.ome.tiff") as tiff:
    assert np.array_equal(tiff.asarray(), pixels)
    xml = tiff.ome_metadata
for word in ("PhysicalSizeX", "PhysicalSizeZ", "DAPI", "TimeIncrement", "PositionX", "<Plane"):
    print(f"OME-TIFF has {word}: {word in xml}")
assert 'PhysicalSizeX="100.0"' in xml and 'PhysicalSizeZ="0.5"' in xml and "DAPI" in xml, "changed"
assert not any(word in xml for word in ("TimeIncrement", "PositionX", "<Plane")), "changed"
PYTHON
