"""``aicsio convert``: a scene, all of them, or parts of them, as OME-TIFF."""

import argparse
import os
import sys
import time

from aicsio.cli_opening import focused_scenes, opened, picked, refuse_to_replace
from aicsio.cli_progress import Progress
from aicsio.cli_text import plain, seconds_of, size_of


def run(arguments: argparse.Namespace) -> int:
    """Convert, and say what became of it."""
    from aicsio.writers.ome_tiff import write_scenes

    refuse_to_replace(arguments.output, arguments)
    handle = opened(arguments.input, arguments)
    parts = [picked(scene, arguments.pick, arguments.order) for scene in focused_scenes(handle, arguments)]
    start = time.perf_counter()
    with Progress(f"writing {os.path.basename(arguments.output)}") as progress:
        report = write_scenes(
            parts,
            arguments.output,
            compression=None if arguments.compression == "none" else arguments.compression,
            compression_level=arguments.compression_level,
            dtype=arguments.dtype,
            overwrite=arguments.overwrite,
            progress=progress,
        )
    elapsed = time.perf_counter() - start
    nbytes = sum(part.nbytes for part in parts)
    what = f"{report.dims}, {report.dtype}" if len(parts) == 1 else f"{len(parts)} scenes, the first {report.dims}"
    print(
        f"{plain(arguments.output)}: {what}, {size_of(report.nbytes)} "
        f"for {size_of(nbytes)} of pixels, {seconds_of(elapsed)} ({size_of(int(nbytes / elapsed))}/s)"
    )
    for note in report.not_kept:
        where = f"{plain(note.where)}: " if note.where and len(parts) > 1 else ""
        print(f"aicsio: not kept: {where}{plain(note.message)}", file=sys.stderr)
    others = len(handle.scenes) - len(parts)
    if others:
        name = plain(parts[0].scene.name)
        told = f"scene {parts[0].scene_index} ({name!r}) was written; {others} more with --scene, or --scene all"
        print(f"aicsio: {told}", file=sys.stderr)
    return 0
