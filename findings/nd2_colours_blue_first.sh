#!/usr/bin/env bash
# A colour image of a Nikon ND2 file: one red pixel, stored as NIS-Elements stores it, with blue first.
#
# Guess before the run: the package nd2 returns red, green, blue, since to_xarray names the samples "Red", "Green", "Blue".
# Behaviour: nd2 0.12 returns the samples as stored, so that the coordinate "Red" holds blue. OpenReadout 0.4 returns red
# first, and its metadata state the stored order: BGR. Nothing in either result shows that the other differs.
# That files hold blue first: pictures beside NIS-Elements in issue 3761 of Bio-Formats.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "nd2==0.12.0" "openreadout==0.4.0" "numpy==2.4.6" "xarray==2026.4.0" "dask==2026.1.1"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import struct

import nd2
import numpy as np
import openreadout

MAGIC = 0x0ABECEDA
file = bytearray()
entries = b""


def chunk(name, data, field=0):
    """Append a chunk; its name is padded so that the next one begins at a multiple of 4096."""
    global entries
    field = field or len(name) + -(16 + len(name) + len(data)) % 4096
    entries += name + struct.pack("<QQ", len(file), len(data))
    file.extend(struct.pack("<IIQ", MAGIC, field, len(data)) + name.ljust(field, b"\0") + data)
    file.extend(bytes(-len(file) % 4096))


def xml(**values):
    def item(name, value):
        if isinstance(value, dict):
            inside = "".join(item(*each) for each in value.items())
            return f'<{name} runtype="CLxListVariant">{inside}</{name}>'
        kind = {int: "lx_uint32", float: "double", str: "CLxStringW"}[type(value)]
        return f'<{name} runtype="{kind}" value="{value}"/>'

    return ('<variant version="1.0">' + item("no_name", values) + "</variant>").encode()


file.extend(struct.pack("<IIQ", MAGIC, 32, 64) + b"ND2 FILE SIGNATURE CHUNK NAME01!" + b"Ver2.1".ljust(64, b"\0"))
file.extend(bytes(-len(file) % 4096))
chunk(b"ImageAttributes!", xml(
    uiWidth=4, uiWidthBytes=12, uiHeight=2, uiComp=3, uiBpcInMemory=8, uiBpcSignificant=8, uiSequenceCount=1,
    uiTileWidth=4, uiTileHeight=2, eCompression=2, dCompressionParam=0.0,
))
spectrum = {"uiCount": 0, "pPoint": {}}
plane = {
    "uiCompCount": 3, "uiSampleIndex": 0, "uiColor": 0xFFFFFF, "sDescription": "Brightfield",
    "pFluorescentProbe": {"m_ExcitationSpectrum": spectrum, "m_EmissionSpectrum": spectrum},
    "pFilterPath": {"m_uiCount": 0, "m_pFilter": {}},
}
chunk(b"ImageMetadataSeq|0!", xml(
    dTimeMSec=0.0, dTimeAbsolute=2460000.5, dCalibration=0.5, bCalibrated=1,
    sPicturePlanes={"uiCount": 1, "uiCompCount": 3, "sPlaneNew": {"a0": plane}},
))
stored = np.zeros((2, 4, 3), np.uint8)
stored[0, 0] = (10, 20, 250)  # blue, green, red: a red pixel
chunk(b"ImageDataSeq|0!", struct.pack("<d", 0.0) + stored.tobytes(), field=4072)
offset, end = len(file), b"ND2 CHUNK MAP SIGNATURE 0000001!"
chunk(b"ND2 FILEMAP SIGNATURE NAME 0001!", entries + end + struct.pack("<QQ", offset, 0))
file.extend(bytes(4096 - 40) + end + struct.pack("<Q", offset))
with open("colour.nd2", "wb") as out:
    out.write(file)

print("nd2", importlib.metadata.version("nd2"), "openreadout", importlib.metadata.version("openreadout"))
with nd2.ND2File("colour.nd2") as document:
    array = document.to_xarray(delayed=False)
named = dict(zip(array.coords["S"].values.tolist(), array.values[0, 0].tolist()))
print("nd2, first pixel by the names of its samples:", named)
image = openreadout.open("colour.nd2")
pixel = image.read_plane()[0, 0].tolist()
orders = {name: image.info["images"][0]["extra"][name] for name in ("sample_order", "stored_sample_order")}
print("openreadout, first pixel:", pixel, orders)
assert pixel == [250, 20, 10]
assert orders == {"sample_order": "RGB", "stored_sample_order": "BGR"}
assert named == {"Red": 10, "Green": 20, "Blue": 250}, "the behaviour changed"
PYTHON
