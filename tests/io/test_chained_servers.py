"""Chains of fsspec over web servers that break off, refuse or fall silent: pixels, or an error of ours that says why.

A copy in a cache is right if it is as long as the server says that the file is (RFC 9110, section 8.6).
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aicsio import ImageHandle, SourceError, SourceNotFoundError, open_image, to_numpy
from aicsio._io import fsspec_stores
from aicsio.testing.lif import LifImage, build_lif
from odd_servers import CLOSE, ETAG, Answer, Request, head_of, odd_server, part_of, refusal

pytest.importorskip("aiohttp", reason="needs aiohttp: pip install '.[remote]'")

PIXELS = np.random.default_rng(1).integers(0, 4000, (3, 160, 256), np.uint16)
CONTENT = build_lif([LifImage(PIXELS, "ZYX")])


pytestmark = pytest.mark.usefixtures("quick_retries")


def cached(url: str, folder: Path) -> ImageHandle:
    options: dict[str, Any] = {
        "simplecache": {"cache_storage": str(folder / "cache")},
        # File systems are kept by their options: these are of this test alone.
        "http": {"client_kwargs": {"headers": {"X-Test": folder.name}}},
    }
    return open_image(f"simplecache::{url}a.lif", storage_options=options)


def whole(request: Request) -> bytes:
    length = {"Content-Length": str(len(request.content)), "ETag": ETAG}
    return head_of("200 OK", length) + (b"" if request.method == "HEAD" else request.content)


class Sometimes:
    """A server that answers the first requests for the file itself in another way."""

    def __init__(self, other: Answer, times: int) -> None:
        self.other, self.left = other, times

    def __call__(self, request: Request) -> bytes:
        # fsspec asks for headers first, and opens the file to see whether it is there.
        if request.method == "HEAD" or not self.left:
            return whole(request)
        self.left -= 1
        return self.other(request)


def cut(request: Request) -> bytes:
    return whole(request)[:-1000] + CLOSE


def test_a_download_that_breaks_off_is_made_again(tmp_path: Path) -> None:
    # Of the first three requests two ask whether the file is there.
    with odd_server(Sometimes(cut, 3), CONTENT) as url:
        handle = cached(url, tmp_path)
        np.testing.assert_array_equal(to_numpy(handle).squeeze(), PIXELS)
    [copy] = (tmp_path / "cache").iterdir()
    assert copy.read_bytes() == CONTENT


def test_a_copy_that_always_broke_off_is_not_read_as_the_file(tmp_path: Path) -> None:
    with (
        odd_server(Sometimes(cut, 1000), CONTENT) as url,
        pytest.raises(SourceError, match=r"cannot read 'simplecache::http.*a\.lif'"),
    ):
        to_numpy(cached(url, tmp_path))
    cache = tmp_path / "cache"
    assert all(copy.stat().st_size < len(CONTENT) for copy in cache.iterdir())
    # A server that has recovered is read, whatever the cache has.
    with odd_server(whole, CONTENT) as url:
        np.testing.assert_array_equal(to_numpy(cached(url, tmp_path)).squeeze(), PIXELS)


@pytest.mark.parametrize("packed", [False, True])
def test_a_copy_tells_the_size_that_the_server_does_not(tmp_path: Path, packed: bool) -> None:
    def answer(request: Request) -> bytes:
        headers = {"ETag": ETAG, "Content-Encoding": "identity" if packed else ""}
        return head_of("200 OK", headers) + request.content + CLOSE

    with odd_server(answer, CONTENT) as url:
        np.testing.assert_array_equal(to_numpy(cached(url, tmp_path)).squeeze(), PIXELS)


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        ("403 Forbidden", SourceError, "the server answers 403$"),
        ("429 Too Many Requests", SourceError, r"429 \(tried 5 times\)"),
        ("404 Not Found", SourceNotFoundError, "there is nothing at"),
    ],
)
def test_refusals_are_told_apart(
    tmp_path: Path, status: str, kind: type[Exception], message: str
) -> None:
    answer: Answer = lambda _: refusal(status)
    with odd_server(answer, CONTENT) as url, pytest.raises(kind, match=message) as caught:
        cached(url, tmp_path)
    assert isinstance(caught.value, SourceNotFoundError) == (kind is SourceNotFoundError)


def test_an_archive_behind_a_busy_server_is_asked_again() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.lif", CONTENT)

    def answer(request: Request) -> bytes:
        return refusal("429 Too Many Requests") if request.number < 2 else part_of(request)

    with odd_server(answer, made.getvalue()) as url:
        handle = open_image(f"zip://a.lif::{url}busy.zip")
        np.testing.assert_array_equal(to_numpy(handle).squeeze(), PIXELS)


def test_a_silent_server_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fsspec_stores, "TIMEOUT", 0.2)

    def answer(request: Request) -> bytes:
        # The headers come, the body does not.
        return whole(request)[: -len(CONTENT)] if request.method == "GET" else whole(request)

    with odd_server(answer, CONTENT) as url, pytest.raises(SourceError, match="cannot read"):
        to_numpy(cached(url, tmp_path))
