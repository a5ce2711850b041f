"""How a channel was taken: the bits of ``uiModalityMask`` in the words of OME.

Rule kept here: of several bits the most special one counts: a confocal scan is fluorescence, too.

Source of the facts: the constants ``ELxModalityMask`` of Nikon's ND2 SDK, as the package nd2 lists them.
"""

from typing import Final

FLUORESCENCE: Final = 0x1
BRIGHTFIELD: Final = 0x2
_MODES: Final = (
    (0x10000, "MultiPhotonMicroscopy"), (0x20000, "TIRF"), (0x4000, "StructuredIllumination"),
    (0x8000, "StructuredIllumination"), (0x200, "LaserScanningConfocalMicroscopy"),
    (0x400, "SpinningDiskConfocal"), (0x1000, "SweptFieldConfocal"), (0x800, "SlitScanConfocal"),
    (BRIGHTFIELD, "BrightField"), (FLUORESCENCE, "WideField"),
)  # fmt: skip
_CONTRASTS: Final = (
    (0x10, "Phase"), (0x20, "DIC"), (BRIGHTFIELD, "Brightfield"), (FLUORESCENCE, "Fluorescence"),
)  # fmt: skip
_ILLUMINATIONS: Final = (
    (0x10000, "NonLinear"), (BRIGHTFIELD, "Transmitted"), (FLUORESCENCE, "Epifluorescence"),
)  # fmt: skip
LIGHT: Final = FLUORESCENCE | BRIGHTFIELD
"""A mask without either says nothing."""


def read_mask(mask: object) -> dict[str, str]:
    """Return the fields of a channel that a mask gives.

    Examples
    --------
    >>> from aicsio.formats.nd2.modes import read_mask
    >>> read_mask(0x101)["acquisition_mode"], read_mask(0)
    ('WideField', {})
    """
    if not isinstance(mask, int) or isinstance(mask, bool) or not mask & LIGHT:
        return {}
    fields = {}
    for name, table in (
        ("acquisition_mode", _MODES),
        ("illumination_type", _ILLUMINATIONS),
        ("contrast_method", _CONTRASTS),
    ):
        # Each table holds both bits of LIGHT, one of which is set here: a word is always found.
        fields[name] = next(word for bit, word in table if mask & bit)
    return fields
