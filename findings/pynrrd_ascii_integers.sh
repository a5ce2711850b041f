#!/usr/bin/env bash
# pynrrd rounds integers of 64 bits that it writes as text, and cannot read the largest of them again.
#
# Guess before the run: integers are written as integers, whatever their size.
# Seen (pynrrd 1.1.3): they are written as floats are, with 17 digits. 2**53 + 1 becomes 2**53; 123456789012345678 is
# 1.2345678901234568e+17 in the file, and reading stops there with an error of numpy.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pynrrd==1.1.3 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version
from pathlib import Path

import nrrd
import numpy as np

print("pynrrd", version("pynrrd"))
pixels = np.array([[2**53 + 1, 123456789012345678, 7]], np.int64)
nrrd.write("a.nrrd", pixels, {"encoding": "ascii"})
text = Path("a.nrrd").read_text().partition("\n\n")[2].split()
print("written:", pixels.ravel().tolist(), "in the file:", text)
assert text == ["9007199254740992", "1.2345678901234568e+17", "7"], "changed: writing"
try:
    read, _ = nrrd.read("a.nrrd")
    print("read:", read.ravel().tolist())
    outcome = "read"
except (ValueError, DeprecationWarning) as error:
    print("read:", type(error).__name__, error)
    outcome = "refused"
assert outcome == "refused", "changed: reading"
PYTHON
