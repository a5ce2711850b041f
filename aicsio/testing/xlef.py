"""Legal Leica projects of many files: XLEF, XLCF, XLIF, and LOF, TIFF or PNG with the pixels.

Rule kept here: an image is that of a LIF, whose memory lies in files; paths are relative to the file
that names them, with the slashes and escapes of Windows.

Source of the structures: "Leica Image File Formats - LIF, XLEF, XLLF, LOF" 3.2 (Leica Microsystems).
The projects made here are read alike by ``liffile``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote
from xml.etree import ElementTree as ET

import attrs
import numpy as np
import numpy.typing as npt

from aicsio.testing.lif import LifImage, build_lof, element_of, memory_of

__all__ = ["XlefImage", "write_xlef"]

METADATA = "Metadata"
"""Folder of collections and images, beside the project file."""


@attrs.frozen(eq=False)
class XlefImage:
    """An image of a project, and the files that hold its pixels."""

    image: LifImage
    """The image; folders of its name are collections. Rows, columns and samples are its last axes in
    memory."""
    stored: Literal["lof", "tif", "png"] = "tif"
    """One LOF, or a file for each plane."""
    compression: str | None = None
    """Of TIFF, in tifffile's words."""
    missing: tuple[int, ...] = ()
    """Numbers of files that are not there, in the order of the memory."""
    escaped: bool = False
    """Whether names are written with percent escapes."""
    changed_case: bool = False
    """Whether names are written in another case than those of the files."""


def write_xlef(
    folder: Path, images: Sequence[XlefImage], *, encoding: Literal["utf-8", "utf-16"] = "utf-16"
) -> Path:
    """Write a project.

    Parameters
    ----------
    folder
        Folder to write into; its name is that of the project.
    images
        In the order of the tree; collections come from their names.
    encoding
        Of the XML.

    Returns
    -------
    Path
        The project file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.testing.lif import LifImage
    >>> from aicsio.testing.xlef import XlefImage, write_xlef
    >>> image = LifImage(np.zeros((2, 5, 6), np.uint8), "ZYX", name="Plate/a")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open_image(write_xlef(Path(folder), [XlefImage(image)])).scene_names
    ('Plate/a',)
    """
    (folder / METADATA).mkdir(parents=True, exist_ok=True)
    project = ET.Element("LMSDataContainerHeader", Version="2")
    top = ET.SubElement(project, "Element", Name=folder.name)
    ET.SubElement(ET.SubElement(top, "Data"), "Experiment", IsSavedFlag="1")
    collections: dict[str, ET.Element] = {"": ET.SubElement(top, "Children")}
    roots: dict[str, ET.Element] = {}
    for number, one in enumerate(images):
        name = f"Image {number}"
        collection = _collection(one.image.name.rpartition("/")[0], collections, roots)
        at_top = collection is collections[""]
        file = f"{METADATA}\\{name}.xlif" if at_top else f"{name}.xlif"
        # Collections lie in one folder with the images, the project file one folder above.
        ET.SubElement(collection, "Reference", File=file, UUID=f"uuid-{number}")
        _write_image(folder, name, one, encoding)
    for path, root in roots.items():
        _write_xml(folder / METADATA / f"{_file_name(path)}.xlcf", root, encoding)
    target = folder / f"{folder.name}.xlef"
    _write_xml(target, project, encoding)
    return target


def _collection(
    path: str, collections: dict[str, ET.Element], roots: dict[str, ET.Element]
) -> ET.Element:
    """Return the children of a collection; those that are missing are made."""
    if path not in collections:
        above, _, name = path.rpartition("/")
        parent = _collection(above, collections, roots)
        file = f"{_file_name(path)}.xlcf"
        # Files of the folder "Metadata" name each other without it.
        prefix = "" if above else f"{METADATA}\\"
        ET.SubElement(parent, "Reference", File=prefix + quote(file), UUID=f"uuid-{path}")
        roots[path] = ET.Element("LMSDataContainerHeader", Version="2")
        element = ET.SubElement(roots[path], "Element", Name=name)
        ET.SubElement(ET.SubElement(element, "Data"), "Collection")
        collections[path] = ET.SubElement(element, "Children")
    return collections[path]


def _file_name(path: str) -> str:
    return path.replace("/", " in ")


def _write_xml(path: Path, root: ET.Element, encoding: str) -> None:
    text = ET.tostring(root, encoding="unicode")
    path.write_bytes(text.encode(encoding))


def _write_image(folder: Path, name: str, one: XlefImage, encoding: str) -> None:
    root = ET.Element("LMSDataContainerHeader", Version="2")
    element = element_of(one.image, f"MemBlock_{name}")
    root.append(element)
    memory = element.find("Memory")
    if memory is None:
        raise ValueError("an image has a memory")
    if one.stored == "lof":
        size = len(memory_of(one.image))
        # A LOF is one block of the whole memory, a TIFF or PNG one frame of it.
        _add_file(memory, one, f"{name}.lof", 0, size, tag="Block")
        if 0 not in one.missing:
            (folder / f"{name}.lof").write_bytes(build_lof(one.image))
    else:
        for number, (offset, plane) in enumerate(_planes(one.image)):
            file = f"{name} {number:03}.{one.stored}"
            _add_file(memory, one, file, offset, plane.nbytes, tag="Frame")
            if number not in one.missing:
                _write_plane(folder / file, plane, one)
    _write_xml(folder / METADATA / f"{name}.xlif", root, encoding)


def _add_file(
    memory: ET.Element, one: XlefImage, file: str, offset: int, size: int, *, tag: str
) -> None:
    written = file.upper() if one.changed_case else file
    written = quote(written) if one.escaped else written
    # Pixels lie in the folder of the project, one above the .xlif that names them.
    attributes = {"File": f"..\\{written}", "Offset": str(offset), "Size": str(size)}
    ET.SubElement(memory, tag, attributes)


def _planes(image: LifImage) -> list[tuple[int, npt.NDArray[Any]]]:
    """Return the planes in the order of the memory, and the byte at which each begins."""
    order = image.memory_order or image.dims
    sizes = dict(zip(image.dims, image.pixels.shape, strict=True))
    inner = [sizes[letter] for letter in order if letter in "YXS"]
    memory = np.frombuffer(memory_of(image), image.pixels.dtype.newbyteorder("<"))
    # Shape: planes, then rows, columns and samples in the order of the memory.
    planes = memory.reshape(-1, *inner)
    return [(number * plane.nbytes, plane) for number, plane in enumerate(planes)]


def _write_plane(path: Path, plane: npt.NDArray[Any], one: XlefImage) -> None:
    if one.stored == "png":
        import imagecodecs

        path.write_bytes(imagecodecs.png_encode(plane))
        return
    import tifffile

    photometric = "rgb" if plane.ndim == 3 else "minisblack"
    tifffile.imwrite(
        path, plane, photometric=photometric, compression=one.compression, metadata=None
    )
