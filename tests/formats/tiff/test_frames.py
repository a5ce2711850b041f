"""Facts that each page keeps: right values are those of the texts of the pages, as tifffile reads them."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from aicsio import open_image
from aicsio.planes import read_planes
from support import corpus_file

PIXELS = np.zeros((6, 8), np.uint16)
SCANIMAGE = "SI.hChannels.channelSave = [1;2]\nSI.hStackManager.framesPerSlice = 2\n"


def write_pages(path: Path, pages: list[dict[str, Any]]) -> Path:
    """A TIFF of one page for each set of options of tifffile."""
    with tifffile.TiffWriter(path / "a.tif") as tif:
        for page in pages:
            tif.write(PIXELS, metadata=None, contiguous=False, **page)
    return path / "a.tif"


def test_stamps_of_scanimage_count_from_the_first_frame(tmp_path: Path) -> None:
    stamps = (7.5, 7.5, 7.75, 7.75)
    path = write_pages(
        tmp_path,
        [
            {"software": SCANIMAGE, "description": f"frameTimestamps_sec = {stamp}"}
            for stamp in stamps
        ],
    )
    planes = read_planes(open_image(path))
    assert planes is not None
    assert str(planes.dims) == "T=2, C=2"
    time = planes.column("time")
    assert time is not None
    assert time.tolist() == [[0.0, 0.0], [0.25, 0.25]]
    # Opening reads no page but the first.
    assert open_image(path).scene.planes is None


def test_a_page_without_a_stamp_is_missing(tmp_path: Path) -> None:
    texts = ("frameTimestamps_sec = 1", "", "frameTimestamps_sec = x", "frameTimestamps_sec = 3")
    path = write_pages(
        tmp_path, [{"software": SCANIMAGE, "description": f"frame\n{text}"} for text in texts]
    )
    planes = read_planes(open_image(path))
    assert planes is not None
    time = planes.column("time")
    assert time is not None
    assert time.ravel() == pytest.approx([0.0, np.nan, np.nan, 2.0], nan_ok=True)


def test_a_plain_tiff_has_the_facts_of_its_scene(tmp_path: Path) -> None:
    path = write_pages(tmp_path, [{}, {}, {}])
    assert read_planes(open_image(path)) is None


def test_a_real_recording_of_scanimage() -> None:
    path = corpus_file("tiff/image-tiff/images/ScanImageBigTIFFv57.tif")
    with tifffile.TiffFile(path) as tif:
        pages: Any = list(tif.pages)
        stamps = [
            float(re.findall(r"frameTimestamps_sec = (\S+)", p.description)[0]) for p in pages
        ]
    planes = read_planes(open_image(path))
    assert planes is not None
    time = planes.column("time")
    assert time is not None
    assert time.ravel().tolist() == pytest.approx(stamps)
    assert time.max() == pytest.approx(0.00504275)


@pytest.mark.parametrize(
    "name",
    [
        "ndtiff/v3/12_bit_pycromanager_mda/12_bit_pycromanager_mda_NDTiffStack.tif",
        "ndtiff/v3/labeled_positions_1/labeled_positions_NDTiffStack.tif",
    ],
)
def test_planes_of_micro_manager(name: str) -> None:
    path = corpus_file(name)
    with tifffile.TiffFile(path) as tif:
        pages: Any = list(tif.pages)
        texts = [page.tags[51123].value for page in pages]
    found = [text if isinstance(text, dict) else json.loads(text) for text in texts]
    elapsed = np.array([one["ElapsedTime-ms"] for one in found]) / 1000
    planes = read_planes(open_image(path))
    assert planes is not None
    time, exposure = planes.column("time"), planes.column("exposure")
    assert time is not None
    assert exposure is not None
    # Pages lie in the order of the acquisition, planes in that of the axes.
    assert sorted(time.ravel().tolist()) == pytest.approx(sorted(elapsed - elapsed.min()))
    assert set(exposure.ravel().tolist()) == {0.01}
