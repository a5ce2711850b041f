"""Requests that opening a file on a web server takes, and those of one plane: four and one, with two exceptions.

The tables of an OIB lie in a chain, each found by the one before. An OIR has the name of each part of a frame
in front of its pixels, far from the next: its opening takes a request for each frame, side by side, or 7 from a
server that answers several ranges at once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import open_image, to_numpy, transpose_to
from aicsio.testing.dicom import DicomImage, write_dicom
from aicsio.testing.lif import LifImage, build_lof
from aicsio.testing.mrc import MrcImage, build_mrc
from aicsio.testing.nd2 import Nd2Image, build_nd2
from aicsio.testing.oif import OifImage, build_oib
from aicsio.testing.oir import OirImage, build_oir
from aicsio.testing.vsi import VsiImage, build_ets, write_vsi
from http_server import serving

PIXELS = np.random.default_rng(2).integers(0, 4000, (20, 2, 256, 240), np.uint16)
"""4.9 MB: more than any look ahead fetches."""


@attrs.frozen(eq=False)
class Case:
    """A file on the server, and its requests."""

    build: Callable[[Path], dict[str, bytes]]
    """Files by name; the first one is opened."""
    opening: int
    """Requests of opening it, at most."""
    plane: int = 1
    """Requests of one plane, at most."""
    picks: dict[str, int] = attrs.Factory(lambda: {"T": 13, "C": 1})
    """The plane."""


def by_name(name: str, build: Callable[[], bytes]) -> Callable[[Path], dict[str, bytes]]:
    return lambda _: {name: build()}


def slide(folder: Path) -> dict[str, bytes]:
    image = VsiImage(PIXELS, "TCYX", tile=(64, 64))
    path = write_vsi(image, folder / "a.vsi")
    return {"a.vsi": path.read_bytes(), "_a_/stack1/frame_t.ets": build_ets(image)}


def series(folder: Path) -> dict[str, bytes]:
    write_dicom(DicomImage(PIXELS[:, 0], "ZYX", tile=(64, 48)), folder / "a")
    [path] = (folder / "a").rglob("*.dcm")
    return {"a.dcm": path.read_bytes()}


CASES: dict[str, Case] = {
    "nd2": Case(by_name("a.nd2", lambda: build_nd2(Nd2Image(PIXELS, "TCYX"))), 2),
    "nd2 zlib": Case(
        by_name("a.nd2", lambda: build_nd2(Nd2Image(PIXELS, "TCYX", compressed=True))), 2
    ),
    "oib": Case(by_name("a.oib", lambda: build_oib(OifImage(PIXELS, "TCYX"))), 6),
    "oir": Case(by_name("a.oir", lambda: build_oir(OirImage(PIXELS, "TCYX"))[0]), 27),
    "dv": Case(by_name("a.dv", lambda: build_mrc(MrcImage(PIXELS[:, :, None], "TCZYX"))), 1),
    "lof": Case(by_name("a.lof", lambda: build_lof(LifImage(PIXELS, "TCYX"))), 2),
    "vsi": Case(slide, 3),
    "dicom": Case(series, 1, picks={"Z": 13}),
}


@pytest.mark.parametrize("name", CASES)
def test_requests(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    files = case.build(tmp_path)
    with serving() as site:
        site.files.update(files)
        handle = open_image(site.url + next(iter(files)))
        opening = len(site.asked)
        site.forget()
        plane: Any = to_numpy(transpose_to(handle, "YX", **case.picks))
        asked = len(site.asked)
    expected = PIXELS[13, 0] if name == "dicom" else PIXELS[13, 1]
    np.testing.assert_array_equal(plane, expected)
    assert 0 < opening <= case.opening
    assert 0 < asked <= case.plane
