"""Completion as a user has it: an interactive shell on a terminal, the key TAB, and what the line becomes.

Needs shtab, and the shells; those that are not there are skipped.
"""

import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from command_line import caller, write_slide

if sys.platform == "win32":
    pytest.skip("there are no terminals of POSIX", allow_module_level=True)
import pty

PROMPT = "READY> "
QUERIES = {b"\x1b[c": b"\x1b[?62;c", b"\x1b[0c": b"\x1b[?62;c", b"\x1b[6n": b"\x1b[1;1R"}
"""Questions to a terminal, which fish asks, and answers."""
SECONDS = 60.0
"""A shell starts in a tenth of a second; on a busy machine it takes some."""


class Screen:
    """An interactive shell. Not a record: it is a process."""

    def __init__(self, command: list[str], folder: Path, home: Path) -> None:
        environment = {
            **os.environ,
            "HOME": str(home),
            "ZDOTDIR": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_DATA_HOME": str(home),
            "TERM": "xterm",
            # fish looks for the completions of programs that there are.
            "PATH": f"{home}{os.pathsep}{os.environ['PATH']}",
        }
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)  # noqa: S606 - a shell is what is tested
        self.text = b""

    def wait_for(self, wanted: str) -> bool:
        """Read until a text has come."""
        start, end = len(self.text), time.monotonic() + SECONDS
        while time.monotonic() < end:
            if not select.select([self.terminal], [], [], 0.2)[0]:
                continue
            part = os.read(self.terminal, 4096)
            self.text += part
            for query, reply in QUERIES.items():
                if query in part:
                    os.write(self.terminal, reply)
            if wanted.encode() in self.text[start:]:
                return True
        return False

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.terminal, keys.encode())

    def close(self) -> None:
        """End the shell."""
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.terminal)


def install(shell: str, script: str, home: Path) -> list[str]:
    """Put the script where docs/command-line.md puts it; return the command of an interactive shell."""
    program = home / "aicsio"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    if shell == "bash":
        (home / "script").write_text(script)
        (home / "rc").write_text(f"PS1='{PROMPT}'\nsource {home}/script\n")
        return ["bash", "--noprofile", "--rcfile", str(home / "rc"), "-i"]
    if shell == "zsh":
        (home / ".zfunc").mkdir()
        (home / ".zfunc" / "_aicsio").write_text(script)
        lines = f"PS1='{PROMPT}'\nfpath=(~/.zfunc $fpath)\nautoload -Uz compinit; compinit -u\n"
        (home / ".zshrc").write_text(lines)
        return ["zsh", "-i"]
    config = home / ".config" / "fish"
    (config / "completions").mkdir(parents=True)
    (config / "completions" / "aicsio.fish").write_text(script)
    prompt = f"function fish_prompt; echo -n '{PROMPT}'; end\nset -g fish_greeting\n"
    (config / "config.fish").write_text(prompt)
    return ["fish", "-i"]


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("aicsio conv", "convert "),
        ("aicsio check --dee", "--deep "),
        ("aicsio convert --compression zs", "zstd "),
        ("aicsio info sli", "slide.ome.tif "),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_key_completes(
    shell: str, typed: str, completed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("shtab")
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    home, folder = tmp_path / "home", tmp_path / "images"
    home.mkdir()
    folder.mkdir()
    write_slide(folder)
    # A file of the name of a choice: where words are wanted, files are not.
    (folder / "zstd.txt").touch()
    code, script, _ = caller(capsys)("completion", shell)
    assert code == 0
    screen = Screen(install(shell, script, home), folder, home)
    try:
        assert screen.wait_for(PROMPT), screen.text
        screen.type(typed)
        screen.type("\t")
        # zsh draws the space behind the word in bold.
        assert screen.wait_for(completed.strip()), screen.text
        assert b"zstd.txt" not in screen.text
    finally:
        screen.close()
