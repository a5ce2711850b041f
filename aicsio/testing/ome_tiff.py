"""Generators of legal TIFF files: OME-TIFF in one file or several, plain TIFF, ImageJ hyperstacks.

Rule kept here: every file is legal, and another reader must find the same pixels in it.

``build`` makes the bytes of every file of a set, ``write`` puts them in a folder;
``patterns.pixels`` are the pixels that a reader must find in them. A description that no legal file answers
to raises ``ValueError`` when it is made.
"""

import itertools
import random
import uuid
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias
from xml.sax.saxutils import quoteattr

import attrs

from aicsio.testing.patterns import ImageSpec, make_plane
from aicsio.testing.segments import Storage
from aicsio.testing.tiff_bytes import (
    ASCII,
    LONG,
    RATIONAL,
    SHORT,
    Page,
    TagEntry,
    make_page,
    write_pages,
)
from aicsio.testing.tiff_spec import OME_TYPES, TiffSpec

__all__ = ["OME_TYPES", "TiffSpec", "build", "write"]

Place: TypeAlias = tuple[int, int, int, int]
"""Image, T, C, Z of a plane."""


def write(spec: TiffSpec, folder: Path, name: str | None = None) -> Path:
    """Write the files that ``spec`` describes.

    Parameters
    ----------
    spec
        What to write.
    folder
        Where; it exists.
    name
        File name; by default ``image.tif`` or ``image.ome.tif``. Sets put a number before the
        suffix.

    Returns
    -------
    pathlib.Path
        The file to open: the first one, or the companion.

    Examples
    --------
    >>> from pathlib import Path
    >>> from aicsio.testing import TiffSpec, write
    >>> write(TiffSpec(), Path(".")).name
    'image.ome.tif'
    """
    files = build(spec, name)
    for each, content in files.items():
        (folder / each).write_bytes(content)
    return folder / next(iter(files))


def build(spec: TiffSpec, name: str | None = None) -> dict[str, bytes]:
    """Make the files that ``spec`` describes: contents by name, the one to open first.

    Parameters
    ----------
    spec
        What to make.
    name
        File name; by default ``image.tif`` or ``image.ome.tif``. Sets put a number before the
        suffix.

    Returns
    -------
    dict of str to bytes
        Content of each file by its name; the file to open comes first.

    Examples
    --------
    >>> from aicsio.testing import ImageSpec, TiffSpec, build
    >>> list(build(TiffSpec((ImageSpec(T=2),), files=2)))
    ['image_0.ome.tif', 'image_1.ome.tif']
    """
    name = name or ("image.ome.tif" if spec.flavour == "ome" else "image.tif")
    shares = _shares(spec)
    names = _names(spec, name)
    made: dict[str, bytes] = {}
    if spec.companion:
        made[f"{_stem(name)}.companion.ome"] = _ome_xml(spec, shares, names, None).encode()
    for index, (each, share) in enumerate(zip(names, shares, strict=True)):
        pages = _pages(spec, share, _description(spec, shares, names, index, name))
        as_imagej = spec.flavour == "imagej" and not spec.one_directory
        made[each] = write_pages(pages, spec.byte_order, big=spec.big, data_first=as_imagej)
    return made


def _stem(name: str) -> str:
    for suffix in (".ome.tiff", ".ome.tif", ".tiff", ".tif"):
        if name.endswith(suffix):
            return name[: -len(suffix)]
    return name


def _names(spec: TiffSpec, name: str) -> list[str]:
    if spec.files == 1:
        return [name]
    stem = _stem(name)
    return [f"{stem}_{index}{name[len(stem) :]}" for index in range(spec.files)]


def _shares(spec: TiffSpec) -> list[list[Place]]:
    """Planes of each file, in the order of its pages."""
    places = [
        place for index in range(len(spec.images)) for place in _in_order(spec.images[index], index)
    ]
    if spec.shuffle is not None:
        random.Random(spec.shuffle).shuffle(places)  # noqa: S311 - a test needs no secret order
    # Files get numbers of pages that differ by one at most, and at least one each.
    bounds = [len(places) * index // spec.files for index in range(spec.files + 1)]
    return [places[low:high] for low, high in itertools.pairwise(bounds)]


def _in_order(image: ImageSpec, index: int) -> list[Place]:
    """Planes of an image, in its dimension order: the third letter of ``XYZCT`` runs fastest."""
    sizes = {"T": image.T, "C": image.C, "Z": image.Z}
    slowest_first = image.order[:1:-1]
    found = []
    for at in itertools.product(*(range(sizes[letter]) for letter in slowest_first)):
        place = dict(zip(slowest_first, at, strict=True))
        found.append((index, place["T"], place["C"], place["Z"]))
    return found


def _pages(spec: TiffSpec, share: Sequence[Place], description: str | None) -> list[Page]:
    pages = []
    for number, (index, *tcz) in enumerate(share):
        image = spec.images[index]
        how = Storage(
            spec.byte_order,
            spec.rows_per_strip,
            spec.tile,
            spec.compression,
            spec.predictor,
            planar=image.planar,
        )
        extra = _resolution(image) if spec.flavour == "imagej" else []
        if number == 0 and description is not None:
            extra.append(TagEntry(270, ASCII, description.encode() + b"\0"))
        # NewSubfileType 1: a lower resolution of another image of the file (TIFF 6.0, section 8).
        reduced = [
            make_page(make_plane(image, tuple(tcz), level), how, [TagEntry(254, LONG, (1,))])
            for level in range(1, image.levels)
        ]
        pages.append(make_page(make_plane(image, tuple(tcz)), how, extra, reduced))
    if spec.one_directory:
        # Further planes lie right behind the pixels of the first, without directories.
        tail = b"".join(segment for page in pages[1:] for segment in page.segments)
        return [attrs.evolve(pages[0], tail=tail)]
    return pages


def _resolution(image: ImageSpec) -> list[TagEntry]:
    """ImageJ keeps pixels per unit."""
    found = [TagEntry(296, SHORT, (1,))]
    for code, size in ((282, image.pixel_size.X), (283, image.pixel_size.Y)):
        if size:
            per_unit = (1 / Fraction(size)).limit_denominator(1_000_000)
            found.append(TagEntry(code, RATIONAL, (per_unit.numerator, per_unit.denominator)))
    return found


# ---------------------------------------------------------------- descriptions


def _description(
    spec: TiffSpec, shares: Sequence[Sequence[Place]], names: Sequence[str], index: int, name: str
) -> str | None:
    if spec.flavour == "plain":
        return None
    if spec.flavour == "imagej":
        return _imagej(spec.images[0])
    if spec.companion:
        metadata = quoteattr(f"{_stem(name)}.companion.ome")
        only = f'<BinaryOnly MetadataFile={metadata} UUID="{_uuid("companion", 0)}"/>'
        return _root(only, _uuid(names[index], index))
    return _ome_xml(spec, shares, names, index)


def _imagej(image: ImageSpec) -> str:
    lines = ["ImageJ=1.53t", f"images={image.planes}"]
    lines += [
        f"{key}={n}"
        for key, n in (("channels", image.C), ("slices", image.Z), ("frames", image.T))
        if n > 1
    ]
    if sum(n > 1 for n in (image.C, image.Z, image.T)) > 1:
        lines.append("hyperstack=true")
    lines.append("mode=grayscale")
    if image.pixel_size.X is not None or image.pixel_size.Z is not None:
        lines.append("unit=micron")
    if image.pixel_size.Z is not None:
        lines.append(f"spacing={image.pixel_size.Z}")
    if image.time_step is not None:
        lines.append(f"finterval={image.time_step}")
    return "\n".join([*lines, "loop=false", ""])


def _uuid(name: str, index: int) -> str:
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{name}/{index}')}"


def _root(body: str, identity: str) -> str:
    space = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<OME xmlns="{space}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" UUID="{identity}" '
        f'xsi:schemaLocation="{space} {space}/ome.xsd">{body}</OME>'
    )


def _ome_xml(
    spec: TiffSpec, shares: Sequence[Sequence[Place]], names: Sequence[str], index: int | None
) -> str:
    where = {
        place: (file, ifd) for file, share in enumerate(shares) for ifd, place in enumerate(share)
    }
    images = "".join(_image_xml(spec, number, where, names) for number in range(len(spec.images)))
    return _root(images, _uuid("companion", 0) if index is None else _uuid(names[index], index))


def _image_xml(
    spec: TiffSpec, number: int, where: Mapping[Place, tuple[int, int]], names: Sequence[str]
) -> str:
    image = spec.images[number]
    size = image.pixel_size
    facts = {
        "ID": f"Pixels:{number}",
        "DimensionOrder": image.order,
        "Type": OME_TYPES[image.dtype],
        "SizeX": image.X,
        "SizeY": image.Y,
        "SizeZ": image.Z,
        "SizeC": image.C * image.samples,
        "SizeT": image.T,
        "BigEndian": str(spec.byte_order == ">").lower(),
        "Interleaved": str(not image.planar).lower() if image.samples > 1 else None,
        "PhysicalSizeX": size.X,
        "PhysicalSizeY": size.Y,
        "PhysicalSizeZ": size.Z,
        "TimeIncrement": image.time_step,
    }
    channels = "".join(
        "<Channel"
        + _attributes(
            {
                "ID": f"Channel:{number}:{c}",
                "Name": image.channel_names[c] if image.channel_names else None,
                "SamplesPerPixel": image.samples,
            }
        )
        + "/>"
        for c in range(image.C)
    )
    data = _tiffdata(spec, number, where, names)
    pixels = f"<Pixels{_attributes(facts)}>{channels}{data}</Pixels>"
    return f"<Image{_attributes({'ID': f'Image:{number}', 'Name': image.name})}>{pixels}</Image>"


def _tiffdata(
    spec: TiffSpec, number: int, where: Mapping[Place, tuple[int, int]], names: Sequence[str]
) -> str:
    if spec.tiffdata == "bare":
        return "<TiffData/>"
    places = _in_order(spec.images[number], number)
    if spec.tiffdata == "block":
        return f'<TiffData IFD="{where[places[0]][1]}" PlaneCount="{len(places)}"/>'
    found = []
    for place in places:
        file, ifd = where[place]
        _, t, c, z = place
        known = _attributes({"FirstT": t, "FirstC": c, "FirstZ": z, "IFD": ifd, "PlaneCount": 1})
        if spec.files > 1 or spec.companion:
            label = f"<UUID FileName={quoteattr(names[file])}>{_uuid(names[file], file)}</UUID>"
            found.append(f"<TiffData{known}>{label}</TiffData>")
        else:
            found.append(f"<TiffData{known}/>")
    return "".join(found)


def _attributes(facts: Mapping[str, object]) -> str:
    return "".join(
        f" {key}={quoteattr(str(value))}" for key, value in facts.items() if value is not None
    )
