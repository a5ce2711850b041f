"""What was described and made as ICS, NRRD or PIC shows what was described."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image, to_numpy
from aicsio._io.readers import open_count
from aicsio.testing.raw_blocks import RawBlockImage, write_raw_block
from support import check_a_view


@st.composite
def described(draw: st.DrawFn) -> tuple[RawBlockImage, str]:
    suffix = draw(st.sampled_from(["ics", "nrrd", "pic"]))
    lead = draw(
        st.sampled_from(["", "Z"] if suffix == "pic" else ["", "Z", "T", "TC", "CZ", "TCZ"])
    )
    dims = f"{lead}YX"
    shape = tuple(draw(st.integers(2 if letter in lead else 1, 5)) for letter in dims)
    types = {"pic": ["u1", "u2"], "ics": ["u1", "i2", "u2", "f4"], "nrrd": ["i1", "u2", "f8"]}
    encodings = {"pic": ["raw"], "ics": ["raw", "gzip"], "nrrd": ["raw", "gzip", "bzip2"]}
    seed = draw(st.integers(0, 2**32 - 1))
    dtype = draw(st.sampled_from(types[suffix]))
    image = RawBlockImage(
        np.random.default_rng(seed).integers(0, 100, shape).astype(dtype),
        dims,
        draw(st.sampled_from(encodings[suffix])),
        "<" if suffix == "pic" else draw(st.sampled_from(["<", ">"])),
        apart=suffix != "pic" and draw(st.booleans()),
        spacing=tuple(draw(st.integers(1, 400)) / 64 for _ in range(3)),  # type: ignore[arg-type]
    )
    return image, suffix


@given(described(), st.data())
def test_a_file_shows_what_was_described(
    made: tuple[RawBlockImage, str], data: st.DataObject
) -> None:
    image, suffix = made
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write_raw_block(image, Path(folder) / f"a.{suffix}"))
        assert handle.dims.order == image.dims
        assert np.array_equal(to_numpy(handle), image.pixels)
        check_a_view(handle, image.pixels, data)
        assert image.spacing[1:] == (handle.pixel_size.Y, handle.pixel_size.X)
    assert open_count() == 0
