#!/usr/bin/env bash
# A channel of a CZI that is stored at half size (subsampled: StoredSize 8 for Size 16, no pyramid) beside a channel of
# full size.
#
# Guess before the run: pylibCZIrw scales the stored pixels into the rectangle at zoom 1, as it does with a channel that
# is stored finer than its rectangle.
# Behaviour: at zoom 1 the channel is black, without an error; its pixels come out at zoom 0.5 only. The bounding box
# lists the channel either way. Files of cameras with binned channels are stored so.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pylibCZIrw==6.1.0" "numpy==2.4.6"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import struct
import uuid

import numpy as np
from pylibCZIrw import czi

# Segments and directory entries as in "ZISRAW (CZI) File Format", sections 2 and 3.
file = bytearray()


def segment(name, data):
    position = len(file)
    allocated = -(-len(data) // 32) * 32
    file.extend(struct.pack("<16sqq", name, allocated, len(data)) + data.ljust(allocated, b"\0"))
    return position


def subblock(channel, size, pixels):
    dimensions = [("C", channel, 1, 1), ("Y", 0, size, pixels.shape[0]), ("X", 0, size, pixels.shape[1])]
    entry = b"DV" + struct.pack("<iqiiB5xi", 1, len(file), 0, 0, 0, len(dimensions))
    for letter, start, logical, stored in dimensions:
        entry += struct.pack("<4siifi", letter.encode(), start, logical, 0.0, stored)
    head = struct.pack("<iiq", 0, 0, pixels.nbytes) + entry
    segment(b"ZISRAWSUBBLOCK", head.ljust(256, b"\0") + pixels.astype("<u2").tobytes())
    return entry


full = np.full((16, 16), 100, np.uint16)
half = np.full((8, 8), 200, np.uint16)
segment(b"ZISRAWFILE", bytes(512))
entries = [subblock(0, 16, full), subblock(1, 16, half)]
directory = segment(b"ZISRAWDIRECTORY", struct.pack("<i124x", len(entries)) + b"".join(entries))
xml = b"<ImageDocument><Metadata/></ImageDocument>"
metadata = segment(b"ZISRAWMETADATA", struct.pack("<ii248x", len(xml), 0) + xml)
guid = uuid.UUID(int=1).bytes_le
file[32:112] = struct.pack("<iiii16s16siqqiq", 1, 0, 0, 0, guid, guid, 0, directory, metadata, 0, 0)
with open("subsampled.czi", "wb") as out:
    out.write(file)

print("pylibCZIrw", importlib.metadata.version("pylibCZIrw"))
with czi.open_czi("subsampled.czi") as document:
    print("channels", document.total_bounding_box["C"])
    values = {}
    for channel in (0, 1):
        for zoom in (1.0, 0.5):
            pixels = document.read(plane={"C": channel}, zoom=zoom)
            values[channel, zoom] = sorted(set(pixels.ravel().tolist()))
            print(f"channel {channel}, zoom {zoom}: {pixels.shape[:2]}, values {values[channel, zoom]}")
assert values[0, 1.0] == [100]
assert values[1, 0.5] == [200]
assert values[1, 1.0] == [0], "the behaviour changed"
PYTHON
