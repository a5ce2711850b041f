"""Requests that ``aicsio view`` serves: a client of several connections pans over random places of an image.

    python tests/viewer_load.py FILE [SECONDS] [CONNECTIONS]

Prints the first tile's wait, requests a second, processor time of the server for one, and its largest memory. On a busy
machine the processor time tells more than the seconds. Linux alone: it reads /proc.
"""

import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

RUN = 12
"""Neighbouring tiles that one pan asks for."""


def processor_seconds(process: int) -> float:
    """Return user and system time of a process, as /proc has them."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def largest_memory(process: int) -> int:
    """Return the largest resident memory of a process in MiB."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) >> 10


class Client:
    """One connection to the viewer. Not a record: it holds a socket."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._token = token

    def get(self, path: str) -> bytes:
        self._connection.request("GET", f"/{self._token}/api/{path}")
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:200]
        return body


def pan(client: Client, levels: list[dict[str, Any]], rng: random.Random, until: float) -> int:
    """Ask for runs of neighbouring tiles of random levels; return how many came."""
    count = 0
    while time.monotonic() < until:
        number = rng.randrange(len(levels))
        level = levels[number]
        rows, columns = (-(-level[side] // level["tile"]) for side in ("height", "width"))
        row, column = rng.randrange(rows), rng.randrange(columns)
        for step in range(RUN):
            y, x = min(rows - 1, row + step // 4), min(columns - 1, column + step % 4)
            client.get(f"tile?file=0&scene=0&level={number}&y={y}&x={x}&c=0")
            count += 1
    return count


def main(file: str, seconds: float = 20, connections: int = 12) -> None:
    command = [sys.executable, "-m", "aicsio", "view", file, "--no-browser"]
    started = time.monotonic()
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = None
    while address is None:
        address = re.search(r"http://127\.0\.0\.1:(\d+)/([\w-]+)/", server.stdout.readline())
    port, token = int(address[1]), address[2]
    first = Client(port, token)
    levels = json.loads(first.get("scene?file=0&scene=0"))["levels"]
    first.get(f"tile?file=0&scene=0&level={len(levels) - 1}&y=0&x=0&c=0")
    waited, before = time.monotonic() - started, processor_seconds(server.pid)
    print(f"first tile after {waited:.1f} s, {before:.1f} s of them of the processors")
    counts: list[int] = []
    began = time.monotonic()

    def work(seed: int) -> None:
        counts.append(pan(Client(port, token), levels, random.Random(seed), began + seconds))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total, elapsed = sum(counts), time.monotonic() - began
    each = (processor_seconds(server.pid) - before) / total
    print(f"{total} tiles in {elapsed:.0f} s: {total / elapsed:.0f} a second")
    print(f"{1000 * each:.1f} ms of the processors each: {2 / each:.0f} a second from two cores")
    print(f"{largest_memory(server.pid)} MiB at most")
    server.send_signal(signal.SIGINT)
    print(f"ended with {server.wait(timeout=30)}")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
