"""A server of S3 on this machine, by moto, in a process of its own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

SERVER = """
import itertools
import logging
import os
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
application = DomainDispatcherApplication(create_backend_app)
counts = itertools.count(1)
busy_every = int(os.environ.get("BUSY_EVERY", "0"))


def throttled(environ, start_response):
    # As S3 does above 3500 writes a second below one prefix.
    if busy_every and next(counts) % busy_every == 0:
        start_response("503 Slow Down", [("Content-Type", "application/xml")])
        return [b"<Error><Code>SlowDown</Code></Error>"]
    return application(environ, start_response)


server = make_server("127.0.0.1", 0, throttled, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def serving_s3(bucket: str, *, busy_every: int = 0) -> Iterator[dict[str, Any]]:
    """Run the server for the time of a block; give the options of a bucket in it.

    Of ``busy_every`` requests one is refused by 503; 0 for none.
    """
    for package in ("moto", "obstore", "s3fs"):
        pytest.importorskip(package, reason=f"needs {package}: pip install '.[test,servers]'")
    import fsspec

    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "x", "BUSY_EVERY": str(busy_every)}
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
