"""3DHISTECH MIRAX slides (MRXS). Imports `_io` and `records`.

``settings`` reads ``Slidedat.ini``, ``index`` reads ``Index.dat``, ``slide`` finds the files and the
camera positions, ``levels`` places images, ``layout`` reads them, ``metadata`` makes records.

Rule kept here: an image that is missing shows the fill colour and is counted in a diagnostic; a
level that cannot be read costs itself, full resolution costs the slide.

Source of the facts: no specification is published. Learnt from OpenSlide's page of the format and its
mailing list (B. Gilbert, "Introduction to MIRAX/MRXS", 2012), the notes of ``OpenReadout``, and compared
with what both show. No code of either was taken. A slide is ``NAME.mrxs``, a preview, and the folder
``NAME`` beside it with ``Slidedat.ini``, ``Index.dat`` and data files.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.mirax import metadata
from aicsio.formats.mirax.levels import LevelSettings, lay_out, list_levels, place_photos
from aicsio.formats.mirax.settings import looks_like_settings
from aicsio.formats.mirax.slide import (
    Slide,
    find_settings,
    is_named_slide,
    open_slide,
    read_preview_ends,
)
from aicsio.records import Attachment, Contents, Damage, Diagnostic, Scene, Source, Value
from aicsio.records.facts import LevelPlace
from aicsio.records.provenance import FactOrigin, FactOrigins
from aicsio.records.scenes import distinguish_scenes

JPEG_START: Final = b"\xff\xd8"
JPEG_END: Final = b"\xff\xd9"
TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIGINS: Final = (
    ("name", "slidedat:GENERAL/SLIDE_NAME"),
    ("channels[*].name", "slidedat:FILTER_NAME"),
    ("channels[*].color", "slidedat:COLOR_R"),
    ("channels[*].excitation", "slidedat:EXCITATION_WAVELENGTH"),
    ("channels[*].emission", "slidedat:EMISSION_WAVELENGTH"),
    ("channels", "slidedat:GENERAL/SLIDE_TYPE"),
    ("pixel_size", "slidedat:MICROMETER_PER_PIXEL_X"),
    ("level_places", "slidedat:MICROMETER_PER_PIXEL_X"),
    ("acquired", "slidedat:GENERAL/SLIDE_CREATIONDATETIME"),
    ("objective.name", "slidedat:GENERAL/OBJECTIVE_NAME"),
    ("objective", "slidedat:GENERAL/OBJECTIVE_MAGNIFICATION"),
)
"""Fields and records, and the keys that they come from."""


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether a file is the preview of a slide, or its settings, or a folder has some.

    A preview is a picture like any other: the suffix names it. One without its folder is recognised,
    too, so that nobody takes the preview for the slide.
    """
    if source.folder:
        return find_settings(source) is not None
    if is_named_slide(source):
        return not head.startswith(TIFF)
    return looks_like_settings(head)


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe a slide.

    Parameters
    ----------
    source
        ``NAME.mrxs``, the folder beside it, or the ``Slidedat.ini`` in it.
    options
        None applies.

    Returns
    -------
    One scene.

    Raises
    ------
    CorruptFileError
        When settings, index or camera positions are missing or damaged.
    UnsupportedFormatError
        When images are of a kind that is not read.
    """
    slide = open_slide(source)
    stated, notes = list_levels(slide)
    canvas = place_photos(slide, stated[0])
    channels, trouble = metadata.describe_channels(slide)
    notes += trouble
    shown: list[LevelSettings] = []
    levels = []
    for level in stated:
        layout, trouble = lay_out(canvas, level)
        notes += trouble
        if layout is not None:
            shown.append(level)
            levels.append(metadata.show_channels(layout, channels))
        elif level is stated[0]:
            raise CorruptFileError.at(slide.index.source.uri, None, "it has no image to show")
        else:
            text = f"{level.section} has no images and is left out"
            notes.append(Diagnostic("mirax-empty-level", text, slide.index.source.uri, loss=True))
    scene = Scene(
        name=distinguish_scenes([slide.settings.get("GENERAL", "SLIDE_NAME")])[0],
        levels=tuple(levels),
        channels=channels.records,
        pixel_size=metadata.describe_pixel_size(slide, stated[0]),
        acquired=metadata.parse_date(slide),
        objective=metadata.describe_objective(slide),
        level_places=tuple(
            LevelPlace(metadata.describe_pixel_size(slide, level)) for level in shown
        ),
    )
    return Contents((scene,), slide.settings.text, tuple(notes))


# ---------------------------------------------------------------- optional parts of the seam


def list_attachments(source: Source, /) -> tuple[Attachment, ...]:
    """List label, macro and thumbnail, then the other records of the slide that have data."""
    return tuple(attachment for attachment, _ in metadata.find_attachments(open_slide(source)))


def read_attachment(source: Source, attachment: Attachment, /) -> bytes:
    """Return an attachment as it is stored.

    Raises
    ------
    CorruptFileError
        When the slide lacks it.
    """
    slide: Slide = open_slide(source)
    for found, record in metadata.find_attachments(slide):
        if found.name == attachment.name:
            return slide.read_record(record)
    raise CorruptFileError.at(source.uri, None, f"expected {attachment.name!r}")


def check_structure(source: Source, /) -> Iterator[Damage]:
    """Look at the records beside the levels, and the preview; see ``ChecksStructure``."""
    if find_settings(source) is None:
        # A data file that the levels name.
        return
    slide = open_slide(source)
    for record in slide.layers("NONHIER", ""):
        try:
            slide.find_bytes(record)
        except CorruptFileError as error:
            yield Damage("mirax-record", str(error), slide.index.source.uri)
    if is_named_slide(source) and source.size:
        head, tail = read_preview_ends(source)
        # Bytes may follow the end marker, so it is looked for in the last 64.
        if head == JPEG_START and JPEG_END not in tail:
            text = f"{source.uri}: expected the end of a JPEG, the preview is cut"
            yield Damage("mirax-preview", text, source.uri, source.size)


def read_tags(source: Source, /) -> Mapping[str, Value]:
    """Return the values of the settings by section and key, such as ``GENERAL/SLIDE_ID``."""
    sections = open_slide(source).settings.sections
    return {
        f"{name}/{key}": value
        for name in sections.sections()
        for key, value in sections.items(name)
        if value
    }


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the keys of the settings."""
    return FactOrigins(tuple(FactOrigin(path, origin) for path, origin in ORIGINS))
