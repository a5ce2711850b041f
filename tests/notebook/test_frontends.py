"""HTML of records as notebooks show it: cleaned by JupyterLab, and in frames without scripts, as VS Code and Colab.

The rules of JupyterLab are those of its ``sanitizer.ts`` (apputils 4): an element that is not on its list is taken out
and its text stays, but a style sheet goes with its text; ``style`` attributes stay where they set known properties.
"""

import shutil
from pathlib import Path
from typing import Any

import attrs
import lxml.html
import numpy as np
import pytest

from aicsio import Channel, Objective, PixelSize, open_image, plane_table
from aicsio.notebook import draw
from aicsio.testing import ImageSpec, TiffSpec, write
from support import luminance_ratio

UNTRUSTED = {
    *("b", "caption", "code", "details", "div", "figcaption", "figure", "img", "li", "p", "span"),
    *("summary", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
"""Elements of ours that JupyterLab keeps in a notebook that is not trusted."""


@pytest.fixture
def html(tmp_path: Path) -> str:
    size = PixelSize(1.5, 0.25, 0.25)
    image = ImageSpec(
        T=3, C=2, Z=5, Y=70, X=90, pixel_size=size, channel_names=("DAPI", "GFP"), time_step=2.0
    )
    handle = open_image(write(TiffSpec((image, image)), tmp_path))
    colored = (Channel(name="DAPI", color=0x0000FFFF), Channel(name="GFP", color=0x00FF00FF))
    scenes = tuple(attrs.evolve(scene, channels=colored) for scene in handle.scenes)
    contents = attrs.evolve(handle.contents, scenes=scenes)
    return draw(attrs.evolve(handle, contents=contents)) or ""


def sanitized(html: str) -> Any:
    """The HTML as JupyterLab shows it in a notebook that is not trusted."""
    root = lxml.html.fromstring(html)
    elements: list[Any] = list(root.iter())
    for element in elements:
        if element.tag in {"style", "script"}:
            element.drop_tree()
        elif element.tag not in UNTRUSTED:
            element.drop_tag()
    return root


def test_a_notebook_that_is_not_trusted_shows_everything_but_the_drawing(html: str) -> None:
    root = sanitized(html)
    text = " ".join(root.text_content().split())
    for expected in ("scene 1 of 2", "uint16", "T 3", "DAPI", "GFP", "250 nm", "22.5 µm"):
        assert expected in text
    assert "{" not in text
    (picture,) = root.iter("img")
    assert picture.get("src").startswith("data:image/png;base64,")


def test_the_colours_of_channels_are_seen_without_a_style_sheet(html: str) -> None:
    swatches = [one for one in sanitized(html).iter("span") if one.get("style")]
    assert [one.get("style") for one in swatches] == ["background:#0000ff", "background:#00ff00"]
    # An element without text and without a width has no area.
    assert all(one.text for one in swatches)


# ---------------------------------------------------------------- in a browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""No script and no network."""
MEASURE = """() => {
  const root = document.querySelector('.aicsio');
  const area = (one) => { const box = one.getBoundingClientRect(); return box.width * box.height; };
  return {
    pictures: [...root.querySelectorAll('img')].map((one) => one.naturalWidth),
    drawing: root.querySelector('svg').getBoundingClientRect().width,
    swatches: [...root.querySelectorAll('.aicsio-swatch')].map(area),
    color: getComputedStyle(root.querySelector('td')).color,
    overflow: document.documentElement.scrollWidth - innerWidth,
  };
}"""
PAGES = {
    # Class and variables of VS Code's webview, the attribute of JupyterLab, the frame of Colab.
    "vscode light": ('<body class="vscode-light" style="--vscode-editor-foreground:#3b3b3b">', "#ffffff"),
    "vscode dark": ('<body class="vscode-dark" style="--vscode-editor-foreground:#cccccc">', "#1f1f1f"),
    "jupyterlab dark": ('<body data-jp-theme-light="false" style="--jp-content-font-color1:#ffffff">', "#111111"),
    "colab light": ("<body>", "#ffffff"),
    "colab dark": ('<body style="color:#e8eaed">', "#383838"),
}  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium")
@pytest.mark.parametrize("name", PAGES)
def test_a_frame_without_scripts_shows_it(name: str, html: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    body, background = PAGES[name]
    head = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    document = f"<!doctype html><html><head>{head}</head>{body}{html}</body></html>"
    with sync_api.sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = running.new_page(viewport={"width": 800, "height": 600})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.set_content('<iframe sandbox width="780" height="560"></iframe>')
        page.evaluate("html => { document.querySelector('iframe').srcdoc = html; }", document)
        frame = page.frame_locator("iframe")
        frame.locator("img").wait_for()
        inner = page.frames[1]
        found = inner.evaluate(MEASURE)
        running.close()
    assert complaints == []
    assert found["pictures"] == [pytest.approx(192, abs=64)]
    assert found["drawing"] > 50
    assert len(found["swatches"]) == 2
    assert min(found["swatches"]) > 50
    assert found["overflow"] <= 0
    color = [int(part) for part in found["color"][4:-1].split(",")]
    assert luminance_ratio("#" + bytes(color).hex(), background) >= 4.5


PHONE = 360
"""CSS pixels across."""


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium")
def test_wide_tables_scroll_by_themselves_on_a_phone() -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    handle = open_image(np.zeros((2, 40, 50), np.uint16), dims="CYX")
    wide = Channel(
        name="Camera 1 - DAPI", excitation=353.0, emission=465.0, fluor="DAPI",
        acquisition_mode="LaserScanningConfocalMicroscopy", contrast_method="Fluorescence",
    )  # fmt: skip
    objective = Objective(name="Plan-Apochromat_5x/0.35_" * 5, magnification=5.0)
    scene = attrs.evolve(handle.scene, channels=(wide, wide), objective=objective)
    contents = attrs.evolve(handle.contents, scenes=(scene,))
    described = attrs.evolve(handle, contents=contents)
    parts = [draw(each) or "" for each in (described, scene, plane_table(described))]
    page_text = f"<!doctype html><html><body>{''.join(parts)}</body></html>"
    with sync_api.sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = running.new_page(viewport={"width": PHONE, "height": 640})
        page.set_content(page_text)
        tables = page.evaluate(
            "[...document.querySelectorAll('table')].map(one => one.getBoundingClientRect().width)"
        )
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        running.close()
    assert max(tables) > PHONE  # which would widen the page
    assert overflow <= 0
