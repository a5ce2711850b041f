#!/usr/bin/env bash
# readlif: in a LIF whose time runs inside of depth (scan mode xytz), `get_frame(z=, t=)` returns the planes of other
# times and depths, without an error or a warning.
#
# Guess before the run: `get_frame` follows the step in bytes that the file states for each dimension.
# Seen (readlif 0.6.6): of 2 depths and 3 times, get_frame(z=1, t=0) is the plane of z=0, t=1; four of the six planes are
# other ones. It takes depth for the faster of the two. liffile 2026.2.16 follows the file.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet readlif==0.6.6 liffile==2026.2.16 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - 2> errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
import struct
from importlib.metadata import version

import liffile
import numpy as np
from readlif.reader import LifFile

for package in ("readlif", "liffile"):
    print(package, version(package))


def image(name, dimensions, block, size):
    """Return the element of an image of 8 bits; `dimensions` are (letter's number, elements, step in bytes)."""
    rows = "".join(
        f'<DimensionDescription DimID="{number}" NumberOfElements="{count}" Origin="0" Length="{(count - 1) * 1e-6}" '
        f'Unit="{"s" if number == 4 else "m"}" BitInc="0" BytesInc="{step}"/>'
        for number, count, step in dimensions
    )
    channel = (
        '<ChannelDescription DataType="0" ChannelTag="0" Resolution="8" NameOfMeasuredQuantity="" Min="0" Max="255" '
        'Unit="" LUTName="Gray" IsLUTInverted="0" BytesInc="0" BitInc="0"/>'
    )
    description = f"<Channels>{channel}</Channels><Dimensions>{rows}</Dimensions>"
    return (
        f'<Element Name="{name}"><Data><Image><ImageDescription>{description}</ImageDescription></Image></Data>'
        f'<Memory Size="{size}" MemoryBlockID="{block}"/><Children/></Element>'
    )


def write_lif(path, elements, blocks):
    """Write a LIF of version 2: a header in UTF-16, then the memory blocks."""
    header = (
        '<LMSDataContainerHeader Version="2"><Element Name="project"><Data/><Memory Size="0" '
        f'MemoryBlockID="MemBlock_0"/><Children>{elements}</Children></Element></LMSDataContainerHeader>'
    )
    text = header.encode("utf-16-le")
    with open(path, "wb") as file:
        file.write(struct.pack("<iicI", 0x70, len(text) + 5, b"*", len(header)) + text)
        for name, data in blocks.items():
            label = name.encode("utf-16-le")
            file.write(struct.pack("<iicQcI", 0x70, 14 + len(label), b"*", len(data), b"*", len(name)) + label + data)


depths, times = 2, 3
pixels = np.zeros((depths, times, 4, 5), np.uint8)
# Each plane holds 10 * depth + time.
pixels += np.array([[[[10 * z + t]] for t in range(times)] for z in range(depths)], np.uint8)
extents = [(1, 5, 1), (2, 4, 5), (4, times, 20), (3, depths, 20 * times)]
write_lif("xytz.lif", image("xytz", extents, "MemBlock_1", pixels.nbytes), {"MemBlock_1": pixels.tobytes()})
with liffile.LifFile("xytz.lif") as opened:
    stored = opened.images[0].asarray()
    print("liffile:", opened.images[0].dims, stored.shape)
assert np.array_equal(stored, pixels)
series = LifFile("xytz.lif").get_image(0)
print("readlif:", series.dims)
seen = [[int(np.array(series.get_frame(z=z, t=t))[0, 0]) for t in range(times)] for z in range(depths)]
print("stored, by depth and time:", pixels[:, :, 0, 0].tolist())
print("readlif's get_frame:      ", seen)
assert seen == [[0, 2, 11], [1, 10, 12]], "changed: get_frame"
PYTHON
