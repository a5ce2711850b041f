"""What an editor shows while one types: pyright's language server completes picks and explains verbs on hover.

The protocol is that of LSP 3.17: messages of JSON-RPC with a Content-Length.
"""

import contextlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = """\
from aicsio import open_image, to_numpy, transpose_to
h = open_image("a.tif")
unfinished = transpose_to(h, "ZYX", )
zyx = to_numpy(transpose_to(h, "ZYX", T=0, C="GFP"))
h.
"""
CAPABILITIES = {
    "workspace": {"configuration": True},
    "textDocument": {"hover": {"contentFormat": ["plaintext"]}, "completion": {}},
}


class Server:
    """A language server and the one program that it has open. Not a record: it holds a process."""

    def __init__(self, process: "subprocess.Popen[bytes]", program: Path) -> None:
        self.process, self.program, self.count = process, program, 0

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server has ended"
        answer: dict[str, Any] = json.loads(self.process.stdout.read(length))
        return answer

    def ask(self, method: str, **params: Any) -> Any:
        self.count += 1
        self.send(id=self.count, method=method, params=params)
        while True:
            message = self.receive()
            if "method" not in message and message["id"] == self.count:
                return message["result"]
            if "method" in message and "id" in message:
                # It asks for the settings of each part; all name the interpreter of this test.
                items = (message.get("params") or {}).get("items", [])
                self.send(id=message["id"], result=[{"pythonPath": sys.executable}] * len(items))

    def at(self, what: str, line: int, column: int) -> Any:
        place = {"line": line, "character": column}
        return self.ask(
            f"textDocument/{what}", textDocument={"uri": self.program.as_uri()}, position=place
        )

    def completions(self, line: int, column: int) -> list[str]:
        found = self.at("completion", line, column)
        items = found if isinstance(found, list) else found["items"]
        return [item["label"] for item in items]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("needs pyright: pip install '.[checkers]'")
    folder = tmp_path_factory.mktemp("editor")
    program = folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "pyright.langserver", "--stdio"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        running = Server(process, program)
        try:
            folders = [{"uri": folder.as_uri(), "name": "editor"}]
            running.ask(
                "initialize",
                processId=None,
                rootUri=folder.as_uri(),
                workspaceFolders=folders,
                capabilities=CAPABILITIES,
            )
            running.send(method="initialized", params={})
            document = {"uri": program.as_uri(), "languageId": "python", "version": 1}
            running.send(
                method="textDocument/didOpen",
                params={"textDocument": {**document, "text": PROGRAM}},
            )
            yield running
        finally:
            with contextlib.suppress(OSError, AssertionError):
                running.ask("shutdown")
                running.send(method="exit")
            process.terminate()


def test_picks_are_completed_with_the_usual_letters_first(server: Server) -> None:
    labels = server.completions(2, PROGRAM.splitlines()[2].index(", )") + 2)
    assert labels[:7] == ["order=", "T=", "C=", "Z=", "Y=", "X=", "S="]


def test_orders_are_completed(server: Server) -> None:
    labels = server.completions(2, PROGRAM.splitlines()[2].index('"ZYX"') + 1)
    assert {"ZYX", "TZYX", "TCZYX"} <= {label.strip('"') for label in labels}


def test_a_handle_completes_its_fields(server: Server) -> None:
    assert {"dims", "dtype", "channel_names", "pixel_size"} <= set(server.completions(4, 2))


def test_hover_shows_the_rank_and_explains_the_picks(server: Server) -> None:
    shown = server.at("hover", 3, PROGRAM.splitlines()[3].index("transpose_to"))
    text = shown["contents"]["value"]
    assert "-> ImageHandle[tuple[int, int, int]]" in text
    assert "**picks" in text
    assert 'C="DAPI"' in text
    array = server.at("hover", 3, 0)["contents"]["value"]
    assert array == "(variable) zyx: ndarray[tuple[int, int, int], dtype[Any]]"
