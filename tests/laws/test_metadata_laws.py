"""Any metadata that records hold and OME has a place for: written, and read back the same."""

import tempfile
from pathlib import Path

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
    write_ome_tiff,
    write_ome_zarr,
)
from aicsio._ome.document import parse_ome
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
