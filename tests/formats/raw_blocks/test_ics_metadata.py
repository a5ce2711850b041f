"""Facts of the header of ICS; the values are those that Bio-Formats 7.3 shows of the same files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import ImageHandle, UnsupportedFormatError, open_image, to_numpy
from aicsio._ome.dates import written_date
from aicsio.testing.raw_blocks import RawBlockImage, write_raw_block
from ome_files import codes

PIXELS = np.zeros((2, 2, 3, 4, 6), "u2")


def open_with(folder: Path, *lines: str, image: RawBlockImage | None = None) -> ImageHandle:
    """Open a file with more lines in its header; a bar separates words."""
    path = write_raw_block(image or RawBlockImage(PIXELS, "TCZYX"), folder / "a.ics")
    text = "".join(line.replace("|", "\t") + "\n" for line in lines)
    path.write_bytes(path.read_bytes().replace(b"end\n", text.encode() + b"end\n", 1))
    return open_image(path)


def test_channels_lens_and_times(tmp_path: Path) -> None:
    handle = open_with(
        tmp_path,
        "parameter|ch|DAPI|GFP",
        "parameter|t|1.5|4.0",
        "sensor|type|widefield",
        "sensor|s_params|Channels|2",
        "sensor|s_params|LambdaEm|457.0|528.5",
        "sensor|s_params|LambdaEx|405|488",
        "sensor|s_params|NumAperture|1.4",
        "sensor|s_params|RefrInxMedium|1.515",
    )
    facts = [(one.name, one.emission, one.excitation) for one in handle.channels]
    assert facts == [("DAPI", 457.0, 405.0), ("GFP", 528.5, 488.0)]
    lens, planes = handle.scene.objective, handle.scene.planes
    assert lens is not None
    assert planes is not None
    assert (lens.aperture, lens.refractive_index) == (1.4, 1.515)
    times: Any = planes.column("time")
    assert times.tolist() == [0.0, 2.5]
    assert handle.diagnostics == ()


def test_lists_of_another_length_are_reported(tmp_path: Path) -> None:
    """A list is taken only where its length fits; 0 stands for unknown in libics."""
    handle = open_with(
        tmp_path,
        "parameter|ch|DAPI",
        "parameter|t|1.5|4.0|5.0",
        "sensor|s_params|LambdaEm|457.0|528.5|600",
        "sensor|s_params|LambdaEx|0|x",
        "sensor|s_params",
        "sensor|s_params|NumAperture",
    )
    assert [one.name for one in handle.channels] == [None, None]
    assert [(one.emission, one.excitation) for one in handle.channels] == [(None, None)] * 2
    assert codes(handle) == ["channels-length", "time-stamps-length"]
    assert handle.scene.planes is None
    assert handle.scene.objective is None


def test_wavelengths_of_an_image_without_c(tmp_path: Path) -> None:
    image = RawBlockImage(PIXELS[0, 0], "ZYX")
    (channel,) = open_with(tmp_path, "sensor|s_params|LambdaEm|457", image=image).channels
    assert channel.emission == 457.0
    image = RawBlockImage(np.zeros((4, 6, 3), "u1"), "YXS")
    (channel,) = open_with(tmp_path, "sensor|s_params|LambdaEm|457", image=image).channels
    assert (channel.emission, channel.samples) == (457.0, 3)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("history|creation date|Thu May 10 15:05:37 2007", "2007-05-10T15:05:37"),
        ("history|created on|Thu 10 May 2007 15:05:37 CEST", "2007-05-10T15:05:37"),
        ("history|date|Thursday, May 10, 2007 03:05:37 PM", "2007-05-10T15:05:37"),
        ("history|date|2007-05-10 15:05:37", "2007-05-10T15:05:37"),
        ("history|date|Thu|10|May|2007|15:05:37", "2007-05-10T15:05:37"),
        ("history|software|Thu May 10 15:05:37 2007", None),
        ("history|date|yesterday", None),
    ],
)
def test_dates(line: str, expected: str | None, tmp_path: Path) -> None:
    assert open_with(tmp_path, line).scene.acquired == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tue Feb 30 15:05:37 2007", None),
        ("May 2007 15:05:37", None),
        ("10 May 07 15:05:37", None),
        ("10/05/2007 15:05:37", None),
        ("10 May 2007 12:05:37 am", "2007-05-10T00:05:37"),
        ("10 May 2007 12:05:37 pm", "2007-05-10T12:05:37"),
        ("10 May 2007", None),
        ("Mon Mar 5 1:02:03 2007", "2007-03-05T01:02:03"),
        ("Mon Mar 5 1:02:03 2007 May", None),
    ],
)
def test_dates_whose_month_is_a_word(text: str, expected: str | None) -> None:
    assert written_date(text) == expected


@pytest.mark.parametrize(
    ("dtype", "order", "read_as"),
    [
        ("u2", "1|2", "<"),
        ("u2", "2|1", ">"),
        ("f4", "4|3|2|1", ">"),
        ("u4", "1", "<"),
        ("u4", "2|1|4|3", None),
        ("u4", "3|4|1|2", None),
        # As libics writes complex numbers: each part by itself.
        ("c8", "4|3|2|1|8|7|6|5", ">"),
        ("c8", "1|2|3|4|5|6|7|8", "<"),
        ("c8", "2|1|4|3|6|5|8|7", None),
    ],
)
def test_orders_of_bytes(dtype: str, order: str, read_as: str | None, tmp_path: Path) -> None:
    """Dean and others 1990: the place of each byte; those of a VAX were read as others."""
    pixels = np.arange(24).reshape(4, 6).astype(dtype)
    path = write_raw_block(RawBlockImage(pixels, "YX"), tmp_path / "a.ics")
    data = path.read_bytes()
    start = data.index(b"byte_order\t") + len(b"byte_order\t")
    stop = data.index(b"\n", start)
    path.write_bytes(data[:start] + order.replace("|", "\t").encode() + data[stop:])
    if read_as is None:
        with pytest.raises(UnsupportedFormatError, match="whose bytes lie in the order"):
            open_image(path)
        return
    expected = pixels.view(np.dtype(dtype).newbyteorder(read_as))  # type: ignore[arg-type, unused-ignore]
    assert np.array_equal(to_numpy(open_image(path)), expected, equal_nan=True)
