"""Places of a LIF from which the facts of its scenes come.

Rule kept here: names of the elements and attributes of the XML.
"""

from aicsio.records import Scene
from aicsio.records.provenance import FactOrigin, FactOrigins

PLACES = (
    ("name", "lif:Element@Name"),
    ("channels[*].color", "lif:ChannelDescription@LUTName"),
    ("channels[*].fluor", "lif:ChannelProperty/DyeName"),
    ("channels[*].quantity", "lif:ChannelDescription@NameOfMeasuredQuantity"),
    ("channels[*].emission", "lif:Spectro/MultiBand"),
    ("channels[*].excitation", "lif:LaserLineSetting"),
    ("channels[*].acquisition_mode", "lif:HardwareSetting"),
    ("channels[*].pinhole_size", "lif:ATLConfocalSettingDefinition@Pinhole"),
    ("channels[*].illumination_type", "lif:Detector@ScanType"),
    ("channels[*].contrast_method", "lif:WideFieldChannelInfo@ContrastingMethodName"),
    ("channels", "lif:ChannelDescription"),
    ("pixel_size", "lif:DimensionDescription@Length"),
    ("time_step", "lif:DimensionDescription@Length"),
    ("coordinates", "lif:DimensionDescription"),
    ("acquired", "lif:TimeStampList"),
    ("planes.time", "lif:TimeStampList"),
    ("planes.start", "lif:TimeStampList"),
    ("planes.dims", "lif:DimensionDescription"),
    ("planes.exposure", "lif:WideFieldChannelInfo@ExposureTime"),
    ("planes", "lif:HardwareSetting/StagePos"),
    ("tiles", "lif:TileScanInfo"),
)
"""Fields and records with one place; the rest is that of the hardware settings."""


def trace(scene: Scene) -> FactOrigins:
    """Return the origins of the facts of a scene."""
    facts = [FactOrigin(path, origin) for path, origin in PLACES]
    for number, channel in enumerate(scene.channels):
        if channel.name is not None:
            by_dye = channel.name == channel.fluor
            place = "ChannelProperty/DyeName" if by_dye else "Detector@Name"
            facts.append(FactOrigin(f"channels[{number}].name", f"lif:{place}"))
    facts += [
        FactOrigin(name, "lif:HardwareSetting")
        for name in ("objective", "detectors", "instrument", "settings")
    ]
    return FactOrigins(tuple(facts))
