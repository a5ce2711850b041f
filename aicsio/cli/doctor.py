"""``aicsio doctor``: what is installed here, what is missing, and what would bring it.

Rule kept here: requirements are those of the installed distribution; no library is imported to look
at it, so that a broken one is no obstacle.
"""

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from aicsio import formats
from aicsio._codecs import has_library
from aicsio._version import __version__
from aicsio.cli.terminal import options
from aicsio.cli.terminal.text import bold, format_size, layout_entries, layout_table, terminal_width

EXTRAS: Mapping[str, str] = {
    "aicspylibczi": "second engine of CZI (GPL-3.0)",
    "readlif": "second engine of LIF (GPL-3.0)",
    "openreadout": "formats that aicsio does not read, and a second opinion",
    "ims": "Imaris files",
    "xarray": "to_xarray",
    "remote": "fast reading from http, S3 and other servers",
    "zarr": "as_zarr_store",
    "napari": "images in napari",
    "bioio": "images in bioio",
    "completion": "aicsio completion",
    "mcp": "aicsio mcp, for agents",
}
"""Purpose of each extra for users; the others are for those who work on aicsio."""
CODECS: Mapping[str, str] = {
    "deflate": "zlib of TIFF and CZI, PNG",
    "zstd": "Zstandard of CZI, TIFF and Zarr",
    "imcd": "LZW, PackBits and predictors of TIFF",
    "jpeg8": "JPEG",
    "jpeg2k": "JPEG 2000",
    "jpegls": "JPEG-LS",
    "jpegxl": "JPEG XL",
    "jpegxr": "JPEG XR of CZI",
    "jetraw": "Jetraw of TIFF",
    "lerc": "LERC of TIFF",
    "lzma": "LZMA of TIFF",
    "lz4": "LZ4 of Zarr and HDF5",
    "blosc": "Blosc of Zarr",
    "bz2": "bzip2 of Zarr",
    "png": "PNG",
    "webp": "WebP",
    "ccitt": "fax of TIFF",
}
"""Libraries that imagecodecs may be built with, and their use."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "List what is installed and what is missing: packages, extras and how to install them, formats, "
        "codecs, processors. The exit code is 1 if a required package is missing or too old."
    )
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the report."""
    report = examine()
    if arguments.json:
        from aicsio.cli.terminal.documents import print_document

        print_document("doctor", report)
    else:
        print(*as_text(report, terminal_width()), sep="\n")
    return int(bool(report["problems"]))


# ---------------------------------------------------------------- facts


def examine() -> dict[str, Any]:
    """Gather the report, as plain values."""
    required = []
    extras = []
    for name in EXTRAS:
        packages = [describe for extra, describe in _requirements() if extra == name]
        extras.append(
            {
                "name": name,
                "purpose": EXTRAS[name],
                "packages": packages,
                "installed": bool(packages)
                and all(package["state"] == "ok" for package in packages),
                "try": f"pip install 'aicsio[{name}]'",
            }
        )
    for extra, package in _requirements():
        if extra is None:
            required.append(package)
    codecs = []
    for library, purpose in CODECS.items():
        codecs.append({"name": library, "purpose": purpose, "present": has_library(library)})
    return {
        "aicsio": {"version": __version__, "folder": os.path.dirname(os.path.dirname(__file__))},
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "executable": sys.executable,
        },
        "machine": _describe_machine(),
        "required": required,
        "extras": extras,
        "formats": list(_describe_formats()),
        "codecs": codecs,
        "problems": list(_list_problems(required)),
    }


def _requirements() -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Yield each requirement of the distribution that applies here, behind its extra."""
    # A library of Python's packaging, which dask brings.
    from packaging.requirements import Requirement

    try:
        lines = importlib.metadata.requires("aicsio") or []
    except importlib.metadata.PackageNotFoundError:
        # A folder of sources on sys.path is no distribution.
        return
    for line in lines:
        requirement = Requirement(line)
        if requirement.name == "aicsio":
            continue  # "all" is the sum of other extras
        for extra in (None, *EXTRAS):
            if _applies(requirement, extra):
                yield extra, _describe_package(requirement)
                break


def _applies(requirement: Any, extra: str | None) -> bool:
    if requirement.marker is None:
        return extra is None
    # Without an extra, the marker of an optional requirement is false.
    without = bool(requirement.marker.evaluate({"extra": ""}))
    if extra is None:
        return without
    return not without and bool(requirement.marker.evaluate({"extra": extra}))


def _describe_package(requirement: Any) -> dict[str, Any]:
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        version = None
    state = "missing"
    if version is not None:
        # Pre-releases count: whoever installed one wants it.
        fits = requirement.specifier.contains(version, prereleases=True)
        state = "ok" if fits else "too old"
    return {
        "name": requirement.name,
        "version": version,
        "needs": str(requirement.specifier),
        "state": state,
    }


def _describe_machine() -> dict[str, Any]:
    """Describe system, processors and memory."""
    usable = os.cpu_count() or 1
    if sys.platform == "linux":
        # A container or a batch system may give fewer than the machine has.
        usable = len(os.sched_getaffinity(0))
    memory = None
    if sys.platform != "win32":
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": os.cpu_count() or 1,
        "usable_processors": usable,
        "memory_bytes": memory,
    }


def _describe_formats() -> Iterator[dict[str, Any]]:
    for row in (*formats.TABLE, formats.FALLBACK, formats.BRIDGE, *formats.external()):
        missing = row.missing()
        advice = None
        if missing:
            advice = f"pip install {' '.join(missing)}"
            if row.extra is not None:
                advice = f"pip install 'aicsio[{row.extra}]'"
        yield {
            "name": row.name,
            "suffixes": list(row.suffixes),
            "engines": list(row.engines),
            "missing": list(missing),
            "try": advice,
        }


def _list_problems(required: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    for package in required:
        if package["state"] != "ok":
            needed = f"{package['name']}{package['needs']}"
            yield {
                "message": f"{package['name']} is {package['state']}: aicsio needs {needed}",
                "try": f"pip install '{needed}'",
            }


# ---------------------------------------------------------------- text


def as_text(report: Mapping[str, Any], width: int | None) -> list[str]:
    """Lay the report out for a terminal of ``width`` columns, or for a file (``None``)."""
    machine, python = report["machine"], report["python"]
    lines = [bold(f"aicsio {report['aicsio']['version']}")]
    head = [
        ("folder", report["aicsio"]["folder"]),
        ("python", f"{python['version']} ({python['executable']})"),
        ("system", machine["system"]),
        ("threads", f"{machine['usable_processors']} of {machine['processors']} processors"),
    ]
    if machine["memory_bytes"] is not None:
        head.append(("memory", format_size(machine["memory_bytes"])))
    for name, value in head:
        lines.append(f"  {name:<9}{value}")
    lines += ["", bold("required packages")]
    lines += _table([_package_row(package) for package in report["required"]], width)
    lines += ["", bold("extras")]
    lines += _table([_extra_row(extra) for extra in report["extras"]], width)
    lines += ["", bold("formats")]
    lines += _table([_format_row(row) for row in report["formats"]], width)
    lines += ["", bold("codecs of imagecodecs")]
    lines += _table([_codec_row(codec) for codec in report["codecs"]], width)
    lines.append("")
    for problem in report["problems"]:
        lines += [problem["message"], f"  try: {problem['try']}"]
    if not report["problems"]:
        lines.append("all required packages are installed")
    return lines


def _package_row(package: Mapping[str, Any]) -> tuple[str, ...]:
    return package["name"], package["version"] or "-", f"{package['state']}, {package['needs']}"


def _extra_row(extra: Mapping[str, Any]) -> tuple[str, ...]:
    state = extra["try"]
    if extra["installed"]:
        state = ", ".join(f"{one['name']} {one['version']}" for one in extra["packages"])
    return extra["name"], extra["purpose"], state


def _format_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    engines = ", ".join(row["engines"])
    return row["name"], row["try"] or f"engine {engines}", " ".join(row["suffixes"]) or "-"


def _codec_row(codec: Mapping[str, Any]) -> tuple[str, ...]:
    state = "present" if codec["present"] else "missing"
    return codec["name"], state, codec["purpose"]


def _table(rows: list[tuple[str, ...]], width: int | None) -> list[str]:
    """Lay rows out below each other, two columns from the edge."""
    if not rows:
        return ["  none"]
    room = None if width is None else width - 2
    table = layout_table(rows[0], rows[1:], room, plain=True)
    if table is None:
        table = []
        for row in rows:
            table += layout_entries(("", "", ""), row, room)
    return ["  " + line for line in table]
