"""The generated files are legal: tifffile reads them as they were described, and their OME-XML fits the schema."""

import io
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import ome_types
import pytest
import tifffile
from hypothesis import given

from aicsio.testing import ImageSpec, TiffSpec, build, pixels
from aicsio.testing.ome_tiff import OME_TYPES, _shares
from aicsio.testing.patterns import DTYPES, make_plane, most_levels
from aicsio.testing.strategies import tiff_specs


def as_stored(image: ImageSpec, tcz: tuple[int, ...], level: int) -> npt.NDArray[Any]:
    """A plane in the shape that tifffile gives a page."""
    made = make_plane(image, tcz, level)
    if image.samples == 1:
        return made[..., 0]
    return np.moveaxis(made, -1, 0) if image.planar else made


@given(tiff_specs(flavours=["ome", "ome", "plain", "imagej"]))
def test_each_page_holds_the_plane_that_it_should(spec: TiffSpec) -> None:
    files = list(build(spec).values())[1 if spec.companion else 0 :]
    assert len(files) == spec.files
    for content, share in zip(files, _shares(spec), strict=True):
        assert content[:2] == (b"II" if spec.byte_order == "<" else b"MM")
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            file.pages.useframes = False
            assert file.is_bigtiff == spec.big
            assert len(file.pages) == (1 if spec.one_directory else len(share))
            for number, (index, *tcz) in enumerate(share[: len(file.pages)]):
                image = spec.images[index]
                page: Any = file.pages[number]
                check(page, spec, as_stored(image, tuple(tcz), 0))
                below = page.pages or ()
                assert len(below) == image.levels - 1
                for level in range(1, image.levels):
                    sub = below[level - 1]
                    assert sub.is_reduced
                    check(sub, spec, as_stored(image, tuple(tcz), level))


def check(page: Any, spec: TiffSpec, expected: npt.NDArray[Any]) -> None:
    found = page.asarray()
    assert found.dtype.newbyteorder("=") == expected.dtype
    assert found.reshape(-1).astype(expected.dtype).tobytes() == expected.tobytes()
    assert page.is_tiled == (spec.tile is not None)
    assert page.predictor == spec.predictor


def by_tifffile(spec: TiffSpec) -> bool:
    """Whether tifffile makes series of it: no set of files in memory, no pyramid of shuffled pages."""
    one = spec.files == 1 and not spec.companion
    return one and not (spec.shuffle is not None and any(image.levels > 1 for image in spec.images))


@given(tiff_specs().filter(by_tifffile))
def test_series_hold_the_images(spec: TiffSpec) -> None:
    (content,) = build(spec).values()
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert len(file.series) == len(spec.images)
        for series, image in zip(file.series, spec.images, strict=True):
            assert len(series.levels) == image.levels
            for level in range(image.levels):
                found, axes = squeezed(series.levels[level].asarray(), series.levels[level].axes)
                expected, letters = squeezed(pixels(image, level), image.dims.order)
                assert sorted(axes) == sorted(letters)
                found = found.transpose([axes.index(letter) for letter in letters])
                assert np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f")


def squeezed(array: npt.NDArray[Any], axes: str) -> tuple[npt.NDArray[Any], str]:
    kept = "".join(letter for letter, size in zip(axes, array.shape, strict=True) if size != 1)
    return array.reshape([size for size in array.shape if size != 1]), kept


@pytest.mark.filterwarnings("ignore:Accessing the 'model_fields' attribute")  # by ome-types 0.5
@given(tiff_specs())
def test_the_xml_fits_the_schema_and_says_what_was_described(spec: TiffSpec) -> None:
    for name, content in build(spec).items():
        xml = content.decode() if name.endswith(".companion.ome") else None
        if xml is None:
            with tifffile.TiffFile(io.BytesIO(content)) as file:
                first: Any = file.pages[0]
                xml = first.description
        ome = ome_types.from_xml(xml, validate=True)
        if ome.binary_only is not None:
            assert spec.companion
            continue
        assert [image.name for image in ome.images] == [image.name for image in spec.images]
        for described, image in zip(ome.images, spec.images, strict=True):
            facts = described.pixels
            assert facts.type.value == OME_TYPES[image.dtype]
            assert facts.dimension_order.value == image.order
            assert (facts.size_t, facts.size_c, facts.size_z) == (
                image.T,
                image.C * image.samples,
                image.Z,
            )
            assert (facts.size_y, facts.size_x) == (image.Y, image.X)
            sizes = (facts.physical_size_z, facts.physical_size_y, facts.physical_size_x)
            assert sizes == tuple(image.pixel_size)
            assert [channel.name for channel in facts.channels] == list(
                image.channel_names or [None] * image.C
            )


@given(tiff_specs(flavours=["imagej"]))
def test_imagej_stacks_are_told_by_tifffile(spec: TiffSpec) -> None:
    (content,) = build(spec).values()
    image = spec.images[0]
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        assert file.is_imagej
        (series,) = file.series
        found, axes = squeezed(series.asarray(), series.axes)
        expected, letters = squeezed(pixels(image), image.dims.order)
        assert sorted(axes) == sorted(letters)
        found = found.transpose([axes.index(letter) for letter in letters])
        assert np.array_equal(found, expected, equal_nan=expected.dtype.kind == "f")


ILLEGAL: list[tuple[dict[str, Any], str]] = [
    ({"images": ()}, "needs an image"),
    ({"tile": (16, 20)}, "multiples of 16"),
    ({"tile": (16, 16), "rows_per_strip": 3}, "not both"),
    ({"rows_per_strip": 0}, "at least one row"),
    ({"predictor": 2}, "predictor 2"),
    ({"predictor": 3, "compression": "zlib"}, "predictor 3"),
    ({"flavour": "plain", "files": 2}, "several files"),
    ({"files": 2}, "each file of a set holds a plane"),
    ({"files": 2, "images": (ImageSpec(T=3),), "tiffdata": "block"}, "TiffData each"),
    ({"shuffle": 1, "tiffdata": "block"}, "TiffData each"),
    ({"companion": True, "tiffdata": "bare"}, "TiffData each"),
    ({"images": (ImageSpec(), ImageSpec()), "tiffdata": "bare"}, "serves one image"),
    ({"images": (ImageSpec(dtype="int64"),)}, "OME has"),
    ({"images": (ImageSpec(planar=True),)}, "planes of its own"),
    ({"flavour": "imagej", "images": (ImageSpec(dtype="int8"),)}, "ImageJ has uint8"),
    ({"flavour": "imagej", "images": (ImageSpec(), ImageSpec())}, "one stack"),
    ({"one_directory": True}, "only ImageJ"),
]


@pytest.mark.parametrize(("facts", "why"), ILLEGAL)
def test_what_no_legal_file_answers_to_is_refused(facts: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        TiffSpec(**facts)


@pytest.mark.parametrize(
    "facts",
    [
        {"X": 0},
        {"samples": 0},
        {"dtype": "float8"},
        {"channel_names": ("a", "b")},
        {"Y": 1, "X": 2, "levels": 3},
    ],
)
def test_an_image_that_cannot_be_is_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"begin at 1|no pixels of type|2 names for 1|have 2 levels"
    ):
        ImageSpec(**facts)


def test_levels_end_with_one_pixel() -> None:
    assert [most_levels(1, n) for n in (1, 2, 3, 4, 5, 8, 9)] == [1, 2, 3, 3, 4, 4, 5]
    assert pixels(ImageSpec(Y=5, X=3, levels=4), 3).shape[-2:] == (1, 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_pixels_differ_by_place_and_seed(dtype: str) -> None:
    image = ImageSpec(T=2, C=2, Z=2, Y=32, X=32, samples=3, dtype=dtype)
    made = pixels(image)
    assert made.dtype == np.dtype(dtype)
    planes = {made[index].tobytes() for index in np.ndindex(2, 2, 2)}
    assert len(planes) == 8
    assert made.tobytes() != pixels(attrs.evolve(image, seed=1)).tobytes()
    assert made.tobytes() == pixels(image).tobytes()
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        assert made.min() < info.min + (info.max - info.min) // 20
        assert made.max() > info.max - (info.max - info.min) // 20


def test_the_pixels_are_the_same_on_every_machine() -> None:
    import hashlib

    digest = hashlib.sha256()
    for dtype in DTYPES:
        digest.update(
            pixels(ImageSpec(dtype=dtype, Z=2, samples=2))
            .astype(np.dtype(dtype).newbyteorder("<"))
            .tobytes()
        )
    assert digest.hexdigest()[:16] == "b89931e97776f3b2"
