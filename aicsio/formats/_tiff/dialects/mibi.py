"""TIFF as Ionpath's MIBIscope writes it: one page for each mass channel, JSON in its description.

Rule kept here: pages whose JSON has ``image.type`` SIMS are the channels of one image, in the order
of the file; pages of other types (SED, Optical, Label) are scenes of their own.

Source of the facts: https://github.com/ionpath/mibilib (mibitracker documentation, MIBItiff
specification): ``channel.target`` and ``channel.mass`` of each page. Old files were written with
tifffile, so that their JSON has ``shape`` too. Second source: the writer and reader of mibilib
(``mibidata/tiff.py``), which reserves ``image.type``, both channel keys and ``shape``.
"""

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from aicsio.errors import UnsupportedFormatError
from aicsio.formats._tiff.dialects.marks import parse_mibi
from aicsio.formats._tiff.ifd import OpenTiff
from aicsio.formats._tiff.page import diagnose
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.formats._tiff.page_tables import open_page_table
from aicsio.formats._tiff.physical_size import read_pixel_size
from aicsio.formats._tiff.plane_map import PlaneMap, lazy_array
from aicsio.formats._tiff.series import PageSeries, make_scenes
from aicsio.records import Channel, Contents, Diagnostic, Scene

_SPECTRUM = "SIMS"
"""Secondary ion mass spectrometry: the channels."""


def read_mibi(file: OpenTiff, first: int, tags: PageTags) -> Contents | Diagnostic:
    """Describe the channels of a MIBI image, and the pictures beside them."""
    page_table, notes = open_page_table(file, first)
    pages: list[int] = []
    channels: list[Channel] = []
    others: list[tuple[str, PageSeries]] = []
    reference = None
    for page in range(len(page_table)):
        structure = page_table.structure(page)
        # A page that cannot be used has its diagnostic from the table already.
        if structure is None:
            continue
        text = PageTags.of(file, page_table.directories[page]).description
        metadata = parse_mibi(text) or {"image.type": "page"}
        # All mass channels of an image were scanned together and have one size.
        is_channel = metadata["image.type"] == _SPECTRUM
        if is_channel and (reference is None or structure.shape == reference.shape):
            reference = reference or structure
            pages.append(page)
            channels.append(_channel(metadata))
        else:
            name = f"{metadata['image.type']} (page {page})"
            others.append((name, PageSeries(page_table, (page,), structure)))
    if reference is None:
        reason = "no page is a mass channel: read as plain TIFF"
        return Diagnostic("mibi-pages", reason, file.source.uri)
    plane_map = PlaneMap.of_pages(page_table, np.array(pages), "C", (len(pages),))
    array, more = lazy_array(plane_map, like=reference)
    notes += more
    size, more = read_pixel_size(tags)
    notes += [*more, *diagnose(reference, f"page {pages[0]}")]
    scenes = [
        Scene(
            name="Image:0",
            levels=(array,),
            channels=tuple(channels),
            pixel_size=size,
            acquired=tags.acquired(),
        )
    ]
    for name, series in others:
        try:
            added, notes = make_scenes(file, [[series]], notes)
        # A picture beside the channels may have a compression that no codec here decodes.
        except UnsupportedFormatError as error:
            notes.append(Diagnostic("undecodable", str(error), name))
            continue
        scenes.append(attrs.evolve(added[0], name=name))
    return Contents(tuple(scenes), tags.description, tuple(notes))


def _channel(metadata: Mapping[str, Any]) -> Channel:
    """Name a channel by its target, else by its mass."""
    target, mass = metadata.get("channel.target"), metadata.get("channel.mass")
    # A mass that no antibody marks has no target.
    if isinstance(target, str) and target:
        return Channel(name=target)
    return Channel(name=str(mass) if isinstance(mass, int | float) else None)
