"""Engravings of lenses; the right values are those that are printed in them, and the makers' catalogues."""

import pytest

from aicsio._ome.lenses import LensEngraving, name_immersion, read_engraving


@pytest.mark.parametrize(
    ("name", "engraving"),
    [
        ("HC PL APO CS2    63x/1.30 GLYC", (63.0, 1.3, "Glycerol", "PlanApo")),
        ("HCX PL APO CS 63.0x1.40 OIL UV", (63.0, 1.4, "Oil", "PlanApo")),
        ("HCX PL FLUOTAR 100x/1.30 OIL", (100.0, 1.3, "Oil", "Fluotar")),
        ("N PLAN 5x/0.12 DRY", (5.0, 0.12, "Air", None)),
        ("EC Plan-Neofluar 40x/1.30 Oil DIC M27", (40.0, 1.3, "Oil", "PlanNeofluar")),
        ("Plan-Apochromat 63x/1.4 Oil DIC M27", (63.0, 1.4, "Oil", "PlanApo")),
        ("C-Apochromat 40x/1.2 W Korr M27", (40.0, 1.2, "Water", "Apo")),
        ("Fluar 5x/0.25 M27", (5.0, 0.25, None, "Fluar")),
        ("20x Plan Fluor ELWD", (20.0, None, None, "PlanFluor")),
        ("Plan Apo 60x NA 1.40 Oil", (60.0, 1.4, "Oil", "PlanApo")),
        ("no engraving", (None, None, None, None)),
        ("", (None, None, None, None)),
        (None, (None, None, None, None)),
    ],
)
def test_engravings(name: str | None, engraving: tuple[float, float, str, str]) -> None:
    assert read_engraving(name) == LensEngraving(*engraving)


@pytest.mark.parametrize(
    ("word", "immersion"),
    [("DRY", "Air"), ("GLYC", "Glycerol"), ("Oil", "Oil"), ("silicone", "Other"), (" ", None)],
)
def test_immersions(word: str, immersion: str | None) -> None:
    assert name_immersion(word) == immersion
