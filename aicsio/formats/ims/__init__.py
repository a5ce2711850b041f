"""Imaris 5.5 (IMS, HDF5). Imports `_io`, `_ome` and `records`; h5py is imported where it is used.

``hdf5`` opens the file for h5py (``pages`` fetches what the index takes of a remote one), ``chunks``,
``headers`` reads attributes without it, ``btree`` and ``filters`` the index of an array, ``levels``
and ``layout`` place pixels, ``metadata`` makes records, ``origins`` names their places.

Rule kept here: h5py reads the index and the attributes; the engine of the package reads and decodes
the chunks.

Source of the facts: "Imaris 5.5 File Format Description" (Bitplane).
"""

import json
import re
from collections import Counter
from typing import Final

from aicsio.errors import CorruptFileError, SceneError, UnsupportedFormatError
from aicsio.formats import Options
from aicsio.formats.ims import metadata as facts
from aicsio.formats.ims.hdf5 import TROUBLE, Hdf5File, has_signature, numbered, open_index
from aicsio.formats.ims.levels import UNSUPPORTED, LevelReader, find_extent, parse_count
from aicsio.formats.ims.origins import trace
from aicsio.records import Attachment, Contents, Diagnostic, Scene, Source
from aicsio.records.provenance import FactOrigins
from aicsio.records.scenes import distinguish_scenes

MARK: Final = "ImarisDataSet"
"""Attribute of the root by which Imaris knows its files."""
MOST_DATA_SETS: Final = 1000
"""Data sets of a file: ``DataSet``, ``DataSet1``, ...; Imaris writes one a file."""
THUMBNAIL: Final = "Thumbnail"
LARGEST_THUMBNAIL: Final = 1 << 24
"""Bytes; Imaris writes 256 KiB."""
SCENE_GROUPS: Final = ("Scene8/Content", "Scene/Content")
"""Groups with the objects of Imaris; files of version 8 have both, with the same objects."""


def recognises(source: Source, head: bytes, /) -> bool:
    """Return whether the file is an HDF5 file with the marks of Imaris."""
    if not has_signature(head):
        return False
    # A damaged file of this name is refused as what it is, not as a file of an unknown format.
    if source.uri.lower().endswith(".ims"):
        return True
    try:
        with open_index(source) as file:
            return MARK in file.attributes("/", {MARK}) or "DataSetInfo" in file.names("/")
    except CorruptFileError:
        return False


def read_contents(source: Source, options: Options, /) -> Contents:  # noqa: ARG001 - no option applies
    """Describe the image of an Imaris file.

    Parameters
    ----------
    source
        The file.
    options
        None applies.

    Returns
    -------
    One scene for each data set; nearly all files have one.

    Raises
    ------
    CorruptFileError
        When the index is damaged, or no array has pixels.
    UnsupportedFormatError
        When its arrays are whole, and coded by a filter that is not read.
    """
    with open_index(source) as file:
        diagnostics: list[Diagnostic] = []
        # The first data set has no number; further ones are numbered from 1.
        names = ["DataSet", *(f"DataSet{n}" for n in _further_data_sets(file))]
        scenes, raw = [], {}
        for name in names:
            info = _read_info(file, name.replace("DataSet", "DataSetInfo"))
            raw[name.replace("DataSet", "DataSetInfo")] = info
            scene, remarks = _describe_scene(file, name, info)
            scenes.append(scene)
            diagnostics += remarks
        diagnostics += _report_objects(file)
    if not any(scene.levels for scene in scenes):
        reasons = "; ".join(one.message for one in diagnostics[:3]) or "it has no 'DataSet'"
        # An array of a kind that is not read is no damage; a damaged array makes the file corrupt.
        if diagnostics and {note.code for note in diagnostics if note.loss} == {UNSUPPORTED}:
            raise UnsupportedFormatError(f"{source.uri} has no pixels that are read: {reasons}")
        raise CorruptFileError.at(source.uri, None, f"expected an image with pixels: {reasons}")
    distinct = distinguish_scenes([scene.name for scene in scenes])
    named = [_renamed(scene, name) for scene, name in zip(scenes, distinct, strict=True)]
    text = json.dumps(raw, ensure_ascii=False)
    return Contents(tuple(named), text, tuple(diagnostics))


def _renamed(scene: Scene, name: str) -> Scene:
    import attrs

    return attrs.evolve(scene, name=name)


def _further_data_sets(file: Hdf5File) -> list[int]:
    matches = (re.fullmatch(r"DataSet([1-9][0-9]{0,3})", name) for name in file.names("/"))
    numbers = sorted(int(match[1]) for match in matches if match is not None)
    return numbers[:MOST_DATA_SETS]


def _read_info(file: Hdf5File, group: str) -> dict[str, dict[str, str]]:
    """Return the attributes of the groups that describe a data set."""
    wanted = ["Image", "TimeInfo", "Imaris", "ImarisDataSet"]
    names = file.names(group)
    wanted += [f"Channel {number}" for number in numbered(names, "Channel")[:10_000]]
    return {name: file.attributes(f"{group}/{name}") for name in wanted if name in names}


def _describe_scene(
    file: Hdf5File, name: str, info: dict[str, dict[str, str]]
) -> tuple[Scene, list[Diagnostic]]:
    extent = find_extent(file, name, info)
    reader = LevelReader(file, name, extent)
    image = info.get("Image", {})
    # Attributes X, Y and Z of the group ``Image``: pixels of full resolution.
    levels = reader.read_all(tuple(parse_count(image.get(letter)) for letter in "ZYX"))
    title = facts.known_text(image, "Name") or ""
    if not levels:
        # A scene without levels keeps the index of the data sets behind it.
        return Scene(title, ()), reader.diagnostics
    sizes = levels[0].stored
    dates = facts.parse_dates(info.get("TimeInfo", {}), extent.times)
    step, planes = facts.describe_times(dates)
    scene = Scene(
        name=title,
        levels=levels,
        channels=facts.describe_channels(info, extent.channels),
        pixel_size=facts.parse_pixel_size(image, sizes),
        time_step=step,
        acquired=facts.find_start(image, dates),
        objective=facts.parse_objective(image),
        planes=planes,
        origin=facts.parse_origin(image, sizes),
    )
    remarks = [*reader.diagnostics, *facts.report_sizes(image, scene.pixel_size, file.source.uri)]
    return scene, remarks


def _report_objects(file: Hdf5File) -> list[Diagnostic]:
    """Count surfaces, spots and other objects, which are not read."""
    present = file.names("/")
    for group in SCENE_GROUPS:
        # h5py takes 40 us to report that a group is missing.
        if group.partition("/")[0] not in present:
            continue
        # "Points0" and "Points1" are two objects of one kind.
        kinds = Counter(name.rstrip("0123456789") for name in file.names(group))
        if kinds:
            listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())[:20])
            text = f"objects of Imaris are not read: {listed}"
            return [Diagnostic("ims-objects", text, group)]
    return []


# ---------------------------------------------------------------- optional protocols


def list_attachments(source: Source, /) -> tuple[Attachment, ...]:
    """List the thumbnail."""
    with open_index(source) as file:
        dataset = file.dataset(f"{THUMBNAIL}/Data")
        # h5py has an offset for contiguous datasets alone; a chunked thumbnail gets 0.
        offset = None if dataset is None else dataset.get_offset()
        return () if dataset is None else (Attachment(THUMBNAIL, "PNG", offset or 0),)


def read_attachment(source: Source, attachment: Attachment, /) -> bytes:
    """Return the thumbnail as a PNG: it is stored as rows of red, green, blue, alpha.

    Raises
    ------
    CorruptFileError
        When its shape or its bytes are damaged.
    SceneError
        When the file has none.
    """
    import imagecodecs
    import numpy as np

    with open_index(source) as file:
        dataset = file.dataset(f"{attachment.name}/Data")
        if dataset is None:
            raise SceneError(f"{source.uri} has no {attachment.name!r}")
        try:
            shape, dtype = dataset.shape, dataset.dtype
            # The axes are rows, and four bytes for each column: 256 x 1024 in files of Imaris.
            is_rgba = len(shape) == 2 and shape[1] % 4 == 0 and dtype == np.uint8
            # A product of floats does not overflow, whatever shape a damaged file declares.
            if not is_rgba or not 0 < np.prod(shape, dtype=float) <= LARGEST_THUMBNAIL:
                raise CorruptFileError.at(
                    source.uri, None, f"expected rows of RGBA, found {dtype} of shape {shape}"
                )
            rows = np.empty(shape, np.uint8)
            dataset.read(_all_of(), _all_of(), rows)
        except CorruptFileError:
            raise
        except TROUBLE as error:
            file.raise_trouble(error)
            raise CorruptFileError.at(source.uri, None, f"the thumbnail: {error}") from error
    png = imagecodecs.png_encode(rows.reshape(shape[0], -1, 4))
    return bytes(png)


def _all_of() -> object:
    import h5py

    return h5py.h5s.ALL


def trace_facts(source: Source, contents: Contents, scene: int, /) -> FactOrigins:  # noqa: ARG001 - the protocol
    """Return the groups and attributes of the facts."""
    return trace(contents.scenes[scene])
