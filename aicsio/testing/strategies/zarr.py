"""Strategies for descriptions of Zarr stores.

Rule kept here: every drawn description is a legal store.
"""

from typing import Any

from hypothesis import strategies as st

from aicsio.testing.patterns import DTYPES
from aicsio.testing.strategies.images import Draw, composite
from aicsio.testing.zarr import ZarrImage, ZarrSpec
from aicsio.testing.zarr.spec import TCZYX, VERSIONS

__all__ = ["zarr_specs"]

_NAMES = st.text("abcdefghij µ<&", min_size=1, max_size=8).filter(lambda name: name == name.strip())
# 64ths of a micrometre: decimal text in a file gives the same float back.
_SIZES = st.integers(1, 4000).map(lambda number: number / 64)
_PLAIN_LETTERS = "TCZYXAB"


@composite
def zarr_specs(draw: Draw, *, max_images: int = 4, ngff: bool | None = None) -> ZarrSpec:
    """Draw descriptions of legal stores.

    Parameters
    ----------
    max_images
        Most images of a plate or a series.
    ngff
        Whether the store has the metadata of NGFF; ``None`` draws both.

    Returns
    -------
    SearchStrategy of ZarrSpec

    Examples
    --------
    >>> from hypothesis import find
    >>> from aicsio.testing.strategies import zarr_specs
    >>> find(zarr_specs(), lambda spec: spec.contained == "plate").version
    '0.1'
    """
    contained: list[Any] = []
    if ngff is not False:
        contained += ["image", "image", "series", "plate"]
    if not ngff:
        contained += ["array", "group"]
    kind = draw(st.sampled_from(contained))
    version = draw(st.sampled_from(VERSIONS))
    is_ngff, is_v3 = kind in {"image", "series", "plate"}, version == "0.5"
    count = 1
    if kind not in {"image", "array"}:
        count = draw(st.integers(1, max_images))
    dtype = draw(st.sampled_from([name for name in DTYPES if not is_ngff or "complex" not in name]))
    separators: Any = ["/", "."]
    if is_ngff:
        separators = "." if version == "0.1" else "/"
    compressors: list[Any] = ["none", "gzip", "zstd", "blosc"]
    if not is_v3:
        compressors.append("zlib")
    return ZarrSpec(
        tuple(draw(_images(version, is_ngff=is_ngff, is_v3=is_v3)) for _ in range(count)),
        version,
        kind,
        dtype=dtype,
        big_endian=draw(st.booleans()),
        fortran=draw(st.booleans()),
        compressor=draw(st.sampled_from(compressors)),
        checksum=is_v3 and draw(st.booleans()),
        index_at_start=draw(st.booleans()),
        separator=draw(st.sampled_from(separators)),
        fill=draw(st.sampled_from([0, 0, 7])),
        sparse=draw(st.booleans()),
        consolidated=draw(st.booleans()),
    )


@composite
def _images(draw: Draw, version: str, *, is_ngff: bool, is_v3: bool) -> ZarrImage:
    letters = TCZYX
    if not is_ngff:
        letters = "".join(draw(st.permutations(_PLAIN_LETTERS))[: draw(st.integers(1, 5))])
    # Versions before 0.3 have all five axes; later ones may leave out T, C and Z.
    elif version not in {"0.1", "0.2"}:
        chosen = draw(st.sets(st.sampled_from("TCZ")))
        letters = "".join(letter for letter in TCZYX if letter in chosen or letter in "YX")
    shape = tuple(draw(st.integers(1, 14 if letter in "YX" else 3)) for letter in letters)
    # Longer than the axis, too: such a chunk sticks out of the array.
    chunks = tuple(draw(st.integers(1, size + 2)) for size in shape)
    shards = None
    if is_v3 and draw(st.booleans()):
        # A shard may be larger than the image.
        shards = tuple(chunk * draw(st.integers(1, 3)) for chunk in chunks)
    scale = translation = None
    names: list[str] = []
    labels: list[str] = []
    if is_ngff:
        if version >= "0.4":
            vectors = st.none() | st.tuples(*(_SIZES for _ in letters))
            scale = draw(vectors)
            # NGFF 0.4: a translation stands behind a scale, never alone.
            if scale is not None:
                translation = draw(vectors)
        channels = shape[letters.index("C")] if "C" in letters else 1
        if draw(st.booleans()):
            names = draw(st.lists(_NAMES, min_size=channels, max_size=channels))
        labels = draw(st.lists(st.sampled_from(["cells", "nuclei"]), unique=True, max_size=2))
    return ZarrImage(
        letters,
        shape,
        chunks,
        shards,
        levels=draw(st.integers(1, 3)) if is_ngff else 1,
        scale=scale,
        translation=translation,
        name=draw(st.none() | _NAMES),
        channel_names=tuple(names),
        labels=tuple(labels),
        seed=draw(st.integers(0, 1 << 16)),
    )
