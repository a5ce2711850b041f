#!/usr/bin/env bash
# LIF with padded rows: liffile and readlif return sheared pixels, bioio-lif the right ones. Needs Python 3.12.
#
# Guess before the run: all three step from row to row by the `BytesInc` of the y dimension.
# Seen (liffile 2026.10.14, readlif 0.6.6, bioio-lif 2.0.1): where a row of 5 pixels takes 8 bytes, liffile (with a line in
# the log that sizes differ) and readlif (without one) read 20 bytes in a row, so that the padding lands in the image.
# The step of a row is stated in the file: `BytesInc` of the dimension y.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet bioio==3.6.0 bioio-lif==2.0.1 readlif==0.6.6 liffile==2026.10.14 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - 2> errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
import struct
from importlib.metadata import version

import bioio_lif
import liffile
import numpy as np
from bioio import BioImage
from readlif.reader import LifFile

for package in ("liffile", "readlif", "bioio-lif"):
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


width, height, step = 5, 4, 8
rows = np.full((height, step), 99, np.uint8)
rows[:, :width] = np.arange(height * width).reshape(height, width)
pixels = rows[:, :width]
extents = [(1, width, 1), (2, height, step)]
write_lif("padded.lif", image("padded", extents, "MemBlock_1", rows.nbytes), {"MemBlock_1": rows.tobytes()})
with liffile.LifFile("padded.lif") as opened:
    by_liffile = opened.images[0].asarray()
by_readlif = np.array(LifFile("padded.lif").get_image(0).get_frame())
by_bioio = BioImage("padded.lif", reader=bioio_lif.Reader).data[0, 0, 0]
for name, seen in (("stored", pixels), ("liffile", by_liffile), ("readlif", by_readlif), ("bioio-lif", by_bioio)):
    print(f"{name}:", seen.tolist())
sheared = rows.ravel()[: width * height].reshape(height, width)
assert np.array_equal(by_bioio, pixels), "changed: bioio-lif"
assert np.array_equal(by_liffile, sheared), "changed: liffile"
assert np.array_equal(by_readlif, sheared), "changed: readlif"
PYTHON
