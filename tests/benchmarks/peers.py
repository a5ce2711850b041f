"""Which peers read which files, and whether they see the pixels that were written.

``python tests/benchmarks/peers.py`` prints the table of docs/comparison.md. Peers are asked in the way that
their own first example shows; those that are not installed are left out. The files hold known pixels.
"""

import importlib
import importlib.util
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

import aicsio
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.lif import LifImage, write_lif
from aicsio.testing.nd2 import Nd2Image, write_nd2

Array = npt.NDArray[Any]
DIMS = "TCYX"


def draw() -> Array:
    """Pixels of which no two are the same."""
    return np.arange(3 * 2 * 40 * 50, dtype=np.uint16).reshape(3, 2, 40, 50)


def make_files(folder: Path) -> dict[str, Path]:
    """Write the same pixels in each format."""
    pixels = draw()
    image = aicsio.open_image(pixels, dims=DIMS)
    files = {}
    for name, options in {"raw": {}, "zstd": {"compression": "zstd"}}.items():
        written = aicsio.write_ome_tiff(image, folder / f"{name}.ome.tiff", **cast("Any", options))
        files[f"OME-TIFF, {name}"] = Path(written.path)
    files["CZI"] = folder / "a.czi"
    with files["CZI"].open("wb") as file:
        size = {"X": 0.1, "Y": 0.1}
        described = metadata_xml(channels=["DAPI", "GFP"], pixel_size=size)
        write_czi(file, blocks_of(pixels, DIMS), described)
    files["LIF"] = write_lif(folder / "a.lif", [LifImage(pixels, DIMS)])
    files["ND2"] = write_nd2(Nd2Image(pixels, DIMS), folder / "a.nd2")
    return files


def _read_ours(path: Path) -> Array:
    return aicsio.to_numpy(aicsio.open_image(path))


def _library(name: str) -> Any:
    return importlib.import_module(name)


def _read_liffile(path: Path) -> Array:
    with _library("liffile").LifFile(path) as file:
        return np.asarray(file.images[0].asarray())


PEERS: Mapping[str, Callable[[Path], Array]] = {
    "aicsio": _read_ours,
    "bioio": lambda path: np.asarray(_library("bioio").BioImage(path).data),
    "tifffile": lambda path: np.asarray(_library("tifffile").imread(path)),
    "czifile": lambda path: np.asarray(_library("czifile").imread(str(path))),
    "aicspylibczi": lambda path: np.asarray(_library("aicspylibczi").CziFile(path).read_image()[0]),
    "liffile": _read_liffile,
    "nd2": lambda path: np.asarray(_library("nd2").imread(path)),
}


def judge(read: Callable[[Path], Array], path: Path) -> str:
    """Return ``same``, ``other order``, ``other pixels``, or the class of the error."""
    expected = draw()
    try:
        pixels = np.asarray(read(path))
    except Exception as error:  # noqa: BLE001 - a peer may raise anything: that is its answer
        return type(error).__name__
    shown = np.squeeze(pixels)
    if shown.shape == expected.shape and np.array_equal(shown, expected):
        return "same"
    if np.array_equal(np.sort(shown, axis=None), np.sort(expected, axis=None)):
        return "other order"
    return "other pixels"


def table(folder: Path) -> str:
    """The table, in Markdown."""
    files = make_files(folder)
    peers = [name for name in PEERS if importlib.util.find_spec(name) is not None]
    rows = ["| file | " + " | ".join(f"{name} {version(name)}" for name in peers) + " |"]
    rows.append("|---" * (len(peers) + 1) + "|")
    for kind, path in files.items():
        answers = [judge(PEERS[name], path) for name in peers]
        rows.append(f"| {kind} | " + " | ".join(answers) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peers warn of much that does not concern the pixels
        print(table(Path(place)))
    sys.exit(0)
