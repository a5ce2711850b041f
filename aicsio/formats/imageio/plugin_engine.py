"""What the other plug-ins of imageio's third version read: DICOM, SPE, HDR, and what is installed beside it.

Plug-ins of its older kind are left alone: they look into the other files of a folder, run programs and print.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from aicsio.errors import (
    AicsioError,
    CorruptFileError,
    MissingDependencyError,
    UnsupportedFormatError,
)
from aicsio.formats.imageio.frames import (
    Array,
    Description,
    Found,
    Frames,
    check_size,
    opened,
    translated,
)
from aicsio.records import Source

PACKAGES = {
    "pydicom": "pydicom",
    "opencv": "opencv-python-headless",
    "rawpy": "rawpy",
    "SPE": "imageio",
}
"""What to install for a plug-in."""
UNNAMED = frozenset({"pyav"})
"""Plug-ins that are not tried on files without a signature: ffmpeg takes text for a movie."""
OPTIONS: dict[str, dict[str, Any]] = {"pydicom": {"raw": True}}
"""Pixels as stored, not as a viewer would window them."""


@contextlib.contextmanager
def _open(source: Source, plugin: str) -> Iterator[Any]:
    import imageio.v3 as iio

    # The stubs of imageio know some of its own plug-ins only.
    opener: Any = iio.imopen
    with (
        opened(source) as file,
        opener(source.uri if source.local else file.read(), "r", plugin=plugin) as handle,
    ):
        yield handle


def describe(source: Source, plugin: str) -> Description:
    """Ask a plug-in for sizes, or all of them in turn where none is named.

    Raises
    ------
    UnsupportedFormatError, CorruptFileError, MissingDependencyError
    """
    if plugin:
        return _describe(source, plugin)
    from imageio.config.plugins import known_plugins

    told = []
    for name in [
        name for name, row in known_plugins.items() if not row.is_legacy and name not in UNNAMED
    ]:
        try:
            return _describe(source, name)
        except (CorruptFileError, UnsupportedFormatError, MissingDependencyError) as error:
            told.append(f"{name} ({error})")
    raise UnsupportedFormatError(f"no plug-in of imageio reads {source.uri!r}: {'; '.join(told)}")


def _describe(source: Source, plugin: str) -> Description:
    with (
        translated(source, f"reading this file with {plugin}"),
        _missing_named(plugin),
        _open(source, plugin) as handle,
    ):
        options = OPTIONS.get(plugin, {})
        first = handle.properties(index=0, **options)
        count = int(handle.properties(index=..., **options).n_images or 1)
        shape, dtype = tuple(int(n) for n in first.shape), np.dtype(first.dtype).newbyteorder("=")
        if len(shape) not in {2, 3} or (len(shape) == 3 and shape[2] > 4):
            raise UnsupportedFormatError(
                f"{plugin} gives {source.uri!r} as arrays of shape {shape}: no images"
            )
        check_size(source, plugin, shape, dtype)
        facts = {"format": plugin, "metadata": handle.metadata(index=0)}
    frames = Frames(source, "plugin", plugin, count, shape, dtype)
    return Description((Found("Image:0", frames, count > 1),), facts)


@contextlib.contextmanager
def _missing_named(plugin: str) -> Iterator[None]:
    from imageio.config.plugins import known_plugins

    if plugin not in known_plugins:
        raise MissingDependencyError(
            f"this imageio has no plug-in {plugin}: pip install -U imageio {PACKAGES[plugin]}"
        )
    try:
        yield
    except AicsioError:
        raise
    except ImportError as error:
        raise MissingDependencyError(
            f"{error}: pip install {PACKAGES.get(plugin, plugin)}"
        ) from error


def read_plugin(frames: Frames, start: int, stop: int) -> Array:
    """Read images one by one."""
    options = OPTIONS.get(frames.kind, {})
    doing = f"reading images {start} to {stop - 1} with {frames.kind}"
    with translated(frames.source, doing), _open(frames.source, frames.kind) as handle:
        return np.stack([handle.read(index=index, **options) for index in range(start, stop)])
