"""The input files of a batch, and the output file of each.

Rule kept here: nothing is opened and nothing written. Two images never become one file, and none
replaces its source.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from aicsio import formats
from aicsio._io import store_urls
from aicsio._io.urls import public_url, split_chain
from aicsio.errors import SourceNotFoundError, WriteError
from aicsio.joining import file_names
from aicsio.writers.target_names import names_zarr

SUFFIXES = {"ome-tiff": ".ome.tiff", "ome-zarr": ".ome.zarr"}
"""Of the files of each format of ``--to``."""
_LONG_SUFFIXES = (
    *(".ome.tiff", ".ome.tif", ".ome.tf2", ".ome.tf8", ".ome.btf"),
    *(".ome.zarr", ".ome.zarr.zip", ".zarr.zip"),
)
"""Of several parts; the table of formats has the last ones."""


@attrs.frozen
class InputImage:
    """One image to convert."""

    name: str
    """Source as the user wrote it, without the secrets of a URL."""
    source: str
    """Absolute path, URL, or pattern: a process elsewhere has another working folder."""
    target: str
    """Absolute path."""


def is_batch(inputs: Sequence[str], output: str) -> bool:
    """Whether the output is a folder."""
    if len(inputs) > 1:
        return True
    # A Zarr is a folder by itself.
    if not names_zarr(output) and (output.endswith(("/", os.sep)) or os.path.isdir(output)):
        return True
    if os.path.isdir(inputs[0]):
        return not _is_image_folder(inputs[0])
    # A pattern such as "t{T}_*.tif" is one image, though it has a star.
    return file_names.is_glob(inputs[0]) and not file_names.is_pattern(inputs[0])


def list_images(
    inputs: Sequence[str],
    output: str,
    *,
    recursive: bool,
    storage_options: Mapping[str, Any] | None,
    ours: set[str],
    suffix: str = SUFFIXES["ome-tiff"],
) -> list[InputImage]:
    """List the images to convert into a folder.

    Parameters
    ----------
    inputs
        Paths, URLs, folders, globs and patterns.
    output
        The folder.
    recursive
        Whether the folders in a folder are included; they are recreated below ``output``.
    storage_options
        For globs of URLs: keyword arguments of the fsspec file system.
    ours
        Targets of earlier runs; they are not converted again.
    suffix
        Of the targets.

    Returns
    -------
    list of InputImage
        Each source once, in natural order of the names in a folder.

    Raises
    ------
    SourceNotFoundError
        When the inputs hold no image.
    WriteError
        When two images would become one file, or one would replace its source.
    """
    folder = os.path.abspath(os.path.expanduser(output))
    images: dict[str, InputImage] = {}
    for name in inputs:
        for source, relative in list_sources(
            name, folder, recursive=recursive, storage_options=storage_options
        ):
            # The same file may be named twice, through a link or a glob.
            key = source if "://" in source else os.path.realpath(source)
            if key not in ours:
                target = os.path.join(folder, _strip_suffix(relative) + suffix)
                images.setdefault(
                    key, InputImage(public_url(source), _make_absolute(source), target)
                )
    if not images:
        names = file_names.abbreviate([repr(public_url(name)) for name in inputs])
        raise SourceNotFoundError(f"there is nothing to convert in {names}")
    _refuse_collisions(list(images.values()))
    return list(images.values())


def list_sources(
    name: str,
    output: str,
    *,
    recursive: bool,
    storage_options: Mapping[str, Any] | None,
    pictures: bool = False,
) -> Iterator[tuple[str, str]]:
    """Sources of one input, and their names relative to it.

    ``pictures`` includes PNG, JPEG and what else imageio reads, which are copies more often than images:
    a batch of conversions leaves them out.
    """
    if os.path.isdir(name) and not _is_image_folder(name):
        suffixes = set(_known_suffixes())
        if pictures:
            suffixes |= _picture_suffixes()
        yield from _walk_folder(name, output, tuple(suffixes), recursive=recursive)
    elif not file_names.is_pattern(name) and file_names.is_glob(name):
        for path in file_names.find_files(name, storage_options):
            yield path, _base_name(path)
    else:
        yield name, _base_name(name)


def _walk_folder(
    name: str, output: str, suffixes: tuple[str, ...], *, recursive: bool
) -> Iterator[tuple[str, str]]:
    """Files with a suffix of a format, and stores with one, without hidden ones and the output."""
    # os.walk does not follow links to folders, so it ends.
    for folder, subfolders, files in os.walk(name):
        entered, images = [], []
        for entry in [*subfolders, *files]:
            path = os.path.join(folder, entry)
            if entry.startswith(".") or os.path.abspath(path) == output:
                continue
            has_suffix = entry.lower().endswith(suffixes)
            if not os.path.isdir(path):
                images += [entry] * has_suffix
            elif has_suffix and _is_image_folder(path):
                # Nothing within a store is an image of its own.
                images.append(entry)
            else:
                entered.append(entry)
        # os.walk enters the folders that this list names, in its order.
        subfolders[:] = sorted(entered, key=file_names.natural_key)
        for entry in sorted(images, key=file_names.natural_key):
            path = os.path.join(folder, entry)
            yield path, os.path.relpath(path, name)
        if not recursive:
            return


def _is_image_folder(path: str) -> bool:
    """Whether a folder is itself one image, such as a Zarr or a plate, not a folder of images."""
    source = store_urls.identify_image(path, None)
    # A format that lacks its library here could not open the folder either.
    able = [row for row in formats.candidates(source) if not row.missing()]
    # A folder has no first bytes.
    return any(row.load().recognises(source, b"") for row in able)


def _known_suffixes() -> Iterator[str]:
    for row in (*formats.TABLE, *formats.external()):
        yield from row.suffixes


def _picture_suffixes() -> set[str]:
    return set(formats.FALLBACK.suffixes)


def _make_absolute(name: str) -> str:
    if "://" in name or "::" in name:
        return name
    return os.path.abspath(os.path.expanduser(name))


def _base_name(name: str) -> str:
    """Name of the file in a path or URL; of a chained URL, in its first part that is a URL."""
    if "://" in name:
        links = split_chain(public_url(name))
        name = next(link for link in links if "://" in link).partition("?")[0]
    return os.path.basename(name.rstrip("/"))


def _strip_suffix(name: str) -> str:
    """Remove the suffix, and the braces of a pattern."""
    stem = name.replace("{", "").replace("}", "")
    longest = ""
    # The longest: "a.ome.tif" becomes "a", not "a.ome".
    for suffix in (*_LONG_SUFFIXES, *_known_suffixes()):
        matches = stem.lower().endswith(suffix) and len(stem) > len(suffix)
        if matches and len(suffix) > len(longest):
            longest = suffix
    # By its length: the name may have the suffix in capitals.
    return stem.removesuffix(stem[-len(longest) :]) if longest else os.path.splitext(stem)[0]


def _refuse_collisions(images: Sequence[InputImage]) -> None:
    """Raise when two images would become one file, or one would replace its source."""
    sources: dict[str, list[str]] = {}
    for image in images:
        # normcase: two names that differ in case are one file on Windows.
        sources.setdefault(os.path.normcase(image.target), []).append(image.name)
        if os.path.realpath(image.source) == os.path.realpath(image.target):
            raise WriteError(
                f"{image.name!r} would replace itself: name another folder for the output"
            )
    collisions = [target for target, names in sources.items() if len(names) > 1]
    if collisions:
        names = sources[collisions[0]]
        clashing = " and ".join(map(repr, names[:3]))
        if len(names) > 3:
            clashing += " and others"
        count = ""
        if len(collisions) > 1:
            count = f" (and {len(collisions) - 1} more like these)"
        raise WriteError(
            f"{clashing} would both become {collisions[0]!r}{count}: "
            "convert them into different folders"
        )
