"""What the options of the command line look like, and what they mean.

Rule kept here: argparse and nothing else, so that ``--help`` and wrong usage are answered at once.
"""

import argparse
import re
from typing import Any

_PICK = re.compile(r"([A-Z])=(-?\d+(?:,-?\d+)*|-?\d*:-?\d*(?::-?\d*)?)")
_SPAN = re.compile(r"(\d*):(\d*)")
_SIZE = re.compile(r"([ZYX])=(\d*\.?\d+(?:[eE][+-]?\d+)?)")
_MODULO = re.compile(r"([A-Z])=([TCZ])")

COMPRESSIONS = ("zlib", "zstd", "lzw", "jpeg", "jpeg2000", "jpegxl", "none")
DOWNSAMPLES = ("auto", "mean", "mode", "nearest")
BIGTIFF = {"auto": "auto", "yes": True, "no": False}


def opening() -> argparse.ArgumentParser:
    """Options of ``open_image``."""
    options = argparse.ArgumentParser(add_help=False)
    group = options.add_argument_group("opening")
    group.add_argument(
        "--format", metavar="NAME", help="take this format without looking at the content"
    )
    group.add_argument(
        "--dims",
        metavar="LETTERS",
        help="letters of the stored axes, where the file does not name them",
    )
    group.add_argument("--mosaic", choices=("stitched", "tiles"), default="stitched")
    group.add_argument(
        "--storage-options", type=json_object, metavar="JSON", help="for URLs: options of fsspec"
    )
    return options


def focus(scenes: str = "index or name; default: 0") -> argparse.ArgumentParser:
    """Which part of an image."""
    options = argparse.ArgumentParser(add_help=False)
    group = options.add_argument_group("focus")
    group.add_argument("--scene", default="0", help=scenes)
    group.add_argument(
        "--level", type=int, metavar="N", help="resolution level; 0 is full resolution"
    )
    what = "positions of a dimension: T=0, Z=0:10 or C=0,2; once for each dimension"
    group.add_argument("--pick", type=pick, action="append", default=[], metavar="PICK", help=what)
    return options


def converting() -> argparse.ArgumentParser:
    """Options of ``aicsio convert``: those of the writer, and those of many files."""
    options = argparse.ArgumentParser(add_help=False)
    part = options.add_argument_group("part")
    part.add_argument(
        "--crop",
        type=crop,
        metavar="Y0:Y1,X0:X1",
        help="rows and columns of the level that is written",
    )
    what = "name or index of a channel; once for each, in the order of the output"
    part.add_argument("--channel", action="append", default=[], metavar="C", help=what)
    part.add_argument(
        "--order", help="dimensions to write, in the order of the planes, such as TCZYX"
    )
    part.add_argument(
        "--modulo",
        type=modulo,
        metavar="H=T",
        help="fold a dimension that OME lacks into T, C or Z; or auto",
    )
    _add_storage(options.add_argument_group("storage"))
    _add_metadata(options.add_argument_group("metadata"))
    _add_files(options.add_argument_group("files"))
    return options


def _add_storage(group: Any) -> None:
    group.add_argument("--compression", choices=COMPRESSIONS, default="zlib", help="default: zlib")
    group.add_argument(
        "--compression-level",
        type=int,
        metavar="N",
        help="effort or quality; see the docs of the writer",
    )
    group.add_argument(
        "--tile",
        type=tile,
        default="auto",
        metavar="N|HxW|none",
        help="size of tiles, or strips; default: auto",
    )
    group.add_argument(
        "--pyramid",
        type=levels,
        default=1,
        metavar="N|auto",
        help="resolution levels to make; default: 1",
    )
    group.add_argument(
        "--downsample", choices=DOWNSAMPLES, default="auto", help="how smaller levels are made"
    )
    group.add_argument(
        "--dtype", help="type to convert to, such as uint16; values that do not fit are an error"
    )
    group.add_argument(
        "--bigtiff", choices=tuple(BIGTIFF), default="auto", help="default: auto, by size"
    )
    group.add_argument(
        "--no-sync",
        action="store_true",
        help="do not wait for the disk; a power cut may lose a file",
    )


def _add_metadata(group: Any) -> None:
    group.add_argument(
        "--scene-name", action="append", metavar="NAME", help="name of a scene; once for each"
    )
    group.add_argument(
        "--channel-names", type=names, metavar="A,B", help="names of the channels that are written"
    )
    group.add_argument("--channel-colors", type=names, metavar="#RRGGBB,...", help="their colours")
    group.add_argument(
        "--pixel-size", type=pixel_size, metavar="Z=1,Y=0.5,X=0.5", help="in micrometres"
    )
    group.add_argument("--time-step", type=float, metavar="SECONDS")
    group.add_argument("--description", metavar="TEXT")
    group.add_argument(
        "--original-metadata", action="store_true", help="keep the source's own metadata text"
    )


def _add_files(group: Any) -> None:
    group.add_argument(
        "--along",
        type=letter,
        metavar="LETTER",
        help="join all inputs along this letter into one image",
    )
    group.add_argument("--recursive", action="store_true", help="take the folders in a folder too")
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--jobs",
        type=positive,
        default=1,
        metavar="N",
        help="files at once, each in its own process",
    )
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of a dask cluster that does it, such as tcp://host:8786",
    )
    group.add_argument("--dry-run", action="store_true", help="say what would be done")
    group.add_argument(
        "--update", action="store_true", help="redo files whose source or options changed since"
    )
    group.add_argument("--overwrite", action="store_true", help="replace what is there")


# ---------------------------------------------------------------- values


def positive(text: str) -> int:
    """Read a number from 1 on."""
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def letter(text: str) -> str:
    """Read one dimension."""
    if len(text) != 1 or not (text.isascii() and text.isupper()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no dimension: write one capital letter, such as T"
        )
    return text


def json_object(text: str) -> dict[str, object]:
    """Read ``{"anon": true}``."""
    import json

    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no JSON object, such as '{{\"anon\": true}}'"
        )
    return value


def pick(text: str) -> tuple[str, int | slice | tuple[int, ...]]:
    """Read ``T=0``, ``Z=0:10:2`` or ``C=0,2``."""
    match = _PICK.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no pick: write T=0, Z=0:10, Z=::2 or C=0,2")
    letter, what = match.groups()
    if ":" in what:
        return letter, slice(*(int(part) if part else None for part in what.split(":")))
    numbers = tuple(map(int, what.split(",")))
    return letter, numbers[0] if len(numbers) == 1 else numbers


def crop(text: str) -> list[tuple[str, slice]]:
    """Read ``100:612,0:512``: rows and columns."""
    spans = [_SPAN.fullmatch(part) for part in text.split(",")]
    if len(spans) != 2:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no crop: write rows and columns, such as 100:612,0:512"
        )
    found = []
    for letter, span in zip("YX", spans, strict=True):
        if span is None:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no crop: write rows and columns, such as 100:612,0:512"
            )
        found.append((letter, slice(*(int(part) if part else None for part in span.groups()))))
    return found


def tile(text: str) -> int | tuple[int, int] | str | None:
    """Read ``512``, ``512x1024``, ``none`` or ``auto``."""
    if text in {"auto", "none"}:
        return None if text == "none" else text
    sides = [positive(part) for part in text.split("x")]
    if len(sides) > 2:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no size of tiles: write 512, 512x1024, none or auto"
        )
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def levels(text: str) -> int | str:
    """Read ``4`` or ``auto``."""
    return text if text == "auto" else positive(text)


def names(text: str) -> list[str]:
    """Read ``DAPI,GFP``."""
    return text.split(",")


def pixel_size(text: str) -> dict[str, float]:
    """Read ``Z=1,Y=0.5,X=0.5``."""
    found = {}
    for part in text.split(","):
        match = _SIZE.fullmatch(part)
        if match is None:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no pixel size: write Z=1,Y=0.5,X=0.5, in micrometres"
            )
        found[match[1]] = float(match[2])
    return found


def modulo(text: str) -> dict[str, str] | str:
    """Read ``H=T,V=C`` or ``auto``."""
    if text == "auto":
        return text
    found = {}
    for part in text.split(","):
        match = _MODULO.fullmatch(part)
        if match is None:
            raise argparse.ArgumentTypeError(f"{text!r}: write H=T to fold H into T, or auto")
        found[match[1]] = match[2]
    return found
