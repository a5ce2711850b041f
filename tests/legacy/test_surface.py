"""Every public member of AICSImageIO 4.14 answers here, or is a row of docs/coming-from-aicsimageio.md."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import aicsio
from aicsio import AICSImage
from aicsio.readers import ArrayLikeReader
from legacy_members import LIST, find
from support import ROOT

NAMES = LIST.read_text(encoding="utf-8").split()


def rows() -> list[str]:
    """Names in the first column of the table of what is not here."""
    page = (ROOT / "docs" / "coming-from-aicsimageio.md").read_text(encoding="utf-8")
    _, _, rest = page.partition("### What is not here\n")
    table, _, _ = rest.partition("What answers otherwise:")
    return re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE)


def answers(name: str) -> bool:
    try:
        find(aicsio, name)
    except (AttributeError, ImportError):
        return False
    return True


def test_every_member_answers_or_is_a_row() -> None:
    absent = rows()
    missing = [name for name in NAMES if not answers(name)]
    assert [name for name in missing if not any(is_below(name, row) for row in absent)] == []
    # And no row is of something that is here, or that AICSImageIO never had.
    assert [row for row in absent if not any(is_below(name, row) for name in missing)] == []
    assert len(NAMES) > 500


def is_below(name: str, row: str) -> bool:
    return f"{name}.".startswith(f"{row}.")


@pytest.mark.parametrize("prefix", ["AICSImage", "readers.ArrayLikeReader"])
def test_properties_answer_of_an_image(prefix: str) -> None:
    owner = find(aicsio, prefix)
    image = owner(np.zeros((2, 3, 4), np.uint8), dim_order="CYX")
    members = [name.removeprefix(f"{prefix}.") for name in NAMES if name.startswith(f"{prefix}.")]
    assert len(members) > 25
    for member in members:
        if member.startswith("mosaic_") and member != "mosaic_tile_dims":
            with pytest.raises(aicsio.exceptions.InvalidDimensionOrderingError, match="no mosaic"):
                getattr(image, member)
        else:
            getattr(image, member)


def test_the_list_is_that_of_the_library() -> None:
    pytest.importorskip("aicsimageio")
    from legacy_members import members

    assert sorted(set(members(importlib.import_module("aicsimageio")))) == NAMES


def test_an_import_of_the_folder_leaves_the_verb_metadata_callable() -> None:
    code = (
        "import numpy, aicsio; from aicsio import metadata as verb; import aicsio.metadata.utils\n"
        "h = aicsio.open_image(numpy.zeros((2, 3)))\n"
        "assert aicsio.metadata(h) is None and verb(h) is None\n"
        "assert aicsio.pipe(h, aicsio.metadata()) is None\n"
        "from aicsio.metadata import utils; utils.generate_ome_image_id(1)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_modules_are_attributes_of_the_package() -> None:
    code = (
        "import aicsio, sys; assert 'aicsio.readers' not in sys.modules\n"
        "aicsio.readers.CziReader, aicsio.types.PhysicalPixelSizes, aicsio.exceptions, aicsio.utils"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_modules_of_readers_are_attributes_of_the_package() -> None:
    modules = {name.split(".")[1] for name in NAMES if name.startswith("readers.")}
    named = sorted(name for name in modules if name.endswith("reader") and name != "sldy_reader")
    assert len(named) == 11
    code = f"import aicsio; [getattr(aicsio.readers, name) for name in {named}]"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_errors_of_the_old_names_are_caught(tmp_path: Path) -> None:
    from aicsio import exceptions

    path = tmp_path / "example.txt"
    path.write_text("no image")
    with pytest.raises(exceptions.UnsupportedFileFormatError):
        AICSImage(path)
    with pytest.raises(exceptions.ConflictingArgumentsError):
        ArrayLikeReader([np.zeros((2, 3))], dim_order=["YX", "CYX"])
    with pytest.raises(exceptions.UnexpectedShapeError):
        AICSImage(np.zeros((2, 3))).get_mosaic_tile_positions()


def test_facts_of_bioio() -> None:
    img = AICSImage(np.zeros((3, 4, 5)), dim_order="TYX", physical_pixel_sizes=(None, 0.5, 0.25))
    assert img.scale == (None, None, None, 0.5, 0.25)
    assert img.standard_metadata.image_size_t == 3
    assert img.standard_metadata.timelapse
    assert img.standard_metadata.dimensions_present == "TCZYX"
    assert img.reader.standard_metadata.dimensions_present == "TYX"
    assert img.reader.resolution_level_dims == {0: (3, 4, 5)}
