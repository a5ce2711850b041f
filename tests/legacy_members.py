"""Public members of AICSImageIO as dotted names, one a line, such as ``AICSImage.dims``.

Where AICSImageIO 4.14 is installed, this command wrote the list:

    python tests/legacy_members.py > tests/legacy/aicsimageio-4.14.txt

AICSImageIO needs lxml before 5 and zarr before 2.16; aicsio needs newer ones, so that no environment
holds both, and the tests compare with the list. It was written with the packages of December 2023
and the extras ``base-imageio``, ``nd2`` and ``dv``.
"""

import importlib
import inspect
import os
import pkgutil
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

LIST = Path(__file__).parent / "legacy" / "aicsimageio-4.14.txt"
INTERNAL = ("sldy_reader.sldy_image", "bfio_reader", "bioformats_reader", "tests")
"""Modules whose members serve AICSImageIO alone, or need Java; their reader classes are named elsewhere."""
WITH_CONSTANTS = ("constants.", "dimensions.", "formats.", "metadata.utils.")
"""Modules whose constants scripts import; other modules have constants for themselves."""
LEFT_OVER = ("ReaderClass", "reader_path", "reader_paths")
"""Variables of a loop in the body of ``AICSImage``."""


def modules(package: ModuleType) -> Iterator[tuple[str, ModuleType]]:
    """Public modules that can be imported, by their name below the package."""
    yield "", package
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        name = found.name.removeprefix(f"{package.__name__}.")
        if "._" in f".{name}" or any(part in name for part in INTERNAL):
            continue
        try:
            yield f"{name}.", importlib.import_module(found.name)
        except ImportError:
            continue


def members(package: ModuleType) -> Iterator[str]:
    """Names that modules define, and the public members of their classes."""
    for prefix, module in modules(package):
        for name, value in vars(module).items():
            is_constant = name.isupper() and prefix in WITH_CONSTANTS and name != "OME"
            is_own = getattr(value, "__module__", None) == module.__name__
            # The package and two of its folders offer what their modules define.
            is_offered = prefix in {"", "readers.", "writers."} and callable(value)
            if name.startswith("_") or not (is_constant or is_own or is_offered):
                continue
            if name == "ABC" or isinstance(value, ModuleType) or name in dir(typing):
                continue
            yield prefix + name
            if inspect.isclass(value) and is_own:
                yield from (f"{prefix}{name}.{each}" for each in class_members(value))
    for name in ("AICSImage", "readers.ArrayLikeReader"):
        yield from (f"{name}.{each}" for each in class_members(find(package, name)))
    yield from (f"types.{name}" for name in ("PathLike", "ArrayLike", "MetaArrayLike", "ImageLike"))


def class_members(owner: type) -> list[str]:
    """Public members of a class, those of bases included."""
    foreign = {*dir(object), *dir(tuple), *dir(Exception)}
    foreign.update(LEFT_OVER)
    return [name for name in dir(owner) if not name.startswith("_") and name not in foreign]


def find(package: ModuleType, name: str) -> Any:
    """Return what a dotted name means: modules are imported, then attributes are taken."""
    value: Any = package
    path = package.__name__
    for part in name.split("."):
        path += f".{part}"
        if not hasattr(value, part):
            value = importlib.import_module(path)
        else:
            value = getattr(value, part)
    return value


if __name__ == "__main__":
    names = sorted(set(members(importlib.import_module("aicsimageio"))))
    os.write(1, ("\n".join(names) + "\n").encode())
