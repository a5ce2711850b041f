"""Opens a store in napari and saves a picture of the window, apart from the tests.

    python -m venv viewer && viewer/bin/pip install 'napari[pyqt6]' napari-ome-zarr
    xvfb-run -a -s '-screen 0 1400x1000x24' viewer/bin/python tests/zarr_stores/in_napari.py STORE PNG

Prints each layer as napari reads it: shapes of the levels, scale, translation, unit, contrast.
"""

import importlib
import sys
import time
from typing import Any

FRAMES = 60
"""Turns of the event loop until the canvas is drawn."""


def main(store: str, picture: str) -> None:
    """Open, print, save."""
    napari: Any = importlib.import_module("napari")
    viewer = napari.Viewer(show=True)
    for layer in viewer.open(store, plugin="napari-ome-zarr"):
        levels = layer.data if layer.multiscale else [layer.data]
        print(layer.name, type(layer).__name__, [level.shape for level in levels])
        print("  scale", layer.scale, "translate", layer.translate, "units", layer.units)
        print("  contrast", getattr(layer, "contrast_limits", None))
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.reset_view()
    application = importlib.import_module("qtpy.QtWidgets").QApplication
    for _ in range(FRAMES):
        application.processEvents()
        time.sleep(0.05)
    viewer.screenshot(picture, canvas_only=False, flash=False)
    viewer.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
