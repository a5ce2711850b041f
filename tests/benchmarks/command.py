"""The command: makes the files, measures, prints, and cleans up."""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console

from benchmarks import (
    against,
    contenders,
    conversion,
    cores,
    documents,
    microscopes,
    plates,
    remote,
    report,
    requests,
    samples,
    scale,
    scenes,
    stacks,
    start,
    stores,
    timing,
    windows,
    writing,
)

PEERS = (
    "tifffile",
    "czifile",
    "aicspylibczi",
    "pylibCZIrw",
    "liffile",
    "readlif",
    "oiffile",
    "nd2",
    "h5py",
    "bioio",
    "openreadout",
    "openslide",
    "opencodecs",
    *stores.PEERS,
)
COLUMNS = {
    "TIFF": ("tifffile", "bioio", "openreadout"),
    "CZI": (
        "decoder",
        "opencodecs",
        "pylibCZIrw",
        "czifile",
        "aicspylibczi",
        "bioio",
        "bioio-direct",
        "openreadout",
    ),
    "LIF": ("liffile", "readlif", "bioio", "bioio-direct", "openreadout"),
    "OIB": ("oiffile",),
    "ND2": ("nd2", "openreadout"),
    "IMS": ("h5py", "openreadout"),
    "LOF": ("liffile",),
    "Zarr": stores.PEERS,
    "Windows": ("out", *windows.PEERS),
}
"""Peers that the table of a kind of file shows."""
NEW_PROCESS = ("raw", "zlib", "czi raw", "lif raw")
"""Files that new interpreters open: they take seconds, and the others would tell nothing more."""
LIBRARIES = ("aicsio", "numpy", "dask", "imagecodecs", *PEERS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that the command line names."""
    options = _parser().parse_args(arguments)
    if options.cores and not options.files:
        options.files = ["cores"]
    if options.against:
        return _compare_trees(options)
    console = Console(width=None if sys.stdout.isatty() else 200, stderr=options.json)
    peers = contenders.installed(tuple(options.peers))
    made = [
        *samples.samples(
            options.planes, options.size, options.tiny_planes, options.tiny_size, options.tile
        ),
        *microscopes.samples(options.planes, options.size, options.mosaic, options.subblocks),
        *stores.samples(options.planes, options.size),
    ]
    chosen = [sample for sample in made if _is_chosen(sample, options.files)]
    lines: list[report.Line] = []
    with (
        tempfile.TemporaryDirectory(prefix="aicsio-benchmarks-", dir=options.folder) as folder,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # peers warn of much that is not ours to mend
        if not options.files or "import" in options.files:
            lines.append(_import(peers, options.rounds))
        for sample in chosen:
            console.print(f"{sample.name}: writing {sample.planes} planes ...", style="dim")
            if sample.container == "TIFF":
                path = samples.write(sample, Path(folder))
                lines += _lines(sample, path, Path(folder), peers, options, console)
            elif sample.container == "Zarr":
                path = stores.write(sample, Path(folder))
                lines += _store_lines(sample, path, peers, options, console)
                shutil.rmtree(path)
                continue
            else:
                path = microscopes.write(sample, Path(folder))
                lines += _microscope_lines(sample, path, peers, options, console)
            path.unlink()
        if not options.files or "windows" in options.files:
            lines += _window_lines(Path(folder), peers, options, console)
        if not options.files or "convert" in options.files:
            _convert(Path(folder), options, console)
        _tables(Path(folder), options, console)
    about = _about(options.workers) | {"clock": options.clock}
    if options.json:
        print(report.as_json(lines, about))
    for container, columns in COLUMNS.items():
        names = {sample.name for sample in chosen if sample.container == container}
        names |= {""} if container == "TIFF" else set()
        names |= {line.sample for line in lines if line.case == container.lower()}
        own = [line for line in lines if line.sample in names]
        if own:
            console.print(container, style="bold")
            asked = {"out", "decoder", *peers}
            report.show(own, [name for name in columns if name.partition("-")[0] in asked], console)
    report.show_goals(lines, console)
    console.print(", ".join(f"{name} {value}" for name, value in about.items()))
    return 0


def _tables(folder: Path, options: argparse.Namespace, console: Console) -> None:
    """Print the tables of what is measured only if it is named: it takes minutes, or needs a quiet machine."""
    sizes = options.planes, options.size, options.rounds
    if "remote" in options.files:
        remote.show(remote.measure(folder, *sizes, options.distance), console)
    if "requests" in options.files:
        requests.show(requests.measure(folder), console)
    if "writing" in options.files:
        writing.show(writing.measure(folder, *sizes), console)
    if "start" in options.files:
        start.show(start.measure(folder, options.rounds), console)
    if "stacks" in options.files:
        stacks.show(stacks.measure(folder, *sizes), console)
    if "plates" in options.files:
        plates.show(plates.measure(folder, options.plate_files), console)
    if "scale" in options.files:
        scale.show(scale.measure(folder, options.subblocks), console)
    if "documents" in options.files:
        documents.show(documents.measure(folder, options.tiny_planes, options.rounds), console)
    if "scenes" in options.files:
        scenes.show(scenes.measure(folder, options.scenes, options.rounds, options.lif), console)
    if options.cores:
        counts = cores.thread_counts(options.cores)
        found = cores.measure(folder, options.planes, options.size, counts, options.rounds)
        cores.show(found, counts, console)


def _is_chosen(sample: samples.Sample, names: Sequence[str]) -> bool:
    return not names or sample.name in names or sample.container.lower() in names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks",
        description="Compare aicsio with the floor (bare reads and decoders) and with peers, in one run on the same "
        "files. These (4 GB in all at the default sizes) are made in a temporary folder and deleted one by one.",
    )
    made = [
        *samples.samples(1, 1, 1, 1, 1),
        *microscopes.samples(1, 1, 1, 1),
        *stores.samples(1, 1),
    ]
    kinds = "or tiff, czi, lif, oib, nd2, ims, lof, zarr for all of a kind"
    apart = (
        "documents",
        "plates",
        "remote",
        "requests",
        "scale",
        "scenes",
        "stacks",
        "start",
        "writing",
    )
    others = ("windows", "convert", kinds, *apart)
    names = ", ".join(["import", *(sample.name for sample in made), *others])
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help=f"which of: {names} (default: all)"
    )
    parser.add_argument(
        "--cases", nargs="+", metavar="CASE", help="only these, such as: read window dask"
    )
    parser.add_argument(
        "--peers", nargs="*", default=PEERS, choices=PEERS, help="peers to ask, if installed"
    )
    parser.add_argument(
        "--rounds", type=int, default=7, help="turns of each contender (default: 7)"
    )
    parser.add_argument(
        "--patience", type=float, default=15.0, help="seconds that a slow contender may take in all"
    )
    parser.add_argument(
        "--workers", type=int, default=min(8, os.cpu_count() or 1), help="threads of each contender"
    )
    parser.add_argument("--planes", type=int, default=180, help="large planes (default: 180)")
    parser.add_argument(
        "--size", type=int, default=1024, help="their height and width (default: 1024)"
    )
    parser.add_argument(
        "--tile", type=int, default=256, help="height and width of compressed tiles (default: 256)"
    )
    parser.add_argument(
        "--tiny-planes", type=int, default=50_000, help="tiny planes (default: 50000)"
    )
    parser.add_argument(
        "--tiny-size", type=int, default=64, help="their height and width (default: 64)"
    )
    parser.add_argument(
        "--mosaic", type=int, default=20_000, help="height and width of the mosaic (default: 20000)"
    )
    parser.add_argument(
        "--subblocks", type=int, default=100_000, help="of the largest CZI (default: 100000)"
    )
    parser.add_argument(
        "--plate-files", type=int, default=100_000, help="of a plate in a folder (default: 100000)"
    )
    parser.add_argument(
        "--slide", type=int, default=32_768, help="height and width of slides (default: 32768)"
    )
    parser.add_argument(
        "--windows", type=int, default=2000, help="windows that are read at once (default: 2000)"
    )
    parser.add_argument(
        "--window", type=int, default=256, help="their height and width (default: 256)"
    )
    parser.add_argument(
        "--scenes", type=int, default=500, help="of the largest LIF of scenes (default: 500)"
    )
    parser.add_argument(
        "--lif", type=Path, metavar="PATH", help="the LIF whose images the scenes are"
    )
    parser.add_argument(
        "--distance",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="wait of the server that counts round trips: longer than anything else takes (default: 1)",
    )
    parser.add_argument(
        "--cores",
        type=int,
        metavar="N",
        help="how reading, decoding and writing scale from 1 to N threads",
    )
    parser.add_argument(
        "--clock", choices=timing.CLOCKS, default="wall", help="what is counted (default: wall)"
    )
    parser.add_argument(
        "--against", type=Path, metavar="TREE", help="compare this tree with an older one instead"
    )
    parser.add_argument(
        "--peer-python",
        metavar="PATH",
        default=sys.executable,
        help=f"the Python that has the peers of convert: {', '.join(conversion.PEERS)}",
    )
    parser.add_argument("--folder", help="where the temporary folder is made")
    parser.add_argument(
        "--json",
        action="store_true",
        help="print all measurements as JSON, and the table to stderr",
    )
    return parser


def _compare_trees(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="aicsio-benchmarks-", dir=options.folder) as folder:
        print(against.HEAD)
        for row in against.compare(Path(folder), options):
            print(against.as_text(row), flush=True)
    return 0


def _import(peers: Sequence[str], rounds: int) -> report.Line:
    codes = {
        name: code for name, code in contenders.IMPORTS.items() if name in {"ours", "floor", *peers}
    }
    return report.Line("", "import", tuple(timing.measure_fresh(codes, rounds).items()))


def _lines(
    sample: samples.Sample,
    path: Path,
    folder: Path,
    peers: tuple[str, ...],
    options: argparse.Namespace,
    console: Console,
) -> Iterator[report.Line]:
    where = samples.ranges(sample, path)
    wanted = options.cases

    def asked(name: str) -> bool:
        return not wanted or any(name.startswith(case) for case in wanted)

    for case in contenders.cases(sample, where, folder, options.workers, peers):
        if not asked(case.name):
            continue
        console.print(f"{sample.name}: {case.name} ...", style="dim")
        yield from _measured(sample, case, options)
    if asked("new process") and sample.name in NEW_PROCESS:
        index = where.shape[0] // 2
        at = contenders.picks(sample, index)
        codes = {
            name: code.format(path=str(path), page=index, picks=at)
            for name, code in contenders.COLD.items()
            if name in {"ours", *peers}
        }
        yield report.Line(
            sample.name,
            "plane, new process",
            tuple(timing.measure_fresh(codes, options.rounds).items()),
        )
    if asked("sizes"):
        sizes = contenders.sizes(where)
        automatic = sizes["graph, automatic chunks"]
        for name, count in sizes.items():
            compared = {"ours": count, "3 MB": 3_000_000, "graph, automatic chunks": automatic}
            yield report.Line(sample.name, name, amounts=tuple(compared.items()))


def _measured(
    sample: samples.Sample, case: contenders.Case, options: argparse.Namespace
) -> Iterator[report.Line]:
    found = timing.measure(case.contenders, options.rounds, options.patience, options.clock)
    yield report.Line(sample.name, case.name, tuple(found.items()))
    if case.needed is not None:
        counts = {
            name: timing.bytes_read(call)
            for name, call in case.contenders.items()
            if name != "floor"
        }
        amounts = tuple((name, count) for name, count in counts.items() if count is not None)
        yield report.Line(sample.name, f"{case.name} bytes", amounts=amounts, needed=case.needed)


def _microscope_lines(
    sample: samples.Sample,
    path: Path,
    peers: tuple[str, ...],
    options: argparse.Namespace,
    console: Console,
) -> Iterator[report.Line]:
    def asked(name: str) -> bool:
        return not options.cases or any(name.startswith(case) for case in options.cases)

    own = tuple(peer for peer in peers if peer in microscopes.PEERS[sample.container])
    for case in microscopes.cases(sample, path, options.workers, own):
        if asked(case.name):
            console.print(f"{sample.name}: {case.name} ...", style="dim")
            yield from _measured(sample, case, options)
    if asked("new process") and sample.name in NEW_PROCESS:
        at = contenders.picks(sample, sample.planes // 2)
        codes: dict[str, str] = {
            name: code.format(path=str(path), picks=at, page=0)
            for name, code in contenders.COLD.items()
            if name in {"ours", *own}
        }
        yield report.Line(
            sample.name,
            "plane, new process",
            tuple(timing.measure_fresh(codes, options.rounds).items()),
        )
    if asked("sizes"):
        for name, count in microscopes.sizes(path).items():
            yield report.Line(sample.name, name, amounts=(("ours", count), ("4 MB", 4_000_000)))


def _store_lines(
    sample: samples.Sample,
    path: Path,
    peers: tuple[str, ...],
    options: argparse.Namespace,
    console: Console,
) -> Iterator[report.Line]:
    for case in stores.cases(sample, path, options.workers, peers):
        if not options.cases or any(case.name.startswith(name) for name in options.cases):
            console.print(f"{sample.name}: {case.name} ...", style="dim")
            yield from _measured(sample, case, options)


def _window_lines(
    folder: Path, peers: tuple[str, ...], options: argparse.Namespace, console: Console
) -> list[report.Line]:
    """Measure windows of large slides, one slide on the disk at a time."""
    lines: list[report.Line] = []
    made = windows.cases(
        options.slide, options.window, options.windows, folder, options.workers, peers
    )
    for name, case in made:
        console.print(f"{name}: {options.windows} windows ...", style="dim")
        lines += _measured(samples.Sample(name, "YX", (1, 1), None), case, options)
    return lines


def _convert(folder: Path, options: argparse.Namespace, console: Console) -> None:
    """Measure whole commands from OME-TIFF to OME-Zarr, and show their table."""
    python = Path(options.peer_python)
    versions = conversion.installed(python)
    source = next(
        sample
        for sample in samples.samples(options.planes, options.size, 1, 1, options.tile)
        if sample.name == "zstd"
    )
    path = samples.write(source, folder)
    console.print(f"convert: ours and {', '.join(versions) or 'no peer'} ...", style="dim")
    result = conversion.measure(path, folder, python, list(versions), options.rounds)
    path.unlink()
    report.show_conversion(result, versions, console)


def _about(workers: int) -> dict[str, str]:
    found = {
        "Python": platform.python_version(),
        "cores": str(os.cpu_count()),
        "threads": str(workers),
    }
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


if __name__ == "__main__":
    sys.exit(main())
