"""The stores of ``zarr_stores`` hold what their descriptions state, by the reading of zarr-python."""

from pathlib import Path

import numpy as np
import pytest

from zarr_stores import Maker, arrays, by_hand, libraries, make, plain, plainly
from zarr_stores.judges import opened_group, zarr_pixels

DESCRIBED = {**libraries.MAKERS, **by_hand.MAKERS, **plain.MAKERS}


@pytest.mark.parametrize("name", plainly.KINDS)
def test_stores_written_after_the_specification_are_read_by_zarr(tmp_path: Path, name: str) -> None:
    levels = plainly.write_store(tmp_path / "plain.zarr", name)
    found = zarr_pixels(tmp_path / "plain.zarr", "", ("0", "1"))
    assert all(np.array_equal(*pair) for pair in zip(found, levels, strict=True))


@pytest.mark.parametrize("name", DESCRIBED)
def test_libraries_wrote_the_described_images(tmp_path: Path, name: str) -> None:
    maker: Maker = DESCRIBED[name]
    store = make(maker, tmp_path / "made.zarr")
    for image in store.images:
        found = zarr_pixels(store.path, image.path, image.levels)
        assert np.array_equal(found[0], image.pixels)
        assert not image.letters or len(image.letters) == found[0].ndim
        for label, expected in image.labels:
            with opened_group(store.path, f"{image.path}/labels/{label}".lstrip("/")) as group:
                _, first = min((key, array) for key, array in group.arrays())
                assert np.array_equal(first[...], expected)


def test_crc32c_of_the_check_value() -> None:
    """RFC 3720, appendix B.4, and the check value of CRC-32C in every catalogue."""
    assert plainly.crc32c(b"123456789") == bytes.fromhex("839206e3")
    assert plainly.crc32c(bytes(32)) == bytes.fromhex("aa36918a")


def test_each_codec_has_one_name() -> None:
    assert len(arrays.MAKERS) == sum(
        map(len, (arrays.VERSION_2, arrays.VERSION_3, arrays.TENSORSTORE))
    )
