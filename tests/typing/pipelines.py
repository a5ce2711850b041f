"""Programs as engineers write them, around verbs and handles. No checker finds anything in them.

Each function is one kind: generic helpers, protocols, dataclasses, async code, thread pools, ``match``.
``mistakes_in_pipelines.py`` has the mistakes that one makes there.
"""

import asyncio
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypedDict, TypeVar, Unpack

import attrs
import numpy as np
import numpy.typing as npt

from aicsio import *
from aicsio.steps import verb

R = TypeVar("R")
S = TypeVar("S", bound=Step[Any])
Shape = TypeVar("Shape", bound=tuple[Any, ...])
Plane = np.ndarray[tuple[int, int], np.dtype[Any]]
h = open_image("a.czi")


# ---------------------------------------------------------------- helpers
def apply(handle: ImageHandle, step: Step[R]) -> R:
    return step(handle)


def call(function: Callable[[ImageHandle], R]) -> R:
    return function(h)


def keep_rank(handle: ImageHandle[Shape]) -> tuple[ImageHandle[Shape], Shape]:
    return handle, handle.shape


def log(step: S) -> S:
    print(step)
    return step


class Reads(Protocol):
    def __call__(self, handle: ImageHandle, /) -> npt.NDArray[Any]: ...


def mean(read: Reads) -> float:
    return float(read(h).mean())


pixels: npt.NDArray[Any] = apply(h, to_numpy())
image: ImageHandle = call(select_scene(1))
pixels = call(to_numpy)
z, y, x = keep_rank(transpose_to(h, "ZYX", C=0))[1]
image = log(select_scene(1))(h)
mean(to_numpy)
mean(to_numpy())
mean(lambda handle: to_numpy(handle) * 2)


# ---------------------------------------------------------------- functions as values
functools.partial(transpose_to, order="ZYX", C=0)(h)
image = functools.partial(select_scene, scene=1)(h)
pixels = pipe(h, functools.partial(select_scene, scene=0), to_numpy())
largest: float = pipe(h, transpose_to("YX", Z=0), to_numpy(), lambda plane: float(np.max(plane * 2.0)))
pipe(h, lambda handle: transpose_to(handle, "YX", C=0, Z=0), lambda handle: to_numpy(handle) * 2)
pipe(h, transpose_to("YX", C=0), lambda handle: transpose_to(handle, "XY"), to_numpy())
call(lambda handle: transpose_to(handle, "YX", C=0))
measures: dict[str, Step[float]] = {"mean": to_numpy() >> np.mean >> float}
values = {name: measure(h) for name, measure in measures.items()}
shapes = map_scenes(h, lambda scene: scene.shape)
handles: tuple[ImageHandle, ...] = map_scenes(h, transpose_to("ZYX", C=0))
chain: list[Step[ImageHandle]] = [select_scene(1), transpose_to("ZYX", C=0), transpose_to("YX", Z=0)]
image = functools.reduce(lambda handle, step: step(handle), chain, h)
step = transpose_to("YX", C=0) if h.dims.Z == 1 else select_scene(0)


# ---------------------------------------------------------------- records of the user
@dataclass(frozen=True)
class Job:
    source: Path
    prepare: Step[ImageHandle]
    read: Callable[[ImageHandle], npt.NDArray[Any]] = field(default_factory=to_numpy)

    def run(self) -> npt.NDArray[Any]:
        return self.read(self.prepare(open_image(self.source)))


@attrs.frozen
class Recipe:
    steps: tuple[Step[ImageHandle], ...]
    picks: Picks = attrs.field(factory=lambda: Picks(T=0))


class Result(NamedTuple):
    handle: ImageHandle
    pixels: npt.NDArray[Any]


class Row(TypedDict):
    scene: str
    mean: float


class Memory(Generic[R]):
    def __init__(self, step: Step[R]) -> None:
        self.step = step
        self.results: dict[ImageHandle, R] = {}

    def __call__(self, handle: ImageHandle) -> R:
        return self.results.setdefault(handle, self.step(handle))


Job(Path("a"), select_scene(0) >> transpose_to("ZYX"), to_numpy(workers=2)).run()
Recipe((select_scene(1), transpose_to("ZYX", C=0)))
Result(h, to_numpy(h))
rows, columns = Memory(transpose_to("YX", C=0) >> to_numpy())(h).shape
channel: Channel = attrs.evolve(Channel(name="DAPI"), name="GFP")
table: dict[str, Any] = attrs.asdict(h.scenes[0])


# ---------------------------------------------------------------- functions of the user
def measure_scenes(handle: ImageHandle) -> Iterator[Row]:
    for scene in handle.scenes:
        pixels = to_numpy(select_scene(handle, scene.name))
        yield {"scene": scene.name, "mean": float(pixels.mean())}


def pick(handle: ImageHandle, order: str, **picks: Unpack[Picks]) -> npt.NDArray[Any]:
    return to_numpy(transpose_to(handle, order, **picks))


def stack_of(handle: ImageHandle, order: Literal["ZYX", "TYX"]) -> ImageHandle[tuple[int, int, int]]:
    return transpose_to(handle, order, C=0)


def reorder(handle: ImageHandle, order: Order, scene: int | str | None = None) -> ImageHandle:
    return transpose_to(handle if scene is None else select_scene(handle, scene), order)


@verb
def blur(handle: ImageHandle, /, sigma: float) -> npt.NDArray[Any]:
    return to_numpy(handle) * sigma


@functools.lru_cache(maxsize=8)
def cached(handle: ImageHandle) -> npt.NDArray[Any]:
    return to_numpy(handle)


def describe(value: ImageHandle | Scene | PixelSize | Dims) -> str:
    match value:
        case ImageHandle(format=name, scene_index=index):
            return f"{name} {index}"
        case Scene(name=name):
            return name
        case PixelSize(Z=None):
            return "a plane"
        case PixelSize(Z=depth):
            return f"{depth} um"
        case Dims(order=order):
            return order


pick(h, "ZYX", C="DAPI", T=0)
pixels = pipe(h, select_scene(1), blur(sigma=2.0))
cached(transpose_to(h, "ZYX", C=0))
for t, c in itertools.product(range(h.dims.T), range(h.dims.C)):
    transpose_to(h, "ZYX", T=t, C=c)
for name in h.channel_names:
    transpose_to(h, "ZYX", C=name)
open_many([path for path in Path().glob("*.czi")])
open_many([h, "a.czi", np.zeros((2, 3))])


# ---------------------------------------------------------------- at once
async def read_all(paths: Sequence[str]) -> list[npt.NDArray[Any]]:
    opened = [await asyncio.to_thread(open_image, path) for path in paths]
    # mypy 1.15 finds Any for an overloaded function in a thread.
    arrays: list[npt.NDArray[Any]] = await asyncio.gather(
        *(asyncio.to_thread(to_numpy, each) for each in opened)
    )
    return arrays


def read_scenes() -> list[Plane]:
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(to_numpy, transpose_to(h, "YX", Z=index)) for index in range(3)]
        return [job.result() for job in jobs]
