"""OME-Zarr metadata: accepted by models that we did not write, with coordinates of pixel centres."""

from typing import Any

import numpy as np
import pytest

from aicsio._ome import ngff
from aicsio.records import Channel, Dims, PixelSize

WINDOW = ngff.ContrastWindow(0, 65535, 10, 900)
DIMS = Dims("TCZYX", (3, 2, 5, 1001, 64))
SIZE = PixelSize(2.0, 0.5, 0.25)


def attributes(version: str) -> dict[str, Any]:
    """Attributes of an image of two levels."""
    spacings = ngff.known_spacings(SIZE, 30.0)
    levels = {
        str(level): [
            ngff.AxisTransform.of_level(spacings.get(letter, 1.0), factor)
            for letter, factor in zip(DIMS, factors, strict=True)
        ]
        for level, factors in enumerate([(1.0,) * 5, (1.0, 1.0, 1.0, 1001 / 501, 2.0)])
    }
    image = ngff.multiscale("cells", ngff.axes(DIMS.order, SIZE, 30.0), levels)
    channels = [Channel("DAPI", 0x0000FFFF), Channel()]
    shown = ngff.omero("cells", DIMS, channels, [WINDOW, WINDOW])
    return ngff.place_attributes({"multiscales": [image], "omero": shown}, version)


def test_a_pixel_of_a_level_lies_in_the_middle_of_those_that_it_covers() -> None:
    full = 0.5 * np.arange(12.0)
    transform = ngff.AxisTransform.of_level(0.5, 3.0)
    centres = transform.translation + transform.scale * np.arange(4)
    assert np.allclose(centres, full.reshape(4, 3).mean(axis=1))


def test_picked_positions_keep_their_coordinates() -> None:
    level = ngff.AxisTransform.of_level(0.5, 2.0)
    picked = ngff.AxisTransform.of_level(0.5, 2.0, start=9, step=-3)
    coordinates = level.translation + level.scale * np.arange(10)
    shown = picked.translation + picked.scale * np.arange(4)
    assert np.allclose(shown, coordinates[9::-3])


def test_full_resolution_has_no_translation() -> None:
    full, half = attributes("0.5")["ome"]["multiscales"][0]["datasets"]
    assert full["coordinateTransformations"] == [
        {"type": "scale", "scale": [30.0, 1.0, 2.0, 0.5, 0.25]}
    ]
    shift = half["coordinateTransformations"][1]["translation"]
    assert np.allclose(shift, [0, 0, 0, (1001 / 501 - 1) / 2 * 0.5, 0.125])


def test_unknown_sizes_have_no_unit() -> None:
    (z, y) = ngff.axes("ZY", PixelSize(Y=1.0), None)
    assert "unit" not in z
    assert y["unit"] == "micrometer"


def test_colours_and_names() -> None:
    plain = ngff.omero(
        "", Dims("CYX", (2, 4, 4)), [Channel("A", 0x12345678), Channel()], [WINDOW] * 2
    )
    assert [(c["label"], c["color"]) for c in plain["channels"]] == [
        ("A", "123456"),
        ("Channel:1", "00FF00"),
    ]
    samples = ngff.omero(
        "", Dims("CYX", (3, 4, 4)), [Channel("A", 0x12345678)] * 3, [WINDOW] * 3, is_rgb=True
    )
    assert [c["color"] for c in samples["channels"]] == ["FF0000", "00FF00", "0000FF"]


@pytest.mark.parametrize(("version", "module"), [("0.4", "v04"), ("0.5", "v05")])
def test_models_of_the_specification_accept_it(version: str, module: str) -> None:
    yaozarrs = pytest.importorskip("yaozarrs")
    model = getattr(yaozarrs, module).Image
    document = attributes(version)
    image = model.model_validate(document if version == "0.4" else document["ome"])
    assert [axis.name for axis in image.multiscales[0].axes] == list("tczyx")
    assert image.multiscales[0].datasets[1].coordinateTransformations[0].scale[-1] == 0.5
