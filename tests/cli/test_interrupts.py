"""Ctrl-C while the program is still importing: one line and exit code 130, as later."""

import signal
import subprocess
import sys

import pytest

from aicsio.__main__ import INTERRUPTED, MESSAGE

PROGRAM = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
# A background job inherits that the signal is ignored.
signal.signal(signal.SIGINT, signal.{handler})
from aicsio.__main__ import run
sys.argv[1:] = ["info", "missing.tif"]
sys.exit(run())
"""


def run(module: str, handler: str = "default_int_handler") -> "subprocess.CompletedProcess[bytes]":
    program = PROGRAM.format(module=module, handler=handler)
    return subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)


@pytest.mark.skipif(sys.platform == "win32", reason="has no os.kill of SIGINT")
@pytest.mark.parametrize("module", ["aicsio.cli", "argparse", "aicsio.cli.info"])
def test_an_interruption_is_one_line_while_importing(module: str) -> None:
    done = run(module)
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, b"", MESSAGE)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="has no background jobs")
def test_a_program_that_ignores_interruptions_goes_on() -> None:
    done = run("argparse", "SIG_IGN")
    assert done.returncode == 1
    assert b"missing.tif" in done.stderr
