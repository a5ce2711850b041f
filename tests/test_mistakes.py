"""Mistakes of new users: each message gives what was asked, what is there, and what works.

The calls run in a process without beartype's import hook, as users run them.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aicsio import open_image, write_ome_tiff

SETUP = """
import json, sys, numpy as np
import aicsio
from aicsio import *
h = open_image("cells.ome.tiff")
img = AICSImage("cells.ome.tiff")
shown = {}
for call in json.loads(sys.argv[1]):
    try:
        shown[call] = f"no error: {eval(call)!r}"
    except Exception as error:
        shown[call] = f"{type(error).__name__}: {error}"
print(json.dumps(shown))
"""

MISTAKES = {
    "open_image('Cells.ome.tiff')": "did you mean 'cells.ome.tiff'?",
    "open_image(['cells.ome.tiff'])": "ArgumentTypeError: cannot read from a list of str: open_many",
    "open_image([1, 2])": "cannot read from a list of int: open_many opens many files as one image, "
    "and numpy.asarray makes an array",
    "open_image(None)": "cannot read from NoneType: give a path, URL",
    "open_image(h)": "this ImageHandle is open already",
    "open_image(img)": "this AICSImage is open already",
    "open_image('cells.ome.tiff', 'tiff')": "open_image: 'tiff' is one argument too many; it takes (image",
    "open_image('cells.ome.tiff', format='TIFF')": "did you mean 'tiff'?",
    "open_image('cells.ome.tiff', pixel_size=0.5)": "give a PixelSize, such as PixelSize(Y=0.5, X=0.5), or None",
    "h.dims['t']": "no dimension 't' here; there are T=1, C=2, Z=3, Y=4, X=5",
    "h.dims.z": "dimensions are capital letters, dims.Z",
    "h.dims[0]": "DimensionError: dims[0]: give letters; there are T=1, C=2",
    "h.data": "'ImageHandle' object has no attribute 'data': to_numpy(h) reads the pixels",
    "h.get_image_data('ZYX')": "to_numpy(transpose_to(h, 'ZYX', T=0, C=0)) reads a part",
    "h.foo": "AttributeError: 'ImageHandle' object has no attribute 'foo'",
    "select_scene('cells.ome.tiff', 0)": "select_scene takes a handle from open_image first, not str",
    "select_scene(img, 0)": "not AICSImage: give its .handle",
    "select_scene(handle=h, scene=0)": "select_scene: handle is given by position, without its name",
    "select_scene(h, 0, scene=0)": "select_scene: scene is given twice, by position and by name",
    "transpose_to(h, 'zyx')": "did you mean 'ZYX'?",
    "transpose_to(h, 'ZYX', c=0)": "Y=4, X=5; dimensions are capital letters: C=...",
    "transpose_to(h, 'CZYX', C={'GFP'})": "C={'GFP'} is not a pick: give an int, a slice, a range, "
    "or a list or tuple of ints; a list works: C=['GFP']",
    "transpose_to('CZYX', C={'GFP'})": "a step cannot keep a set, which does not hash: give a list, ['GFP']",
    "transpose_to(h, C=0)": "transpose_to: order missing; it takes (handle, order, **picks)",
    "to_numpy(h, C=0)": "to_numpy picks no positions: transpose_to(handle, order, C=...) does",
    "to_numpy(h, 'ZYX')": "to_numpy: 'ZYX' is one argument too many; it takes (handle, out=..., workers=..., progress=...)",
    "to_numpy('cells.ome.tiff')": "not str: open_image makes one of a path, a URL, bytes or an array",
    "to_numpy(transpose_to('ZYX', C=0))": "give the step a handle first, or use pipe(handle, step, ...)",
    "pipe('cells.ome.tiff', to_numpy())": "to_numpy() takes a handle from open_image, not str",
    "pipe(to_numpy(), h)": "pipe: part 1 is ImageHandle, no function",
    "pipe(h, 3)": "pipe: part 1 is int, no function",
    "to_dask(h, chunks=0)": "DimensionError: chunks=0 do not fit T=1, C=2, Z=3, Y=4, X=5: give sizes from 1 on",
    "write_ome_tiff('o.ome.tiff', h)": "not str: the handle comes first",
    "write_ome_tiff(np.zeros((3, 4)), 'o.ome.tiff')": "not ndarray: open_image makes one",
    "write_ome_tiff(h, 'o.ome.tiff', compression='LZW')": "'jpeg', 'jpeg2000', 'jpegxl' or None",
    "write_ome_tiff(h, 'o.ome.tiff', progress=3)": "progress=3 does not fit: give a function or None",
    "write_scenes(h, 'o.ome.tiff')": "does not fit: give a sequence of ImageHandle",
    "AICSImage('cells.ome.tiff', 'CZYX')": "no format is called 'CZYX'",
    "AICSImage(np.zeros((3, 4)), reader='x')": "reader='x' is for files: an array is opened as it is",
    "AICSImage(np.zeros((3, 4)), foo=1)": "AICSImage has no parameter 'foo'",
    "AICSImage()": "AICSImage: image missing; it takes (image, ...)",
    "img.get_image_data('ZYX', c=0)": "no dimension is called 'c': pick by capital letters",
    "img.dims.Q": "AttributeError: no dimension 'Q' here; there are TCZYX",
    "img.set_scene(None)": "AICSImage.set_scene: scene_id=None does not fit: give a str or an int",
    "img.save()": "AICSImage.save: uri missing",
    "img.get_stack(foo=1)": "AICSImage.get_stack has no parameter 'foo'",
    "imread('cells.ome.tiff', scene=1)": "imread has no parameter 'scene': did you mean 'scene_id'?",
    "open_many('nope_{T}.tif')": "no file is called 'nope_{T}.tif'",
    "use_dask()": "use_dask: setting missing; it takes (setting)",
    "PixelSize(X=-1)": "PixelSize: X=-1.0 is no size: give micrometres above 0",
    "explain('cells.ome.tiff', format='tiff')": "explain has no parameter 'format'",
}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("mistakes")
    image = open_image(np.zeros((2, 3, 4, 5), np.uint8), dims="CZYX", channel_names=["DAPI", "GFP"])
    write_ome_tiff(image, folder / "cells.ome.tiff")
    return run(folder, list(MISTAKES))


def run(folder: Path, calls: list[str]) -> dict[str, str]:
    command = [sys.executable, "-c", SETUP, json.dumps(calls)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    shown: dict[str, str] = json.loads(finished.stdout)
    return shown


@pytest.mark.parametrize("call", MISTAKES)
def test_the_message_gives_what_works(messages: dict[str, str], call: str) -> None:
    assert MISTAKES[call] in messages[call]


SWEEP = """
import inspect, json, warnings
import numpy as np
import aicsio, aicsio.attachments, aicsio.dask_utils, aicsio.planes, aicsio.thumbnails
import aicsio.verify, aicsio.writers
from aicsio import AICSImage, ArgumentTypeError, open_image

warnings.simplefilter("ignore")
img = AICSImage(np.zeros((2, 3, 4)))
functions = {}
for module in (aicsio, aicsio.attachments, aicsio.dask_utils, aicsio.labels, aicsio.planes,
               aicsio.thumbnails, aicsio.verify, aicsio.writers):
    for name in module.__all__:
        value = getattr(module, name)
        if callable(value) and not isinstance(value, type) and name != "Order":
            functions[name] = value
functions["AICSImage"] = AICSImage
for name, _ in inspect.getmembers(AICSImage, inspect.isfunction):
    if not name.startswith("_"):
        functions[f"AICSImage.{name}"] = getattr(img, name)
wrong = []
for name, function in functions.items():
    calls = [((object(),) * 40, {}), ((), {"no_such_name": 1})]
    if any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(function).parameters.values()):
        calls = calls[1:]
    if any(p.kind is p.VAR_KEYWORD and "Unpack" not in str(p.annotation)
           for p in inspect.signature(function).parameters.values()):
        calls = calls[:1]
    for args, kwargs in calls:
        try:
            wrong.append((name, repr(function(*args, **kwargs))))
        except ArgumentTypeError as error:
            if name not in str(error) or "()" in str(error):
                wrong.append((name, str(error)))
        except Exception as error:
            wrong.append((name, repr(error)))
print(json.dumps([len(functions), wrong]))
"""


def test_every_public_function_refuses_calls_in_our_words() -> None:
    command = [sys.executable, "-c", SWEEP]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    count, wrong = json.loads(finished.stdout)
    assert count > 30
    assert not wrong
