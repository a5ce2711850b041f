#!/usr/bin/env bash
# Levels of labels hold the last pixel of each block, while the metadata state its centre (ome-zarr-py) or its first
# pixel (bioio-ome-zarr): a label lies up to half a pixel, or nearly a whole pixel, of that level beside its image.
#
# Guess before the run: with half of each size, nearest neighbour takes alternately one or the other of the two middle
# pixels, or always the first; the translations written beside it (ome-zarr-py) fit what was taken.
# Seen: levels made one from the other, each of the pixel after the middle: level 4 of ome-zarr 0.18.0 (and 0.21.0, on
# Python 3.13) holds pixels 15, 31, 47 ... of labels, and its transform puts them at 7.5, 23.5, 39.5 ...; the images that
# the same library writes are within 2.5 pixels of theirs. bioio-ome-zarr 3.8.1 takes the same pixels, for images too,
# and writes no translation: 15 pixels in level 4.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ome-zarr==0.18.0 zarr==3.1.6 bioio-ome-zarr==3.8.1 scikit-image==0.26.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

import numpy as np
import zarr
from bioio_ome_zarr.writers import OMEZarrWriter
from ome_zarr.writer import write_image, write_labels

warnings.simplefilter("ignore")
folder = sys.argv[1]
SIZE = 1024
# Each pixel holds its own column, so that a value of a level is the place that it was taken from.
columns = np.tile(np.arange(SIZE, dtype=np.uint16), (SIZE, 1))


def shifts(path):
    """Return, for each level, where its pixels come from minus where its transforms put them, in full-size pixels."""
    group = zarr.open_group(path, mode="r")
    result = []
    for level in group.attrs["ome"]["multiscales"][0]["datasets"]:
        steps = {step["type"]: step[step["type"]][-1] for step in level["coordinateTransformations"]}
        row = group[level["path"]][...][3].astype(float)
        stated = np.arange(row.size) * steps["scale"] + steps.get("translation", 0.0)
        result.append(round(float(np.abs(row - stated).max()), 2))
    return result


write_image(columns, f"{folder}/py.zarr", axes="yx")
write_labels(columns, f"{folder}/py.zarr", name="cells", axes="yx")
writer = OMEZarrWriter(
    f"{folder}/bioio.zarr",
    level_shapes=[(SIZE >> level, SIZE >> level) for level in range(5)],
    dtype="uint16",
    axes_names=["y", "x"],
    axes_types=["space", "space"],
    physical_pixel_size=[1.0, 1.0],
)
writer.write_full_volume(columns)
print("ome-zarr", version("ome-zarr"), "bioio-ome-zarr", version("bioio-ome-zarr"))
found = {
    "ome-zarr image": shifts(f"{folder}/py.zarr"),
    "ome-zarr labels": shifts(f"{folder}/py.zarr/labels/cells"),
    "bioio-ome-zarr": shifts(f"{folder}/bioio.zarr"),
}
for name, values in found.items():
    print(f"{name:16} shift of the levels in pixels of level 0: {values}")
assert found["ome-zarr labels"][:5] == [0, 0.5, 1.5, 3.5, 7.5], "changed: ome-zarr-py"
assert max(found["ome-zarr image"]) <= 2.5, "changed: images of ome-zarr-py"
assert found["bioio-ome-zarr"] == [0, 1, 3, 7, 15], "changed: bioio-ome-zarr"
PYTHON
