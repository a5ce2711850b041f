"""A server of S3 on this machine, by moto, in a process of its own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

SERVER = """
import logging
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def serving_s3(bucket: str) -> Iterator[dict[str, Any]]:
    """Run the server for the time of a block; give the options of a bucket in it."""
    for package in ("moto", "obstore", "s3fs"):
        pytest.importorskip(package, reason=f"needs {package}: pip install '.[test,servers]'")
    import fsspec

    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "x"}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, env=environment
    )
    assert server.stdout is not None
    try:
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        options = {"key": "me", "secret": "it", "endpoint_url": url}
        system: Any = fsspec.filesystem("s3", **options)
        system.mkdir(bucket)
        yield options
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
