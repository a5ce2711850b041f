"""What is written carries the whole OME of its source, and is read back equal. Judges: ome-types, the schema."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import pytest
from lxml import etree

from aicsio import (
    ImageHandle,
    ome_metadata,
    ome_xml,
    open_image,
    raw_metadata,
    select_scene,
    transpose_to,
    write_ome_tiff,
    write_ome_zarr,
    write_scenes,
)
from aicsio.testing.czi import Block, write_czi
from czi_xml import INSTRUMENT_XML
from schema import SCHEMA

PLANE = (
    "<METADATA><Tags><AcquisitionTime>2020-01-01T00:00:0{}Z</AcquisitionTime>"
    "<StageXPosition>{}</StageXPosition><StageYPosition>2</StageYPosition></Tags></METADATA>"
)


def source(scenes: int = 1) -> ImageHandle:
    """A CZI of three time points, with facts of each plane and an instrument."""
    file = io.BytesIO()
    places = [(s, t) for s in range(scenes) for t in range(3)]
    blocks = [
        Block(
            np.full((4, 5), t, np.uint16),
            {"T": t, "C": 0, "Y": 0, "X": 10 * s} | ({"S": s} if scenes > 1 else {}),
            metadata=PLANE.format(t, s).encode(),
        )
        for s, t in places
    ]
    write_czi(file, blocks, INSTRUMENT_XML)
    return open_image(file.getvalue())


def facts(ome: ome_types.OME) -> dict[str, Any]:
    """Everything but where the planes of a file lie, and who wrote it."""
    values: dict[str, Any] = ome.model_dump(mode="json", exclude_defaults=True)
    values.pop("creator", None)
    for image in values["images"]:
        for name in ("tiff_data_blocks", "metadata_only", "big_endian", "interleaved"):
            image["pixels"].pop(name, None)
        # The order of planes is that of the file that is written.
        image["pixels"].pop("dimension_order", None)
        image["pixels"].get("planes", []).sort(key=lambda plane: sorted(plane.items()))
    return values


@pytest.mark.parametrize("name", ["a.ome.tiff", "a.zarr"])
def test_the_whole_document_is_written(name: str, tmp_path: Path) -> None:
    handle = source()
    target = tmp_path / name
    if name.endswith("zarr"):
        write_ome_zarr(handle, target)
        text = (target / "OME" / "METADATA.ome.xml").read_text(encoding="utf-8")
    else:
        write_ome_tiff(handle, target)
        text = raw_metadata(open_image(target)) or ""
    back = open_image(target)
    assert facts(ome_metadata(back)) == facts(ome_metadata(handle))
    assert facts(ome_types.from_xml(text.encode())) == facts(ome_metadata(handle))
    assert SCHEMA.validate(etree.fromstring(text.encode())), SCHEMA.error_log
    assert not ome_xml(back).diagnostics


def test_a_copy_of_a_copy_is_the_same(tmp_path: Path) -> None:
    handle = source()
    write_ome_zarr(handle, tmp_path / "a.zarr")
    write_ome_tiff(open_image(tmp_path / "a.zarr"), tmp_path / "b.ome.tiff")
    assert facts(ome_metadata(open_image(tmp_path / "b.ome.tiff"))) == facts(ome_metadata(handle))


def test_scenes_share_one_instrument(tmp_path: Path) -> None:
    handle = source(2)
    write_scenes([select_scene(handle, 1), select_scene(handle, 0)], tmp_path / "a.ome.tiff")
    ome = ome_metadata(open_image(tmp_path / "a.ome.tiff"))
    assert len(ome.instruments) == 1
    stages = [image.pixels.planes[0].position_x for image in ome.images]
    assert stages == [1.0, 0.0]


def test_a_part_keeps_the_settings_of_its_channel(tmp_path: Path) -> None:
    part = transpose_to(source(), "ZYX", T=1, C=0)
    write_ome_tiff(part, tmp_path / "a.ome.tiff")
    (image,) = ome_metadata(open_image(tmp_path / "a.ome.tiff")).images
    assert image.pixels.channels[0].detector_settings is not None
    # Times of planes cost a read each: one of three planes is written, so they are left.
    assert image.pixels.size_t == 1
