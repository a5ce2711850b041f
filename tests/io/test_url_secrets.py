"""Passwords and tokens of URLs appear nowhere: reprs, errors and their causes, attributes, logs, journals, JSON.

Source: RFC 3986, section 3.2.1: "Applications should not render as clear text any data after the first colon".
"""

import contextlib
import io
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import (
    AICSImage,
    AicsioError,
    SourceNotFoundError,
    as_zarr_store,
    explain,
    open_image,
    open_many,
    pipe,
    to_dask,
    to_numpy,
    to_xarray,
    write_movie,
    write_ome_tiff,
    write_ome_zarr,
    write_picture,
)
from aicsio._io import pool, retrying
from aicsio._io.urls import hide_secrets, public_url, requested_url
from aicsio.cli import main
from aicsio.testing import ImageSpec, TiffSpec, build
from aicsio.writers import TwoDWriter
from http_server import Site, serving

SECRETS = ("SEKRET", "T0KEN", "us3r")
(CONTENT,) = build(TiffSpec((ImageSpec(C=2, Y=32, X=32),))).values()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(retrying, "FIRST_PAUSE", 0.001)
    with serving() as site:
        site.files.update({"a_1.ome.tif": CONTENT, "a_2.ome.tif": CONTENT})
        yield site
    pool.close_connections()


def secret_url(site: Site, name: str) -> str:
    address = site.url.replace("http://", "http://us3r:SEKRET@")
    return f"{address}{name}?id=7&sig=T0KEN&x=T0KEN"


def assert_hidden(text: object) -> None:
    shown = text if isinstance(text, str) else repr(text)
    assert not [secret for secret in SECRETS if secret in shown], shown


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://host/a.tif", "https://host/a.tif"),
        ("https://me:SEKRET@host:8080/a.tif", "https://host:8080/a.tif"),
        ("https://T0KEN@host/a.tif", "https://host/a.tif"),
        ("https://me:SE@KRET@host/a.tif", "https://host/a.tif"),
        ("https://me:SE/KRET@host/a.tif", "https://host/a.tif"),
        ("https://me:SE?KRET@host/a.tif", "https://host/a.tif"),
        ("https://me:SE#KRET@host/a.tif", "https://host/a.tif"),
        ("HTTPS://me:SEKRET@[::1]:80/a.tif", "HTTPS://[::1]:80/a.tif"),
        ("https://host/a@2x.tif", "https://host/a@2x.tif"),
        ("https://host/a.tif?id=5&token=T0KEN", "https://host/a.tif?id=5"),
        ("https://host/a.tif?X-Amz-Signature=T0KEN&raw=true", "https://host/a.tif?raw=true"),
        ("https://host/a.tif?password=1234", "https://host/a.tif"),
        ("https://host/a.tif?T0KEN", "https://host/a.tif"),
        ("https://host/a.tif#access_token=T0KEN", "https://host/a.tif"),
        ("ftp://me:SEKRET@host/a.tif", "ftp://host/a.tif"),
        ("s3://key:SEKRET@bucket/a.tif", "s3://bucket/a.tif"),
        ("s3://bucket/a.tif?versionId=abc", "s3://bucket/a.tif?versionId=abc"),
        (
            "abfs://container@account.dfs.core.windows.net/a",
            "abfs://container@account.dfs.core.windows.net/a",
        ),
        ("zip://a.tif::https://me:SEKRET@host/b.zip?sig=T0KEN", "zip://a.tif::https://host/b.zip"),
        ("simplecache::https://me:SEKRET@host/a", "simplecache::https://host/a"),
        # RFC 3986, section 4.2: a reference without its scheme.
        ("//me:SEKRET@host/a.tif", "//host/a.tif"),
        ("//me:SE/KRET@host/a.tif?id=5&token=T0KEN", "//host/a.tif?id=5"),
        ("//server/share/a@2x:3.tif", "//server/share/a@2x:3.tif"),
        ("/folder/a.tif", "/folder/a.tif"),
        ("C:\\folder\\a?token=1.tif", "C:\\folder\\a?token=1.tif"),
    ],
)
def test_the_public_part_of_a_url(url: str, public: str) -> None:
    assert public_url(url) == public


def test_urls_in_messages_of_other_libraries() -> None:
    text = (
        "Cannot connect to 'https://me:SEKRET@host/a?sig=T0KEN', see https://docs.example/x?id=1."
    )
    assert (
        hide_secrets(text) == "Cannot connect to 'https://host/a', see https://docs.example/x?id=1."
    )


def test_the_secrets_are_sent_and_travel(site: Site) -> None:
    handle = open_image(secret_url(site, "a_1.ome.tif"))
    assert site.asked[0] == ("GET", "/a_1.ome.tif?id=7&sig=T0KEN&x=T0KEN")
    assert site.received[0]["Authorization"].startswith("Basic ")
    again = pickle.loads(pickle.dumps(handle))
    assert requested_url(again.source) == secret_url(site, "a_1.ome.tif")
    np.testing.assert_array_equal(to_numpy(again), to_numpy(open_image(CONTENT)))
    assert {path.partition("?")[2] for _, path in site.asked} == {"id=7&sig=T0KEN&x=T0KEN"}


def test_what_users_hold_and_write(site: Site, tmp_path: Path) -> None:
    url = secret_url(site, "a_1.ome.tif")
    handle = open_image(url)
    assert handle.source.uri == site.url + "a_1.ome.tif?id=7"
    assert_hidden(handle)
    for field in attrs.fields(type(handle)):
        if field.name != "source":
            assert_hidden(getattr(handle, field.name))
    assert_hidden(handle.source)
    assert_hidden(explain(url))
    lazy = to_dask(handle)
    assert_hidden(lazy)
    assert_hidden(lazy.__dask_keys__())
    assert_hidden(json.dumps({k: str(v) for k, v in to_xarray(handle).attrs.items()}))
    target = tmp_path / "b.ome.tif"
    assert_hidden(write_ome_tiff(handle, target, original_metadata=True))
    written = target.read_bytes()
    assert not [secret for secret in SECRETS if secret.encode() in written]
    image = AICSImage(url)
    assert_hidden(image)
    assert_hidden(image.metadata)
    assert_hidden(image.xarray_dask_data.attrs)
    many = open_many([url, secret_url(site, "a_2.ome.tif")], along="T")
    assert_hidden(many)
    assert_hidden(many.diagnostics)
    assert_hidden(to_xarray(many).attrs)


MISTAKES: dict[str, Callable[[Site], str]] = {
    "missing": lambda site: secret_url(site, "gone.tif"),
    "no port": lambda site: secret_url(site, "a_1.ome.tif").replace("@127", "@h:99999/127"),
    "odd password": lambda _: "http://us3r:T0KEN/SEKRET@127.0.0.1/a.tif",
    "no host": lambda _: "http://us3r:SEKRET@/a.tif",
    "bracket": lambda _: "http://us3r:SEKRET@[::1/a.tif?sig=T0KEN",
    "no connection": lambda _: "http://us3r:SEKRET@127.0.0.1:1/a.tif?sig=T0KEN",
    "long name": lambda _: f"http://us3r:SEKRET@{'a' * 70}/a.tif?sig=T0KEN",
    "cache": lambda site: f"simplecache::{secret_url(site, 'gone.tif')}",
    "archive": lambda site: f"zip://a::{secret_url(site, 'a_1.ome.tif')}",
    "ftp": lambda _: "ftp://us3r:SEKRET@127.0.0.1:1/a.tif",
    "unknown": lambda _: "nothing://us3r:SEKRET@host/a.tif?token=T0KEN",
    "sftp": lambda _: "sftp://us3r:SEKRET@127.0.0.1:1/a.tif",
    "glob": lambda site: secret_url(site, "none_*.tif").partition("?")[0],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_errors_their_causes_and_logs(
    site: Site, mistake: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = MISTAKES[mistake](site)
    for call in (open_image, open_many, AICSImage, explain):
        try:
            call(url)
        except AicsioError as error:
            assert_hidden("".join(traceback.format_exception(error)).replace(url, ""))
            chained: BaseException | None = error
            while chained is not None:
                assert_hidden(str(chained))
                assert_hidden(vars(chained))
                chained = chained.__cause__
        else:
            pytest.fail("no error")
    for record in caplog.records:
        if record.name.startswith("aicsio"):
            assert_hidden(record.getMessage())


@pytest.mark.parametrize(
    "url",
    [
        "http://us3r:SEKRET@127.0.0.1:1/a", "http://127.0.0.1:1/a.png?sig=T0KEN",
        "simplecache::http://us3r:SEKRET@127.0.0.1:1/a.tif", "s3://us3r:SEKRET@bucket/a",
        # ``Path`` makes one slash of two.
        Path("https://us3r:SEKRET@127.0.0.1:1/a"), "HTTP:/127.0.0.1:1/b/a.png?sig=T0KEN",
        "https:/host/a.tif?X-Amz-Signature=T0KEN" + "0" * 5000,
    ],
)  # fmt: skip
def test_errors_of_writers(url: str | Path) -> None:
    handle = open_image(np.zeros((4, 6), np.uint8))
    for call in (write_ome_tiff, write_ome_zarr, write_picture, write_movie):
        with pytest.raises(AicsioError) as caught:
            call(handle, url)
        assert_hidden("".join(traceback.format_exception_only(caught.value)))
    with pytest.raises(AicsioError) as caught:
        TwoDWriter.save(np.zeros((4, 6), np.uint8), url)
    assert_hidden(str(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        "http:/us3r:SEKRET@127.0.0.1:1/a.tif", "s3:/us3r:SEKRET@bucket/a.zarr",
        "https:/127.0.0.1:1/a.tif?sig=T0KEN", "http:/us3r:SEK@RET@host/img_{T}.tif",
        "HTTPS:/us3r:SEKRET@host/a.tif", "https:/host/a.tif?X-Amz-Signature=T0KEN" + "0" * 5000,
    ],
)  # fmt: skip
def test_a_url_with_one_slash(url: str) -> None:
    """As ``Path`` spells a URL: it leads to no file here, and the error says so without its secrets."""
    calls: list[Callable[[Any], object]] = [open_image, AICSImage, explain]
    calls += [lambda name: open_many([name, name]), lambda name: open_many(str(name))]
    for call in calls:
        for name in (url, Path(url)):
            with pytest.raises(AicsioError) as caught:
                call(name)
            assert_hidden("".join(traceback.format_exception_only(caught.value)))
            assert_hidden("".join(map(str, (caught.value.__cause__, *caught.value.args))))
    assert_hidden(run("info", url) + run("convert", url, "a.ome.tiff"))


def test_names_with_a_colon_and_a_slash_stay_as_they_are() -> None:
    for name in ("ratio:/a@b/c.tif", "C:/me@lab/a.tif?key=1", "x-http:/a@b", "s3:a@b"):
        assert public_url(name) == name == hide_secrets(name)


def run(*arguments: str) -> str:
    """Run the command line; returns all that it prints."""
    out = io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        contextlib.suppress(SystemExit),
    ):
        main(list(arguments))
    return out.getvalue()


def test_the_command_line(site: Site, tmp_path: Path) -> None:
    url = secret_url(site, "a_1.ome.tif")
    shown = (
        run("info", url) + run("info", "--json", url) + run("info", secret_url(site, "gone.tif"))
    )
    assert "127.0.0.1" in shown
    assert_hidden(shown)
    folder = tmp_path / "out"
    shown = run("convert", url, secret_url(site, "a_2.ome.tif"), str(folder) + "/")
    assert_hidden(shown)
    assert_hidden(run("convert", url, str(tmp_path / "one.ome.tif")))
    assert_hidden(run("thumbnail", url, str(tmp_path / "one.png")))
    assert_hidden(run("verify", url))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len([path for path in files if path.suffix in {".tif", ".tiff"}]) >= 1
    for path in files:
        content: Any = path.read_bytes()
        assert not [secret for secret in SECRETS if secret.encode() in content], path
        assert_hidden(path.name)


@pytest.fixture
def store(site: Site, tmp_path: Path) -> str:
    """URL of an OME-Zarr, with secrets."""
    path = tmp_path / "served" / "cells.ome.zarr"
    path.parent.mkdir()
    write_ome_zarr(open_image(CONTENT), path, sync=False)
    for file in path.rglob("*"):
        if file.is_file():
            site.files[str(file.relative_to(path.parent))] = file.read_bytes()
    return secret_url(site, "cells.ome.zarr")


def test_the_query_of_a_store_goes_to_each_of_its_keys(site: Site, store: str) -> None:
    """A signed URL of a store: the query belongs behind the path of each key (RFC 3986, section 3.4)."""
    site.forget()
    assert np.array_equal(to_numpy(open_image(store)), to_numpy(open_image(CONTENT)))
    keys = [path for _, path in site.asked]
    assert "/cells.ome.zarr/zarr.json?id=7&sig=T0KEN&x=T0KEN" in keys
    assert all(key.endswith("?id=7&sig=T0KEN&x=T0KEN") for key in keys)


def test_a_store_that_is_not_there(site: Site) -> None:
    with pytest.raises(
        SourceNotFoundError, match=r"there is no Zarr at .*missing\.ome\.zarr"
    ) as caught:
        open_image(secret_url(site, "missing.ome.zarr"))
    assert_hidden("".join(traceback.format_exception(caught.value)))


def test_what_users_hold_and_write_of_a_store(store: str, tmp_path: Path) -> None:
    handle = open_image(store)
    lazy = to_dask(handle)
    assert_hidden([repr(handle), repr(handle.source), handle.metadata, handle.diagnostics])
    assert_hidden([repr(lazy), lazy.name, list(lazy.dask), lazy.dask._repr_html_()])
    report = write_ome_zarr(handle, tmp_path / "copy.ome.zarr", sync=False)
    assert_hidden(report)
    for file in tmp_path.joinpath("copy.ome.zarr").rglob("*"):
        if file.is_file():
            assert_hidden(file.read_bytes().decode("latin-1"))
    pytest.importorskip("xarray")
    assert_hidden(to_xarray(handle).to_dict(data=False))


def test_the_store_of_an_image_shows_none(store: str) -> None:
    pytest.importorskip("zarr")
    served = as_zarr_store(open_image(store))
    assert_hidden([repr(served), str(served)])


def test_steps_show_none() -> None:
    step = write_ome_zarr("s3://us3r:SEKRET@bucket/a.ome.zarr", storage_options={"secret": "T0KEN"})
    assert_hidden(step)
    assert repr(step) == "write_ome_zarr('s3://bucket/a.ome.zarr', storage_options={...})"
    assert_hidden(pipe(step, repr))
    assert pickle.loads(pickle.dumps(step)) == step


NO_SCHEME = "//us3r:SEKRET@host/a.tif"
CALLS: dict[str, Callable[[str], object]] = {
    "open_image": open_image,
    "Path": lambda url: open_image(Path(url)),
    "open_many": lambda url: open_many(url.replace("a.tif", "a{T}.tif")),
    "explain": explain,
    "AICSImage": AICSImage,
    "write_ome_tiff": lambda url: write_ome_tiff(open_image(np.eye(3)), url),
    "write_ome_zarr": lambda url: write_ome_zarr(open_image(np.eye(3)), url.replace(".tif", "")),
    "write_picture": lambda url: write_picture(open_image(np.eye(3)), url.replace("tif", "png")),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("url", [NO_SCHEME, NO_SCHEME.replace("SEK", "SEKRET/")])
def test_a_url_without_its_scheme(call: Callable[[str], object], url: str) -> None:
    with pytest.raises(AicsioError) as caught:
        call(url)
    assert_hidden(str(caught.value))
    assert_hidden("".join(traceback.format_exception_only(caught.value.__cause__)))
