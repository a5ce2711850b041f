"""The image of a handle with the axes of OME-Zarr: levels in the order TCZYX, and their coordinates.

Rule kept here: pure records. Picks of the handle hold for all levels alike; samples of
RGB become channels, because OME-Zarr has no axis for them.
"""

from collections.abc import Mapping

import attrs

from aicsio._dims import views
from aicsio._dims.samples import fold_samples, sample_channels
from aicsio._ome import ngff
from aicsio.errors import DimensionError
from aicsio.records import Channel, Dims, ImageHandle, LazyArray, Pick, PixelSize, View

AXES = "TCZYX"
"""Axes of NGFF 0.4 and 0.5, section "axes": time, then channels, then space."""


@attrs.frozen
class ShownLevel:
    """One resolution level as an array with the axes of OME-Zarr."""

    array: LazyArray
    """The pixels, with some of the axes TCZYX in this order."""
    transforms: tuple[ngff.AxisTransform, ...]
    """One per axis."""


@attrs.frozen
class ShownImage:
    """A scene as OME-Zarr shows it."""

    name: str
    """Name of the scene."""
    levels: tuple[ShownLevel, ...]
    """Full resolution, or the level in focus, first."""
    channels: tuple[Channel, ...]
    """One per position of C as shown."""
    pixel_size: PixelSize
    """Micrometres; ``None`` where unknown or uneven."""
    time_step: float | None
    """Seconds between positions of T; ``None`` if unknown or uneven."""
    is_rgb: bool
    """Whether the channels are the samples of an RGB or RGBA pixel."""

    def channel_labels(self) -> tuple[str, ...]:
        """Return a name for each channel."""
        return tuple(
            channel.name or f"Channel:{index}" for index, channel in enumerate(self.channels)
        )

    def attributes(
        self, paths: tuple[str, ...], windows: tuple[ngff.ContrastWindow, ...]
    ) -> ngff.Json:
        """Return the attributes of the image's group.

        Parameters
        ----------
        paths
            Paths of the levels' arrays.
        windows
            Contrast of each channel; empty for an image of labels, which has no colours.
        """
        dims = self.levels[0].array.dims
        axes = ngff.axes(dims.order, self.pixel_size, self.time_step)
        by_path = dict(zip(paths, (level.transforms for level in self.levels), strict=True))
        attributes: ngff.Json = {"multiscales": [ngff.multiscale(self.name, axes, by_path)]}
        if windows:
            attributes["omero"] = ngff.omero(
                self.name, dims, self.channels, windows, is_rgb=self.is_rgb
            )
        return attributes


def image_of(handle: ImageHandle, *, all_levels: bool = True) -> ShownImage:
    """Show the array in focus, and the smaller levels of its scene, with the axes of OME-Zarr.

    Parameters
    ----------
    handle
        An opened image.
    all_levels
        Whether to show smaller levels, too.

    Returns
    -------
    ShownImage
        With the level in focus alone where Y or X is picked, since the positions of a smaller
        level are others.

    Raises
    ------
    DimensionError
        When the image has other dimensions than T, C, Z, Y, X and S, or neither Y nor X.
    """
    _require_axes(handle.dims)
    levels = [handle.array]
    if all_levels:
        levels += _smaller_levels(handle)
    spacings = ngff.known_spacings(handle.scene.pixel_size, handle.scene.time_step)
    shown = []
    for array in levels:
        ordered = _in_order(array)
        transforms = _transforms(array, ordered.dims.order, handle.levels[0], spacings)
        shown.append(ShownLevel(ordered, transforms))
    samples = handle.dims.get("S", 1)
    channels = handle.channels
    if samples > 1:
        channels = sample_channels(channels, samples)
    return ShownImage(
        handle.scene.name,
        tuple(shown),
        channels,
        handle.pixel_size,
        handle.time_step,
        is_rgb=samples in {3, 4} and len(handle.channels) == 1,
    )


def with_levels_of(label: ShownImage, image: ShownImage) -> ShownImage:
    """Give a label image as many levels as its image has, as NGFF requires.

    Missing ones show every second, fourth, ... pixel of the smallest level: labels are never mixed.
    """
    levels = list(label.levels[: len(image.levels)])
    for target in image.levels[len(levels) :]:
        smallest = levels[-1]
        dims = smallest.array.dims
        picks: dict[str, object] = {}
        transforms = list(smallest.transforms)
        for axis, (letter, size) in enumerate(dims.items()):
            step = max(1, round(size / target.array.dims.get(letter, size)))
            # The pixel before the middle of those that are left out.
            positions = range((step - 1) // 2, size, step)
            picks[letter] = positions
            old = smallest.transforms[axis]
            start = old.translation + old.scale * positions.start
            transforms[axis] = ngff.AxisTransform(old.scale * step, start)
        array = views.transpose(smallest.array, dims.order, picks)
        levels.append(ShownLevel(array, tuple(transforms)))
    return attrs.evolve(label, levels=tuple(levels))


def _require_axes(dims: Dims) -> None:
    """Raise unless OME-Zarr has all axes of the image."""
    extra = [letter for letter in dims if letter not in f"{AXES}S"]
    missing = [letter for letter in "YX" if letter not in dims]
    if not extra and not missing:
        return
    order = "".join(letter for letter in AXES if letter in dims or letter in "YX")
    if extra:
        picks = ", ".join(f"{letter}=0" for letter in extra)
        call = f"transpose_to(handle, {order!r}, {picks})"
        names = ", ".join(f"{letter}={dims[letter]}" for letter in extra)
        raise DimensionError(f"OME-Zarr has no axis for {names}: pick one position with {call}")
    raise DimensionError(
        f"OME-Zarr needs Y and X, this is {dims}: keep them with transpose_to(handle, {order!r})"
    )


def _smaller_levels(handle: ImageHandle) -> list[LazyArray]:
    """Return the levels below the one in focus, with the same picks; none where they do not fit."""
    focus = handle.array
    smaller = []
    for level in handle.levels[handle.level + 1 :]:
        # Picks stand per stored axis: a level with other axes would apply them to the wrong ones.
        if level.stored.order != focus.stored.order or level.dtype != focus.dtype:
            return []
        picks: list[Pick] = []
        for letter, pick in zip(focus.stored.order, focus.view.picks, strict=True):
            # Z is reduced in some files: positions of it are others in a smaller level.
            size, level_size = focus.stored[letter], level.stored[letter]
            if size == level_size and letter not in "YX":
                picks.append(pick)
            elif pick == range(size):
                picks.append(range(level_size))
            else:
                return []
        view = View(focus.view.letters, focus.view.axes, tuple(picks))
        smaller.append(LazyArray(level.layout, level.stored, level.dtype, view))
    return smaller


def _in_order(array: LazyArray) -> LazyArray:
    """Show an array in the order TCZYX, with samples as positions of C."""
    dims = array.dims
    order = "".join(letter for letter in AXES if letter in dims)
    if dims.get("S", 1) == 1:
        return views.transpose(array, order, {})
    if dims.get("C", 1) > 1:
        return views.transpose(fold_samples(array, AXES), order, {})
    # The axis of samples itself is that of channels: no pixels have to be folded.
    order = order.replace("C", "")
    with_samples = f"TS{order[1:]}" if order.startswith("T") else f"S{order}"
    shown = views.transpose(array, with_samples, {})
    view = attrs.evolve(shown.view, letters=with_samples.replace("S", "C"))
    return attrs.evolve(shown, view=view)


def _transforms(
    array: LazyArray, order: str, full: LazyArray, spacings: Mapping[str, float]
) -> tuple[ngff.AxisTransform, ...]:
    axis_of = dict(zip(array.view.letters, array.view.axes, strict=True))
    transforms = []
    for letter in order:
        axis = axis_of.get(letter, -1)
        pick = array.view.picks[axis] if axis >= 0 else 0
        # Uneven positions have no common distance, and channels none at all.
        if letter not in spacings or isinstance(pick, tuple):
            transforms.append(ngff.AxisTransform(1.0))
            continue
        factor = full.stored[letter] / array.stored[letter] if axis >= 0 else 1.0
        positions = range(pick, pick + 1) if isinstance(pick, int) else pick
        # A range of one position may have any step, which is no distance then.
        step = positions.step if len(positions) > 1 else 1
        transform = ngff.AxisTransform.of_level(spacings[letter], factor, positions.start, step)
        transforms.append(transform)
    return tuple(transforms)
