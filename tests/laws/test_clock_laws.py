"""One clock for the planes of any file: record, table, OME and xarray show the same seconds.

Strategies of every format draw the files; those of CZI and LIF get times here, which their strategies
do not draw. The files of microscopes follow.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aicsio import Dims, ImageHandle, Planes, open_image, plane_table, select_scene
from aicsio.testing import laws, strategies, write
from aicsio.testing.czi import Block, time_stamps, write_czi
from aicsio.testing.dicom import write_dicom
from aicsio.testing.ims import write_ims
from aicsio.testing.lif import LifImage, write_lif
from aicsio.testing.mirax import write_mirax
from aicsio.testing.mrc import write_mrc
from aicsio.testing.nd2 import write_nd2
from aicsio.testing.oif import write_oif
from aicsio.testing.oir import write_oir
from aicsio.testing.plates import WRITERS, write_plate
from aicsio.testing.raw_blocks import write_raw_block
from aicsio.testing.vsi import write_vsi
from aicsio.testing.xlef import write_xlef
from aicsio.testing.zarr import write_zarr
from support import corpus_file, corpus_names

Drawn = st.SearchStrategy[Any]
Writer = Callable[[Any, Path], Any]
FORMATS: dict[str, tuple[Drawn, Writer]] = {
    "dicom": (strategies.dicom_images(), write_dicom),
    "ims": (strategies.ims_images(), lambda one, folder: write_ims(one, folder / "a.ims")),
    "lif": (strategies.lif_images(), lambda one, folder: write_lif(folder / "a.lif", [one])),
    "mirax": (strategies.mirax_images(), lambda one, folder: write_mirax(one, folder / "a.mrxs")),
    "mrc": (strategies.mrc_images(), lambda one, folder: write_mrc(one, folder / "a.dv")),
    "nd2": (strategies.nd2_images(), lambda one, folder: write_nd2(one, folder / "a.nd2")),
    "oif": (strategies.oif_images(), lambda one, folder: write_oif(one, folder / "a.oib")),
    "oir": (strategies.oir_images(), lambda one, folder: write_oir(one, folder / "a.oir")),
    "ome-tiff": (strategies.tiff_specs(), write),
    "tiff": (strategies.tiff_specs(flavours=["imagej", "plain"]), write),
    "vsi": (strategies.vsi_images(), lambda one, folder: write_vsi(one, folder / "a.vsi")),
    "xlef": (strategies.xlef_images(), lambda one, folder: write_xlef(folder / "P", [one])),
    "ome-zarr": (strategies.zarr_specs(), write_zarr),
}
for suffix in ("ics", "nrrd", "pic"):
    FORMATS[suffix] = (
        strategies.raw_block_images(suffix),
        lambda one, folder, suffix=suffix: write_raw_block(one, folder / f"a.{suffix}"),  # type: ignore[misc]
    )
for kind in WRITERS:
    FORMATS[kind] = (
        strategies.plate_specs(),
        lambda one, folder, kind=kind: write_plate(one, kind, folder),  # type: ignore[misc]
    )


def check_scenes(whole: ImageHandle) -> None:
    for index, scene in enumerate(whole.scenes):
        if scene.levels:
            laws.planes_have_one_clock(select_scene(whole, index))


# A third of the profile's examples: 25 formats share them.
@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=settings().max_examples // 3)
@given(data=st.data())
def test_any_file_has_one_clock(name: str, data: st.DataObject) -> None:
    drawn, write_file = FORMATS[name]
    with tempfile.TemporaryDirectory() as folder:
        check_scenes(open_image(write_file(data.draw(drawn), Path(folder))))


def test_the_law_can_be_broken() -> None:
    handle = open_image(np.zeros((2, 4, 5), np.uint8), dims="TYX")
    planes = Planes(Dims("T", (2,)), time=np.array([1.0, 2.0]).tobytes())
    scene = attrs.evolve(handle.scene, planes=planes)
    late = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    with pytest.raises(AssertionError, match="the first plane is at 0 s"):
        laws.planes_have_one_clock(late)


TIMES = st.lists(st.integers(0, 10**7).map(lambda n: n / 1024), min_size=1, max_size=5)
"""Seconds; 1024ths are the same in binary and in seven decimal digits."""


@given(TIMES, st.integers(1, 2), st.integers(0, 10**6), st.booleans())
def test_any_times_of_a_czi_are_one_clock(
    steps: list[float], channels: int, origin: int, has_subblocks: bool
) -> None:
    stamps = np.cumsum(steps) + origin
    blocks = []
    for t, seconds in enumerate(stamps):
        for c in range(channels):
            moment = np.datetime64("2024-05-06T07:08:00") + np.timedelta64(
                round(seconds * 1e6) + c, "us"
            )
            text = (
                f"<METADATA><Tags><AcquisitionTime>{moment}0Z</AcquisitionTime></Tags></METADATA>"
            )
            blocks.append(
                Block(
                    np.zeros((4, 5), np.uint8),
                    {"T": t, "C": c, "Y": 0, "X": 0},
                    metadata=text.encode() if has_subblocks else b"",
                )
            )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.czi")
        document = "<ImageDocument><Metadata/></ImageDocument>"
        write_czi(path, blocks, document, [time_stamps(stamps.tolist())])
        handle = open_image(path)
        laws.planes_have_one_clock(handle)
        first = plane_table(handle)["time"].reshape(len(stamps), channels)[:, 0]
        assert first == pytest.approx(stamps - stamps[0], abs=2e-6)


@given(TIMES, st.integers(1, 2), st.integers(0, 10**6))
def test_any_times_of_a_lif_are_one_clock(steps: list[float], channels: int, origin: int) -> None:
    stamps = np.cumsum(steps) + origin
    pixels = np.zeros((len(steps), channels, 4, 5), np.uint8)
    image = LifImage(pixels, "TCYX", "a", times=tuple(stamps.tolist()))
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_lif(Path(folder, "a.lif"), [image]))
        laws.planes_have_one_clock(handle)


NAMES = [
    name
    for name in corpus_names(
        "ometiff", "lsm", "ndtiff", "nd2", "dv", "tiff/cellprofiler", "imageio"
    )
    if name.lower().endswith((".tif", ".tiff", ".lsm", ".nd2", ".dv", ".gif", ".mp4"))
]


@pytest.mark.parametrize("name", NAMES)
def test_real_files_have_one_clock(name: str) -> None:
    check_scenes(open_image(corpus_file(name)))
