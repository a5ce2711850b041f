"""Collections of images in one store: plates, series of bioformats2raw, groups of plain arrays.

Rule kept here: images come in the order of the collection's own list. One that is missing or
damaged is a scene without pixels, so that the others keep their index.

Source of the facts: NGFF 0.5, chapters "plate", "well" and "bioformats2raw.layout".
"""

import attrs

from aicsio._io import stores
from aicsio._ome.document import parse_ome
from aicsio._ome.model import OmeDocument, OmeImage
from aicsio._ome.xml import decode_xml
from aicsio.errors import CorruptFileError
from aicsio.formats.zarr.documents import LARGEST_DOCUMENT, Json, Node, objects_of
from aicsio.formats.zarr.images import ImageReader, path_below
from aicsio.records import Channel, PixelSize, Scene, Well

MOST_SERIES = 100_000
"""Images of a store: a plate of 1 536 wells with 49 fields has 75 000."""
MOST_IMAGES = 1000
"""Images of one group; a group of the specification has one."""
MOST_GROUPS = 10_000
"""Groups that are searched for arrays: links within a store can lead in circles."""
MOST_PLAIN_ARRAYS = 1000
"""Arrays of a group outside of NGFF that become scenes."""
DEEPEST_GROUP = 5
"""Groups in groups that are searched for arrays."""


def multiscales_of(node: Node) -> list[Json]:
    """Return the images of a group."""
    return objects_of(node.ngff, "multiscales")


def read_group(reader: ImageReader, node: Node, name: str) -> list[Scene]:
    """Make the scenes of the images of a group, most often one."""
    images = multiscales_of(node)
    if len(images) == 1:
        return [reader.read_image(node, images[0], name)]
    if len(images) > MOST_IMAGES:
        reader.note("too-many-images", f"only the first {MOST_IMAGES} are shown", node.path)
        images = images[:MOST_IMAGES]
    return [reader.read_image(node, image, f"{name}:{index}") for index, image in enumerate(images)]


def _read_listed(reader: ImageReader, path: str, name: str) -> list[Scene]:
    """Make the scenes of an image that a collection lists."""
    try:
        node = reader.documents.node(path)
    except CorruptFileError as error:
        reader.note_loss("unreadable-image", str(error), path)
        return [Scene(name, ())]
    if node is None or not multiscales_of(node):
        reader.note_loss("missing-image", "the image that the collection lists is missing", path)
        return [Scene(name, ())]
    return read_group(reader, node, name)


# ---------------------------------------------------------------- plates


def read_plate(reader: ImageReader, node: Node, plate: Json) -> list[Scene]:
    """Make a scene for each field of each well, in the order of the plate's list."""
    name = plate.get("name")
    plate_name = name if isinstance(name, str) else None
    rows = [str(row.get("name")) for row in objects_of(plate, "rows")]
    columns = [str(column.get("name")) for column in objects_of(plate, "columns")]
    wells = _distinct_wells(reader, plate, node.path)
    paths = [stores.join(node.path, well["path"]) for well in wells]
    reader.documents.fetch(paths)
    # Two rounds for a whole plate, wells and then fields, not one for each image.
    fields = [_fields_of(reader, path) for path in paths]
    reader.documents.fetch(
        [
            stores.join(path, field)
            for path, names in zip(paths, fields, strict=True)
            for field in names
        ]
    )
    scenes: list[Scene] = []
    for well, path, names in zip(wells, paths, fields, strict=False):
        if len(scenes) >= MOST_SERIES:
            reader.note("too-many-images", f"only the first {len(scenes)} are shown", node.path)
            break
        row, column = _row_and_column(well, rows, columns)
        # A field is numbered by its place in the well: its path may be any name.
        for index, field in enumerate(names):
            scene_name = stores.join(well["path"], field)
            where = Well(row, column, index, plate_name)
            found = _read_listed(reader, stores.join(path, field), scene_name)
            # Writers name the images of all wells alike: the place distinguishes them.
            scenes += [attrs.evolve(scene, name=scene_name, well=where) for scene in found]
    return scenes


def _distinct_wells(reader: ImageReader, plate: Json, where: str) -> list[Json]:
    """Return the wells of a plate; one that is listed again is no second well."""
    wells: dict[str, Json] = {}
    listed = objects_of(plate, "wells")
    for well in listed[:MOST_SERIES]:
        path = well.get("path")
        if isinstance(path, str):
            # A path that leads out is kept: reading of it reports what is wrong.
            path = path_below(path) or path
            wells.setdefault(path, {**well, "path": path})
    if len(wells) < len(listed):
        reader.note(
            "wells-left-out",
            f"wells without a name of their own are left out: {len(listed) - len(wells)}",
            where,
        )
    return list(wells.values())


def _fields_of(reader: ImageReader, path: str) -> list[str]:
    try:
        node = reader.documents.node(path)
    except CorruptFileError as error:
        reader.note_loss("unreadable-well", str(error), path)
        return []
    well = node.ngff.get("well") if node is not None else None
    if not isinstance(well, dict):
        reader.note_loss("missing-well", "the well that the plate lists is missing", path)
        return []
    images = objects_of(well, "images")
    paths = [image["path"] for image in images if isinstance(image.get("path"), str)]
    fields = [path_below(path) or path for path in paths]
    return list(dict.fromkeys(fields))[:MOST_IMAGES]


def _row_and_column(well: Json, rows: list[str], columns: list[str]) -> tuple[str, str]:
    """Return the names of row and column: by index, or from the path ``row/column`` in NGFF 0.1."""
    parts = str(well["path"]).split("/")
    names = [parts[0], parts[-1]]
    for position, (key, known) in enumerate((("rowIndex", rows), ("columnIndex", columns))):
        index = well.get(key)
        # An index outside of the list leaves the name that the path gives.
        if isinstance(index, int) and 0 <= index < len(known):
            names[position] = known[index]
    return names[0], names[1]


# ---------------------------------------------------------------- bioformats2raw


def read_series(reader: ImageReader, node: Node) -> tuple[list[Scene], str | None]:
    """Make the scenes of a store in the layout of bioformats2raw, and return its OME-XML."""
    ome_path = stores.join(node.path, "OME")
    paths = _series_paths(reader, node, ome_path)
    scenes: list[Scene] = []
    for path in paths:
        scenes += _read_listed(reader, path, f"Image:{len(scenes)}")
    raw = stores.read_value(
        reader.documents.store, stores.join(ome_path, "METADATA.ome.xml"), LARGEST_DOCUMENT
    )
    if raw is None:
        return scenes, None
    text = decode_xml(raw)
    try:
        document = parse_ome(text)
    except CorruptFileError as error:
        reader.note_loss("ome-xml-broken", str(error), f"{ome_path}/METADATA.ome.xml")
        return scenes, text
    reader.diagnostics += document.diagnostics
    return _with_ome(reader, scenes, document, ome_path), text


def _series_paths(reader: ImageReader, node: Node, ome_path: str) -> list[str]:
    """Return the listed series, or the groups 0, 1, 2 and so on where there is no list."""
    try:
        ome = reader.documents.node(ome_path)
    except CorruptFileError as error:
        reader.note_loss("unreadable-series", str(error), ome_path)
        ome = None
    listed = ome.ngff.get("series") if ome is not None else None
    # The list gives the order of the images in METADATA.ome.xml, which the names need not follow.
    if isinstance(listed, list):
        paths = [str(part) for part in listed[:MOST_SERIES] if isinstance(part, str | int)]
        if len(set(paths)) < len(paths):
            reader.note("repeated-series", "a series that is listed again is shown once", ome_path)
        return [stores.join(node.path, path) for path in dict.fromkeys(paths)]
    paths = []
    while len(paths) < MOST_SERIES:
        path = stores.join(node.path, str(len(paths)))
        if reader.documents.node(path) is None:
            break
        paths.append(path)
    return paths


def _with_ome(
    reader: ImageReader, scenes: list[Scene], document: OmeDocument, where: str
) -> list[Scene]:
    """Give the scenes the metadata of the images of OME, which come in the same order."""
    # Nothing but the order connects them, so another number would give images foreign metadata.
    if len(document.images) != len(scenes):
        reader.note(
            "ome-image-count",
            f"METADATA.ome.xml has {len(document.images)} images for {len(scenes)} series",
            where,
        )
        return scenes
    return [_merge(scene, image) for scene, image in zip(scenes, document.images, strict=True)]


def _merge(scene: Scene, image: OmeImage) -> Scene:
    """Fill in the metadata of OME-XML; windows and colours of omero stay, as viewers show them."""
    channels = scene.channels
    if image.channels and len(image.channels) == scene.dims.get("C", 1):
        known = scene.channels or (Channel(),) * len(image.channels)
        channels = tuple(
            attrs.evolve(
                channel,
                name=channel.name or shown.name,
                color=shown.color if shown.color is not None else channel.color,
                window=shown.window,
            )
            for channel, shown in zip(image.channels, known, strict=True)
        )
    # The store describes the pixels that it holds; the XML may be that of the file it came from.
    sizes = zip("ZYX", scene.pixel_size, image.pixel_size, strict=True)
    return attrs.evolve(
        scene,
        name=image.name or scene.name,
        channels=channels,
        pixel_size=PixelSize(**{letter: own or other for letter, own, other in sizes}),
        time_step=scene.time_step or image.time_step,
        acquired=image.acquired,
        objective=image.objective,
        planes=image.planes if fits(image, scene) else None,
        well=scene.well or image.well,
    )


def fits(image: OmeImage, scene: Scene) -> bool:
    """Whether the planes of an OME image are those of the scene."""
    if image.planes is None:
        return False
    return all(scene.dims.get(letter, 1) == size for letter, size in image.planes.dims.items())


# ---------------------------------------------------------------- arrays outside of NGFF


def read_plain_group(reader: ImageReader, node: Node) -> list[Scene]:
    """Make a scene for each array of a group that is no image of NGFF."""
    scenes: list[Scene] = []
    waiting = [(node.path, 0)]
    group_count = 0
    while waiting:
        group_count += 1
        if group_count > MOST_GROUPS:
            reader.note("too-many-groups", f"{MOST_GROUPS} groups were searched", node.path)
            break
        # Level by level, so that the arrays near the root come first where there are too many.
        path, depth = waiting.pop(0)
        for name in stores.list_names(reader.documents.store, path):
            child = stores.join(path, name)
            # Documents such as ``.zarray`` and hidden files are no children.
            found = None if name.startswith((".", "zarr.json")) else _plain_node(reader, child)
            if found is None:
                continue
            if multiscales_of(found):
                scenes += read_group(reader, found, child)
            elif found.array is None:
                if depth < DEEPEST_GROUP:
                    waiting.append((child, depth + 1))
            else:
                scene = reader.read_plain(found)
                scenes += [] if scene is None else [scene]
            if len(scenes) >= MOST_PLAIN_ARRAYS:
                reader.note("too-many-arrays", f"only the first {len(scenes)} are shown", path)
                return scenes
    return scenes


def _plain_node(reader: ImageReader, path: str) -> Node | None:
    try:
        return reader.documents.node(path)
    except CorruptFileError as error:
        reader.note_loss("unreadable-image", str(error), path)
        return None
