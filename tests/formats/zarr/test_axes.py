"""Axes and transformations of NGFF: JSON in, letters and sizes out.

Right values are by hand from the specifications of NGFF 0.1 to 0.5 and RFC-5 (0.6).
"""

from typing import Any

import pytest

from aicsio.formats.zarr.axes import (
    NgffAxis,
    Transform,
    find_axes,
    find_level_places,
    find_places,
    read_transform,
)
from aicsio.records import Origin, PixelSize


def axis(name: str, kind: str | None = None, unit: str | None = None) -> dict[str, str]:
    fields = {"name": name, "type": kind, "unit": unit}
    return {field: value for field, value in fields.items() if value is not None}


@pytest.mark.parametrize(
    ("image", "rank", "names", "letters", "guessed"),
    [
        # 0.4 and 0.5: objects
        ({"axes": [axis("z", "space"), axis("y"), axis("x")]}, 3, (), "ZYX", False),
        # 0.3: names
        ({"axes": ["t", "y", "x"]}, 3, (), "TYX", False),
        # a type gives the letter where the name gives none
        ({"axes": [axis("wavelength", "channel"), axis("y"), axis("x")]}, 3, (), "CYX", False),
        ({"axes": [axis("frames", "time"), axis("t"), axis("x")]}, 3, (), "FTX", False),
        # names of space are free, and NGFF orders them zyx
        ({"axes": [axis(n, "space") for n in ("depth", "rows", "cols")]}, 3, (), "ZYX", False),
        (
            {"axes": [axis("t", "time"), axis("rows", "space"), axis("cols", "space")]},
            3,
            (),
            "TYX",
            False,
        ),
        (
            {"axes": [axis("plane", "space"), axis("y", "space"), axis("x", "space")]},
            3,
            (),
            "ZYX",
            False,
        ),
        (
            {"axes": [axis("x", "space"), axis("y", "space"), axis("depth", "space")]},
            3,
            (),
            "XYZ",
            False,
        ),
        # letters that are taken: the axis whose name is the letter has it
        ({"axes": [axis("yes"), axis("y"), axis("x")]}, 3, (), "HYX", False),
        # 0.1 and 0.2 have no list: "the order must be tczyx"
        ({"version": "0.1"}, 5, (), "TCZYX", False),
        # names of the array itself: dimension_names of Zarr v3, _ARRAY_DIMENSIONS of v2
        ({}, 2, ("lat", "x"), "LX", False),
        ({}, 2, (None, "x"), "YX", True),
        # a list of another length is none
        ({"axes": [axis("x")]}, 2, (), "YX", True),
        ({}, 3, (), "ZYX", True),
        ({}, 5, (), "TCZYX", True),
        ({}, 7, (), "HITCZYX", True),
    ],
)
def test_letters(
    image: dict[str, Any], rank: int, names: tuple[str | None, ...], letters: str, guessed: bool
) -> None:
    axes, is_guess = find_axes(image, rank, names)
    assert "".join(each.letter for each in axes) == letters
    assert is_guess is guessed


def test_names_and_units_are_those_of_the_store() -> None:
    listed = [axis("Zeit", "time", "second"), axis("x", "space", "nanometer")]
    axes, _ = find_axes({"axes": listed}, 2, ())
    assert axes == [NgffAxis("T", "Zeit", "second"), NgffAxis("X", "x", "nanometer")]


def test_axes_of_0_6_are_those_that_the_levels_lead_to() -> None:
    image = {
        "coordinateSystems": [
            {"name": "world", "axes": [axis("a"), axis("b")]},
            {"name": "intrinsic", "axes": [axis("y", unit="meter"), axis("x")]},
        ],
        "datasets": [
            {"coordinateTransformations": [{"type": "scale", "output": {"name": "intrinsic"}}]}
        ],
    }
    axes, guessed = find_axes(image, 2, ())
    assert axes == [NgffAxis("Y", "y", "meter"), NgffAxis("X", "x", None)]
    assert not guessed


def moved(scales: tuple[float, ...], translations: tuple[float, ...] = (0, 0)) -> Transform:
    return Transform(tuple(map(float, scales)), tuple(map(float, translations)))


def scale(*values: float) -> dict[str, Any]:
    return {"type": "scale", "scale": list(values)}


def translation(*values: float) -> dict[str, Any]:
    return {"type": "translation", "translation": list(values)}


@pytest.mark.parametrize(
    ("content", "transform"),
    [
        (None, moved((1, 1))),
        ([], moved((1, 1))),
        ([{"type": "identity"}], moved((1, 1))),
        ([scale(2, 3)], moved((2, 3))),
        ([scale(2, 3), translation(5, 7)], moved((2, 3), (5, 7))),
        # The order counts: a later scale scales the position too.
        ([translation(5, 7), scale(2, 3)], moved((2, 3), (10, 21))),
        ([scale(2, 3), scale(0.5, 4)], moved((1, 12))),
        ([{"type": "sequence", "transformations": [scale(2, 3)]}], moved((2, 3))),
        # none of these is a scale and a translation of two axes
        ({}, None),
        ([None], None),
        ([scale(2)], None),
        ([scale(2, 3, 4)], None),
        ([{"type": "scale", "path": "scales"}], None),
        ([{"type": "affine", "affine": [2, 3]}], None),
        ([{"type": "scale", "scale": [2, "3"]}], None),
        ([{"type": "scale", "scale": [2, float("nan")]}], None),
        ([{"type": "scale", "scale": [2, 10**400]}], None),
        ([{"type": "sequence", "transformations": [scale(2)]}], None),
    ],
)
def test_transformations(content: Any, transform: Transform | None) -> None:
    assert read_transform(content, 2) == transform


TCZYX = [
    NgffAxis("T", "t", "millisecond"),
    NgffAxis("C", "c", None),
    NgffAxis("Z", "z", "nanometer"),
    NgffAxis("Y", "y", "micrometer"),
    NgffAxis("X", "x", None),
]


def test_sizes_are_micrometres_and_steps_seconds() -> None:
    places = find_places(TCZYX, moved((500, 1, 200, 0.5, 3), (0, 0, 1000, 2, 9)))
    assert places.time_step == pytest.approx(0.5)
    assert pytest.approx(0.2) == places.pixel_size.Z
    assert places.pixel_size.Y == 0.5
    assert pytest.approx(1) == places.origin.Z
    assert places.origin.Y == 2
    # A scale without a unit is a number of pixels, not of micrometres.
    assert (places.pixel_size.X, places.origin.X, places.unitless) == (None, None, ["x"])


@pytest.mark.parametrize(
    ("scales", "size", "step"),
    [
        ((0, 1, 0, 0, 0), PixelSize(), None),  # no distance at all
        ((-1, 1, 1, -0.5, 1), PixelSize(Z=1e-3, Y=0.5), None),  # flipped; time does not run back
        ((1, 7, 1, 1, 1), PixelSize(Z=1e-3, Y=1.0), 1e-3),  # channels have no distance
    ],
)
def test_scales_that_are_no_sizes(
    scales: tuple[float, ...], size: PixelSize, step: float | None
) -> None:
    places = find_places(TCZYX, moved(scales, (0,) * 5))
    assert (places.pixel_size, places.time_step, places.unitless) == (size, step, [])
    assert places.origin == Origin()


YX = [NgffAxis("Y", "y", "micrometer"), NgffAxis("X", "x", "micrometer")]


def test_places_of_levels() -> None:
    full, half = moved((1, 2)), moved((2, 4), (0.5, 1))
    first, second = find_level_places(YX, [full, half])
    assert (first.spacing, first.origin) == (PixelSize(Y=1.0, X=2.0), Origin(Y=0.0, X=0.0))
    assert (second.spacing, second.origin) == (PixelSize(Y=2.0, X=4.0), Origin(Y=0.5, X=1.0))
    # Writers that write no translation: spacings are known, positions are not.
    places = find_level_places(YX, [full, moved((2, 4))])
    assert [place.origin for place in places] == [Origin(), Origin()]
    assert find_level_places(YX, [full]) == ()
    unitless = [NgffAxis("Y", "y", None), NgffAxis("X", "x", None)]
    assert find_level_places(unitless, [full, half]) == ()
