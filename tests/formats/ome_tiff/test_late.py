"""Remote OME-TIFFs whose directories lie between planes: few requests to open, and what a local opening shows.

The right values are the same bytes read from memory, whose directories are all read at once; pixels are those that
were written by tifffile.
"""

import pickle
import struct
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import tifffile

from aicsio import (
    ImageHandle,
    SourceChangedError,
    check,
    open_image,
    open_many,
    plane_table,
    raw_metadata,
    read_windows,
    to_dask,
    to_numpy,
    to_references,
    transpose_to,
)
from aicsio._io import pool
from aicsio._io.readers import identify
from http_server import Site, serving

PLANES = 30
PIXELS = np.random.default_rng(4).integers(0, 256, (PLANES, 512, 512), np.uint16)
"""Z, Y, X: 10 MB compressed."""


def written(tmp: Any, pixels: Any = PIXELS, axes: str = "ZYX", **how: Any) -> bytes:
    path = tmp / "written.ome.tif"
    options: dict[str, Any] = {"compression": "zlib", "photometric": "minisblack", **how}
    metadata = {"axes": axes, "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(path, pixels, metadata=metadata, **options)
    content: bytes = path.read_bytes()
    return content


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return written(tmp_path_factory.mktemp("late"))


@pytest.fixture
def site(content: bytes) -> Iterator[Site]:
    with serving(a__ome__tif=content) as site:
        yield site
    pool.close_connections()


def at(site: Site, name: str = "a.ome.tif") -> str:
    return site.url + name


def codes(handle: ImageHandle) -> list[str]:
    return [note.code for note in handle.diagnostics]


LATER = "ome-directories-later"


@pytest.mark.parametrize("parts", [True, False])
def test_opening_reads_two_directories_and_a_read_the_others_once(
    site: Site, content: bytes, parts: bool
) -> None:
    site.parts = parts
    handle = open_image(at(site))
    expected = open_image(content)
    # The first one, the XML at the end of the file, the second directory.
    assert len(site.asked) <= 3
    assert codes(handle) == [LATER]
    assert codes(expected) == []
    assert (handle.dims, handle.dtype) == (expected.dims, expected.dtype)
    assert handle.scene.pixel_size == expected.scene.pixel_size
    assert handle.scene.channels == expected.scene.channels
    assert raw_metadata(handle) == raw_metadata(expected)
    site.forget()
    plane: Any = to_numpy(transpose_to(handle, "YX", Z=1))
    assert np.array_equal(plane, PIXELS[1])
    assert len(site.asked) == 1
    shown: Any = to_numpy(transpose_to(handle, "ZYX", Z=[21, 3, 1, 7]))
    assert np.array_equal(shown, PIXELS[[21, 3, 1, 7]])
    site.forget()
    plane = to_numpy(transpose_to(handle, "YX", Z=17))
    assert np.array_equal(plane, PIXELS[17])
    assert len(site.asked) == 1
    # A handle that was sent elsewhere asks for them there; another opening knows them.
    again = pickle.loads(pickle.dumps(handle))
    assert again == handle
    assert hash(again) == hash(handle)
    other = open_image(at(site))
    site.forget()
    assert np.array_equal(to_numpy(transpose_to(other, "YX", Z=29)), PIXELS[29])
    assert len(site.asked) == 1


def test_every_way_to_the_pixels_agrees(site: Site, content: bytes, tmp_path: Any) -> None:
    handle = open_image(at(site))
    assert np.array_equal(to_dask(handle).compute(scheduler="threads").squeeze(), PIXELS)
    assert np.array_equal(to_numpy(handle).squeeze(), PIXELS)
    crop = transpose_to(handle, "XZY", Z=slice(20, 2, -3), X=slice(100, 130), Y=[500, 7, 9])
    model = PIXELS[20:2:-3][:, [500, 7, 9], 100:130].transpose(2, 0, 1)
    assert np.array_equal(to_numpy(crop), model)
    corners = [(0, 3), (13, 400), (200, 7)]
    for z in (0, 13):
        windows = read_windows(transpose_to(handle, "YX", Z=z), np.array(corners), 90)
        for (y, x), shown in zip(corners, windows, strict=True):
            assert np.array_equal(shown, PIXELS[z, y : y + 90, x : x + 90])
    joined = open_many([at(site), at(site)])
    assert np.array_equal(to_numpy(transpose_to(joined, "YX", T=1, Z=11)), PIXELS[11])
    assert check(handle).damage == ()
    local = tmp_path / "local.ome.tif"
    local.write_bytes(content)
    chunks, own_chunks = (
        {key: each[1:] for key, each in to_references(image)["refs"].items() if len(each) == 3}
        for image in (handle, open_image(local))
    )
    assert chunks == own_chunks
    places, own_places = plane_table(handle), plane_table(open_image(local))
    assert places["offset"].tolist() == own_places["offset"].tolist()
    assert len(chunks) >= PLANES


def test_threads_follow_the_chain_once(site: Site) -> None:
    handle = open_image(at(site))
    site.forget()
    gate = threading.Barrier(6)

    def read(z: int) -> Any:
        gate.wait()
        return to_numpy(transpose_to(handle, "YX", Z=z))

    with ThreadPoolExecutor(6) as threads:
        for z, plane in zip(range(5, 11), threads.map(read, range(5, 11)), strict=True):
            assert np.array_equal(plane, PIXELS[z])
    # Twice would be as many directories more.
    assert len(site.asked) < PLANES + 6 + 10


def _directory_offsets(content: bytes) -> list[int]:
    """Offsets of the directories of a classic little-endian TIFF (TIFF 6.0, section 2)."""
    offsets, (offset,) = [], struct.unpack_from("<I", content, 4)
    while offset:
        offsets.append(offset)
        (count,) = struct.unpack_from("<H", content, offset)
        (offset,) = struct.unpack_from("<I", content, offset + 2 + 12 * count)
    return offsets


def _cut_chain(content: bytes, page: int) -> bytes:
    """End the chain behind a page."""
    damaged = bytearray(content)
    offset = _directory_offsets(content)[page]
    (count,) = struct.unpack_from("<H", content, offset)
    struct.pack_into("<I", damaged, offset + 2 + 12 * count, 0)
    return bytes(damaged)


def test_planes_that_are_not_there_are_blank_and_warned_of(site: Site, content: bytes) -> None:
    damaged = _cut_chain(content, 20)
    expected = open_image(damaged)
    assert [note.code for note in expected.diagnostics if note.loss] == ["ome-planes-missing"]
    site.files["b.ome.tif"] = damaged
    handle = open_image(at(site, "b.ome.tif"))
    with pytest.warns(UserWarning, match="9 of 30 planes are in no file and blank"):
        shown = to_numpy(handle)
    assert np.array_equal(shown, to_numpy(expected))
    assert not shown.squeeze()[21:].any()
    assert np.array_equal(shown.squeeze()[:21], PIXELS[:21])
    # Pages that opening knew need no more of the file.
    assert np.array_equal(to_numpy(transpose_to(handle, "YX", Z=0)), PIXELS[0])


def test_a_later_page_of_another_shape_is_blank_and_warned_of(site: Site, content: bytes) -> None:
    damaged = bytearray(content)
    offset = _directory_offsets(content)[12]
    for entry in range(struct.unpack_from("<H", content, offset)[0]):
        place = offset + 2 + 12 * entry
        if struct.unpack_from("<H", content, place)[0] == 256:
            struct.pack_into("<H", damaged, place + 8, 500)
    site.files["b.ome.tif"] = bytes(damaged)
    handle, expected = open_image(at(site, "b.ome.tif")), open_image(bytes(damaged))
    with pytest.warns(UserWarning, match="1 plane is blank"):
        shown = to_numpy(handle)
    assert np.array_equal(shown, to_numpy(expected))


def test_a_file_that_changed_between_opening_and_the_first_plane(
    site: Site, content: bytes
) -> None:
    handle = open_image(at(site))
    site.files["a.ome.tif"] = content[:-1] + b"\1"
    with pytest.raises(SourceChangedError):
        to_numpy(transpose_to(handle, "YX", Z=5))


@pytest.mark.parametrize("kind", ["local", "no version", "small", "levels", "unlike", "few pages"])
def test_what_two_pages_cannot_promise_is_read_at_once(
    kind: str, site: Site, content: bytes, tmp_path: Any
) -> None:
    where: Any = at(site, "b.ome.tif")
    if kind == "local":
        where = tmp_path / "b.ome.tif"
        where.write_bytes(content)
    elif kind == "no version":
        site.files["b.ome.tif"] = content
        site.headers = {"ETag": ""}
    elif kind == "small":
        site.files["b.ome.tif"] = written(tmp_path, PIXELS[:, :256, :256])
    elif kind == "few pages":
        big = np.random.default_rng(1).integers(0, 256, (6, 1300, 1300), np.uint16)
        site.files["b.ome.tif"] = written(tmp_path, big)
    elif kind == "unlike":
        # The file is much larger than pages like the first two.
        mixed = PIXELS * np.where(np.arange(PLANES) < 2, 0, 1)[:, None, None].astype(np.uint16)
        site.files["b.ome.tif"] = written(tmp_path, mixed)
    else:
        path = tmp_path / "l.ome.tif"
        with tifffile.TiffWriter(path) as tiff:
            how: dict[str, Any] = {"compression": "zlib", "photometric": "minisblack"}
            tiff.write(PIXELS, subifds=1, metadata={"axes": "ZYX"}, **how)
            tiff.write(PIXELS[:, ::2, ::2], subfiletype=1, metadata=None, **how)
        site.files["b.ome.tif"] = path.read_bytes()
    handle = open_image(where)
    assert LATER not in codes(handle)
    assert len(handle.levels) == (2 if kind == "levels" else 1)


def test_late_layouts_say_where_they_are(site: Site) -> None:
    """A description reads nothing, so the same handle compares equal whoever has read its planes."""
    one, other = open_image(at(site)), open_image(at(site))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_numpy(transpose_to(one, "YX", Z=9))
    assert one == other
    assert identify(at(site)).fingerprint is not None
