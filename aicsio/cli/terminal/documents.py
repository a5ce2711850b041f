"""JSON for programs: one document a call, as the published schema describes it.

Rule kept here: what ``--json`` prints is valid JSON, has the address of its schema, and changes only
together with the number in that address. New fields may come at any time.
"""

import importlib.resources
import json
import math
from collections.abc import Mapping
from typing import Any

from aicsio._version import __version__
from aicsio.cli.terminal.advice import next_step
from aicsio.cli.terminal.text import escape_controls
from aicsio.cli.terminal.wording import speak_options
from aicsio.errors import AicsioError

SCHEMA = "https://aicsio.readthedocs.io/en/latest/schemas/command-line-1.json"
"""Address of the schema of all documents; 1 is its version."""
SCHEMA_FILE = "command-line-1.json"
"""Name of the schema in the package."""


def print_document(command: str, content: Mapping[str, Any]) -> None:
    """Print what a command found, behind the schema, the version and the name of the command.

    Parameters
    ----------
    command
        Name of the command.
    content
        Plain dicts, lists, numbers and texts.
    """
    document = {"schema": SCHEMA, "version": __version__, "command": command, **content}
    print(json.dumps(finite(document), indent=2, allow_nan=False))


def describe_error(error: AicsioError, name: str = "", command: str = "") -> dict[str, Any]:
    """Return an error as the documents have it.

    Parameters
    ----------
    error
        The error.
    name
        File that it is about.
    command
        Name of the command.
    """
    return {
        "kind": type(error).__name__,
        "message": escape_controls(speak_options(str(error))),
        "try": next_step(error, name, command),
    }


def read_schema() -> str:
    """Return the text of the schema."""
    return (importlib.resources.files("aicsio.cli") / SCHEMA_FILE).read_text(encoding="utf-8")


def finite(value: Any) -> Any:
    """Replace what JSON has no number for: RFC 8259, section 6, permits no NaN and no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return value
