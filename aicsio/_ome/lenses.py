"""The engraving of an objective lens: magnification, aperture, immersion and correction.

Rule kept here: only engravings that all makers share are read. Words that mean nothing here are
passed over, and a fact that the engraving lacks is ``None``.

Source of the facts: ISO 8578 (marking of objectives: ``63x/1.30``); Correction and Immersion of the
OME schema 2016-06; the catalogues of Leica (HC PL APO, HCX PL FLUOTAR, N PLAN), Nikon (Plan Fluor,
CFI Plan Apo Lambda, S Fluor), Olympus (UPLSAPO, PLN) and Zeiss (Plan-Apochromat, EC Plan-Neofluar).
"""

import re
from collections.abc import Mapping

import attrs

from aicsio._ome.units import finite_number


@attrs.frozen
class LensEngraving:
    """Facts in the name of an objective lens; ``None`` where the name has none."""

    magnification: float | None = None
    """Nominal magnification."""
    aperture: float | None = None
    """Numerical aperture."""
    immersion: str | None = None
    """As the OME schema names it."""
    correction: str | None = None
    """As the OME schema names it."""


_MAGNIFICATION = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*[xX]\s*(?:/|NA\s*)?\s*(\d\.\d+)?")
_APERTURE = re.compile(r"(?:/|\bNA\s*|\bN\.A\.\s*)(\d\.\d+)")
_IMMERSIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:OIL|OEL|ÖL|OI|HI)\b", re.IGNORECASE), "Oil"),
    (re.compile(r"\b(?:W DIP|DIPPING)\b", re.IGNORECASE), "WaterDipping"),
    (re.compile(r"\b(?:WATER|W|WI|W CORR)\b", re.IGNORECASE), "Water"),
    (re.compile(r"\b(?:GLYC|GLYCEROL|GLYCERIN)\b", re.IGNORECASE), "Glycerol"),
    (re.compile(r"\b(?:IMM|MULTI)\b", re.IGNORECASE), "Multi"),
    (re.compile(r"\b(?:DRY|AIR)\b", re.IGNORECASE), "Air"),
)
_CORRECTIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bPL(?:AN)?[\s-]*APO|\bU?PLS?APO|PLAN-APOCHROMAT", re.IGNORECASE), "PlanApo"),
    (re.compile(r"PLAN[\s-]*NEOFLUAR", re.IGNORECASE), "PlanNeofluar"),
    (re.compile(r"\b(?:PL(?:AN)?[\s-]*(?:FLUOR|FL)\b|U?PLFLN?)", re.IGNORECASE), "PlanFluor"),
    (re.compile(r"FLUOTAR", re.IGNORECASE), "Fluotar"),
    (re.compile(r"NEOFLUAR", re.IGNORECASE), "Neofluar"),
    (re.compile(r"\bS(?:UPER)?[\s-]*FLUOR", re.IGNORECASE), "SuperFluor"),
    (re.compile(r"FLUAR", re.IGNORECASE), "Fluar"),
    (re.compile(r"\bFLUOR\b", re.IGNORECASE), "Fluor"),
    (re.compile(r"APOCHROMAT|\bAPO\b", re.IGNORECASE), "Apo"),
    (re.compile(r"ACHROMAT|\bACHRO(?:PLAN|STIGMAT)", re.IGNORECASE), "Achromat"),
)
"""The longest names first: Neofluar holds Fluar."""
_MEDIA: Mapping[str, str] = {
    "oil": "Oil", "oel": "Oil", "water": "Water", "w": "Water", "glyc": "Glycerol",
    "glycerol": "Glycerol", "glycerin": "Glycerol", "dry": "Air", "air": "Air", "multi": "Multi",
    "multiimmersion": "Multi", "waterdipping": "WaterDipping",
}  # fmt: skip


def read_engraving(name: str | None) -> LensEngraving:
    """Read the name of an objective lens.

    Examples
    --------
    >>> from aicsio._ome.lenses import read_engraving
    >>> read_engraving("HC PL APO CS2    63x/1.30 GLYC")
    LensEngraving(magnification=63.0, aperture=1.3, immersion='Glycerol', correction='PlanApo')
    """
    text = name or ""
    printed = _MAGNIFICATION.search(text)
    aperture = printed[2] if printed else None
    if aperture is None:
        alone = _APERTURE.search(text)
        aperture = alone[1] if alone else None
    # The medium is engraved behind the numbers; "W" in front of them is another word.
    behind = text[printed.end() :] if printed else text
    return LensEngraving(
        magnification=finite_number(printed[1]) if printed else None,
        aperture=finite_number(aperture),
        immersion=_first_match(_IMMERSIONS, behind),
        correction=_first_match(_CORRECTIONS, text),
    )


def name_immersion(word: str | None) -> str | None:
    """Return the immersion of the OME schema for a word; ``None`` without one.

    Examples
    --------
    >>> from aicsio._ome.lenses import name_immersion
    >>> name_immersion("GLYC"), name_immersion("DRY"), name_immersion("silicone"), name_immersion("")
    ('Glycerol', 'Air', 'Other', None)
    """
    key = re.sub(r"[\s_-]", "", word or "").lower()
    return _MEDIA.get(key, "Other") if key else None


def _first_match(table: tuple[tuple[re.Pattern[str], str], ...], text: str) -> str | None:
    for pattern, value in table:
        if pattern.search(text):
            return value
    return None
