"""The plug-in in napari itself: its viewer opens, shows and saves. Skipped without napari.

Most tests take the model of the viewer, which needs no screen; the last ones draw, where there is one.
"""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    open_image,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_zarr,
)
from aicsio.labels import list_labels, select_label
from aicsio.plugins.napari.samples import SAMPLES, sample_handle
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.plates import PlateSpec, write_harmony

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def viewer() -> Any:
    components = pytest.importorskip("napari.components")
    npe2 = pytest.importorskip("npe2")
    manager = npe2.PluginManager.instance()
    manager.discover()
    if "aicsio" not in manager:
        pytest.skip("the package is not installed with its entry points")
    return components.ViewerModel()


@pytest.fixture
def pyramid(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 999, (2, 128, 96), np.uint16)
    xml = metadata_xml(channels=["DAPI", "GFP"], pixel_size={"X": 0.5, "Y": 0.25})
    path = tmp_path / "pyramid.czi"
    write_czi(path, blocks_of(pixels, "CYX", levels=3), xml)
    return path


def test_napari_opens_a_file_by_the_manifest(viewer: Any, pyramid: Path) -> None:
    layers = viewer.open(os.fspath(pyramid), plugin="aicsio")
    assert [layer.name for layer in layers] == ["DAPI", "GFP"]
    handle = open_image(pyramid)
    for index, layer in enumerate(layers):
        assert layer.multiscale
        for level, data in enumerate(layer.data):
            expected = to_numpy(transpose_to(select_level(handle, level), "YX", C=index))
            assert np.array_equal(np.asarray(data), expected)
        assert list(map(str, layer.units)) == ["micrometer", "micrometer"]
        assert layer.metadata["handle"] == handle


def test_a_corner_lies_at_one_place_at_each_level(viewer: Any, pyramid: Path) -> None:
    from napari.layers import Layer

    from aicsio.plugins.napari import to_layers

    layer = viewer.open(os.fspath(pyramid), plugin="aicsio")[0]
    first = layer.data_to_world([-0.5, -0.5])
    last = layer.data_to_world([127.5, 95.5])
    for level in (1, 2):
        data, arguments, kind = to_layers(select_level(open_image(pyramid), level))[0]
        alone = Layer.create(data, arguments, kind)
        rows, columns = alone.level_shapes[0]
        assert np.allclose(alone.data_to_world([-0.5, -0.5]), first, rtol=0, atol=1e-9)
        corner = alone.data_to_world([rows - 0.5, columns - 0.5])
        assert np.allclose(corner, last, rtol=0, atol=1e-9)


def test_lengths_are_what_pint_reads_as_ome_means_them(viewer: Any, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    facts = {"axes": "YX", "PhysicalSizeX": 2.0, "PhysicalSizeXUnit": "li"}
    facts |= {"PhysicalSizeY": 3.0, "PhysicalSizeYUnit": "pixel"}
    tifffile.imwrite(tmp_path / "a.ome.tif", np.ones((20, 30), np.uint8), metadata=facts, ome=True)
    (layer,) = viewer.open(os.fspath(tmp_path / "a.ome.tif"), plugin="aicsio")
    rows, columns = layer.units
    assert str(rows) == "pixel"
    # A line is a twelfth of an inch; to pint "li" is a link, of 0.2 m.
    assert (layer.scale[1] * columns).to("inch").magnitude == pytest.approx(2 / 12)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_of_the_menu_open(viewer: Any, name: str) -> None:
    layers = viewer.open_sample("aicsio", name)
    assert len(layers) == 2
    kinds = {type(layer).__name__ for layer in layers}
    assert kinds == ({"Image", "Labels"} if name == "labels" else {"Image"})


@pytest.mark.parametrize("name", ["saved.ome.tif", "saved.ome.zarr"])
def test_layers_are_saved_and_open_again(viewer: Any, tmp_path: Path, name: str) -> None:
    viewer.open_sample("aicsio", "labels")
    viewer.layers.save(os.fspath(tmp_path / name), plugin="aicsio")
    saved, sample = open_image(tmp_path / name), sample_handle("labels")
    assert np.array_equal(to_numpy(transpose_to(saved, "YX")), to_numpy(sample))
    assert (saved.channel_names, saved.pixel_size) == (("DAPI",), sample.pixel_size)
    numbers = to_numpy(select_label(sample, "nuclei"))
    if list_labels(saved):
        assert np.array_equal(to_numpy(select_label(saved, "nuclei")), numbers)
    else:
        assert np.array_equal(to_numpy(transpose_to(select_scene(saved, 1), "YX")), numbers)


def test_units_of_a_layer_become_micrometres(viewer: Any, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 99, (3, 20, 30), np.uint8)
    for name in ("a", "b"):
        viewer.add_image(pixels, name=name, scale=(2000, 250, 250), units=("nm", "nm", "nm"))
    viewer.layers.save(os.fspath(tmp_path / "a.ome.tif"), plugin="aicsio")
    saved = open_image(tmp_path / "a.ome.tif")
    assert saved.channel_names == ("a", "b")
    assert list(saved.pixel_size) == pytest.approx([2.0, 0.25, 0.25])
    assert np.array_equal(to_numpy(transpose_to(saved, "ZYX", C=1)), pixels)


def test_the_widget_shows_scenes_and_wells(viewer: Any, tmp_path: Path) -> None:
    widgets = pytest.importorskip("qtpy.QtWidgets")
    application = widgets.QApplication.instance() or widgets.QApplication([])
    assert application is not None
    from aicsio.plugins.napari.scenes import make_widget

    widget = make_widget(viewer)
    picker = widget.picker
    assert picker.scenes.count() == 0
    viewer.open_sample("aicsio", "plate")
    assert (picker.wells.rowCount(), picker.wells.columnCount()) == (2, 3)
    viewer.layers[0].contrast_limits = (50, 70)
    picker.pick_well(1, 2)
    assert [layer.metadata["handle"].scene.well.name for layer in viewer.layers] == ["B3", "B3"]
    assert tuple(viewer.layers[0].contrast_limits) == (50, 70)
    picker.filter.setText("a/2")
    assert picker.scenes.count() == 1
    picker.adds.setChecked(True)
    picker.scenes.itemClicked.emit(picker.scenes.item(0))
    assert len(viewer.layers) == 4
    path = write(TiffSpec((ImageSpec(Y=20, X=30), ImageSpec(Y=8, X=9))), tmp_path)
    viewer.open(os.fspath(path), plugin="aicsio")
    assert picker.files.count() == 2
    viewer.layers.clear()
    assert picker.files.count() == 0


DRAW = """
import sys, time
import numpy as np, napari
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer(show=True)
viewer.window.resize(900, 700)
(layer,) = viewer.open(sys.argv[1], plugin="aicsio")
layer.interpolation2d = "nearest"
viewer.reset_view()
edges = []
for level in range(3):
    layer.locked_data_level = level
    for _ in range(20):
        QApplication.processEvents()
        time.sleep(0.02)
    drawn = viewer.screenshot(flash=False)[..., 0].astype(int)
    row = drawn[drawn.shape[0] // 2]
    edges.append(int(np.argmax(row > 128)))
    shape = layer._slice.image.raw.shape
    print(level, shape, edges[-1])
viewer.close()
print("edges", *edges)
"""


@pytest.fixture
def display() -> Iterator[str]:
    """The screen of this machine, or one of our own in memory (Xvfb) for the time of the test."""
    if "DISPLAY" in os.environ:
        yield os.environ["DISPLAY"]
        return
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("drawing needs a screen: neither DISPLAY nor Xvfb is there")
    # The server chooses a free number and writes it; no TCP, so that nobody else sees it.
    command = [program, "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        try:
            number = server.stdout.readline().decode().strip()
            if not number:
                pytest.skip("drawing needs a screen: Xvfb ended at once")
            yield f":{number}"
        finally:
            server.terminate()


def run_on_screen(display: str, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own: Qt takes one application, with one platform, a process."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        env={**os.environ, "QT_QPA_PLATFORM": "xcb", "DISPLAY": display},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_an_edge_is_drawn_at_one_place_at_each_level(tmp_path: Path, display: str) -> None:
    pytest.importorskip("napari")
    pixels = np.zeros((256, 256), np.uint16)
    pixels[:, 160:] = 1000
    path = tmp_path / "edge.czi"
    xml = metadata_xml(pixel_size={"X": 0.5, "Y": 0.5})
    write_czi(path, blocks_of(pixels, "YX", levels=3), xml)
    done = run_on_screen(display, DRAW, os.fspath(path))
    found = [line for line in done.stdout.splitlines() if line.startswith("edges")]
    if not found:
        pytest.skip(f"napari draws nothing here: {done.stderr[-200:]}")
    edges = list(map(int, found[0].split()[1:]))
    assert edges[0] > 0
    assert max(edges) - min(edges) <= 1


DROP = """
import sys
from pathlib import Path
import napari
from napari._qt.dialogs.qt_reader_dialog import QtReaderDialog
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent

def choose(dialog):
    assert "aicsio" in [button.text() for button in dialog.reader_btn_group.buttons()]
    return "aicsio", False

# napari asks which of two plug-ins opens a folder: its own lists folders, too.
QtReaderDialog.get_user_choices = choose
viewer = napari.Viewer(show=False)
for folder in sys.argv[1:]:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(folder + "/")])
    event = QDropEvent(QPointF(9, 9), Qt.CopyAction, mime, Qt.LeftButton, Qt.NoModifier)
    viewer.window._qt_viewer.dropEvent(event)
    shapes = [layer.data.shape for layer in viewer.layers if layer.source.reader_plugin == "aicsio"]
    print("dropped", Path(folder).name, *shapes)
    viewer.layers.clear()
viewer.close()
"""


def test_a_folder_that_is_dropped_opens(tmp_path: Path, display: str) -> None:
    pytest.importorskip("napari")
    stack = np.arange(2 * 20 * 30, dtype=np.uint16).reshape(2, 20, 30)
    write_ome_zarr(open_image(stack, dims="CYX"), tmp_path / "a.ome.zarr")
    write_harmony(PlateSpec(wells=((0, 0),), Z=2), tmp_path / "plate")
    (tmp_path / "series").mkdir()
    for t in range(3):
        write(TiffSpec((ImageSpec(Y=20, X=30),)), tmp_path / "series", f"t{t}.tif")
    plate = open_image(tmp_path / "plate")
    folders = [os.fspath(tmp_path / name) for name in ("a.ome.zarr", "plate", "series")]
    done = run_on_screen(display, DROP, *folders)
    found = [line for line in done.stdout.splitlines() if line.startswith("dropped")]
    if not found and "xcb" in done.stderr:
        pytest.skip(f"Qt has no screen here: {done.stderr[-200:]}")
    of_plate = (plate.dims.Z, plate.dims.Y, plate.dims.X)  # one time, and a layer a channel
    assert plate.dims.T == 1
    assert found == [
        "dropped a.ome.zarr (20, 30) (20, 30)",
        " ".join(["dropped plate", *[str(of_plate)] * len(plate.channels)]),
        "dropped series (3, 20, 30)",
    ], done.stderr[-2000:]
