"""HTML of records: nothing that a file holds becomes markup, nothing is read beyond a limit, nothing raises."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import lxml.html
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aicsio
from aicsio import (
    AICSImage,
    Channel,
    Damage,
    Diagnostic,
    Dims,
    ImageHandle,
    Objective,
    PixelSize,
    Planes,
    Scene,
    Tiles,
    Well,
    check,
    open_image,
    plane_table,
    provenance,
    thumbnail,
    tile_table,
    transpose_to,
    wells,
    write_ome_tiff,
    write_ome_zarr,
    write_picture,
)
from aicsio.notebook import _SHOWN, images, previews
from aicsio.notebook.markup import clean, tag, text
from aicsio.notebook.styles import DARK, LIGHT
from aicsio.notebook.words import TIMES
from aicsio.pictures.composing import PictureFrame
from aicsio.pictures.costs import picture_cost
from aicsio.records.printing import as_html
from aicsio.testing import ImageSpec, TiffSpec, strategies, write
from aicsio.verify import Difference, Verification
from support import corpus_file, corpus_names, luminance_ratio

HOSTILE = (
    "</td></table><script>alert(1)</script><img src=x onerror=alert(1)>"
    '"\' onmouseover="alert(1)" <!-- ]]> </style> &lt;b&gt; \x00\x1b[31m\u202e\udc80'
)
"""Markup, quotes, the ends of comments and styles, controls, a change of direction, a byte that is no text."""
ELEMENTS = {
    *("div", "style", "span", "b", "p", "ul", "li", "details", "summary", "figure", "figcaption"),
    *("img", "table", "caption", "thead", "tbody", "tr", "th", "td", "code", "svg", "rect", "text"),
}
ATTRIBUTES = {
    *("class", "title", "style", "open", "scope", "src", "alt", "width", "height", "viewbox"),
    *("role", "aria-label", "x", "y", "fill", "fill-opacity", "stroke", "stroke-opacity", "rx"),
    "text-anchor",
}


def parsed(record: object) -> Any:
    """The HTML of a record, with no element or attribute that a drawing does not make itself."""
    html = as_html(record)
    assert html is not None
    html.encode()  # what a notebook sends
    root = lxml.html.fromstring(html)
    for element in root.iter():
        assert element.tag in ELEMENTS, element.tag
        assert set(element.attrib) <= ATTRIBUTES, element.attrib
        if "style" in element.attrib:
            assert re.fullmatch(r"background:#[0-9a-f]{6}", element.get("style", ""))
        if "src" in element.attrib:
            assert element.get("src", "").startswith("data:image/png;base64,")
    sheet = root.findtext("style") or ""
    assert "http" not in sheet
    assert "url(" not in sheet
    return root


def words(record: object) -> str:
    """The text of a record without style and markup, as a page without CSS reads it."""
    root = parsed(record)
    for style in root.findall(".//style"):
        style.drop_tree()
    return " ".join(" ".join(root.itertext()).split())


def notes(html: Any, name: str) -> list[str]:
    return [element.text_content() for element in html.iter(name)]


@pytest.fixture
def handle(tmp_path: Path) -> ImageHandle:
    size = PixelSize(1.5, 0.25, 0.25)
    image = ImageSpec(T=3, C=2, Z=5, Y=70, X=90, levels=2, pixel_size=size)
    return open_image(write(TiffSpec((image, image)), tmp_path))


# ---------------------------------------------------------------- contents


def test_a_handle_shows_what_people_look_for(handle: ImageHandle) -> None:
    shown = words(handle)
    for expected in (
        "ome-tiff",
        "scene 1 of 2",
        "uint16",
        "T 3",
        "Z 5",
        "250 nm",
        "22.5 µm",
        "2 levels",
    ):
        assert expected in shown, shown
    root = parsed(handle)
    assert len(list(root.iter("img"))) == 1
    assert "Z=2 of 5" in root.find(".//figcaption").text


def test_channels_have_their_colours_and_only_columns_that_are_known() -> None:
    channels = (
        Channel("DAPI", 0x0000FFFF, emission=461.0),
        Channel("GFP", 0x00FF00FF, excitation=488.0),
    )
    array = open_image(np.zeros((2, 8, 8), np.uint8), dims="CYX").array
    root = parsed(Scene("a", (array,), channels))
    styles = [one.get("style") for one in root.iter("span") if one.get("style")]
    assert styles == ["background:#0000ff", "background:#00ff00"]
    assert notes(root, "th")[-3:] == ["channel", "excitation", "emission"]
    assert "461 nm" in root.text_content()


def test_origins_of_facts_are_titles(tmp_path: Path) -> None:
    image = ImageSpec(Y=20, X=30, pixel_size=PixelSize(None, 0.25, 0.25))
    path = write(TiffSpec((image,)), tmp_path)
    titles = {one.get("title"): one.text for one in parsed(open_image(path)).iter("span")}
    assert titles["from ome:Pixels@PhysicalSizeX"] == "250 nm"
    # A fact of the caller is not shown as one of the file.
    given_by_caller = open_image(path, pixel_size=PixelSize(None, 0.5, 0.5))
    titles = {one.get("title"): one.text for one in parsed(given_by_caller).iter("span")}
    assert titles["given by the caller"] == "500 nm"


def test_a_picture_that_costs_much_is_not_drawn(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3000, 3000), np.uint8)
    path = tmp_path / "a.ome.tiff"
    # One block, decoded as a whole: 9 MB of noise.
    write_ome_tiff(open_image(pixels), path, compression="zlib", tile=(3008, 3008), levels=1)
    root = parsed(open_image(path))
    assert not list(root.iter("img"))
    assert "thumbnail(h)" in root.text_content()


@pytest.mark.parametrize(("count", "caption"), [(2, "2 channels"), (30, "7 of 30 channels")])
def test_a_picture_says_how_many_channels_it_shows(count: int, caption: str) -> None:
    handle = aicsio.open_image(np.ones((count, 4, 5), np.uint8), dims="CYX")
    assert f"<figcaption>{caption}</figcaption>" in (as_html(handle) or "")


def test_a_large_raw_plane_is_drawn_from_some_rows(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (4000, 4000), np.uint8)
    path = tmp_path / "a.ome.tiff"
    write_ome_tiff(open_image(pixels), path, compression=None, tile=None, levels=1)
    assert list(parsed(open_image(path)).iter("img"))


def test_a_plate_shows_some_scenes_around_that_in_focus(handle: ImageHandle) -> None:
    named = tuple(
        attrs.evolve(handle.scene, name=f"scene {n}", well=Well("B", str(n))) for n in range(1000)
    )
    contents = attrs.evolve(handle.contents, scenes=named)
    html = as_html(attrs.evolve(handle, contents=contents, scene_index=500)) or ""
    assert len(html) < 100_000
    items = notes(lxml.html.fromstring(html), "li")
    assert len([item for item in items if "well B" in item]) == images.MOST_SCENES
    assert any(item.startswith("500: scene 500 ") for item in items), items[-60:]
    assert "50 of 1,000 scenes, from 475 to 524" in html


def test_tables_of_100_000_planes_are_a_few_rows() -> None:
    dims = Dims("TZ", (1000, 100))
    times = np.arange(100_000, dtype="<f8")
    times[7] = np.nan
    planes = Planes(dims, times.tobytes(), z=times.tobytes())
    assert "99,999 of 100,000" in words(planes)
    array = open_image(np.zeros((1, 1, 4, 4), np.uint8), dims="TZYX").array
    scene = Scene("a", (array,), planes=planes)
    assert "T=1000, Z=100: time, z" in words(scene)
    html = as_html(planes) or ""
    assert len(html) < 10_000


def test_a_table_shows_its_ends_and_its_missing_values(handle: ImageHandle) -> None:
    table = plane_table(handle)
    rows = [row.text_content() for row in parsed(table).iter("tr")]
    assert len(rows) == 1 + 10 + 1
    assert f"{len(table)} rows" in words(table)
    assert "z (µm)" in rows[0]


@pytest.mark.parametrize("count", [1, 7, 100_000])
def test_tiles_are_drawn_in_bounded_number(count: int) -> None:
    places = np.arange(count, dtype="<i4")
    size = np.full(count, 100, "<i4").tobytes()
    tiles = Tiles(
        places.tobytes(), (places // 300 * 90).tobytes(), (places % 300 * 90).tobytes(), size, size
    )
    root = parsed(tiles)
    assert 1 <= len(list(root.iter("rect"))) <= 2400
    assert f"{count:,}" in root.text_content()


@pytest.mark.parametrize(
    "dims",
    ["YX", "ZYX", "X", "TCZYX", "YXS", "ZX", "MHTCZYX", ""],
)
@pytest.mark.parametrize("size", [0, 1, 3, 100_000])
def test_dims_of_any_size_are_a_small_drawing(dims: str, size: int) -> None:
    root = parsed(Dims(dims, (size,) * len(dims)))
    assert len(list(root.iter("rect"))) <= 70
    shown = " ".join(root.text_content().split())
    for letter in dims:
        assert re.search(rf"{letter} (… )?{size:,}", shown), shown


def test_reports_answer_first(tmp_path: Path, handle: ImageHandle) -> None:
    assert "whole 60 planes are found in place" in words(check(handle))
    path = Path(handle.source.uri)
    data = path.read_bytes()
    broken = tmp_path / "broken.ome.tiff"
    broken.write_bytes(data[: len(data) // 2])
    assert "damaged" in words(check(broken))
    written = write_ome_tiff(transpose_to(handle, "TCZYX"), tmp_path / "b.ome.tiff")
    assert f"b.ome.tiff T 3 {TIMES} C 2 {TIMES} Z 5" in words(written)
    store = write_ome_zarr(handle, tmp_path / "b.ome.zarr")
    assert "OME-Zarr 0.5" in words(store)
    picture = write_picture(handle, tmp_path / "b.png")
    assert f"90 {TIMES} 70 pixels" in words(picture)
    assert "agrees" in words(Verification("a.czi", ("native", "other"), 3, ()))
    differences = tuple(Difference("s", (("T", n),), HOSTILE) for n in range(30))
    assert "and 10 more" in words(Verification("a.czi", ("native", "other"), 30, differences))
    assert "not verified" in words(Verification("a.czi", ("a", "b"), 0, (), HOSTILE))
    for other in (provenance(handle), tile_table(handle), wells(handle), handle.array, handle.dims):
        parsed(other)


def test_the_image_of_the_old_face_is_drawn_as_its_handle(handle: ImageHandle) -> None:
    image: Any = AICSImage(handle.source.uri)
    assert "scene 1 of 2" in image._repr_html_()


# ---------------------------------------------------------------- hostile texts


def hostile_records(handle: ImageHandle) -> Iterator[object]:
    """Records of which every text is hostile."""
    planes = Planes(Dims("T", (1,)), np.zeros(1, "<f8").tobytes())
    note = Diagnostic(f"guessed-{HOSTILE}", HOSTILE, HOSTILE)
    texts = (
        "name",
        "fluor",
        "quantity",
        "acquisition_mode",
        "illumination_type",
        "contrast_method",
    )
    hostile_fields: Any = dict.fromkeys(texts, HOSTILE)
    channel = Channel(**hostile_fields)
    scene = attrs.evolve(
        handle.scene,
        name=HOSTILE,
        channels=(channel, channel),
        acquired=HOSTILE,
        objective=Objective(HOSTILE, 10.0, 0.3, HOSTILE),
        planes=planes,
        well=Well(HOSTILE, HOSTILE, 0, HOSTILE),
    )
    contents = attrs.evolve(handle.contents, scenes=(scene, scene), diagnostics=(note,) * 30)
    hostile = attrs.evolve(
        handle, contents=contents, format=HOSTILE, source=attrs.evolve(handle.source, uri=HOSTILE)
    )
    damage = Damage(HOSTILE, HOSTILE, HOSTILE, 0, 0, 0, (("T", range(1)),))
    yield from (hostile, scene, channel)
    yield aicsio.CheckReport(HOSTILE, HOSTILE, True, 3, (damage,) * 30, 5)
    yield Verification(HOSTILE, (HOSTILE, HOSTILE), 1, (), None, (HOSTILE,))
    yield aicsio.WriteReport(HOSTILE, 1, Dims("YX", (1, 1)), np.dtype("u1"), False, (note,))
    yield wells(hostile)


def test_no_text_of_a_file_becomes_markup(handle: ImageHandle) -> None:
    for record in hostile_records(handle):
        root = parsed(record)
        # The text is there, as text; a table shows the end of a path, and the whole on hover.
        titles = [element.get("title", "") for element in root.iter()]
        assert "<script>alert(1)</script>" in " ".join([root.text_content(), *titles]), type(record)
        for mark in ("\x00", "\x1b", "\u202e", "\udc80"):
            assert mark not in (as_html(record) or "")


def test_names_in_xml_do_not_become_markup(tmp_path: Path) -> None:
    hostile = HOSTILE.translate(dict.fromkeys([0, 0x1B, 0xDC80]))  # XML has no such characters
    channels: Any = [hostile, "GFP"]
    path = tmp_path / "a.ome.tiff"
    image = open_image(np.zeros((2, 9, 9), np.uint8), dims="CYX")
    write_ome_tiff(image, path, channel_names=channels, scene_names=[hostile])
    opened = open_image(path)
    assert opened.channel_names[0] == hostile
    assert "<img src=x onerror=alert(1)>" in parsed(opened).text_content()


def test_mathematics_of_a_name_is_not_typeset(handle: ImageHandle) -> None:
    # https://docs.mathjax.org: ignoreHtmlClass, tex2jax_ignore and mathjax_ignore
    classes = parsed(handle).get("class").split()
    assert {"tex2jax_ignore", "mathjax_ignore"} <= set(classes)


@given(st.text(), st.text())
def test_any_text_is_the_text_of_an_element_and_of_an_attribute(one: str, other: str) -> None:
    element = lxml.html.fromstring(tag("b", text(one), title=other))
    assert element.tag == "b"
    assert (element.text or "") == clean(one, 120)
    assert element.get("title") == clean(other)
    assert len(element) == 0


def test_secrets_of_urls_are_hidden() -> None:
    assert "s3cret" not in clean("https://user:s3cret@host/a?X-Amz-Signature=s3cret")


# ---------------------------------------------------------------- limits


def read_bytes() -> int:
    """Bytes that this process has read by calls of the system."""
    status = Path("/proc/self/io")
    if not status.exists():
        pytest.skip("this system does not count the bytes that are read")
    found = re.search(r"rchar: (\d+)", status.read_text())
    assert found is not None
    return int(found[1])


REAL = [
    name
    for name in corpus_names("czi", "lif", "nd2", "lsm", "ometiff/viv", "dv", "tiff/large_image")
    if not name.endswith((".txt", ".xml", ".json", ".md"))
]


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_is_drawn_within_the_limit(name: str) -> None:
    try:
        handle = open_image(corpus_file(name))
    except aicsio.AicsioError:
        return
    as_html(open_image(np.zeros((4, 4))))  # modules that are imported first
    as_html(handle)
    before = read_bytes()
    html = as_html(handle)
    # 64 KiB: the status of this process, and messages of the test runner.
    assert read_bytes() - before <= previews.MOST_BYTES + 65536
    assert html is not None
    assert "not shown" not in html
    assert len(html) < 300_000
    parsed(handle)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("side", [60, 1100])
def test_a_picture_reads_no_more_than_its_cost(compression: Any, side: int, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 4000, (2, side, side), np.uint16)
    path = tmp_path / "a.ome.tiff"
    write_ome_tiff(open_image(pixels, dims="CYX"), path, compression=compression, levels=1)
    handle = open_image(path)
    frame = PictureFrame(192, "middle")
    cost = picture_cost(handle, frame, 1 << 40, 1e9)
    thumbnail(handle, 192, project="middle")
    before = read_bytes()
    thumbnail(handle, 192, project="middle")
    spent = read_bytes() - before
    assert spent <= cost.nbytes + 65536
    # The estimate is none that refuses everything.
    assert cost.nbytes <= 2 * spent + 65536


def test_a_graph_of_dask_is_not_computed() -> None:
    array = pytest.importorskip("dask.array")

    def fail(block: Any) -> Any:
        raise AssertionError(block.shape)

    lazy = array.zeros((64, 64), chunks=64).map_blocks(
        fail, dtype=np.uint8, meta=np.zeros((0, 0), np.uint8)
    )
    assert not list(parsed(open_image(lazy, dims="YX")).iter("img"))


# ---------------------------------------------------------------- trouble


def test_a_file_that_is_gone_is_still_drawn(handle: ImageHandle) -> None:
    Path(handle.source.uri).unlink()
    shown = words(handle)
    assert "no picture" in shown
    assert "T 3" in shown


def test_damaged_pixels_leave_the_rest(handle: ImageHandle) -> None:
    path = Path(handle.source.uri)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 3])
    assert "no picture" in words(handle)


def test_a_part_that_fails_leaves_the_others(
    handle: ImageHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: object) -> str:
        raise ZeroDivisionError(f"{type(handle)}{HOSTILE}")

    monkeypatch.setattr(images, "_levels", fail)
    shown = words(handle)
    assert "not shown: ZeroDivisionError: <class" in shown
    assert "2 scenes" in shown


def test_where_the_drawing_fails_the_text_is_shown(
    handle: ImageHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: object) -> str:
        raise ZeroDivisionError(handle)

    monkeypatch.setitem(_SHOWN, "ImageHandle", fail)
    assert as_html(handle) is None


def test_scenes_without_pixels_are_drawn() -> None:
    assert "no pixels in this file" in words(Scene("empty", ()))


@given(strategies.images())
def test_any_image_is_drawn(image: Any) -> None:
    html = as_html(image.handle)
    assert html is not None
    assert "not shown" not in html


# ---------------------------------------------------------------- the seam


def test_every_class_that_is_drawn_has_a_function_and_back() -> None:
    drawn = set()
    for name in [*dir(aicsio), "Provenance", "Table", "Verification"]:
        kind = getattr(aicsio, name, Verification)
        if isinstance(kind, type) and "_repr_html_" in vars(kind):
            drawn.add(kind.__name__)
    assert drawn - {"Viewer", "AICSImage"} == set(_SHOWN)


def test_ipython_takes_html_and_text(handle: ImageHandle) -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    formatter = formatters.DisplayFormatter()
    formatter.active_types = ["text/plain", "text/html"]
    shown, _ = formatter.format(handle)
    assert shown["text/html"].startswith("<div")
    assert shown["text/plain"] == repr(handle)


def test_the_package_is_as_light_as_before_until_a_record_is_drawn() -> None:
    script = (
        "import sys, aicsio\n"
        "assert 'aicsio.notebook' not in sys.modules\n"
        "aicsio.Dims('YX', (3, 4))._repr_html_()\n"
        "assert 'aicsio.notebook' in sys.modules\n"
        "assert 'aicsio.writers' not in sys.modules and 'PIL' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("accents", "page"),
    [(LIGHT, "#ffffff"), (DARK, "#111111"), (DARK, "#1f1f1f"), (DARK, "#1e1e1e")],
)
def test_accents_are_read_on_light_and_dark(accents: str, page: str) -> None:
    colors = re.findall(r"#[0-9a-f]{6}", accents)
    assert len(colors) == 4
    assert all(luminance_ratio(color, page) >= 4.5 for color in colors)
