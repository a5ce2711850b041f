"""Elements that follow each other are one run of planes; the tables are those of each by itself."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aicsio import open_image
from aicsio.formats.ome_tiff.planes import _joined, _Run
from ome_files import image, ome_tiff, ome_xml, values

TOTAL = 12
RUNS = st.lists(
    st.builds(
        _Run,
        st.integers(0, TOTAL - 1),
        st.integers(0, 1),
        st.integers(-1, 5),
        st.integers(-1, 4),
    ),
    max_size=8,
)


def pages_of(runs: list[_Run]) -> list[tuple[int, int]]:
    """File and page of each plane: a later element replaces an earlier one."""
    pages = [(-1, -1)] * TOTAL
    for run in runs:
        for step in range(run.plane_count if run.first_page >= 0 else 0):
            if run.first_plane + step < TOTAL:
                pages[run.first_plane + step] = (run.number, run.first_page + step)
    return pages


@given(RUNS)
def test_joined_runs_have_the_same_pages(runs: list[_Run]) -> None:
    assert pages_of(list(_joined(runs))) == pages_of(runs)


def test_an_element_a_plane_is_one_run() -> None:
    runs = [_Run(plane, 0, plane + 3, 1) for plane in range(TOTAL)]
    assert list(_joined(runs)) == [_Run(0, 0, 3, TOTAL)]
    other_order = [runs[index] for index in np.random.default_rng(0).permutation(TOTAL)]
    assert len(list(_joined(other_order))) > 1
    assert pages_of(list(_joined(other_order))) == pages_of(runs)
    two_files = [run._replace(number=run.first_plane // 6) for run in runs]
    assert list(_joined(two_files)) == [_Run(0, 0, 3, 6), _Run(6, 1, 9, 6)]


def test_elements_of_samples_are_those_of_the_channels_of_the_pages(tmp_path: Path) -> None:
    """SizeC counts samples: three elements of one plane, of which the last one counts."""
    stack = [np.full((5, 6, 3), number, np.uint8) for number in range(90)]
    data = "".join(
        f'<TiffData IFD="{3 * t + c}" PlaneCount="1" FirstZ="0" FirstC="{c}" FirstT="{t}"/>'
        for t in range(30)
        for c in range(3)
    )
    body = image('<Channel SamplesPerPixel="3"/>' + data, c=3, t=30, order="XYCZT")
    handle = open_image(ome_tiff(tmp_path / "a.ome.tif", stack, ome_xml(body)))
    assert str(handle.dims) == "T=30, Z=1, C=1, Y=5, X=6, S=3"
    assert values(handle) == list(range(2, 90, 3))
