"""DeltaVision (DV, R3D) and MRC. Imports `_io` and `records`.

``header`` reads the first 1024 bytes, ``sections`` the facts of each section that DeltaVision
keeps behind them, ``fei`` those of electron microscopes, ``layout`` places pixels, ``tags`` lists the
fields of the header.

Rule kept here: rows are shown in the order of the file, as the packages mrc and mrcfile do.
Bio-Formats turns each plane upside down, since the origin of the format is the lower left corner.
"""

import math
from typing import Final
from xml.etree.ElementTree import Element

import attrs

from aicsio._io import readers
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats._steps import report_unusable
from aicsio.formats.mrc import fei, tags
from aicsio.formats.mrc.header import (
    HEADER_NBYTES,
    MrcHeader,
    find_byte_order,
    is_marked,
    read_header,
)
from aicsio.formats.mrc.layout import SectionLayout
from aicsio.formats.mrc.sections import (
    describe_channels,
    describe_planes,
    measure_time_step,
    read_sections,
)
from aicsio.records import Contents, Diagnostic, Dims, LazyArray, PixelSize, Scene, Source, Value
from aicsio.records.provenance import FactOrigin, FactOrigins

UNMARKED_SUFFIXES: Final = (".mrc", ".mrcs", ".rec", ".st", ".ali")
"""Of files of programs before MRC2000, which lack the word ``MAP``."""
BLOCK_BYTES: Final = 1 << 24
"""Sections are cut into blocks of rows of about this size: 16 MiB read in 3 ms here."""


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file has the header of DeltaVision or of MRC2014."""
    if find_byte_order(head, source.size) is None:
        return False
    # Sizes alone are a weak signature: the name counts, too, as in Bio-Formats.
    name = source.uri.partition("?")[0].lower()
    return is_marked(head) or name.endswith(UNMARKED_SUFFIXES)


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the image of a DeltaVision or MRC file.

    Parameters
    ----------
    source
        The file.
    options
        None applies.

    Returns
    -------
    One scene.

    Raises
    ------
    CorruptFileError
        When the header makes no sense, or the file holds not one whole section.
    UnsupportedFormatError
        For pixels of a type that numpy does not have.
    """
    header = read_header(source, readers.read_head(source, HEADER_NBYTES))
    header, diagnostics = _fit_sections(source, header)
    table = read_sections(source, header)
    is_colour = header.samples > 1
    samples = (header.samples,) * is_colour
    dims = Dims(header.letters + "YX" + "S" * is_colour, header.shape + samples)
    columns, rows = header.shape[-1], header.shape[-2]
    block_rows = max(1, min(rows, BLOCK_BYTES // header.row_nbytes))
    layout = SectionLayout(
        source=source,
        offset=header.offset,
        shape=dims.shape,
        block_shape=(*(1,) * len(header.letters), block_rows, columns, *samples),
        dtype=header.dtype,
        packed_bits=header.packed_bits,
        order=header.order,
    )
    x, y, z = (_size(value) for value in header.spacing)
    stated = {
        f"the pixel size along {axis}": size
        for axis, size in zip("XYZ", header.spacing, strict=True)
    }
    diagnostics += report_unusable(stated, source.uri)
    records = fei.read_records(source, header)
    planes = None
    if table is not None:
        planes = describe_planes(header, table)
    elif records is not None:
        planes = fei.describe_planes(header, records)
    scene = Scene(
        name="Image:0",
        levels=(LazyArray.whole(layout, dims, header.dtype),),
        channels=describe_channels(header, table),
        pixel_size=PixelSize(z, y, x),
        time_step=None if table is None else measure_time_step(header, table),
        acquired=None if records is None else fei.date_of(records),
        planes=planes,
    )
    if header.unknown_sequence is not None:
        text = (
            f"the order of its sections has the unknown number {header.unknown_sequence}: they are "
            f"counted along {header.letters}, the last one fastest"
        )
        diagnostics.append(Diagnostic("guess", text, source.uri))
    if header.map_axes != (1, 2, 3):
        shown = ", ".join("XYZ"[axis - 1] for axis in header.map_axes)
        text = f"columns, rows and sections run along {shown} of the map; they are shown as X, Y, Z"
        diagnostics.append(Diagnostic("mrc-axes", text, source.uri))
    return Contents((scene,), "\n".join(header.titles) or None, tuple(diagnostics))


def read_tags(source: Source) -> dict[str, Value]:
    """Return the fields of the header by their names in the specification.

    Raises
    ------
    CorruptFileError
        When the header makes no sense.
    """
    head = readers.read_head(source, HEADER_NBYTES)
    return tags.read_fields(head, read_header(source, head))


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe the titles and the settings that the records lack, as parts of OME."""
    del contents
    head = readers.read_head(source, HEADER_NBYTES)
    header, _ = _fit_sections(source, read_header(source, head))
    table = read_sections(source, header) if header.is_deltavision else None
    records = fei.read_records(source, header)
    settings = [] if records is None else fei.list_settings(records)
    return tags.describe(tags.read_fields(head, header), header, table, settings)


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:
    """Return the fields of the header and of the extended header."""
    header = read_header(source, readers.read_head(source, HEADER_NBYTES))
    has_sections = header.is_deltavision and contents.scenes[scene].planes is not None
    emission = "dv:section/emission" if has_sections else "dv:header/wave"
    facts = [
        ("pixel_size", "dv:header/xlen"),
        ("channels[*].emission", emission),
        ("channels[*].excitation", "dv:section/excitation"),
        ("time_step", "dv:section/time"),
        ("planes.dims", "dv:header/imgSequence"),
        ("planes.time", "dv:section/time"),
        ("planes.exposure", "dv:section/exposure"),
        ("planes", "dv:section/stage"),
    ]
    if not header.is_deltavision:
        facts = [
            ("pixel_size", "mrc:header/cella"),
            ("acquired", "mrc:FEI/Timestamp"),
            ("planes.dims", "mrc:header/nz"),
            ("planes.time", "mrc:FEI/Timestamp"),
            ("planes.exposure", "mrc:FEI/Integration time"),
            ("planes", "mrc:FEI/X-Stage, Y-Stage, Z-Stage"),
        ]
    return FactOrigins(tuple(FactOrigin(path, place) for path, place in facts))


def _fit_sections(source: Source, header: MrcHeader) -> tuple[MrcHeader, list[Diagnostic]]:
    """Keep the sections that the file holds: an acquisition may have been stopped.

    Raises
    ------
    CorruptFileError
        When it holds not one.
    """
    section = header.shape[-2] * header.row_nbytes
    held = ((source.size or 0) - header.offset) // section
    if held >= header.section_count:
        return header, []
    if held < 1:
        raise CorruptFileError.at(
            source.uri, header.offset, f"expected sections of {section} bytes, found none"
        )
    # What is whole along the slowest axis that has several positions stays in order.
    slowest = next((i for i, size in enumerate(header.shape[:-2]) if size > 1), 0)
    inner = header.section_count // header.shape[slowest]
    shape = list(header.shape)
    letters = header.letters
    if held >= inner:
        shape[slowest] = held // inner
    else:
        # Not even one position of the slowest axis is whole: sections are counted along Z.
        letters, shape = "CTZ", [1, 1, held, *header.shape[-2:]]
        if not header.is_deltavision:
            letters, shape = "Z", shape[2:]
    text = (
        f"{header.section_count} sections are described, the file holds {held} whole ones: "
        f"{letters} has the sizes {shape[:-2]}"
    )
    fitted = attrs.evolve(header, letters=letters, shape=tuple(shape))
    return fitted, [Diagnostic("mrc-missing-sections", text, loss=True)]


def _size(value: float) -> float | None:
    # NaN fails the comparison too.
    return float(value) if 0 < value < math.inf else None
