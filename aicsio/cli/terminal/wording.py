"""Messages of the library in the words of the command line.

Rule kept here: errors and diagnostics of the library advise in Python, ``dims='ZYX'`` or
``transpose_to(handle, C=0)``; a shell has options. The two tables below translate; a test holds them
to every message of the package that the command line can show.
"""

import re
import shlex
from collections.abc import Callable

OPTIONS = {
    "along": "--along",
    "bigtiff": "--bigtiff",
    "channel_colors": "--channel-colors",
    "channel_names": "--channel-names",
    "chunks": "--chunks",
    "compression": "--compression",
    "compression_level": "--compression-level",
    "description": "--description",
    "dims": "--dims",
    "downsample": "--downsample",
    "dtype": "--dtype",
    "engine": "--engine",
    "format": "--format",
    "levels": "--pyramid",
    "masks": "--masks",
    "missing": "--missing",
    "modulo": "--modulo",
    "mosaic": "--mosaic",
    "original_metadata": "--original-metadata",
    "overwrite": "--overwrite",
    "pixel_size": "--pixel-size",
    "scene": "--scene",
    "scene_names": "--scene-name",
    "shards": "--shards",
    "storage_options": "--storage-options",
    "tile": "--tile",
    "time_step": "--time-step",
    "version": "--zarr-version",
}
"""Option of each keyword of ``open_image``, ``open_many``, ``write_scenes`` and
``write_ome_zarr``."""

_SWITCHES = frozenset({"original_metadata", "overwrite"})
"""Keywords whose option takes no value."""

_WORDS = {"None": "none", "True": "yes", "False": "no", "...": ""}
"""Values of Python as values of options."""

_VALUE = r"'[^']*'|\"[^\"]*\"|\{(?:[^{}]|\{[^{}]*\})*\}|\([^()]*\)|\.\.\.|-?[\w.]*"
# Not behind a letter or dash ("--dims="), and not a comparison ("a == b").
_KEYWORD = rf"(?<![\w-])({'|'.join(OPTIONS)})=(?!=)({_VALUE})"
_PICKS = r"((?:[A-Z]=[\d:-]+(?:, )?)+)"


def _write_picks(match: re.Match[str]) -> str:
    return " ".join(f"--pick {pick}" for pick in match[1].split(", "))


def _write_slice(match: re.Match[str]) -> str:
    """Write ``Z=slice(5, 9, None)`` as ``Z=5:9``."""
    letter, *bounds = match.groups()
    parts = ["" if bound == "None" else bound for bound in bounds]
    return f"{letter}={':'.join(parts).removesuffix(':') or ':'}"


def _write_option_name(match: re.Match[str]) -> str:
    return f"{OPTIONS[match[1]]}: "


_PHRASES: tuple[tuple[str, str, str | Callable[[re.Match[str]], str]], ...] = (
    # `info` shows the answers of all formats by itself, for a file that one of them reads.
    ("explain()", r"\. explain\(\) lists why each declined", ""),
    # Errors of one option begin with its name.
    (": ", rf"^({'|'.join(OPTIONS)}): ", _write_option_name),
    ("=slice(", r"\b([A-Z])=slice\((None|-?\d+), (None|-?\d+), (None|-?\d+)\)", _write_slice),
    # Spans of Y and X may come from --crop as well.
    (
        "=",
        r"^(?![YX]=\S*:)([A-Z]=[-\d:]+)(?= (?:is out of range|selects nothing|has step 0))",
        r"--pick \1",
    ),
    (
        "pick one with",
        r"pick one with ([A-Z]=\d+), or keep it: '(\w+)'",
        r"give --pick \1, or --order \2",
    ),
    ("names the channels", r"^C='([^']*)' names the channels", r"--pick C=\1 names the channels"),
    ("#RRGGBBAA", r"'#RRGGBBAA', 0xRRGGBBAA or None", "or '#RRGGBBAA'"),
    (
        "open_many(",
        r"; open_many\(.*\) opens the files of a pattern as one image",
        "; convert reads a pattern of files, in quotes",
    ),
    (
        "read it yourself",
        r"(is no regular file): read it yourself and give the bytes",
        r"\1",
    ),
    # A folded array would need a script.
    ("fold into C", r"; or fold into C: open_image\(.*", ""),
    (
        "transpose_to(",
        r"transpose_to\(handle, (?:'\w+'|\.\.\.), " + _PICKS + r"\)",
        _write_picks,
    ),
    (
        "keep them with",
        r"keep them with transpose_to\(handle, ('\w+')\)",
        r"keep them with --order \1",
    ),
    (
        "as_zarr_store(",
        r"as_zarr_store\(handle\) serves any image by chunks, write_ome_zarr\(handle, target\) writes it",
        "aicsio convert writes any image as OME-Zarr",
    ),
    (
        "check='all'",
        r"open_many\(\.\.\., check='all'\) names all files that differ",
        "not all files are alike",
    ),
    # A call with keywords alone is its keywords: open_image(dims=...).
    (
        "(",
        r"\b(?:open_image|open_many|write_ome_tiff|write_scenes)\((?:\.\.\., )?(\w+=[^()]*)\)",
        r"\1",
    ),
    (": open_image(", r": open_image\(('[^']*'|\"[^\"]*\")\)", r": name \1 alone"),
    (
        "pick a part",
        (
            r"pick a part with transpose_to, a smaller level with select_level, "
            r"or read lazily with to_dask"
        ),
        "take a part with --pick or --crop, or a smaller level with --level",
    ),
    ("on it again", r"call open_image on it again", "run the command again"),
    ("pass ", r"pass (?=overwrite=)", "give "),
    (
        "convert the array",
        r"convert the array yourself and open it with open_image, or write (?=dtype=)",
        "give ",
    ),
    ("PixelSize(", r"PixelSize\(\.\.\.\)", "..."),
    (
        "write_picture",
        r"write_picture draws one picture",
        "a name with .png draws one picture",
    ),
    ("select_scene", r"select_scene picks one", "--scene picks one"),
    (
        "give plate=",
        r"give plate=, or pick one by its index with select_scene",
        "pick one by its index with --scene",
    ),
    (
        "size=4096",
        r"give size=4096, or pick a part",
        "give --size 4096, or pick a part",
    ),
    ("pick a part", r"pick a part with transpose_to", "take a part with --pick"),
    ("smaller size=", r", or give a smaller size=", ", or give a smaller --size"),
    ("raw_metadata", r"; raw_metadata gives the text", "; --raw gives the text"),
    (
        "convert the array",
        r": convert the array yourself and open it with open_image",
        ": give another --dtype",
    ),
    ("write_ome_zarr", r"write_ome_zarr keeps them", "an output .ome.zarr keeps them"),
)
"""Characters that a phrase has in all its forms, its pattern, and its replacement; tried in this
order, before the keywords. A pattern is made when a message has the characters: all 31 take 4 ms,
a tenth of the start of ``aicsio info``."""


def speak_options(message: str) -> str:
    """Replace calls and keywords of Python by options of the command line.

    Parameters
    ----------
    message
        Message of an error or diagnostic.

    Returns
    -------
    str
        The same advice for a shell.

    Examples
    --------
    >>> from aicsio.cli.terminal.wording import speak_options
    >>> speak_options("the file does not name its axes; open_image(dims=...) names them")
    'the file does not name its axes; --dims names them'
    >>> speak_options("TIFF wants multiples of 16, such as tile=(256, 256) or tile=None for strips")
    'TIFF wants multiples of 16, such as --tile 256x256 or --tile none for strips'
    """
    for characters, pattern, replacement in _PHRASES:
        if characters in message:
            message = re.sub(pattern, replacement, message)
    return re.sub(_KEYWORD, _write_option, message) if "=" in message else message


def _write_option(match: re.Match[str]) -> str:
    keyword, value = match.groups()
    # A full stop ends the sentence, not the value; only "..." stands for a value.
    end = "." if value.endswith(".") and value != "..." else ""
    value = value.removesuffix(end) if end else value
    flag = OPTIONS[keyword]
    if keyword in _SWITCHES:
        return flag + end
    word = _WORDS.get(value, value)
    if keyword == "modulo" and word.startswith("{"):
        # {'H': 'T', 'V': 'C'} is H=T,V=C in a shell.
        word = ",".join(f"{letter}={axis}" for letter, axis in re.findall(r"'(\w)': '(\w)'", word))
    elif word.startswith("{"):
        word = shlex.quote(word.replace("'", '"'))
    elif word.startswith("("):
        word = "x".join(re.findall(r"\d+", word))
    elif word[:1] in {"'", '"'}:
        word = shlex.quote(word[1:-1])
    return f"{flag} {word}".rstrip() + end
