"""What napari asks before it opens a file, and the opening.

Rule kept here: content decides, as everywhere: a file or folder that no format takes is left to
other plug-ins.
"""

import os
from collections.abc import Callable, Sequence
from typing import TypeAlias

from aicsio.errors import AicsioError
from aicsio.joining import open_many
from aicsio.opening import explain, open_image
from aicsio.plugins.napari.layers import LayerTuple, to_layers
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
    try:
        is_taken = any(candidate.taken for candidate in explain(first))
    except AicsioError:
        # The reading raises it again: napari shows the message of a reader, and none for a plug-in
        # that declines.
        is_taken = True
    return read_layers if is_taken else None


def read_layers(path: Paths) -> list[LayerTuple]:
    """Open a file or folder, or several files as one image, and make layers of its first scene.

    Parameters
    ----------
    path
        A path or URL, or several, which are joined along T as ``open_many`` does.

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
    if isinstance(path, str):
        handle = open_image(path)
    else:
        handle = open_many([os.fspath(each) for each in path])
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
