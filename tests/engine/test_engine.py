import itertools
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aicsio import ImageHandle, _engine, to_dask, to_numpy, transpose_to
from aicsio._engine import run, strided
from aicsio._io import retrying
from aicsio._io.readers import identify, open_count
from aicsio.errors import CorruptFileError, ImageTooLargeError, SourceError
from aicsio.records import (
    Codec,
    Computed,
    Dims,
    Encoded,
    LazyArray,
    Piece,
    Selection,
    Source,
    Strided,
)
from aicsio.testing.layouts import make_handle, read_content, relocate, store_array
from aicsio.testing.model import transpose_array
from http_server import serving
from support import mostly_long


@attrs.frozen
class Listed:
    """A layout of the pieces that a test gives: the same for every block."""

    block_shape: tuple[int, ...]
    given: tuple[Piece, ...]

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        del block, window
        yield from self.given


def listed(
    shape: tuple[int, ...], *pieces: Piece, dtype: Any = "u1", block: tuple[int, ...] | None = None
) -> ImageHandle:
    dims = Dims("ZYX"[-len(shape) :], shape)
    return make_handle(LazyArray.whole(Listed(block or shape, pieces), dims, dtype))


def raw(
    content: bytes,
    shape: tuple[int, ...],
    place: tuple[int, ...],
    *,
    offset: int = 0,
    dtype: Any = "u1",
) -> Strided:
    """A dense piece of a whole buffer."""
    strides = np.empty(shape, dtype).strides
    return Strided(
        identify(content),
        offset,
        shape,
        strides,
        np.dtype(dtype),
        Selection((0,) * len(shape), shape, place),
    )


def called(function: str, shape: tuple[int, ...], *arguments: Any) -> Computed:
    origin = (0,) * len(shape)
    return Computed(
        f"{__name__}:{function}", arguments, shape, np.dtype("u1"), Selection(origin, shape, origin)
    )


class TestPlacing:
    def test_what_lies_in_no_piece_is_zero(self) -> None:
        handle = listed((4, 5), raw(b"\1\2\3\4", (2, 2), (1, 2)))
        expected = np.zeros((4, 5), "u1")
        expected[1:3, 2:4] = [[1, 2], [3, 4]]
        assert np.array_equal(to_numpy(handle), expected)
        assert np.array_equal(to_numpy(listed((4, 5))), np.zeros((4, 5)))

    def test_a_later_piece_covers_an_earlier_one(self) -> None:
        one, two, three = (raw(bytes([n]) * 9, (3, 3), (n, n)) for n in range(3))
        expected = np.zeros((6, 6), "u1")
        for n in range(3):
            expected[n : n + 3, n : n + 3] = n
        assert np.array_equal(to_numpy(listed((6, 6), one, two, three)), expected)
        top = to_numpy(listed((6, 6), three, two, one))
        assert top[2, 2] == 0

    @given(st.data())
    def test_neighbours_in_the_file_may_cover_each_other_in_the_image(
        self, data: st.DataObject
    ) -> None:
        dtype = np.dtype(data.draw(st.sampled_from(["<u2", ">u2", ">f8", "u1"])))
        pieces, content, expected = [], b"", np.zeros(30, dtype.newbyteorder("="))
        for value in range(1, 6):
            start = data.draw(st.integers(0, 29))
            length = data.draw(st.integers(1, 30 - start))
            expected[start : start + length] = value
            content += bytes(data.draw(st.integers(0, 3)))
            pieces.append((len(content), length, start))
            content += np.full(length, value, dtype).tobytes()
        source, item = identify(content), dtype.itemsize
        made = [
            Strided(source, at, (n,), (item,), dtype, Selection((0,), (n,), (place,)))
            for at, n, place in pieces
        ]
        assert np.array_equal(to_numpy(listed((30,), *made, dtype=dtype)), expected)

    def test_kinds_of_pieces_cover_each_other_in_order(self) -> None:
        import zlib

        origin, shape = (0, 0), (2, 2)
        squeezed = zlib.compress(b"\5" * 4)
        coded = Encoded(
            identify(squeezed),
            0,
            len(squeezed),
            (Codec("deflate"),),
            shape,
            np.dtype("u1"),
            Selection(origin, shape, (1, 1)),
        )
        plain = raw(b"\7" * 4, shape, (0, 0))
        made = called("ones", shape)
        pieces: list[Piece] = [coded, plain, made]
        for order in itertools.permutations(pieces):
            expected = np.zeros((4, 4), "u1")
            for piece in order:
                value = {Encoded: 5, Strided: 7, Computed: 1}[type(piece)]
                y, x = piece.selection.target_start
                expected[y : y + 2, x : x + 2] = value
            assert np.array_equal(to_numpy(listed((4, 4), *order)), expected)

    def test_a_crop_of_a_piece_is_placed(self) -> None:
        content = bytes(range(20))
        piece = Strided(
            identify(content), 0, (4, 5), (5, 1), np.dtype("u1"), Selection((1, 2), (2, 3), (0, 1))
        )
        expected = np.zeros((3, 4), "u1")
        expected[0:2, 1:4] = np.arange(20).reshape(4, 5)[1:3, 2:5]
        assert np.array_equal(to_numpy(listed((3, 4), piece)), expected)

    @pytest.mark.parametrize("stored_as", ["u1", "<u2", ">u2", ">i4", "<f2", ">f8", ">c8", "?"])
    @pytest.mark.parametrize("wanted", ["u1", "i4", "f4", "c16"])
    @pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
    def test_stored_types_become_the_type_of_the_array(self, stored_as: str, wanted: str) -> None:
        pixels = np.arange(6).reshape(2, 3).astype(stored_as)
        handle = listed(
            (2, 3), raw(pixels.tobytes(), (2, 3), (0, 0), dtype=stored_as), dtype=wanted
        )
        assert to_numpy(handle).dtype == np.dtype(wanted)
        assert np.array_equal(to_numpy(handle), pixels.astype(wanted))

    def test_pieces_may_share_bytes_and_run_backwards(self) -> None:
        content = bytes(range(10))
        same = Strided(
            identify(content), 9, (3, 4), (0, -2), np.dtype("u1"), Selection((0, 0), (3, 4), (0, 0))
        )
        assert to_numpy(listed((3, 4), same)).tolist() == [[9, 7, 5, 3]] * 3


class TestDamage:
    @pytest.mark.parametrize("offset", [1, 100, -1, 1 << 70])
    def test_pixels_beyond_the_file(self, offset: int) -> None:
        handle = listed((2, 2), raw(b"1234", (2, 2), (0, 0), offset=offset))
        with pytest.raises(
            CorruptFileError, match=r"expected \d+ bytes of pixels, but the file ends at 4"
        ) as caught:
            to_numpy(handle)
        assert caught.value.uri == identify(b"1234").uri
        assert caught.value.offset is not None

    @pytest.mark.parametrize(
        ("content", "codec"),
        [
            (b"no zlib at all", "deflate"),
            (b"no codec", "no-such-codec"),
            (b"\x28\xb5\x2f\xfd?", "zstd"),
            (b"", "deflate"),
        ],
    )
    def test_bytes_that_do_not_decode(self, content: bytes, codec: str) -> None:
        origin, shape = (0, 0), (2, 2)
        piece = Encoded(
            identify(b"??" + content),
            2,
            len(content),
            (Codec(codec),),
            shape,
            np.dtype("u1"),
            Selection(origin, shape, origin),
        )
        with pytest.raises(
            CorruptFileError, match=f"at byte 2: expected {len(content)} bytes of {codec} pixels"
        ):
            to_numpy(listed((2, 2), piece))

    def test_too_few_pixels_are_not_taken_for_pixels(self) -> None:
        """Four bytes are not four pixels of two bytes."""
        origin, shape = (0, 0), (2, 2)
        short = Encoded(
            identify(b"1234"), 0, 4, (), shape, np.dtype("u2"), Selection(origin, shape, origin)
        )
        with pytest.raises(CorruptFileError, match="holds 4 bytes, where shape \\(2, 2\\) needs 8"):
            to_numpy(listed((2, 2), short, dtype="u2"))

    def test_a_library_that_returns_another_shape(self) -> None:
        with pytest.raises(
            CorruptFileError, match="returned shape \\(2, 2\\), expected \\(3, 3\\)"
        ):
            to_numpy(listed((3, 3), called("fixed", (3, 3))))

    def test_an_image_that_no_memory_holds(self) -> None:
        handle = listed((1 << 20, 1 << 20, 1 << 20))
        with pytest.raises(
            ImageTooLargeError,
            match=r"pick a part with transpose_to, .* or read lazily with to_dask",
        ) as caught:
            to_numpy(handle)
        assert "1,152,921,504,606,846,976 bytes" in str(caught.value)
        assert to_numpy(transpose_to(handle, "X", Z=5, Y=7, X=slice(3))).tolist() == [0, 0, 0]
        assert to_dask(handle, chunks="YX").shape == handle.shape

    def test_one_bad_block_ends_a_parallel_read(self) -> None:
        good = store_array(np.ones((64, 256, 256), "u1"), "ZYX", (1, 256, 256), "deflate")
        content = bytearray(read_content(good))
        table = np.frombuffer(good.layout.offsets, "<i8")  # type: ignore[attr-defined]
        content[table[40] + 4 : table[40] + 40] = b"?" * 36
        with pytest.raises(CorruptFileError) as caught:
            to_numpy(make_handle(relocate(good, bytes(content))), workers=4)
        assert caught.value.offset == table[40]
        assert open_count() == 0


def ones(*_: Any) -> npt.NDArray[Any]:
    return np.ones((2, 2), "u1")


def fixed() -> npt.NDArray[Any]:
    return np.ones((2, 2), "u1")


SEEN: list[str] = []
INTERRUPTED = threading.Event()


def named(number: int) -> npt.NDArray[Any]:
    SEEN.append(threading.current_thread().name)
    return np.full((1, 1 << 18), number, "u1")


def waiting() -> npt.NDArray[Any]:
    assert INTERRUPTED.wait(30)
    SEEN.append("block")
    return np.zeros((1, 256), "u1")


class TestThreads:
    def test_as_many_threads_as_asked_and_none_left(self) -> None:
        before = set(threading.enumerate())
        handle = listed((16, 1 << 18), called("named", (1, 1 << 18), 7), block=(1, 1 << 18))
        for workers in (1, 2, 5):
            SEEN.clear()
            assert np.all(to_numpy(handle, workers=workers) == 7)
            assert len(SEEN) == 16
            assert len(set(SEEN)) <= workers
            assert set(threading.enumerate()) <= before
            own = threading.current_thread().name
            assert (set(SEEN) == {own}) == (workers == 1)

    def test_small_reads_take_no_thread(self) -> None:
        SEEN.clear()
        handle = listed((2, 1 << 18), called("named", (1, 1 << 18), 7), block=(1, 1 << 18))
        to_numpy(handle, workers=4)
        assert set(SEEN) == {threading.current_thread().name}

    def test_an_interrupt_ends_the_threads_before_the_plan(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        SEEN.clear()
        INTERRUPTED.clear()
        blocks = 20_000

        def interrupted(self: Future[Any], timeout: float | None = None) -> None:
            del self, timeout
            INTERRUPTED.set()
            raise KeyboardInterrupt

        monkeypatch.setattr(Future, "result", interrupted)
        handle = listed((blocks, 256), called("waiting", (1, 256)), block=(1, 256))
        with pytest.raises(KeyboardInterrupt):
            to_numpy(handle, workers=2)
        assert len(SEEN) < blocks
        assert open_count() == 0


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Length of each read of a local file."""
    if not hasattr(os, "preadv"):
        pytest.skip("no positional reads here")
    found: list[int] = []
    preadv = os.preadv

    def counting(fd: int, buffers: Any, offset: int) -> int:
        done = preadv(fd, buffers, offset)
        found.append(done)
        return done

    monkeypatch.setattr(os, "preadv", counting)
    return found


WINDOWS: dict[str, dict[str, Any]] = {
    "square": {"Y": slice(500, 564), "X": slice(300, 364)},
    "corner": {"Y": slice(936, 1000), "X": slice(936, 1000)},
    "planes": {"Z": slice(1, 3), "Y": slice(10, 74), "X": slice(0, 64)},
    "rows": {"Y": slice(None, None, 100)},
    "backwards": {"Y": slice(None, None, -50), "X": slice(None, 200)},
    "one row": {"Z": 2, "Y": 7},
    "one plane": {"Z": 1},
}


class TestBytes:
    @pytest.mark.parametrize("window", WINDOWS)
    @pytest.mark.parametrize("dtype", mostly_long(["u1", ">u2", "f4"], ">u2"))
    @pytest.mark.parametrize("flipped", [(False, False, False), (True, True, False)])
    def test_a_window_reads_at_most_twice_what_it_needs(
        self, tmp_path: Path, counted: list[int], window: str, dtype: str, flipped: tuple[bool, ...]
    ) -> None:
        pixels = (np.arange(4 * 1000 * 1000) % 251).astype(dtype).reshape(4, 1000, 1000)
        array = store_array(pixels, "ZYX", flipped=flipped)
        (tmp_path / "raw").write_bytes(read_content(array))
        handle = make_handle(relocate(array, tmp_path / "raw"))
        counted.clear()
        seen = transpose_to(handle, "ZYX", **WINDOWS[window])
        assert np.array_equal(
            to_numpy(seen), transpose_array(pixels, "ZYX", "ZYX", **WINDOWS[window])
        )
        assert sum(counted) <= 2 * seen.nbytes

    @given(st.data())
    def test_no_plan_of_long_rows_wastes_more_than_it_takes(self, data: st.DataObject) -> None:
        shape = (
            *(data.draw(st.integers(1, 50)) for _ in range(3)),
            data.draw(st.integers(64, 300)),
        )
        strides = np.empty(shape, "u1").strides
        crop, extent = [], []
        for n, least in zip(shape, (1, 1, 1, 64), strict=True):
            start = data.draw(st.integers(0, n - least))
            crop.append(start)
            extent.append(data.draw(st.integers(least, n - start)))
        whole = Source("x", size=10**9)
        piece = Strided(
            whole,
            5,
            shape,
            strides,
            np.dtype("u1"),
            Selection(tuple(crop), tuple(extent), (0,) * 4),
        )
        plan = strided.plan_reads(piece)
        assert plan.nbytes * len(list(plan.each())) <= 2 * np.prod(extent)

    def test_a_contiguous_image_is_one_read(self, tmp_path: Path, counted: list[int]) -> None:
        array = store_array(np.ones((5, 40, 50), "u2"), "ZYX")
        (tmp_path / "raw").write_bytes(read_content(array))
        to_numpy(make_handle(relocate(array, tmp_path / "raw")))
        assert counted == [array.nbytes]

    def test_only_the_blocks_of_a_window_are_decoded(
        self, tmp_path: Path, counted: list[int]
    ) -> None:
        array = store_array(
            np.random.default_rng(0).integers(0, 255, (1, 512, 512), "u1"),
            "ZYX",
            (1, 64, 64),
            "deflate",
        )
        (tmp_path / "coded").write_bytes(read_content(array))
        handle = make_handle(relocate(array, tmp_path / "coded"))
        counts = np.frombuffer(array.layout.counts, "<i8").reshape(8, 8)  # type: ignore[attr-defined]
        window = transpose_to(handle, "YX", Y=slice(70, 140), X=slice(5, 60))
        to_numpy(window)
        assert counts[1:3, :1].sum() <= sum(counted) <= counts[1:3, :1].sum() * 1.1
        assert len(list(_engine.pieces(window.array))) == 2

    def test_uneven_picks_read_only_the_blocks_that_hold_them(self) -> None:
        array = store_array(np.ones((100, 8, 8), "u1"), "ZYX", (10, 8, 8), "deflate")
        picked = transpose_to(make_handle(array), "ZYX", Z=[3, 99, 3, 95])
        assert len(list(_engine.pieces(picked.array))) == 2


class TestRemote:
    def test_a_window_costs_few_requests_and_few_bytes(self) -> None:
        pixels = np.arange(20 * 300 * 300, dtype="<u2").reshape(20, 300, 300)
        array = store_array(pixels, "ZYX", (1, 300, 300))
        with serving(pixels__bin=read_content(array)) as site:
            handle = make_handle(relocate(array, site.url + "pixels.bin"))
            site.forget()
            assert np.array_equal(to_numpy(handle), pixels)
            gets = [path for method, path in site.asked if method == "GET"]
            assert len(gets) <= run.REMOTE_WORKERS
            assert sum(site.sent) <= 1.01 * array.nbytes
            site.forget()
            assert np.array_equal(to_numpy(transpose_to(handle, "YX", Z=7)), pixels[7])
            assert len(site.sent) == 1
            assert site.sent[0] == pixels[7].nbytes

    def test_blocks_of_all_kinds_come_through(self) -> None:
        pixels = np.random.default_rng(1).integers(0, 1000, (3, 50, 70)).astype(">u2")
        for kind in ("raw", "deflate"):
            array = store_array(pixels, "ZYX", (1, 16, 32), kind)
            with serving(pixels__bin=read_content(array)) as site:
                handle = make_handle(relocate(array, site.url + "pixels.bin"))
                seen = transpose_to(
                    handle, "YXZ", Y=slice(None, None, -3), X=[60, 1, 1], Z=slice(1, None)
                )
                assert np.array_equal(
                    to_numpy(seen), pixels[1:, ::-3][:, :, [60, 1, 1]].transpose(1, 2, 0)
                )
                assert np.array_equal(to_dask(handle).compute(), pixels)

    def test_a_server_that_fails_half_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.001)
        array = store_array(np.ones((4, 100, 100), "u1"), "ZYX", (1, 100, 100))
        with serving(pixels__bin=read_content(array)) as site:
            handle = make_handle(relocate(array, site.url + "pixels.bin"))
            site.cut = True
            with pytest.raises(SourceError, match=r"pixels\.bin"):
                to_numpy(handle)
        assert open_count() == 0
