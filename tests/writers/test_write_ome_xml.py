"""The metadata are valid against the schema of OME, and come back as they were."""

import re
import warnings
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import ome_types
import pytest
import tifffile
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from aicsio import (
    Channel,
    ImageHandle,
    Objective,
    PixelSize,
    Planes,
    open_image,
    select_level,
    transpose_to,
    write_ome_tiff,
    write_scenes,
)
from aicsio._ome.builder import PIXEL_TYPES, make_ome_xml
from aicsio._ome.document import parse_ome
from aicsio._ome.model import OmeImage, TiffData
from aicsio.records import Coordinate, Dims, Tiles
from aicsio.testing.strategies import Draw, composite
from schema import SCHEMA


def validate(text: bytes) -> None:
    SCHEMA.assertValid(etree.fromstring(text))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ome_types.from_xml(text.decode(), validate=True)


def images_of(text: bytes) -> tuple[OmeImage, ...]:
    """What the reader finds, but for the type, which the writer is told apart."""
    return tuple(attrs.evolve(image, pixel_type=None) for image in parse_ome(text.decode()).images)


def described(**facts: Any) -> OmeImage:
    plain = OmeImage("cells", "TCZYX", Dims("TCZYX", (3, 2, 4, 5, 6)), (Channel(), Channel()))
    return attrs.evolve(plain, tiff_data=(TiffData(0, 24, 0, 0, 0, None, None),), **facts)


FULL = described(
    channels=(
        Channel("DAPI", 0x0000FFFF, 461.0, 358.5, "DAPI", 1),
        Channel("Grün <&\"'> µ 細胞", 0xFF00FF80, 525.0, None, None, 1),
    ),
    pixel_size=PixelSize(1.5, 0.1, 1e-3),
    time_step=0.25,
    acquired="2020-02-29T23:59:59.1234567Z",
    objective=Objective("Plan-Apochromat 63x/1.40 Oil", 63.0, 1.4, "Oil"),
    planes=Planes(
        Dims("TCZ", (3, 2, 4)),
        time=np.arange(24, dtype="<f8").tobytes(),
        exposure=np.where(np.arange(24) % 3, np.nan, 0.02).astype("<f8").tobytes(),
        x=np.full(24, -1234.5, "<f8").tobytes(),
        z=np.linspace(0, 1, 24).astype("<f8").tobytes(),
        start=0.0,
    ),
)


@pytest.mark.parametrize("dtype", sorted(PIXEL_TYPES))
def test_full_metadata_are_valid_and_come_back(dtype: str) -> None:
    text, lost = make_ome_xml([(FULL, dtype)], "test 1")
    validate(text)
    assert not lost
    assert images_of(text) == (FULL,)
    assert parse_ome(text.decode()).images[0].pixel_type == PIXEL_TYPES[dtype]


def test_metadata_without_pixels_are_valid() -> None:
    text, _ = make_ome_xml([(attrs.evolve(FULL, tiff_data=()), "uint8")], "test 1")
    validate(text)


def test_several_images_have_their_own_instruments() -> None:
    other = described(name="other", objective=Objective("Air 10x", 10.0, 0.3, "Air"))
    text, lost = make_ome_xml(
        [(FULL, "uint8"), (described(), "float32"), (other, "int16")], "test 1"
    )
    validate(text)
    assert not lost
    assert images_of(text) == (FULL, described(), other)


POSITIVE = st.floats(1e-30, 1e30, width=64)
REAL = POSITIVE | POSITIVE.map(lambda value: -value) | st.just(0.0)
NAMES = st.none() | st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1
)
CHANNELS = st.builds(
    Channel,
    name=NAMES.map(lambda name: None if name is None else name.strip() or None),
    # Without an alpha it is read as opaque: no channel is invisible.
    color=st.none() | st.integers(1, (1 << 32) - 1).filter(lambda color: color & 0xFF),
    emission=st.none() | st.integers(1, 4000).map(lambda n: n / 4),
    excitation=st.none() | st.integers(1, 4000).map(lambda n: n / 4),
    fluor=NAMES.map(lambda name: None if name is None else name.strip() or None),
)


@composite
def ome_images(draw: Draw) -> OmeImage:
    letters = "".join(draw(st.permutations("TCZ")))
    shape = tuple(draw(st.integers(1, 3)) for _ in range(5))
    samples = draw(st.sampled_from([1, 3]))
    dims = Dims(letters + "YX", shape)
    count = shape[0] * shape[1] * shape[2]
    column = st.lists(REAL | st.just(float("nan")), min_size=count, max_size=count)
    columns = {name: draw(st.none() | column) for name in ("exposure", "x", "y", "z")}
    # 64ths of a second: their differences are exact.
    seconds = st.integers(0, 4000).map(lambda n: n / 64) | st.just(float("nan"))
    columns["time"] = draw(st.none() | st.lists(seconds, min_size=count, max_size=count))
    known = {
        name: np.array(values, "<f8").tobytes()
        for name, values in columns.items()
        if values is not None and not np.isnan(values).all()
    }
    channels = tuple(attrs.evolve(draw(CHANNELS), samples=samples) for _ in range(dims.C))
    return OmeImage(
        name=draw(NAMES),
        order=dims.order,
        sizes=Dims(dims.order, tuple(n * samples if c == "C" else n for c, n in dims.items())),
        channels=channels,
        pixel_size=PixelSize(*(draw(st.none() | POSITIVE) for _ in range(3))),
        time_step=draw(st.none() | POSITIVE),
        acquired=draw(st.none() | st.datetimes().map(lambda at: at.isoformat())),
        objective=draw(st.none() | st.just(FULL.objective)),
        planes=Planes(Dims(letters, shape[:3]), **known, start=None) if known else None,
        tiff_data=(TiffData(draw(st.integers(0, 5)), count, 0, 0, 0, None, None),),
    )


def counted_from_first(image: OmeImage) -> OmeImage:
    """The image with times that count from its first plane, if a plane of the first T has one."""
    planes = image.planes
    seconds = None if planes is None else planes.column("time")
    if planes is None or seconds is None:
        return image
    start = 0.0
    if not np.isnan(seconds.take(0, planes.dims.order.index("T"))).all():
        start = float(np.nanmin(seconds))
    counted = attrs.evolve(planes, time=(seconds - start).tobytes(), start=start)
    return attrs.evolve(image, planes=counted)


@given(ome_images())
def test_what_is_written_is_valid_and_is_read(image: OmeImage) -> None:
    text, lost = make_ome_xml([(image, "uint16")], "test 1")
    SCHEMA.assertValid(etree.fromstring(text))
    assert not lost
    assert images_of(text) == (counted_from_first(image),)


@given(st.text(), st.text())
@example("\x00\x1b", "a\nb\tc\rd")
@example("\ud800", "\uffff&#10;]]>")
def test_any_text_leaves_the_file_valid(name: str, fluor: str) -> None:
    text, lost = make_ome_xml(
        [(described(name=name, channels=(Channel(fluor=fluor), Channel(name))), "uint8")], name
    )
    SCHEMA.assertValid(etree.fromstring(text))
    found = parse_ome(text.decode()).images[0]
    if not lost:
        assert (found.name, found.channels[0].fluor) == (name, fluor.strip() or None)
    assert b"&#" not in text.replace(b"&amp;#", b"")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (
            {"pixel_size": PixelSize(1e-60, 1e-50, 1e60)},
            ["PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ"],
        ),
        ({"pixel_size": PixelSize(X=1e-60)}, ["PhysicalSizeX"]),
        ({"time_step": float("inf")}, ["TimeIncrement"]),
        ({"acquired": "29.02.2020"}, ["AcquisitionDate '29.02.2020'"]),
        ({"acquired": "2020-02-30T00:00:00"}, ["AcquisitionDate"]),
        ({"acquired": "2020-02-29"}, ["AcquisitionDate"]),
        ({"objective": Objective(immersion="Silicone")}, ["Immersion 'Silicone'"]),
        (
            {"channels": (Channel(emission=-5.0), Channel(excitation=0.0))},
            ["Emission", "Excitation"],
        ),
        ({"name": "a\x00b"}, ["Name 'a\\\\x00b'"]),
    ],
)
def test_what_the_schema_cannot_hold_is_told(facts: dict[str, Any], told: list[str]) -> None:
    text, lost = make_ome_xml([(described(**facts), "uint8")], "test 1")
    validate(text)
    assert len(lost) == len(told)
    for note, what in zip(lost, told, strict=True):
        assert note.code == "not-kept"
        assert re.match(what, note.message)


def test_a_date_with_a_blank_is_completed() -> None:
    text, lost = make_ome_xml(
        [(described(acquired=" 2020-02-29 12:00:00+02:00 "), "uint8")], "test 1"
    )
    assert not lost
    validate(text)
    assert parse_ome(text.decode()).images[0].acquired == "2020-02-29T12:00:00+02:00"


# ---------------------------------------------------------------- from a handle


def handle_with(dims: str, shape: tuple[int, ...], **facts: Any) -> ImageHandle:
    handle = open_image(np.zeros(shape, "u1"), dims=dims)
    scene = attrs.evolve(handle.scene, **facts)
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))


def written(handle: ImageHandle, folder: Path) -> tuple[OmeImage, list[str]]:
    report = write_ome_tiff(handle, folder / "a.ome.tiff", overwrite=True)
    text = tifffile.tiffcomment(report.path)
    assert isinstance(text, str)
    validate(text.encode())
    return parse_ome(text).images[0], [note.message for note in report.not_kept]


TIMES = np.arange(24.0).reshape(3, 2, 4)


def test_facts_of_planes_follow_the_picks(tmp_path: Path) -> None:
    planes = Planes(Dims("TCZ", (3, 2, 4)), time=TIMES.astype("<f8").tobytes())
    handle = handle_with("TCZYX", (3, 2, 4, 5, 6), planes=planes)
    image, lost = written(
        transpose_to(handle, "ZTYX", C=1, T=[2, 0], Z=slice(None, None, -1)), tmp_path
    )
    assert not lost
    assert image.planes is not None
    assert image.planes.dims == Dims("CZT", (1, 4, 2))
    column = image.planes.column("time")
    assert column is not None
    # Times count from the first plane; its own time is the start.
    assert image.planes.start is not None
    assert (column[0] + image.planes.start == TIMES[[2, 0], 1, ::-1].T).all()


def test_facts_of_planes_along_other_dimensions_are_picked_too(tmp_path: Path) -> None:
    planes = Planes(Dims("HTCZ", (2, 3, 1, 4)), x=np.arange(24, dtype="<f8").tobytes())
    handle = handle_with("HTZYX", (2, 3, 4, 5, 6), planes=planes)
    image, lost = written(transpose_to(handle, "TZYX", H=1), tmp_path)
    assert not lost
    assert image.planes is not None
    column = image.planes.column("x")
    assert column is not None
    assert (column[:, 0] == np.arange(12, 24).reshape(3, 4)).all()


def test_facts_told_for_fewer_letters_hold_for_all_positions_of_the_others(tmp_path: Path) -> None:
    planes = Planes(Dims("CT", (2, 3)), time=np.arange(6, dtype="<f8").tobytes())
    image, lost = written(handle_with("TCZYX", (3, 2, 4, 5, 6), planes=planes), tmp_path)
    assert not lost
    assert image.planes is not None
    column = image.planes.column("time")
    assert column is not None
    assert (column == np.arange(6).reshape(2, 3).T[:, :, None]).all()


@pytest.mark.parametrize("planes", [None, "exposure"])
def test_times_of_t_become_those_of_its_planes(planes: str | None, tmp_path: Path) -> None:
    known = (
        None if planes is None else Planes(Dims("CT", (2, 3)), exposure=np.full(6, 0.5).tobytes())
    )
    times = Coordinate("T", (0.0, 1.5, 2.5), "s")
    image, lost = written(
        handle_with("TCYX", (3, 2, 5, 6), planes=known, coordinates=(times,)), tmp_path
    )
    assert not lost
    assert image.planes is not None
    column = image.planes.column("time")
    assert column is not None
    assert (column[:, 1, 0] == [0.0, 1.5, 2.5]).all()
    other = attrs.evolve(FULL.planes, dims=Dims("TCZ", (3, 2, 4))) if FULL.planes else None
    _, lost = written(
        handle_with("TCZYX", (3, 2, 4, 5, 6), planes=other, coordinates=(times,)), tmp_path
    )
    assert lost == ["values along T, 3 of them"]


@pytest.mark.parametrize(("dims", "shape"), [("TCZ", (3, 2, 5)), ("TV", (3, 2))])
def test_facts_of_planes_that_do_not_fit_are_told(
    dims: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    planes = Planes(Dims(dims, shape), time=np.zeros(int(np.prod(shape)), "<f8").tobytes())
    image, lost = written(handle_with("TCZYX", (3, 2, 4, 5, 6), planes=planes), tmp_path)
    assert image.planes is None
    assert len(lost) == 1
    assert "times and positions of planes" in lost[0]


def test_channels_sizes_and_steps_follow_the_picks(tmp_path: Path) -> None:
    handle = handle_with(
        "TCZYX",
        (5, 3, 8, 10, 12),
        channels=tuple(
            Channel(name, color) for name, color in (("a", 0xFF), ("b", None), (None, 0xFFFFFFFF))
        ),
        pixel_size=PixelSize(2.0, 0.5, 0.25),
        time_step=10.0,
        name="well B4",
    )
    image, lost = written(
        transpose_to(handle, "TCYX", Z=3, C=[2, 0], T=slice(None, None, 2), X=slice(0, 12, 3)),
        tmp_path,
    )
    assert not lost
    assert [(channel.name, channel.color) for channel in image.channels] == [
        (None, 0xFFFFFFFF),
        ("a", 0xFF),
    ]
    assert image.pixel_size == PixelSize(2.0, 0.5, 0.75)
    assert image.time_step == 20.0
    assert image.name == "well B4"


def test_samples_are_counted_as_ome_counts_them(tmp_path: Path) -> None:
    image, _ = written(handle_with("CZYXS", (2, 3, 5, 6, 4)), tmp_path)
    assert image.sizes.C == 8
    assert [channel.samples for channel in image.channels] == [4, 4]
    assert image.tiff_data[0].planes == 6


def test_what_is_known_and_has_no_place_is_told(tmp_path: Path) -> None:
    one = np.zeros(1, "<i4").tobytes()
    handle = handle_with(
        "YX",
        (8, 9),
        tiles=Tiles(one, one, one, one, one),
        color_map=bytes(1536),
        coordinates=(Coordinate("X", (1.0,) * 9),),
    )
    levels = (*handle.levels, transpose_to(handle, "YX", Y=slice(0, 8, 2)).array)
    scene = attrs.evolve(handle.scene, levels=levels)
    contents = attrs.evolve(handle.contents, scenes=(scene,), metadata="<xml/>")
    handle = select_level(attrs.evolve(handle, contents=contents), 1)
    _, lost = written(handle, tmp_path)
    wanted = [
        "1 other resolution levels: level 1",
        "1 mosaic tiles",
        "values along X",
        "metadata text",
    ]
    assert len(lost) == len(wanted)
    assert all(part in message for part, message in zip(wanted, lost, strict=True))


def test_several_scenes_are_valid_and_number_their_directories_on(tmp_path: Path) -> None:
    lens = Objective(name="Plan Apo", magnification=20.0)
    named = open_image(
        np.zeros((2, 3, 4, 5), "u2"), dims="TCYX", channel_names=["DAPI", "GFP", "Cy5"]
    )
    seen = attrs.evolve(named.scene, objective=lens)
    others = [
        open_image(np.zeros((4, 6, 3), "u1"), dims="YXS"),
        open_image(np.zeros((7, 8, 9), "f4"), dims="ZYX"),
    ]
    images = [
        attrs.evolve(h, contents=attrs.evolve(h.contents, scenes=(seen,))) for h in (named, named)
    ]
    report = write_scenes([images[0], *others, images[1]], tmp_path / "a.ome.tiff")
    with tifffile.TiffFile(report.path) as tiff:
        text = tiff.pages.first.description.encode()
        assert ["ImageDescription" in page.aspage().tags for page in tiff.pages] == [True] + [
            False
        ] * 19
    validate(text)
    found = parse_ome(text.decode()).images
    runs = [TiffData(0, 6, 0, 0, 0, None, None), TiffData(6, 1, 0, 0, 0, None, None)]
    runs += [TiffData(7, 7, 0, 0, 0, None, None), TiffData(14, 6, 0, 0, 0, None, None)]
    assert [image.tiff_data for image in found] == [(run,) for run in runs]
    assert [image.objective for image in found] == [lens, None, None, lens]
    assert [len(image.channels) for image in found] == [3, 1, 1, 3]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2020-01-02T03:04", "2020-01-02T03:04:00"),
        ("2020-01-02 03:04+02:00", "2020-01-02T03:04:00+02:00"),
        ("2020-01-02T25:04", None),
    ],
)
def test_a_date_without_seconds_is_written_with_none(text: str, written: str | None) -> None:
    """Seconds are part of xsd:dateTime (XML Schema 2, section 3.2.7); ISO 8601 may leave them out."""
    image = described(acquired=text)
    xml, notes = make_ome_xml([(image, "uint8")], "test 1")
    assert images_of(xml)[0].acquired == written
    assert [text in note.message for note in notes] == [True]
