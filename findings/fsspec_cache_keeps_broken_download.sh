#!/usr/bin/env bash
# A download through fsspec's simplecache that breaks off stays in the cache, and is the file from then on.
#
# Guess before the run: the next opening downloads the file again.
# Seen (fsspec 2026.9.0): the first opening raises, the second one reads the part that had come, without an error.
#
# Exit status 0: the behaviour is as described here. Other: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fsspec==2026.9.0 aiohttp==3.14.5
cd "$folder"
"$folder/venv/bin/python" - 2> errors.txt <<'PYTHON' || { cat errors.txt; exit 1; }
import http.server
import threading
from importlib.metadata import version

import fsspec

for package in ("fsspec", "aiohttp"):
    print(package, version(package))
CONTENT = bytes(range(256)) * 4000
broken = [True]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(CONTENT[: len(CONTENT) // 2] if broken[0] else CONTENT)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"simplecache::http://127.0.0.1:{server.server_address[1]}/a.bin"


def read():
    with fsspec.open(url, simplecache={"cache_storage": "cache"}) as file:
        return file.read()


try:
    print("first: ", len(read()), "bytes")
    raise SystemExit("changed: no error")
except Exception as error:
    print("first: ", type(error).__name__)
broken[0] = False
count = len(read())
print("second:", count, "of", len(CONTENT), "bytes, though the server is well again")
assert count < len(CONTENT), "changed"
PYTHON
