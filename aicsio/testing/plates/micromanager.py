"""Image series of Micro-Manager 1.4 and 2.0: ``metadata.txt`` and one TIFF a plane, a folder a position.

Rule kept here: positions are named as the plugin for plates names them, ``A1-Site_0``.
"""

import json
from pathlib import Path
from typing import Any

from aicsio.testing.plates.plane_files import write_planes
from aicsio.testing.plates.spec import Place, PlateSpec


def write_micromanager(spec: PlateSpec, folder: Path, version: float = 2.0) -> Path:
    """Write a series.

    Parameters
    ----------
    spec
        Description.
    folder
        Where the files go.
    version
        1.4 or 2.0.

    Returns
    -------
    Path
        The folder of positions.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio import open_image
    >>> from aicsio.testing.plates import PlateSpec, write_micromanager
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open_image(write_micromanager(PlateSpec(), Path(folder))).format
    'micromanager'
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[int, str] = {}
    trees: dict[str, dict[str, Any]] = {}
    for place in spec.places():
        position = f"{chr(ord('A') + place.row)}{place.column + 1}-Site_{place.field}"
        tree = trees.setdefault(position, {"Summary": _summary(spec)})
        position_number = len(trees) - 1
        if version < 2:
            name = f"img_{place.t:09}_{spec.channel_name(place.c)}_{place.z:03}.tif"
            # Version 1.4 has one key a plane: time, channel and section.
            tree[f"FrameKey-{place.t}-{place.c}-{place.z}"] = {
                **_facts(spec, place, position),
                "FileName": name,
                "Channel": spec.channel_name(place.c),
            }
        else:
            name = (
                f"img_channel{place.c:03}_position{position_number:03}"
                f"_time{place.t:09}_z{place.z:03}.tif"
            )
            path = f"{position}/{name}"
            coords = {
                "position": position_number,
                "time": place.t,
                "z": place.z,
                "channel": place.c,
            }
            # Version 2.0 has two keys a plane, each with the path of its file.
            tree[f"Coords-{path}"] = coords
            tree[f"Metadata-{path}"] = _facts(spec, place, position)
        names[place.number] = f"{position}/{name}"
    write_planes(spec, folder, names)
    for position, tree in trees.items():
        (folder / position).mkdir(exist_ok=True)
        (folder / position / "metadata.txt").write_text(json.dumps(tree, indent=2))
    return folder


def _summary(spec: PlateSpec) -> dict[str, Any]:
    return {
        "MicroManagerVersion": "2.0.1",
        "Channels": spec.C,
        "Frames": spec.T,
        "Slices": spec.Z,
        "Positions": len(spec.wells) * spec.fields,
        "ChNames": [spec.channel_name(channel) for channel in range(spec.C)],
        # Colours of Java: signed, opacity in the top byte; -65536 is opaque red.
        "ChColors": [-65536 + channel for channel in range(spec.C)],
        "PixelSize_um": spec.pixel_size,
        "z-step_um": spec.z_step,
        "PixelType": "GRAY16",
        "Width": spec.X,
        "Height": spec.Y,
        "BitDepth": 16,
        "Interval_ms": 1000 * spec.time_step,
        "StartTime": "2020-01-02 03:04:05.123 +0100",
        "Prefix": spec.name,
    }


def _facts(spec: PlateSpec, place: Place, position: str) -> dict[str, Any]:
    x, y, z = spec.stage(place)
    return {
        "FrameIndex": place.t,
        "ChannelIndex": place.c,
        "SliceIndex": place.z,
        "PositionName": position,
        "PixelSizeUm": spec.pixel_size,
        "PixelType": "GRAY16",
        "Width": spec.X,
        "Height": spec.Y,
        "ElapsedTime-ms": 1000 * spec.seconds(place),
        "Exposure-ms": 1000 * spec.exposure * (place.c + 1),
        "XPositionUm": x,
        "YPositionUm": y,
        "ZPositionUm": z,
    }
