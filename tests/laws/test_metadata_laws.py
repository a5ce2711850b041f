"""Any metadata that records hold and OME has a place for: written, and read back the same."""

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import ome_types
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from aicsio import (
    Channel,
    Dims,
    ImageHandle,
    Objective,
    PixelSize,
    Planes,
    Scene,
    ome_metadata,
    ome_xml,
    open_image,
    plane_table,
    to_xarray,
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio._ome.document import parse_ome
from aicsio._ome.parts import ENUMERATIONS
from aicsio.records import Well
from aicsio.testing.strategies.images import Draw, composite
from schema import SCHEMA

# Line breaks and tabs of attributes become blanks, which Bio-Formats needs, and blanks around a
# name (NBSP too) are none of it.
NAMES = st.text(
    st.characters(
        min_codepoint=33,
        exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"],
        exclude_characters="\ufffe\uffff",
    ),
    min_size=1,
    max_size=8,
)
# The numbers of xsd:float.
SIZES = st.floats(1e-9, 1e9)
NUMBERS = st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-9)
LENSES = st.builds(
    Objective,
    name=st.none() | NAMES,
    magnification=st.none() | SIZES,
    aperture=st.none() | SIZES,
    immersion=st.none() | st.sampled_from(["Oil", "Water", "Air", "Glycerol", "Other"]),
    working_distance=st.none() | SIZES,
    medium=st.none() | st.sampled_from(["Oil", "Water", "Air", "Glycerol", "Other"]),
    refractive_index=st.none() | SIZES,
)
CHANNELS = st.builds(
    Channel,
    name=st.none() | NAMES,
    # A colour without an alpha is read as opaque: no channel is invisible.
    color=st.none() | st.integers(1, (1 << 32) - 1).filter(lambda color: color & 0xFF),
    emission=st.none() | SIZES,
    excitation=st.none() | SIZES,
    fluor=st.none() | NAMES,
    acquisition_mode=st.none() | st.sampled_from(ENUMERATIONS["AcquisitionMode"]),
    pinhole_size=st.none() | SIZES,
    illumination_type=st.none() | st.sampled_from(ENUMERATIONS["IlluminationType"]),
    contrast_method=st.none() | st.sampled_from(ENUMERATIONS["ContrastMethod"]),
)


@composite
def columns(draw: Draw, dims: Dims) -> Planes | None:
    """Facts of planes; the first has all of them, so that no column is empty."""
    count = int(np.prod(dims.shape))
    made = {}
    for name in draw(st.sets(st.sampled_from(["time", "exposure", "x", "y", "z"]))):
        values = draw(st.lists(NUMBERS | st.just(float("nan")), min_size=count, max_size=count))
        values[0] = draw(NUMBERS)
        if name == "time":
            # Times count from the first plane.
            values = [0.0, *map(abs, values[1:])]
        made[name] = np.array(values, "<f8").tobytes()
    start = 0.0 if "time" in made else None
    return Planes(dims, **made, start=start) if made else None


@composite
def described(draw: Draw) -> ImageHandle:
    """An image whose records are filled in at random."""
    shape = tuple(draw(st.integers(1, 3)) for _ in "TCZ")
    handle = open_image(np.zeros((*shape, 2, 3), np.uint8), dims="TCZYX")
    scene = Scene(
        name=draw(NAMES),
        levels=handle.scene.levels,
        channels=tuple(draw(CHANNELS) for _ in range(shape[1])),
        pixel_size=PixelSize(*(draw(st.none() | SIZES) for _ in "ZYX")),
        time_step=draw(st.none() | SIZES),
        acquired=draw(
            st.none() | st.datetimes().map(lambda date: date.isoformat(timespec="microseconds"))
        ),
        objective=draw(st.none() | LENSES),
        planes=draw(columns(Dims("TCZ", shape))),
    )
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))


def facts(scene: Scene) -> Scene:
    """The records without the pixels."""
    return attrs.evolve(scene, levels=(), channels=tuple(scene.channels), coordinates=())


@given(described())
def test_the_document_holds_the_records(handle: ImageHandle) -> None:
    xml = ome_xml(handle)
    assert xml.diagnostics == ()
    assert SCHEMA.validate(etree.fromstring(xml.text.encode())), SCHEMA.error_log
    assert ome_types.from_xml(xml.text.encode()) == ome_metadata(handle)
    (image,) = parse_ome(xml.text).images
    scene = handle.scene
    assert (image.name, image.channels, image.pixel_size) == (
        scene.name,
        scene.channels,
        scene.pixel_size,
    )
    assert (image.time_step, image.objective, image.planes) == (
        scene.time_step,
        scene.objective,
        scene.planes,
    )


@given(described())
def test_what_is_written_has_the_same_records(handle: ImageHandle) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "a.ome.tiff")
        report = write_ome_tiff(handle, target)
        back = open_image(target)
        assert facts(back.scene) == facts(handle.scene)
        assert not [note for note in report.not_kept if "resolution" not in note.message]


@given(described())
def test_a_zarr_carries_the_same_document(handle: ImageHandle) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "a.zarr")
        write_ome_zarr(handle, target)
        ours = ome_metadata(open_image(target)).images[0]
        source = ome_metadata(handle).images[0]
        assert (ours.name, ours.acquisition_date) == (source.name, source.acquisition_date)
        assert ours.pixels.channels == source.pixels.channels
        assert sorted(ours.pixels.planes, key=str) == sorted(source.pixels.planes, key=str)


@given(described())
def test_there_is_one_clock(handle: ImageHandle) -> None:
    """Record, table, OME and coordinates count seconds from the first plane of the scene."""
    planes, dims = handle.scene.planes, handle.dims
    table = plane_table(handle)["time"].reshape(dims["T", "C", "Z"])
    seconds = None if planes is None else planes.column("time")
    if planes is None or seconds is None:
        step = handle.scene.time_step
        times = np.full(dims.T, np.nan) if step is None else np.arange(dims.T) * step
        seconds = np.broadcast_to(times[:, np.newaxis, np.newaxis], table.shape)
    assert np.array_equal(table, seconds, equal_nan=True)
    start = 0.0 if planes is None else planes.start or 0.0
    for plane in ome_metadata(handle).images[0].pixels.planes:
        if plane.delta_t is not None:
            assert plane.delta_t == table[plane.the_t, plane.the_c, plane.the_z] + start
    first = np.array([np.nan if np.isnan(one).all() else np.nanmin(one) for one in table])
    if find_spec("xarray") is None:
        return  # the gate ``servers`` has it
    shown = to_xarray(handle).coords
    if "T" in shown and not np.isnan(first).any():
        assert np.array_equal(shown["T"].values, first)


KINDS = {
    "Microscope": {"Type": "MicroscopeType"},
    "Laser": {"Type": "LaserType"},
    "Arc": {"Type": "ArcType"},
    "Filament": {"Type": "FilamentType"},
    "LightEmittingDiode": {},
    "Detector": {"Type": "DetectorType"},
    "Objective": {"Immersion": "Immersion", "Correction": "Correction"},
    "Filter": {"Type": "FilterType"},
    "Dichroic": {},
}
"""Parts of an instrument in the order of the schema, with their words."""
SOURCES = ("Laser", "Arc", "Filament", "LightEmittingDiode")


@composite
def documents(draw: Draw) -> str:
    """OME-XML of an image with an instrument of any parts, and settings that refer to them."""
    parts: dict[str, list[str]] = {}
    instrument = etree.Element("Instrument", ID="Instrument:0")
    for kind, words in KINDS.items():
        count = draw(st.integers(0, 2))
        for _ in range(min(count, 1) if kind == "Microscope" else count):
            part = etree.SubElement(instrument, kind)
            if kind != "Microscope":
                group = "LightSource" if kind in SOURCES else kind
                known = parts.setdefault(group, [])
                known.append(f"{group}:{len(known)}")
                part.set("ID", known[-1])
            for name in ("Manufacturer", "Model", "SerialNumber", "LotNumber"):
                value = draw(st.none() | NAMES)
                if value is not None:
                    part.set(name, value)
            for name, word in words.items():
                part.set(name, draw(st.sampled_from(ENUMERATIONS[word])))
            if kind == "Objective":
                part.set("LensNA", repr(draw(SIZES)))
                part.set("WorkingDistance", repr(draw(SIZES)))
    channels = []
    for number in range(2):
        channel = etree.Element("Channel", ID=f"Channel:0:{number}", Name=draw(NAMES))
        for group, attributes in (
            ("LightSource", {"Attenuation": "0.25"}),
            ("Detector", {"Gain": repr(draw(NUMBERS)), "Binning": "2x2"}),
        ):
            if parts.get(group):
                identity = draw(st.sampled_from(parts[group]))
                etree.SubElement(channel, f"{group}Settings", {"ID": identity, **attributes})
        path = etree.SubElement(channel, "LightPath")
        for group, name in (("Dichroic", "DichroicRef"), ("Filter", "EmissionFilterRef")):
            if parts.get(group):
                etree.SubElement(path, name, ID=draw(st.sampled_from(parts[group])))
        channels.append(etree.tostring(channel).decode())
    links = '<InstrumentRef ID="Instrument:0"/>'
    if parts.get("Objective"):
        lens = draw(st.sampled_from(parts["Objective"]))
        links += f'<ObjectiveSettings ID="{lens}" Medium="Oil" RefractiveIndex="1.5"/>'
    return (
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Experimenter ID="Experimenter:0" UserName="{draw(st.sampled_from("abc"))}"/>'
        f"{etree.tostring(instrument).decode()}"
        f'<Image ID="Image:0" Name="a"><ExperimenterRef ID="Experimenter:0"/>{links}'
        '<ImagingEnvironment Temperature="36.5"/><StageLabel Name="b" X="1.5" XUnit="mm"/>'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="3" SizeY="2" SizeZ="1" '
        f'SizeC="2" SizeT="1" SignificantBits="7">{"".join(channels)}<MetadataOnly/></Pixels>'
        "</Image></OME>"
    )


def content_of(ome: ome_types.OME) -> dict[str, Any]:
    """All but where the planes of a file lie, and who wrote it."""
    values: dict[str, Any] = ome.model_dump(mode="json", exclude_defaults=True)
    values.pop("creator", None)
    values.pop("uuid", None)
    for image in values["images"]:
        for name in ("tiff_data_blocks", "metadata_only", "big_endian", "interleaved"):
            image["pixels"].pop(name, None)
        for channel in image["pixels"]["channels"]:
            channel.pop("samples_per_pixel", None)
            # NGFF has a colour for each channel.
            channel.pop("color", None)
    return values


@given(documents())
def test_instruments_of_any_parts_are_written_and_read_back(text: str) -> None:
    source = ome_types.from_xml(text)
    with tempfile.TemporaryDirectory() as folder:
        image = open_image(np.zeros((2, 2, 3), np.uint8), dims="CYX")
        tiff = write_ome_tiff(image, Path(folder, "a.ome.tiff"), ome=text)
        assert content_of(ome_metadata(open_image(tiff.path))) == content_of(source)
        assert not ome_xml(open_image(tiff.path)).diagnostics
        store = write_ome_zarr(open_image(tiff.path), Path(folder, "b.zarr"))
        assert content_of(ome_metadata(open_image(store.path))) == content_of(source)
        copy = write_ome_tiff(open_image(store.path), Path(folder, "c.ome.tiff"))
        assert content_of(ome_metadata(open_image(copy.path))) == content_of(source)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 47)), min_size=1, max_size=5))
def test_wells_lie_where_the_scenes_have_them(places: list[tuple[int, int]]) -> None:
    handle = open_image([np.zeros((2, 3), np.uint8)] * len(places), dims="YX")
    scenes = []
    for scene, (row, column) in zip(handle.scenes, places, strict=True):
        letters = chr(65 + row) if row < 26 else f"A{chr(65 + row - 26)}"
        scenes.append(attrs.evolve(scene, well=Well(letters, str(column + 1))))
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=tuple(scenes)))
    (plate,) = ome_metadata(handle).plates
    found = {}
    for well in plate.wells:
        for sample in well.well_samples:
            assert sample.image_ref is not None
            found[int(sample.image_ref.id.partition(":")[2])] = (well.row, well.column)
    assert [found[index] for index in range(len(places))] == places
