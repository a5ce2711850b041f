"""The page of the viewer in a headless Chromium: what a user does, and what a stranger cannot.

Needs the extra ``browser`` and a Chromium on the PATH; skipped without them.
"""

import io
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from aicsio import Channel, ImageHandle, PixelSize, Viewer, Well, open_image, view
from aicsio.viewer.pyramid import TileReader
from aicsio.viewer.server import Cancelled

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
if CHROMIUM is None:
    pytest.skip("needs a Chromium", allow_module_level=True)

Array = npt.NDArray[Any]
FLAGS = [
    # No graphics card: WebGL by the processor.
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox",
    # A stranger's name that leads to this machine, as DNS rebinding makes it.
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
]  # fmt: skip
WIDTH, HEIGHT = 1000, 700


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


def described(handle: ImageHandle, **fields: Any) -> ImageHandle:
    scenes = tuple(attrs.evolve(scene, **fields) for scene in handle.scenes)
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=scenes))


@pytest.fixture(scope="module")
def plate() -> ImageHandle:
    """Three wells of 2 T, 2 C, 3 Z; the left half is bright in C 0, the upper half in C 1."""
    array = np.zeros((2, 2, 3, 600, 800), np.uint16)
    array[:, 0, :, :, :400] = 1000
    array[:, 1, :, :300] = 2000
    array[:, :, 0] = 0
    array[1] //= 2
    handle = open_image([array, array // 4, array * 0], dims="TCZYX")
    handle = described(
        handle, pixel_size=PixelSize(2, 0.5, 0.5), time_step=3.0,
        channels=(Channel(name="red", color=0xFF0000FF), Channel(name="blue", color=0x0000FFFF)),
    )  # fmt: skip
    wells = [Well("A", "1"), Well("B", "2"), Well("B", "2", 1)]
    scenes = tuple(
        attrs.evolve(scene, well=well) for scene, well in zip(handle.scenes, wells, strict=True)
    )
    return attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=scenes))


@pytest.fixture(scope="module")
def viewer(plate: ImageHandle) -> Iterator[Viewer]:
    with view(plate, browser=False) as running:
        yield running


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    shown = context.new_page()
    problems: list[str] = []
    shown.on("pageerror", lambda error: problems.append(str(error)))

    def note_error(note: Any) -> None:
        if note.type == "error":
            problems.append(note.text)

    shown.on("console", note_error)
    shown.problems = problems
    yield shown
    context.close()


def settle(page: Any) -> None:
    """Wait until everything on the screen has come, and the address is up to date."""
    page.wait_for_timeout(100)
    page.wait_for_selector("body[data-complete=true]", timeout=30_000)
    page.wait_for_timeout(250)


@pytest.fixture
def opened(page: Any, viewer: Viewer) -> Iterator[Any]:
    # The contrast stands in the address: what tests expect does not depend on what is suggested.
    page.goto(f"{viewer.url}#c=1:ff0000:0:1000,1:0000ff:0:2000")
    settle(page)
    yield page
    assert page.problems == []


def stage(page: Any) -> Array:
    """Pixels of the image as it is on the screen, without the overlay."""
    page.evaluate("document.getElementById('overlay').style.visibility = 'hidden'")
    shot = page.locator("#stage").screenshot()
    page.evaluate("document.getElementById('overlay').style.visibility = ''")
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def quarters(page: Any) -> dict[str, list[int]]:
    """Colours in the middle of the four quarters of the image, which fits into the stage."""
    pixels = stage(page)
    height, width = pixels.shape[:2]
    scale = 0.98 * min(width / 800, height / 600)

    def at(x: int, y: int) -> list[int]:
        row, column = height / 2 + (y - 300) * scale, width / 2 + (x - 400) * scale
        colour: list[int] = pixels[round(row), round(column)].tolist()
        return colour

    return {
        "upper left": at(200, 150), "upper right": at(600, 150),
        "lower left": at(200, 450), "lower right": at(600, 450),
    }  # fmt: skip


def address(page: Any) -> dict[str, str]:
    return dict(part.split("=") for part in page.url.partition("#")[2].split("&"))


def zoom_of(page: Any) -> float:
    return float(address(page)["at"].split("%2C")[2])


# ---------------------------------------------------------------- what a user does


def test_the_first_picture_fits_and_has_the_colours_of_the_channels(
    page: Any, viewer: Viewer
) -> None:
    page.goto(viewer.url)
    settle(page)
    assert quarters(page) == {
        "upper left": [255, 0, 255], "upper right": [0, 0, 255],
        "lower left": [255, 0, 0], "lower right": [0, 0, 0],
    }  # fmt: skip


def test_channels_are_switched_coloured_and_stretched(opened: Any) -> None:
    opened.get_by_label("show blue").uncheck()
    settle(opened)
    assert quarters(opened)["upper left"] == [255, 0, 0]
    assert quarters(opened)["upper right"] == [0, 0, 0]
    opened.get_by_label("show blue", exact=True).check()
    opened.get_by_label("colour of blue", exact=True).fill("#00ff00")
    opened.get_by_label("full colour of red").fill("2000")
    opened.get_by_label("full colour of red").press("Enter")
    settle(opened)
    shown = quarters(opened)
    assert shown["upper right"] == [0, 255, 0]
    assert abs(shown["lower left"][0] - 128) <= 2
    opened.locator(".channel").first.get_by_role("button", name="Full").click()
    settle(opened)
    assert quarters(opened)["lower left"] == [255, 0, 0]
    # Keys switch channels, too; the histogram is dragged.
    opened.locator("#overlay").focus()
    opened.keyboard.press("1")
    settle(opened)
    assert quarters(opened)["lower left"] == [0, 0, 0]
    box = opened.locator(".histogram").nth(1).bounding_box()
    before = float(opened.get_by_label("full colour of blue").input_value())
    opened.mouse.move(box["x"] + box["width"] - 2, box["y"] + 20)
    opened.mouse.down()
    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20, steps=4)
    opened.mouse.up()
    assert float(opened.get_by_label("full colour of blue").input_value()) < 0.7 * before


def test_zoom_keeps_the_pixel_below_the_pointer(opened: Any) -> None:
    start = zoom_of(opened)
    box = opened.locator("#overlay").bounding_box()
    x, y = box["x"] + 300, box["y"] + 200
    opened.mouse.move(x, y)
    opened.wait_for_timeout(400)
    before = opened.locator("#pointer").inner_text()
    for _ in range(6):
        opened.mouse.wheel(0, -100)
        opened.wait_for_timeout(30)
    settle(opened)
    assert zoom_of(opened) == pytest.approx(start * 2**3, rel=0.01)
    opened.mouse.move(x, y)
    opened.wait_for_timeout(400)
    pattern = r"X (\d+)  Y (\d+)"
    old, new = (
        re.search(pattern, text) for text in (before, opened.locator("#pointer").inner_text())
    )
    assert old is not None
    assert new is not None
    assert abs(int(old[1]) - int(new[1])) <= 1
    assert abs(int(old[2]) - int(new[2])) <= 1
    # A drag moves the image with the pointer.
    centre = [float(part) for part in address(opened)["at"].split("%2C")]
    opened.mouse.down()
    opened.mouse.move(x + 80, y - 40, steps=4)
    opened.mouse.up()
    settle(opened)
    moved = [float(part) for part in address(opened)["at"].split("%2C")]
    assert moved[0] == pytest.approx(centre[0] - 80 / centre[2], abs=0.5)
    assert moved[1] == pytest.approx(centre[1] + 40 / centre[2], abs=0.5)
    opened.keyboard.press("f")
    settle(opened)
    assert zoom_of(opened) == pytest.approx(start, rel=0.01)


def test_sliders_show_other_planes_and_play(opened: Any) -> None:
    assert (address(opened)["Z"], address(opened)["T"]) == ("1", "0")
    opened.get_by_label("Z", exact=True).fill("0")
    settle(opened)
    assert quarters(opened)["upper left"] == [0, 0, 0]
    assert "1/3 · 0 µm" in opened.locator(".slider").nth(1).inner_text()
    opened.get_by_label("Z", exact=True).fill("2")
    opened.get_by_label("T", exact=True).fill("1")
    settle(opened)
    assert "2/2 · 3 s" in opened.locator(".slider").first.inner_text()
    assert abs(quarters(opened)["lower left"][0] - 128) <= 2
    opened.get_by_label("play T").click()
    seen = set()
    for _ in range(40):
        opened.wait_for_timeout(50)
        seen.add(opened.get_by_label("T", exact=True).input_value())
    assert seen == {"0", "1"}
    opened.get_by_label("play T").click()
    opened.wait_for_timeout(300)
    still = opened.get_by_label("T", exact=True).input_value()
    opened.wait_for_timeout(400)
    assert opened.get_by_label("T", exact=True).input_value() == still


def test_wells_and_scenes(opened: Any) -> None:
    opened.get_by_role("button", name="well B2").click()
    settle(opened)
    assert address(opened)["scene"] == "1"
    # The contrast stays when the well changes, so that wells compare.
    assert abs(quarters(opened)["lower left"][0] - 64) <= 2
    assert opened.locator(".fields button").count() == 2
    opened.locator(".fields button").nth(1).click()
    settle(opened)
    assert address(opened)["scene"] == "2"
    assert quarters(opened)["upper left"] == [0, 0, 0]
    opened.locator("#scene").select_option("0")
    settle(opened)
    assert quarters(opened)["upper left"] == [255, 0, 255]
    assert opened.locator(".plate button[aria-pressed=true]").get_attribute("title") == "A1"


def test_values_positions_and_lengths(opened: Any) -> None:
    box = opened.locator("#overlay").bounding_box()
    zoom = zoom_of(opened)

    def screen(x: float, y: float) -> tuple[float, float]:
        return (
            box["x"] + box["width"] / 2 + (x - 400) * zoom,
            box["y"] + box["height"] / 2 + (y - 300) * zoom,
        )

    opened.mouse.move(*screen(100.5, 200.5))
    opened.wait_for_timeout(600)
    text = opened.locator("#pointer").inner_text()
    assert "X 100  Y 200  (50 µm, 100 µm)" in text
    assert text.endswith("1000 | 2000")
    opened.get_by_role("button", name="Measure").click()
    opened.mouse.move(*screen(100, 100))
    opened.mouse.down()
    opened.mouse.move(*screen(400, 500), steps=5)
    opened.mouse.up()
    overlay = opened.evaluate(
        "(() => { const c = document.getElementById('overlay'); "
        "return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
        ".filter((v, i) => i % 4 == 0 && v == 255).length })()"
    )
    assert overlay > 500
    opened.keyboard.press("Escape")


def test_a_link_shows_the_same_view_again(opened: Any, browser: Any) -> None:
    opened.get_by_label("show red").uncheck()
    opened.get_by_label("Z", exact=True).fill("2")
    opened.locator("#overlay").focus()
    for key in ("+", "+", "ArrowRight"):
        opened.keyboard.press(key)
    settle(opened)
    expected = stage(opened)
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    second = context.new_page()
    second.goto(opened.url)
    settle(second)
    np.testing.assert_array_equal(stage(second), expected)
    assert second.url == opened.url
    context.close()


def test_the_picture_that_is_saved_is_what_is_seen(opened: Any) -> None:
    with opened.expect_download() as download:
        opened.get_by_role("button", name="PNG").click()
    saved = np.asarray(Image.open(download.value.path()).convert("RGB")).astype(int)
    shown = np.asarray(
        Image.open(io.BytesIO(opened.locator("#stage").screenshot())).convert("RGB")
    ).astype(int)
    # The stage may end within a pixel, which a screenshot counts.
    rows = min(len(saved), len(shown))
    assert len(saved) - rows <= 1
    assert np.abs(saved[:rows] - shown[:rows]).mean() < 0.5
    # The white of the scale bar is in it.
    assert (saved[-25:, -120:] == 255).all(axis=2).sum() > 100


def test_metadata(opened: Any) -> None:
    opened.keyboard.press("i")
    opened.wait_for_selector("#metadata table")
    text = opened.locator("#metadata").inner_text()
    assert "Z 2 µm, Y 0.5 µm, X 0.5 µm" in text
    assert "red; blue" in text


def test_tiles_that_left_the_screen_are_cancelled(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, outcomes = TileReader.read, []

    def slow(self: TileReader, *args: Any, stop: Callable[[], None], **options: Any) -> Array:
        try:
            for _ in range(20):
                stop()
                threading.Event().wait(0.02)
        except Cancelled:
            outcomes.append("cancelled")
            raise
        outcomes.append("read")
        return read(self, *args, stop=stop, **options)

    monkeypatch.setattr(TileReader, "read", slow)
    big = open_image(np.zeros((8, 600, 700), np.uint8), dims="ZYX")
    with view(big, browser=False) as running:
        page.goto(running.url)
        page.wait_for_timeout(1500)
        page.locator("#overlay").focus()
        for _ in range(6):
            page.keyboard.press("]")
            page.wait_for_timeout(60)
        settle(page)
        assert address(page)["Z"] == "2"
    assert "cancelled" in outcomes
    # At least some of the sections in between were never read.
    assert outcomes.count("read") < 8 * 2 * 2
    assert page.problems == []


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (lambda: np.full((40, 50, 3), (200, 100, 50), np.uint8), [200, 100, 50]),
        (lambda: np.linspace(-1, 1, 2000).reshape(40, 50), [127, 127, 127]),
        (lambda: np.full((40, 50), np.nan, np.float32), [0, 0, 0]),
        (lambda: np.tile(np.array([[0], [1]], bool).repeat(20, 0), (1, 50)), [255, 255, 255]),
    ],
    ids=["rgb", "float", "nan", "bool"],
)
def test_every_kind_of_pixel_is_drawn(
    page: Any, make: Callable[[], Array], shown: list[int]
) -> None:
    array = make()
    with view(open_image(array, dims="YXS"[: array.ndim]), browser=False) as running:
        page.goto(running.url)
        settle(page)
        pixels = stage(page)
    middle = pixels[pixels.shape[0] // 2 + 3, pixels.shape[1] // 2 + 3]
    assert np.abs(middle - shown).max() <= 6
    assert page.problems == []


def test_a_large_image_is_shown_by_levels_made_on_the_fly(page: Any) -> None:
    array = np.zeros((5000, 7000), np.uint8)
    array[:2500] = 200
    array[0, 0] = 250
    with view(open_image(array, dims="YX"), browser=False) as running:
        page.goto(running.url)
        settle(page)
        pixels = stage(page)
        assert "level 1 : 8" in page.locator("footer").inner_text()
        height, width = pixels.shape[:2]
        assert pixels[height // 2 - 20, width // 2].tolist() == [255] * 3
        assert pixels[height // 2 + 20, width // 2].tolist() == [0] * 3
        # A screen of tiles, not the image.
        assert int(page.locator("body").get_attribute("data-requested")) < 12


@pytest.mark.parametrize("zoom", [0.5, 0.6, 0.73, 1, 1.5])
def test_tiles_leave_no_gap_between_them(page: Any, zoom: float) -> None:
    array = np.full((2600, 2600), 200, np.uint8)
    with view(open_image(array, dims="YX"), browser=False) as running:
        # An edge between two tiles lies in the middle of the stage, or half a pixel beside it.
        for place in ("1024,1024", f"{1024 + 0.5 / zoom},{1024 + 0.5 / zoom}"):
            page.goto("about:blank")
            page.goto(f"{running.url}#at={place},{zoom}&c=1:ffffff:0:200")
            settle(page)
            assert (stage(page)[100:-100, 100:-100] == 255).all()


@pytest.mark.parametrize("shape", [(1, 60_000), (60_000, 3)])
def test_an_image_of_a_few_lines_is_seen(shape: tuple[int, int], page: Any) -> None:
    handle = open_image(np.full(shape, 200, np.uint8), dims="YX")
    with view(handle, browser=False) as running:
        page.goto(f"{running.url}#c=1:ffffff:0:200")
        settle(page)
        pixels = stage(page)
    lines = (pixels.min(axis=2) == 255).sum(axis=int(np.argmin(shape)))
    assert lines.max() == 3, "three pixels of the screen, where 60 000 fit into its length"


def test_everything_is_in_reach_on_a_phone(page: Any, viewer: Viewer) -> None:
    page.set_viewport_size({"width": 390, "height": 700})
    page.goto(viewer.url)
    settle(page)
    outside = """[...document.querySelectorAll("button, input, select")]
        .filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML)"""
    assert page.evaluate(outside) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_each_channel_is_a_group_with_its_name(opened: Any) -> None:
    for name in ("red", "blue"):
        assert (
            opened.get_by_role("group", name=name).get_by_role("button", name="Auto").count() == 1
        )


def test_a_broken_image_shows_its_error(page: Any, tmp_path: Any) -> None:
    import functools

    from aicsio.viewer.images import name_file

    broken = tmp_path / "broken.czi"
    broken.write_bytes(b"ZISRAWFILE" + bytes(2000))
    named = name_file(str(broken), functools.partial(open_image, broken))
    with Viewer((named,)) as running:
        page.goto(running.url)
        page.wait_for_selector("#message:not([hidden])")
        assert "broken.czi" in page.locator("#message").inner_text()


# ---------------------------------------------------------------- what a stranger cannot


def test_a_wrong_token_shows_nothing(page: Any, viewer: Viewer) -> None:
    response = page.goto(viewer.url[:-2] + "x/")
    assert response.status == 403
    assert "token" in page.inner_text("body")


def test_dns_rebinding_is_refused(page: Any, viewer: Viewer) -> None:
    # The stranger's name leads to the server, and its page would have the server's origin.
    response = page.goto(viewer.url.replace("127.0.0.1", "evil.example"))
    assert response.status == 403
    assert "slide" not in page.inner_text("body")


def test_the_page_of_another_origin_reads_nothing(page: Any, viewer: Viewer, browser: Any) -> None:
    with view(open_image(np.zeros((4, 4))), browser=False) as stranger:
        page.goto(stranger.url)
        for options in ({}, {"mode": "no-cors"}):
            code = "([url, options]) => fetch(url, options).then(r => r.text(), e => 'refused')"
            assert page.evaluate(code, [f"{viewer.url}api/files", options]) in {"refused", ""}
    # A page without a policy of its own gets as little.
    context = browser.new_context()
    other = context.new_page()
    other.goto("data:text/html,<p>stranger</p>")
    code = "url => fetch(url).then(r => r.text(), e => 'refused')"
    assert other.evaluate(code, f"{viewer.url}api/files") == "refused"
    context.close()


def test_a_rough_picture_stands_until_the_tiles_come(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aicsio.viewer import rough

    monkeypatch.setattr(rough, "LEAST_BYTES", 1)
    monkeypatch.setattr(rough, "is_raw", lambda array: array is None)
    released = threading.Event()
    read = TileReader.read

    def slow(self: TileReader, *args: Any, **options: Any) -> Any:
        released.wait(20)
        return read(self, *args, **options)

    monkeypatch.setattr(TileReader, "read", slow)
    array = np.zeros((4096, 4096), np.uint8)
    array[:2048] = 200
    array[1000:1300, 1500:1520] = 0  # between the spots
    with view(open_image(array, dims="YX"), browser=False) as running:
        page.goto(f"{running.url}#c=1:ffffff:0:200")
        try:
            # Not wait_for_function, which the page's own policy of scripts forbids.
            for _ in range(100):
                names = "performance.getEntriesByType('resource').map((one) => one.name)"
                if sum("api/rough" in name for name in page.evaluate(names)) == 2:
                    break
                page.wait_for_timeout(100)
            page.wait_for_timeout(300)
            early = stage(page)
        finally:
            released.set()
        settle(page)
        late = stage(page)
    height, width = early.shape[:2]
    for pixels in (early, late):
        assert pixels[height // 4, width // 2].tolist() == [255] * 3
        assert pixels[3 * height // 4, width // 2].tolist() == [0] * 3
    assert (early != late).any()
    assert page.problems == []
