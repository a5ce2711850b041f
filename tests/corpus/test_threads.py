"""Every real file opened and read by four threads at once shows the pixels of one thread."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aicsio import AicsioError, ArgumentTypeError, open_image, select_scene, to_numpy
from support import corpus_file, corpus_names

THREADS = 4
LARGEST = 30_000_000
"""Bytes of a file, and of a scene: larger ones show no more, and four of them fill the memory."""
NAMES = [
    name
    for name in corpus_names("czi", "lif", "imageio", "ometiff", "tiff", "lsm", "fuzz")
    if not name.endswith(".index")
]


def fingerprint(path: Path) -> list[str]:
    """Checksums of all scenes that are not too large, or the class of the error."""
    try:
        handle = open_image(path)
        digests = []
        for index, scene in enumerate(handle.scenes):
            if scene.levels and scene.levels[0].nbytes <= LARGEST:
                pixels = to_numpy(select_scene(handle, index))
                digest = hashlib.md5(pixels.tobytes(), usedforsecurity=False).hexdigest()
                digests.append(digest)
    except ArgumentTypeError:
        raise  # inside the package: a record that breaks its own types
    except AicsioError as error:
        return [type(error).__name__]
    return digests


@pytest.mark.parametrize("name", NAMES)
def test_four_threads_see_the_pixels_of_one(name: str) -> None:
    path = corpus_file(name)
    if path.stat().st_size > LARGEST:
        pytest.skip("a larger file shows no more")
    alone = fingerprint(path)
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(fingerprint, [path] * THREADS))
    assert together == [alone] * THREADS
