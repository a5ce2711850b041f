"""The handle: an opened image as the user holds it.

A channel without a name is ``Channel:<index>`` in ``channel_names``; its record has none.

Rule kept here: nothing of it is open or read; every property follows from its fields.
"""

import itertools
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, cast

import attrs
import numpy.typing as npt

from aicsio._checks.constructors import checked_record
from aicsio._tracebacks import short_traceback
from aicsio.errors import AicsioError, SceneError
from aicsio.records.comparing import compared_by_fields
from aicsio.records.dims import Dims
from aicsio.records.facts import Channel, PixelSize
from aicsio.records.lazy import LazyArray, Pick
from aicsio.records.pickling import pickled_by_position
from aicsio.records.pieces import DType
from aicsio.records.printing import drawn_in_notebooks
from aicsio.records.scenes import Contents, Diagnostic, Scene
from aicsio.records.shapes import Shape_co
from aicsio.records.sources import Source

_NAME_OF = operator.attrgetter("name")  # C: half the time of a comprehension for a plate
_ELSEWHERE: Mapping[str, str] = {
    "close": "no file stays open, so there is nothing to close",
    "current_scene": "it is h.scene.name",
    "dask_data": "to_dask(h) shows the pixels",
    "data": "to_numpy(h) reads the pixels",
    "get_image_dask_data": "to_dask(transpose_to(h, 'ZYX', T=0, C=0)) shows a part",
    "get_image_data": "to_numpy(transpose_to(h, 'ZYX', T=0, C=0)) reads a part",
    "physical_pixel_sizes": "it is h.pixel_size",
    "read": "to_numpy(h) reads the pixels",
    "save": "write_ome_tiff(h, 'a.ome.tiff') writes it",
    "set_scene": "select_scene(h, ...) returns a handle of another scene",
    "xarray_data": "to_xarray(h) has the coordinates",
}
"""Names that other libraries give to an image, and the calls of this one."""


@drawn_in_notebooks
@pickled_by_position
@checked_record
@compared_by_fields
@attrs.frozen(eq=False, repr=False)
class ImageHandle(Generic[Shape_co]):
    """An opened image: the contents of the file, and the array in focus. It is neither open nor read.

    Made by ``open_image``; the verbs (``select_scene``, ``transpose_to``, ...) return new handles.
    To type checkers ``ImageHandle[tuple[int, int, int]]`` has three axes, and a plain
    ``ImageHandle`` any number: ``transpose_to`` with a literal order gives the number.
    """

    source: Source
    """Where the bytes are."""
    format: str
    """Name in the table of formats, such as ``"ome-tiff"``."""
    contents: Contents
    """Scenes, raw metadata and diagnostics of the whole file."""
    # Not a name: several scenes of a file may have the same.
    scene_index: int
    """Index of the scene in focus."""
    level: int
    """Resolution level in focus; 0 is full resolution."""
    array: LazyArray
    """The pixels in focus, as picked and transposed so far."""

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """All scenes of the file."""
        return self.contents.scenes

    @property
    def scene_names(self) -> tuple[str, ...]:
        """Names of all scenes."""
        return tuple(map(_NAME_OF, self.contents.scenes))

    @property
    def scene(self) -> Scene:
        """The scene in focus."""
        return self.contents.scenes[self.scene_index]

    @property
    def levels(self) -> tuple[LazyArray, ...]:
        """Resolution levels of the scene in focus, full resolution first."""
        return self.scene.levels

    @property
    def metadata(self) -> str | None:
        """Raw metadata text of the file."""
        return self.contents.metadata

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Trouble that did not stop the opening."""
        return self.contents.diagnostics

    @property
    def dims(self) -> Dims:
        """Letters and sizes of the array in focus."""
        return self.array.dims

    @property
    def shape(self) -> Shape_co:
        """Sizes of the array in focus."""
        return cast("Shape_co", self.array.shape)

    @property
    def ndim(self) -> int:
        """Number of axes of the array in focus."""
        return self.array.ndim

    @property
    def size(self) -> int:
        """Number of pixels of the array in focus."""
        return self.array.size

    @property
    def nbytes(self) -> int:
        """Bytes of the array in focus once read."""
        return self.array.nbytes

    @property
    def dtype(self) -> DType:
        """Pixel type, in native byte order."""
        return self.array.dtype

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Channels of the array in focus, in its order; one per position of C."""
        channels = self.scene.channels
        # Files may list fewer channels than they have positions of C; none is invented for the
        # rest.
        unknown = Channel(samples=self.array.dims.get("S", 1))
        return tuple(
            channels[position] if position < len(channels) else unknown
            for position in self._channel_positions()
        )

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of ``channels``; ``Channel:<index>`` if the file has none."""
        positions = self._channel_positions()
        numbered = zip(self.channels, positions, strict=True)
        return tuple(channel.name or f"Channel:{position}" for channel, position in numbered)

    def _channel_positions(self) -> tuple[int, ...]:
        """Stored positions of C in focus; an image without C has one channel."""
        pick = self._pick("C")
        if pick is None:
            return (0,)
        return (pick,) if isinstance(pick, int) else tuple(pick)

    @property
    def pixel_size(self) -> PixelSize:
        """Physical size in micrometres of the pixels in focus, which counts level and regular steps."""
        size = self.scene.pixel_size
        return PixelSize(
            *(self._spacing(letter, value) for letter, value in zip("ZYX", size, strict=True))
        )

    @property
    def time_step(self) -> float | None:
        """Seconds between positions of T in focus; ``None`` if unknown or uneven."""
        return self._spacing("T", self.scene.time_step)

    def _pick(self, letter: str) -> Pick | None:
        stored = self.array.stored.order
        return self.array.view.picks[stored.index(letter)] if letter in stored else None

    def _spacing(self, letter: str, value: float | None) -> float | None:
        """Scale a distance of level 0 to the level and the picks in focus."""
        if value is None or letter not in self.array.stored:
            return value
        # A level shows the same field with fewer pixels, whatever its nominal factor.
        full = self.levels[0].stored
        if self.level and letter in full:
            stated = self.scene.stated_spacing(self.level, letter)
            # First: the ratio below counts whole pixels, and sizes of levels are rounded to those.
            if stated is not None:
                value = stated
            else:
                value *= full[letter] / self.array.stored[letter]
        pick = self._pick(letter)
        # A range that runs backwards has a negative step; a distance has no sign.
        if isinstance(pick, range) and len(pick) > 1:
            return value * abs(pick.step)
        if isinstance(pick, tuple) and len(pick) > 1:
            # Positions in any order have a spacing only if all their steps are equal.
            steps = {b - a for a, b in itertools.pairwise(pick)}
            return value * abs(steps.pop()) if len(steps) == 1 and 0 not in steps else None
        return value

    def level_array(self, scene: int, level: int) -> LazyArray:
        """Return the untouched array of one scene and level.

        Parameters
        ----------
        scene
            Index of the scene.
        level
            Resolution level; 0 is full resolution.

        Returns
        -------
        LazyArray
            In stored order, seen through no view.

        Raises
        ------
        SceneError
            When there is no such level, or the scene has no pixels.
        """
        levels = self.contents.scenes[scene].levels
        if not levels:
            raise SceneError(
                f"scene {scene} ({self.contents.scenes[scene].name!r}) has no pixels in this file"
            )
        # Negative levels count from the smallest, as the indices of a tuple do.
        if not -len(levels) <= level < len(levels):
            raise SceneError(
                f"no level {level} in scene {scene}: it has {len(levels)} (0 to {len(levels) - 1})"
            )
        return levels[level]

    @short_traceback(AicsioError)
    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        return self.array.__array__(dtype, copy)

    if not TYPE_CHECKING:
        # To a type checker it would make every misspelt member an Any.
        def __getattr__(self, name: str) -> Any:
            advice = f": {_ELSEWHERE[name]}" if name in _ELSEWHERE else ""
            message = f"'ImageHandle' object has no attribute {name!r}{advice}"
            raise AttributeError(message, name=name, obj=self)

    def __repr__(self) -> str:
        scene = f"scene {self.scene_index + 1}/{len(self.scenes)} {self.scene.name!r}"
        level = f" level {self.level}" if self.level else ""
        # A guess may be wrong, so it stands where the handle is shown.
        guesses = {note.code for note in self.diagnostics if note.code.startswith("guessed-")}
        guessed = "".join(f", {code.removeprefix('guessed-')} guessed" for code in sorted(guesses))
        image = f"{self.source.uri} ({self.format}) {scene}{level}"
        return f"<ImageHandle {image}: {self.dims} {self.dtype}{guessed}>"
