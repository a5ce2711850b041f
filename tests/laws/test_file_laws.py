"""What was described, made and opened is as described; what was written and opened is as written."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from aicsio import (
    ImageHandle,
    PixelSize,
    open_image,
    select_level,
    select_scene,
    to_numpy,
    transpose_to,
    write_ome_tiff,
)
from aicsio._io.readers import open_count
from aicsio.testing import TiffSpec, pixels, write
from aicsio.testing.ome_tiff import OME_TYPES, build
from aicsio.testing.patterns import ImageSpec
from aicsio.testing.strategies import Draw, arrays, composite, picks, tiff_specs
from support import check_a_view


def opened(spec: TiffSpec, folder: str) -> ImageHandle:
    handle = open_image(write(spec, Path(folder)))
    assert open_count() == 0
    return handle


def check_pixels(handle: ImageHandle, image: ImageSpec) -> None:
    assert len(handle.levels) == image.levels
    for level in range(image.levels):
        expected = pixels(image, level)
        focused = select_level(handle, level)
        assert focused.dtype == expected.dtype
        seen = transpose_to(focused, image.dims.order)
        assert seen.shape == expected.shape
        assert to_numpy(seen).tobytes() == expected.tobytes()


@given(tiff_specs())
def test_an_ome_tiff_shows_what_was_described(spec: TiffSpec) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handle = opened(spec, folder)
        assert handle.format == "ome-tiff"
        assert len(handle.scenes) == len(spec.images)
        for index, image in enumerate(spec.images):
            scene = select_scene(handle, index)
            check_pixels(scene, image)
            assert scene.scene.name == (image.name or f"Image:{index}")
            assert scene.pixel_size == image.pixel_size
            assert scene.time_step == image.time_step
            assert [channel.name for channel in scene.channels] == list(
                image.channel_names or [None] * image.C
            )
            assert {channel.samples for channel in scene.channels} == {image.samples}
    assert open_count() == 0


@given(tiff_specs(flavours=["imagej"]))
def test_an_imagej_stack_shows_what_was_described(spec: TiffSpec) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handle = opened(spec, folder)
        check_pixels(handle, spec.images[0])
        size = spec.images[0].pixel_size
        assert handle.pixel_size.Z == size.Z
        assert handle.time_step == spec.images[0].time_step


@given(tiff_specs(flavours=["plain"]), st.data())
def test_a_plain_stack_shows_its_pages_in_order(spec: TiffSpec, data: st.DataObject) -> None:
    image = spec.images[0]
    expected = pixels(image).swapaxes(1, 2).reshape(image.planes, image.Y, image.X)
    letters = data.draw(st.sampled_from(["TYX", "ZYX", "CYX"]))
    with tempfile.TemporaryDirectory() as folder:
        path = write(spec, Path(folder))
        handle = open_image(path) if image.planes == 1 else open_image(path, dims=letters)
        seen = to_numpy(transpose_to(handle, letters))
        assert seen.dtype == expected.dtype
        assert seen.tobytes() == expected.tobytes()


@given(tiff_specs(max_images=2), st.data())
def test_a_view_of_a_file_is_what_the_model_says(spec: TiffSpec, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        handle = opened(spec, folder)
        index = data.draw(st.integers(0, len(spec.images) - 1))
        image = spec.images[index]
        seen = transpose_to(select_scene(handle, index), image.dims.order)
        check_a_view(seen, pixels(image), data)


@given(tiff_specs(max_images=1).filter(lambda spec: spec.files == 1 and not spec.companion))
def test_bytes_are_read_like_files(spec: TiffSpec) -> None:
    (content,) = build(spec).values()
    check_pixels(open_image(content), spec.images[0])


def test_opening_is_blind_to_the_name(tmp_path: Path) -> None:
    spec = TiffSpec((ImageSpec(C=2),))
    for name in ("a.ome.tif", "b.TIFF", "c.dat", "d", "ü 名.png"):
        handle = open_image(write(spec, tmp_path, name))
        assert handle.format == "ome-tiff"
        assert np.array_equal(to_numpy(transpose_to(handle, "TCZYX")), pixels(spec.images[0]))


@composite
def writable(draw: Draw) -> ImageHandle:
    """An image that OME-TIFF has room for, seen in any order."""
    letters = "".join(draw(st.permutations("TCZYX"))[: draw(st.integers(1, 5))]) + draw(
        st.sampled_from(["", "S"])
    )
    shape = tuple(
        draw(st.sampled_from([3, 4]) if c == "S" else st.integers(1, 20 if c in "YX" else 3))
        for c in letters
    )
    array = draw(arrays(shape, np.dtype(draw(st.sampled_from(sorted(set(OME_TYPES) - {"bool"}))))))
    names = (
        [f"<{index}> & µ" for index in range(shape[letters.index("C")])]
        if "C" in letters
        else ["one"]
    )
    micrometres = st.none() | st.integers(1, 4000).map(lambda n: n / 64)
    size = PixelSize(draw(micrometres), draw(micrometres), draw(micrometres))
    image = open_image(array, dims=letters, channel_names=names, pixel_size=size)
    order = "".join(draw(st.permutations(letters)))
    chosen = {c: draw(picks(image.dims[c])) for c in order if c != "S" and draw(st.booleans())}
    return transpose_to(image, order, **chosen)


@given(
    writable(),
    st.sampled_from([None, "zlib", "zstd", "lzw"]),
    st.sampled_from(["auto", None, 16, (32, 16)]),
)
def test_what_was_written_is_read(image: ImageHandle, compression: Any, tile: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "written.ome.tiff"
        report = write_ome_tiff(image, path, compression=compression, tile=tile, sync=False)
        again = open_image(path)
        assert again.format == "ome-tiff"
        assert (again.dtype, report.dtype) == (image.dtype, image.dtype)
        assert report.nbytes == path.stat().st_size
        seen = transpose_to(again, image.dims.order)
        assert seen.dims == image.dims
        assert to_numpy(seen).tobytes() == to_numpy(image).tobytes()
        assert seen.channel_names == image.channel_names
        assert seen.pixel_size == image.pixel_size
        with tifffile.TiffFile(path) as file:
            expected = to_numpy(transpose_to(image, report.dims.order)).squeeze()
            assert np.array_equal(
                file.asarray().squeeze(), expected, equal_nan=expected.dtype.kind == "f"
            )
    assert open_count() == 0
