"""The rules of the legacy face as pure functions of handles: every image is TCZYX.

- A dimension that the image lacks has length 1.
- Samples of a pixel (S) are folded into C: position ``c * samples + s`` is sample ``s`` of channel ``c``.
- Any other dimension is cut to its first position, unless it is asked for by its letter.
- A channel without a name is called ``Channel:<scene>:<index>``.

Source of the facts: AICSImageIO 4, whose ``AICSImage`` these rules come from (it kept S as a sixth dimension).
"""

import inspect
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import NamedTuple

import attrs

from aicsio._dims import views
from aicsio._dims.notation import UserPick
from aicsio.errors import ArgumentTypeError, DimensionError
from aicsio.records import Channel, Dims, ImageHandle, LazyArray, Nested, Piece, Scene, Selection
from aicsio.steps import transpose_to

ORDER = "TCZYX"
_OURS = (f"{Path(__file__).parent}{os.sep}", "<@beartype(aicsio.")
"""How the names of files begin that our own code comes from, and the code that checks its types in tests."""
SAMPLES = (("R", 0xFF0000FF), ("G", 0x00FF00FF), ("B", 0x0000FFFF), ("A", None))
"""Name and colour of each sample of a pixel."""
BLOCK_BYTES = 4 << 20
"""Blocks of folded pixels grow to this size: each costs a plan of its own."""


class PhysicalPixelSizes(NamedTuple):
    """Micrometres; ``None`` where the file does not say."""

    Z: float | None
    Y: float | None
    X: float | None


@attrs.frozen
class Dimensions:
    """Letters and sizes as AICSImageIO gives them: ``dims.X`` is a number, ``dims["X"]`` a tuple of one."""

    order: str
    """Letters, slowest first."""
    shape: tuple[int, ...]
    """Size of each."""

    @property
    def T(self) -> int:
        """Time points."""
        return self["T"][0]

    @property
    def C(self) -> int:
        """Channels; samples of RGB pixels count."""
        return self["C"][0]

    @property
    def Z(self) -> int:
        """Sections."""
        return self["Z"][0]

    @property
    def Y(self) -> int:
        """Rows."""
        return self["Y"][0]

    @property
    def X(self) -> int:
        """Columns."""
        return self["X"][0]

    def items(self) -> tuple[tuple[str, int], ...]:
        """Pairs of letter and size, in order."""
        return tuple(zip(self.order, self.shape, strict=True))

    def __contains__(self, letter: object) -> bool:
        return isinstance(letter, str) and letter in dict(self.items())

    def __getitem__(self, key: str | Sequence[str], /) -> tuple[int, ...]:
        letters = (key,) if isinstance(key, str) else key
        if isinstance(letters, int) or not all(isinstance(letter, str) for letter in letters):
            raise ArgumentTypeError(
                f"dims[{key!r}]: give letters, such as dims['X'] or dims['T', 'C']"
            )
        sizes = dict(self.items())
        missing = [letter for letter in letters if letter not in sizes]
        if missing:
            raise DimensionError(
                f"no dimension {', '.join(map(repr, missing))} here; there are {self.order}"
            )
        return tuple(sizes[letter] for letter in letters)

    def __repr__(self) -> str:
        return f"<Dimensions [{', '.join(f'{letter}: {size}' for letter, size in self.items())}]>"


def standard(handle: ImageHandle, keep: str = "") -> ImageHandle:
    """Show the scene and level in focus as TCZYX.

    Parameters
    ----------
    handle
        With the stored order in focus, as ``select_scene`` and ``select_level`` leave it.
    keep
        Further letters to show, S last and the others in front.
    """
    fold = "S" not in keep and handle.dims.get("S", 1) > 1
    scene = _named(handle.scene, handle.scene_index)
    if fold:
        scene = _folded_scene(scene)
    index = handle.scene_index
    scenes = (*handle.scenes[:index], scene, *handle.scenes[index + 1 :])
    contents = attrs.evolve(handle.contents, scenes=scenes)
    seen = attrs.evolve(handle, contents=contents, array=scene.levels[handle.level])
    order = (
        "".join(c for c in dict.fromkeys(keep) if c not in ORDER + "S")
        + ORDER
        + ("S" if "S" in keep else "")
    )
    cut = {letter: 0 for letter in seen.dims if letter not in order}
    return transpose_to(seen, order, **cut)


def unfolded(handle: ImageHandle) -> ImageHandle:
    """As ``standard``, but with the samples of a pixel apart, last, where there are several."""
    return standard(handle, "S" if handle.dims.get("S", 1) > 1 else "")


def hidden(dims: Dims) -> Dims:
    """Dimensions longer than 1 that TCZYX does not show; S is not among them, for it is folded."""
    lost = [
        (letter, size) for letter, size in dims.items() if letter not in ORDER + "S" and size > 1
    ]
    return Dims("".join(letter for letter, _ in lost), tuple(size for _, size in lost))


def whole_order(dims: Dims) -> str:
    """Order that shows everything that is stored, TCZYX last but for samples."""
    return hidden(dims).order + ORDER + ("S" if dims.get("S", 1) > 1 else "")


def beyond(dims: Dims, order: str, picks: Mapping[str, UserPick]) -> str:
    """Letters that are asked for and stored, but not shown in TCZYX."""
    asked = dict.fromkeys([*order, *picks])
    return "".join(letter for letter in asked if letter in dims and letter not in ORDER)


def asked_for(handle: ImageHandle, order: str, picks: Mapping[str, UserPick]) -> ImageHandle:
    """Show ``order`` of a standard handle: what is left out is index 0, what is not there has length 1.

    Raises
    ------
    DimensionError
        For a pick out of range, several positions of a letter that is left out, or what is no letter.
    """
    strange = [name for name in picks if len(name) != 1 or name not in ascii_uppercase]
    if strange:
        raise DimensionError(
            f"no dimension is called {', '.join(map(repr, strange))}: pick by capital letters, T=0"
        )
    there = handle.dims
    absent = "".join(letter for letter in picks if letter not in there)
    zero = {letter: 0 for letter in there if letter not in order and letter not in picks}
    return transpose_to(transpose_to(handle, absent + there.order), order, **{**zero, **picks})


def warn(message: str) -> None:
    """Warn at the line outside this package that led here."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


# ---------------------------------------------------------------- channels


def _named(scene: Scene, index: int) -> Scene:
    """Name every channel of a scene, and have a record for each."""
    count = scene.dims.get("C", 1)
    known = (*scene.channels[:count], *(Channel(),) * (count - len(scene.channels)))
    named = tuple(
        attrs.evolve(c, name=c.name or f"Channel:{index}:{i}") for i, c in enumerate(known)
    )
    return scene if named == scene.channels else attrs.evolve(scene, channels=named)


def _folded_scene(scene: Scene) -> Scene:
    samples = scene.dims["S"]
    channels = tuple(
        _sample(channel, s, samples) for channel in scene.channels for s in range(samples)
    )
    return attrs.evolve(scene, levels=tuple(map(fold_samples, scene.levels)), channels=channels)


def _sample(channel: Channel, index: int, count: int) -> Channel:
    # Two samples are grey and alpha, or a pair of anything: no letters for them.
    name, color = SAMPLES[index] if count in {3, 4} else (f"S{index}", None)
    return attrs.evolve(
        channel, name=f"{channel.name}:{name}", color=color or channel.color, samples=1
    )


# ---------------------------------------------------------------- samples


@attrs.frozen
class Folded:
    """Layout that shows samples as channels: what ``inner`` has along C and S, it has along C."""

    inner: LazyArray
    """The pixels, with S right behind C."""
    block_shape: tuple[int, ...]
    """Blocks without S; along C whole channels."""

    def pieces(self, block: tuple[int, ...], window: tuple[slice, ...], /) -> Iterator[Piece]:
        """One piece for each run of whole channels, and one for each channel of which some samples are wanted."""
        dims = self.inner.dims
        starts = [
            b * n + part.start for b, n, part in zip(block, self.block_shape, window, strict=True)
        ]
        extent = [part.stop - part.start for part in window]
        letters = dims.order.replace("S", "")
        picks = {
            letter: range(at, at + n) for letter, at, n in zip(letters, starts, extent, strict=True)
        }
        axis, origin = letters.index("C"), (0,) * len(letters)
        first, wanted, samples, done = starts[axis], extent[axis], dims["S"], 0
        while done < wanted:
            channel, sample = divmod(first + done, samples)
            whole = (wanted - done) // samples if sample == 0 else 0
            taken = samples if whole else min(samples - sample, wanted - done)
            picks["C"], picks["S"] = (
                range(channel, channel + max(whole, 1)),
                range(sample, sample + taken),
            )
            part = views.transpose(self.inner, dims.order, picks)
            count = len(picks["C"]) * taken
            shape = (*extent[:axis], count, *extent[axis + 1 :])
            place = (*origin[:axis], done, *origin[axis + 1 :])
            yield Nested(part, shape, Selection(origin, shape, place))
            done += count


def fold_samples(array: LazyArray) -> LazyArray:
    """Show S as part of C, and T, C, Z, Y, X last; an array without samples is left as it is."""
    if array.dims.get("S", 1) == 1:
        return array
    front = "".join(letter for letter in array.dims if letter not in ORDER + "S")
    inner = views.transpose(array, f"{front}TCSZYX", {})
    samples, stored = inner.dims["S"], f"{front}{ORDER}"
    shape = [inner.dims[letter] * (samples if letter == "C" else 1) for letter in stored]
    axes = dict(zip(inner.view.letters, inner.view.axes, strict=True))
    blocks = {
        letter: inner.layout.block_shape[axis] if axis >= 0 else 1 for letter, axis in axes.items()
    }
    blocks["C"] *= samples
    nbytes = math.prod(blocks[letter] for letter in stored) * inner.dtype.itemsize
    for letter in "XYZT":
        grown = min(inner.dims[letter], blocks[letter] * max(1, BLOCK_BYTES // nbytes))
        nbytes = nbytes // blocks[letter] * grown
        blocks[letter] = grown
    layout = Folded(inner, tuple(max(1, blocks[letter]) for letter in stored))
    return LazyArray.whole(layout, Dims(stored, tuple(shape)), inner.dtype)


def apart(array: LazyArray) -> LazyArray | None:
    """Show folded pixels with S behind C again: reshaped they are the same, and they are read without a detour.

    ``None`` where the array is not folded, or the picks of C are not the same samples of each channel.
    """
    layout, view = array.layout, array.view
    if not isinstance(layout, Folded):
        return None
    picks = dict(zip(array.stored.order, view.picks, strict=True))
    samples = layout.inner.dims["S"]
    positions = [picks["C"]] if isinstance(picks["C"], int) else list(picks["C"])
    channels = tuple(dict.fromkeys(position // samples for position in positions))
    taken = tuple(dict.fromkeys(position % samples for position in positions))
    if [channel * samples + sample for channel in channels for sample in taken] != positions:
        return None
    picks |= {"C": channels, "S": taken}
    order = view.letters.replace("C", "CS")
    return views.transpose(layout.inner, order, picks)
