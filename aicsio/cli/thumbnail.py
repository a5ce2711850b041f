"""``aicsio thumbnail``: a small picture of an image as PNG."""

import argparse
import io
import os
from typing import Any

from aicsio.cli.terminal.opening import focused, opened, picked, refuse_to_replace
from aicsio.cli.terminal.progress import Progress
from aicsio.cli.terminal.text import plain
from aicsio.errors import WriteError
from aicsio.thumbnails import thumbnail
from aicsio.writers import _atomic_file


def run(arguments: argparse.Namespace) -> int:
    """Draw, and write under the name when it is complete."""
    if not arguments.output.lower().endswith(".png"):
        raise WriteError(f"{arguments.output!r} does not end in .png: thumbnails are PNG files")
    refuse_to_replace(arguments.output, arguments)
    handle = picked(focused(opened(arguments.file, arguments), arguments), arguments.pick, None)
    with Progress(f"reading {os.path.basename(arguments.file)}", "bands") as progress:
        picture = thumbnail(handle, arguments.size, progress)
    save(picture, arguments.output, overwrite=arguments.overwrite)
    height, width = picture.shape[:2]
    print(f"{plain(arguments.output)}: {width} x {height} pixels of {plain(handle.scene.name)!r}")
    return 0


def save(picture: Any, path: str, *, overwrite: bool) -> None:
    """Write a PNG file; what was there stays until the new one is complete.

    Raises
    ------
    WriteError
    """
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(picture).save(packed, "PNG")
    target = _atomic_file.check_target(path, overwrite=overwrite)
    with _atomic_file.replacing(target, overwrite=overwrite, sync=False) as output:
        output.write_at(0, packed.getvalue())
        output.finish(packed.tell(), sync=False)
