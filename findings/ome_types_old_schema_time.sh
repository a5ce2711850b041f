#!/usr/bin/env bash
# Reading OME-XML of an old schema with ome-types takes time that grows with the square of the number of images.
#
# Guess: from_xml brings an old document to 2016-06 in a time that grows with its length; a plate of 384 wells with
# eight fields (3072 images) is an everyday document.
# Seen (ome-types 0.7.0, lxml 6.1.3): the transforms of schema 2010-06 take 11 to 14 times as long for four times as
# many images (linear: 4, squared: 16); the transforms are those that OME publishes. The same images in 2016-06,
# which needs no transform, take four times as long.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ome-types==0.7.0 lxml==6.1.3
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import pathlib
import sys
import time

import ome_types
from lxml import etree

transforms = pathlib.Path(ome_types.__file__).parent / "transforms"
steps, version = [], "2010-06"
while version != "2016-06":
    (path,) = transforms.glob(f"{version}-to-*.xsl")
    steps.append(etree.XSLT(etree.parse(str(path))))
    version = path.stem.partition("-to-")[2]


def seconds(count):
    pixels = (
        '<Pixels ID="Pixels:{0}" DimensionOrder="XYZCT" Type="uint8" SizeX="4" SizeY="3" SizeZ="1" SizeC="1" '
        'SizeT="1"><Channel ID="Channel:{0}:0"/><TiffData/></Pixels>'
    )
    image = '<Image ID="Image:{0}" Name="{0}"><AcquiredDate>2010-06-01T00:00:00</AcquiredDate>' + pixels + "</Image>"
    images = "".join(image.format(number) for number in range(count))
    root = etree.fromstring(f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2010-06">{images}</OME>')
    start = time.process_time()
    for step in steps:
        root = step(root).getroot()
    assert len(root) == count
    return time.process_time() - start


print("ome-types", ome_types.__version__, "lxml", importlib.metadata.version("lxml"))
few, many = min(seconds(1000) for _ in range(2)), min(seconds(4000) for _ in range(2))
print(f"1000 images {few:.2f} s, 4000 images {many:.2f} s: {many / few:.1f} times as long")
if many / few < 7:
    sys.exit("the time no longer grows with the square of the number of images")
PYTHON
