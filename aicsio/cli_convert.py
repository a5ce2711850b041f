"""``aicsio convert``: a scene, or a part of one, as OME-TIFF."""

import argparse
import os
import sys
import time

from aicsio.cli_opening import focused, opened, picked, refuse_to_replace
from aicsio.cli_progress import Progress
from aicsio.cli_text import plain, seconds_of, size_of


def run(arguments: argparse.Namespace) -> int:
    """Convert, and say what became of it."""
    from aicsio.writers.ome_tiff import write_ome_tiff

    refuse_to_replace(arguments.output, arguments)
    handle = opened(arguments.input, arguments)
    part = picked(focused(handle, arguments), arguments.pick, arguments.order)
    start = time.perf_counter()
    with Progress(f"writing {os.path.basename(arguments.output)}") as progress:
        report = write_ome_tiff(
            part,
            arguments.output,
            compression=None if arguments.compression == "none" else arguments.compression,
            compression_level=arguments.compression_level,
            dtype=arguments.dtype,
            overwrite=arguments.overwrite,
            progress=progress,
        )
    elapsed = time.perf_counter() - start
    print(
        f"{plain(arguments.output)}: {report.dims}, {report.dtype}, {size_of(report.nbytes)} "
        f"for {size_of(part.nbytes)} of pixels, {seconds_of(elapsed)} ({size_of(int(part.nbytes / elapsed))}/s)"
    )
    for note in report.not_kept:
        print(f"aicsio: not kept: {plain(note.message)}", file=sys.stderr)
    others = len(handle.scenes) - 1
    if others:
        name = plain(part.scene.name)
        told = f"scene {part.scene_index} ({name!r}) was written; {others} more with --scene"
        print(f"aicsio: {told}", file=sys.stderr)
    return 0
