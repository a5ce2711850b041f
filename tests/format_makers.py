"""The smallest file of every format of the table. Nothing here is a test."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aicsio import open_image, write_ome_zarr
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing.czi import blocks_of, write_czi
from aicsio.testing.dicom import DicomImage, write_dicom
from aicsio.testing.ims import ImsImage, write_ims
from aicsio.testing.lif import LifImage, write_lif
from aicsio.testing.mirax import MiraxImage, write_mirax
from aicsio.testing.mrc import MrcImage, write_mrc
from aicsio.testing.nd2 import Nd2Image, write_nd2
from aicsio.testing.oif import OifImage, write_oif
from aicsio.testing.oir import OirImage, write_oir
from aicsio.testing.plates import WRITERS, PlateSpec, write_plate
from aicsio.testing.raw_blocks import RawBlockImage, write_raw_block
from aicsio.testing.spe import SpeImage, write_spe
from aicsio.testing.vsi import VsiImage, write_vsi
from aicsio.testing.xlef import XlefImage, write_xlef

PIXELS = np.random.default_rng(0).integers(0, 60000, (2, 3, 9, 12)).astype(np.uint16)


def make_czi(folder: Path) -> Path:
    path = folder / "made.czi"
    write_czi(path, blocks_of(PIXELS, "CZYX", tile=(5, 7), levels=2, compression="zstd1"))
    return path


def make_lif(folder: Path) -> Path:
    path = folder / "made.lif"
    write_lif(path, [LifImage(PIXELS, "CZYX", "a"), LifImage(PIXELS[0], "ZYX", "a")])
    return path


def make_ome_tiff(folder: Path) -> Path:
    return write(TiffSpec((ImageSpec(C=2, Z=3, Y=8, X=9),), tile=(16, 16)), folder)


def make_tiff(folder: Path) -> Path:
    return write(TiffSpec((ImageSpec(Z=3, Y=8, X=9),), flavour="plain"), folder)


def make_nd2(folder: Path) -> Path:
    path = folder / "made.nd2"
    write_nd2(Nd2Image(PIXELS, "TCYX", compressed=True), path)
    return path


def make_mrc(folder: Path) -> Path:
    path = folder / "made.dv"
    write_mrc(MrcImage(PIXELS[:, None].view(np.int16), "CTZYX"), path)
    return path


def make_xlef(folder: Path) -> Path:
    return write_xlef(folder / "made", [XlefImage(LifImage(PIXELS, "CZYX", "a"))])


def make_ims(folder: Path) -> Path:
    pytest.importorskip("h5py")
    image = ImsImage(PIXELS, "CZYX", levels=2, filters=("shuffle", "gzip"))
    return write_ims(image, folder / "made.ims")


def make_dicom(folder: Path) -> Path:
    image = DicomImage(PIXELS, "CZYX", tile=(5, 7), levels=2, compression="rle")
    return write_dicom(image, folder / "made")


def make_raw_block(name: str, folder: Path) -> Path:
    image = RawBlockImage(PIXELS[0], "ZYX")
    return write_raw_block(image, folder / name)


def make_spe(folder: Path) -> Path:
    return write_spe(SpeImage(tuple(PIXELS[:, 1:])), folder / "made.spe")


def make_zarr(folder: Path) -> Path:
    write_ome_zarr(open_image(PIXELS, dims="CZYX"), folder / "made.zarr")
    return folder / "made.zarr"


def make_oib(folder: Path) -> Path:
    return write_oif(OifImage(PIXELS, "ZCYX"), folder / "made.oib")


def make_oir(folder: Path) -> Path:
    return write_oir(OirImage(PIXELS, "ZCYX"), folder / "made.oir")


def make_vsi(folder: Path) -> Path:
    return write_vsi(VsiImage(PIXELS, "ZCYX", tile=(5, 7), levels=2), folder / "made.vsi")


def make_mirax(folder: Path) -> Path:
    photos = np.random.default_rng(0).integers(0, 250, (2, 2, 12, 16, 3)).astype(np.uint8)
    image = MiraxImage(photos, overlap=(2, 4), levels=3, pictures=("label",))
    return write_mirax(image, folder / "made.mrxs")


def make_plate(kind: str, folder: Path) -> Path:
    return write_plate(PlateSpec(wells=((0, 0),), Z=2), kind, folder)


MAKERS: dict[str, Callable[[Path], Path]] = {
    "czi": make_czi,
    "lif": make_lif,
    "xlef": make_xlef,
    "ome-tiff": make_ome_tiff,
    "tiff": make_tiff,
    "nd2": make_nd2,
    "mrc": make_mrc,
    "ims": make_ims,
    "dicom": make_dicom,
    "ics": functools.partial(make_raw_block, "made.ics"),
    "nrrd": functools.partial(make_raw_block, "made.nrrd"),
    "biorad-pic": functools.partial(make_raw_block, "made.pic"),
    "spe": make_spe,
    "ome-zarr": make_zarr,
    "mirax": make_mirax,
    "oif": make_oib,
    "oir": make_oir,
    "vsi": make_vsi,
    **{kind: functools.partial(make_plate, kind) for kind in WRITERS},
}
