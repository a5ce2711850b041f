"""Devices of a stack -> parts of OME: the stand, the camera and its settings.

Rule kept here: a device is what its kind names; a kind that is not known is passed over.

Source of the facts: as for ``tree``, and a file of cellSens 3.1 (Zenodo 6094961), whose camera is of kind 0 and
whose stand, an IX83, of kind 40500. Bio-Formats calls the number of a device its serial number; those of
drives and stands are no numbers that a maker prints, so it is left out. Its camera has binning and bit depth
among its settings; gain and offset have the numbers that Bio-Formats reads.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from aicsio._ome.parts import add_part, add_quantity, schema_word
from aicsio.formats.vsi.metadata import (
    MICROSCOPE,
    PROPERTIES,
    StackTags,
    numbers_of,
    text_of,
    whole_of,
)
from aicsio.formats.vsi.tree import VsiTag
from aicsio.records import Objective, Scene

DEVICE_SETTINGS, DEVICE_KIND, DEVICE_MODEL, DEVICE_MAKER = 120114, 120130, 120132, 120133
GAIN, OFFSET, BINNING_X, BINNING_Y, BIT_DEPTH = 100003, 100004, 100015, 100016, 100049
CAMERA, STAND = 0, 40500
"""Kinds of devices."""


def describe_devices(images: Sequence[tuple[StackTags | None, Scene]]) -> Element | None:
    """Return stand, camera and lens as an OME element with an Image for each scene.

    Parameters
    ----------
    images
        Tags of each scene, ``None`` for one without, and the scene.

    Returns
    -------
    ``None`` if no device is known: the records have the lens.
    """
    ome = Element("OME")
    entries: list[Element] = []
    found = False
    for number, (image, scene) in enumerate(images):
        entry = Element("Image")
        entries.append(entry)
        stand_tag, camera_tag = (_find_device(image, kind) for kind in (STAND, CAMERA))
        stand, camera = _describe(stand_tag), _describe(camera_tag)
        found = found or stand is not None or camera is not None
        if stand is None and camera is None and scene.objective is None:
            add_part(entry, "Pixels")
            continue
        instrument = add_part(ome, "Instrument", {"ID": f"Instrument:{number}"})
        add_part(entry, "InstrumentRef", {"ID": f"Instrument:{number}"})
        if stand is not None:
            add_part(instrument, "Microscope", stand)
        detector = f"Detector:{number}:0"
        if camera is not None:
            add_part(instrument, "Detector", {"ID": detector, **camera})
        if scene.objective is not None:
            _add_lens(instrument, entry, f"Objective:{number}:0", scene.objective)
        pixels = add_part(entry, "Pixels", {"SignificantBits": _bit_depth(camera_tag)})
        settings = {"ID": detector, **_camera_settings(camera_tag)}
        for _ in scene.channels if camera is not None else ():
            add_part(add_part(pixels, "Channel"), "DetectorSettings", settings)
    # The schema has all instruments in front of the images.
    ome.extend(entries)
    return ome if found else None


def _add_lens(instrument: Element, entry: Element, identity: str, lens: Objective) -> None:
    attributes: dict[str, str | float | bool | None] = {
        "ID": identity,
        "Model": lens.name,
        "LensNA": lens.aperture,
        "NominalMagnification": lens.magnification,
    }
    element = add_part(instrument, "Objective", attributes)
    add_quantity(element, "WorkingDistance", lens.working_distance, "µm")
    settings = {"ID": identity, "RefractiveIndex": lens.refractive_index}
    add_part(entry, "ObjectiveSettings", settings)


def _find_device(image: StackTags | None, kind: int) -> VsiTag | None:
    """Return the first device of a kind that has a model."""
    microscope = None if image is None else image.tag.first(PROPERTIES, MICROSCOPE)
    devices: tuple[VsiTag, ...] = () if microscope is None else microscope.children
    for device in devices:
        has_model = text_of(device.first(DEVICE_MODEL)) is not None
        if has_model and whole_of(device.first(DEVICE_KIND)) == kind:
            return device
    return None


def _describe(device: VsiTag | None) -> dict[str, str | float | bool | None] | None:
    """Return maker and model of a device."""
    if device is None:
        return None
    return {
        "Manufacturer": text_of(device.first(DEVICE_MAKER)),
        "Model": text_of(device.first(DEVICE_MODEL)),
    }


def _camera_settings(camera: VsiTag | None) -> dict[str, str | float | bool | None]:
    """Return binning, gain and offset of a camera as far as it states them."""
    if camera is None:
        return {}
    sides = [whole_of(camera.first(DEVICE_SETTINGS, number)) for number in (BINNING_X, BINNING_Y)]
    binning = None
    if None not in sides:
        # The schema enumerates binning: 1x1, 2x2, 4x4, 8x8, else Other.
        binning = schema_word("Binning", f"{sides[0]}x{sides[1]}")
    gain, offset = (
        next(iter(numbers_of(camera.first(DEVICE_SETTINGS, number))), None)
        for number in (GAIN, OFFSET)
    )
    return {"Binning": binning, "Gain": gain, "Offset": offset}


def _bit_depth(camera: VsiTag | None) -> str | None:
    depth = None if camera is None else whole_of(camera.first(DEVICE_SETTINGS, BIT_DEPTH))
    return str(depth) if depth is not None and 0 < depth <= 64 else None
