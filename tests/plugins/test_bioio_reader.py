"""The reader of bioio, by bioio's own objects and the base tests that it ships."""

import importlib.metadata
import os
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
import pytest

from aicsio import open_image, select_level, to_numpy, transpose_to
from aicsio.testing import ImageSpec, TiffSpec, pixels, write
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.plates import PlateSpec, write_plate

pytest.importorskip("bioio_base")

import bioio_base.exceptions
import bioio_base.test_utilities as base_tests

from aicsio.plugins.bioio import AicsioReader, ReaderMetadata

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

SPEC = TiffSpec(
    (
        ImageSpec(T=2, C=2, Z=3, Y=40, X=50, channel_names=("DAPI", "GFP")),
        ImageSpec(C=3, Y=20, X=30, seed=1),
    )
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(SPEC, tmp_path)


@pytest.fixture
def mosaic(tmp_path: Path) -> Path:
    where = tmp_path / "mosaic.czi"
    image = np.random.default_rng(0).integers(0, 999, (2, 3, 100, 120), np.uint16)
    xml = metadata_xml(channels=["a", "b"], pixel_size={"X": 0.5, "Y": 0.25, "Z": 2.0})
    write_czi(where, blocks_of(image, "CZYX", tile=(50, 60), levels=2), xml)
    return where


@pytest.fixture
def bioio() -> Any:
    found = pytest.importorskip("bioio")
    if "aicsio" not in importlib.metadata.entry_points(group="bioio.readers").names:
        pytest.skip("the package is not installed with its entry points")
    return found


def test_the_base_tests_of_bioio_pass(path: Path) -> None:
    import ome_types

    base_tests.run_image_file_checks(
        ImageContainer=AicsioReader,
        image=os.fspath(path),
        set_scene="Image:0",
        expected_scenes=("Image:0", "Image:1"),
        expected_current_scene="Image:0",
        expected_shape=(2, 2, 3, 40, 50),
        expected_dtype=np.dtype(np.uint16),
        expected_dims_order="TCZYX",
        expected_channel_names=["DAPI", "GFP"],
        expected_physical_pixel_sizes=(None, None, None),
        expected_metadata_type=ome_types.OME,
        reader_kwargs={},
    )


def test_the_base_tests_of_levels_pass(mosaic: Path) -> None:
    base_tests.run_image_file_checks(
        ImageContainer=AicsioReader,
        image=os.fspath(mosaic),
        set_scene="Image:0",
        expected_scenes=("Image:0",),
        expected_current_scene="Image:0",
        expected_shape=(2, 3, 50, 60),
        expected_dtype=np.dtype(np.uint16),
        expected_dims_order="CZYX",
        expected_channel_names=["a", "b"],
        expected_physical_pixel_sizes=(2.0, 0.5, 1.0),
        expected_metadata_type=Element,
        set_resolution_level=1,
        expected_current_resolution_level=1,
        expected_resolution_levels=(0, 1),
        reader_kwargs={},
    )


def test_the_base_tests_of_scenes_pass(path: Path) -> None:
    base_tests.run_multi_scene_image_read_checks(
        ImageContainer=AicsioReader,
        image=os.fspath(path),
        first_scene_id="Image:0",
        first_scene_shape=(2, 2, 3, 40, 50),
        first_scene_dtype=np.dtype(np.uint16),
        second_scene_id=1,
        second_scene_shape=(1, 3, 1, 20, 30),
        second_scene_dtype=np.dtype(np.uint16),
        allow_same_scene_data=False,
        reader_kwargs={},
    )


def test_the_base_tests_of_mosaics_pass(mosaic: Path) -> None:
    class Stitched(AicsioReader):
        """Opens the stitched image, to compare."""

        def _open(self, mosaic: Any) -> Any:
            del mosaic
            return open_image(self._name)

    base_tests.run_reader_mosaic_checks(
        AicsioReader(mosaic), Stitched(mosaic), "Image:0", "Image:0"
    )


def test_an_image_is_found_by_its_suffix(bioio: Any, path: Path, mosaic: Path) -> None:
    for one in (path, mosaic):
        image = bioio.BioImage(one)
        assert isinstance(image.reader, AicsioReader)
    assert bioio.BioImage(path).dims.order == "TCZYX"
    assert np.array_equal(bioio.BioImage(path).data, pixels(SPEC.images[0]))
    assert np.array_equal(bioio.BioImage(mosaic).data[0], to_numpy(open_image(mosaic)))


def test_a_folder_is_an_image(bioio: Any, tmp_path: Path) -> None:
    spec = PlateSpec(wells=((0, 0), (1, 2)), fields=1, T=1, C=2, Z=1, Y=32, X=40)
    write_plate(spec, "harmony", tmp_path / "plate")
    image = bioio.BioImage(tmp_path / "plate")
    assert isinstance(image.reader, AicsioReader)
    assert image.scenes == ("A1-1", "B3-1")


def test_a_reader_that_is_named_reads(bioio: Any, path: Path) -> None:
    image = bioio.BioImage(path, reader=AicsioReader)
    expected = to_numpy(transpose_to(open_image(path), "ZYX", T=1, C=1))
    assert np.array_equal(image.get_image_data("ZYX", T=1, C=1), expected)
    assert np.array_equal(image.get_image_dask_data("ZYX", T=1, C=1), expected)
    image.set_scene("Image:1")
    assert image.shape == (1, 3, 1, 20, 30)


@pytest.mark.parametrize(
    ("order", "picks"),
    [
        ("ZYX", {"T": 1, "C": 0}),
        ("CYX", {"T": 0, "Z": 2}),
        ("XZ", {"T": 0, "C": 1, "Y": 7}),
        ("TZYX", {"C": 1, "T": [1, 0]}),
        ("ZYX", {"T": 0, "C": 1, "Z": slice(0, 3, 2)}),
        ("YX", {"T": 0, "C": 1, "Z": 0, "Y": range(3, 9)}),
    ],
)
def test_a_part_is_read_alone_and_equals_that_of_the_whole(
    path: Path, order: str, picks: dict[str, Any]
) -> None:
    reader, whole = AicsioReader(path), AicsioReader(path)
    assert whole.data.shape == (2, 2, 3, 40, 50)
    assert np.array_equal(
        reader.get_image_data(order, **picks), whole.get_image_data(order, **picks)
    )
    assert reader._xarray_data is None


def test_levels_of_a_mosaic_are_stitched(mosaic: Path) -> None:
    reader = AicsioReader(mosaic)
    assert (reader.dims.order, reader.dims.M, reader.mosaic_tile_dims.Y) == ("MCZYX", 4, 50)
    assert reader.get_mosaic_tile_positions() == [(0, 0), (0, 60), (50, 0), (50, 60)]
    assert reader.get_mosaic_tile_position(3) == (50, 60)
    assert reader.resolution_level_dims == {0: (4, 2, 3, 50, 60), 1: (2, 3, 50, 60)}
    reader.set_resolution_level(1)
    assert np.array_equal(reader.data, to_numpy(select_level(open_image(mosaic), 1)))
    assert reader.physical_pixel_sizes == (2.0, 0.5, 1.0)
    with pytest.raises(bioio_base.exceptions.UnexpectedShapeError):
        reader.get_mosaic_tile_positions()


def test_units_are_those_of_the_shared_registry(mosaic: Path) -> None:
    units = bioio_base.types.ureg
    properties = AicsioReader(mosaic).dimension_properties
    assert properties.Z.unit == units.Unit("micrometer")
    assert (properties.X.type, properties.T.type, properties.C.type) == ("space", None, "channel")
    assert properties.T.unit is None
    assert AicsioReader(mosaic).scale.Z == 2.0


def test_chunks_are_as_requested(path: Path) -> None:
    assert AicsioReader(path, chunk_dims=["Z"]).dask_data.chunksize == (1, 1, 3, 40, 50)
    assert AicsioReader(path, chunk_dims="T").dask_data.chunksize == (2, 1, 1, 40, 50)


def test_what_no_format_takes_is_declined_as_bioio_expects(tmp_path: Path) -> None:
    (tmp_path / "a.czi").write_bytes(b"no image at all")
    with pytest.raises(bioio_base.exceptions.UnsupportedFileFormatError, match="no format"):
        AicsioReader.is_supported_image(tmp_path / "a.czi")
    with pytest.raises(bioio_base.exceptions.UnsupportedFileFormatError):
        AicsioReader(tmp_path / "a.czi")
    with pytest.raises(FileNotFoundError):
        AicsioReader(tmp_path / "missing.czi")
    assert not AicsioReader.is_supported_image(np.zeros((4, 4)))


def test_suffixes_begin_with_a_point() -> None:
    suffixes = ReaderMetadata.get_supported_extensions()
    assert {".czi", ".lif", ".zarr", ".nd2"} <= set(suffixes)
    assert all(suffix.startswith(".") for suffix in suffixes)
    assert ReaderMetadata.get_reader() is AicsioReader
    assert ReaderMetadata.supports_directory_images()


def test_the_distribution_names_bioio_base_once() -> None:
    """bioio counts the requirements that begin with this name, and stops at any number but one."""
    requirements = importlib.metadata.requires("aicsio") or []
    named = [one for one in requirements if one.startswith("bioio-base")]
    if not named:
        pytest.skip("the package is not installed with its extras")
    assert len(named) == 1
