"""Whole slides in DICOM. Imports `_io`, `_codecs` and `records`.

``elements`` finds data elements in bytes, ``header`` reads those in front of the pixels, ``frames``
finds the frames, ``positions`` their tiles, ``pixels`` their codecs; ``instances`` describes one
file, ``series`` the files of a slide and its levels, ``layout`` reads them, ``metadata`` makes
records, ``pictures`` are label, overview and thumbnail.

Rule kept here: one file opens its whole slide, the files of its series that lie beside it. Tiles
that no file holds are zero and counted in a diagnostic.

Other images in DICOM go to imageio, which reads them with pydicom.
"""

import json
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

import attrs

from aicsio.formats import Options
from aicsio.formats.dicom import metadata, pictures
from aicsio.formats.dicom.frames import find_open_end
from aicsio.formats.dicom.header import is_slide, read_header
from aicsio.formats.dicom.instances import Instance, read_instance
from aicsio.formats.dicom.series import build_levels, group_pyramids, holds_slides, read_series
from aicsio.records import Attachment, Contents, Damage, Diagnostic, Scene, Source
from aicsio.records.provenance import FactOrigin, FactOrigins
from aicsio.records.scenes import distinguish_scenes

ORIGINS: Final = (
    ("name", "dicom:ContainerIdentifier"),
    ("channels[*].name", "dicom:OpticalPathSequence/OpticalPathDescription"),
    ("channels[*].excitation", "dicom:OpticalPathSequence/IlluminationWaveLength"),
    ("channels", "dicom:OpticalPathSequence"),
    ("pixel_size.Z", "dicom:PixelMeasuresSequence/SpacingBetweenSlices"),
    ("pixel_size", "dicom:PixelMeasuresSequence/PixelSpacing"),
    ("level_places", "dicom:PixelMeasuresSequence/PixelSpacing"),
    ("acquired", "dicom:AcquisitionDateTime"),
    ("objective.magnification", "dicom:OpticalPathSequence/ObjectiveLensPower"),
    ("objective", "dicom:OpticalPathSequence/ObjectiveLensNumericalAperture"),
    ("instrument", "dicom:EnhancedGeneralEquipment"),
)
"""Fields and records, and the elements they come from."""


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether a file is a whole-slide image in DICOM, or a folder has some."""
    return holds_slides(source) if source.folder else is_slide(head)


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the slide of a file, or all slides of a folder.

    Parameters
    ----------
    source
        One file of a slide, whose other files lie beside it, or a folder.
    options
        None applies.

    Returns
    -------
    One scene for each pyramid.

    Raises
    ------
    CorruptFileError
        When the file is damaged.
    UnsupportedFormatError
        For pixels that are coded in a way that is not read.
    """
    series, diagnostics = read_series(source)
    scenes: list[Scene] = []
    raw = []
    for instances in series:
        pyramids = group_pyramids(instances)
        if not pyramids:
            # A label without its slide is an image itself.
            pyramids = [[one] for one in instances]
        for pyramid in pyramids:
            scene, remarks = _describe_scene(pyramid)
            scenes.append(scene)
            diagnostics += remarks
        # The metadata has every file of the series, label and overview included.
        raw += [one.data.as_json() for one in instances]
    if not source.folder and not source.local:
        text = "the other levels of a slide are not looked for beside a file that is not on this machine"
        diagnostics.append(Diagnostic("dicom-alone", text, source.uri))
    names = distinguish_scenes([scene.name for scene in scenes])
    named = tuple(attrs.evolve(scene, name=name) for scene, name in zip(scenes, names, strict=True))
    return Contents(named, json.dumps(raw, ensure_ascii=False), tuple(diagnostics))


def _describe_scene(pyramid: list[Instance]) -> tuple[Scene, list[Diagnostic]]:
    levels, diagnostics = build_levels(pyramid)
    # Facts of the scene are those of full resolution, which comes first.
    top = levels[0]
    first = top.instances[0]
    scene = Scene(
        name=metadata.read_name(first),
        levels=tuple(level.array for level in levels if level.array is not None),
        channels=metadata.describe_channels(top),
        pixel_size=metadata.describe_pixel_size(top),
        acquired=metadata.parse_date(first.data),
        objective=metadata.describe_objective(first.data),
        coordinates=metadata.describe_depths(top),
        level_places=tuple(metadata.describe_place(level) for level in levels),
    )
    if first.pixels.photometric == "MONOCHROME1":
        text = "the lowest value is white (MONOCHROME1): pixels are shown as stored"
        diagnostics.append(Diagnostic("dicom-inverted", text, first.source.uri))
    return scene, diagnostics


# ---------------------------------------------------------------- optional parts of the seam


def list_attachments(source: Source, /) -> tuple[Attachment, ...]:
    """List label, overview and thumbnail: JPEG as it is stored, or PNG."""
    return tuple(one.attachment for one in pictures.find_pictures(source))


def read_attachment(source: Source, attachment: Attachment, /) -> bytes:
    """Return an attachment.

    Raises
    ------
    CorruptFileError
        When the series lacks it, or its frame is damaged.
    """
    return pictures.read_picture(source, attachment)


def check_structure(source: Source, /) -> Iterator[Damage]:
    """Look for the end of the frames; see ``ChecksStructure``."""
    if not source.folder:
        header = read_header(source)
        fault = find_open_end(header, read_instance(header).offsets)
        if fault is not None:
            yield Damage("dicom-open-end", f"{source.uri}: {fault}", source.uri, source.size)


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe scanner, lens and software, as parts of OME."""
    del source
    return metadata.describe_instrument(contents)


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the elements of the facts."""
    return FactOrigins(tuple(FactOrigin(path, origin) for path, origin in ORIGINS))
