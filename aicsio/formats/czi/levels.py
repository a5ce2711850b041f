"""Resolution levels of one scene, from the sizes of its own subblocks. Pure.

Rule kept here: a factor is measured, never assumed: scenes of one file may have pyramids by 2 and by
3, and one pyramid may go from 2 to 6.

Source of the facts: "ZISRAW (CZI) File Format", Carl Zeiss Microscopy, section 3.2: ``Size`` is the
logical size of a subblock, ``StoredSize`` the number of stored pixels "if sub / supersampling".
"""

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.formats.czi.columns import group_rows
from aicsio.formats.czi.directory import Subblocks

TOLERANCE = 1.0
"""Stored pixels by which a subblock may differ from its share: encoders round both edges of a tile."""


@attrs.frozen
class SizePair:
    """Logical and stored size of some subblocks of one scene, in pixels."""

    height: int
    """Logical rows."""
    width: int
    """Logical columns."""
    stored_height: int
    """Stored rows."""
    stored_width: int
    """Stored columns."""

    @property
    def ratio(self) -> float:
        """Logical by stored size along the longer edge, which rounding affects least."""
        if self.stored_width >= self.stored_height:
            return self.width / self.stored_width
        return self.height / self.stored_height

    def fits(self, factor: float, tolerance: float) -> bool:
        """Whether both stored edges are the logical ones divided by ``factor``, to ``tolerance``."""
        return (
            abs(self.stored_height - self.height / factor) <= tolerance
            and abs(self.stored_width - self.width / factor) <= tolerance
        )

    def is_exact(self, factor: float) -> bool:
        """Whether the logical edges are exact multiples of the stored ones."""
        return (
            self.height == self.stored_height * factor and self.width == self.stored_width * factor
        )


def measure_factors(blocks: Subblocks) -> npt.NDArray[np.float64]:
    """Measure how many full-resolution pixels a stored pixel of each subblock covers along an edge.

    Parameters
    ----------
    blocks
        Subblocks of one scene.

    Returns
    -------
    One factor per row: 1 at full resolution, above 1 for coarser pixels, below 1 for finer ones, and
    NaN where the factors along Y and X differ, so that the subblock belongs to no level.
    """
    height, width = blocks.size["Y"], blocks.size["X"]
    stored_height, stored_width = blocks.stored_size["Y"], blocks.stored_size["X"]
    reduced = np.flatnonzero((height != stored_height) | (width != stored_width))
    factors = np.ones(len(blocks))
    if not len(reduced):
        return factors
    columns = [column[reduced] for column in (height, width, stored_height, stored_width)]
    # A pyramid of 100 000 tiles has a handful of different sizes: Python loops over these only.
    first_rows, which = group_rows(columns)
    pairs = zip(*(column[first_rows].tolist() for column in columns), strict=True)
    factors[reduced] = _choose_factors([SizePair(*pair) for pair in pairs])[which]
    return factors


def _choose_factors(pairs: list[SizePair]) -> npt.NDArray[np.float64]:
    """Group sizes into layers: large subblocks, whose ratio is exact, decide before small ones."""
    factors = np.full(len(pairs), np.nan)
    layers: list[float] = []
    # An edge of 2000 pixels that was rounded by one is off by 0.05 %, an edge of 20 by 5 %: the
    # large ones name the factors, the small ones join them.
    order = sorted(
        range(len(pairs)),
        key=lambda index: -max(pairs[index].stored_height, pairs[index].stored_width),
    )
    for index in order:
        factor = _choose_factor(pairs[index], layers)
        if factor is not None:
            factors[index] = factor
            if factor not in layers:
                layers.append(factor)
    return factors


def _choose_factor(pair: SizePair, layers: list[float]) -> float | None:
    """Choose the factor of a layer that fits, or a new one; ``None`` if Y and X disagree."""
    # Closer than a pixel before exactly a pixel: tiny tiles fit several factors loosely.
    strict = [factor for factor in layers if pair.fits(factor, TOLERANCE - 1e-9)]
    if strict:
        return _nearest(strict, pair.ratio)
    nominal = _nominal_factor(pair.ratio, layers)
    if pair.fits(nominal, TOLERANCE - 1e-9):
        return nominal
    loose = [factor for factor in layers if pair.fits(factor, TOLERANCE)]
    if loose:
        return _nearest(loose, pair.ratio)
    return pair.ratio if pair.fits(pair.ratio, TOLERANCE) else None


def _nominal_factor(ratio: float, layers: list[float]) -> float:
    """Return the factor that an encoder meant: a power of the pyramid's step, or a whole number."""
    if ratio < 1:
        # Finer pixels: the whole number is the inverse.
        return 1 / max(round(1 / ratio), 1)
    # So near to 1 no pyramid has a step: the ratio is kept as measured, and levels merge later.
    if ratio < 1.25:
        return ratio
    step = min((factor for factor in layers if factor > 1), default=0.0)
    if step >= 2:
        power = step ** max(round(float(np.log(ratio) / np.log(step))), 1)
        # 2 % is the rounding of an edge of 50 pixels, the least that decides a level.
        if abs(power - ratio) <= 0.02 * ratio:
            return power
    return float(max(round(ratio), 2))


def _nearest(factors: list[float], ratio: float) -> float:
    return min(factors, key=lambda factor: abs(np.log(factor / ratio)))


def choose_level_factors(factors: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Return the factors of the levels of a scene, finest first.

    Parameters
    ----------
    factors
        One per subblock, as ``measure_factors`` returns them.

    Returns
    -------
    Level 0 has factor 1 if any subblock is stored at full resolution or finer, otherwise the
    smallest factor. Levels of almost equal factors count once.
    """
    usable = np.unique(factors[~np.isnan(factors)])
    if not len(usable):
        return (1.0,)
    # Finer pixels than full resolution (factors below 1) are shown in level 0, at its size.
    base = max(1.0, float(usable[0]))
    coarser = [float(factor) for factor in usable if factor >= base * 1.25]
    return (base, *coarser)
