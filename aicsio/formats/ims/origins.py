"""Places of an Imaris file from which the facts of its scenes come.

Rule kept here: names of groups and attributes.
"""

from aicsio.records import Scene
from aicsio.records.provenance import FactOrigin, FactOrigins

PLACES = (
    ("name", "ims:Image@Name"),
    ("channels[*].color", "ims:Channel@Color"),
    ("channels[*].emission", "ims:Channel@LSMEmissionWavelength"),
    ("channels[*].excitation", "ims:Channel@LSMExcitationWavelength"),
    ("channels[*].window", "ims:Channel@ColorRange"),
    ("channels", "ims:Channel@Name"),
    ("pixel_size", "ims:Image@ExtMax"),
    ("origin", "ims:Image@ExtMin"),
    ("time_step", "ims:TimeInfo@TimePoint"),
    ("planes", "ims:TimeInfo@TimePoint"),
    ("objective", "ims:Image@LensPower"),
)
"""Fields and records with one place."""


def trace(scene: Scene) -> FactOrigins:
    """Return the origins of the facts of a scene."""
    facts = [FactOrigin(path, origin) for path, origin in PLACES]
    # A single time point has no planes; its date is that of the recording where it has none.
    place = "TimeInfo@TimePoint1" if scene.planes is not None else "Image@RecordingDate"
    return FactOrigins((*facts, FactOrigin("acquired", f"ims:{place}")))
