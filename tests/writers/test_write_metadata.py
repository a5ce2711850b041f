"""What the caller says goes into the file in place of what the source says; what cannot go there raises."""

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import ome_types
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from aicsio import (
    ArgumentTypeError,
    Channel,
    Coordinate,
    DimensionError,
    Dims,
    ImageHandle,
    Objective,
    PixelSize,
    Planes,
    Tiles,
    WriteError,
    open_image,
    pipe,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_ome_zarr,
    write_scenes,
)
from aicsio._ome.document import parse_ome
from aicsio._ome.parts import ENUMERATIONS
from aicsio.records import Origin
from aicsio.testing.lif import LifImage, write_lif
from aicsio.testing.strategies import Draw, composite, views
from aicsio.writers import original_metadata
from round_trip import differences
from schema import SCHEMA

PIXELS = np.arange(3 * 2 * 4 * 5 * 6, dtype="u2").reshape(3, 2, 4, 5, 6)


def handle(dims: str = "TCZYX", pixels: Any = PIXELS, **facts: Any) -> ImageHandle:
    opened = open_image(pixels, dims=dims)
    scene = attrs.evolve(opened.scene, **facts)
    return attrs.evolve(opened, contents=attrs.evolve(opened.contents, scenes=(scene,)))


def valid(read: ImageHandle) -> str:
    assert read.metadata is not None
    SCHEMA.assertValid(etree.fromstring(read.metadata.encode()))
    assert not read.diagnostics
    return read.metadata


# ---------------------------------------------------------------- arguments


def test_arguments_take_the_place_of_what_the_source_says(tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "scene_names": "well B2",
        "channel_names": ["DAPI", "Grün <&> 細胞"],
        "channel_colors": ["#0000FF", 0x00FF0080],
        "pixel_size": PixelSize(2.0, 0.5, 0.25),
        "time_step": 1.5,
        "acquired": dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC),
        "description": "Two lines\nof <text> & more",
    }
    source = handle(
        name="old",
        time_step=9.0,
        acquired="2000-01-01T00:00:00",
        pixel_size=PixelSize(1.0, 1.0, 1.0),
    )
    report = write_ome_tiff(source, tmp_path / "a.ome.tiff", **said)
    assert not report.not_kept
    read = open_image(report.path)
    image = parse_ome(valid(read)).images[0]
    assert read.scene_names == ("well B2",)
    assert [(c.name, c.color) for c in read.channels] == [
        ("DAPI", 0x0000FFFF),
        ("Grün <&> 細胞", 0x00FF0080),
    ]
    assert (read.pixel_size, read.time_step) == (PixelSize(2.0, 0.5, 0.25), 1.5)
    assert read.scene.acquired == "2026-01-31T12:00:00+00:00"
    assert image.description == "Two lines\nof <text> & more"
    with tifffile.TiffFile(report.path) as tiff:  # the tags say the same as the text
        resolution = tiff.pages.first.tags["XResolution"].value
        assert resolution[0] / resolution[1] == 10_000 / 0.25


def test_each_scene_gets_the_arguments(tmp_path: Path) -> None:
    report = write_scenes(
        [handle(), handle("ZYX", PIXELS[0, 0])],
        tmp_path / "a.ome.tiff",
        scene_names=["one", "two"],
        pixel_size=PixelSize(X=0.5),
    )
    read = open_image(report.path)
    assert read.scene_names == ("one", "two")
    assert select_scene(read, 1).pixel_size == PixelSize(X=0.5)


@pytest.mark.parametrize(
    ("said", "error", "match"),
    [
        ({"channel_names": ["a"]}, DimensionError, r"1 channel name \['a'\] for 2 channels"),
        ({"channel_colors": ["#000000"] * 3}, DimensionError, "3 channel colors"),
        ({"channel_colors": ["red", None]}, WriteError, "'#RRGGBB'"),
        ({"channel_colors": [-1, None]}, WriteError, "0xRRGGBBAA"),
        ({"scene_names": ["a", "b"]}, WriteError, "2 scene names"),
        ({"pixel_size": PixelSize(X=1e-60)}, WriteError, "X=1e-60 micrometres is no 32-bit number"),
        ({"time_step": -1.0}, WriteError, "time_step=-1.0"),
        ({"acquired": "yesterday"}, WriteError, "ISO 8601"),
        ({"ome": "<html/>"}, WriteError, "is no OME-XML"),
        ({"ome": "<OME/>"}, WriteError, "describes 0 images, and 1 are written"),
        ({"ome": 7}, ArgumentTypeError, "does not fit"),
        ({"pixel_size": (1, 1, 1)}, ArgumentTypeError, "does not fit"),
        ({"channel_names": [1, 2]}, ArgumentTypeError, "does not fit"),
        ({"modulo": {"T": "C"}}, DimensionError, "names 'T'"),
        ({"modulo": {"H": "C"}}, DimensionError, "names 'H'; this image has T=3"),
        ({"modulo": "all"}, ArgumentTypeError, "does not fit"),
    ],
)
def test_arguments_that_do_not_fit_raise(said: Any, error: Any, match: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=match):
        write_ome_tiff(handle(), tmp_path / "a.ome.tiff", **said)
    assert not list(tmp_path.iterdir())


def test_the_same_call_gives_the_same_bytes_and_steps_take_the_arguments(tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "channel_names": ["a", "b"],
        "acquired": "2020-01-01T00:00:00",
        "modulo": {"H": "T"},
    }
    source = handle("HCZYX")
    made = {
        Path(
            pipe(source, write_ome_tiff(tmp_path / f"{n}.ome.tiff", workers=n, **said)).path
        ).read_bytes()
        for n in (1, 2)
    }
    assert len(made) == 1
    assert hash(write_ome_tiff("a", **said)) == hash(write_ome_tiff("a", **said))


# ---------------------------------------------------------------- a whole OME


def whole(**more: Any) -> ome_types.OME:
    model: Any = (
        ome_types.model
    )  # which takes words for members of its enumerations, unknown to its types
    planes = [
        model.Plane(the_t=t, the_c=c, the_z=z, delta_t=t * 10.0)
        for t in range(3)
        for c in (0, 1)
        for z in range(4)
    ]
    sizes: dict[str, Any] = {"size_t": 3, "size_c": 2, "size_z": 4, "size_y": 5, "size_x": 6} | more
    pixels = model.Pixels(
        dimension_order="XYCZT",
        type="uint16",
        physical_size_x=500.0,
        physical_size_x_unit="nm",
        channels=[
            model.Channel(name="A", acquisition_mode="SpinningDiskConfocal"),
            model.Channel(name="B"),
        ],
        planes=planes,
        metadata_only=model.MetadataOnly(),
        **sizes,
    )
    people = [model.Experimenter(first_name="Ada", last_name="Ångström")]
    image = model.Image(
        name="given",
        pixels=pixels,
        description="all of it",
        experimenter_ref=model.ExperimenterRef(id=people[0].id),
    )
    note = model.MapAnnotation(value={"dose": "5 mg"})
    image.annotation_refs.append(model.AnnotationRef(id=note.id))
    made: ome_types.OME = model.OME(
        images=[image], experimenters=people, structured_annotations=[note]
    )
    return made


@pytest.mark.parametrize("as_text", [True, False])
def test_a_whole_ome_takes_the_place_of_what_the_source_says(as_text: bool, tmp_path: Path) -> None:
    given_ome = whole()
    source = handle(
        name="old", time_step=9.0, pixel_size=PixelSize(1.0, 1.0, 1.0), objective=Objective("Plan")
    )
    report = write_ome_tiff(
        source,
        tmp_path / "a.ome.tiff",
        ome=given_ome.to_xml() if as_text else given_ome,
        channel_names=["A", "other"],
    )
    assert not report.not_kept
    read = open_image(report.path)
    text = valid(read)
    assert (read.scene.name, read.channel_names, read.time_step) == ("given", ("A", "other"), None)
    assert (read.pixel_size, read.scene.objective) == (PixelSize(X=0.5), None)
    assert read.scene.planes is not None
    column = read.scene.planes.column("time")
    assert column is not None
    assert (column == np.arange(0, 30, 10.0)[:, None, None]).all()
    for part in (
        "Ångström",
        'PhysicalSizeX="500.0" PhysicalSizeXUnit="nm"',
        "SpinningDiskConfocal",
        "5 mg",
        "all of it",
    ):
        assert part in text
    assert to_numpy(read).tobytes() == PIXELS.tobytes()


def test_a_whole_ome_of_another_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="ome= gives image 'given' Z=7, and Z=4 is written"):
        write_ome_tiff(handle(), tmp_path / "a.ome.tiff", ome=whole(size_z=7))
    one = whole()
    del one.images[0].pixels.channels[1]
    with pytest.raises(WriteError, match="gives 1 Channel elements"):
        write_ome_tiff(handle(), tmp_path / "a.ome.tiff", ome=one)


# ---------------------------------------------------------------- dimensions that OME lacks


@pytest.mark.parametrize(
    ("dims", "modulo", "read_as"),
    [
        ("HCZYX", "auto", "THCZYX"),
        ("HCZYX", {"H": "Z"}, "TCZHYX"),
        ("ECZYX", "auto", "TCEZYX"),
        ("VHZYX", "auto", "THCZVYX"),
        ("VHEYX", "auto", "THCEZVYX"),
        ("TIYXS", {"I": "T"}, "TICZYXS"),
        ("HTYX", {"H": "T"}, "THCZYX"),
        ("MZTYX", {"M": "C"}, "CMZTYX"),
    ],
)
def test_folded_dimensions_come_back(dims: str, modulo: Any, read_as: str, tmp_path: Path) -> None:
    shape = tuple(
        3 if letter == "S" else size for letter, size in zip(dims, (3, 2, 4, 5, 6), strict=False)
    )
    pixels = np.arange(np.prod(shape), dtype="u2").reshape(shape)
    odd = dims.translate({ord(letter): None for letter in "TCZYXS"})
    values = tuple(
        Coordinate(letter, (0.1, 2.5, 7.75, 9.0)[: shape[dims.index(letter)]], "nm")
        for letter in odd
    )
    source = handle(dims, pixels, coordinates=values)
    report = write_ome_tiff(source, tmp_path / "a.ome.tiff", modulo=modulo)
    assert not report.not_kept
    read = open_image(report.path)
    valid(read)
    assert read.dims.order == report.dims.order == read_as
    assert differences(source, read) == []
    with tifffile.TiffFile(report.path) as tiff:
        assert tiff.series[0].asarray().tobytes() == to_numpy(read).tobytes()
    again = write_ome_tiff(read, tmp_path / "b.ome.tiff")  # an OME-TIFF stays as it was folded
    assert differences(read, open_image(again.path), again.not_kept) == []
    picked = transpose_to(read, "TYX", **{c: -1 for c in read.dims if c not in "TYX" and (c != "S")}, **(
        {"S": 0} if "S" in read.dims else {}
    ))  # fmt: skip
    report = write_ome_tiff(picked, tmp_path / "c.ome.tiff")
    assert "Modulo" not in valid(open_image(report.path))


def test_more_dimensions_than_there_is_room_for_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DimensionError, match=r"no room is left for R.*pick a position"):
        write_ome_tiff(
            open_image(np.zeros((2, 2, 2, 2, 4, 4)), dims="HVIRYX"),
            tmp_path / "a.ome.tiff",
            modulo="auto",
        )
    with pytest.raises(DimensionError, match="OME-TIFF has no V"):
        write_ome_tiff(
            open_image(np.zeros((2, 2, 4, 4)), dims="HVYX"),
            tmp_path / "a.ome.tiff",
            modulo={"H": "T"},
        )
    with pytest.raises(DimensionError, match="folds two dimensions into one"):
        write_ome_tiff(
            open_image(np.zeros((2, 2, 4, 4)), dims="HVYX"),
            tmp_path / "a.ome.tiff",
            modulo={"H": "T", "V": "T"},
        )


def test_each_of_several_scenes_folds_the_letters_that_it_has(tmp_path: Path) -> None:
    """A scan of three images, of which one is no lambda stack; liffile reads them, too."""
    liffile = pytest.importorskip("liffile")
    shapes = {"LZYX": (3, 2, 4, 5), "ZYX": (2, 4, 5), "LYX": (6, 4, 5)}
    images = [
        LifImage(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape), dims, name=dims)
        for dims, shape in shapes.items()
    ]
    source = open_image(write_lif(tmp_path / "scan.lif", images))
    report = write_ome_tiff(source, tmp_path / "a.ome.tiff", scenes="all", modulo={"L": "C"})
    read = open_image(report.path)
    with liffile.LifFile(source.source.uri) as judge:
        for number, dims in enumerate(shapes):
            scene = select_scene(read, number)
            assert scene.dims.get("L", 1) == source.contents.scenes[number].levels[0].dims.get(
                "L", 1
            )
            pixels = to_numpy(transpose_to(scene, dims))
            assert np.array_equal(pixels, judge.images[number].asarray())
    with pytest.raises(DimensionError, match=r"names 'Q'; this image has L=3"):
        write_ome_tiff(source, tmp_path / "b.ome.tiff", scenes="all", modulo={"L": "C", "Q": "T"})
    with pytest.raises(DimensionError, match=r"scene 'LZYX': .* folds 'L' into 'X'"):
        write_ome_tiff(source, tmp_path / "b.ome.tiff", scenes="all", modulo={"L": "X"})


def test_facts_of_planes_and_channels_follow_what_is_folded(tmp_path: Path) -> None:
    planes = Planes(Dims("CHZ", (2, 3, 4)), time=np.arange(24, dtype="<f8").tobytes())
    source = handle(
        "CHZYX",
        PIXELS.reshape(2, 3, 4, 5, 6),
        planes=planes,
        channels=(Channel("a", 1), Channel("b", 2)),
    )
    for modulo in ({"H": "C"}, {"H": "Z"}):
        report = write_ome_tiff(source, tmp_path / "a.ome.tiff", modulo=modulo, overwrite=True)
        read = open_image(report.path)
        assert differences(source, read, report.not_kept) == []
        assert not report.not_kept


# ---------------------------------------------------------------- original metadata


@pytest.mark.parametrize(
    "text",
    [
        '<Original a="1">\n <b xmlns="urn:x">µ &amp; &lt;</b><c/>tail</Original>',
        '<x:Root xmlns:x="urn:x" x:a="1"><x:b/></x:Root>',
        '{"json": ["<not> & xml", "細胞"]}',
        "plain = text\nwith lines",
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0" Nonsense="1"/></OME>',
        "<broken>",
    ],
)
def test_original_metadata_come_back(text: str, tmp_path: Path) -> None:
    source = handle()
    source = attrs.evolve(source, contents=attrs.evolve(source.contents, metadata=text))
    report = write_scenes([source, source], tmp_path / "a.ome.tiff", original_metadata=True)
    assert not report.not_kept
    read = open_image(report.path)
    valid(read)
    assert original_metadata(read) == (text,)
    assert ome_types.from_xml(valid(read)).images[0].annotation_refs
    again = write_ome_tiff(read, tmp_path / "b.ome.tiff")
    assert original_metadata(open_image(again.path)) == (text,)
    report = write_ome_tiff(source, tmp_path / "c.ome.tiff")
    assert [note.message for note in report.not_kept] == [
        f"the metadata text of the source ({len(text)} characters; original_metadata=True keeps it)"
    ]


@given(
    st.text(min_size=1),
    st.sampled_from(["scene_names", "channel_names", "description", "original"]),
)
def test_any_text_leaves_the_file_valid(text: str, where: str) -> None:
    source = handle("YX", np.zeros((4, 5), "u1"))
    said: dict[str, Any] = {where: [text] if where != "description" else text}
    if where == "original":
        source = attrs.evolve(source, contents=attrs.evolve(source.contents, metadata=text))
        said = {"original_metadata": True}
    with tempfile.TemporaryDirectory() as folder:
        report = write_ome_tiff(source, Path(folder) / "a.ome.tiff", sync=False, **said)
        read = open_image(report.path)
        found = valid(read)
    assert "&#" not in found.replace("&amp;#", "")
    if report.not_kept:
        return
    kept = {
        "scene_names": read.scene.name,
        "channel_names": read.channels[0].name,
        "description": parse_ome(found).images[0].description,
        "original": next(iter(original_metadata(read)), None),
    }[where]
    assert (kept or "").strip() == text.replace("\r\n", "\n").strip() or (
        where == "scene_names" and not text.strip()
    )


# ---------------------------------------------------------------- the law


@composite
def known(draw: Draw) -> ImageHandle:
    """Handles of which everything is known that a record can hold, or some of it."""
    letters = "".join(draw(st.permutations("TCZ")))[draw(st.integers(0, 3)) :]
    shape = tuple(draw(st.integers(1, 3)) for _ in letters)
    opened = open_image(
        np.arange(np.prod(shape) * 12, dtype="u2").reshape(*shape, 3, 4), dims=letters + "YX"
    )
    real = st.floats(-1e6, 1e6).map(
        lambda value: value if value == 0 or abs(value) > 1e-30 else 0.0
    )
    some = st.none() | st.floats(1e-6, 1e6)
    told = "".join(draw(st.permutations(letters)))[: draw(st.integers(0, len(letters)))]
    dims = Dims(told, tuple(opened.dims[letter] for letter in told))
    column = st.lists(
        real | st.just(float("nan")),
        min_size=int(np.prod(dims.shape)),
        max_size=int(np.prod(dims.shape)),
    )
    columns = {name: draw(st.none() | column) for name in ("time", "exposure", "x", "y", "z")}
    packed = {
        name: np.array(values).tobytes() for name, values in columns.items() if values is not None
    }
    one = np.zeros(1, "<i4").tobytes()
    text = st.text(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
        min_size=1,
    )
    name = text.filter(lambda value: value == value.strip())
    channel = st.builds(
        Channel,
        st.none() | name,
        st.none() | st.integers(0, (1 << 32) - 1),
        some,
        some,
        st.none() | name,
        acquisition_mode=st.none() | st.sampled_from(ENUMERATIONS["AcquisitionMode"]),
        pinhole_size=some,
        illumination_type=st.none() | st.sampled_from(ENUMERATIONS["IlluminationType"]),
        contrast_method=st.none() | st.sampled_from(ENUMERATIONS["ContrastMethod"]),
    )
    scene = attrs.evolve(
        opened.scene,
        name=draw(name),
        channels=tuple(draw(channel) for _ in range(opened.dims.get("C", 1))),
        pixel_size=PixelSize(draw(some), draw(some), draw(some)),
        origin=Origin(draw(st.none() | real), draw(st.none() | real), draw(st.none() | real)),
        time_step=draw(some),
        acquired=draw(
            st.none() | st.datetimes().map(lambda at: at.isoformat()) | st.just("yesterday")
        ),
        objective=draw(
            st.none()
            | st.builds(Objective, name, some, some, st.sampled_from(["Oil", "DRY", "Silicone"]))
        ),
        planes=draw(st.sampled_from([None, Planes(dims, **packed, start=None)])),
        tiles=draw(st.sampled_from([None, Tiles(one, one, one, one, one)])),
        coordinates=draw(st.sampled_from([(), (Coordinate("Z", (1.0,)),)])),
    )
    opened = attrs.evolve(opened, contents=attrs.evolve(opened.contents, scenes=(scene,)))
    if draw(st.booleans()):
        order, picks = draw(views(opened.dims, max_added=0))
        opened = transpose_to(opened, order, **picks)
    return opened


@given(known(), st.data())
def test_each_field_of_the_records_is_kept_or_named(
    source: ImageHandle, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = write_ome_tiff(source, Path(folder) / "a.ome.tiff", sync=False)
        read = open_image(report.path)
        valid(read)
        assert differences(source, read, report.not_kept) == []
        order, picks = data.draw(st.just(("TCZYX", {})) | views(read.dims, max_added=0))
        part = transpose_to(read, order, **picks)
        report = write_ome_tiff(part, Path(folder) / "b.ome.tiff", sync=False)
        valid(open_image(report.path))
        assert differences(part, open_image(report.path), report.not_kept) == []


def test_the_place_of_the_first_pixel_is_kept_by_ome_zarr_and_reported_of_ome_tiff(
    tmp_path: Path,
) -> None:
    # OME 2016-06: Plane@PositionX is "the X position of the stage"; NGFF has a translation.
    origin = Origin(0.0, -10.5, 100.0)
    placed = handle("ZYX", PIXELS[0, 0], pixel_size=PixelSize(1, 1, 1), origin=origin)
    report = write_ome_tiff(placed, tmp_path / "a.ome.tiff")
    assert [note.message for note in report.not_kept] == [
        "the place of the first pixel: Y=-10.5, X=100 micrometres"
    ]
    stored = write_ome_zarr(placed, tmp_path / "a.ome.zarr")
    assert stored.not_kept == ()
    assert open_image(stored.path).scene.origin == origin
