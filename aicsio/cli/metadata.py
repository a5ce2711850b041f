"""``aicsio metadata``: all metadata of a file, as OME or as stored.

Rule kept here: the output is the document alone, so that programs read it; repairs of it are listed
on stderr.
"""

import argparse
import sys
from xml.etree import ElementTree as ET

from aicsio._metadata import ome_metadata, ome_xml, raw_metadata
from aicsio.cli.terminal import options
from aicsio.cli.terminal.documents import print_document
from aicsio.cli.terminal.opening import open_as_requested
from aicsio.cli.terminal.text import escape_controls
from aicsio.errors import UnsupportedFormatError
from aicsio.records import ImageHandle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Print the metadata of a file: as OME-XML, made of everything that the file has, or as "
        "stored."
    )
    parser.add_argument("file", metavar="FILE", help="path or URL")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--ome", action="store_true", help="OME-XML of schema 2016-06 (default)")
    forms.add_argument("--raw", action="store_true", help="the text of the file, unchanged")
    forms.add_argument("--json", action="store_true", help="the OME metadata as JSON")
    parser.add_argument(
        "--no-planes",
        action="store_true",
        help="leave out times and positions that lie with the pixels of each plane",
    )
    options.add_opening(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the metadata."""
    handle = open_as_requested(arguments.file, arguments)
    if arguments.raw:
        print(_raw_text(handle))
    elif arguments.json:
        ome = ome_metadata(handle, planes=not arguments.no_planes)
        name = options.shown_name(arguments.file, arguments)
        content = ome.model_dump(mode="json", exclude_unset=True)
        print_document("metadata", {"file": name, "ome": content})
    else:
        _print_ome(handle, planes=not arguments.no_planes)
    return 0


def _raw_text(handle: ImageHandle) -> str:
    text = raw_metadata(handle)
    if text is None:
        raise UnsupportedFormatError(
            f"{handle.source.uri} ({handle.format}) has no metadata text; --ome shows its facts"
        )
    return text


def _print_ome(handle: ImageHandle, *, planes: bool) -> None:
    xml = ome_xml(handle, planes=planes)
    root = ET.fromstring(xml.text)  # noqa: S314 - the text was made or validated here
    # ElementTree invents prefixes for namespaces that nobody registered.
    ET.register_namespace("", root.tag.partition("}")[0].lstrip("{"))
    ET.indent(root)
    print(ET.tostring(root, encoding="unicode"))
    for note in xml.diagnostics:
        print(f"{note.code}: {escape_controls(note.message)}", file=sys.stderr)
