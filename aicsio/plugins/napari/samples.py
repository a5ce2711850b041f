"""Images of the menu "Open Sample": files made in memory by the generators of `testing` and by the
writers.

Rule kept here: a sample opens as the file of a user does, by its bytes. Nothing is left on disk.
"""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aicsio.opening import open_image
from aicsio.plugins.napari.layers import LayerTuple, to_layers
from aicsio.records import ImageHandle, PixelSize
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.lif import LifImage, build_lif
from aicsio.writers import write_ome_zarr

__all__ = ["cells_lif", "labels_ome_zarr", "mosaic_czi", "plate_ome_zarr", "sample_handle"]

Pixels = npt.NDArray[np.uint16]
Numbers = npt.NDArray[np.uint16]

SAMPLES = ("cells", "labels", "mosaic", "plate")
"""Names that ``sample_handle`` takes."""


def sample_handle(name: str) -> ImageHandle:
    """Make a sample and open it.

    Parameters
    ----------
    name
        One of ``SAMPLES``.

    Returns
    -------
    ImageHandle
        Of a file in memory.

    Examples
    --------
    >>> from aicsio.plugins.napari.samples import sample_handle
    >>> sample_handle("cells").dims
    Dims(order='TZCYX', shape=(3, 9, 2, 256, 256))
    """
    makers = {"cells": _cells, "labels": _labels, "mosaic": _mosaic, "plate": _plate}
    return makers[name]()


def mosaic_czi() -> list[LayerTuple]:
    """Make the layers of a CZI mosaic of 2 channels, 25 tiles and a pyramid.

    Returns
    -------
    list of tuple
        Layers for napari.

    Examples
    --------
    >>> from aicsio.plugins.napari.samples import mosaic_czi
    >>> [arguments["name"] for _, arguments, _ in mosaic_czi()]
    ['DAPI', 'GFP']
    """
    return to_layers(sample_handle("mosaic"))


def cells_lif() -> list[LayerTuple]:
    """Make the layers of a LIF of 3 times, 9 sections and 2 channels.

    Returns
    -------
    list of tuple
        Layers for napari.

    Examples
    --------
    >>> from aicsio.plugins.napari.samples import cells_lif
    >>> [data.shape for data, _, _ in cells_lif()]
    [(3, 9, 256, 256), (3, 9, 256, 256)]
    """
    return to_layers(sample_handle("cells"))


def labels_ome_zarr() -> list[LayerTuple]:
    """Make the layers of an OME-Zarr of one channel with labels.

    Returns
    -------
    list of tuple
        Layers for napari.

    Examples
    --------
    >>> from aicsio.plugins.napari.samples import labels_ome_zarr
    >>> [(arguments["name"], kind) for _, arguments, kind in labels_ome_zarr()]
    [('DAPI', 'image'), ('nuclei', 'labels')]
    """
    return to_layers(sample_handle("labels"))


def plate_ome_zarr() -> list[LayerTuple]:
    """Make the layers of the first well of an OME-Zarr plate of six.

    Returns
    -------
    list of tuple
        Layers for napari.

    Examples
    --------
    >>> from aicsio.plugins.napari.samples import plate_ome_zarr
    >>> len(plate_ome_zarr())
    2
    """
    return to_layers(sample_handle("plate"))


# ---------------------------------------------------------------- files


def _mosaic() -> ImageHandle:
    nuclei, membranes, _ = _draw(1024, 160, seed=3)
    xml = metadata_xml(channels=["DAPI", "GFP"], pixel_size={"X": 0.325, "Y": 0.325})
    file = io.BytesIO()
    blocks = blocks_of(np.stack([nuclei, membranes]), "CYX", tile=(224, 224), overlap=24, levels=3)
    write_czi(file, blocks, xml)
    return open_image(file.getvalue())


def _cells() -> ImageHandle:
    nuclei, membranes, _ = _draw(256, 24, seed=4)
    plane = np.stack([nuclei, membranes])
    # Brightest in the middle of the stack, and drifting by four pixels a time.
    focus = np.exp(-(((np.arange(9) - 4) / 2.5) ** 2)).reshape(9, 1, 1, 1)
    stack = [np.roll(100 + (plane - 100.0) * focus, 4 * time, axis=-1) for time in range(3)]
    image = LifImage(
        np.stack(stack).astype(np.uint16),
        "TZCYX",
        name="Cells",
        luts=("Blue", "Green"),
        dyes=("DAPI", "GFP"),
        # From the first position to the last.
        lengths={"X": 255 * 0.2e-6, "Y": 255 * 0.2e-6, "Z": 8 * 1e-6, "T": 2 * 30.0},
    )
    return open_image(build_lif([image]))


def _labels() -> ImageHandle:
    nuclei, _, numbers = _draw(512, 60, seed=5)
    size = PixelSize(Y=0.5, X=0.5)
    image = open_image(nuclei, dims="YX", pixel_size=size, channel_names=["DAPI"])
    labels = {"nuclei": open_image(numbers, dims="YX", pixel_size=size)}
    return _store([image], labels=labels)


def _plate() -> ImageHandle:
    wells = ["A1", "A2", "A3", "B1", "B2", "B3"]
    images = []
    for number in range(len(wells)):
        nuclei, membranes, _ = _draw(256, 8 + 6 * number, seed=number)
        pixels = np.stack([nuclei, membranes])
        size = PixelSize(Y=0.65, X=0.65)
        images.append(
            open_image(pixels, dims="CYX", channel_names=["DAPI", "GFP"], pixel_size=size)
        )
    return _store(images, plate=wells)


def _store(
    images: Sequence[ImageHandle],
    *,
    labels: dict[str, ImageHandle] | None = None,
    plate: Sequence[str] | None = None,
) -> ImageHandle:
    """Write an OME-Zarr archive and open it from memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.ozx"
        write_ome_zarr(images, path, labels=labels, plate=plate, sync=False)
        return open_image(path.read_bytes())


def _draw(side: int, count: int, *, seed: int) -> tuple[Pixels, Pixels, Numbers]:
    """Draw round cells over camera noise: nuclei, membranes, and the number of each nucleus."""
    rng = np.random.default_rng(seed)
    nuclei, membranes = np.zeros((2, side, side), np.float32)
    numbers = np.zeros((side, side), np.uint16)
    for number in range(1, count + 1):
        y, x = rng.uniform(0, side, 2)
        radius = rng.uniform(0.6, 1.3) * 14
        # Only the surroundings of a cell: whole planes for each of 160 cells take seconds.
        rows = np.arange(max(0, int(y - 2 * radius)), min(side, int(y + 2 * radius)))
        columns = np.arange(max(0, int(x - 2 * radius)), min(side, int(x + 2 * radius)))
        window = np.ix_(rows, columns)
        distance = np.hypot(rows[:, None] - y, columns - x) / radius
        nuclei[window] += 3000 * np.exp(-((distance / 0.7) ** 4))
        membranes[window] += 2000 * np.exp(-(((distance - 1) / 0.12) ** 2))
        numbers[window] = np.where(distance < 0.7, number, numbers[window])
    # 100 is the offset of a camera.
    noise = rng.poisson(100, (2, side, side))
    return (nuclei + noise[0]).astype(np.uint16), (membranes + noise[1]).astype(np.uint16), numbers
