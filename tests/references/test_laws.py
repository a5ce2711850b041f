"""Laws of stores and references: what they show of any image, seen through any view, is what the engine reads."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio import ImageHandle, UnsupportedFormatError, open_image, to_numpy, transpose_to
from aicsio.references import as_zarr_store, to_references
from aicsio.testing import TiffSpec, write
from aicsio.testing.strategies import tiff_specs, views

fsspec_reference = pytest.importorskip("fsspec.implementations.reference")
imagecodecs_numcodecs = pytest.importorskip("imagecodecs.numcodecs")
zarr = pytest.importorskip("zarr")


def equal(shown: Any, expected: Any) -> bool:
    return bool(np.array_equal(shown, expected, equal_nan=expected.dtype.kind in "fc"))


def viewed(handle: ImageHandle, data: st.DataObject) -> ImageHandle:
    """Look at a handle through a view."""
    order, picks = data.draw(views(handle.dims))
    return transpose_to(handle, order, **picks)


def check_store(handle: ImageHandle) -> None:
    store = as_zarr_store(handle)
    shown = zarr.open_group(store, mode="r")["scale0/image"][...]
    # Letters that the handle lacks are added with length 1; S behind C folds by a reshape.
    pixels = to_numpy(transpose_to(handle, "TCSZYX"))
    assert shown.ndim == len(handle.dims) - ("S" in handle.dims and "C" in handle.dims)
    assert equal(shown, pixels.reshape(shown.shape))


def check_references(handle: ImageHandle) -> None:
    """Compare the pixels of references, unless they are refused."""
    try:
        references = to_references(handle)
    except UnsupportedFormatError:
        return
    json.dumps(references)
    files = fsspec_reference.ReferenceFileSystem(
        references, asynchronous=True, remote_options={"asynchronous": True}
    )
    store = zarr.storage.FsspecStore(files, read_only=True, path="")
    assert equal(zarr.open_group(store, mode="r")["image"][...], to_numpy(handle))


@given(tiff_specs(), st.data())
def test_references_show_what_the_engine_reads(spec: TiffSpec, data: st.DataObject) -> None:
    imagecodecs_numcodecs.register_codecs(verbose=False)
    with tempfile.TemporaryDirectory() as folder:
        handle = open_image(write(spec, Path(folder)))
        check_references(handle)
        check_references(viewed(handle, data))


@given(tiff_specs())
def test_a_store_shows_what_the_engine_reads(spec: TiffSpec) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_store(open_image(write(spec, Path(folder))))
