#!/usr/bin/env bash
# A scale bar labelled by Pillow alone: "20 µm" in the font that comes inside the library.
#
# Guess before the run: ImageFont.load_default(size), a TrueType font since Pillow 10.1, has the characters of Latin-1, so that
# the micro sign is drawn as every system font draws it.
# Behaviour: pillow 13.0 draws the box of a missing character, without an error, for the micro sign (U+00B5), the Greek mu
# (U+03BC) and e with an acute; the degree sign is drawn. The font is a subset of Aileron with ASCII and a few signs.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "pillow==13.0.0"
"$folder/venv/bin/python" - <<'PYTHON'
import unicodedata

import PIL
from PIL import ImageFont

font = ImageFont.load_default(20)
missing = bytes(font.getmask("\ufffe"))  # U+FFFE is no character: every font draws its box
print("pillow", PIL.__version__, *font.getname())
drawn = {}
for character in "uA9.µμ°é":
    drawn[character] = bytes(font.getmask(character)) != missing
    print(f"{unicodedata.name(character):35} {'drawn' if drawn[character] else 'a box'}")
assert all(drawn[character] for character in "uA9.")
assert drawn["°"]
assert not any(drawn[character] for character in "µμé")
PYTHON
