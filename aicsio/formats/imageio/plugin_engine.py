"""Other plug-ins of imageio's third version: OpenEXR, and others if installed.

Rule kept here: plug-ins of imageio's older kind are not used. They look into the other files of a
folder, run programs and print.
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
    Frames,
    FrameScene,
    check_size,
    opened,
    translated,
)
from aicsio.records import Source

PACKAGES = {
    "opencv": "opencv-python-headless",
    "rawpy": "rawpy",
}
"""Package to install for a plug-in."""
NEVER_TRIED = frozenset({"pyav", "pydicom"})
"""Plug-ins that are not tried: ffmpeg takes text for a movie, DICOM has an engine here."""
IMREAD_ANY_DEPTH_COLOR = 3
"""OpenCV's IMREAD_ANYDEPTH | IMREAD_COLOR: its default converts to 8 bits."""
OPTIONS: dict[str, dict[str, Any]] = {
    "opencv": {"flags": IMREAD_ANY_DEPTH_COLOR},
}


@contextlib.contextmanager
def _open(source: Source, plugin: str) -> Iterator[Any]:
    import imageio.v3 as iio

    # Plug-ins get a path if there is one: some read single frames from it.
    # The stubs of imageio know some of its own plug-ins only.
    opener: Any = iio.imopen
    with (
        opened(source) as file,
        opener(source.uri if source.local else file.read(), "r", plugin=plugin) as handle,
    ):
        yield handle


def describe(source: Source, plugin: str) -> Description:
    """Read sizes through a plug-in, or through the first of all that takes the file.

    Parameters
    ----------
    source
        The file.
    plugin
        Name of the plug-in; empty to try all.

    Returns
    -------
    One scene.

    Raises
    ------
    UnsupportedFormatError
        When no plug-in takes the file; the message has the reason of each.
    CorruptFileError
        When the named plug-in fails.
    MissingDependencyError
        When the named plug-in, or its package, is not installed.
    """
    if plugin:
        return _describe(source, plugin)
    from imageio.config.plugins import known_plugins

    refusals = []
    for name, row in known_plugins.items():
        # The plug-ins of imageio's second version: see the rule of this module.
        if row.is_legacy or name in NEVER_TRIED:
            continue
        try:
            return _describe(source, name)
        except (CorruptFileError, UnsupportedFormatError, MissingDependencyError) as error:
            refusals.append(f"{name} ({error})")
    reasons = "; ".join(refusals)
    raise UnsupportedFormatError(f"no plug-in of imageio reads {source.uri!r}: {reasons}")


def _describe(source: Source, plugin: str) -> Description:
    with (
        translated(source, f"reading this file with {plugin}"),
        _named_when_missing(source, plugin),
        _open(source, plugin) as handle,
    ):
        # Properties and pixels must be asked with the same options, or their shapes differ.
        options = OPTIONS.get(plugin, {})
        first = handle.properties(index=0, **options)
        # An ellipsis asks imageio for all images as one batch.
        count = int(handle.properties(index=..., **options).n_images or 1)
        shape, dtype = tuple(int(n) for n in first.shape), np.dtype(first.dtype).newbyteorder("=")
        # Volumes and lists of bands have no letters here.
        if len(shape) not in {2, 3} or (len(shape) == 3 and shape[2] > 4):
            raise UnsupportedFormatError(
                f"{plugin} gives {source.uri!r} as arrays of shape {shape}: no images"
            )
        check_size(source, plugin, shape, dtype)
        plugin_metadata = handle.metadata(index=0)
    frames = Frames(source, "plugin", plugin, count, shape, dtype)
    scene = FrameScene("Image:0", frames, count > 1)
    metadata = {"format": plugin, "metadata": plugin_metadata}
    return Description((scene,), metadata)


@contextlib.contextmanager
def _named_when_missing(source: Source, plugin: str) -> Iterator[None]:
    """Turn a missing plug-in or package into an error with the line that installs it."""
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
        package = PACKAGES.get(plugin, plugin)
        raise MissingDependencyError(
            f"{source.uri!r}: the package {package} reads it, which is not installed: "
            f"pip install {package}"
        ) from error


def read_plugin(frames: Frames, start: int, stop: int) -> Array:
    """Read images one by one."""
    options = OPTIONS.get(frames.kind, {})
    action = f"reading images {start} to {stop - 1} with {frames.kind}"
    with translated(frames.source, action), _open(frames.source, frames.kind) as handle:
        return np.stack([handle.read(index=index, **options) for index in range(start, stop)])
