"""Ctrl-C at any moment: one line, exit code 130, nothing half-written, no process left."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from aicsio._interruption import INTERRUPTED, MESSAGE
from aicsio.testing.lif import LifImage, write_lif
from command_line import start
from http_server import Site, serving
from reductions_soak import make
from support import mostly_long, takes_long

LINE = f"{MESSAGE}\n"
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
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no os.kill of SIGINT")


def run(module: str, handler: str = "default_int_handler") -> "subprocess.CompletedProcess[str]":
    program = PROGRAM.format(module=module, handler=handler)
    return subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize("module", ["aicsio.cli", "argparse", "aicsio.cli.info"])
def test_an_interruption_is_one_line_while_importing(module: str) -> None:
    done = run(module)
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", LINE)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="has no background jobs")
def test_a_program_that_ignores_interruptions_goes_on() -> None:
    done = run("argparse", "SIG_IGN")
    assert done.returncode == 1
    assert "missing.tif" in done.stderr


BEHIND_THE_MESSAGE = """
import os, signal, sys
from aicsio import _interruption, cli

def command(words):
    os.kill(os.getpid(), signal.SIGINT)

cli._run = command
signal.signal(signal.SIGINT, _interruption.interrupt_once)
code = cli.main(["info"])
# A key that is held down: the second one comes when nothing is being handled any more.
os.kill(os.getpid(), signal.SIGINT)
sys.exit(99)
"""


def test_one_more_interruption_behind_the_message_shows_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEHIND_THE_MESSAGE], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", LINE)


CLEANING = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from aicsio import _interruption, cli
from aicsio.__main__ import run
_interruption.REPEATS = {repeats}
def main():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)  # Python calls the handler
        print("cleaned up", flush=True)
        return _interruption.INTERRUPTED
cli.main = main
sys.exit(run())
"""


@pytest.mark.parametrize(("repeats", "printed"), [(60.0, "cleaned up\n"), (0.001, "")])
def test_a_second_interruption_waits_for_the_clean_up_for_a_while(
    repeats: float, printed: str
) -> None:
    program = CLEANING.format(repeats=repeats)
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (INTERRUPTED, printed)
    assert done.stderr == ("" if printed else LINE)  # cli.main prints it otherwise


DROPPING = """
import os, signal, sys, time, warnings
signal.signal(signal.SIGINT, signal.default_int_handler)
from aicsio import _interruption, cli
from aicsio.__main__ import run
def press():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)  # Python calls the handler
class Finalized:
    def __del__(self):
        press()
def caught():
    try:
        press()
    except BaseException:
        warnings.warn("the module is not as it should be", RuntimeWarning)
def main():
    try:
        {dropping}
        for _ in range({more}):
            press()
        time.sleep(60)
    except KeyboardInterrupt:
        return _interruption.INTERRUPTED
cli.main = main
sys.exit(run())
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="has no timer of signals")
@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("dropping", ["caught()", "Finalized()"])
def test_an_interruption_that_another_library_drops_is_raised_again(
    dropping: str, more: int
) -> None:
    # Cython's start of a module drops it so (seen in tests of `convert --verify`), finalizers by Python's rules.
    program = DROPPING.format(dropping=dropping, more=more)
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, "", "")


# ---------------------------------------------------------------- in the middle of a command


@contextlib.contextmanager
def started(*arguments: object) -> "Iterator[subprocess.Popen[str]]":
    """A command that does not outlive the block."""
    command = start(*arguments)
    try:
        yield command
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)
        command.communicate()


def interrupt(command: "subprocess.Popen[str]", times: int = 1) -> None:
    """Press Ctrl-C, and see that it ends the command as it should."""
    parent = psutil.Process(command.pid)
    family = [parent, *parent.children(recursive=True)]
    for _ in range(times):
        os.killpg(command.pid, signal.SIGINT)
        time.sleep(0.01 * (times > 1))
    told, err = command.communicate(timeout=60)
    # A Ctrl-C at the very end of Python kills it by the signal, for which shells say 130, too.
    expected = {INTERRUPTED} if times == 1 else {INTERRUPTED, -signal.SIGINT}
    assert command.returncode in expected, told + err
    assert err == LINE
    assert not psutil.wait_procs(family, timeout=10)[1]


def wait_until_reading(command: "subprocess.Popen[str]", path: Path) -> None:
    """Wait until a command has the image open."""
    process = psutil.Process(command.pid)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert command.poll() is None, command.communicate()
        if str(path) in [file.path for file in process.open_files()]:
            return
        time.sleep(0.005)
    pytest.fail("the image was never opened")


@pytest.fixture(scope="module")
def long_stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image that no command ends with: 256 GiB, which are a hole in the file."""
    path = tmp_path_factory.mktemp("long") / "long.mrc"
    make(path, 256)
    return path


WRITING = {
    "thumbnail": ("thumbnail", "a.png"),
    "picture": ("export", "a.png", "--project", "max"),
    "movie": ("export", "a.mp4", "--along", "Z"),
    "gif": ("export", "a.gif", "--along", "Z"),
    "convert": ("convert", "a.ome.tiff"),
    "compressed": ("convert", "a.ome.tiff", "--compression", "zlib", "--pyramid", "auto"),
    "verified": ("convert", "a.ome.tiff", "--verify"),
}
"""Command and its target, and options."""


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=takes_long)])
@pytest.mark.parametrize("name", mostly_long(WRITING, "convert", "verified"))
def test_a_command_that_writes_leaves_the_old_file(
    name: str, times: int, long_stack: Path, tmp_path: Path
) -> None:
    command, target, *options = WRITING[name]
    old = tmp_path / target
    old.write_bytes(b"as it was")
    with started(command, long_stack, old, "--overwrite", *options) as process:
        wait_until_reading(process, long_stack)
        time.sleep(0.3)  # in the middle of it, not in its first read
        interrupt(process, times)
    assert os.listdir(tmp_path) == [target]
    assert old.read_bytes() == b"as it was"


def test_a_half_written_ome_zarr_stays_hidden_and_is_resumed(
    long_stack: Path, tmp_path: Path
) -> None:
    target = tmp_path / "a.ome.zarr"
    with started("convert", long_stack, target) as process:
        wait_until_reading(process, long_stack)
        time.sleep(0.3)
        interrupt(process)
    # docs/ome-zarr.md: the same call goes on with the chunks that are there.
    assert os.listdir(tmp_path) in ([], [".a.ome.zarr.part"])


def test_an_interrupted_check_ends(long_stack: Path) -> None:
    with started("check", "--deep", long_stack) as process:
        wait_until_reading(process, long_stack)
        time.sleep(0.3)
        interrupt(process)


def test_an_interrupted_verification_ends(tmp_path: Path) -> None:
    pytest.importorskip("readlif")
    many = np.zeros((30_000, 4, 4), np.uint8)  # half a minute of readlif
    path = write_lif(tmp_path / "many.lif", [LifImage(many, "TYX")])
    with started("verify", path) as process:
        wait_until_reading(process, path)
        interrupt(process)


@pytest.fixture
def silent_server() -> Iterator[Site]:
    """A server that answers after the test."""
    with serving(image__tif=b"II*\0") as site:
        site.delay = 60.0
        yield site


@pytest.mark.parametrize(
    "command", [("metadata",), ("info",), ("check",), ("explain",), ("thumbnail", "a.png")]
)
def test_a_command_that_waits_for_a_server_ends(
    command: tuple[str, ...], silent_server: Site, tmp_path: Path
) -> None:
    name, *target = command
    where = [tmp_path / each for each in target]
    with started(name, f"{silent_server.url}image.tif", *where) as process:
        end = time.monotonic() + 60
        while not silent_server.asked and time.monotonic() < end:
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        assert silent_server.asked
        interrupt(process)
    assert os.listdir(tmp_path) == []
