"""Time and faults of metadata: linear in its amount, and never an error of another library."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from aicsio import ImageHandle, open_image, to_numpy, write_ome_tiff, write_scenes
from scaling import assert_linear
from support import takes_long

SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
OLD_SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2010-04"


def ome_tiff(path: Path, references: str, after: str, schema: str = SCHEMA) -> ImageHandle:
    """Write an OME-TIFF of one plane of 3 x 4 with tifffile, and open it."""
    text = (
        f"<OME xmlns='{schema}'><Image ID='Image:0'><Pixels ID='Pixels:0' DimensionOrder='XYCZT' "
        "Type='uint8' SizeX='4' SizeY='3' SizeZ='1' SizeC='1' SizeT='1'>"
        "<Channel ID='Channel:0:0' SamplesPerPixel='1'/><TiffData/></Pixels>"
        f"{references}</Image>{after}</OME>"
    )
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    tifffile.imwrite(path, pixels, description=text.encode(), metadata=None)
    handle = open_image(path)
    assert handle.format == "ome-tiff"
    return handle


def channels(count: int, folder: Path) -> ImageHandle:  # noqa: ARG001 - one signature for all
    return open_image(np.zeros((count, 2, 2), np.uint8), dims="CYX")


def annotations(count: int, folder: Path) -> ImageHandle:
    references = "".join(f"<AnnotationRef ID='Annotation:{i}'/>" for i in range(count))
    elements = "".join(
        f"<TagAnnotation ID='Annotation:{i}'><Value>tag {i}</Value></TagAnnotation>"
        for i in range(count)
    )
    after = f"<StructuredAnnotations>{elements}</StructuredAnnotations>"
    return ome_tiff(folder / "annotations.ome.tif", references, after)


def regions(count: int, folder: Path) -> ImageHandle:
    references = "".join(f"<ROIRef ID='ROI:{i}'/>" for i in range(count))
    after = "".join(
        f"<ROI ID='ROI:{i}'><Union><Point ID='Shape:{i}:0' X='1' Y='2' TheC='0'/></Union></ROI>"
        for i in range(count)
    )
    return ome_tiff(folder / "regions.ome.tif", references, after)


@takes_long
@pytest.mark.parametrize("make", [channels, annotations, regions])
def test_time_of_writing_grows_with_the_metadata(
    make: Callable[[int, Path], ImageHandle], tmp_path: Path
) -> None:
    def prepare(count: int) -> Callable[[], object]:
        folder = tmp_path / str(count)
        folder.mkdir()
        handle = make(count, folder)
        return lambda: write_ome_tiff(handle, folder / "out.ome.tiff", overwrite=True, sync=False)

    assert_linear(prepare, 500)


def test_all_annotations_and_regions_are_written(tmp_path: Path) -> None:
    for make, element in ((annotations, "TagAnnotation"), (regions, "ROI")):
        report = write_ome_tiff(make(50, tmp_path), tmp_path / "out.ome.tiff", overwrite=True)
        text = str(open_image(report.path).metadata)
        assert text.count(f"<{element} ") == 50
        # In the order of the source, after the image, as the schema has it.
        assert text.index(f'ID="{"Annotation" if element != "ROI" else "ROI"}:9"') < text.index(
            f'ID="{"Annotation" if element != "ROI" else "ROI"}:10"'
        )
        assert report.not_kept == ()


FAULTS = {
    # The transform from 2010-04 makes an element without a name of it: XSLTApplyError.
    "polyline": (
        '<r:ROI xmlns:r="http://www.openmicroscopy.org/Schemas/ROI/2010-04" ID="ROI:0"><r:Union>'
        '<r:Shape ID="Shape:0" TheZ="0" TheT="0"><r:Polyline Points="1,1"/></r:Shape></r:Union></r:ROI>'
    ),
    "deep": "<Folder>" * 1500 + "</Folder>" * 1500,
    "wide attribute": f'<Experimenter ID="Experimenter:0" FirstName="{"x" * 200_000}"/>',
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("schema", [SCHEMA, OLD_SCHEMA])
def test_metadata_that_cannot_be_merged_is_reported_and_the_pixels_are_written(
    name: str, schema: str, tmp_path: Path
) -> None:
    """Source of the right value: the pixels of the source; its document is sound but for one part."""
    handle = ome_tiff(tmp_path / "source.ome.tif", "", FAULTS[name], schema)
    report = write_ome_tiff(handle, tmp_path / "out.ome.tiff")
    assert to_numpy(open_image(report.path)).ravel().tolist() == list(range(12))
    text = str(open_image(report.path).metadata)
    assert report.not_kept or ("Experimenter" in text)


@pytest.mark.parametrize("name", ["complex64", "complex128"])
def test_the_report_names_the_reader_that_cannot_open_complex_pixels(
    name: str, tmp_path: Path
) -> None:
    pixels = (np.arange(12) * (1 + 2j)).reshape(3, 4).astype(name)
    images = [open_image(np.zeros((3, 4), np.uint8)), open_image(pixels)]
    report = write_scenes(images, tmp_path / "out.ome.tiff")
    (limit,) = report.reader_limits
    assert limit.code == "reader-limit"
    assert "Bio-Formats cannot open a complex OME-TIFF" in limit.message
    assert report.not_kept == ()
    with tifffile.TiffFile(report.path) as file:
        assert (file.series[1].asarray() == pixels).all()
