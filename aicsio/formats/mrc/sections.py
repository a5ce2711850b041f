"""Facts of each section in the extended header of DeltaVision files.

Rule kept here: a number that no microscope gives (not finite, an exposure below zero) is missing.

Source of the facts: "IVE/Priism image file format", extended header: integers and floats of each
section; the floats begin with photosensor, time, stage x, y, z, lowest, highest and mean pixel,
exposure, neutral density, excitation and emission.
"""

from collections.abc import Mapping
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from aicsio._io import readers
from aicsio.formats._steps import find_even_step
from aicsio.formats.mrc.header import HEADER_NBYTES, MrcHeader
from aicsio.records import Channel, Dims, Planes, Source

# Columns of the floats; those between them have no record.
TIME, X, Y, Z, EXPOSURE, EXCITATION, EMISSION = 1, 2, 3, 4, 8, 10, 11
FEWEST_FLOATS: Final = 12
"""Floats that reach to the emission."""
SHORTEST, LONGEST = 150.0, 3000.0
"""Nanometres of light that microscopes use; softWoRx writes 0 or -50 for transmitted light."""

Table = npt.NDArray[np.float64]


def read_sections(source: Source, header: MrcHeader) -> Table | None:
    """Return the floats of each section, in the order of the file; None where there are none."""
    width = header.integers + header.floats
    count = header.section_count
    if header.floats < FEWEST_FLOATS or width * 4 * count > header.extended_nbytes:
        return None
    with readers.lend(source) as reader:
        data = reader.read(HEADER_NBYTES, width * 4 * count)
    # Integers have four bytes too: they are viewed as floats here, and cut off below.
    rows = np.frombuffer(data, np.dtype(f"{header.order}f4")).reshape(count, width)
    with np.errstate(invalid="ignore"):  # floats of damaged files may be signalling NaN
        table: Table = rows[:, header.integers :].astype(np.float64)
    table[~np.isfinite(table)] = np.nan
    return table


def describe_planes(header: MrcHeader, table: Table) -> Planes:
    """Return times, exposures and positions of the stage.

    Times are seconds from the first section that has a time.
    """
    exposure = np.where(table[:, EXPOSURE] > 0, table[:, EXPOSURE], np.nan)
    columns = {
        "time": count_from_first(table[:, TIME]),
        "exposure": exposure,
        "x": table[:, X],
        "y": table[:, Y],
        "z": table[:, Z],
    }
    return Planes(Dims(header.letters, header.shape[:-2]), **pack_known(columns))


def measure_time_step(header: MrcHeader, table: Table) -> float | None:
    """Return the seconds between evenly spaced time points, by their first sections."""
    axis = header.letters.find("T")
    if axis < 0:
        return None
    times = table[:, TIME].reshape(header.shape[:-2])
    first_sections = tuple(slice(None) if i == axis else 0 for i in range(times.ndim))
    return find_even_step(times[first_sections])


def pack_known(columns: Mapping[str, Table]) -> dict[str, Any]:
    """Return the columns of ``Planes`` in which a number is known."""
    return {
        name: np.ascontiguousarray(column, "<f8").tobytes()
        for name, column in columns.items()
        if np.isfinite(column).any()
    }


def count_from_first(times: Table) -> Table:
    """Return times less the first that is known; all NaN where none is."""
    known = times[np.isfinite(times)]
    return times - known[0] if known.size else times


def describe_channels(header: MrcHeader, table: Table | None) -> tuple[Channel, ...]:
    """Return wavelengths of the channels: of their first section, else of the header."""
    if not header.is_deltavision:
        return (Channel(samples=header.samples),) if header.samples > 1 else ()
    axis = header.letters.index("C")
    count = header.shape[axis]
    emissions: list[float | None] = [None] * count
    # The header has five; a stopped acquisition may show fewer channels.
    for index, value in enumerate(header.emissions[:count]):
        emissions[index] = _wavelength(float(value))
    channels = tuple(Channel(emission=emission) for emission in emissions)
    if table is None:
        return channels
    numbers = np.arange(header.section_count).reshape(header.shape[:-2])
    # Shape (channels, other sections): column 0 has the first section of each channel.
    firsts = np.moveaxis(numbers, axis, 0).reshape(count, -1)[:, 0].tolist()
    return tuple(
        attrs.evolve(
            channel,
            excitation=_wavelength(float(table[first, EXCITATION])),
            emission=_wavelength(float(table[first, EMISSION])) or channel.emission,
        )
        for channel, first in zip(channels, firsts, strict=True)
    )


def _wavelength(value: float) -> float | None:
    return value if SHORTEST <= value <= LONGEST else None
