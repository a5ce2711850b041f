"""Laws of the records that a format returns.

Rule kept here: no pixel is read.
"""

import pickle
from typing import Any

import attrs
import numpy as np

from aicsio._metadata import ome_metadata
from aicsio.records import Attachment, Event, LazyArray, Planes, Scene
from aicsio.records.protocols import (
    ListsEvents,
    LocatesPlanes,
    ReadsAttachments,
    ReadsLabels,
    ReadsPlanes,
    ReadsTags,
    offered,
)
from aicsio.steps import select_scene
from aicsio.testing.conformance.cases import Case, NotApplicable, require
from aicsio.testing.laws import planes_have_one_clock

_PLAIN = (str, bytes, int, float, bool, range, type(None), np.dtype)


def check_repetition(case: Case) -> None:
    """Two readings are equal and have one hash: caches and tokens of dask rely on it."""
    first, second = case.read_contents(), case.read_contents()
    require(first == second, "two readings of one file differ")
    require(hash(first) == hash(second), "equal contents have different hashes")


def check_plain_values(case: Case) -> None:
    """Records hold text, numbers, bytes, ranges, dtypes, tuples and records: nothing that changes."""
    bad = _find_other_values(case.read_contents(), "contents")
    require(not bad, f"a record holds {bad}")


def _find_other_values(value: Any, where: str) -> str | None:
    """Return the place and type of the first value that is not plain."""
    if isinstance(value, _PLAIN):
        return None
    if isinstance(value, tuple):
        parts = ((item, f"{where}[{index}]") for index, item in enumerate(value))
    elif attrs.has(type(value)):
        fields = attrs.fields(type(value))
        parts = ((getattr(value, field.name), f"{where}.{field.name}") for field in fields)
    else:
        return f"{type(value).__name__} at {where}"
    return next((bad for part, place in parts if (bad := _find_other_values(part, place))), None)


def check_pickle(case: Case) -> None:
    """What crosses to another process is equal to what left."""
    contents = case.read_contents()
    travelled = pickle.loads(pickle.dumps(contents))  # noqa: S301 -- its own bytes
    require(travelled == contents, "the contents differ after a pickle")


def check_scenes(case: Case) -> None:
    """Names, channels, levels and coordinates of each scene fit its arrays."""
    contents = case.read_contents()
    require(contents.scenes, "there is no scene")
    for index, scene in enumerate(contents.scenes):
        _check_scene(scene, f"scene {index}")


def _check_scene(scene: Scene, where: str) -> None:
    require(scene.name, f"{where} has no name: Image:<index> stands for a missing one")
    for level, array in enumerate(scene.levels):
        _check_array(array, f"{where} level {level}")
        full = scene.levels[0]
        require(array.stored.order == full.stored.order, f"{where} level {level} has other axes")
        for letter in "YX":
            size, most = array.stored.get(letter, 1), full.stored.get(letter, 1)
            # Levels may be smaller along Z too, in Imaris files; Y and X never grow.
            require(size <= most, f"{where} level {level} is larger along {letter} than level 0")
    if not scene.levels:
        return
    stored = scene.levels[0].stored
    expected = stored.get("C", 1)
    count = len(scene.channels)
    # An empty tuple stands for channels without metadata.
    require(count in (0, expected), f"{where} has {count} channels for {expected} positions of C")
    for coordinate in scene.coordinates:
        size = stored.get(coordinate.letter, 1)
        count = len(coordinate.values)
        require(
            count == size, f"{where} has {count} values for {size} positions of {coordinate.letter}"
        )
    if scene.color_map is not None:
        require(len(scene.color_map) % 6 == 0, f"{where}: a palette has three uint16 an entry")


def _check_array(array: LazyArray, where: str) -> None:
    block = array.layout.block_shape
    require(len(block) == len(array.stored), f"{where}: block_shape has another rank than the dims")
    require(min(block, default=1) >= 1, f"{where}: a block of shape {block} holds no pixel")
    require(min(array.stored.shape, default=1) >= 1, f"{where} has no pixels: {array.stored}")
    require(array.dtype.isnative, f"{where}: the type of pixels that are read is native")
    require(array.dtype.kind in "buifc", f"{where}: {array.dtype} is no type of pixels")


def check_protocols(case: Case) -> None:
    """Each optional protocol that the format or its layouts offer gives records of its type."""
    source, contents = case.source(), case.read_contents()
    asked = 0
    if attachments := offered(case.module, ReadsAttachments):
        asked += 1
        for attachment in attachments.list_attachments(source):
            require(isinstance(attachment, Attachment), "list_attachments returns attachments")
            content = attachments.read_attachment(source, attachment)
            require(isinstance(content, bytes), "read_attachment returns bytes")
    if events := offered(case.module, ListsEvents):
        asked += 1
        require(
            all(isinstance(event, Event) for event in events.list_events(source)),
            "list_events and read_tags return their records",
        )
    if tags := offered(case.module, ReadsTags):
        asked += 1
        require(
            all(isinstance(name, str) for name in tags.read_tags(source)),
            "list_events and read_tags return their records",
        )
    for scene in contents.scenes:
        if scene.levels:
            asked += _check_planes(case, scene)
    if not asked:
        raise NotApplicable("it offers none of the optional protocols")


def _check_planes(case: Case, scene: Scene) -> int:
    """Return the number of protocols that were asked."""
    asked = 0
    level = scene.levels[0]
    if planes := offered(case.module, ReadsPlanes):
        asked += 1
        facts = planes.read_planes(scene, level)
        require(facts is None or isinstance(facts, Planes), "read_planes returns planes or None")
    if labels := offered(case.module, ReadsLabels):
        asked += 1
        for name in labels.list_labels(case.source(), scene):
            label, _ = labels.read_label(case.source(), scene, name)
            _check_scene(label, f"label {name!r}")
    if places := offered(level.layout, LocatesPlanes):
        asked += 1
        # The law asks only that it raises nothing.
        places.locate_planes()
    return asked


def check_ome(case: Case) -> None:
    """``ome_metadata`` has one image a scene, in order, with the sizes of its first level."""
    handle = case.open()
    document = ome_metadata(handle)
    count = len(handle.scenes)
    require(len(document.images) == count, f"{len(document.images)} images for {count} scenes")
    for index, (image, scene) in enumerate(zip(document.images, handle.scenes, strict=True)):
        if not scene.levels:
            continue
        stored = scene.levels[0].stored
        for letter, size in (("Y", image.pixels.size_y), ("X", image.pixels.size_x)):
            shown = stored.get(letter, 1)
            require(size == shown, f"image {index} has {size} pixels along {letter}, scene {shown}")


def check_clock(case: Case) -> None:
    """Record, ``plane_table``, ``ome_metadata`` and T of xarray show one time for each plane."""
    handle = case.open()
    for index, scene in enumerate(handle.scenes):
        if scene.levels:
            planes_have_one_clock(select_scene(handle, index))
