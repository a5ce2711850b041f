"""Metadata XML of CZI -> parts of OME: instrument, settings of channels, people, environment. Pure.

Rule kept here: elements keep the identifiers of the file, so that references lead where the file leads
them. A reference to nothing is left out. The records have names, colours, wavelengths and sizes.

Source of the paths: "CZI Image Document Metadata", Carl Zeiss Microscopy; of the elements, the OME
schema 2016-06.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from xml.etree.ElementTree import Element

from aicsio._ome.parts import add_part, add_quantity, schema_word
from aicsio._ome.units import finite_number
from aicsio._ome.xml import parse_root
from aicsio.errors import CorruptFileError
from aicsio.formats.czi import plates
from aicsio.formats.czi.descriptions import name_scene
from aicsio.formats.czi.devices import (
    add_detector,
    add_filter,
    add_light_source,
    add_objective,
    first_text,
    maker_of,
    number_at,
    positive_at,
    text_at,
)
from aicsio.formats.czi.scene_metadata import read_scenes
from aicsio.records import Scene

_INSTRUMENT: Final = "Instrument:0"
_EXPERIMENTER: Final = "Experimenter:0"


def describe_instrument(text: str | None, scenes: Sequence[Scene]) -> Element | None:
    """Describe what the XML has beyond the records.

    Parameters
    ----------
    text
        XML of the file; ``None`` if it has none.
    scenes
        Scenes of the file, in order.

    Returns
    -------
    xml.etree.ElementTree.Element or None
        An OME element with an Image for each scene; ``None`` if the XML cannot be parsed.
    """
    try:
        root = parse_root(text or "")
    except CorruptFileError:
        return None  # a diagnostic of the opening reports it
    information = root.find("Metadata/Information")
    if information is None:
        return None
    parts = Element("OME")
    has_experimenter = _add_experimenter(parts, information)
    instrument = _Instrument(parts, information)
    description = _description(information)
    places = _scene_places(information, scenes)
    plates.add_plate(parts, root, places)
    heights = plates.planned_heights(root)
    for scene, place in zip(scenes, places, strict=True):
        image = add_part(parts, "Image")
        if has_experimenter:
            add_part(image, "ExperimenterRef", {"ID": _EXPERIMENTER})
        if description is not None:
            add_part(image, "Description").text = description
        instrument.add_settings(image)
        _add_environment(image, information)
        _add_stage_label(image, scene, place, heights)
        instrument.add_pixels(image, scene)
    return parts


# ---------------------------------------------------------------- people and places


def _add_experimenter(parts: Element, information: Element) -> bool:
    user = information.find("User")
    facts: dict[str, str | float | bool | None] = {
        "FirstName": text_at(user, "FirstName"),
        "MiddleName": text_at(user, "MiddleName"),
        "LastName": text_at(user, "LastName"),
        "Email": text_at(user, "Email"),
        "Institution": text_at(user, "Institution"),
        "UserName": first_text(
            information, "User/UserName", "Document/UserName", "User/DisplayName"
        ),
    }
    known = {name: value for name, value in facts.items() if value is not None}
    if known:
        add_part(parts, "Experimenter", {"ID": _EXPERIMENTER, **known})
    return bool(known)


def _description(information: Element) -> str | None:
    return first_text(information, "Document/Description", "Document/Comment", "Image/Description")


def _scene_places(information: Element, scenes: Sequence[Scene]) -> list[Element | None]:
    """Return the Scene element of each scene.

    In order where as many are listed, else by name: a file that was cut out of another lists scenes
    whose pixels it lacks. A name that more elements have than scenes could be that of any of them.
    """
    axes = information.find("Image/Dimensions")
    elements = information.findall("Image/Dimensions/S/Scenes/Scene")
    listed = sorted(zip(read_scenes(axes), elements, strict=True), key=lambda one: one[0][0])
    if len(listed) == len(scenes):
        return [element for _, element in listed]
    by_name: dict[str, list[Element]] = {}
    for (_, facts), element in listed:
        if facts.name is not None or facts.shape is not None:
            by_name.setdefault(name_scene(facts, 0), []).append(element)
    counts = Counter(scene.name for scene in scenes)
    places: list[Element | None] = []
    for scene in scenes:
        candidates = by_name.get(scene.name, [])
        known = len(candidates) == counts[scene.name]
        # Scenes and elements are in the order of their numbers, those of one name too.
        seen = sum(other is not None and other in candidates for other in places)
        places.append(candidates[seen] if known else None)
    return places


def _add_stage_label(
    image: Element, scene: Scene, place: Element | None, heights: Mapping[str, float]
) -> None:
    if place is None:
        return
    position = place.find("Positions/Position")
    values = dict(position.attrib) if position is not None else {}
    center = (text_at(place, "CenterPosition") or "").split(",")
    if len(center) == 2:
        values |= {"X": center[0], "Y": center[1]}
    known = {letter: finite_number(values.get(letter)) for letter in "XYZ"}
    shape = place.find("Shape")
    if known["Z"] is None and shape is not None:
        known["Z"] = heights.get(shape.get("Id", ""))
    if all(value is None for value in known.values()):
        return
    label = add_part(image, "StageLabel", {"Name": scene.name})
    for letter, value in known.items():
        add_quantity(label, letter, value, "µm")


def _add_environment(image: Element, information: Element) -> None:
    """Describe the air around the sample; of an incubation recording, what was switched on."""
    environment = information.find("Image/ImagingEnvironment")
    temperature = _first_number(
        environment, "Temperature", information, _recorded("MTBOverallTemperature")
    )
    carbon_dioxide = _first_number(
        environment, "CO2Percent", information, _recorded("MTBIncubationCO2Channel")
    )
    pressure, humidity = number_at(environment, "AirPressure"), number_at(environment, "Humidity")
    if {temperature, carbon_dioxide, pressure, humidity} == {None}:
        return
    part = add_part(image, "ImagingEnvironment")
    add_quantity(part, "Temperature", temperature, "°C")
    add_quantity(part, "AirPressure", pressure, "mbar")
    for name, percent in (("Humidity", humidity), ("CO2Percent", carbon_dioxide)):
        if percent is not None:
            # Zeiss counts percent; the schema has fractions of 1.
            part.set(name, repr(percent / 100))


def _first_number(
    environment: Element | None,
    path: str,
    information: Element,
    recorded: Callable[[Element], float | None],
) -> float | None:
    value = number_at(environment, path)
    return recorded(information) if value is None else value


def _recorded(name: str) -> Callable[[Element], float | None]:
    def read(information: Element) -> float | None:
        for sensor in information.iterfind(f"TimelineTracks//IncubationRecording//{name}"):
            # A device that is off still has a value, that of its set point.
            if text_at(sensor, "IsEnabled") == "true":
                return number_at(sensor, "Value")
        return None

    return read


# ---------------------------------------------------------------- the instrument


class _Instrument:
    """The instrument of a file. Not a record: it lives while a document is made."""

    def __init__(self, parts: Element, information: Element) -> None:
        self.image = information.find("Image")
        self.source = information.find("Instrument")
        self.channels = information.findall("Image/Dimensions/Channels/Channel")
        self.defined: set[str] = set()
        self.part: Element | None = None
        if self.source is not None and len(self.source):
            self.part = add_part(parts, "Instrument", {"ID": _INSTRUMENT})
            self._add_all(self.part)

    def _add_all(self, part: Element) -> None:
        # The order is that of the schema: microscope, sources, detectors, lenses, filters.
        microscope = self._referred("Microscopes/Microscope", "MicroscopeRef")
        if microscope is not None:
            model = first_text(microscope, "System", "Manufacturer/Model")
            add_part(
                part,
                "Microscope",
                {
                    **maker_of(microscope),
                    "Model": model or microscope.get("Name"),
                    "Type": schema_word("MicroscopeType", text_at(microscope, "Type")),
                },
            )
        for element in self._listed("LightSources/LightSource"):
            add_light_source(part, element)
        for element in self._listed("Detectors/Detector"):
            add_detector(part, element)
        for element in self._listed("Objectives/Objective"):
            add_objective(part, element)
        sets = list(self._listed("FilterSets/FilterSet"))
        filters = list(self._listed("Filters/Filter"))
        dichroics = list(self._listed("Dichroics/Dichroic"))
        for element in sets:
            self._add_filter_set(part, element)
        for element in filters:
            add_filter(part, element)
        for element in dichroics:
            add_part(part, "Dichroic", {"ID": element.get("Id"), **maker_of(element, named=True)})

    def _listed(self, path: str) -> Iterator[Element]:
        """Yield elements that have an Id, each Id once."""
        for element in self.source.findall(path) if self.source is not None else ():
            identity = element.get("Id")
            if identity and identity not in self.defined:
                self.defined.add(identity)
                yield element

    def _referred(self, path: str, reference: str) -> Element | None:
        """Return the element that the image refers to, or else the first."""
        elements = self.source.findall(path) if self.source is not None else []
        link = None if self.image is None else self.image.find(reference)
        identity = None if link is None else link.get("Id")
        first = elements[0] if elements else None
        return next((element for element in elements if element.get("Id") == identity), first)

    def _add_filter_set(self, part: Element, element: Element) -> None:
        filter_set = add_part(
            part, "FilterSet", {"ID": element.get("Id"), **maker_of(element, named=True)}
        )
        for path in (
            "ExcitationFilters/ExcitationFilterRef",
            "DichroicRef",
            "EmissionFilters/EmissionFilterRef",
        ):
            for link in element.findall(path):
                self._refer(filter_set, path.rpartition("/")[2], link.get("Id"))

    def _refer(self, parent: Element, name: str, identity: str | None) -> bool:
        if identity is None or identity not in self.defined:
            return False
        add_part(parent, name, {"ID": identity})
        return True

    # ------------------------------------------------------------ settings

    def add_settings(self, image: Element) -> None:
        """Refer to the instrument and the lens."""
        if self.part is None:
            return
        add_part(image, "InstrumentRef", {"ID": _INSTRUMENT})
        settings = None if self.image is None else self.image.find("ObjectiveSettings")
        lens = self._referred("Objectives/Objective", "ObjectiveSettings/ObjectiveRef")
        if lens is None or lens.get("Id") not in self.defined:
            return
        add_part(
            image,
            "ObjectiveSettings",
            {
                "ID": lens.get("Id"),
                "CorrectionCollar": number_at(settings, "CorrectionCollar"),
                "Medium": schema_word("Medium", text_at(settings, "Medium")),
                "RefractiveIndex": positive_at(settings, "RefractiveIndex"),
            },
        )

    def add_pixels(self, image: Element, scene: Scene) -> None:
        """Describe the settings of each channel."""
        pixels = add_part(image, "Pixels")
        bits = [positive_at(channel, "ComponentBitCount") for channel in self.channels]
        bits.append(positive_at(self.image, "ComponentBitCount"))
        known = [count for count in bits if count is not None]
        if known:
            pixels.set("SignificantBits", str(int(max(known))))
        for channel in self._channels_of(scene):
            part = add_part(pixels, "Channel")
            if channel is not None:
                self._add_channel(part, channel)

    def _channels_of(self, scene: Scene) -> list[Element | None]:
        """Return the element of each channel: in order where as many are listed, else by name."""
        if len(self.channels) == len(scene.channels):
            return list(self.channels)
        by_name = {element.get("Name"): element for element in self.channels}
        return [by_name.get(channel.name) for channel in scene.channels]

    def _add_channel(self, part: Element, channel: Element) -> None:
        for name, kind in (
            ("AcquisitionMode", "AcquisitionMode"),
            ("IlluminationType", "IlluminationType"),
            ("ContrastMethod", "ContrastMethod"),
        ):
            word = schema_word(kind, text_at(channel, name))
            if word is not None:
                part.set(name, word)
        add_quantity(part, "PinholeSize", positive_at(channel, "PinholeSize"), "µm")
        self._add_light_source_settings(part, channel)
        self._add_detector_settings(part, channel)
        link = channel.find("FilterSetRef")
        # ZEN black calls the reference as the thing.
        link = channel.find("FilterSet") if link is None else link
        if link is not None:
            self._refer(part, "FilterSetRef", link.get("Id"))
        splitter = text_at(channel, "LaserScanInfo/MainBeamSplitterVis")
        if splitter in self.defined:
            self._refer(add_part(part, "LightPath"), "DichroicRef", splitter)

    def _add_light_source_settings(self, part: Element, channel: Element) -> None:
        # The schema has room for one light source a channel: the first.
        settings = channel.find("LightSourcesSettings/LightSourceSettings")
        source = None if settings is None else settings.find("LightSource")
        if source is None or source.get("Id") not in self.defined:
            return
        attenuation = number_at(settings, "Attenuation")
        if attenuation is not None and not 0 <= attenuation <= 1:
            attenuation = None
        element = add_part(
            part, "LightSourceSettings", {"ID": source.get("Id"), "Attenuation": attenuation}
        )
        add_quantity(element, "Wavelength", positive_at(settings, "Wavelength"), "nm")

    def _add_detector_settings(self, part: Element, channel: Element) -> None:
        settings = channel.find("DetectorSettings")
        detector = None if settings is None else settings.find("Detector")
        if detector is None or detector.get("Id") not in self.defined:
            return
        binning = (text_at(settings, "Binning") or "").replace(",", "x")
        averaging = positive_at(channel, "LaserScanInfo/Averaging")
        element = add_part(
            part,
            "DetectorSettings",
            {
                "ID": detector.get("Id"),
                "Offset": number_at(settings, "Offset"),
                "Gain": number_at(settings, "Gain"),
                "Zoom": number_at(channel, "LaserScanInfo/ZoomX"),
                "Binning": schema_word("Binning", binning),
                "Integration": None if averaging is None else str(int(averaging)),
            },
        )
        add_quantity(element, "Voltage", number_at(settings, "Voltage"), "V")
