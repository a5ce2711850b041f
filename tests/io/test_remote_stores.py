"""Images in an object store: a server that speaks like S3, in a process of its own, that counts what it is asked."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from aicsio import (
    SourceChangedError,
    SourceError,
    SourceNotFoundError,
    open_image,
    open_many,
    to_dask,
    to_numpy,
    transpose_to,
    write_ome_tiff,
)
from aicsio.joining.file_names import find_files
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi
from aicsio.testing.lif import LifImage, build_lif

for package in ("moto", "obstore"):
    pytest.importorskip(package, reason=f"needs {package}: pip install '.[test,servers]'")

PIXELS = np.random.default_rng(4).integers(0, 4096, (2, 10, 256, 256), np.uint16)
SERVER = """
import json, logging, sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
inner, asked = DomainDispatcherApplication(create_backend_app), []

def counting(environ, respond):
    if environ["PATH_INFO"] == "/asked":
        said = json.dumps(asked).encode()
        asked.clear()
        respond("200 OK", [("Content-Length", str(len(said)))])
        return [said]
    asked.append((environ["REQUEST_METHOD"], environ.get("HTTP_RANGE", "")))
    return inner(environ, respond)

server = make_server("127.0.0.1", 0, counting, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""


@attrs.frozen
class Store:
    """The server, and how to get at it."""

    url: str

    @property
    def options(self) -> dict[str, Any]:
        return {"key": "me", "secret": "it", "endpoint_url": self.url}

    def asked(self) -> list[list[str]]:
        """Methods and ranges since the last call."""
        with urllib.request.urlopen(self.url + "/asked") as answer:  # noqa: S310 - it is ours
            found: list[list[str]] = json.load(answer)
        return found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    import fsspec

    folder = tmp_path_factory.mktemp("store")
    write_czi(folder / "raw.czi", blocks_of(PIXELS, "CZYX"), metadata_xml(channels=["a", "b"]))
    (folder / "raw.lif").write_bytes(build_lif([LifImage(PIXELS, "CZYX")]))
    write_ome_tiff(open_image(PIXELS, dims="CZYX"), folder / "zlib.ome.tiff", tile=(64, 64))
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "x"}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, env=environment
    )
    assert server.stdout is not None
    try:
        store = Store(f"http://127.0.0.1:{int(server.stdout.readline())}")
        system: Any = fsspec.filesystem("s3", **store.options)
        system.mkdir("cells")
        for path in folder.iterdir():
            system.pipe(f"cells/{path.name}", path.read_bytes())
        yield store
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.mark.parametrize("name", ["raw.czi", "raw.lif", "zlib.ome.tiff"])
def test_objects_are_read_by_their_bytes(store: Store, name: str) -> None:
    store.asked()
    handle = open_image(f"s3://cells/{name}", storage_options=store.options)
    assert handle.source.size
    assert handle.source.fingerprint
    opening = store.asked()
    assert len(opening) <= 6
    plane = transpose_to(handle, "YX", C=1, Z=7, **({"T": 0} if "T" in handle.dims else {}))
    np.testing.assert_array_equal(to_numpy(plane), PIXELS[1, 7])
    assert len(store.asked()) == 1
    np.testing.assert_array_equal(to_numpy(handle).squeeze(), PIXELS)
    np.testing.assert_array_equal(to_dask(handle, chunks="YX").compute().squeeze(), PIXELS)
    assert {method for method, _ in [*opening, *store.asked()]} == {"GET"}


def test_what_is_not_there_or_not_the_same(store: Store) -> None:
    import fsspec

    for name in ("s3://cells/no.czi", "s3://nowhere/raw.czi"):
        with pytest.raises(SourceNotFoundError, match="nothing at"):
            open_image(name, storage_options=store.options)
    system: Any = fsspec.filesystem("s3", **store.options)
    system.pipe("cells/changing.lif", build_lif([LifImage(PIXELS, "CZYX")]))
    handle = open_image("s3://cells/changing.lif", storage_options=store.options)
    system.pipe("cells/changing.lif", build_lif([LifImage(PIXELS + 1, "CZYX")]))
    with pytest.raises(SourceChangedError, match="call open_image on it again"):
        to_numpy(handle)
    system.pipe("cells/empty.czi", b"")
    with pytest.raises(OSError, match="empty"):
        open_image("s3://cells/empty.czi", storage_options=store.options)


def test_without_credentials(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(SourceError, match=r"raw\.czi.*NoCredentials"):
        open_image("s3://cells/raw.czi", storage_options={"endpoint_url": store.url})


def test_objects_are_found_by_globs_and_patterns(store: Store) -> None:
    import fsspec

    system: Any = fsspec.filesystem("s3", **store.options)
    for name in ("img_2.lif", "img_10.lif", "img_x.txt", "deep/img_3.lif"):
        system.pipe(f"cells/many/{name}", build_lif([LifImage(PIXELS[:1, :1], "CZYX")]))
    options = store.options
    found = find_files("s3://cells/many/img_*.lif", options)
    assert found == ["s3://cells/many/img_2.lif", "s3://cells/many/img_10.lif"]
    assert len(find_files("s3://cells/many/**/*.lif", options)) == 3
    assert len(find_files("s3://cells/m*/img_?.lif", options)) == 1
    with pytest.raises(SourceNotFoundError, match="no file is called"):
        find_files("s3://cells/many/none_*.lif", options)
    with pytest.raises(SourceError):
        find_files("s3://nowhere/none_*.lif", options)
    assert open_many("s3://cells/many/img_*.lif", along="T", storage_options=options).dims.T == 2
