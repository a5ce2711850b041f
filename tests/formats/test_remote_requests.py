"""Requests that opening a file on a web server takes, and those of one plane: four and two, with exceptions.

An OIF is a file for each plane and each plane's settings: these requests are made side by side. An OIR has the name of
each part of a frame in front of its pixels, and Imaris the table of chunks of each array in front of its chunks: many
ranges in one request if the server answers them, else all of a file of up to 8 MiB. A MIRAX slide has many data files.
Of a Zarr five names are tried at once, the first level among them.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from aicsio import SourceError, open_image, write_ome_zarr
from aicsio._io import remote, sources
from aicsio.formats.ome_tiff import members
from aicsio.formats.xlef import paths
from aicsio.testing import ImageSpec, TiffSpec, build
from aicsio.testing.lif import LifImage
from aicsio.testing.oif import OifImage, write_oif
from aicsio.testing.xlef import XlefImage, write_xlef
from http_server import serving
from remote_files import FILES, PIXELS
from support import mostly_long

REQUESTS = {
    "ome-tiff": (2, 2, 1),
    "tiff, directories between": (6, 7, 1),
    "tiff of imagej": (2, 2, 1),
    "tiff, svs": (4, 4, 3),
    "tiff, stk": (1, 1, 1),
    "czi": (3, 3, 1),
    "lif": (1, 1, 1),
    "lof": (2, 2, 1),
    "xlef, lof": (4, 4, 1),
    "xlef, tif": (2, 2, 2),
    "nd2": (2, 2, 1),
    "nd2, zlib": (2, 2, 1),
    "oib": (4, 4, 1),
    "oif": (90, 90, 1),
    "oir": (4, 4, 1),
    "vsi": (3, 3, 1),
    "dv": (1, 1, 1),
    "ims": (5, 4, 1),
    "dicom": (1, 1, 1),
    "mirax": (11, 11, 2),
    "ics": (1, 1, 1),
    "nrrd": (1, 1, 1),
    "pic": (2, 2, 1),
    # The header, and the XML at the end.
    "spe": (2, 2, 1),
    "ome-zarr": (5, 5, 2),
    "cellvoyager": (4, 4, 2),
    "harmony": (2, 2, 2),
    "imagexpress": (2, 2, 2),
    "incell": (2, 2, 2),
    "metamorph": (2, 2, 2),
    "micromanager": (1, 1, 2),
}
"""By file, at most: of opening it from a server that answers many ranges at once, and from one of single
ranges; of a plane."""


def test_every_file_has_its_limits() -> None:
    assert REQUESTS.keys() == FILES.keys()


@pytest.mark.parametrize("name", mostly_long(FILES, *sorted(FILES)[::2]))
def test_requests(name: str, tmp_path: Path) -> None:
    if name == "ims":
        pytest.importorskip("h5py", reason="needs h5py: pip install '.[ims]'")
    file = FILES[name]
    path = file.write(tmp_path).relative_to(tmp_path)
    with serving() as site:
        found = [each for each in tmp_path.rglob("*") if each.is_file()]
        site.files = {each.relative_to(tmp_path).as_posix(): each.read_bytes() for each in found}
        # A server that has answered one range for several is not asked for several again.
        with_parts, single, plane = REQUESTS[name]
        for parts, most in ((True, with_parts), (False, single)):
            site.parts = parts
            site.forget()
            handle = open_image(site.url + path.as_posix())
            assert 0 < len(site.asked) <= most
        site.forget()
        file.read(handle)
        assert 0 < len(site.asked) <= plane


# ---------------------------------------------------------------- sets of files

SET = TiffSpec((ImageSpec(T=6, Y=8, X=9),), files=6)


def _tiff_set(folder: Path) -> Path:
    files = build(SET)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / min(files)


def _project(folder: Path) -> Path:
    images = [XlefImage(LifImage(PIXELS[0, :, :8, :9], "CYX", f"i{at}")) for at in range(6)]
    return write_xlef(folder / "a", images)


def _oif(folder: Path) -> Path:
    return write_oif(OifImage(PIXELS[:3, :, :8, :9], "TCYX"), folder / "a.oif")


def _zarr(folder: Path) -> Path:
    write_ome_zarr(open_image(PIXELS[:2], dims="TCYX"), folder / "a.zarr", levels=1)
    return folder / "a.zarr"


@pytest.mark.parametrize(
    ("write", "alone", "together"),
    [
        (_tiff_set, 1, 5),
        (_project, 1, 6),
        (_oif, 2, 15),
        (_zarr, 0, 5),
        (FILES["mirax"].write, 2, 8),
    ],
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


# ---------------------------------------------------------------- servers without ranges


@pytest.mark.parametrize("name", mostly_long(FILES, *sorted(FILES)[::4]))
def test_small_files_come_whole_from_a_server_without_ranges(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``python -m http.server`` is one: the files beside an index are found there, too."""
    if name == "ims":
        pytest.importorskip("h5py", reason="needs h5py: pip install '.[ims]'")
    monkeypatch.setattr(remote, "MAX_WHOLE", 1 << 24)
    file = FILES[name]
    path = file.write(tmp_path).relative_to(tmp_path)
    with serving() as site:
        found = [each for each in tmp_path.rglob("*") if each.is_file()]
        site.files = {each.relative_to(tmp_path).as_posix(): each.read_bytes() for each in found}
        site.ranges = False
        handle = open_image(site.url + path.as_posix())
        file.read(handle)
    assert handle.format == open_image(tmp_path / path).format


@pytest.mark.parametrize("write", [_tiff_set, _project])
@pytest.mark.parametrize("ahead", [1, 24])
def test_a_set_of_whole_files_has_a_limit(
    write: Callable[[Path], Path], ahead: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path).relative_to(tmp_path)
    found = [each for each in tmp_path.rglob("*") if each.is_file()]
    files = {each.relative_to(tmp_path).as_posix(): each.read_bytes() for each in found}
    monkeypatch.setattr(sources, "MOST_HELD", sum(map(len, files.values())) // 2)
    monkeypatch.setattr(members, "MOST_AHEAD", ahead)
    monkeypatch.setattr(paths, "MOST_AHEAD", ahead)
    with serving() as site:
        site.files, site.ranges = files, False
        try:
            reasons = [note.message for note in open_image(site.url + path.as_posix()).diagnostics]
        except SourceError as error:
            reasons = [str(error)]
    assert any("files of the set whole" in reason for reason in reasons)
