"""The twin of the dimension language: what is known before a program runs agrees with the runtime."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio import AicsioError, ImageHandle, open_image, transpose_to
from aicsio._dims import known
from aicsio._dims.known import ANY, ANY_INT, UNKNOWN, KnownDims
from aicsio.testing.strategies import Draw, composite
from aicsio.testing.strategies import dims as drawn_dims

PICKS = st.one_of(
    st.integers(-4, 4),
    st.booleans(),
    st.floats(0, 2),
    st.none(),
    st.slices(4),
    st.lists(st.integers(-4, 4), max_size=3),
    st.builds(range, st.integers(-4, 4), st.integers(-4, 4)),
    st.text("a", max_size=1),
)
"""Legal picks and others."""
LETTERS = "TCZYXQ"


@composite
def calls(draw: Draw) -> list[tuple[str, dict[str, Any]]]:
    """Draw chains of calls of ``transpose_to``, right ones and wrong ones."""
    orders = st.one_of(
        st.permutations(LETTERS).flatmap(
            lambda letters: st.integers(1, 6).map(lambda count: "".join(letters[:count]))
        ),
        st.text(LETTERS + "zyx1", max_size=4),
    )
    names = st.sampled_from([*LETTERS, "z", "Time"])
    picks = st.dictionaries(names, PICKS, max_size=3)
    drawn: list[tuple[str, dict[str, Any]]] = draw(
        st.lists(st.tuples(orders, picks), min_size=1, max_size=3)
    )
    return drawn


def run(handle: ImageHandle, chain: list[tuple[str, dict[str, Any]]]) -> ImageHandle | AicsioError:
    for order, picks in chain:
        try:
            handle = transpose_to(handle, order, **picks)
        except AicsioError as error:
            return error
    return handle


def foresee(dims: KnownDims, chain: list[tuple[str, dict[str, Any]]]) -> KnownDims | AicsioError:
    for order, picks in chain:
        try:
            dims = known.transpose(dims, order, picks)
        except AicsioError as error:
            return error
    return dims


def names_channels(chain: list[tuple[str, dict[str, Any]]]) -> bool:
    """Whether a channel is picked by a name, which only the image knows."""
    return any(isinstance(picks.get("C"), str) for _, picks in chain)


@given(drawn_dims(), calls())
def test_where_all_sizes_are_known_it_agrees_with_the_runtime(
    dims: Any, chain: list[tuple[str, dict[str, Any]]]
) -> None:
    if names_channels(chain):
        return
    result = run(open_image(np.zeros(dims.shape, np.uint8), dims=dims.order), chain)
    seen = foresee(KnownDims(dims.order, dims.shape), chain)
    if isinstance(result, AicsioError):
        assert type(seen) is type(result)
        assert str(seen) == str(result)
    else:
        assert isinstance(seen, KnownDims)
        assert (seen.order, seen.sizes) == (result.dims.order, result.shape)


@given(drawn_dims(), calls())
def test_where_nothing_is_known_only_what_no_image_accepts_is_refused(
    dims: Any, chain: list[tuple[str, dict[str, Any]]]
) -> None:
    result = run(open_image(np.zeros(dims.shape, np.uint8), dims=dims.order), chain)
    seen = foresee(ANY, chain)
    if not isinstance(result, AicsioError):
        assert isinstance(seen, KnownDims), seen
        assert seen.order == result.dims.order
        for foreseen, size in zip(seen.sizes, result.shape, strict=True):
            assert foreseen in {None, size}


def test_a_chain_is_refused_for_all_images() -> None:
    chain: list[tuple[str, dict[str, Any]]] = [("YX", {"Z": 0}), ("ZYX", {"Z": 0})]
    seen = foresee(ANY, chain)
    assert str(seen) == "cannot pick from 'Z': there are Y, X"


@pytest.mark.parametrize(
    ("pick", "refused"), [(0, False), (ANY_INT, False), (UNKNOWN, False), ([0, 1], True)]
)
def test_picks_of_unknown_value_are_not_refused(pick: object, refused: bool) -> None:
    dims = KnownDims("CZYX", (3, None, None, None))
    seen = foresee(dims, [("ZYX", {"C": pick})])
    assert isinstance(seen, AicsioError) is refused
    if refused:
        assert "'ZYX' would drop 'C', which has 2 positions" in str(seen)
