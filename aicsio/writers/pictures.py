"""Pictures for slides and papers: PNG, JPEG, WebP.

Rule kept here: what is drawn comes from ``aicsio.pictures``. An existing file stays until the new one
is complete.
"""

import io
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np

from aicsio._checks import checked
from aicsio._checks.constructors import checked_record
from aicsio._io.urls import public_url
from aicsio.errors import WriteError
from aicsio.pictures.colors import Picture
from aicsio.pictures.drawing import thumbnail
from aicsio.pictures.reading import longest_side
from aicsio.records import ImageHandle
from aicsio.records.printing import drawn_in_notebooks
from aicsio.writers import _atomic_file

__all__ = ["PictureReport", "write_picture"]

PICTURE_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
"""Pillow's name of the format of each suffix."""
LARGEST_SIDES = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
"""Pixels of a side at most, by suffix: libjpeg stops before the 65 535 of JPEG."""
JPEG_QUALITY = 90
"""Artefacts of JPEG show from about 85 downwards on cells before a dark background."""


@drawn_in_notebooks
@checked_record
@attrs.frozen
class PictureReport:
    """The picture or movie that was written."""

    path: str
    """Absolute path of the file."""
    nbytes: int
    """Length of the file."""
    shape: tuple[int, int]
    """Height and width in pixels."""
    frames: int = 1
    """Number of frames."""


def suffix_of(path: str | os.PathLike[str], suffixes: Iterable[str]) -> str:
    """Return the suffix of a path in lower case.

    Raises
    ------
    WriteError
        When it is none of ``suffixes``.
    """
    suffix = os.path.splitext(os.fsdecode(path))[1].lower()
    names = list(suffixes)
    if suffix not in names:
        raise WriteError(
            f"{public_url(os.fsdecode(path))!r} is no name of a picture: end it in {', '.join(names)}"
        )
    return suffix


def encode_picture(picture: Picture, suffix: str) -> bytes:
    """Encode a picture, shape (Y, X, 3).

    Parameters
    ----------
    picture
        The pixels.
    suffix
        Key of ``PICTURE_FORMATS``.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    most = LARGEST_SIDES.get(suffix)
    if most is not None and max(height, width) > most:
        raise WriteError(
            f"{width} x {height} pixels do not fit into {suffix}, which has {most} a side at most: "
            "name it .png, or give a smaller size="
        )
    encoded = io.BytesIO()
    options: dict[str, Any] = {}
    if suffix in {".jpg", ".jpeg"}:
        # 4:4:4: halving the colours would smear thin structures of red and blue channels.
        options = {"quality": JPEG_QUALITY, "subsampling": 0}
    elif suffix == ".webp":
        options = {"lossless": True}
    shown = picture
    if np.array_equal(shown[..., 0], shown[..., 1]) and np.array_equal(
        shown[..., 0], shown[..., 2]
    ):
        # A gray picture takes a third of the bytes.
        shown = np.ascontiguousarray(shown[..., 0])
    try:
        Image.fromarray(shown).save(encoded, PICTURE_FORMATS[suffix], **options)
    except (OSError, ValueError) as error:
        raise WriteError(f"{width} x {height} pixels do not fit into {suffix}: {error}") from error
    return encoded.getvalue()


def save_picture(
    picture: Picture, path: str | os.PathLike[str], *, overwrite: bool
) -> PictureReport:
    """Write a picture under its name, whole or not at all.

    Raises
    ------
    WriteError
        When the suffix is unknown, the file exists and ``overwrite`` is false, or it cannot be written.
    """
    suffix = suffix_of(path, PICTURE_FORMATS)
    target = _atomic_file.check_target(path, overwrite=overwrite)
    data = encode_picture(picture, suffix)
    # A picture is made anew in no time: waiting for the disk (sync) would take longer than drawing.
    with _atomic_file.replacing(target, overwrite=overwrite, sync=False) as output:
        output.write_at(0, data)
        output.finish(len(data), sync=False)
    return PictureReport(target, len(data), (picture.shape[0], picture.shape[1]))


@checked
def write_picture(
    handle: ImageHandle,
    path: str | Path,
    *,
    size: int | None = None,
    channels: Sequence[int | str] | int | str | None = None,
    project: Literal["max", "mean", "middle"] = "max",
    contrast: Literal["auto", "file", "full"] | tuple[float, float] = "auto",
    scale_bar: bool = True,
    legend: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> PictureReport:
    """Write what ``thumbnail`` draws, by default at the size of the image, as PNG, JPEG or WebP.

    Parameters
    ----------
    handle
        An opened image.
    path
        Ends in ``.png``, ``.jpg``, ``.jpeg`` or ``.webp`` (without loss).
    size
        Pixels of the longer side; ``None`` for those of the image in focus.
    channels, project, contrast, scale_bar, legend, progress
        As for ``thumbnail``.
    overwrite
        Whether an existing file is replaced.

    Returns
    -------
    PictureReport
        Path, length and shape.

    Raises
    ------
    WriteError
        When the suffix is unknown, the file exists, or cannot be written.
    ImageTooLargeError
        When the picture would have more than 128 megapixels.
    DimensionError
        When ``size`` is less than 1, or channels or contrast do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, write_picture
    >>> ramp = np.arange(6000, dtype=np.uint16).reshape(60, 100)
    >>> write_picture(open_image(ramp, dims="YX"), "ramp.png").shape
    (60, 100)
    """
    suffix_of(path, PICTURE_FORMATS)
    _atomic_file.check_target(path, overwrite=overwrite)
    size = size or longest_side(handle.dims)
    picture = thumbnail(
        handle,
        size,
        channels=channels,
        project=project,
        scale_bar=scale_bar,
        legend=legend,
        contrast=contrast,
        progress=progress,
    )
    return save_picture(picture, path, overwrite=overwrite)
