"""Requests that opening a file on a web server takes, and those of one plane: four and two, with exceptions.

An OIF is a file for each plane and each plane's settings. An OIR has the name of each part of a frame in front of its
pixels, and Imaris the table of chunks of each array in front of its chunks: these requests are made side by side, or
in one if the server answers many ranges. A MIRAX slide has many data files. Of a Zarr four names are tried at once.
"""

from pathlib import Path

import pytest

from aicsio import open_image
from http_server import serving
from remote_files import FILES


@pytest.mark.parametrize("name", FILES)
def test_requests(name: str, tmp_path: Path) -> None:
    if name == "ims":
        pytest.importorskip("h5py", reason="needs h5py: pip install '.[ims]'")
    file = FILES[name]
    path = file.write(tmp_path).relative_to(tmp_path)
    with serving() as site:
        found = [each for each in tmp_path.rglob("*") if each.is_file()]
        site.files = {each.relative_to(tmp_path).as_posix(): each.read_bytes() for each in found}
        for parts, most in ((False, file.opening), (True, file.parts_opening or file.opening)):
            site.parts = parts
            site.forget()
            handle = open_image(site.url + path.as_posix())
            assert 0 < len(site.asked) <= most
        site.forget()
        file.read(handle)
        assert 0 < len(site.asked) <= file.plane
