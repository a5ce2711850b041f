#!/usr/bin/env bash
# A CZI that lacks one plane: aicspylibczi puts every later plane into the place of the one before it, and bioio-czi with
# it. Channel 1 of a time point shows up as channel 0 of the next, without an error or a warning.
#
# Guess before the run: the missing plane is zero, as pylibCZIrw shows it, or an error; the others are in their places.
# Seen (aicspylibczi 4.0.1, bioio-czi 3.0.1): the planes that exist fill the array from its beginning, closed up. The
# places left at its end hold whatever the memory held. Reading one time point or one channel at a time returns an
# array shorter than the sizes that the file states. Such files come from a channel that is taken at some times only,
# and from stopped acquisitions.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pylibCZIrw==6.1.0 aicspylibczi==4.0.1 bioio==3.6.0 bioio-czi==3.0.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - 2> errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
from importlib.metadata import version

import aicspylibczi
import bioio_czi
import numpy as np
from bioio import BioImage
from pylibCZIrw import czi

for package in ("aicspylibczi", "bioio", "bioio-czi", "pylibCZIrw"):
    print(package, version(package))
# Each plane holds 10 * time + channel + 1.
with czi.create_czi("sparse.czi") as document:
    for time in range(3):
        for channel in range(2):
            if (time, channel) == (0, 1):
                continue
            plane = np.full((5, 6, 1), 10 * time + channel + 1, np.uint16)
            document.write(plane, plane={"T": time, "C": channel, "Z": 0})
with czi.open_czi("sparse.czi") as document:
    seen = [[int(document.read(plane={"T": t, "C": c, "Z": 0})[0, 0, 0]) for c in range(2)] for t in range(3)]
print("pylibCZIrw, by time and channel:  ", seen)
assert seen == [[1, 0], [11, 12], [21, 22]]
reader = aicspylibczi.CziFile("sparse.czi")
pixels, sizes = reader.read_image()
assert dict(sizes)["T"] == 3 and dict(sizes)["C"] == 2
values = pixels[0, :, :, 0, 0, 0].ravel().tolist()
print("aicspylibczi, the first five:     ", values[:5])
assert values[:5] == [1, 11, 12, 21, 22], "changed: aicspylibczi"
one_channel, _ = reader.read_image(C=1)
print("aicspylibczi, shape of channel 1: ", one_channel.shape)
assert one_channel.shape[1] == 2, "changed: aicspylibczi of one channel"
image = BioImage("sparse.czi", reader=bioio_czi.Reader, use_aicspylibczi=True)
values = image.data[:, :, 0, 0, 0].ravel().tolist()
print("bioio-czi,", image.dims, "the first five:", values[:5])
assert values[:5] == [1, 11, 12, 21, 22], "changed: bioio-czi"
PYTHON
