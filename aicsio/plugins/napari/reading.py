"""What napari asks before it opens a file, and the opening.

Rule kept here: content decides, as everywhere: a file or folder that no format takes is left to
other plug-ins. A folder without an index whose images have one suffix is one image along T.
"""

import os
from collections.abc import Callable, Sequence
from typing import TypeAlias

from aicsio.errors import AicsioError
from aicsio.joining import open_many
from aicsio.joining.file_names import natural_key
from aicsio.opening import explain, open_image
from aicsio.plugins.napari.layers import LayerTuple, to_layers
from aicsio.plugins.suffixes import all_suffixes
from aicsio.records import ImageHandle

__all__ = ["choose_reader", "read_layers"]

Paths: TypeAlias = str | Sequence[str]


def choose_reader(path: Paths) -> Callable[[Paths], list[LayerTuple]] | None:
    """Return the function that reads a path, or ``None`` where no format opens it.

    Parameters
    ----------
    path
        A path or URL, or several that napari stacks.

    Returns
    -------
    callable or None
        ``read_layers``.

    Examples
    --------
    >>> from aicsio.plugins.napari.reading import choose_reader
    >>> choose_reader("/no/such/file.czi").__name__
    'read_layers'
    """
    first = path if isinstance(path, str) else path[0]
    if _is_taken(first):
        return read_layers
    series = _images_of(first)
    return read_layers if series and _is_taken(series[0]) else None


def _is_taken(path: str) -> bool:
    """Whether a format opens a path, or would report what is wrong with it."""
    try:
        return any(candidate.taken for candidate in explain(path))
    except AicsioError:
        # The reading raises it again: napari shows the message of a reader, and none for a plug-in
        # that declines.
        return True


def _images_of(folder: str) -> list[str]:
    """List the images in a folder in natural order; empty where it has images of several suffixes."""
    if not os.path.isdir(folder):
        return []
    suffixes = [suffix for suffix in all_suffixes() if suffix.startswith(".")]
    series: dict[str, list[str]] = {}
    for name in sorted(os.listdir(folder), key=natural_key):
        suffix = next((each for each in suffixes if name.lower().endswith(each)), None)
        if suffix is not None and not name.startswith("."):
            series.setdefault(suffix, []).append(os.path.join(folder, name))
    return next(iter(series.values())) if len(series) == 1 else []


def read_layers(path: Paths) -> list[LayerTuple]:
    """Open a file or folder, or several files as one image, and make layers of its first scene.

    Parameters
    ----------
    path
        A path or URL, or several, which are joined along T as ``open_many`` does; so are the images
        in a folder that is none of a format.

    Returns
    -------
    list of tuple
        Those of ``to_layers``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio.plugins.napari.reading import read_layers
    >>> from aicsio.testing import ImageSpec, TiffSpec, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(TiffSpec((ImageSpec(C=2, Y=40, X=50),)), Path(folder))
    ...     [kind for _, _, kind in read_layers(str(path))]
    ['image', 'image']
    """
    if not isinstance(path, str):
        handle = open_many([os.fspath(each) for each in path])
    elif _is_taken(path):
        handle = open_image(path)
    else:
        handle = open_many(_images_of(path) or [path])
    _mention_scenes(handle)
    return to_layers(handle)


def _mention_scenes(handle: ImageHandle) -> None:
    """Show where the other scenes are: napari's dialogs have no place for them."""
    readable = [scene for scene in handle.scenes if scene.levels]
    if len(readable) < 2:
        return
    try:
        from napari.utils.notifications import show_info
    except ImportError:  # npe2 reads without napari, too
        return
    show_info(
        f"aicsio: scene {handle.scene.name!r}, one of {len(readable)}. "
        "Plugins > aicsio > Scenes and wells shows the others."
    )
