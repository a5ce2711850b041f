"""Requests that opening a file on a web server takes, and those of one plane: four and two, with exceptions.

An OIF is a file for each plane and each plane's settings. An OIR has the name of each part of a frame in front of its
pixels, and Imaris the table of chunks of each array in front of its chunks: these requests are made side by side, or
in one if the server answers many ranges. A MIRAX slide has many data files. Of a Zarr four names are tried at once.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from aicsio import open_image
from aicsio.testing import ImageSpec, TiffSpec, build
from aicsio.testing.lif import LifImage
from aicsio.testing.oif import OifImage, write_oif
from aicsio.testing.xlef import XlefImage, write_xlef
from http_server import serving
from remote_files import FILES, PIXELS


@pytest.mark.parametrize("name", FILES)
def test_requests(name: str, tmp_path: Path) -> None:
    if name == "ims":
        pytest.importorskip("h5py", reason="needs h5py: pip install '.[ims]'")
    file = FILES[name]
    path = file.write(tmp_path).relative_to(tmp_path)
    with serving() as site:
        found = [each for each in tmp_path.rglob("*") if each.is_file()]
        site.files = {each.relative_to(tmp_path).as_posix(): each.read_bytes() for each in found}
        # A server that has answered one range for several is not asked for several again.
        for parts, most in ((True, file.parts_opening or file.opening), (False, file.opening)):
            site.parts = parts
            site.forget()
            handle = open_image(site.url + path.as_posix())
            assert 0 < len(site.asked) <= most
        site.forget()
        file.read(handle)
        assert 0 < len(site.asked) <= file.plane


# ---------------------------------------------------------------- sets of files

SET = TiffSpec((ImageSpec(T=6, Y=8, X=9),), files=6)


def _tiff_set(folder: Path) -> Path:
    for name, content in build(SET).items():
        (folder / name).write_bytes(content)
    return folder / min(build(SET))


def _project(folder: Path) -> Path:
    images = [XlefImage(LifImage(PIXELS[0, :, :8, :9], "CYX", f"i{at}")) for at in range(6)]
    return write_xlef(folder / "a", images)


def _oif(folder: Path) -> Path:
    return write_oif(OifImage(PIXELS[:3, :, :8, :9], "TCYX"), folder / "a.oif")


@pytest.mark.parametrize(
    ("write", "alone", "together"), [(_tiff_set, 1, 5), (_project, 1, 6), (_oif, 2, 15)]
)
def test_files_of_a_set_are_asked_for_at_once(
    write: Callable[[Path], Path], alone: int, together: int, tmp_path: Path
) -> None:
    """The server keeps the requests waiting until all have come; one after the other they never would."""
    path = write(tmp_path).relative_to(tmp_path)
    expected = open_image(tmp_path / path)
    barrier = threading.Barrier(together)

    def trouble(number: int) -> str:
        if alone <= number < alone + together:
            barrier.wait(30)
        return ""

    with serving() as site:
        found = [each for each in tmp_path.rglob("*") if each.is_file()]
        site.files = {each.relative_to(tmp_path).as_posix(): each.read_bytes() for each in found}
        site.trouble = trouble
        handle = open_image(site.url + path.as_posix())
    assert not barrier.broken
    assert handle.dims == expected.dims
    assert [note.code for note in handle.diagnostics] == [
        note.code for note in expected.diagnostics
    ]
