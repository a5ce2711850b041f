"""A bool is no number, in any option that takes one.

Source: docs/errors.md, "to Python a bool is an int, but as a position it is a mistake"; numpy, too, refuses its
own bool as an index (``operator.index(np.True_)`` is a TypeError).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    AICSImage,
    ArgumentTypeError,
    Channel,
    Dims,
    ImageHandle,
    PixelSize,
    Well,
    open_image,
    project,
    read_windows,
    statistics,
    thumbnail,
    to_dask,
    to_numpy,
    view,
    write_movie,
    write_ome_tiff,
    write_ome_zarr,
)

Call = Callable[[ImageHandle, Any, Path], object]
CALLS: dict[str, Call] = {
    "workers": lambda h, yes, _: to_numpy(h, workers=yes),
    "workers of project": lambda h, yes, _: project(h, "T", workers=yes),
    "chunks": lambda h, yes, _: to_dask(h, chunks=yes),
    "chunks by letter": lambda h, yes, _: to_dask(h, chunks={"T": yes}),
    "chunks of each": lambda h, yes, _: to_dask(h, chunks=(1, yes, 1)),
    "size of windows": lambda h, yes, _: read_windows(h, [(0, 0)], yes),
    "sizes of windows": lambda h, yes, _: read_windows(h, [(0, 0)], (1, yes)),
    "percentiles": lambda h, yes, _: statistics(h, percentiles=(yes,)),
    "thumbnail": lambda h, yes, _: thumbnail(h, yes),
    "contrast": lambda h, yes, _: thumbnail(h, contrast=(yes, 2)),
    "port": lambda h, yes, _: view(h, port=yes, browser=False),
    "time_step": lambda h, yes, path: write_ome_tiff(h, path / "a.ome.tif", time_step=yes),
    "levels": lambda h, yes, path: write_ome_tiff(h, path / "a.ome.tif", levels=yes),
    "tile": lambda h, yes, path: write_ome_tiff(h, path / "a.ome.tif", tile=(16, yes)),
    "color": lambda h, yes, path: write_ome_tiff(h, path / "a.ome.tif", channel_colors=[yes]),
    "chunks of a Zarr": lambda h, yes, path: write_ome_zarr(h, path / "a.ome.zarr", chunks=yes),
    "frames": lambda h, yes, path: write_movie(h, path / "a.gif", frames_per_second=yes),
    "PixelSize": lambda _h, yes, _: PixelSize(yes, 1, 1),
    "Channel": lambda _h, yes, _: Channel(emission=yes),
    "color of a Channel": lambda _h, yes, _: Channel(color=yes),
    "field of a Well": lambda _h, yes, _: Well("B", "3", field=yes),
    "Dims": lambda _h, yes, _: Dims("TC", (1, yes)),
    "physical_pixel_sizes": lambda _h, yes, _: AICSImage(
        np.eye(3), physical_pixel_sizes=(1, 1, yes)
    ),
}


@pytest.mark.parametrize("yes", [True, np.True_], ids=["bool", "numpy"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_bool_is_no_number(call: Call, yes: Any, tmp_path: Path) -> None:
    with pytest.raises(ArgumentTypeError, match=r"True|bool|physical_pixel_sizes"):
        call(open_image(np.zeros((3, 4, 5), np.uint8), dims="TYX"), yes, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_bool_fills_what_lies_outside() -> None:
    """Masks are bool: there ``fill=True`` is a pixel."""
    mask = open_image(np.zeros((4, 4), bool), dims="YX")
    assert read_windows(mask, [(-1, 0)], 2, outside="pad", fill=True).tolist() == [
        [[True, True], [False, False]]
    ]
