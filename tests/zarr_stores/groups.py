"""The metadata of an image around arrays that a library of arrays wrote."""

import json
from pathlib import Path
from typing import Any

TYPES = {"t": "time", "c": "channel"}


def write_json(path: Path, content: object) -> None:
    """Write a JSON document, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def axes(letters: str) -> list[dict[str, str]]:
    """Axes as NGFF 0.4 and later have them."""
    return [{"name": axis, "type": TYPES.get(axis, "space")} for axis in letters.lower()]


def multiscales(letters: str, paths: tuple[str, ...] = ("0",), **more: Any) -> dict[str, Any]:
    """One entry of ``multiscales``: each level has twice the pixel size of the one before."""
    return {
        "axes": axes(letters),
        "datasets": [
            {
                "path": path,
                "coordinateTransformations": [
                    {"type": "scale", "scale": _scale(letters, 2**number)}
                ],
            }
            for number, path in enumerate(paths)
        ],
        **more,
    }


def _scale(letters: str, factor: int) -> list[float]:
    return [float(factor) if axis in "YX" else 1.0 for axis in letters.upper()]


def write_group(folder: Path, attributes: dict[str, Any], version: str) -> None:
    """Write the documents of a group: those of Zarr v2 below NGFF 0.5, else that of v3."""
    if version < "0.5":
        write_json(folder / ".zgroup", {"zarr_format": 2})
        write_json(folder / ".zattrs", attributes)
    else:
        ome = {"ome": {"version": version, **attributes}} if attributes else {}
        write_json(
            folder / "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": ome}
        )
