"""Handles, scenes, arrays, dims and channels as HTML.

Rule kept here: what is many is shown in part, with its count: a plate has thousands of scenes.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aicsio._checks.words import count_of
from aicsio.notebook.drawings import draw_dims, draw_tiles
from aicsio.notebook.markup import (
    NONE,
    SPACES,
    Markup,
    badge,
    facts,
    folded,
    head,
    join,
    listed,
    muted,
    section,
    table,
    tag,
    text,
    titled,
)
from aicsio.notebook.origins import find_origins, origin_of
from aicsio.notebook.previews import MOST_BYTES, MOST_PIXEL_BYTES, preview, scene_handle
from aicsio.notebook.words import TIMES, dims_of, duration_of, length_of, shape_of, size_of
from aicsio.pictures.colors import choose_colors
from aicsio.records import Channel, Coordinate, Diagnostic, Dims, ImageHandle, LazyArray, Scene

MOST_SCENES = 50
MOST_CHANNELS = 16
MOST_DIAGNOSTICS = 20
"""Items of each list that are shown: together about two screens, below 100 kB."""

Origins = Mapping[str, str]


def show_handle(handle: ImageHandle) -> Markup:
    """Draw a handle: the image in focus, its scene, and the file."""
    parts = [
        section(_head_of, handle),
        section(_diagnostics, handle.diagnostics),
        _show_focus(handle, _origins),
        section(_scenes, handle),
    ]
    return join(parts)


def show_scene(scene: Scene) -> Markup:
    """Draw a scene: its full resolution."""
    name = head("Scene", tag("b", text(scene.name)))
    if not scene.levels:
        return join([name, tag("p", muted("no pixels in this file")), section(_facts, scene, {})])
    return join([name, _show_focus(scene_handle(scene), _no_origins)])


def show_array(array: LazyArray) -> Markup:
    """Draw an array that was not read."""
    pairs = [
        ("type", text(array.dtype)),
        ("once read", text(size_of(array.nbytes))),
        ("stored as", text(dims_of(array.stored))),
        ("blocks", text(_blocks(array))),
    ]
    drawing = tag("div", draw_dims(array.dims), facts(pairs), class_="aicsio-row")
    return join([head("LazyArray", text(dims_of(array.dims))), drawing])


def show_dims(dims: Dims) -> Markup:
    """Draw letters and sizes."""
    return join([head("Dims", text(dims_of(dims))), draw_dims(dims)])


def show_channel(channel: Channel) -> Markup:
    """Draw one channel, in its colour."""
    return join([head("Channel"), _channels((channel,), (channel.name or "without a name",), {})])


# ---------------------------------------------------------------- parts


def _origins(handle: ImageHandle, nbytes: int) -> Origins:
    try:
        return find_origins(handle, nbytes)
    except Exception:  # noqa: BLE001 - a file that is gone or damaged has no hover texts; all else is shown
        return {}


def _no_origins(handle: ImageHandle, nbytes: int) -> Origins:
    """A scene alone does not know its file."""
    del handle, nbytes
    return {}


def _preview(handle: ImageHandle) -> tuple[Markup, int]:
    try:
        return preview(handle)
    except Exception as error:  # noqa: BLE001 - damaged pixels: the reason stands in place of the picture
        reason = f"no picture: {type(error).__name__}: {error}"
        return tag("p", muted(reason), class_="aicsio-narrow"), MOST_PIXEL_BYTES


def _head_of(handle: ImageHandle) -> Markup:
    uri = handle.source.uri
    name = os.path.basename(uri.rstrip("/")) or uri
    parts = [titled(tag("b", text(name)), uri), badge(handle.format)]
    for note in handle.diagnostics:
        if note.code.startswith("guessed-"):
            guess = note.code.removeprefix("guessed-")
            parts.append(badge(f"{guess} guessed", "warn"))
    if len(handle.scenes) > 1:
        parts.append(text(f"scene {handle.scene_index + 1} of {len(handle.scenes):,}:"))
        parts.append(text(handle.scene.name))
    if handle.level:
        parts.append(badge(f"level {handle.level}"))
    return head("ImageHandle", *parts)


def _show_focus(handle: ImageHandle, trace: Callable[[ImageHandle, int], Origins]) -> Markup:
    """Draw the array in focus with its scene; ``trace`` finds origins within some bytes."""
    picture, nbytes = _preview(handle)
    origins = trace(handle, MOST_BYTES - nbytes)
    colors = choose_colors(handle.channels[:MOST_CHANNELS])
    # Channels without names, colours and wavelengths are but a number, which the axes show.
    named = any(channel != Channel(samples=channel.samples) for channel in handle.channels)
    channels = NONE
    if named:
        channels = section(_channels, handle.channels, handle.channel_names, origins)
    pictures = tag(
        "div",
        picture,
        section(draw_dims, handle.dims, colors),
        section(_axes, handle, origins),
        class_="aicsio-row",
    )
    return join(
        [
            pictures,
            channels,
            section(_facts, handle.scene, origins),
            section(_levels, handle),
            section(_mosaic, handle.scene),
        ]
    )


def _axes(handle: ImageHandle, origins: Origins) -> Markup:
    """A row for each axis: positions, distance, extent."""
    stated = dict(zip("ZYX", handle.pixel_size, strict=True))
    given = {one.letter: one for one in handle.scene.coordinates}
    rows = []
    for letter, size in handle.dims.items():
        spacing, extent, title = "", "", None
        if letter in stated:
            spacing, extent = _span(stated[letter], size, length_of)
            title = origin_of(origins, f"pixel_size.{letter}")
        elif letter == "T":
            # Between the first and the last, where a pixel has a width of its own.
            spacing, extent = _span(handle.time_step, size, duration_of, ends=True)
            title = origin_of(origins, "time_step")
        elif letter in given:
            extent = _values(given[letter])
        rows.append(
            [
                tag("b", text(letter)),
                text(f"{size:,}"),
                titled(text(spacing), spacing and title),
                text(extent),
            ]
        )
    caption = f"{handle.dtype}, {size_of(handle.array.nbytes)} once read"
    header = [text("axis"), text("positions"), text("spacing"), text("extent")]
    if not any(row[2] or row[3] for row in rows):
        # Nothing is known of any axis.
        header, rows = header[:2], [row[:2] for row in rows]
    return table(header, rows, caption)


def _span(
    spacing: float | None, size: int, write: Callable[[float | None], str], *, ends: bool = False
) -> tuple[str, str]:
    """Write the distance of positions, and how far they reach."""
    if spacing is None:
        return "", ""
    steps = size - 1 if ends else size
    return write(spacing), write(spacing * steps) if steps else ""


def _values(coordinate: Coordinate) -> str:
    unit = f" {coordinate.unit}" if coordinate.unit else ""
    values = coordinate.values
    if not values:
        return ""
    return f"{values[0]:g} to {values[-1]:g}{unit}" if len(values) > 1 else f"{values[0]:g}{unit}"


def _channels(channels: Sequence[Channel], names: Sequence[str], origins: Origins) -> Markup:
    """A row for each channel, in its colour; columns that no channel has are left out."""
    shown = channels[:MOST_CHANNELS]
    columns: list[tuple[str, Callable[[Channel], str], str]] = [
        ("excitation", lambda one: _wave(one.excitation), "excitation"),
        ("emission", lambda one: _wave(one.emission), "emission"),
        ("dye", lambda one: one.fluor or "", "fluor"),
        ("mode", lambda one: one.acquisition_mode or "", "acquisition_mode"),
        ("contrast", lambda one: one.contrast_method or "", "contrast_method"),
        ("quantity", lambda one: one.quantity or "", "quantity"),
    ]
    present = [column for column in columns if any(map(column[1], shown))]
    rows = []
    for index, (channel, color) in enumerate(zip(shown, choose_colors(tuple(shown)), strict=True)):
        title = origin_of(origins, f"channels[{index}].name")
        cells = [join([_swatch(color), titled(text(names[index]), channel.name and title)])]
        for _, read, field in present:
            value = read(channel)
            origin = origin_of(origins, f"channels[{index}].{field}")
            cells.append(titled(text(value), value and origin))
        rows.append(cells)
    drawn = table([text("channel"), *(text(name) for name, _, _ in present)], rows)
    rest = len(channels) - len(shown)
    return join([drawn, muted(f"and {count_of(rest, 'more channel')}")]) if rest else drawn


def _wave(nanometres: float | None) -> str:
    return "" if nanometres is None else f"{nanometres:g} nm"


def _swatch(color: int) -> Markup:
    # The space is the coloured area where a page drops our style sheet, as JupyterLab does in notebooks
    # that are not trusted.
    background = f"background:#{color & 0xFFFFFF:06x}"
    return tag("span", SPACES, class_="aicsio-swatch", style=background)


def _facts(scene: Scene, origins: Origins) -> Markup:
    """What is known of the acquisition."""
    lens = scene.objective
    described = ""
    if lens is not None:
        parts = [lens.name or "", "", "", lens.immersion or ""]
        if lens.magnification is not None:
            parts[1] = f"{lens.magnification:g}{TIMES}"
        if lens.aperture is not None:
            parts[2] = f"NA {lens.aperture:g}"
        described = ", ".join(part for part in parts if part)
    well = scene.well
    position = [length_of(value) for value in scene.origin]
    pairs: list[tuple[str, str, str]] = [
        ("acquired", scene.acquired or "", "acquired"),
        ("objective", described, "objective.name"),
        ("first pixel", _named(position), "origin.X"),
        ("planes", repr(scene.planes)[len("<Planes ") : -1] if scene.planes else "", "planes"),
    ]
    if well is not None:
        pairs.append(
            ("well", f"{well.name}, field {well.field}, plate {well.plate or '?'}", "well.row")
        )
    return facts(
        (name, titled(text(value), value and origin_of(origins, path)))
        for name, value, path in pairs
        if value
    )


def _named(values: Sequence[str]) -> str:
    named = zip("ZYX", values, strict=True)
    return ", ".join(f"{letter} {value}" for letter, value in named if value)


def _levels(handle: ImageHandle) -> Markup:
    """The resolution levels, with the one in focus marked."""
    if len(handle.levels) < 2:
        return NONE

    def show(index: int, level: LazyArray) -> Markup:
        line = text(f"{index}: {dims_of(level.dims)}, {size_of(level.nbytes)}, {_blocks(level)}")
        return tag("b", line) if index == handle.level else line

    return folded(count_of(len(handle.levels), "level"), listed(handle.levels, show, 20, "level"))


def _blocks(array: LazyArray) -> str:
    counts = 1
    for starts in array.blocks:
        counts *= len(starts)
    return f"{count_of(counts, 'block')} of {shape_of(array.layout.block_shape)}"


def _mosaic(scene: Scene) -> Markup:
    if scene.tiles is None or not len(scene.tiles):
        return NONE
    return folded(count_of(len(scene.tiles), "tile"), draw_tiles(scene.tiles))


def _scenes(handle: ImageHandle) -> Markup:
    """All scenes, around the one in focus where there are many."""
    count = len(handle.scenes)
    if count < 2:
        return NONE
    # The scene in focus is in the middle, unless it is near one of the ends.
    start = max(0, min(handle.scene_index - MOST_SCENES // 2, count - MOST_SCENES))

    def show(index: int, scene: Scene) -> Markup:
        number = start + index
        parts = [
            text(f"{number}: "),
            tag("b" if number == handle.scene_index else "span", text(scene.name)),
        ]
        described = dims_of(scene.dims) if scene.levels else "no pixels"
        if scene.well is not None:
            described = f"well {scene.well.name}, {described}"
        return join([*parts, muted(described)], " ")

    shown = handle.scenes[start : start + MOST_SCENES]
    parts = [listed(shown, show, MOST_SCENES, "scene")]
    if count > len(shown):
        words = f"{len(shown)} of {count:,} scenes, from {start:,} to {start + len(shown) - 1:,}"
        parts.append(tag("p", muted(words)))
    return folded(f"{count:,} scenes", *parts)


def _diagnostics(notes: Sequence[Diagnostic]) -> Markup:
    """Trouble of opening: open, because it concerns what is seen above."""
    if not notes:
        return NONE

    def show(index: int, note: Diagnostic) -> Markup:
        del index
        return join([titled(badge(note.code, "warn"), note.where), text(note.message, 300)], " ")

    summary = count_of(len(notes), "diagnostic")
    return folded(
        summary, listed(notes, show, MOST_DIAGNOSTICS, "diagnostic"), is_open=len(notes) < 6
    )


SHOWN: Mapping[str, Callable[[Any], Markup]] = {
    "Channel": show_channel,
    "Dims": show_dims,
    "ImageHandle": show_handle,
    "LazyArray": show_array,
    "Scene": show_scene,
}
"""Function of each class, by its name."""
