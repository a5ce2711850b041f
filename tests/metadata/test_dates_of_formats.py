"""A date that the calendar or the clock lacks is none, in whatever format it stands.

The record promises ISO 8601 (``Scene.acquired``), which Python's own parser judges here.
"""

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
import tifffile

from aicsio import open_image
from aicsio.testing.dicom import DicomImage, write_dicom
from aicsio.testing.mirax import MiraxImage, write_mirax
from aicsio.testing.oif import OifImage, write_oif

PIXELS = np.zeros((1, 8, 8), np.uint8)


def replaced(folder: Path, old: bytes, new: bytes) -> None:
    """Replace bytes in whichever files of a folder hold them; one must."""
    count = 0
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if old in content:
            path.write_bytes(content.replace(old, new))
            count += 1
    assert count


@pytest.mark.parametrize(
    ("text", "date"),
    [
        (b"20260102030460.25", "2026-01-02T03:04:59.25"),  # a leap second (PS3.5, 6.2)
        (b"20260231030405.25", None),
        (b"20260102030475.25", None),
        (b"00000102030405.25", None),
        (b"20260102030405+99", None),
    ],
)
def test_dicom(tmp_path: Path, text: bytes, date: str | None) -> None:
    write_dicom(DicomImage(PIXELS, "CYX", tile=(8, 8)), tmp_path)
    replaced(tmp_path, b"20260102030405.25", text)
    acquired = open_image(tmp_path).scene.acquired
    # ContentDate and ContentTime stand in for an AcquisitionDateTime that is none.
    if acquired is not None:
        dt.datetime.fromisoformat(acquired)
    if date is not None:
        assert acquired == date


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("28/02/2026 03:04:05", "2026-02-28T03:04:05"),
        ("31/02/2026 03:04:05", None),
        ("02/01/0000 03:04:05", None),
        ("02/01/2026 24:04:05", None),
    ],
)
def test_mirax(tmp_path: Path, text: str, date: str | None) -> None:
    photos = np.zeros((1, 1, 12, 16, 3), np.uint8)
    path = write_mirax(MiraxImage(photos), tmp_path / "a.mrxs")
    replaced(tmp_path, b"02/01/2026 03:04:05", text.encode())
    assert open_image(path).scene.acquired == date


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2012-07-26 15:13:36", "2012-07-26T15:13:36.976"),
        # Milliseconds are appended to seconds alone.
        ("2012-07-26 15:13", "2012-07-26T15:13"),
        ("2012-07-26 15:13Z", "2012-07-26T15:13Z"),
        ("2012-02-30 15:13:36", None),
    ],
)
def test_oif(tmp_path: Path, text: str, date: str | None) -> None:
    path = write_oif(OifImage(PIXELS.astype(np.uint16), "CYX"), tmp_path / "a.oif")
    replaced(tmp_path, "2012-07-26 15:13:35".encode("utf-16-le"), text.encode("utf-16-le"))
    assert open_image(path).scene.acquired == date


@pytest.mark.parametrize("fraction", ["²", "٣", "1" * 5000, "x", "000"])
def test_exif_fraction_of_other_digits(tmp_path: Path, fraction: str) -> None:
    # ``str.isdigit`` takes superscripts, which ``int`` refuses, and digits of every script.
    tags = [(36867, 2, 0, b"2020:01:02 03:04:05", True), (37521, 2, 0, fraction.encode(), True)]
    tifffile.imwrite(tmp_path / "a.tif", PIXELS[0], metadata=None, extratags=tags)
    acquired = open_image(tmp_path / "a.tif").scene.acquired
    assert acquired in {"2020-01-02T03:04:05", "2020-01-02T03:04:05.111111"}
