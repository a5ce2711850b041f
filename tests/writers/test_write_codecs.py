"""Compressions: what comes back, what is refused with which advice, what an indexed image keeps of its colours."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from aicsio import WriteError, open_image, to_numpy, write_ome_tiff
from aicsio._ome.builder import PIXEL_TYPES
from aicsio.testing import ImageSpec, pixels
from aicsio.testing.strategies import arrays
from aicsio.writers._pixels import tiff as tiff_structure
from aicsio.writers._pixels.encoders import COMPRESSIONS

Array = npt.NDArray[Any]


def array(*shape: int, dtype: str = "uint16", seed: int = 0) -> Array:
    return pixels(ImageSpec(X=int(np.prod(shape)), Y=1, dtype=dtype, seed=seed)).reshape(shape)


def smooth(*shape: int, dtype: str = "uint8") -> Array:
    y, x = np.mgrid[: shape[0], : shape[1]]
    plane = 120 + 100 * np.sin(y / 31) * np.cos(x / 47)
    return np.asarray(
        plane[..., None] + np.arange(shape[2]) * 9 if len(shape) > 2 else plane
    ).astype(dtype)


def both(path: str) -> tuple[Array, Array]:
    """What this library and tifffile read."""
    return to_numpy(open_image(path)), tifffile.imread(path)


@given(st.data())
def test_every_lossless_compression_gives_the_same_bits_back(data: st.DataObject) -> None:
    name: Any = data.draw(st.sampled_from(["zlib", "zstd", "lzw", "jpeg2000", "jpegxl"]))
    dtype = data.draw(st.sampled_from(sorted(COMPRESSIONS[name].dtypes or PIXEL_TYPES)))
    samples = data.draw(st.integers(1, 5))
    size = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 70))
    image = np.resize(data.draw(arrays((5, 7), np.dtype(dtype))), (*size, samples))
    options: Any = {
        "tile": data.draw(st.sampled_from(["auto", None, 16, (32, 48)])),
        "predictor": data.draw(
            st.sampled_from(["auto", False] + [True] * COMPRESSIONS[name].predicts)
        ),
        "compression_level": data.draw(
            st.sampled_from(
                {"zlib": [None, 0, 12], "zstd": [None, 1, 9], "jpegxl": [None, 2, 4]}.get(
                    name, [None]
                )
            )
        ),
    }
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            tiff_structure, "CODED_STRIP_BYTES", data.draw(st.sampled_from([300, 1 << 20]))
        )
        path = Path(folder) / "a.ome.tiff"
        report = write_ome_tiff(
            open_image(image, dims="YXS"), path, compression=name, sync=False, **options
        )
        for found in both(report.path):
            assert found.dtype == image.dtype
            assert found.tobytes() == image.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("compression", ["zlib", "zstd", "lzw"])
def test_differences_of_floats_by_choice(
    compression: Any, samples: int, dtype: str, tmp_path: Path
) -> None:
    image = smooth(150, 130, samples, dtype=dtype) / 7
    sizes = []
    for predictor in (False, True):
        path = tmp_path / f"{predictor}.ome.tiff"
        report = write_ome_tiff(
            open_image(image, dims="YXS"),
            path,
            compression=compression,
            predictor=predictor,
            tile=64,
            levels=2,
        )
        sizes.append(report.nbytes)
        assert all(found.tobytes() == image.tobytes() for found in both(report.path))
        with tifffile.TiffFile(path) as tiff:
            assert tiff.pages.first.predictor == (3 if predictor else 1)
            small = tiff.series[0].levels[1].asarray()
        assert np.asarray(open_image(path).levels[1]).tobytes() == small.tobytes()
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize("quality", [None, 30, 100])
@pytest.mark.parametrize("samples", [1, 3])
def test_jpeg_is_close(samples: int, quality: int | None, tmp_path: Path) -> None:
    image = smooth(200, 333, samples)
    report = write_ome_tiff(
        open_image(image, dims="YXS"),
        tmp_path / "a.ome.tiff",
        compression="jpeg",
        compression_level=quality,
        levels=3,
        tile=128,
    )
    for found in both(report.path):
        assert (
            np.abs(found.reshape(image.shape).astype(int) - image).max()
            <= {None: 4, 30: 12, 100: 2}[quality]
        )
    with tifffile.TiffFile(report.path) as tiff:
        page = tiff.pages.first
        assert page.photometric == (6 if samples == 3 else 1)
        assert page.compression == 7
        # At (1, 1) Bio-Formats 7.3 converts colours twice; without the tag libtiff warns.
        assert samples == 1 or page.subsampling == (2, 1)


def test_jpeg_2000_is_lossy_by_choice(tmp_path: Path) -> None:
    noise = array(200, 300)
    sizes = []
    for level in (None, 60, 35):
        report = write_ome_tiff(
            open_image(noise),
            tmp_path / f"{level}.ome.tiff",
            compression="jpeg2000",
            compression_level=level,
        )
        sizes.append(report.nbytes)
        error = both(report.path)[0].reshape(noise.shape).astype(float) - noise
        assert (
            np.abs(error).max() == 0
            if level is None
            else 0 < np.sqrt((error**2).mean()) < 65535 / 10 ** (level / 20) * 2
        )
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("compression", "dtype", "samples", "told"),
    [
        (
            "jpeg",
            "uint16",
            1,
            r"jpeg takes uint8 with 1 or 3 samples; .*uint16 with 1: choose one of .*jpeg2000, jpegxl$",
        ),
        ("jpeg", "uint8", 4, r"uint8 with 4: choose one of zlib, zstd, lzw, jpeg2000, jpegxl$"),
        (
            "jpeg2000",
            "float32",
            1,
            r"jpeg2000 takes .*int16; .*choose one of zlib, zstd, lzw, jpegxl$",
        ),
        (
            "jpegxl",
            "int32",
            1,
            r"jpegxl takes uint8, uint16, float32; .*choose one of zlib, zstd, lzw$",
        ),
    ],
)
def test_pixels_that_a_compression_cannot_take(
    compression: Any, dtype: str, samples: int, told: str, tmp_path: Path
) -> None:
    handle = open_image(np.zeros((20, 30, samples), dtype), dims="YXS")
    with pytest.raises(WriteError, match=told):
        write_ome_tiff(handle, tmp_path / "a.ome.tiff", compression=compression)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"compression": "zlib", "compression_level": 13}, "zlib has effort from 0 to 12"),
        ({"compression": "lzw", "compression_level": 1}, "lzw has no levels"),
        ({"compression": "jpeg", "compression_level": 0}, "jpeg has quality from 1 to 100"),
        ({"compression": "jpegxl", "compression_level": 1}, "jpegxl has effort from 2 to 9"),
        ({"compression": "jpegxl", "predictor": True}, "predicts pixels by itself"),
        ({"compression": None, "predictor": True}, "predictor=True without a compression"),
        (
            {"compression": None, "compression_level": 3},
            "compression_level=3 without a compression",
        ),
    ],
)
def test_options_that_do_not_fit_the_compression(
    options: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(WriteError, match=told):
        write_ome_tiff(open_image(np.zeros((4, 5), "u1")), tmp_path / "a.ome.tiff", **options)


# ---------------------------------------------------------------- colours


@pytest.fixture
def indexed(tmp_path: Path) -> tuple[Path, Array, Array]:
    colors = np.random.default_rng(0).integers(0, 65536, (3, 256), np.uint16)
    image = (np.add.outer(np.arange(90) // 9, np.arange(70) // 7) * 3).astype(np.uint8)
    tifffile.imwrite(
        tmp_path / "in.tif", image, photometric="palette", colormap=colors, metadata=None
    )
    return tmp_path / "in.tif", image, colors


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd"])
def test_indexed_pixels_keep_their_colours(
    indexed: tuple[Path, Array, Array], compression: Any, tmp_path: Path
) -> None:
    path, image, colors = indexed
    handle = open_image(path)
    report = write_ome_tiff(
        handle, tmp_path / "a.ome.tiff", compression=compression, levels=3, tile=16
    )
    assert not [note for note in report.not_kept if "colour map" in note.message]
    with tifffile.TiffFile(report.path) as tiff:
        for level in tiff.series[0].levels:
            page = level.keyframe
            assert page.photometric == 3
            assert page.colormap is not None
            assert page.colormap.tolist() == colors.tolist()
            assert set(np.unique(level.asarray())) <= set(np.unique(image))
    again = open_image(report.path)
    assert again.scene.color_map == handle.scene.color_map
    assert to_numpy(again).tobytes() == image.tobytes()


def test_indices_have_no_mean(indexed: tuple[Path, Array, Array], tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"indices of colours, .*'mode' or 'nearest'"):
        write_ome_tiff(open_image(indexed[0]), tmp_path / "a.ome.tiff", levels=2, downsample="mean")


@pytest.mark.parametrize("options", [{"dtype": "uint16"}, {"compression": "jpeg"}])
def test_what_cannot_keep_the_colours_says_so(
    options: dict[str, Any], indexed: tuple[Path, Array, Array], tmp_path: Path
) -> None:
    report = write_ome_tiff(open_image(indexed[0]), tmp_path / "a.ome.tiff", **options)
    assert [note for note in report.not_kept if "colour map" in note.message]
    assert open_image(report.path).scene.color_map is None


@pytest.mark.parametrize("compression", ["jpeg2000", "jpegxl"])
@pytest.mark.parametrize("shape", [(2, 1, 5), (7, 9, 5), (2, 1, 3), (5, 2, 2)])
def test_samples_of_small_segments_are_no_planes(
    compression: Any, shape: tuple[int, ...], tmp_path: Path
) -> None:
    """imagecodecs guesses axes from sizes; the right pixels are those that tifffile reads, too."""
    image = np.random.default_rng(3).integers(0, 4096, shape, np.uint16)
    path = write_ome_tiff(
        open_image(image, dims="YXS"), tmp_path / "a.ome.tiff", compression=compression
    ).path
    for found in both(path):
        assert np.array_equal(found.reshape(shape), image)
