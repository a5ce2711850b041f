"""SPE of Princeton Instruments: WinView and WinSpec (2.x), LightField (3.0). Imports `_io`, `_ome` and `records`.

``header`` reads the first 4100 bytes, ``footer`` the XML behind the frames of version 3, ``frames``
compares both with the file, ``layout`` places pixels.

Rule kept here: each region of the sensor is a scene; frames run along T. A file has no pixel size.
"""

from xml.etree.ElementTree import Element

import numpy as np

from aicsio._io import readers
from aicsio._ome.parts import add_part
from aicsio.errors import CorruptFileError
from aicsio.formats import Options
from aicsio.formats.spe.footer import FrameSet, Region, find_date, find_exposure, find_text, walk
from aicsio.formats.spe.frames import describe_planes, find_frames, layout_of
from aicsio.formats.spe.header import (
    HEADER_NBYTES,
    SpeHeader,
    is_plausible,
    parse_date,
    parse_header,
    read_fields,
)
from aicsio.formats.spe.layout import SpeLayout
from aicsio.records import (
    Contents,
    Coordinate,
    Dims,
    LazyArray,
    Planes,
    Scene,
    Source,
    Value,
)
from aicsio.records.provenance import FactOrigin, FactOrigins

NAMESPACE = "spe"
SETTINGS = {
    "DetTemperature": "detector temperature", "gain": "gain", "ADCrate": "ADC rate",
    "ADCtype": "ADC type", "ADCresolution": "ADC resolution", "NumExpAccums": "accumulations",
    "SpecCenterWlNm": "center wavelength", "SpecGrooves": "grooves", "ReadoutTime": "readout time",
    "sw_version": "software",
}  # fmt: skip
"""Fields of version 2 that become annotations, by their names in the header."""
ELEMENTS = (
    ("center wavelength", ("Grating", "CenterWavelength")),
    ("grating", ("Grating", "Selected")),
    ("accumulations", ("ReadoutControl", "Accumulations")),
    ("sensor temperature", ("Sensor", "Temperature", "Reading")),
    ("ADC speed", ("Adc", "Speed")),
    ("ADC gain", ("Adc", "AnalogGain")),
)
"""Settings of version 3 that become annotations, by the elements of LightField."""


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the header fits the file, and identifier or name are those of SPE."""
    header = parse_header(head)
    if header is None or not is_plausible(header, source.size):
        return False
    # Files of other programs than WinView and LightField lack the identifier.
    return header.is_marked or source.uri.partition("?")[0].lower().endswith(".spe")


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the regions of an SPE file.

    Parameters
    ----------
    source
        The file.
    options
        None applies.

    Returns
    -------
    A scene for each region of the sensor.

    Raises
    ------
    CorruptFileError
        When header or footer make no sense, or the file holds not one whole frame.
    UnsupportedFormatError
        For types of pixels that are not read.
    """
    head, header = _read_header(source)
    frames, root, text, diagnostics = find_frames(source, header)
    if root is None:
        fields = read_fields(head)
        acquired, exposure = parse_date(fields), _positive(fields["exp_sec"])
        if header.has_footer:
            acquired = exposure = None
        text = str(fields["Comments"]) or None
    else:
        acquired, exposure = find_date(root), find_exposure(root)
    scenes = tuple(
        _make_scene(source, frames, index, acquired, exposure)
        for index in range(len(frames.regions))
    )
    return Contents(scenes, text, tuple(diagnostics))


def _read_header(source: Source) -> tuple[bytes, SpeHeader]:
    head = readers.read_head(source, HEADER_NBYTES)
    header = parse_header(head)
    if len(head) < HEADER_NBYTES or header is None or not is_plausible(header, source.size):
        raise CorruptFileError.at(source.uri, 0, "expected the header of an SPE file")
    return head, header


def _make_scene(
    source: Source, frames: FrameSet, index: int, acquired: str | None, exposure: float | None
) -> Scene:
    region = frames.regions[index]
    layout = layout_of(source, frames, region)
    array = LazyArray.whole(layout, Dims("TYX", layout.shape), frames.dtype)
    planes = None
    if exposure is not None:
        column = np.full(frames.count, exposure, "<f8").tobytes()
        planes = Planes(Dims("T", (frames.count,)), exposure=column)
    coordinates: tuple[Coordinate, ...] = ()
    if region.wavelengths:
        coordinates = (Coordinate("X", region.wavelengths, "nm"),)
    return Scene(
        name=f"Image:{index}",
        levels=(array,),
        acquired=acquired,
        planes=planes,
        coordinates=coordinates,
    )


def read_planes(scene: Scene, level: LazyArray, /) -> Planes | None:
    """Read the time stamps of the frames of version 3."""
    layout = level.layout
    if not isinstance(layout, SpeLayout) or not layout.tracks:
        return scene.planes
    column = None if scene.planes is None else scene.planes.column("exposure")
    exposure = None if column is None or not column.size else float(column[0])
    return describe_planes(layout, exposure)


def read_tags(source: Source) -> dict[str, Value]:
    """Return the fields of the header by their names in the specification.

    Raises
    ------
    CorruptFileError
        When the header makes no sense.
    """
    return read_fields(_read_header(source)[0])


def describe_instrument(source: Source, contents: Contents, /) -> Element | None:
    """Describe comments, camera, place of each region and settings, as parts of OME."""
    del contents
    head, header = _read_header(source)
    frames, root, _, _ = find_frames(source, header)
    if root is None:
        fields = read_fields(head)
        comments = str(fields["Comments"])
        pairs = [(name, str(fields[key])) for key, name in SETTINGS.items() if fields[key]]
        camera = None
    else:
        comments = find_text(root, "FileInformation", "Notes") or ""
        found = ((name, find_text(root, *path)) for name, path in ELEMENTS)
        pairs = [(name, text) for name, text in found if text]
        camera = next((one for one in walk(root, "Camera") if one.get("model")), None)
    ome = Element("OME")
    if camera is not None:
        texts = {"ID": "Detector:0", "Model": camera.get("model", "")}
        if camera.get("serialNumber"):
            texts["SerialNumber"] = camera.get("serialNumber", "")
        instrument = add_part(ome, "Instrument", {"ID": "Instrument:0"})
        add_part(instrument, "Detector", texts)
    for _ in frames.regions:
        image = add_part(ome, "Image")
        if comments:
            add_part(image, "Description").text = comments
        if camera is not None:
            add_part(image, "InstrumentRef", {"ID": "Instrument:0"})
    for index, region in enumerate(frames.regions):
        _annotate(ome, index, [*pairs, *_describe_place(region)])
    return ome


def _annotate(ome: Element, index: int, pairs: list[tuple[str, str]]) -> None:
    if not pairs:
        return
    annotations = ome.find("StructuredAnnotations")
    if annotations is None:
        annotations = add_part(ome, "StructuredAnnotations")
    identity = f"Annotation:Settings:{index}"
    annotation = add_part(annotations, "MapAnnotation", {"ID": identity, "Namespace": NAMESPACE})
    value = add_part(annotation, "Value")
    for name, text in pairs:
        add_part(value, "M", {"K": name}).text = text
    add_part(ome.findall("Image")[index], "AnnotationRef", {"ID": identity})


def _describe_place(region: Region) -> list[tuple[str, str]]:
    if not region.place:
        return []
    x, y, width, height, bin_x, bin_y = region.place
    return [
        ("region of the sensor", f"x={x} y={y} width={width} height={height}"),
        ("binning", f"{bin_x}x{bin_y}"),
    ]


def _positive(value: Value) -> float | None:
    # NaN fails the comparison too.
    return float(value) if isinstance(value, float) and 0 < value < 1e9 else None


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the fields of the header, or the elements of the footer."""
    _, header = _read_header(source)
    facts = [
        ("acquired", "spe:header/date"),
        ("planes.dims", "spe:header/NumFrames"),
        ("planes.exposure", "spe:header/exp_sec"),
    ]
    if header.has_footer:
        facts = [
            ("acquired", "spe:footer/TimeStamp"),
            ("planes.dims", "spe:footer/DataBlock@count"),
            ("planes.time", "spe:frame/ExposureStarted"),
            ("planes.exposure", "spe:footer/ExposureTime"),
            ("coordinates", "spe:footer/WavelengthMapping"),
        ]
    facts.append(("name", "guess"))
    return FactOrigins(tuple(FactOrigin(path, origin) for path, origin in facts))
