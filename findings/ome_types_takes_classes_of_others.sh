#!/usr/bin/env bash
# Importing an unrelated package makes ome-types refuse a valid document.
#
# Guess: what ome_types.from_xml returns depends on the document alone.
# Seen (ome-types 0.7.0, xsdata 26.10, mcp-types 2.3.0): foreign XML may stand in an XMLAnnotation. For each element
# there, the parser looks among all pydantic models of the process for one of that name. mcp_types, which comes with
# every server and client of the Model Context Protocol, has a model "Root": a document whose annotation begins with
# <Root> parses before the import, and raises XmlContextError after it.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ome-types==0.7.0 xsdata==26.10 lxml==6.1.3 mcp-types==2.3.0
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata
import sys

import ome_types

DOCUMENT = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><StructuredAnnotations>
<XMLAnnotation ID="Annotation:0"><Value><Root xmlns="" gain="2"><Laser>488</Laser></Root></Value></XMLAnnotation>
</StructuredAnnotations></OME>"""


def parse():
    try:
        (annotation,) = ome_types.from_xml(DOCUMENT, validate=True).structured_annotations.xml_annotations
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return annotation.value.any_elements[0].attributes


for name in ("ome-types", "xsdata", "mcp-types"):
    print(name, importlib.metadata.version(name))
before = parse()
print("before the import:", before)
import mcp_types  # noqa: E402,F401

after = parse()
print("after it:", after)
if before != {"gain": "2"} or "Root" not in str(after) or isinstance(after, dict):
    sys.exit("an import no longer changes what is read")
PYTHON
