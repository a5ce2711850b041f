"""Places of OME-XML from which the facts of records come.

Rule kept here: names of the schema 2016-06, whatever the version of the document.
"""

from collections.abc import Mapping

from aicsio.records.provenance import FactOrigin

OME_PLACES: Mapping[str, str] = {
    "name": "Image@Name", "acquired": "Image/AcquisitionDate", "time_step": "Pixels@TimeIncrement",
    "channels[*].name": "Channel@Name", "channels[*].color": "Channel@Color",
    "channels[*].emission": "Channel@EmissionWavelength", "channels[*].fluor": "Channel@Fluor",
    "channels[*].excitation": "Channel@ExcitationWavelength",
    "channels[*].acquisition_mode": "Channel@AcquisitionMode",
    "channels[*].pinhole_size": "Channel@PinholeSize",
    "channels[*].illumination_type": "Channel@IlluminationType",
    "channels[*].contrast_method": "Channel@ContrastMethod",
    "pixel_size.X": "Pixels@PhysicalSizeX", "pixel_size.Y": "Pixels@PhysicalSizeY",
    "pixel_size.Z": "Pixels@PhysicalSizeZ", "objective.name": "Objective@Model",
    "objective.magnification": "Objective@NominalMagnification",
    "objective.aperture": "Objective@LensNA", "objective.immersion": "Objective@Immersion",
    "objective.working_distance": "Objective@WorkingDistance", "objective.medium": "ObjectiveSettings@Medium",
    "objective.refractive_index": "ObjectiveSettings@RefractiveIndex",
    "planes.time": "Plane@DeltaT", "planes.start": "Plane@DeltaT", "planes.dims": "Pixels",
    "planes.exposure": "Plane@ExposureTime", "planes.x": "Plane@PositionX",
    "planes.y": "Plane@PositionY", "planes.z": "Plane@PositionZ", "well": "Plate/Well",
    "coordinates": "ModuloAlong",
}  # fmt: skip
"""Place by field."""


def ome_origins() -> tuple[FactOrigin, ...]:
    """Return the origins of facts that an OME document gives."""
    return tuple(FactOrigin(path, f"ome:{place}") for path, place in OME_PLACES.items())
