"""Files of every format for a web server, larger than what opening fetches ahead, and one plane of each.

Nothing here is a test.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import tifffile

from aicsio import ImageHandle, open_image, to_numpy, transpose_to, write_ome_tiff, write_ome_zarr
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.dicom import DicomImage, write_dicom
from aicsio.testing.ims import ImsImage, write_ims
from aicsio.testing.lif import LifImage, build_lif, build_lof
from aicsio.testing.mirax import MiraxImage, write_mirax
from aicsio.testing.mrc import MrcImage, build_mrc
from aicsio.testing.nd2 import Nd2Image, build_nd2
from aicsio.testing.oif import OifImage, build_oib, write_oif
from aicsio.testing.oir import OirImage, build_oir
from aicsio.testing.plates import WRITERS, PlateSpec, write_plate
from aicsio.testing.plates.plane_files import tiff_bytes
from aicsio.testing.raw_blocks import RawBlockImage, write_raw_block
from aicsio.testing.spe import SpeImage, build_spe
from aicsio.testing.vsi import VsiImage, write_vsi
from aicsio.testing.xlef import XlefImage, write_xlef

PIXELS = np.random.default_rng(2).integers(0, 4000, (20, 2, 256, 240), np.uint16)
"""T, C, Y, X: 4.9 MB, more than any look ahead fetches."""
STACK = PIXELS[:, 0]
"""Z, Y, X."""
PLANE = {"T": 13, "C": 1}
SECTION = {"Z": 13}


@attrs.frozen(eq=False)
class RemoteFile:
    """A file, or a set of them, and the plane that is read."""

    write: Callable[[Path], Path]
    """Write it into a folder; return what is opened."""
    picks: dict[str, Any] = attrs.Factory(lambda: dict(PLANE))
    """The plane."""
    expected: Any = None
    """Its pixels; ``None`` for those of channel 1 at time 13."""

    def read(self, handle: ImageHandle) -> None:
        """Read the plane and compare it."""
        expected = PIXELS[13, 1] if self.expected is None else self.expected
        plane: Any = to_numpy(
            transpose_to(handle, handle.dims.order[-expected.ndim :], **self.picks)
        )
        np.testing.assert_array_equal(plane, expected)


def _named(name: str, build: Callable[[], bytes]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(build())
        return path

    return write


def _czi(folder: Path) -> Path:
    path = folder / "a.czi"
    write_czi(path, blocks_of(PIXELS, "TCYX"), metadata_xml(channels=["a", "b"]))
    return path


def _ome_tiff(folder: Path) -> Path:
    path = folder / "a.ome.tiff"
    write_ome_tiff(open_image(PIXELS, dims="TCYX"), path, tile=64)
    return path


def _directories_between(folder: Path) -> Path:
    path = folder / "a.ome.tif"
    axes = {"axes": "TCYX"}
    tifffile.imwrite(path, PIXELS, compression="zlib", metadata=axes, photometric="minisblack")
    return path


def _imagej(folder: Path) -> Path:
    path = folder / "a.tif"
    tifffile.imwrite(path, PIXELS[:, None], imagej=True, metadata={"axes": "TZCYX"})
    return path


SLIDE = np.random.default_rng(3).integers(0, 250, (2048, 2048, 3), np.uint8)
PHOTOS = np.random.default_rng(0).integers(0, 250, (12, 12, 96, 128, 3)).astype(np.uint8)


def _pyramid(folder: Path) -> Path:
    """Pixels of a slide, level by level, as scanners write them."""
    path, full = folder / "a.svs", SLIDE
    text = "Aperio Image Library v1\r\n2048x2048 |AppMag = 20|MPP = 0.5"
    how: Any = {"tile": (256, 256), "compression": "zlib", "photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(full, description=text, **how)
        tiff.write(full[::8, ::8], metadata=None, photometric="rgb")
        tiff.write(full[::4, ::4], description=text, **how)
        tiff.write(full[:40, :40], description="label", metadata=None, subfiletype=1)
    return path


def _dicom(folder: Path) -> Path:
    write_dicom(DicomImage(STACK, "ZYX", tile=(64, 48)), folder / "a")
    return next((folder / "a").rglob("*.dcm"))


def _mirax(folder: Path) -> Path:
    image = MiraxImage(PHOTOS, levels=3, pictures=("label",))
    return write_mirax(image, folder / "a.mrxs")


def _zarr(folder: Path) -> Path:
    write_ome_zarr(open_image(PIXELS, dims="TCYX"), folder / "a.zarr")
    return folder / "a.zarr"


def _xlef(folder: Path, **how: Any) -> Path:
    return write_xlef(folder / "a", [XlefImage(LifImage(PIXELS, "TCYX", "a"), **how)])


def _ims(folder: Path) -> Path:
    image = ImsImage(PIXELS[:, :, None], "TCZYX", levels=3, chunk=(1, 64, 64))
    return write_ims(image, folder / "a.ims")


PLATE = PlateSpec(wells=((0, 0), (1, 2)), fields=3, T=5, C=2, Y=256, X=240)


def _plate(kind: str) -> RemoteFile:
    number = next(place.number for place in PLATE.places() if place[3:6] == (0, 3, 1))

    def write(folder: Path) -> Path:
        index = write_plate(PLATE, kind, folder)
        # The folder of a URL cannot be listed: a position is opened by its own index.
        return min(index.rglob("metadata.txt")) if index.is_dir() else index

    return RemoteFile(write, {"T": 3, "C": 1}, PLATE.plane(number))


def _raw_block(suffix: str) -> RemoteFile:
    image = RawBlockImage(STACK, "ZYX")
    return RemoteFile(
        lambda folder: write_raw_block(image, folder / f"a{suffix}"), SECTION, STACK[13]
    )


FILES: dict[str, RemoteFile] = {
    "ome-tiff": RemoteFile(_ome_tiff),
    "tiff, directories between": RemoteFile(_directories_between),
    "tiff of imagej": RemoteFile(_imagej),
    "tiff, svs": RemoteFile(_pyramid, {}, SLIDE),
    "tiff, stk": RemoteFile(
        _named("a.stk", lambda: tiff_bytes(STACK, is_stk=True)), {"T": 13}, STACK[13]
    ),
    "czi": RemoteFile(_czi),
    "lif": RemoteFile(_named("a.lif", lambda: build_lif([LifImage(PIXELS, "TCYX")]))),
    "lof": RemoteFile(_named("a.lof", lambda: build_lof(LifImage(PIXELS, "TCYX")))),
    "xlef, lof": RemoteFile(lambda folder: _xlef(folder, stored="lof")),
    "xlef, tif": RemoteFile(lambda folder: _xlef(folder, stored="tif")),
    "nd2": RemoteFile(_named("a.nd2", lambda: build_nd2(Nd2Image(PIXELS, "TCYX")))),
    "nd2, zlib": RemoteFile(
        _named("a.nd2", lambda: build_nd2(Nd2Image(PIXELS, "TCYX", compressed=True)))
    ),
    "oib": RemoteFile(_named("a.oib", lambda: build_oib(OifImage(PIXELS, "TCYX")))),
    "oif": RemoteFile(lambda folder: write_oif(OifImage(PIXELS, "TCYX"), folder / "a.oif")),
    "oir": RemoteFile(_named("a.oir", lambda: build_oir(OirImage(PIXELS, "TCYX"))[0])),
    "vsi": RemoteFile(
        lambda folder: write_vsi(VsiImage(PIXELS, "TCYX", tile=(64, 64)), folder / "a.vsi")
    ),
    "dv": RemoteFile(_named("a.dv", lambda: build_mrc(MrcImage(PIXELS[:, :, None], "TCZYX")))),
    "ims": RemoteFile(_ims, {"T": 13, "C": 1, "Z": 0}),
    "dicom": RemoteFile(_dicom, SECTION, STACK[13]),
    "mirax": RemoteFile(_mirax, {"Y": range(96), "X": range(128)}, PHOTOS[0, 0]),
    "ics": _raw_block(".ics"),
    "nrrd": _raw_block(".nrrd"),
    "pic": _raw_block(".pic"),
    "spe": RemoteFile(_named("a.spe", lambda: build_spe(SpeImage((STACK,)))), {"T": 13}, STACK[13]),
    "ome-zarr": RemoteFile(_zarr),
    **{kind: _plate(kind) for kind in WRITERS},
}
