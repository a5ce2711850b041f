"""Object stores through obstore: options, one loopback server that speaks like each, faults, forks."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import (
    ArgumentTypeError,
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    open_image,
    to_numpy,
    transpose_to,
)
from aicsio._io import object_stores, retrying
from aicsio._io.object_store_options import store_config
from aicsio.records import Source
from aicsio.testing.lif import LifImage, build_lif
from http_server import Site, serving

PIXELS = np.random.default_rng(9).integers(0, 4096, (3, 64, 80), np.uint16)
CONTENT = build_lif([LifImage(PIXELS, "ZYX")])
SECRETS = ("SEKRET", "TOPSECRET")


pytestmark = pytest.mark.usefixtures("quick_retries")


@pytest.fixture(autouse=True)
def without_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Read no file of the person who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in os.environ:
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_", "CLOUDSDK_")):
            monkeypatch.delenv(name)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.files.update(dict.fromkeys(("cells/a/b.lif", "account/cells/a/b.lif"), CONTENT))
        site.headers = {"Last-Modified": "Sat, 28 Nov 2026 12:00:00 GMT"}  # Azure sends it always
        yield site


def reach(site: Site, kind: str) -> tuple[str, dict[str, Any]]:
    """URL and options by which each kind of store reaches the server of the test."""
    address = site.url.rstrip("/")
    reached: dict[str, tuple[str, dict[str, Any]]] = {
        "s3": ("s3://cells/a/b.lif", {"anon": True, "endpoint_url": address}),
        "gs": ("gs://cells/a/b.lif", {"token": "anon", "endpoint_url": address}),
        "az": (
            "az://cells/a/b.lif",
            {"anon": True, "account_name": "account", "account_host": f"{address}/account"},
        ),
    }
    return reached[kind]


KINDS = ("s3", "gs", "az")


@pytest.mark.parametrize("kind", KINDS)
def test_each_store_is_read_by_ranges_with_its_etag(site: Site, kind: str) -> None:
    url, options = reach(site, kind)
    handle = open_image(url, storage_options=options)
    assert handle.source.size == len(CONTENT)
    site.forget()
    np.testing.assert_array_equal(to_numpy(transpose_to(handle, "YX", Z=1)), PIXELS[1])
    assert len(site.asked) == 1
    assert sum(site.sent) == PIXELS[1].nbytes
    headers = {name.lower(): value for name, value in site.received[0].items()}
    assert headers["if-match"] == handle.source.fingerprint


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_that_changed_or_is_missing(site: Site, kind: str) -> None:
    url, options = reach(site, kind)
    handle = open_image(url, storage_options=options)
    for name in site.files:
        site.files[name] = CONTENT[:-1] + b"x"
    site.status = 412  # as a store answers when If-Match does not hold (RFC 9110, 15.5.13)
    with pytest.raises(SourceChangedError, match="call open_image on it again"):
        to_numpy(handle)
    site.status = 0
    site.files.clear()
    with pytest.raises(SourceNotFoundError, match="nothing at"):
        to_numpy(handle)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trouble", ["reset", "cut", "slow", "429", "500", "503"])
def test_passing_faults_are_overcome(site: Site, kind: str, trouble: str) -> None:
    site.trouble = lambda number: trouble if number % 3 else ""
    url, options = reach(site, kind)
    np.testing.assert_array_equal(
        to_numpy(open_image(url, storage_options=options)).squeeze(), PIXELS
    )


@pytest.mark.parametrize("status", [400, 401, 403, 418])
def test_lasting_refusals_are_not_repeated(site: Site, status: int) -> None:
    url, options = reach(site, "s3")
    site.status = status
    with pytest.raises(SourceError, match=rf"b\.lif.*{status}") as caught:
        open_image(url, storage_options=options)
    assert ("anon" in str(caught.value)) == (status in {401, 403})
    assert "Debug" not in str(caught.value)
    assert len(site.asked) == 1


def test_a_lasting_fault_ends_as_an_error(site: Site) -> None:
    url, options = reach(site, "s3")
    site.status = 503
    with pytest.raises(SourceError, match=r"answers 503 \(tried 5 times\)"):
        open_image(url, storage_options=options)
    assert len(site.asked) == retrying.MAX_TRIES


def test_a_bucket_in_another_region_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    make = object_stores._make_store

    def record(config: Any, settings: dict[str, Any], retries: int = 0) -> Any:
        made.append(dict(settings))
        local = {**settings, "endpoint": site.url.rstrip("/")}
        site.status = 0 if settings.get("region") == "eu-central-1" else 301
        return make(attrs.evolve(config, settings=(("endpoint", site.url),)), local, retries)

    monkeypatch.setattr(object_stores, "_make_store", record)
    monkeypatch.setattr(
        object_stores, "bucket_region", lambda bucket: f"eu-central-{len(bucket) - 4}"
    )
    handle = open_image("s3://cells/a/b.lif", storage_options={"anon": True})
    assert handle.source.size == len(CONTENT)
    assert [settings.get("region") for settings in made][:2] == [None, "eu-central-1"]


FORK = """
import os, sys
from aicsio import open_image, to_numpy
options = {"anon": True, "endpoint_url": sys.argv[1]}
handle = open_image("s3://cells/a/b.lif", storage_options=options)
child = os.fork()
if child == 0:
    os._exit(int(to_numpy(handle).sum() != int(sys.argv[2])))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_reads_without_the_threads_of_obstore(site: Site) -> None:
    pytest.importorskip("obstore")
    command = [sys.executable, "-c", FORK, site.url.rstrip("/"), str(PIXELS.sum())]
    run = subprocess.run(command, timeout=60, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


# ---------------------------------------------------------------- options


def settings(url: str, **options: Any) -> dict[str, Any]:
    source = Source(url, storage_options=json.dumps(options), local=False)
    return dict(store_config(source).settings)


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        (
            "s3://b/k",
            {"key": "K", "secret": "S", "token": "T"},
            {"access_key_id": "K", "secret_access_key": "S", "session_token": "T"},
        ),
        (
            "s3://b/k",
            {"anon": True, "client_kwargs": {"endpoint_url": "http://x", "region_name": "r"}},
            {"endpoint": "http://x", "region": "r", "skip_signature": True},
        ),
        (
            "s3://b/k",
            {"anon": True, "config_kwargs": {"s3": {"addressing_style": "virtual"}, "retries": {}}},
            {"virtual_hosted_style_request": True, "skip_signature": True},
        ),
        (
            "s3://b/k",
            {"anon": True, "requester_pays": True, "default_block_size": 5},
            {"request_payer": True, "skip_signature": True},
        ),
        ("gs://b/k", {"token": "anon"}, {"skip_signature": True}),
        ("gs://b/k", {"token": "ya29.x"}, {"bearer_token": "ya29.x"}),
        ("gs://b/k", {"token": {"a": 1}}, {"service_account_key": '{"a": 1}'}),
        (
            "az://c/k",
            {"account_name": "n", "account_key": "K"},
            {"account_name": "n", "account_key": "K"},
        ),
        (
            "abfs://c@acc.dfs.core.windows.net/k",
            {"sas_token": "sv=1"},
            {"account_name": "acc", "sas_key": "sv=1"},
        ),
        (
            "az://c/k",
            {"connection_string": "AccountName=n;AccountKey=a==;EndpointSuffix=x"},
            {"account_name": "n", "account_key": "a=="},
        ),
    ],
)
def test_options_keep_the_names_of_fsspec(
    url: str, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert settings(url, **options) == expected


@pytest.mark.parametrize(
    ("url", "options", "named"),
    [
        ("s3://b/k", {"sercet": "TOPSECRET"}, "sercet"),
        ("s3://b/k", {"client_kwargs": {"proxy": "TOPSECRET"}}, "proxy"),
        ("s3://b/k", {"config_kwargs": {"signature_version": "TOPSECRET"}}, "signature_version"),
        ("gs://b/k", {"token": "browser"}, "browser"),
        ("az://c/k", {"credential": "TOPSECRET"}, "credential"),
    ],
)
def test_options_without_a_meaning_are_refused_by_name(
    url: str, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ArgumentTypeError, match=named) as caught:
        settings(url, **options)
    assert "TOPSECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://bucket/a", {"client_kwargs": "SEKRET"}),
        ("s3://bucket/a", {"config_kwargs": ["SEKRET"]}),
        ("s3://bucket/a", {"config_kwargs": {"s3": "SEKRET"}}),
        ("s3://bucket/a", {"profile": ["SEKRET"]}),
        ("s3://bucket/a", {"anon": True, "endpoint_url": "SEKRET"}),
        ("gs://bucket/a", {"endpoint_url": "SEKRET"}),
        ("gs://bucket/a", {"endpoint_url": "http://u:SEKRET@host:99999"}),
        ("gs://bucket/a", {"token": ["SEKRET"]}),
    ],
)
def test_options_of_another_type_are_refused_without_their_value(
    url: str, options: dict[str, Any]
) -> None:
    """Source: the documentation of ``open_image``: what it raises is an ``AicsioError``."""
    with pytest.raises(ArgumentTypeError) as caught:
        open_image(url, storage_options=options)
    assert "SEKRET" not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/", "gs://", "az:///key"])
def test_a_url_needs_a_bucket_and_a_key(url: str) -> None:
    with pytest.raises(SourceError, match="no bucket or no object"):
        open_image(url, storage_options={"anon": True} if url[0] != "g" else {"token": "anon"})


@pytest.mark.parametrize(
    "url", ["s3://b ad/k", "s3://bu%cket/k", "s3://cells/a//b", "s3://cells/../b"]
)
def test_names_that_obstore_cannot_take(site: Site, url: str) -> None:
    with pytest.raises(SourceError, match="cannot read"):
        open_image(url, storage_options={"anon": True, "endpoint_url": site.url.rstrip("/")})


def test_profiles_of_the_aws_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = D\naws_secret_access_key = DS\n"
        "[lab]\naws_access_key_id=L\naws_secret_access_key=LS\naws_session_token=LT\n"
    )
    (tmp_path / ".aws/config").write_text(
        "[default]\nregion = eu-west-1\n[profile lab]\nregion=us-west-2\noutput=json\n"
    )
    assert settings("s3://b/k") == {
        "access_key_id": "D",
        "secret_access_key": "DS",
        "region": "eu-west-1",
    }
    lab = {
        "access_key_id": "L",
        "secret_access_key": "LS",
        "session_token": "LT",
        "region": "us-west-2",
    }
    assert settings("s3://b/k", profile="lab") == lab
    monkeypatch.setenv("AWS_PROFILE", "lab")
    assert settings("s3://b/k") == lab
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "E")
    assert settings("s3://b/k") == {}


def test_no_secret_is_in_an_error(site: Site) -> None:
    options = {"key": "TOPSECRET", "secret": "SEKRET", "endpoint_url": site.url.rstrip("/")}
    for status in (400, 403, 500):
        site.status = status
        with pytest.raises(SourceError) as caught:
            open_image("s3://cells/a/b.lif", storage_options=options)
        assert not any(secret in repr(caught.value) for secret in SECRETS)
        assert caught.value.__cause__ is None
