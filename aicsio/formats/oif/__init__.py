"""Olympus FluoView OIF and OIB. Imports `_io`, `_codecs`, `_ome` and `records`.

An OIF is an index, ``NAME.oif``, and a folder ``NAME.oif.files`` of TIFF files, one a plane, and of
settings. An OIB is the same in one compound file. ``compound`` finds the streams of that,
``members`` the files of either, ``settings`` parses their texts, ``planes`` gives planes their
places, ``layout`` and ``scattered`` read them, ``metadata`` and ``instrument`` make records.

Rule kept here: a plane that the set lacks is zero and counted in a diagnostic; settings that are
missing cost their facts, never the pixels.

Source of the facts: no specification is published. Learnt from files of FluoView 2.1 and the
documentation of the ``oiffile`` and ``OpenReadout`` packages.
"""

from typing import Final
from xml.etree.ElementTree import Element

import numpy as np

from aicsio._codecs.tiff_images import HEAD_NBYTES, TiffImage, parse_image
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.oif import instrument
from aicsio.formats.oif.layout import OifLayout
from aicsio.formats.oif.members import FileSet, Member, is_oib, open_set, read_parts
from aicsio.formats.oif.metadata import (
    describe_channels,
    describe_coordinates,
    describe_objective,
    describe_pixel_size,
    describe_planes,
    describe_time_step,
    lut_members,
    parse_date,
    plane_settings_name,
    read_colors,
)
from aicsio.formats.oif.planes import PlaneOrder, arrange_planes, parse_axes, parse_name
from aicsio.formats.oif.settings import decode_settings, looks_like_settings, section_of, text_of
from aicsio.records import (
    Attachment,
    Contents,
    Diagnostic,
    Dims,
    LazyArray,
    Planes,
    Scene,
    Source,
)
from aicsio.records.packed import PackedIntegers
from aicsio.records.provenance import FactOrigin, FactOrigins

LARGEST_TIFF: Final = 64 << 20
"""Bytes of the first plane that are read where its directory lies behind its pixels."""
ORIGINS: Final = (
    ("name", "oif:File Info/DataName"),
    ("channels[*].color", "oif:ColorLUTData"),
    ("channels[*].samples", "tag:SamplesPerPixel"),
    ("channels", "oif:Channel Parameters"),
    ("pixel_size.Z", "oif:Axis Parameters Common/Interval"),
    ("pixel_size", "oif:Image Parameters"),
    ("time_step", "oif:Axis Parameters Common/Interval"),
    ("coordinates", "oif:Axis Parameters Common"),
    ("acquired", "oif:ImageCaputreDate"),
    ("objective", "oif:ObjectiveLens"),
    ("planes", "oif:Axis Parameters/AbsPositionValue"),
    ("instrument", "oif:Acquisition Parameters Common"),
    ("settings", "oif:Acquisition Parameters Common"),
    ("detectors", "oif:Channel Parameters"),
)
"""Fields and records, and the section and key of the settings they come from."""


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file is an OIB, or the index of an OIF set."""
    if not looks_like_settings(head):
        return is_oib(source, head)
    text = decode_settings(head)
    # The settings of a plane have sections of nearly the same names.
    return "Parameters Common]" in text and (
        "[Axis 0 Parameters Common]" in text or "Olympus Image Format" in text
    )


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the image of an OIF set.

    Parameters
    ----------
    source
        The OIF or OIB file.
    options
        None applies.

    Returns
    -------
    One scene.

    Raises
    ------
    CorruptFileError
        When the container is damaged, the folder is missing, or no plane is there.
    UnsupportedFormatError
        When the set is compressed as a whole, or was given as the bytes of its index.
    """
    files = open_set(source)
    axes = parse_axes(files)
    planes = arrange_planes(files, axes)
    names = [name for name in planes.names.reshape(-1).tolist() if name]
    first = files.members[names[0]]
    # Slowest axes first, so the last plane is one of the last time point.
    settings_names = [plane_settings_name(name) for name in (names[0], names[-1])]
    read = files.read_settings(dict.fromkeys(settings_names))
    ends = [read.get(_name_in(files, name), {}) for name in settings_names]
    image = _describe_first(first)
    samples = image.samples
    count = planes.shape[planes.letters.index("C")] if "C" in planes.letters else 1
    scene = Scene(
        name=text_of(section_of(files.settings, "File Info"), "DataName") or "Image:0",
        levels=(_lay_out(files, planes, image),),
        channels=describe_channels(files, planes, samples, read_colors(lut_members(files, count))),
        pixel_size=describe_pixel_size(files, ends[0], planes, axes),
        time_step=describe_time_step(planes, axes, *ends),
        acquired=parse_date(files),
        objective=describe_objective(ends[0]),
        coordinates=describe_coordinates(planes, axes),
    )
    diagnostics = (*files.diagnostics, *planes.diagnostics)
    if not ends[0]:
        text = f"{settings_names[0]!r} is missing: sizes come from the main settings"
        diagnostics += (Diagnostic("oif-settings", text),)
    return Contents((scene,), files.text, diagnostics)


def _name_in(files: FileSet, name: str) -> str:
    member = files.member(name)
    return name if member is None else member.name


def _describe_first(member: Member) -> TiffImage:
    """Describe the TIFF of the first plane; that of others is read with their pixels."""
    try:
        try:
            [head] = read_parts([(member, 0, HEAD_NBYTES)])
            return parse_image(head)
        except ValueError:
            # Some programs write the directory behind the pixels.
            [whole] = read_parts([(member, 0, LARGEST_TIFF)])
            return parse_image(whole)
    except ValueError as error:
        raise CorruptFileError.at(
            member.source.uri, member.extents[0][0], f"the plane {member.name!r}: {error}"
        ) from error


def _lay_out(files: FileSet, planes: PlaneOrder, image: TiffImage) -> LazyArray:
    names = planes.names.reshape(-1).tolist()
    sources: dict[Source, int] = {}
    source_of: list[int] = []
    # The runs of plane i are those from first_extent[i] to first_extent[i + 1].
    first_extent = [0]
    extents: list[tuple[int, int]] = []
    for name in names:
        member = files.members[name] if name else None
        if member is not None:
            extents += member.extents
        source_of.append(-1 if member is None else sources.setdefault(member.source, len(sources)))
        first_extent.append(len(extents))
    letters, shape = planes.letters + planes.rows + "X", [*planes.shape, image.length, image.width]
    if image.samples > 1:
        letters, shape = letters + "S", [*shape, image.samples]
    layout = OifLayout(
        base=files.base,
        sources=tuple(sources),
        shape=tuple(shape),
        plane_ndim=len(planes.letters),
        dtype=image.dtype,
        raw=image.is_contiguous and image.offsets[0] < HEAD_NBYTES,
        source_of=PackedIntegers.pack(np.array(source_of, np.int64)),
        first_extent=PackedIntegers.pack(np.array(first_extent, np.int64)),
        offsets=PackedIntegers.pack(np.array([offset for offset, _ in extents], np.int64)),
        lengths=PackedIntegers.pack(np.array([nbytes for _, nbytes in extents], np.int64)),
    )
    return LazyArray.whole(layout, Dims(letters, tuple(shape)), image.dtype)


# ---------------------------------------------------------------- optional parts of the seam


def read_planes(scene: Scene, level: LazyArray, /) -> Planes | None:
    """Read times and Z positions of planes, each from its own settings."""
    layout = level.layout
    if not isinstance(layout, OifLayout):
        return scene.planes
    files = open_set(layout.base)
    axes = parse_axes(files)
    return describe_planes(files, arrange_planes(files, axes), axes)


def list_attachments(source: Source, /) -> tuple[Attachment, ...]:
    """List the members that are no planes: thumbnail, lookup tables, regions, reference images."""
    return tuple(
        Attachment(member.name, member.name.rpartition(".")[2].upper(), member.extents[0][0])
        for member in open_set(source).members.values()
        if parse_name(member.name) is None and member.extents
    )


def read_attachment(source: Source, attachment: Attachment, /) -> bytes:
    """Read a member.

    Raises
    ------
    CorruptFileError
        When the set lacks it.
    """
    member = open_set(source).member(attachment.name)
    if member is None:
        raise CorruptFileError.at(source.uri, None, f"expected the member {attachment.name!r}")
    [data] = read_parts([(member, 0, member.nbytes)])
    return data


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe microscope, lasers, detectors and their settings, as parts of OME."""
    files = open_set(source)
    planes = arrange_planes(files, parse_axes(files))
    scene = contents.scenes[0]
    names = planes.names
    if "C" in planes.letters:
        # Channels first: the reshape below makes one row of names for each.
        names = np.moveaxis(names, planes.letters.index("C"), 0)
    firsts = []
    for channel in names.reshape(len(scene.channels), -1).tolist():
        present = [name for name in channel if name]
        firsts.append(plane_settings_name(present[0]) if present else "")
    read = files.read_settings(dict.fromkeys(firsts))
    settings = [read.get(_name_in(files, name), {}) for name in firsts]
    return instrument.describe_instrument(files.settings, settings, scene)


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the places of the settings."""
    return FactOrigins(tuple(FactOrigin(path, origin) for path, origin in ORIGINS))
