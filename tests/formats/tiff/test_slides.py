"""Lens and date of slide scanners.

Right values: those that the tests write, in the places from which OpenSlide takes
``openslide.objective-power`` (AppMag of Aperio, SourceLens of Hamamatsu, Magnification of Ventana,
objective of Leica), and Objective of PerkinElmer's "QPTIFF file format".
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from aicsio import Objective, open_image

TISSUE = np.zeros((64, 64, 3), np.uint8)


def write(path: Path, pages: list[dict[str, Any]], **options: Any) -> Path:
    with tifffile.TiffWriter(path, **options) as tif:
        for page in pages:
            size = page.pop("size", 64)
            tif.write(TISSUE[:size, :size], photometric="rgb", metadata=None, **page)
    return path


def test_the_label_of_an_aperio_slide_has_no_lens(tmp_path: Path) -> None:
    text = "Aperio Image Library v12\r\n64x64 [0,0 64x64] (32x32)|AppMag = 40|MPP = 0.25"
    pages: list[dict[str, Any]] = [
        {"description": text, "tile": (32, 32)},
        {"description": "Aperio Image Library v12\r\nthumbnail", "size": 32},
        {"description": "Aperio Image Library v12\r\nlabel 16x16", "size": 16, "subfiletype": 1},
        {"description": "Aperio Image Library v12\r\nmacro 24x24", "size": 24, "subfiletype": 9},
    ]
    h = open_image(write(tmp_path / "a.svs", pages))
    lenses = {scene.name: scene.objective for scene in h.scenes}
    assert lenses.pop("Baseline") == Objective(magnification=40.0)
    assert set(lenses) == {"Thumbnail", "Label", "Macro"}
    assert set(lenses.values()) == {None}


def test_hamamatsu(tmp_path: Path) -> None:
    def tags(lens: float) -> list[Any]:
        return [
            (65420, "I", 1, 1, True),
            (65421, "f", 1, lens, True),
            (271, "s", 0, "Hamamatsu", True),
        ]

    pages: list[dict[str, Any]] = [{"extratags": tags(20.0)}, {"extratags": tags(-1.0), "size": 32}]
    h = open_image(write(tmp_path / "a.ndpi", pages))
    assert [scene.objective for scene in h.scenes] == [Objective(magnification=20.0), None]


def test_ventana(tmp_path: Path) -> None:
    xmp = b'<?xml version="1.0"?><Metadata><iScan Magnification="40" ScanRes="0.25"/></Metadata>'
    pages: list[dict[str, Any]] = [
        {"extratags": [(700, 1, len(xmp), xmp, True)], "software": "ScanOutputManager 1.1"}
    ]
    h = open_image(write(tmp_path / "a.tif", pages))
    assert h.scene.objective == Objective(magnification=40.0)


@pytest.mark.parametrize(
    ("written", "lens"),
    [
        ("20x", Objective("20x", 20.0)),
        ("UPLXAPO 20x/0.8", Objective("UPLXAPO 20x/0.8", 20.0, 0.8)),
        ("", None),
    ],
)
def test_perkin_elmer(tmp_path: Path, written: str, lens: Objective | None) -> None:
    text = (
        "<PerkinElmer-QPI-ImageDescription><ImageType>FullResolution</ImageType><Name>DAPI</Name>"
        f"<Objective>{written}</Objective></PerkinElmer-QPI-ImageDescription>"
    )
    pages = [{"description": text, "software": "PerkinElmer-QPI"}]
    assert open_image(write(tmp_path / "a.qptiff", pages)).scene.objective == lens


def test_each_image_of_leica_scn_has_its_own_lens(tmp_path: Path) -> None:
    listed = ""
    for page, (name, lens) in enumerate((("overview", "0.6"), ("main", "20"))):
        size = 64 >> (1 - page)
        listed += (
            f'<image name="{name}"><creationDate>2013-04-0{page + 1}T08:55:01.34Z</creationDate><pixels>'
            f'<dimension sizeX="{size}" sizeY="{size}" ifd="{page}"/></pixels><scanSettings><objectiveSettings>'
            f"<objective>{lens}</objective></objectiveSettings></scanSettings></image>"
        )
    namespace = "http://www.leica-microsystems.com/scn/2010/10/01"
    text = f'<scn xmlns="{namespace}"><collection>{listed}</collection></scn>'
    h = open_image(write(tmp_path / "a.scn", [{"description": text, "size": 32}, {}]))
    found = {scene.name: (scene.acquired, scene.objective) for scene in h.scenes}
    assert found == {
        "overview": ("2013-04-01T08:55:01.34Z", Objective(magnification=0.6)),
        "main": ("2013-04-02T08:55:01.34Z", Objective(magnification=20.0)),
    }


@pytest.mark.parametrize("has_thumbnail", [True, False])
def test_levels_of_an_aperio_slide_are_those_of_openslide(
    has_thumbnail: bool, tmp_path: Path
) -> None:
    text = "Aperio Image Library v12\r\n64x64 [0,0 64x64] (16x16)|AppMag = 40|MPP = 0.25"
    thumbnail: list[dict[str, Any]] = [{"description": text, "size": 24}]
    pages: list[dict[str, Any]] = [
        {"description": text, "tile": (16, 16)},
        *(thumbnail if has_thumbnail else []),
        {"description": text, "tile": (16, 16), "size": 32},
        {"description": text, "tile": (16, 16), "size": 16},
    ]
    path = write(tmp_path / "a.svs", pages)
    handle = open_image(path)
    assert [level.dims.X for level in handle.levels] == [64, 32, 16]
    assert handle.scene_names == (("Baseline", "Thumbnail") if has_thumbnail else ("Baseline",))
    openslide = pytest.importorskip("openslide")
    with openslide.OpenSlide(path) as slide:
        assert slide.level_dimensions == ((64, 64), (32, 32), (16, 16))
        assert list(slide.associated_images) == ["thumbnail"] * has_thumbnail
