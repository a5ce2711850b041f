"""What a traceback shows: the lines of the caller, and one frame of aicsio (rule of issue 11, point 25)."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from aicsio import open_image, write_ome_tiff
from aicsio._tracebacks import FULL_TRACEBACK
from support import takes_long

SETUP = """
import numpy as np
import aicsio
from aicsio import *
from aicsio import planes, thumbnails, verify
from aicsio.records import PixelSize

h = open_image(np.zeros((2, 3, 8, 8), np.uint16), dims="CZYX")
write_ome_tiff(h, "a.ome.tiff", overwrite=True)
f = open_image("a.ome.tiff")
img = AICSImage("a.ome.tiff")
lazy = to_dask(f)
part = lazy[:1].max()
# From here on no read of the file succeeds, in the depth of the engine.
write_ome_tiff(open_image(np.zeros((9, 8), np.uint16)), "a.ome.tiff", overwrite=True)

def own(handle):
    return transpose_to(handle, "YX")
"""

CALLS = [
    "open_image('nope.tif')",
    "open_image(3)",
    "open_image(h, dims=3)",
    "open_image('https://127.0.0.1:9/a.tif')",
    "explain('nope.tif')",
    "open_many('t{T}.tif')",
    "transpose_to(h, 'YX')",
    "transpose_to(h, 5)",
    "select_scene(h, 4)",
    "select_scene(h)",
    "select_level(h, 4)",
    "transpose_to('YX')(h)",
    "pipe(h, transpose_to('YX'))",
    "pipe(h, 3)",
    "to_numpy(f)",
    "to_numpy(f, wrkers=1)",
    "np.asarray(f)",
    "np.asarray(f.levels[0])",
    "to_dask(h, chunks={'T': 1})",
    "lazy.compute()",
    "write_ome_tiff(h, '/no/x.ome.tiff')",
    "write_ome_tiff(h, 'x.zarr')",
    "write_ome_tiff(f, 'x.ome.tiff')",
    "write_scenes([h], '/no/x.ome.tiff')",
    "imwrite('/no/x.ome.tiff', np.zeros((3, 4)))",
    "imread('nope.tif')",
    "imread_dask('nope.tif')",
    "AICSImage('nope.tif')",
    "AICSImage(h, foo=1)",
    "img.data",
    "img.get_image_data('QX', P=1)",
    "img.get_image_data('ZYX', C=9)",
    "img.get_image_dask_data('ZYX', C=9)",
    "img.get_stack(foo=1)",
    "img.get_stack()",
    "img.dask_data.compute()",
    "img.set_scene(7)",
    "img.set_resolution_level(7)",
    "img.save('/no/x.ome.tiff')",
    "img.dims['Q']",
    "h.dims['C', 'Q']",
    "Dims('ZYX', (1, 2))",
    "Dims('ZYX')",
    "Channel(nam=1)",
    "PixelSize(X=-1)",
    "open_image('a.ome.tiff', scene=1)",
    "write_ome_zarr(h, 'x.tif')",
    "write_ome_zarr([h, 3], 'x.ome.zarr')",
    "write_ome_zarr(h, 'x.ome.zarr', chunks=(1, 2))",
    "h.dims['T']",
    "h.level_array(0, 3)",
    "planes.read_planes('a.tif')",
    "thumbnails.thumbnail(h, 'large')",
    "verify.verify(np.zeros((3, 4)))",
]

COUNT = """
import json, sys, traceback
results = {}
for call in CALLS:
    try:
        eval(call)
    except AicsioError as error:
        causes = []
        each = error
        while each is not None:
            causes.append(len(traceback.extract_tb(each.__traceback__)))
            each = each.__cause__
        results[call] = causes
print(json.dumps(results))
"""


def run(code: str, folder: Path, **environment: str) -> str:
    """Run a script as a user does, without the setting of the tests."""
    variables = {key: value for key, value in os.environ.items() if key != FULL_TRACEBACK}
    command = [sys.executable, "-c", code]
    finished = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**variables, **environment},
    )
    return finished.stdout


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What one script prints: the frames of all calls, and the three parts below."""
    parts = [COUNT, PIPED, HANDLED, COMPUTED]
    code = f"CALLS = {CALLS!r}\n{SETUP}\n" + "\nprint('----')\n".join(parts)
    printed = run(code, tmp_path_factory.mktemp("script")).split("----\n")
    assert len(printed) == len(parts)
    return printed


def test_a_traceback_has_the_line_of_the_caller_and_one_frame(outputs: list[str]) -> None:
    counts = json.loads(outputs[0])
    assert set(counts) == set(CALLS)
    # The frame of this script's loop calls eval, whose frame is the line of the caller.
    too_long = {call: frames for call, frames in counts.items() if frames[0] > 3}
    assert not too_long
    assert all(cause == 0 for frames in counts.values() for cause in frames[1:])


@takes_long
def test_the_variable_brings_all_frames_back(tmp_path: Path) -> None:
    calls = ["to_numpy(f)", "open_image('nope.tif')"]
    code = f"CALLS = {calls!r}\n{SETUP}\n{COUNT}"
    counts = json.loads(run(code, tmp_path, **{FULL_TRACEBACK: "1"}))
    assert counts["to_numpy(f)"][0] > 10
    assert all(frames[0] > 4 for frames in counts.values())
    # The cause of a missing file is Python's own error, with the frames that led to it.
    assert counts["open_image('nope.tif')"][1] > 0


PIPED = """
try:
    pipe(h, own)
except DimensionError as error:
    print([frame.name for frame in traceback.extract_tb(error.__traceback__)])
"""


def test_functions_of_the_caller_stay_in_the_traceback(outputs: list[str]) -> None:
    assert outputs[1].strip() == "['<module>', 'wrapper', 'own']"


HANDLED = """
def first():
    raise KeyError("mine")
try:
    try:
        first()
    except KeyError:
        open_image("nope.tif")
except SourceNotFoundError as error:
    cause = error.__cause__
    print(type(cause).__name__, type(cause.__context__).__name__)
    print([frame.name for frame in traceback.extract_tb(cause.__context__.__traceback__)])
"""


def test_an_exception_that_the_caller_handles_stays_whole(outputs: list[str]) -> None:
    lines = outputs[2].split("\n")
    assert lines[:2] == ["FileNotFoundError KeyError", "['<module>', 'first']"]


COMPUTED = """
import os
try:
    part.compute()
except SourceChangedError as error:
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    # Not by the name alone: the folder of a checkout is called so too.
    inside = os.path.join(os.path.dirname(aicsio.__file__), "")
    print(sum(name.startswith(inside) for name in files))
"""


def test_the_tasks_of_dask_show_one_frame_of_aicsio(outputs: list[str]) -> None:
    assert outputs[3].strip() == "1"


NOTEBOOK = """
import contextlib, io, json
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("colors", "NoColor")
shell.run_cell(SETUP)
results = {}
for call in CALLS:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        shell.run_cell(call)
    results[call] = shown.getvalue()
print("RESULTS" + json.dumps(results))
"""


def test_a_notebook_shows_two_frames(tmp_path: Path) -> None:
    pytest.importorskip("IPython", reason="needs IPython: pip install '.[test,servers]'")
    code = f"CALLS = {CALLS!r}\nSETUP = {SETUP!r}\n{NOTEBOOK}"
    output = run(code, tmp_path, IPYTHONDIR=str(tmp_path), HOME=str(tmp_path))
    texts = json.loads(output.partition("RESULTS")[2])
    assert set(texts) == set(CALLS)
    for call, text in texts.items():
        frames = re.findall(r"^(?:File |Cell In)", text, re.MULTILINE)
        assert 1 <= len(frames) <= 2, (call, textwrap.shorten(text, 2000))


def test_other_errors_keep_their_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tiff"

    def stop(done: int, total: int) -> None:
        raise RuntimeError(f"{done} of {total}")

    with pytest.raises(RuntimeError) as caught:
        write_ome_tiff(open_image(np.zeros((64, 64))), path, progress=stop)
    assert len(caught.traceback) > 3
