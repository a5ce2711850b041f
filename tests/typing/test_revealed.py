"""mypy and pyright find the same types, and an editor offers the picks."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from checkers import HERE, copy_programs, mypy, pyright
from marks import takes_long

REVEALED = re.compile(r'(?:Revealed type is|Type of ".*" is) "(?P<type>.*)"$', re.DOTALL)


def types_of(lines: dict[int, list[str]]) -> dict[int, str]:
    """Types by line, without the modules that mypy writes in front of names."""
    found: dict[int, str] = {}
    for number, messages in lines.items():
        for message in messages:
            revealed = REVEALED.search(message)
            if revealed is not None:
                found[number] = re.sub(r"\b(?:\w+\.)+(?=\w)", "", revealed["type"])
    return found


def test_sixty_expressions_have_the_same_type_in_mypy_and_pyright(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    copy_programs(tmp_path, ["revealed.py"])
    by_mypy = types_of(mypy(tmp_path, ["revealed.py"], plugin=False, kind="note")["revealed"])
    report = pyright(tmp_path, ["revealed.py"], program="pyright", kind="information")
    by_pyright = types_of(report["revealed"])
    count = (HERE / "revealed.py").read_text("utf-8").count("\nreveal_type(")
    assert len(by_mypy) == count == 60
    assert by_mypy == by_pyright


@takes_long
def test_the_plug_in_changes_no_known_rank(tmp_path: Path) -> None:
    copy_programs(tmp_path, ["revealed.py"])
    plain = types_of(mypy(tmp_path, ["revealed.py"], plugin=False, kind="note")["revealed"])
    checked = types_of(mypy(tmp_path, ["revealed.py"], plugin=True, kind="note")["revealed"])
    # An order of other letters has a rank with the plug-in alone.
    changed = {plain[line] for line in plain if plain[line] != checked.get(line)}
    assert changed == {"ImageHandle[tuple[Any, ...]]"}


@takes_long
def test_mypy_counts_no_any_in_a_handle_of_any_rank(tmp_path: Path) -> None:
    """With one it tries each overload of a call, which makes calls of ``transpose_to`` three times as slow."""
    code = """from typing import overload
from aicsio import *
@overload
def ranks(handle: ImageHandle[tuple[int]]) -> int: ...
@overload
def ranks(handle: ImageHandle[tuple[int, int]]) -> str: ...
def ranks(handle: ImageHandle) -> int | str: return 1
reveal_type(ranks(open_image("a")))
reveal_type(ranks(open_many("a")))
reveal_type(ranks(select_scene(open_image("a"), 0)))
def given(handle: ImageHandle) -> None: reveal_type(ranks(handle))
"""
    (tmp_path / "counted.py").write_text(code, encoding="utf-8")
    found = types_of(mypy(tmp_path, ["counted.py"], plugin=False, kind="note")["counted"])
    # Where it counts one, two overloads fit, and it infers Any.
    assert list(found.values()) == ["int"] * 4


class LanguageServer:
    """pyright's language server, as an editor talks with it: JSON behind a header of its length."""

    def __init__(self, folder: Path) -> None:
        script = "import sys; from pyright.langserver import main; main(*sys.argv[1:])"
        self._process = subprocess.Popen(
            [sys.executable, "-c", script, "--stdio"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._number = 0

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def send(self, method: str, **params: Any) -> None:
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, **params: Any) -> Any:
        """Send a request; answer those of the server until the result is there."""
        self._number += 1
        number = self._number
        self._write({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == number and "method" not in message:
                return message["result"]
            if "id" in message:
                items = message.get("params", {}).get("items", [])
                settings = [{"pythonPath": sys.executable} for _ in items]
                self._write({"jsonrpc": "2.0", "id": message["id"], "result": settings})

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the language server has ended"
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message


def test_an_editor_offers_the_picks(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    code = 'from aicsio import open_image, transpose_to\ntranspose_to(open_image("a"), "ZYX", \n)\n'
    path = tmp_path / "edited.py"
    path.write_text(code, encoding="utf-8")
    folder = {"uri": tmp_path.as_uri(), "name": "edited"}
    server = LanguageServer(tmp_path)
    try:
        abilities = {"workspace": {"configuration": True, "workspaceFolders": True}}
        server.ask(
            "initialize",
            processId=None,
            rootUri=tmp_path.as_uri(),
            capabilities=abilities,
            workspaceFolders=[folder],
        )
        server.send("initialized")
        document = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": code}
        server.send("textDocument/didOpen", textDocument=document)
        place = {"line": 1, "character": len(code.splitlines()[1])}
        offered = server.ask(
            "textDocument/completion", textDocument={"uri": path.as_uri()}, position=place
        )
    finally:
        server.close()
    labels = {item["label"] for item in offered["items"]}
    assert {f"{letter}=" for letter in "TCZYXSM"} <= labels
