"""Instruments of the dialects of TIFF, as parts of OME. Imports the rest of `_tiff`.

``parts`` builds the elements; each other module reads the settings of one maker or kind: ``cameras``,
``electron`` microscopes, ``imagej``, ``lsm``, ``metamorph``, ``micromanager``, ``olympus_sis``,
``scanimage``, scanners of ``slides``.

Rule kept here: read on request, never when a file is opened. A dialect describes the first scene of
its file; a setting that cannot be read costs itself.
"""

from collections.abc import Callable
from typing import TypeAlias
from xml.etree.ElementTree import Element

from aicsio.errors import CorruptFileError
from aicsio.formats._tiff.ifd import open_tiff, read_directory
from aicsio.formats._tiff.instruments import (
    cameras,
    electron,
    imagej,
    lsm,
    metamorph,
    micromanager,
    olympus_sis,
    scanimage,
    slides,
)
from aicsio.formats._tiff.instruments.parts import ImageParts
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.records import Contents, Source

Describe: TypeAlias = Callable[[PageTags, Contents, ImageParts], bool]
"""Adds what a dialect holds to the parts; returns whether the file is of the dialect."""

_DIALECTS: tuple[Describe, ...] = (
    lsm.describe_lsm,
    metamorph.describe_metamorph,
    slides.describe_aperio,
    electron.describe_fei,
    electron.describe_zeiss_sem,
    micromanager.describe_micromanager,
    scanimage.describe_scanimage,
    olympus_sis.describe_olympus_sis,
    imagej.describe_imagej,
    cameras.describe_camera,
)
"""The first that knows the file describes it; the last knows all."""


def describe_instrument(source: Source, contents: Contents) -> Element | None:
    """Describe the parts of OME that the records lack; ``None`` where there are none."""
    parts = ImageParts.empty()
    try:
        with open_tiff(source) as (file, first):
            tags = PageTags.of(file, read_directory(file, first)[0])
            for describe in _DIALECTS:
                if describe(tags, contents, parts):
                    break
    except CorruptFileError:
        return None  # the reader has reported it
    return parts.finish()
