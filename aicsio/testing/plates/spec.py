"""A plate or series in a folder: its description and its pixels.

Rule kept here: pixels follow from the description alone, so that a test knows them without a file.
"""

from collections.abc import Iterator
from typing import NamedTuple

import attrs
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint16]


class Place(NamedTuple):
    """Where one plane belongs."""

    number: int
    """Number of the plane in the order of well, field, T, C, Z."""
    row: int
    """Row of the well, from 0."""
    column: int
    """Column of the well, from 0."""
    field: int
    """Field in the well, from 0."""
    t: int
    """Time point."""
    c: int
    """Channel."""
    z: int
    """Section."""


@attrs.frozen
class PlateSpec:
    """Description of a plate."""

    wells: tuple[tuple[int, int], ...] = ((0, 0), (1, 2))
    """Row and column of each, from 0, in their order."""
    fields: int = 1
    """Fields of each well."""
    T: int = 1
    """Time points."""
    C: int = 2
    """Channels."""
    Z: int = 1
    """Sections."""
    Y: int = 6
    """Rows of a plane."""
    X: int = 7
    """Columns of a plane."""
    name: str = "plate"
    """Name of the plate, without blanks."""
    rows: int = 8
    """Rows of the plate."""
    columns: int = 12
    """Columns of the plate."""
    missing: tuple[int, ...] = ()
    """Numbers of planes whose files are not written."""
    pixel_size: float = 0.325
    """Micrometres."""
    z_step: float = 1.5
    """Micrometres."""
    time_step: float = 60.0
    """Seconds."""
    exposure: float = 0.25
    """Seconds of channel 0; each further one takes as long again."""
    magnification: float = 20.0
    """Of the lens."""
    aperture: float = 0.75
    """Of the lens."""
    seed: int = 0
    """Of the pixels."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Sizes of T, C and Z."""
        return self.T, self.C, self.Z

    def channel_name(self, channel: int) -> str:
        """Return the name of a channel.

        Parameters
        ----------
        channel
            Its position.

        Returns
        -------
        str
            A dye.
        """
        return ("DAPI", "GFP", "Cy3", "Cy5")[channel] if channel < 4 else f"Dye{channel}"

    def excitation(self, channel: int) -> int:
        """Return the wavelength that excites a channel.

        Parameters
        ----------
        channel
            Its position.

        Returns
        -------
        int
            Nanometres.
        """
        return 385 + 60 * channel

    def emission(self, channel: int) -> int:
        """Return the wavelength that a channel emits.

        Parameters
        ----------
        channel
            Its position.

        Returns
        -------
        int
            Nanometres.
        """
        return 455 + 60 * channel

    def seconds(self, place: Place) -> float:
        """Return the time of a plane from the start of the acquisition.

        Parameters
        ----------
        place
            The plane.

        Returns
        -------
        float
            Seconds.
        """
        return place.t * self.time_step + place.c + 0.125 * place.z

    def stage(self, place: Place) -> tuple[float, float, float]:
        """Return the position of a plane.

        Parameters
        ----------
        place
            The plane.

        Returns
        -------
        tuple of float
            X, Y and Z in micrometres.
        """
        return 9000.0 * place.column + 100 * place.field, 9000.0 * place.row, self.z_step * place.z

    def places(self) -> Iterator[Place]:
        """Yield the places of all planes, in order of well, field, T, C, Z."""
        number = 0
        for row, column in self.wells:
            for field in range(self.fields):
                for t, c, z in np.ndindex(self.T, self.C, self.Z):
                    yield Place(number, row, column, field, t, c, z)
                    number += 1

    def plane(self, number: int) -> Pixels:
        """Return the pixels of a plane as written.

        Parameters
        ----------
        number
            In the order of well, field, T, C, Z.

        Returns
        -------
        numpy.ndarray
            uint16, of shape (Y, X).
        """
        count = self.Y * self.X
        # A prime step: no two planes are alike, and no row of a plane is like the next.
        start = (number * 7919 + self.seed * 104_729) % 65_521
        values = (np.arange(count, dtype=np.uint32) * 31 + start) % 65_521
        return values.astype(np.uint16).reshape(self.Y, self.X)

    def pixels(self) -> Pixels:
        """Return all pixels, of shape (wells, fields, T, C, Z, Y, X); missing planes are 0."""
        shape = (len(self.wells), self.fields, *self.shape, self.Y, self.X)
        pixels = np.zeros((int(np.prod(shape[:-2])), self.Y, self.X), np.uint16)
        for number in range(len(pixels)):
            if number not in self.missing:
                pixels[number] = self.plane(number)
        return pixels.reshape(shape)
