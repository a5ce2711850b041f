"""Fields of the headers of DeltaVision and MRC files. Judges: the packages mrc and mrcfile."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import metadata, ome_metadata, open_image, provenance
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
