"""Vendors' TIFF by tifffile: which pages make which series. The only importer of tifffile that reads.

Rule kept here: structure only -- tifffile sorts pages and parses private tags, our engine reads the pixels. The chain
of directories is walked by our own reader first, so that tifffile never sees a cyclic one; its errors on damaged
input, and its log lines, become a ``Diagnostic``.
"""

import contextlib
import logging
import math
import threading
from collections.abc import Iterator
from typing import IO, Any, cast

import numpy as np

from aicsio._io import readers
from aicsio.errors import AicsioError
from aicsio.formats._tiff.acquisition import describe_exposure, read_acquisition
from aicsio.formats._tiff.axes import lazy_array_of_axes
from aicsio.formats._tiff.chain import Chain, read_chain
from aicsio.formats._tiff.contiguous import contiguous
from aicsio.formats._tiff.dialects.vendor_metadata import (
    SceneFields,
    fit_to_scene,
    read_vendor_metadata,
)
from aicsio.formats._tiff.ifd import OpenTiff, read_directory
from aicsio.formats._tiff.page import PageStructure, diagnose
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.page_tables import PageTable, SegmentTable
from aicsio.formats._tiff.physical_size import read_pixel_size
from aicsio.formats._tiff.slides import read_scn_images
from aicsio.formats._tiff.tags import Compression
from aicsio.records import Contents, Diagnostic, LazyArray, Scene


class _Listener(logging.Filter):
    """Takes the log records of one thread off a logger."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        # Other threads may read other files with tifffile: their records go on to the user's
        # handlers.
        if threading.get_ident() != self._thread:
            return True
        self.heard.append(record.getMessage())
        return False


@contextlib.contextmanager
def listening() -> Iterator[list[str]]:
    """Collect what tifffile logs in this thread, instead of letting it reach the user's terminal."""
    logger, listener = logging.getLogger("tifffile"), _Listener()
    logger.addFilter(listener)
    try:
        yield listener.heard
    finally:
        logger.removeFilter(listener)


def read_structure(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    """Describe a file of a vendor's dialect."""
    import tifffile

    _, broken = read_chain(file, first)
    # A damaged chain is not handed on: the plain reader takes the pages before the damage.
    if broken:
        return broken[0]
    uri = file.source.uri
    try:
        name = uri.replace("\\", "/").rsplit("/", 1)[-1]
        # tifffile reads the offsets of NDPI as 64-bit numbers in files of that suffix.
        if file.variant.is_ndpi and not name.lower().endswith(".ndpi"):
            name += ".ndpi"
        with (
            listening() as heard,
            np.errstate(all="ignore"),
            contextlib.closing(cast("IO[bytes]", readers.open_binary(file.source))) as stream,
            tifffile.TiffFile(stream, name=name) as tif,
        ):
            scenes, notes = _scenes(file, tif, tags)
    # Errors of our own sources (a lost connection, a changed file) are no finding about the
    # dialect.
    except AicsioError:
        raise
    except Exception as error:  # noqa: BLE001 - on damaged input a library raises anything; the plain reader goes on
        return Diagnostic(
            "tiff-structure", f"read as plain TIFF: {type(error).__name__}: {error}", uri
        )
    if not any(scene.levels for scene in scenes):
        return Diagnostic(
            "tiff-structure", "no series of the dialect can be read: read as plain TIFF", uri
        )
    notes += [Diagnostic("tifffile", message, uri) for message in heard]
    return Contents(tuple(scenes), tags.description or None, tuple(notes))


def _scenes(file: OpenTiff, tif: Any, tags: PageTags) -> tuple[list[Scene], list[Diagnostic]]:
    scenes: list[Scene] = []
    vendor = read_vendor_metadata(tif, tags)
    notes: list[Diagnostic] = list(vendor.notes)
    taken = read_acquisition(tags)
    scanned = read_scn_images(tags.description) if tif.is_scn else {}
    for series, stored_levels in _list_series(tif):
        if tif.is_lsm and scenes and series.keyframe.is_reduced:
            text = f"the thumbnails of {scenes[0].name!r} ({series.shape}) are left out"
            notes.append(Diagnostic("thumbnails", text, file.source.uri))
            continue
        levels: list[LazyArray] = []
        for level in stored_levels:
            array, more = _array(file, level)
            notes += more
            if array is None:
                break
            levels.append(array)
        if not levels:
            text = f"series {series.name!r} {series.shape} cannot be laid out"
            notes.append(Diagnostic("tiff-series", text, file.source.uri))
            continue
        structure = structure_from_tifffile(series.keyframe)
        name = series.name or f"Image:{len(scenes)}"
        notes += diagnose(structure, name)
        fields: SceneFields = {
            "name": name,
            "levels": tuple(levels),
            "color_map": tags.color_map(structure),
            "planes": describe_exposure(tags, levels[0].stored) if not scenes else None,
            **scanned.get(int(series.keyframe.index), taken),
        }
        if scenes and not scanned:
            # Label and overview of a slide are taken by another camera.
            fields["objective"] = None
        if tif.is_scn and scenes:
            # Leica SCN: the overview comes first; each image has the resolution of its own page.
            directory, _, _ = read_directory(file, series.keyframe.offset)
            fields["pixel_size"], _ = read_pixel_size(PageTags.of(file, directory))
        if not scenes:
            fitted, more = fit_to_scene(vendor.fields, levels[0].stored, file.source.uri)
            fields |= fitted
            notes += more
        scenes.append(Scene(**fields))
    return scenes, notes


def _list_series(tif: Any) -> list[tuple[Any, list[Any]]]:
    """Return the series with their levels, the largest first.

    tifffile takes the second page of an SVS for its thumbnail. To OpenSlide thumbnails have
    strips: a tiled page is a level, of files that were written without a thumbnail.
    """
    found = [(series, list(series.levels)) for series in tif.series]
    if not tif.is_svs or len(found) < 2:
        return found
    (base, levels), (second, _), *others = found
    width, length = base.keyframe.imagewidth, base.keyframe.imagelength
    page = second.keyframe
    is_of_shape = abs(page.imagewidth * length - page.imagelength * width) <= max(width, length)
    is_level = (
        second.name == "Thumbnail"
        and page.is_tiled
        and page.imagewidth < width
        and is_of_shape
        # A slide of several focal planes has as many pages of each level.
        and len(base.pages) == 1
    )
    if not is_level:
        return found
    levels = sorted([*levels, second], key=lambda one: one.keyframe.imagewidth, reverse=True)
    return [(base, levels), *others]


def _array(file: OpenTiff, series: Any) -> tuple[LazyArray | None, list[Diagnostic]]:
    kind = structure_from_tifffile(series.keyframe)
    # A series over several files: offsets of another file would read wrong bytes of this one.
    if any(page is not None and page.parent is not series.keyframe.parent for page in series.pages):
        return None, []
    # Missing pages are None; the others may list fewer segments.
    width = max(len(page.dataoffsets) for page in series.pages if page is not None)
    there = [page for page in series.pages if page is not None]
    offsets, counts = np.zeros((2, len(there), width), np.uint64)
    for row, page in enumerate(there):
        offsets[row, : len(page.dataoffsets)] = page.dataoffsets
        counts[row, : len(page.databytecounts)] = page.databytecounts[:width]
    page_table = PageTable(
        file.source,
        (SegmentTable(kind, offsets, counts),),
        np.zeros(len(there), np.int64),
        np.arange(len(there)),
        {},
        Chain(0, ()),
    )
    pages = np.full(len(series.pages), -1, np.int64)
    pages[[page is not None for page in series.pages]] = np.arange(len(there))
    shape, letters = tuple(map(int, series.shape)), str(series.axes)
    planes = math.prod(shape) // max(math.prod(kind.shape), 1)
    # tifffile gives one page for a stack whose planes follow each other.
    if planes > len(pages) == 1:
        stack = contiguous(file, page_table, planes, 0)
        if stack is None:
            return None, []
        page_table, pages = stack
    found = lazy_array_of_axes(page_table, pages, shape, letters, file.source.uri)
    if found is None:
        return (None, [])
    return found


def structure_from_tifffile(page: Any) -> PageStructure:
    """Read the structure of a page that tifffile has parsed, and corrected where a dialect writes wrong tags."""
    # tifffile has corrected tags that a dialect writes wrong (LSM, NDPI, EER).
    bits = page.bitspersample
    subsampling = page.tags.valueof(530, (2, 2)) if int(page.photometric) == 6 else (1, 1)
    options: tuple[int, ...] = ()
    if int(page.compression) == 3:
        options = (int(page.tags.valueof(292, 0) or 0),)
    elif int(page.compression) == 65002:
        options = tuple(
            int(page.tags.valueof(code, default))
            for code, default in ((65007, 7), (65008, 2), (65009, 2))
        )
    samples = int(page.samplesperpixel)
    return PageStructure(
        order=page.parent.byteorder,
        width=int(page.imagewidth),
        length=int(page.imagelength),
        depth=int(page.imagedepth),
        samples=samples,
        planar=int(page.planarconfig) == 2 and samples > 1,
        bits=tuple(map(int, bits)) if isinstance(bits, tuple) else (int(bits),),
        sample_format=int(page.sampleformat),
        photometric=int(page.photometric),
        compression=int(page.compression),
        predictor=int(page.predictor),
        fill_order=int(page.fillorder),
        tile=(int(page.tiledepth), int(page.tilelength), int(page.tilewidth))
        if page.is_tiled
        else None,
        rows_per_strip=int(page.rowsperstrip) or int(page.imagelength),
        extra_samples=tuple(map(int, page.extrasamples)),
        reduced=bool(page.is_reduced),
        jpeg_tables=page.jpegtables,
        jpeg_header=page.jpegheader,
        subsampling=(int(subsampling[0]), int(subsampling[1])),
        reference=(0.0, 255.0, 128.0, 255.0, 128.0, 255.0),
        options=options,
        decodes_to_ycbcr=(
            bool(page.parent.is_svs) and int(page.compression) == Compression.APERIO_JP2K_YCBCR
        ),
    )
