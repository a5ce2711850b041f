"""A thumbnail of an image, where it costs little.

Rule kept here: the plan of the read is counted before anything is read; what would read more than
``MOST_PIXEL_BYTES`` or take longer than ``MOST_SECONDS`` is not drawn.
"""

import base64
import io
from collections.abc import Iterator

from aicsio._checks.words import count_of
from aicsio.notebook.markup import Markup, join, muted, tag, text
from aicsio.pictures import composing
from aicsio.pictures.composing import PictureFrame
from aicsio.pictures.costs import picture_cost
from aicsio.pictures.drawing import finish
from aicsio.pictures.reading import plane_letters
from aicsio.records import Contents, ImageHandle, Scene, Source

MOST_BYTES = 2 << 20
"""Bytes that a drawing reads in all, 2 MiB: what a page of the web weighs."""
MOST_PIXEL_BYTES = 3 << 19
"""Bytes of pixels among them, 1.5 MiB: the rest is for ``origins``."""
MOST_SECONDS = 0.1
"""Time that a drawing takes by its plan: below it an answer feels immediate."""
SIDE = 192
"""Pixels of the longer side of the picture."""
COARSEST = 48
"""Pixels below which a sampled picture shows nothing."""


def preview(handle: ImageHandle) -> tuple[Markup, int]:
    """Draw the image in focus, if that costs little.

    Parameters
    ----------
    handle
        An opened image.

    Returns
    -------
    str
        A ``<figure>``, or a line with the reason why there is none.
    int
        Bytes that were read for it, at most.
    """
    if not handle.array.size:
        return muted("no pixels"), 0
    shown = composing.pick_channels(handle, None)
    for frame in _frames():
        cost = picture_cost(shown, frame, MOST_PIXEL_BYTES, MOST_SECONDS)
        if cost.fits(MOST_PIXEL_BYTES, MOST_SECONDS):
            return _figure(shown, frame, handle.dims.get("C", 1)), cost.nbytes
    reason = "A picture would read more than 1.5 MiB, or take longer than 0.1 s:"
    call = tag("code", text("thumbnail(h)"))
    line = join([muted(reason), call, muted("draws one.")], " ")
    return tag("p", line, class_="aicsio-narrow"), 0


def _frames() -> Iterator[PictureFrame]:
    """Yield ways to draw, from the best to the cheapest: the whole plane, then fewer and fewer rows."""
    yield PictureFrame(SIDE, "middle")
    size = SIDE
    while size >= COARSEST:
        yield PictureFrame(size, "middle", whole_nbytes=0)
        size = size * 2 // 3


def _figure(handle: ImageHandle, frame: PictureFrame, channel_count: int) -> Markup:
    # Pillow takes 60 ms to import.
    from PIL import Image

    picture = composing.draw(handle, frame)
    picture = finish(picture, handle, SIDE, scale_bar=True, legend=False)
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, "PNG")
    data = base64.b64encode(encoded.getvalue()).decode("ascii")
    height, width = picture.shape[:2]
    caption = _describe(handle, channel_count)
    image = tag(
        "img",
        src=f"data:image/png;base64,{data}",
        width=width,
        height=height,
        alt=f"picture of {caption}",
    )
    return tag("figure", image, tag("figcaption", text(caption)))


def _describe(handle: ImageHandle, channel_count: int) -> str:
    """Name the plane that is shown: the middle one along Z, the first along other axes."""
    plane = plane_letters(handle.dims)
    parts = []
    for letter, size in handle.dims.items():
        if letter in plane or letter in "CS" or size == 1:
            continue
        shown = size // 2 if letter == "Z" else 0
        parts.append(f"{letter}={shown} of {size:,}")
    channels = handle.dims.get("C", 1)
    if channels > 1:
        # A picture has up to seven channels, the first ones.
        total = channel_count if channel_count > channels else None
        parts.append(count_of(channels, "channel", total=total))
    return ", ".join(parts) or "the image"


def scene_handle(scene: Scene) -> ImageHandle:
    """Return a handle of a scene alone: pieces of its arrays name their own sources."""
    return ImageHandle(Source(""), "", Contents((scene,)), 0, 0, scene.levels[0])
