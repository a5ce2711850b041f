"""The tools: list, describe, explain, draw, check and convert images.

Rule kept here: the docstring of a tool is what the agent reads. Every size is limited before anything is
read, and an error is one of ours, in one line.
"""

import argparse
import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from aicsio import cli
from aicsio._checks.words import count_of
from aicsio.cli.agents.access import AgentAccess
from aicsio.cli.terminal import options
from aicsio.cli.terminal.documents import finite
from aicsio.errors import AicsioError, DimensionError, ImageTooLargeError, WriteError
from aicsio.integrity import check as check_image
from aicsio.opening import open_image
from aicsio.pictures.drawing import thumbnail as draw
from aicsio.records import ImageHandle
from aicsio.steps import select_level, select_scene, transpose_to
from aicsio.writers.pictures import encode_picture

MOST_SIDE = 2048
"""Pixels of the longer side of a picture: more is more than a model looks at."""
MOST_TEXT = 100_000
"""Characters of metadata in one answer."""
MOST_LISTED = 1000
"""Images in one answer of ``list_images``."""
MOST_WRITTEN = 64 * 10**9
"""Bytes of pixels of one conversion."""
MOST_READ = 16 * 10**9
"""Bytes of pixels that are read for one picture: an image without levels is read as a whole."""


@attrs.frozen
class ImageTools:
    """The tools of one server."""

    access: AgentAccess
    """Folders that may be read and written."""

    def list_tools(self) -> tuple[Callable[..., Any], ...]:
        """List the tools; converting is one only where something may be written."""
        tools: tuple[Callable[..., Any], ...] = (
            self.list_images,
            self.info,
            self.explain,
            self.metadata,
            self.thumbnail,
            self.window,
            self.check,
        )
        if self.access.output is not None:
            tools += (self.convert,)
        return tuple(_with_plain_errors(tool) for tool in tools)

    def list_images(self, folder: str = ".", recursive: bool = False) -> dict[str, Any]:
        """List the images in a folder, by the suffixes of their names. At most 1000 are listed.

        folder: absolute, or relative to a folder of the user. recursive: include the folders in it.
        """
        from aicsio.cli.batch.inputs import list_sources

        path = self.access.resolve(folder)
        found = list_sources(path, "", recursive=recursive, storage_options=None, pictures=True)
        images: list[dict[str, Any]] = []
        total = 0
        for source, _ in found:
            total += 1
            if len(images) < MOST_LISTED:
                size = None if os.path.isdir(source) else os.path.getsize(source)
                images.append({"path": source, "bytes": size})
        return {"folder": path, "images": images, "total": total}

    def info(self, path: str) -> dict[str, Any]:
        """Describe an image: scenes, dimensions, type, channels, pixel sizes, levels, diagnostics.

        path: absolute, or relative to a folder of the user.
        """
        from aicsio.cli.facts import as_json, read_facts

        name, _ = self._open(path)
        described = as_json(read_facts(name, _arguments("info", name)))
        return finite_object(described)

    def explain(self, path: str) -> dict[str, Any]:
        """Explain how a file is recognised and read, each diagnostic, and where its facts come from.

        path: absolute, or relative to a folder of the user.
        """
        from aicsio.cli.explain import as_json, explain_file

        name = self._resolve_whole(path)
        explanation, error = explain_file(name, _arguments("explain", name))
        return finite_object(as_json(explanation, error))

    def metadata(self, path: str, raw: bool = False, start: int = 0) -> dict[str, Any]:
        """Return metadata as text, up to 100 000 characters from start: OME-XML, or as stored (raw).

        path: absolute, or relative to a folder of the user. total is the length of the whole text.
        """
        from aicsio._metadata import ome_xml, raw_metadata

        _, handle = self._open(path)
        text = raw_metadata(handle) or "" if raw else ome_xml(handle).text
        start = max(0, start)
        return {"text": text[start : start + MOST_TEXT], "start": start, "total": len(text)}

    def thumbnail(
        self,
        path: str,
        size: int = 512,
        scene: int | str | None = None,
        channels: list[int | str] | None = None,
        picks: dict[str, int] | None = None,
        project: str = "max",
        contrast: str = "auto",
    ) -> list[Any]:
        """Draw a whole image as a PNG: channels in their colours, a projection along Z, a scale bar.

        size: pixels of the longer side, at most 2048. scene: index or name. picks: positions of other
        dimensions, such as {"T": 3}. project: max, mean or middle. contrast: auto, file or full.
        """
        _require_side(size)
        _, handle = self._open(path, scene, None)
        handle = _pick(handle, picks)
        _refuse_too_much(handle, size)
        return _as_picture(
            handle, size, channels=channels, project=project, contrast=contrast, legend=True
        )

    def window(
        self,
        path: str,
        y: int,
        x: int,
        height: int = 512,
        width: int = 512,
        scene: int | str | None = None,
        level: int = 0,
        channels: list[int | str] | None = None,
        picks: dict[str, int] | None = None,
        contrast: str = "auto",
    ) -> list[Any]:
        """Draw a part of an image as a PNG, one pixel of the level a pixel of the picture.

        y, x: first row and column of the level. height, width: at most 2048. level: 0 is full
        resolution. picks: positions of other dimensions, such as {"Z": 5}; Z is projected without it.
        """
        _require_side(height)
        _require_side(width)
        if y < 0 or x < 0:
            raise DimensionError(f"y={y}, x={x}: rows and columns count from 0")
        _, handle = self._open(path, scene, level)
        handle = _pick(handle, picks)
        rows, columns = slice(y, y + height), slice(x, x + width)
        handle = transpose_to(handle, handle.dims.order, Y=rows, X=columns)
        longest = max(handle.dims.get("Y", 1), handle.dims.get("X", 1))
        return _as_picture(handle, longest, channels=channels, project="max", contrast=contrast)

    def check(self, path: str, deep: bool = False) -> dict[str, Any]:
        """Look for damage: truncated copies, holes, bad blocks. deep decodes every pixel, too.

        path: absolute, or relative to a folder of the user.
        """
        from aicsio.cli.check import as_json

        name = self._resolve_whole(path)
        return finite_object(as_json(name, check_image(name, deep=deep)))

    def convert(
        self,
        path: str,
        output: str,
        scene: int | str | None = None,
        picks: dict[str, int] | None = None,
        compression: str | None = None,
    ) -> dict[str, Any]:
        """Write an image, or a part of it, as a new file in the output folder of the user.

        output: a name without folders that ends in .ome.tiff or .ome.zarr; existing files are never
        replaced. picks: positions to write, such as {"T": 0}. compression: zlib, zstd, none, ...
        """
        from aicsio.cli.batch.conversion import ConversionJob, convert_or_raise
        from aicsio.cli.batch.outcomes import describe_written

        target = self.access.target(output)
        name, handle = self._open(path, scene)
        pixels = _pick(handle, picks).nbytes
        if pixels > MOST_WRITTEN:
            raise ImageTooLargeError(
                f"{pixels} bytes of pixels are more than {MOST_WRITTEN}: pick a part, or ask the user"
            )
        words = [f"--scene={handle.scene_index}"]
        words += [f"--pick={letter}={position}" for letter, position in (picks or {}).items()]
        if compression is not None:
            if compression not in options.COMPRESSIONS:
                raise WriteError(options.unknown("compression", compression, options.COMPRESSIONS))
            words.append(f"--compression={compression}")
        job = ConversionJob(name, target, _arguments("convert", *words, "--", name, target))
        result = convert_or_raise(job, None)
        return {**describe_written(result, name, "written"), "summary": result.summary}

    def _open(
        self, path: str, scene: int | str | None = None, level: int | None = None
    ) -> tuple[str, ImageHandle]:
        """Open a file of the user, and go to a scene and level."""
        name = self.access.resolve(path)
        handle = open_image(name)
        self.access.check_sources(handle)
        if scene is not None:
            handle = select_scene(handle, scene)
        if level:
            handle = select_level(handle, level)
        return name, handle

    def _resolve_whole(self, path: str) -> str:
        """Return the path of a file that may be damaged, after a look at the files that it names."""
        name = self.access.resolve(path)
        handle = None
        # A file that no format opens names no others, and is explained and checked all the same.
        with contextlib.suppress(AicsioError):
            handle = open_image(name)
        if handle is not None:
            self.access.check_sources(handle)
        return name


def _with_plain_errors(tool: Callable[..., Any]) -> Callable[..., Any]:
    """Make errors of a tool one line that an agent can act on, without the words of the shell."""

    @functools.wraps(tool)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            return tool(*arguments, **keywords)
        except AicsioError as error:
            from mcp.server.mcpserver.exceptions import ToolError

            raise ToolError(f"{type(error).__name__}: {error}") from error

    return call


def _arguments(command: str, *words: str) -> argparse.Namespace:
    """Read arguments as the command line does; its refusal is an error, not the end of the server."""
    with _without_exit():
        return cli.parse([command, *words] if "--" in words else [command, "--", *words])


@contextlib.contextmanager
def _without_exit() -> Iterator[None]:
    try:
        yield
    except SystemExit as error:
        raise DimensionError("an option has a value that it does not take") from error


def finite_object(described: dict[str, Any]) -> dict[str, Any]:
    """Replace NaN and infinity, which JSON lacks."""
    plain: dict[str, Any] = finite(described)
    return plain


def _pick(handle: ImageHandle, picks: dict[str, int] | None) -> ImageHandle:
    if not picks:
        return handle
    kept = [letter for letter in handle.dims if letter not in picks]
    return transpose_to(handle, "".join(kept), **picks)


def _require_side(size: int) -> None:
    if not 1 <= size <= MOST_SIDE:
        raise DimensionError(f"{size} pixels: give 1 to {MOST_SIDE}")


def _refuse_too_much(handle: ImageHandle, size: int) -> None:
    """Raise when no level is small enough for a picture of this size."""
    levels = [level.nbytes for level in handle.scene.levels]
    if min(handle.nbytes, *levels) > MOST_READ:
        raise ImageTooLargeError(
            f"a picture of {size} pixels would read {min(levels)} bytes: take a window, or picks"
        )


def _as_picture(handle: ImageHandle, size: int, **drawing: Any) -> list[Any]:
    """Draw, and return the PNG with a line about what it shows."""
    from mcp.server.mcpserver import Image

    picture = draw(handle, size, **drawing)
    height, width = picture.shape[:2]
    text = f"{width} x {height} pixels of {handle.scene.name!r}, {handle.dims}, {handle.dtype}"
    if handle.diagnostics:
        text += f"; {count_of(len(handle.diagnostics), 'note')}: the tool explain shows them"
    return [Image(data=encode_picture(picture, ".png"), format="png"), text]
