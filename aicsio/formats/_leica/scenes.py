"""From one image of Leica's XML to a scene, wherever its pixels lie.

Rule kept here: an image that cannot be read is listed without pixels and with a diagnostic, so that
the numbers of the scenes stay those of the project.
"""

from collections.abc import Callable
from xml.etree import ElementTree as ET

from aicsio._ome.units import seconds_per
from aicsio._ome.xml import find_all
from aicsio.errors import CorruptFileError
from aicsio.formats._leica.arrays import count_samples, keep_stored
from aicsio.formats._leica.description import (
    Axis,
    ChannelDescription,
    Unreadable,
    find_spacings,
    parse_axes,
    parse_channels,
)
from aicsio.formats._leica.metadata import (
    describe_channels,
    describe_coordinates,
    describe_planes,
    of_first_tiles,
)
from aicsio.formats._leica.settings import find_settings, parse_objective
from aicsio.formats._leica.tiles import Mosaic, stitch
from aicsio.formats._leica.times import first_date, parse_time_stamps
from aicsio.records import Diagnostic, LazyArray, PixelSize, Scene, Source


def describe_scene(
    name: str,
    element: ET.Element,
    lay_out: Callable[[tuple[Axis, ...], tuple[ChannelDescription, ...]], LazyArray],
    source: Source,
    *,
    keep_apart: bool,
) -> tuple[Scene, list[Diagnostic]]:
    """Describe one image; one that cannot be read has no pixels and a diagnostic.

    Parameters
    ----------
    name
        Of the scene.
    element
        Element of the project tree with the image.
    lay_out
        From axes and channels to the array of the pixels; raises ``Unreadable``.
    source
        The file with the XML, for messages.
    keep_apart
        Whether tiles stay apart along M.
    """
    image = next(iter(find_all(element, "Data", "Image")), None)
    if image is None:
        raise CorruptFileError.at(source.uri, None, f"expected an image in {name!r}")
    try:
        axes, remarks = parse_axes(image)
        channels = parse_channels(image)
        array = lay_out(axes, channels)
    except Unreadable as reason:
        # Listed all the same, so that the numbers of the scenes stay those of the project.
        text = f"{name!r} is listed without pixels: {reason}"
        return Scene(name, ()), [Diagnostic("lif-no-pixels", text, name, loss=True)]
    diagnostics = [_diagnose("lif-dimensions", name, remark) for remark in remarks]
    types = list(dict.fromkeys(channel.dtype.name for channel in channels))
    if len(types) > 1:
        mixed = f"channels of {', '.join(types)} are read as {array.dtype}"
        diagnostics.append(_diagnose("mixed-pixel-types", name, mixed))
    axes, lost = keep_stored(axes, array)
    if lost is not None:
        diagnostics.append(Diagnostic("lif-stopped", f"{name!r}: {lost}", name, loss=True))
    mosaic = Mosaic(array, None, [])
    if "M" in array.stored:
        mosaic = stitch(array, axes, image, name, keep_apart=keep_apart)
    diagnostics += mosaic.diagnostics
    # Names and lookup tables belong to channels; a colour image has one of three samples.
    sample_count = count_samples(channels)
    first_samples = channels[::sample_count]
    stamps = parse_time_stamps(image)
    settings = find_settings(image)
    planes, remark = describe_planes(settings, axes, len(first_samples), stamps)
    if remark is not None:
        diagnostics.append(_diagnose("lif-times", name, remark))
    if planes is not None and "M" in planes.dims and "M" not in mosaic.array.stored:
        planes = of_first_tiles(planes)
    scene = Scene(
        name=name,
        levels=(mosaic.array,),
        channels=describe_channels(settings, first_samples, sample_count, array.stored),
        pixel_size=_pixel_size(axes),
        time_step=_time_step(axes),
        acquired=first_date(stamps),
        objective=parse_objective(settings),
        planes=planes,
        tiles=mosaic.tiles,
        coordinates=describe_coordinates(axes),
    )
    return scene, diagnostics


def _diagnose(code: str, name: str, remark: str) -> Diagnostic:
    return Diagnostic(code, f"{name!r}: {remark}", name)


def _pixel_size(axes: tuple[Axis, ...]) -> PixelSize:
    spacing = find_spacings(axes)
    return PixelSize(spacing.get("Z"), spacing.get("Y"), spacing.get("X"))


def _time_step(axes: tuple[Axis, ...]) -> float | None:
    for axis in axes:
        if axis.letter == "T":
            return axis.spacing(seconds_per)
    return None
