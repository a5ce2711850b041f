"""TIFF and the formats that are written in it.

Rule kept here: this module is the door; ``_tiff.dialects`` chooses the dialect.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from aicsio.formats import Options
from aicsio.formats._tiff.dialects import describe
from aicsio.formats._tiff.dialects.marks import is_imagej
from aicsio.formats._tiff.dual_files import is_tiff
from aicsio.formats._tiff.ifd import open_tiff, read_directory
from aicsio.formats._tiff.page_metadata import PageTags, read_all_tags
from aicsio.records import Contents, Damage, LazyArray, Planes, Scene, Source, Value
from aicsio.records.provenance import FactOrigins

__all__ = ["describe_instrument", "read_contents", "read_planes", "read_tags", "recognises"]


def recognises(source: Source, head: bytes) -> bool:
    """Return whether the content begins as TIFF or BigTIFF does."""
    return is_tiff(source, head)


def read_contents(source: Source, options: Options) -> Contents:  # noqa: ARG001 - part of the protocol
    """Describe the scenes of a TIFF file; no pixels are read, nothing stays open.

    Raises
    ------
    CorruptFileError
        When no page can be used.
    UnsupportedFormatError
        When none can be decoded.
    """
    with open_tiff(source) as (file, first):
        return describe(file, first, [])


# ---------------------------------------------------------------- optional protocols of a format


def read_tags(source: Source) -> dict[str, Value]:
    """Return the tags of the first page by name, and the texts that ImageJ keeps in one of them.

    Raises
    ------
    CorruptFileError
        When the first directory cannot be read.
    """
    with open_tiff(source) as (file, first):
        tags = read_all_tags(file, first)
        # ImageJ keeps texts in a tag of bytes.
        page = PageTags.of(file, read_directory(file, first)[0])
        if is_imagej(page):
            from aicsio.formats._tiff.dialects.imagej_metadata import read_imagej_metadata

            extra = read_imagej_metadata(page)
            texts = {"ImageJ.Info": extra.info, "ImageJ.Labels": extra.labels}
            properties = {f"ImageJ.{key}": value for key, value in extra.properties}
            tags |= {name: value for name, value in (texts | properties).items() if value}
    return tags


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe what the dialect of a file holds beyond the records, as parts of OME."""
    # Imported on request: most files are opened for their pixels.
    from aicsio.formats._tiff import instruments

    return instruments.describe_instrument(source, contents)


def read_planes(scene: Scene, level: LazyArray, /) -> Planes | None:
    """Return times, exposures and positions that ScanImage, Micro-Manager and MetaMorph keep with each page."""
    from aicsio.formats._tiff import frames

    return frames.read_frames(scene, level)


def check_structure(source: Source, /) -> Iterator[Damage]:
    """Walk the directories of a file; see ``ChecksStructure``."""
    from aicsio.formats._tiff import soundness

    return soundness.find_faults(source)


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:
    """Return the tags and the metadata of the dialect."""
    from aicsio.formats._tiff import origins

    with open_tiff(source) as (file, first):
        return origins.trace(file, first, contents.scenes[scene])
