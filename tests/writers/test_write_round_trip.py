"""What is written is read: pixels, dims, names, sizes, times."""

import tempfile
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio import (
    Channel,
    Dims,
    ImageHandle,
    PixelSize,
    open_image,
    to_numpy,
    transpose_to,
    write_ome_tiff,
)
from aicsio._ome.builder import PIXEL_TYPES
from aicsio.testing import TiffSpec, build
from aicsio.testing.strategies import Draw, arrays, composite, image_specs, views
from support import corpus_file

TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1
)
NAMES = TEXT.filter(lambda name: name == name.strip())
KNOWN = st.none() | st.floats(1e-6, 1e6)


@composite
def images(draw: Draw) -> ImageHandle:
    """Handles that OME-TIFF can hold: dims in any order, what is known of them, seen through a view or not."""
    letters = "".join(draw(st.permutations("TCZYXS")))[draw(st.integers(0, 5)) :]
    sizes = {"Y": st.integers(1, 40), "X": st.integers(1, 40), "S": st.integers(1, 4)}
    shape = tuple(draw(sizes.get(letter, st.integers(1, 3))) for letter in letters)
    pixels = draw(arrays(shape, np.dtype(draw(st.sampled_from([*PIXEL_TYPES, "bool"])))))
    if draw(st.booleans()):
        import dask.array as da

        pixels = da.from_array(pixels, chunks=tuple(draw(st.integers(1, n)) for n in shape))
    size = PixelSize(draw(KNOWN), draw(KNOWN), draw(KNOWN))
    handle = open_image(pixels, dims=letters, pixel_size=size)
    channel = st.builds(
        Channel,
        st.none() | NAMES,
        # Without an alpha a colour is read as opaque: no channel is invisible.
        st.none() | st.integers(1, (1 << 32) - 1).filter(lambda color: color & 0xFF),
        fluor=st.none() | NAMES,
    )
    scene = attrs.evolve(
        handle.scene,
        name=draw(NAMES),
        channels=tuple(draw(channel) for _ in handle.channels),
        time_step=draw(KNOWN),
    )
    handle = attrs.evolve(handle, contents=attrs.evolve(handle.contents, scenes=(scene,)))
    if draw(st.booleans()):
        order, picks = draw(views(handle.dims, max_added=0))
        handle = transpose_to(handle, order, **picks)
    return handle


def assert_same(read: ImageHandle, written: ImageHandle, dims: Dims) -> None:
    assert read.format == "ome-tiff"
    assert not read.diagnostics
    assert read.dims == dims
    shown = to_numpy(transpose_to(written, dims.order))
    assert to_numpy(read).tobytes() == shown.tobytes()
    assert read.dtype == (np.uint8 if written.dtype.kind == "b" else written.dtype)
    # What the file does not name is called by its position in this file.
    given = [channel.name for channel in written.channels]
    assert list(read.channel_names) == [name or f"Channel:{i}" for i, name in enumerate(given)]
    assert [(c.color, c.fluor) for c in read.channels] == [
        (c.color, c.fluor) for c in written.channels
    ]
    assert read.scene.name == written.scene.name
    assert read.pixel_size == written.pixel_size
    assert read.time_step == written.time_step


@given(images(), st.data())
def test_what_is_written_is_read(handle: ImageHandle, data: st.DataObject) -> None:
    options: dict[str, Any] = {
        "compression": data.draw(st.sampled_from([None, "zlib", "zstd", "lzw"])),
        "tile": data.draw(st.sampled_from(["auto", None, 16, (16, 32)])),
        "bigtiff": data.draw(st.sampled_from(["auto", True, False])),
        "workers": data.draw(st.sampled_from([1, 2])),
        "sync": False,
    }
    with tempfile.TemporaryDirectory() as folder:
        report = write_ome_tiff(handle, Path(folder) / "a.ome.tiff", **options)
        assert not report.not_kept
        assert [
            letter for letter in report.dims if report.dims[letter] > 1 and letter in "TCZ"
        ] == [letter for letter in handle.dims if handle.dims[letter] > 1 and letter in "TCZ"]
        assert_same(open_image(report.path), handle, report.dims)


@given(image_specs())
def test_an_ome_tiff_is_written_as_it_was_read(spec: Any) -> None:
    ((_, content),) = build(TiffSpec((spec,))).items()
    handle = open_image(content)
    with tempfile.TemporaryDirectory() as folder:
        report = write_ome_tiff(handle, Path(folder) / "a.ome.tiff", sync=False)
        told = {note.message.split(" (")[0] for note in report.not_kept}
        assert told <= {f"{n} other resolution levels: level 0 is written" for n in (1, 2)}
        assert_same(open_image(report.path), handle, report.dims)


@pytest.mark.parametrize(
    "name",
    [
        "ometiff/czitools/FOV7_HV110_P0500510000.ome.tiff",
        "ometiff/czitools/CH1_16bit.tif",
        "ometiff/bdp2-zlib/image--C00--T00000.ome.tif",
        "ometiff/aicsimageio/s_1_t_1_c_1_z_1.ome.tiff",
    ],
)
def test_a_real_file_is_written_as_it_was_read(name: str, tmp_path: Path) -> None:
    handle = open_image(corpus_file(name))
    report = write_ome_tiff(handle, tmp_path / "a.ome.tiff")
    read = open_image(report.path)
    assert to_numpy(read).tobytes() == to_numpy(transpose_to(handle, report.dims.order)).tobytes()
    assert read.channel_names == handle.channel_names
    assert read.pixel_size == handle.pixel_size
