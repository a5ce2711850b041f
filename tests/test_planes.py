"""What each plane says of itself is read when asked, and as the recorded reader saw it."""

import io
import math
from pathlib import Path

import numpy as np
import pytest

from aicsio import CorruptFileError, ImageHandle, UnsupportedFormatError, open_image, transpose_to
from aicsio.formats.czi.subblock_metadata import HEAD_SIZE, SubblockFacts, parse_facts
from aicsio.planes import read_planes, read_subblock_metadata, with_planes
from aicsio.testing.czi import Block, metadata_xml, time_stamps, write_czi
from support import corpus_file, corpus_names, facts

NAMES = [name for name in corpus_names("czi") if name != "czi/write_roi.czi"]


def said(t: int, c: int, m: int = 0) -> bytes:
    camera = f"&lt;CameraState&gt;&lt;ExposureTime&gt;{(c + 1) * 50_000_000}&lt;/ExposureTime&gt;&lt;/CameraState&gt;"
    return (
        f"<METADATA><Tags><AcquisitionTime>2024-05-06T07:08:{10 + t:02}.2500000Z</AcquisitionTime>"
        f"<DetectorState>{camera}</DetectorState><StageXPosition>+00000000{100 + m}.5000</StageXPosition>"
        f"<StageYPosition>-000000000{20 + m}.2500</StageYPosition><FocusPosition>1e1</FocusPosition></Tags></METADATA>"
    ).encode()


def made(*, tiles: int = 1, gap: bool = False, stamps: bool = False, long: bool = False) -> bytes:
    pixels = np.zeros((4, 5), np.uint8)
    blocks = [
        Block(
            pixels,
            {"T": t, "C": c, "Y": 0, "X": 5 * m} | ({"M": m} if tiles > 1 else {}),
            metadata=said(t, c, m) + b" " * (HEAD_SIZE if long else 0),
        )
        for t in range(3)
        for c in range(2)
        for m in range(tiles)
        if not (gap and t == 1)
    ]
    file = io.BytesIO()
    write_czi(file, blocks, metadata_xml(), [time_stamps([5.0, 6.0, 7.0])] if stamps else ())
    return file.getvalue()


def column(handle: ImageHandle, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    planes = read_planes(handle)
    assert planes is not None
    found = planes.column(name)
    assert found is not None
    return found


@pytest.mark.parametrize("long", [False, True])
def test_planes_say_when_and_where(long: bool) -> None:
    handle = open_image(made(long=long))
    assert handle.scene.planes is None
    planes = read_planes(handle)
    assert planes is not None
    assert planes.dims.items() == (("T", 3), ("C", 2))
    assert np.allclose(column(handle, "time"), [[0, 0], [1, 1], [2, 2]])
    assert np.allclose(column(handle, "exposure"), [[0.05, 0.1]] * 3)
    assert np.allclose(column(handle, "x"), 100.5)
    assert np.allclose(column(handle, "y"), -20.25)
    assert np.allclose(column(handle, "z"), 10)
    known = with_planes(handle)
    assert known.scene.planes == planes
    assert known.array == handle.array


def test_each_tile_says_its_own() -> None:
    apart = open_image(made(tiles=3), mosaic="tiles")
    assert read_planes(apart).dims.order == "MTC"  # type: ignore[union-attr]  # this file has them
    assert np.allclose(column(apart, "x")[:, 0, 0], [100.5, 101.5, 102.5])
    stitched = open_image(made(tiles=3))
    assert np.allclose(column(stitched, "x"), 100.5)


def test_what_a_plane_does_not_say_the_file_may() -> None:
    handle = open_image(made(gap=True))
    assert np.isnan(column(handle, "time")[1]).all()
    with_stamps = open_image(made(gap=True, stamps=True))
    assert np.allclose(column(with_stamps, "time")[1], 1.0)


def test_metadata_of_the_subblocks_in_focus() -> None:
    handle = open_image(made(tiles=2))
    assert len(read_subblock_metadata(handle)) == 12
    one = transpose_to(handle, "YX", T=2, C=1, X=slice(6, 8))
    assert read_subblock_metadata(one) == (said(2, 1, 1).decode(),)
    with pytest.raises(UnsupportedFormatError, match="CZI"):
        read_subblock_metadata(open_image(np.zeros((4, 4))))


def test_what_is_no_number_is_not_known() -> None:
    text = (
        b"<StageXPosition>here</StageXPosition><FocusPosition>inf</FocusPosition><AcquisitionTime/>"
    )
    assert all(
        math.isnan(value)
        for value in (
            parse_facts(text).x,
            parse_facts(text).z,
            parse_facts(text).time,
            SubblockFacts().exposure,
            # No exposure takes no time: 0 stands for none.
            parse_facts(b"<ExposureTime>0</ExposureTime>").exposure,
        )
    )


def test_lying_subblocks_are_refused() -> None:
    data = bytearray(made())
    at = data.find(b"ZISRAWSUBBLOCK") + 32
    data[at : at + 4] = (1 << 30).to_bytes(4, "little")
    with pytest.raises(CorruptFileError, match="at byte"):
        read_planes(open_image(bytes(data)))


@pytest.mark.parametrize("name", NAMES)
def test_times_and_places_are_those_that_were_recorded(name: str) -> None:
    handle = open_image(corpus_file(name))
    recorded = facts("czi")[name]["series"][0]["planes"]
    planes = read_planes(handle)
    assert planes is not None or recorded[0]["dt"] is None
    if (
        planes is not None
        and recorded[0]["dt"] is not None
        and len(handle.scenes) == 1
        and "H" not in handle.dims
    ):
        # The recorded reader counts from the date of the acquisition; here the earliest plane is 0.
        seconds = column(handle, "time")
        earliest = min(plane["dt"] for plane in recorded)
        for plane in recorded:
            position = dict(zip("ZCT", plane["zct"], strict=True))
            index = tuple(position.get(letter, 0) for letter in planes.dims)
            assert seconds[index] == pytest.approx(plane["dt"] - earliest, abs=0.002)
    if planes is not None and handle.scene.tiles is None and planes.x is not None:
        assert column(handle, "x").ravel()[0] == pytest.approx(recorded[0]["pos"][0])
        assert column(handle, "y").ravel()[0] == pytest.approx(recorded[0]["pos"][1])


def test_times_travel_into_ome_tiff(tmp_path: Path) -> None:
    from aicsio import write_ome_tiff

    write_ome_tiff(with_planes(open_image(made())), tmp_path / "made.ome.tiff")
    planes = open_image(tmp_path / "made.ome.tiff").scene.planes
    assert planes is not None
    times = planes.column("time")
    assert times is not None
    assert np.allclose(times.reshape(-1)[-1], 2.0)
