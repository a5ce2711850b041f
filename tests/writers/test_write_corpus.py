"""Real files of every format are written with all that is known of them: the law ``read(write(x)) == x``.

All of ../shared/data were converted and compared so, and with Bio-Formats, libtiff and libvips; here are a few of
each kind.
"""

import re
from pathlib import Path

import pytest
import tifffile
from lxml import etree

from aicsio import (
    DimensionError,
    open_image,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_tiff,
    write_scenes,
)
from aicsio.planes import with_planes
from aicsio.writers import original_metadata
from round_trip import differences
from schema import SCHEMA
from support import corpus_file

FILES = [
    "czi/CD_s_1_t_3_c_2_z_5.czi",
    "czi/S=2_3x3_CH=2.czi",
    "czi/LSM880_AiryScan.czi",
    "czi/Fluorescence_RGB.czi",
    "lif/LeicaLASX_wavelength-sweep_example.lif",
    "lsm/test.lsm",
    "imageio/newtonscradle.gif",
    "tiff/skimage/multipage_rgb.tif",
    "tiff/image-tiff/images/palette-1c-4b.tiff",
    "tiff/sima/example.tif",
    "ometiff/aicsimageio/s_1_t_1_c_1_z_1.ome.tiff",
    "ometiff/bdp2-zlib/image--C00--T00000.ome.tif",
    "ometiff/exampletiffs/multiples/companion/multifile-Z1.ome.tiff",
    "ometiff/exampletiffs/multiples/multi_image_node/TSeries-camp-005_Cycle00001_Ch1_000001.ome.tif",
    "ometiff/ome-spec/2003-FC/Iron-Plate.ome.tiff",
    "ometiff/ome-spec/2008-02/single-channel.ome.tif",
    "ometiff/ome-spec/2009-09/6x4y1z1t1c8b-swatch-2s2p4w2ws.ome.tiff",
    "ometiff/ome-spec/2009-09/6x4y1z1t1c8b-swatch-instrument.ome.tiff",
    "ometiff/ome-spec/2009-09/6x4y1z1t3c8b-swatch-ROI.ome.tiff",
    "ometiff/ome-spec/2011-06/FLIM-modulo-sample.ome.tif",
    "ometiff/ome-spec/2013-06/set-1-meta-companion/18x24y5z1t1c8b-text-split-Z2.ome.tiff",
    "ometiff/prairie/TSeries-04142017-1215-1341_Cycle00001_Ch1_000082.ome.tif",
    "generated/bioformats/bf_plate_multiseries_pyr.ome.tiff",
    "generated/bioformats/plate/well_s1.ome.tiff",
]


@pytest.mark.parametrize("name", FILES)
def test_all_that_is_known_of_a_real_file_is_written(name: str, tmp_path: Path) -> None:
    source = open_image(corpus_file(name))
    found = [
        select_scene(source, index) for index, scene in enumerate(source.scenes) if scene.levels
    ]
    scenes = [scene for scene in found if scene.nbytes < 20_000_000][:4]
    report = write_scenes(
        scenes, tmp_path / "a.ome.tiff", modulo="auto", original_metadata=True, sync=False
    )
    read = open_image(report.path)
    assert not read.diagnostics
    assert read.metadata is not None
    SCHEMA.assertValid(etree.fromstring(read.metadata.encode()))
    assert len(read.scenes) == len(scenes)
    for index, scene in enumerate(scenes):
        # Writers keep the facts that lie with the pixels of each plane, too.
        assert differences(with_planes(scene), select_scene(read, index), report.not_kept) == []
    with tifffile.TiffFile(report.path) as tiff:
        assert len(tiff.series) == len(scenes)
        assert tiff.series[0].asarray().tobytes() == to_numpy(select_scene(read, 0)).tobytes()


def canonical(text: str) -> bytes:
    """The elements of a text; line breaks inside attributes are blanks, as any parser may make them."""
    root = etree.fromstring(re.sub(r"<\?xml.*?\?>", "", text))
    return re.sub(rb"(&#x[9AD];|\s)+", b" ", etree.tostring(root, method="c14n"))


@pytest.mark.parametrize(
    "name", ["czi/S=2_3x3_CH=2.czi", "lif/LeicaLASX_wavelength-sweep_example.lif"]
)
def test_the_metadata_of_the_maker_are_kept_when_asked(name: str, tmp_path: Path) -> None:
    source = open_image(corpus_file(name))
    first = select_scene(source, 0)
    picks = {letter: 0 for letter in first.dims if letter not in "YX"}  # one plane will do
    first = transpose_to(first, "YX", **picks)
    report = write_ome_tiff(first, tmp_path / "a.ome.tiff", original_metadata=True)
    assert not any("metadata text" in note.message for note in report.not_kept)
    (kept,) = original_metadata(open_image(report.path))
    assert source.metadata is not None
    one, two = (canonical(text) for text in (source.metadata, kept))
    assert one == two
    without = write_ome_tiff(first, tmp_path / "b.ome.tiff")
    assert any("original_metadata=True keeps it" in note.message for note in without.not_kept)
    assert original_metadata(open_image(without.path)) == ()


def test_what_ome_lacks_is_refused_unless_it_is_to_be_folded(tmp_path: Path) -> None:
    source = open_image(corpus_file("czi/LSM880_AiryScan.czi"))
    with pytest.raises(DimensionError, match=r"OME-TIFF has no H: .*modulo='auto'"):
        write_ome_tiff(source, tmp_path / "a.ome.tiff")
