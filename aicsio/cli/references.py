"""``aicsio references``: an image as addresses of its chunks, for readers of kerchunk's JSON.

Rule kept here: an existing file stays until the new one is complete.
"""

import argparse
import json
from typing import Any

from aicsio._checks.words import count_of
from aicsio.cli.terminal import options
from aicsio.cli.terminal.documents import print_document
from aicsio.cli.terminal.opening import (
    focus_as_requested,
    open_as_requested,
    pick_positions,
    refuse_to_replace,
)
from aicsio.cli.terminal.standard_streams import STREAM
from aicsio.cli.terminal.text import escape_controls
from aicsio.errors import WriteError
from aicsio.references import to_references
from aicsio.writers import _atomic_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Write where the chunks of an image lie in its file, as a JSON file that zarr, xarray and "
        "others open through fsspec: no pixels are copied."
    )
    parser.add_argument("file", metavar="FILE", help="path or URL")
    parser.add_argument("output", metavar="OUT.json", help="file, or - for standard output")
    parser.add_argument(
        "--levels", action="store_true", help="all levels of the scene, as an OME-Zarr"
    )
    parser.add_argument(
        "--base", metavar="URL", help="folder in which readers find the file; default: its own"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing OUT.json")
    options.add_json(parser)
    options.add_opening(parser)
    options.add_focus(parser)


def run(arguments: argparse.Namespace) -> int:
    """Find the chunks and write their addresses."""
    if arguments.file == arguments.spooled:
        raise WriteError(
            "references name the bytes of a file, and those of the standard input are gone afterwards: "
            "save them to a file"
        )
    to_stdout = arguments.output == STREAM
    if to_stdout and arguments.json:
        raise WriteError("the references go to standard output: leave out --json, or name a file")
    if not to_stdout:
        if not arguments.output.lower().endswith(".json"):
            raise WriteError(
                f"{arguments.output!r} does not end in .json: references are JSON files"
            )
        refuse_to_replace(arguments.output, arguments)
    handle = focus_as_requested(open_as_requested(arguments.file, arguments), arguments)
    handle = pick_positions(handle, arguments.pick, None)
    references = to_references(handle, levels=arguments.levels, base=arguments.base)
    if to_stdout:
        print(json.dumps(references))
        return 0
    save(references, arguments.output, overwrite=arguments.overwrite)
    refs = references["refs"].values()
    chunks = sum(isinstance(value, list) for value in refs)
    summary: dict[str, Any] = {
        "output": arguments.output,
        "scene": handle.scene.name,
        "chunks": chunks,
        "codecs": sorted(_codecs_of(references)),
    }
    if arguments.json:
        print_document("references", summary)
        return 0
    decoded = ", ".join(summary["codecs"]) or "none"
    line = f"{arguments.output}: {count_of(chunks, 'chunk')} of {handle.scene.name!r}, codecs: {decoded}"
    print(escape_controls(line))
    return 0


def _codecs_of(references: dict[str, Any]) -> set[str]:
    """Return the names of the codecs that a reader needs."""
    names = set()
    for key, value in references["refs"].items():
        if key.endswith("/.zarray"):
            compressor = json.loads(value)["compressor"]
            names |= {compressor["id"]} if compressor else set()
    return names


def save(references: dict[str, Any], path: str, *, overwrite: bool) -> None:
    """Write references as JSON.

    Raises
    ------
    WriteError
        When the file exists and ``overwrite`` is false, or cannot be written.
    """
    encoded = json.dumps(references, ensure_ascii=False).encode(errors="surrogateescape")
    target = _atomic_file.check_target(path, overwrite=overwrite)
    with _atomic_file.replacing(target, overwrite=overwrite, sync=False) as output:
        output.write_at(0, encoded)
        output.finish(len(encoded), sync=False)
