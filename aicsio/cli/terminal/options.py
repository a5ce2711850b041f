"""Options that several commands share, and the values that options take.

Rule kept here: argparse and nothing else, so that ``--help`` and wrong usage are answered at once
(click takes 67 ms to import).
"""

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

_PICK = re.compile(r"([A-Z])=(-?\d+(?:,-?\d+)*|-?\d*:-?\d*(?::-?\d*)?)")
_NAMED_PICK = re.compile(r"C=(.+)", re.DOTALL)
_SPAN = re.compile(r"(\d*):(\d*)")
_SIZE = re.compile(r"([ZYX])=(\d*\.?\d+(?:[eE][+-]?\d+)?)")
_LETTER_SIZE = re.compile(r"([TCZYX])=(\d+)")
_MODULO = re.compile(r"([A-Z])=([TCZ])")

COMPRESSIONS = ("zlib", "zstd", "lzw", "jpeg", "jpeg2000", "jpegxl", "blosc", "lz4", "gzip", "none")
FORMATS = ("ome-tiff", "ome-zarr")
ZARR_VERSIONS = ("0.5", "0.4")
DOWNSAMPLES = ("auto", "mean", "mode", "nearest")
MOSAICS = ("stitched", "tiles")
MISSING = ("error", "fill", "skip")
BIGTIFF: Mapping[str, bool | Literal["auto"]] = {"auto": "auto", "yes": True, "no": False}


def add_opening(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``open_image``."""
    group = parser.add_argument_group("opening")
    group.add_argument(
        "--format", metavar="NAME", help="use this format without looking at the content"
    )
    group.add_argument(
        "--engine", metavar="NAME", help="reader of a format that has several, such as native"
    )
    group.add_argument(
        "--dims",
        metavar="LETTERS",
        help="letters of the stored axes, if the file does not name them",
    )
    add_choice(group, "--mosaic", MOSAICS, default="stitched", help="default: stitched")
    group.add_argument(
        "--masks",
        action="store_true",
        help="leave out pixels that masks of a CZI call not valid; default: show them",
    )
    group.add_argument(
        "--storage-options", type=json_object, metavar="JSON", help="for URLs: options of fsspec"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--json``."""
    parser.add_argument(
        "--json", action="store_true", help="print JSON; aicsio schema prints its schema"
    )


def shown_name(name: str, arguments: argparse.Namespace) -> str:
    """Return the name of a file as the user wrote it, without passwords; ``-`` for the standard input."""
    if name == arguments.spooled:
        return "-"
    # Imported here: options alone are read without it.
    from aicsio._io.urls import public_url

    return public_url(name)


def show_dash(value: Any, arguments: argparse.Namespace) -> Any:
    """Write ``-`` for the temporary file of the standard input, in a text or in all texts of a document."""
    if arguments.spooled is None:
        return value
    if isinstance(value, str):
        # A path in a message may be quoted by repr.
        return value.replace(arguments.spooled, "-")
    if isinstance(value, dict):
        return {key: show_dash(one, arguments) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [show_dash(one, arguments) for one in value]
    return value


def add_focus(
    parser: argparse.ArgumentParser, scenes: str = "index or name; default: the first with pixels"
) -> None:
    """Add the options that choose a part of an image; ``scenes`` is the help of ``--scene``."""
    group = parser.add_argument_group("focus")
    # Text, not int: names are allowed, and a scene may be called "1".
    places = group.add_mutually_exclusive_group()
    places.add_argument("--scene", help=scenes)
    places.add_argument("--well", metavar="B3", help="well of a plate, in place of --scene")
    group.add_argument(
        "--field", type=int, default=0, metavar="N", help="field of view of --well; default: 0"
    )
    group.add_argument(
        "--level", type=int, metavar="N", help="resolution level; 0 is full resolution"
    )
    group.add_argument(
        "--pick",
        type=pick,
        action="append",
        default=[],
        metavar="PICK",
        help="positions of a dimension: T=0, Z=0:10, C=0,2 or C=DAPI; once for each dimension",
    )


def add_choice(
    group: Any,
    flag: str,
    choices: Iterable[str],
    *,
    default: str | None,
    help: str,  # noqa: A002 - as argparse calls it
) -> None:
    """Add an option that takes one of some words; an unknown word is answered with the closest."""
    words = list(choices)
    metavar = "{" + ",".join(words) + "}"
    group.add_argument(flag, type=one_of(words), default=default, metavar=metavar, help=help)


def unknown(kind: str, word: str, candidates: Sequence[str]) -> str:
    """Write the message for a command, option or value that does not exist."""
    import difflib  # for an error alone

    # The default cutoff of 0.6 finds one or two wrong letters and does not guess beyond.
    close = difflib.get_close_matches(word, candidates, n=1)
    if close:
        return f"there is no {kind} {word!r}: did you mean {close[0]!r}?"
    return f"there is no {kind} {word!r}: choose from {', '.join(candidates)}"


# ---------------------------------------------------------------- values


def one_of(words: Sequence[str]) -> Callable[[str], str]:
    """Make a function that reads one of some words."""

    def read(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(unknown("choice", text, words))
        return text

    return read


def positive(text: str) -> int:
    """Read a number from 1 on."""
    if not _is_positive(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def _is_positive(text: str) -> bool:
    # int() alone would take "1_0", " 1" and digits of other scripts.
    return text.isascii() and text.isdigit() and bool(int(text))


def letter(text: str) -> str:
    """Read one dimension."""
    if len(text) != 1 or not (text.isascii() and text.isupper()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a dimension: write one capital letter, such as T"
        )
    return text


def json_object(text: str) -> dict[str, object]:
    """Read ``{"anon": true}``."""
    # Rarely needed; json takes 10 ms to import.
    import json

    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a JSON object, such as '{{\"anon\": true}}'"
        )
    return value


def pick(text: str) -> tuple[str, int | slice | str | tuple[int | str, ...]]:
    """Read ``T=0``, ``Z=0:10:2``, ``C=0,2`` or ``C=DAPI,GFP``."""
    match = _PICK.fullmatch(text)
    if match is None:
        named = _NAMED_PICK.fullmatch(text)
        if named is not None:
            return "C", _names_and_positions(named[1])
        raise argparse.ArgumentTypeError(f"{text!r} is not a pick: {_advise_pick(text)}")
    letter, positions = match.groups()
    if ":" in positions:
        return letter, _span(positions.split(":"))
    numbers = tuple(map(int, positions.split(",")))
    if len(numbers) == 1:
        return letter, numbers[0]
    return letter, numbers


def _names_and_positions(text: str) -> str | tuple[int | str, ...]:
    """Read ``DAPI``, or ``0,DAPI``; a number is a position."""
    parts = text.split(",")
    if len(parts) == 1:
        return text
    return tuple(int(part) if re.fullmatch(r"-?\d+", part) else part for part in parts)


def _advise_pick(text: str) -> str:
    """Advise a form that works for what the user seems to want."""
    letter, equals, value = text.partition("=")
    if equals and letter.upper() != letter and _PICK.fullmatch(f"{letter.upper()}={value}"):
        return f"dimensions are capital letters, {letter.upper()}={value}"
    if re.fullmatch(r"[A-Z]=.*[^\d,:-].*", text, re.DOTALL):
        return f"only channels have names; write {letter}=0, {letter}=0:10 or {letter}=0,2"
    return "write T=0, Z=0:10, Z=::2, C=0,2 or C=DAPI"


def crop(text: str) -> list[tuple[str, slice]]:
    """Read ``100:612,0:512``: rows and columns."""
    matches = [_SPAN.fullmatch(part) for part in text.split(",")]
    # Both axes are required: a single span would not show which one it means.
    if len(matches) != 2 or None in matches:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a crop: write rows and columns, such as 100:612,0:512"
        )
    rows, columns = (match.groups() for match in matches if match is not None)
    return [("Y", _span(rows)), ("X", _span(columns))]


def _span(parts: Sequence[str]) -> slice:
    """Read start, stop and step, each a number or empty."""
    return slice(*(int(part) if part else None for part in parts))


def tile(text: str) -> int | tuple[int, int] | str | None:
    """Read ``512``, ``512x1024``, ``none`` or ``auto``."""
    if text == "none":
        return None
    if text == "auto":
        return text
    parts = text.split("x")
    # A part of the text alone, such as '' of "16x", would not show what was typed.
    if len(parts) > 2 or not all(map(_is_positive, parts)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a tile size: write 512, 512x1024, none or auto"
        )
    sides = tuple(map(int, parts))
    if len(sides) == 1:
        return sides[0]
    return sides[0], sides[1]


def sizes(text: str) -> int | dict[str, int] | str | None:
    """Read ``512``, ``512x1024``, ``Z=32,Y=128,X=128``, ``none`` or ``auto``."""
    if "=" not in text:
        sides = tile(text)
        return dict(zip("YX", sides, strict=True)) if isinstance(sides, tuple) else sides
    by_letter = {}
    for part in text.split(","):
        match = _LETTER_SIZE.fullmatch(part)
        if match is None:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no size: write 512, 512x1024, Z=32,Y=128,X=128, none or auto"
            )
        by_letter[match[1]] = positive(match[2])
    return by_letter


def levels(text: str) -> int | str:
    """Read ``4``, ``auto`` or ``source``."""
    return text if text in {"auto", "source"} else positive(text)


def names(text: str) -> list[str]:
    """Read ``DAPI,GFP``."""
    return text.split(",")


def pixel_size(text: str) -> dict[str, float]:
    """Read ``Z=1,Y=0.5,X=0.5``."""
    sizes = {}
    for part in text.split(","):
        match = _SIZE.fullmatch(part)
        if match is None:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a pixel size: write Z=1,Y=0.5,X=0.5, in micrometres"
            )
        sizes[match[1]] = float(match[2])
    return sizes


def modulo(text: str) -> dict[str, str] | str:
    """Read ``H=T,V=C`` or ``auto``."""
    if text == "auto":
        return text
    folds = {}
    for part in text.split(","):
        match = _MODULO.fullmatch(part)
        if match is None:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a fold: write H=T to fold H into T, or auto"
            )
        folds[match[1]] = match[2]
    return folds
