"""Fields of the headers of DeltaVision and MRC files. Judges: the packages mrc and mrcfile."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import (
    PixelSize,
    metadata,
    ome_metadata,
    open_image,
    plane_table,
    provenance,
    to_numpy,
)
from support import corpus_file


def test_fields_of_deltavision_are_those_of_the_package_mrc() -> None:
    mrc: Any = pytest.importorskip("mrc")
    path = corpus_file("dv/otf.dv")
    with mrc.DVFile(path) as file:
        theirs = file.hdr
    ours: Any = metadata(open_image(path))
    names = {
        "nx": "width", "ny": "height", "nz": "n_sections", "mode": "pixel_type", "xlen": "dx",
        "ylen": "dy", "lensNum": "lens_num", "nTimes": "nt", "imgSequence": "img_seq",
        "nWaves": "nc", "wave1": "wave1", "nint": "n_ints", "nreal": "n_floats", "amean": "mean",
        "type": "img_type", "z0": "z0", "nTitles": "ntiles",
    }  # fmt: skip
    for name, other in names.items():
        assert ours[name] == getattr(theirs, other), name
    ome: Any = ome_metadata(open_image(path))
    (annotation,) = ome.structured_annotations
    assert {one.k: one.value for one in annotation.value.ms} == {"lensNum": "10612"}
    assert provenance(open_image(path))["channels[0].emission"] == "dv:header/wave"


@pytest.mark.parametrize(
    "axes", [(1, 2, 3), (3, 1, 2), (2, 1, 3), (2, 3, 1), (1, 3, 2), (3, 2, 1), (0, 0, 0), (1, 1, 3)]
)
def test_sizes_follow_the_axes_of_the_map(axes: tuple[int, int, int], tmp_path: Path) -> None:
    """MRC2014: MAPC, MAPR and MAPS; as in EMD-3001 inside of the package mrcfile, whose columns are Z."""
    mrcfile = pytest.importorskip("mrcfile")
    path = tmp_path / "a.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
        header = file.header
        header.mapc, header.mapr, header.maps = axes
        header.mx, header.my, header.mz = 10, 10, 10
        header.cella.x, header.cella.y, header.cella.z = 1e5, 2e5, 3e5
    handle = open_image(path)
    known = axes if sorted(axes) == [1, 2, 3] else (1, 2, 3)
    x, y, z = (float(axis) for axis in known)
    assert handle.pixel_size == PixelSize(z, y, x)
    codes = [note.code for note in handle.diagnostics]
    assert codes == ([] if known == (1, 2, 3) else ["mrc-axes"])
    assert to_numpy(handle).ravel().tolist() == list(range(24))


@pytest.mark.parametrize("kind", ["FEI1", "FEI2"])
def test_sections_of_electron_microscopes(kind: str, tmp_path: Path) -> None:
    dtypes: Any = pytest.importorskip("mrcfile.dtypes")
    path = write_fei(tmp_path / "a.mrc", dtypes.get_ext_header_dtype(kind.encode()), kind)
    handle = open_image(path)
    assert handle.scene.acquired == "2020-11-03T17:36:06.000"
    planes = handle.scene.planes
    assert planes is not None
    columns: Any = {name: planes.column(name) for name in ("time", "exposure", "x", "y", "z")}
    assert columns["time"].tolist() == pytest.approx([0.0, 60.0, 120.0], abs=1e-3)
    assert columns["exposure"].tolist() == [1.5, 1.5, 1.5]
    assert columns["x"].tolist() == pytest.approx([-640.0, -639.0, -638.0])
    assert planes.y is None
    assert columns["z"].tolist() == pytest.approx([80.0] * 3)
    table = plane_table(handle)
    assert (table["acquired"][2] - table["acquired"][0]).astype(int) == pytest.approx(
        120e6, abs=1e3
    )
    ome: Any = ome_metadata(handle)
    (annotation,) = ome.structured_annotations
    pairs = {one.k: one.value for one in annotation.value.ms}
    assert pairs == {"exttyp": kind, "D-Number": "3772", "HT": "300000.0"}
    assert provenance(handle)["planes.exposure"] == "mrc:FEI/Integration time"


def write_fei(path: Path, fields: Any, kind: str) -> Path:
    """Write three sections whose records have all fields that the masks call valid, and others."""
    mrcfile: Any = pytest.importorskip("mrcfile")
    records = np.zeros(3, fields)
    records["Metadata size"] = fields.itemsize
    # Bits of Timestamp, D-Number, HT, X-Stage and Z-Stage; of Integration time.
    records["Bitmask 1"] = 1 | 1 << 2 | 1 << 5 | 1 << 9 | 1 << 11
    records["Bitmask 2"] = 1 << 16
    records["Timestamp"] = 44138.73340278 + np.arange(3) / 1440
    records["D-Number"], records["HT"], records["Alpha tilt"] = b"3772", 300e3, 12.0
    records["X-Stage"] = (np.arange(3) - 640) * 1e-6
    records["Y-Stage"], records["Z-Stage"] = 5.0, 80e-6
    records["Integration time"] = 1.5
    with mrcfile.new(path) as file:
        file.set_data(np.zeros((3, 4, 5), np.int16))
        file.header.ispg = 0
        file.set_extended_header(records)
        file.header.exttyp = kind.encode()
    return path


def test_times_count_from_the_first_record_that_has_one(tmp_path: Path) -> None:
    """Bit 0 of the first mask states whether the timestamp is set (EPU MRC2014, FEI1)."""
    dtypes: Any = pytest.importorskip("mrcfile.dtypes")
    data = bytearray(
        write_fei(tmp_path / "a.mrc", dtypes.get_ext_header_dtype(b"FEI1"), "FEI1").read_bytes()
    )
    data[1024 + 8] &= 0xFE
    planes = open_image(bytes(data)).scene.planes
    assert planes is not None
    times: Any = planes.column("time")
    assert np.isnan(times[0])
    assert times[1:].tolist() == pytest.approx([0.0, 60.0], abs=1e-3)


def test_damaged_records_of_electron_microscopes_leave_the_image(tmp_path: Path) -> None:
    dtypes: Any = pytest.importorskip("mrcfile.dtypes")
    path = write_fei(tmp_path / "a.mrc", dtypes.get_ext_header_dtype(b"FEI1"), "FEI1")
    data = bytearray(path.read_bytes())
    data[1024 + 768] ^= 1
    assert open_image(bytes(data)).scene.planes is None
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(path.read_bytes())
        damaged[1032 + rng.integers(2300)] = rng.integers(256)
        assert to_numpy(open_image(bytes(damaged))).shape == (3, 4, 5)


def test_fields_of_mrc_are_those_of_mrcfile(tmp_path: Path) -> None:
    mrcfile = pytest.importorskip("mrcfile")
    path = tmp_path / "a.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
        file.voxel_size = 2.5
        file.header.origin.x = 7
        file.add_label("tomogram of a cell")
        names = ("nx", "ny", "nz", "mode", "mx", "ispg", "nversion")
        expected = {name: int(file.header[name]) for name in names}
    ours: Any = metadata(open_image(path))
    assert {name: ours[name] for name in names} == expected
    assert ours["xorigin"] == 7.0
    assert "tomogram of a cell" in ours["labels"][-1]
    described = ome_metadata(open_image(path)).images[0].description
    assert "tomogram of a cell" in (described or "")
    assert provenance(open_image(path))["pixel_size.X"] == "mrc:header/cella"
