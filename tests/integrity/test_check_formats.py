"""``check`` on every format of the table: whole files raise no alarm, and cuts of every file of a set are found."""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aicsio import AicsioError, check, open_image
from aicsio.records import Encoded
from aicsio.testing.ims import ImsImage, write_ims
from aicsio.testing.mirax import MiraxImage, write_mirax
from aicsio.testing.vsi import VsiImage, write_vsi
from format_makers import MAKERS
from limits import variant_count

CUTS = variant_count(12)
"""Cuts of each format; 500 in all with 20."""
_COLOUR = np.random.default_rng(0).integers(0, 250, (64, 80, 3)).astype(np.uint8)

UNREFERENCED = {
    "plate.wpp": "a description of the plate that holds nothing of the images",
    "METADATA.ome.xml": "a text that only a plate needs",
}
"""Files whose cut nothing in the rest of a set shows."""


def list_files(path: Path) -> list[Path]:
    folder = path if path.is_dir() else path.parent
    return sorted(file for file in folder.rglob("*") if file.is_file())


def is_found(path: Path, *, deep: bool = False) -> bool:
    try:
        return not check(path, deep=deep).whole
    except AicsioError:
        # The file is no longer of any format.
        return True


@pytest.mark.parametrize("name", MAKERS)
def test_whole_files_have_no_findings(name: str, tmp_path: Path) -> None:
    path = MAKERS[name](tmp_path)
    for deep in (False, True):
        report = check(path, deep=deep)
        assert report.whole, str(report)


@pytest.mark.parametrize("name", MAKERS)
def test_cuts_are_found(name: str, tmp_path: Path) -> None:
    path = MAKERS[name](tmp_path)
    rng = random.Random(3)
    files = list_files(path)
    sizes = [file.stat().st_size for file in files]
    for _ in range(CUTS):
        file = rng.choices(files, sizes)[0]
        whole = file.read_bytes()
        # A file without its first bytes of all is another file: that one is missing shows.
        at = rng.randrange(min(1000, len(whole) // 2), len(whole))
        file.write_bytes(whole[:at])
        assert is_found(path) or file.name in UNREFERENCED, f"{file.name} cut at {at}"
        file.write_bytes(whole)


def make_ims(folder: Path) -> Path:
    pytest.importorskip("h5py")
    pixels = _COLOUR.transpose(2, 0, 1).copy()
    return write_ims(ImsImage(pixels, "ZYX", filters=("gzip",)), folder / "a.ims")


def make_vsi(folder: Path) -> Path:
    return write_vsi(VsiImage(_COLOUR, "YXS", compression="png"), folder / "a.vsi")


def make_mirax(folder: Path) -> Path:
    return write_mirax(MiraxImage(_COLOUR[None, None]), folder / "a.mrxs")


CHECKSUMMED: dict[str, Callable[[Path], Path]] = {
    "ims": make_ims,
    "vsi": make_vsi,
    "mirax": make_mirax,
}
"""Formats with blocks of Deflate or PNG, which have checksums."""


@pytest.mark.parametrize("name", CHECKSUMMED)
def test_flipped_bits_are_found_where_blocks_have_checksums(name: str, tmp_path: Path) -> None:
    path = CHECKSUMMED[name](tmp_path)
    layout = open_image(path).scenes[0].levels[0].layout
    window = tuple(slice(0, size) for size in layout.block_shape)
    pieces = layout.pieces((0,) * len(window), window)
    block = next(piece for piece in pieces if isinstance(piece, Encoded))
    file = Path(block.source.uri)
    whole = file.read_bytes()
    rng = random.Random(4)
    for _ in range(CUTS):
        data = bytearray(whole)
        data[block.offset + rng.randrange(block.nbytes)] ^= 1 << rng.randrange(8)
        file.write_bytes(data)
        assert is_found(path, deep=True)
