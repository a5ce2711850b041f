"""Strategies for descriptions of plates in folders.

Rule kept here: every drawn description is a legal plate of every format.
"""

from hypothesis import strategies as st

from aicsio.testing.plates import PlateSpec
from aicsio.testing.strategies.images import Draw, composite

__all__ = ["plate_specs"]


@composite
def plate_specs(draw: Draw) -> PlateSpec:
    """Draw descriptions of plates.

    Returns
    -------
    SearchStrategy of PlateSpec
        Wells in the order of rows, fields, all sizes from 1, missing files.

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies.plates import plate_specs
    >>> find(plate_specs(), lambda spec: spec.T > 1 and spec.Z > 1).T
    2
    """
    places = st.tuples(st.integers(0, 7), st.integers(0, 11))
    wells = sorted(draw(st.sets(places, min_size=1, max_size=3)))
    sizes = {letter: draw(st.integers(1, 3)) for letter in "TCZ"}
    fields = draw(st.integers(1, 2))
    count = len(wells) * fields * sizes["T"] * sizes["C"] * sizes["Z"]
    # The first plane stays: a plate without any file has no pixels.
    missing = draw(st.sets(st.integers(1, max(count - 1, 1)), max_size=2))
    return PlateSpec(
        wells=tuple(wells),
        fields=fields,
        **sizes,
        Y=draw(st.integers(1, 9)),
        X=draw(st.integers(1, 9)),
        missing=tuple(sorted(number for number in missing if number < count)),
        seed=draw(st.integers(0, 1000)),
    )
