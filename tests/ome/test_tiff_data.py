"""TiffData elements that follow each other become one entry, from which each can be had back."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aicsio._ome.document import parse_ome
from aicsio._ome.model import OmeImage, TiffData
from aicsio._ome.tiff_data import MANY, split_up

PLACES = [(t, c, z) for t in range(4) for c in range(3) for z in range(10)]
ENTRIES = [TiffData(n, 1, z, c, t, "urn:1", "a.tif") for n, (t, c, z) in enumerate(PLACES)]


def read(entries: list[TiffData], size_z: int = 10) -> OmeImage:
    elements = "".join(
        f'<TiffData IFD="{e.ifd}" PlaneCount="{e.planes}" FirstZ="{e.z}" FirstC="{e.c}" FirstT="{e.t}">'
        f'<UUID FileName="{e.file_name}">{e.uuid}</UUID></TiffData>'
        for e in entries
    )
    sizes = f'DimensionOrder="XYZCT" SizeX="6" SizeY="5" SizeZ="{size_z}" SizeC="3" SizeT="4"'
    return parse_ome(f"<OME><Image><Pixels {sizes}>{elements}</Pixels></Image></OME>").images[0]


def split(image: OmeImage) -> list[TiffData]:
    return [each for entry in image.tiff_data for each in split_up(entry, image.sizes)]


def test_elements_of_a_whole_series_are_one_entry() -> None:
    image = read(ENTRIES)
    assert image.tiff_data == (TiffData(0, 120, 0, 0, 0, "urn:1", "a.tif", 120),)
    assert split(image) == ENTRIES


CHANGES = st.dictionaries(
    st.integers(0, len(ENTRIES) - 1),
    st.sampled_from([
        {"ifd": 7}, {"z": 3}, {"c": 0}, {"t": 3}, {"uuid": "urn:2"}, {"file_name": "b.tif"}, {"ifd": -1},
        {"planes": 2}, {"z": 10}, {"t": -1}, {"ifd": 1 << 70},
    ]),
    max_size=4,
)  # fmt: skip


@given(CHANGES, st.integers(1, len(ENTRIES)), st.sampled_from([9, 10, 11]))
def test_joining_loses_nothing(changes: dict[int, dict[str, Any]], count: int, size_z: int) -> None:
    entries = list(ENTRIES)
    for number, change in changes.items():
        entries[number] = entries[number]._replace(**change)
    image = read(entries[:count], size_z)
    assert split(image) == entries[:count]
    # An element says where the next ones are only inside of the sizes.
    assert all(e.elements in {1, e.planes} for e in image.tiff_data)
    if size_z == 9 and count >= MANY:
        assert len(image.tiff_data) == count
