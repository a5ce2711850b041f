"""Units: every symbol of the OME schema, both spellings of micro, the words of other programs."""

import pytest

from aicsio._ome.units import (
    MICROMETRES,
    SECONDS,
    micrometres_per,
    normalize_unit,
    seconds_per,
)

ome_types_model = pytest.importorskip("ome_types.model")

NO_MEASURES = {"pixel", "reference frame"}
"""UnitsLength says of both that they convert to no metre."""


def test_the_tables_hold_every_unit_of_the_schema() -> None:
    lengths = {unit.value for unit in ome_types_model.UnitsLength} - NO_MEASURES
    times = {unit.value for unit in ome_types_model.UnitsTime}
    assert set(MICROMETRES) == lengths
    assert set(SECONDS) == times


@pytest.mark.parametrize(
    ("unit", "metres"),
    [
        # The documentation of UnitsLength in ome.xsd gives each in metres or in another unit.
        ("Ym", 1e24), ("Gm", 1e9), ("Mm", 1e6), ("km", 1e3), ("dam", 10.0), ("m", 1.0),
        ("mm", 1e-3), ("\u00b5m", 1e-6), ("nm", 1e-9), ("fm", 1e-15), ("ym", 1e-24),
        ("\u00c5", 1e-10), ("thou", 0.0254 / 1000), ("li", 0.0254 / 12), ("in", 0.0254),
        ("ft", 0.3048), ("yd", 0.9144), ("mi", 1609.344), ("ua", 149597870700.0),
        ("ly", 9460730472580800.0), ("pc", 3.0856776e16), ("pt", 0.0254 / 72),
    ],
)  # fmt: skip
def test_lengths(unit: str, metres: float) -> None:
    assert micrometres_per(unit) == pytest.approx(metres * 1e6, rel=1e-7)


@pytest.mark.parametrize(
    "unit",
    [
        "\u00b5m", "\u03bcm", "um", "UM", " \u03bcm\0", "micron", "Microns", "micrometer",
        "micrometres", "\u00c2\u00b5m",
    ],
)  # fmt: skip
def test_spellings_of_the_micrometre(unit: str) -> None:
    assert micrometres_per(unit) == 1.0


@pytest.mark.parametrize(
    ("unit", "micrometres"),
    [
        ("inch", 25400.0), ("inches", 25400.0), ("millimeter", 1e3), ("Meters", 1e6),
        ("\u212b", 1e-4), ("angstroms", 1e-4), ("nanometer", 1e-3), ("feet", 304800.0),
    ],
)  # fmt: skip
def test_words_of_lengths(unit: str, micrometres: float) -> None:
    assert micrometres_per(unit) == pytest.approx(micrometres)


@pytest.mark.parametrize(
    ("unit", "seconds"),
    [
        ("s", 1.0), ("sec", 1.0), ("Seconds", 1.0), ("ms", 1e-3), ("Ms", 1e6), ("msec", 1e-3),
        ("\u03bcs", 1e-6), ("us", 1e-6), ("min", 60.0), ("minutes", 60.0), ("h", 3600.0),
        ("hr", 3600.0), ("d", 86400.0), ("days", 86400.0),
    ],
)  # fmt: skip
def test_times(unit: str, seconds: float) -> None:
    assert seconds_per(unit) == seconds


@pytest.mark.parametrize("unit", [None, "", " ", "pixel", "reference frame", "frame", "parrot"])
def test_a_unit_without_a_measure_has_no_factor(unit: str | None) -> None:
    assert micrometres_per(unit) is None
    assert seconds_per(unit) is None


def test_lengths_are_no_times() -> None:
    assert micrometres_per("s") is None
    assert seconds_per("\u00b5m") is None


def test_micro_is_written_as_the_schema_does() -> None:
    assert normalize_unit("\u03bcm") == "\u00b5m"
    assert normalize_unit(" nm\0") == "nm"
