"""Images of NGFF: one object of ``multiscales`` becomes a scene with levels and channels.

Rule kept here: a level that is missing or damaged costs that level and gives a diagnostic; the
others open. Metadata whose length does not fit are left out with a diagnostic.

Source of the facts: NGFF 0.1 to 0.5 (https://ngff.openmicroscopy.org), chapters "multiscales" and
"omero".
"""

import math
from typing import Any

import attrs

from aicsio._checks.words import count_of
from aicsio._io import stores
from aicsio.errors import CorruptFileError, UnsupportedFormatError
from aicsio.formats.zarr.arrays import ArrayDescription, describe_array
from aicsio.formats.zarr.axes import (
    NgffAxis,
    Places,
    Transform,
    find_axes,
    find_level_places,
    find_places,
    finite,
    read_transform,
)
from aicsio.formats.zarr.documents import Documents, Json, Node, objects_of
from aicsio.formats.zarr.layout import make_grid
from aicsio.records import Channel, Diagnostic, Dims, LazyArray, Scene

MOST_LEVELS = 64
"""Levels of an image: halving 2**62 positions to one takes as many."""


@attrs.define
class ImageReader:
    """Makes scenes of one store. Not a record: it lives while the store is opened."""

    documents: Documents
    """Documents of the store."""
    diagnostics: list[Diagnostic] = attrs.field(factory=list)
    """Trouble that did not stop the opening."""

    def note(self, code: str, message: str, where: str, *, loss: bool = False) -> None:
        """Add a diagnostic."""
        self.diagnostics.append(Diagnostic(code, message, where or "/", loss=loss))

    def note_loss(self, code: str, message: str, where: str) -> None:
        """Add a diagnostic of pixels or metadata that are lost."""
        self.note(code, message, where, loss=True)

    def read_image(self, node: Node, image: Json, name: str) -> Scene:
        """Make the scene of one object of ``multiscales``.

        Parameters
        ----------
        node
            The group that holds it.
        image
            The object.
        name
            Name of the scene if the image has none.
        """
        listed = [(path_below(each.get("path")), each) for each in objects_of(image, "datasets")]
        datasets = [(path, each) for path, each in listed if path is not None]
        if len(datasets) < len(listed):
            self.note(
                "wrong-path", "a level whose path leads out of its image is left out", node.path
            )
        paths = [stores.join(node.path, path) for path, _ in datasets[:MOST_LEVELS]]
        # All levels at once: behind a URL each document would cost a round trip.
        self.documents.fetch(paths)
        described: list[tuple[ArrayDescription, Json]] = []
        for path, (_, dataset) in zip(paths, datasets, strict=False):
            array = self._describe(path)
            if array is not None:
                described.append((array, dataset))
        own_name = image.get("name")
        scene_name = own_name if isinstance(own_name, str) and own_name else name
        if not described:
            self.note_loss(
                "no-pixels", f"image {scene_name!r} has no level that can be read", node.path
            )
            return Scene(scene_name, ())
        # The first level that can be read stands for the image: its rank and type are those of all.
        first = described[0][0]
        axes, guessed = find_axes(image, len(first.shape), first.names)
        self._report_axes(axes, guessed=guessed, where=node.path)
        fitting = self._fitting(node, described)
        levels = self._levels(node, axes, [array for array, _ in fitting])
        transforms = self._transforms(node, image, len(axes), [dataset for _, dataset in fitting])
        places = self._places(node, axes, transforms)
        return Scene(
            scene_name,
            levels,
            channels=self._channels(node, levels[0].stored),
            pixel_size=places.pixel_size,
            time_step=places.time_step,
            origin=places.origin,
            level_places=find_level_places(axes, transforms),
        )

    def read_plain(self, node: Node) -> Scene | None:
        """Make the scene of an array outside of NGFF; ``None`` if it cannot be shown."""
        array = self._describe(node.path)
        if array is None:
            return None
        axes, guessed = find_axes({}, len(array.shape), array.names)
        self._report_axes(axes, guessed=guessed, where=node.path)
        return Scene(node.path or "Image:0", self._levels(node, axes, [array]))

    def _describe(self, path: str) -> ArrayDescription | None:
        try:
            node = self.documents.node(path)
            if node is not None:
                return describe_array(node)
            self.note_loss("missing-level", "the array is missing", path)
        except (CorruptFileError, UnsupportedFormatError) as error:
            self.note_loss("unreadable-level", str(error), path)
        return None

    def _report_axes(self, axes: list[NgffAxis], *, guessed: bool, where: str) -> None:
        letters = "".join(axis.letter for axis in axes)
        if guessed:
            self.note(
                "guessed-axes", f"the axes have no names; they are taken for {letters}", where
            )
        renamed = [axis for axis in axes if axis.name.upper() != axis.letter]
        if renamed:
            shown = ", ".join(f"{axis.name[:40]!r} as {axis.letter}" for axis in renamed)
            self.note("renamed-axes", f"axes are shown under letters: {shown}", where)

    def _fitting(
        self, node: Node, described: list[tuple[ArrayDescription, Json]]
    ) -> list[tuple[ArrayDescription, Json]]:
        """Leave out levels of another kind than the first, and put the largest first."""
        first = described[0][0]
        fitting: list[tuple[ArrayDescription, Json]] = []
        for array, dataset in described:
            if len(array.shape) != len(first.shape) or array.dtype != first.dtype:
                self.note_loss(
                    "unreadable-level",
                    f"it has {len(array.shape)} axes of {array.dtype}, the first level "
                    f"{len(first.shape)} of {first.dtype}",
                    array.path,
                )
                continue
            fitting.append((array, dataset))
        sizes = [math.prod(array.shape) for array, _ in fitting]
        if sizes != sorted(sizes, reverse=True):
            self.note(
                "unsorted-levels", "levels are listed in another order than by size", node.path
            )
            fitting.sort(key=lambda level: -math.prod(level[0].shape))
        return fitting

    def _levels(
        self, node: Node, axes: list[NgffAxis], arrays: list[ArrayDescription]
    ) -> tuple[LazyArray, ...]:
        # The stored order stays, whatever it is: a view transposes at no cost, a copy would not.
        order = "".join(axis.letter for axis in axes)
        levels: list[LazyArray] = []
        for array in arrays:
            grid = make_grid(self.documents.store, array, node.path)
            levels.append(LazyArray.whole(grid, Dims(order, array.shape), array.dtype))
        return tuple(levels)

    def _transforms(
        self, node: Node, image: Json, rank: int, datasets: list[Json]
    ) -> list[Transform]:
        """Return scale and translation of each level; none if one of them is something else.

        Levels without a scale have no place. NGFF requires one, so the first such ends the list.
        """
        steps = image.get("coordinateTransformations")
        if "coordinateSystems" in image:
            # 0.6 leads from here to other systems, such as an atlas; sizes are those of its own.
            steps = None
        common = read_transform(steps, rank)
        transforms: list[Transform] = []
        for dataset in datasets:
            own = dataset.get("coordinateTransformations")
            if not own and not steps:
                break
            level = read_transform(own, rank)
            if level is None or common is None:
                self.note(
                    "unread-transformation",
                    "coordinateTransformations are no scale and translation of the axes",
                    node.path,
                )
                return []
            # Transformations of ``multiscales`` come behind those of each level.
            transforms.append(level.then(common))
        return transforms

    def _places(self, node: Node, axes: list[NgffAxis], transforms: list[Transform]) -> Places:
        if not transforms:
            return Places()
        places = find_places(axes, transforms[0])
        if places.unitless:
            self.note(
                "scale-without-unit",
                f"the scale {transforms[0].scale} has no unit along {', '.join(places.unitless)}: "
                "no physical size is taken from it",
                node.path,
            )
        if places.unusable:
            self.note(
                "unusable-size",
                f"the scale {transforms[0].scale} gives no size above 0 along {', '.join(places.unusable)}",
                node.path,
            )
        return places

    def _channels(self, node: Node, dims: Dims) -> tuple[Channel, ...]:
        omero = node.ngff.get("omero")
        if not isinstance(omero, dict) or "channels" not in omero:
            return ()
        entries = objects_of(omero, "channels")
        # A list is taken only where its length fits: a name for the wrong channel is worse than none.
        if len(entries) != dims.get("C", 1):
            self.note(
                "channel-count",
                f"omero describes {count_of(len(entries), 'channel')}, the image has {dims.get('C', 1)}",
                node.path,
            )
            return ()
        return tuple(map(_read_channel, entries))


def path_below(path: Any) -> str | None:
    """Return a path of a document as keys have it; ``None`` where it leads out of its group.

    Source of the facts: Zarr v2, "Logical storage paths": slashes at the end are stripped, several
    are one. ``./`` in front is the group itself.
    """
    if not isinstance(path, str) or path.startswith("/"):
        return None
    parts = [part for part in path.split("/") if part not in {"", "."}]
    return None if not parts or ".." in parts else "/".join(parts)


def _read_channel(entry: Json) -> Channel:
    label = entry.get("label")
    return Channel(
        name=label if isinstance(label, str) and label else None,
        color=_read_color(entry.get("color")),
        window=_read_window(entry.get("window")),
    )


def _read_color(text: Any) -> int | None:
    """Return 0xRRGGBBAA for ``RRGGBB``."""
    if not isinstance(text, str):
        return None
    # NGFF wants six digits; bioio-conversion 3.0 writes the "#" of web pages in front of them.
    digits = text.removeprefix("#")
    try:
        if len(digits) == len("RRGGBB"):
            return int(digits, 16) << 8 | 0xFF
    except ValueError:
        return None
    return None


def _read_window(window: Any) -> tuple[float, float] | None:
    if not isinstance(window, dict):
        return None
    # Python's JSON has NaN, Infinity and integers of any length, which limit no contrast.
    start, end = finite(window.get("start")), finite(window.get("end"))
    return None if start is None or end is None else (start, end)
