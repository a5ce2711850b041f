"""Every image as TCZYX, by pure functions of handles.

Rule kept here: what AICSImageIO users expect of dimensions is decided here and nowhere else:

- A dimension that the image lacks has length 1.
- Samples of a pixel (S) are folded into C.
- Any other dimension is cut to its first position, unless its letter is requested.
- A channel without a name is called ``Channel:<scene>:<index>``.

Source of the facts: AICSImageIO 4 (``AICSImage``), which kept S as a sixth dimension.
"""

from collections.abc import Mapping
from string import ascii_uppercase
from typing import cast

import attrs

from aicsio._dims.picks import Picks, UserPick
from aicsio._dims.samples import fold_samples, sample_channels
from aicsio.errors import DimensionError
from aicsio.records import Channel, Dims, ImageHandle, Scene
from aicsio.steps import transpose_to

__all__ = [
    "ORDER",
    "dropped_dims",
    "extra_letters",
    "full_order",
    "pick_legacy",
    "to_native",
    "to_tczyx",
    "to_tczyxs",
]

ORDER = "TCZYX"
_WITHOUT_STANDARD = str.maketrans("", "", ORDER + "S")


def to_tczyx(handle: ImageHandle, keep: str = "") -> ImageHandle:
    """Show the scene and level in focus as TCZYX.

    Parameters
    ----------
    handle
        With the stored order in focus, as ``select_scene`` and ``select_level`` leave it.
    keep
        Further letters to show, S last and the others in front.
    """
    scene = _with_channel_names(handle.scene, handle.scene_index)
    if "S" not in keep and handle.dims.get("S", 1) > 1:
        scene = _with_folded_samples(scene)
    focused = _with_scene(handle, scene)
    # Each letter once, in the order of the request; S is last by the rules of the package.
    front = "".join(dict.fromkeys(keep)).translate(_WITHOUT_STANDARD)
    order = front + ORDER
    if "S" in keep:
        order += "S"
    return transpose_to(focused, order, **_first_positions(focused.dims, order))


def to_tczyxs(handle: ImageHandle) -> ImageHandle:
    """Show the scene and level in focus as TCZYX, with S last if a pixel has several samples."""
    return to_tczyx(handle, _samples_letter(handle.dims))


def to_native(handle: ImageHandle) -> ImageHandle:
    """Show the scene and level in focus in its stored dims, with a name for every channel."""
    scene = _with_channel_names(handle.scene, handle.scene_index)
    return _with_scene(handle, scene)


def _with_scene(handle: ImageHandle, scene: Scene) -> ImageHandle:
    """Return a handle with another record of the scene in focus, and its level in focus."""
    index = handle.scene_index
    scenes = (*handle.scenes[:index], scene, *handle.scenes[index + 1 :])
    contents = attrs.evolve(handle.contents, scenes=scenes)
    return attrs.evolve(handle, contents=contents, array=scene.levels[handle.level])


def dropped_dims(dims: Dims) -> Dims:
    """Return the dimensions longer than 1 that TCZYX does not show; S is folded, not dropped."""
    order = ""
    shape: list[int] = []
    for letter, size in dims.items():
        if letter not in ORDER + "S" and size > 1:
            order += letter
            shape.append(size)
    return Dims(order, tuple(shape))


def full_order(dims: Dims) -> str:
    """Return the order that shows all stored positions: TCZYX last, or TCZYXS with samples."""
    return dropped_dims(dims).order + ORDER + _samples_letter(dims)


def _samples_letter(dims: Dims) -> str:
    return "S" if dims.get("S", 1) > 1 else ""


def extra_letters(dims: Dims, order: str, picks: Mapping[str, UserPick]) -> str:
    """Return the requested letters that are stored but are not in TCZYX."""
    requested = dict.fromkeys([*order, *picks])
    # Letters that are not stored become axes of length 1 later.
    return "".join(letter for letter in requested if letter in dims and letter not in ORDER)


def pick_legacy(handle: ImageHandle, order: str, picks: Mapping[str, UserPick]) -> ImageHandle:
    """Show ``order`` of a TCZYX handle: a letter left out is index 0, a missing one has length 1.

    Raises
    ------
    DimensionError
        When a pick is out of range, picks several positions of a letter that is left out, or a key
        is no capital letter.
    """
    invalid = [name for name in picks if len(name) != 1 or name not in ascii_uppercase]
    if invalid:
        raise DimensionError(
            f"no dimension is called {', '.join(map(repr, invalid))}: pick by capital letters, T=0"
        )
    dims = handle.dims
    # A later pick of a letter would find it dropped, so letters left out are picked with the rest.
    # Scripts pick S=0 or M=0 of images without them: these become axes of length 1 first.
    absent = "".join(letter for letter in picks if letter not in dims)
    complete = transpose_to(handle, absent + dims.order)
    chosen = cast("Picks", {**_first_positions(dims, order), **picks})
    return transpose_to(complete, order, **chosen)


def _first_positions(dims: Dims, order: str) -> dict[str, int]:
    """Return picks of index 0 for the letters that an order leaves out."""
    return {letter: 0 for letter in dims if letter not in order}


def _with_channel_names(scene: Scene, index: int) -> Scene:
    """Return a scene with a record and a name for every channel."""
    count = scene.dims.get("C", 1)
    unknown = (Channel(),) * (count - len(scene.channels))
    named: list[Channel] = []
    # A file may describe more or fewer channels than it holds.
    for position, channel in enumerate(scene.channels[:count] + unknown):
        if not channel.name:
            channel = attrs.evolve(channel, name=f"Channel:{index}:{position}")  # noqa: PLW2901
        named.append(channel)
    channels = tuple(named)
    # An unchanged scene stays the same object: its hash is that of thousands of planes.
    return scene if channels == scene.channels else attrs.evolve(scene, channels=channels)


def _with_folded_samples(scene: Scene) -> Scene:
    # All levels, not only the one in focus: their dims must agree after a change of level.
    levels = tuple(fold_samples(level, ORDER) for level in scene.levels)
    # Each channel becomes one per sample, so that names and positions of C stay together.
    channels = sample_channels(scene.channels, scene.dims["S"])
    return attrs.evolve(scene, levels=levels, channels=channels)
