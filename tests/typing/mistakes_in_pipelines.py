"""Mistakes in programs as ``pipelines.py`` has them, one a line. The comment has who finds it, as in ``mistakes.py``.

``mypy``, ``pyright``: the one finds it, and the other does not; the reason follows.
"""

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Unpack

import attrs

from pipelines import *
from aicsio import *
from aicsio.steps import verb

# ---------------------------------------------------------------- helpers
apply(h, to_numpy)  # types
number: int = apply(h, to_numpy())  # types
apply("a.czi", select_scene(1))  # types
mean(select_scene(1))  # types
mean(transpose_to)  # types
mean(lambda handle: handle)  # pyright: mypy does not compare a lambda with a protocol
keep_rank(transpose_to(h, "ZYX", C=0))[0].shape[3]  # types
np.mean(select_scene(1))  # types
np.mean(to_numpy())  # types

# ---------------------------------------------------------------- functions as values
functools.partial(select_scene, scene=0.5)(h)  # pyright: to mypy a partial of overloads takes anything
functools.partial(write_ome_tiff, compression="gif")(h, "a")  # pyright: to mypy a partial of overloads takes anything
pipe(h, transpose_to("ZYX"), lambda handle: handle.nothing)  # types
pipe(h, select_scene, to_numpy())  # types
pipe(h, select_scene(1), to_numpy(h))  # types
select_scene(1) >> 5  # types
select_scene(1) + to_numpy()  # types
map_scenes(h, lambda scene: scene.nothing)  # types
map_scenes(h, to_numpy() >> select_scene(1))  # types
map_scenes(h, to_numpy()).items()  # types
map_wells(h, to_numpy())[0]  # types
chain.append(to_numpy())  # types

# ---------------------------------------------------------------- records of the user
Job(Path("a"), to_numpy())  # types
Job(Path("a"), select_scene(1), select_scene(0))  # types
Job(Path("a"), select_scene)  # types
Recipe((select_scene(1), to_numpy()))  # types
Recipe((select_scene(1),), picks={"Time": 0})  # types
text: str = Memory(to_numpy())(h)  # types
attrs.evolve(h, nothing=1)  # mypy: it has a plug-in for attrs
attrs.evolve(h, scene_index="0")  # mypy: it has a plug-in for attrs
h.scene_index += 1  # types
h.scenes[0].channel  # types
h.scenes["DAPI"]  # types

# ---------------------------------------------------------------- functions of the user
[select_scene(h, scene) for scene in h.scenes]  # types
[to_numpy(scene) for scene in h.scenes]  # types
pick(h, "ZYX", Time=0)  # types
stack_of(h, "YX")  # types
reorder(h, str(h.dims.order))  # types
reorder(h, "ZYX", scene=1.5)  # types
blur(h, "2")  # types
blur("a.czi", 2.0)  # types
pipe(h, blur(2.0), select_scene(1))  # types
h.pixel_size.X * 2  # types
open_many(["a.tif", 5])  # types
plane_of: Plane = to_numpy(stack_of(h, "ZYX"))  # types

# ---------------------------------------------------------------- at once
with ThreadPoolExecutor() as pool: pool.submit(to_numpy, "a.czi")  # types
with ThreadPoolExecutor() as pool: pool.map(to_numpy(), ["a.czi"])  # none: ``map`` takes any arguments
async def read(path: str) -> None: to_numpy(asyncio.to_thread(open_image, path))  # types
