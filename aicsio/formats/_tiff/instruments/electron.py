"""Electron microscopes: FEI (Thermo Fisher) and Zeiss.

Rule kept here: lengths are metres in the text of FEI, and have a unit in that of Zeiss; both become
micrometres.

Source of the facts: the INI text of FEI in files of xT 5 to 7; the settings of Zeiss SmartSEM, whose
lines come in pairs: a key, then the setting as the microscope displays it.
"""

import re
from collections.abc import Mapping

from aicsio._ome.units import finite_number, micrometres_per
from aicsio.formats._tiff.electron_microscopes import (
    read_fei_settings,
    read_zeiss_sem_settings,
)
from aicsio.formats._tiff.instruments.parts import ImageParts
from aicsio.formats._tiff.page_metadata import PageTags
from aicsio.records import Contents

_FEI, _ZEISS = "fei.com/xT", "zeiss.com/SmartSEM"
_MICROMETRES_PER_METRE = 1e6


def describe_fei(tags: PageTags, contents: Contents, parts: ImageParts) -> bool:
    """Add the settings of an FEI microscope."""
    del contents
    settings = read_fei_settings(tags)
    if not settings:
        return False
    system, user = settings.get("System", {}), settings.get("User", {})
    parts.set_microscope(
        Model=system.get("SystemType") or system.get("Type"),
        SerialNumber=system.get("Dnumber"),
    )
    parts.set_experimenter(user.get("User"))
    parts.set_description(user.get("UserText"))
    name = settings.get("Detectors", {}).get("Name")
    if name:
        parts.add_detector(Model=name, Type="Other")
    stage = settings.get("Stage", {})
    x, y, z = (_scaled(stage.get(f"Stage{axis}")) for axis in "XYZ")
    if x is not None and y is not None:
        parts.set_stage("Stage", x, y, z)
    parts.annotate(_FEI, _flatten(settings))
    return True


def _flatten(settings: Mapping[str, Mapping[str, str]]) -> list[tuple[str, object]]:
    return [
        (f"{section}/{key}", value)
        for section, values in settings.items()
        for key, value in values.items()
    ]


def _scaled(text: str | None) -> float | None:
    metres = finite_number(text)
    return None if metres is None else metres * _MICROMETRES_PER_METRE


def describe_zeiss_sem(tags: PageTags, contents: Contents, parts: ImageParts) -> bool:
    """Add the settings of a Zeiss microscope."""
    del contents
    settings = read_zeiss_sem_settings(tags)
    if not settings:
        return False
    parts.set_microscope(
        Manufacturer="Zeiss",
        Model=_value(settings, "DP_SEM"),
        SerialNumber=_value(settings, "SV_SERIAL_NUMBER"),
    )
    parts.set_experimenter(_value(settings, "SV_USER_NAME"))
    parts.set_description(_value(settings, "SV_USER_TEXT"))
    # Keys begin with the kind of their value: AP is analogue, DP digital, SV a text.
    name = _value(settings, "DP_DETECTOR_CHANNEL") or _value(settings, "DP_DETECTOR_TYPE")
    if name:
        parts.add_detector(Model=name, Type="Other")
    x, y, z = (_length(settings, f"AP_STAGE_AT_{axis}") for axis in "XYZ")
    if x is not None and y is not None:
        parts.set_stage("Stage", x, y, z)
    parts.annotate(_ZEISS, [(key, " ".join(pair)) for key, pair in settings.items()])
    return True


def _value(settings: Mapping[str, tuple[str, str]], key: str) -> str | None:
    return settings.get(key, ("", ""))[1] or None


def _length(settings: Mapping[str, tuple[str, str]], key: str) -> float | None:
    match = re.fullmatch(r"([-+\d.eE]+)\s*(\S+)", _value(settings, key) or "")
    number = finite_number(match[1]) if match else None
    factor = micrometres_per(match[2]) if match else None
    return None if number is None or factor is None else number * factor
