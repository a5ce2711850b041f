"""Every record hashes, compares by value and pickles, because it holds nothing that does not."""

import copy
import datetime as dt
import importlib
import pickle
import pkgutil
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import cloudpickle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aicsio
from aicsio import (
    ImageHandle,
    Step,
    open_image,
    select_level,
    select_scene,
    to_dask,
    to_numpy,
    to_xarray,
    transpose_to,
)
from aicsio.records import Contents, DType, Layout
from aicsio.testing.strategies import handles, image_specs, tiff_specs, views

PLAIN = (str, int, float, bool, bytes, types.NoneType, range, dt.datetime, dt.timedelta)
FREE = {
    # What a user wrote as arguments, or a format wrote for its own function: held to the rule by value, below.
    ("aicsio.steps.Step", "arguments"),
    ("aicsio.steps.Step", "options"),
    ("aicsio.steps.Pairs", "items"),
    ("aicsio.records.Computed", "arguments"),
    ("aicsio.records.Deferred", "arguments"),
    ("aicsio.records.Codec", "parameters"),
    # A layout all the same, by a protocol of its own.
    ("aicsio.formats._leica.layout.StitchedLayout", "inner"),
    # The one exception of the package: an array of the caller.
    ("aicsio.formats.arrays.ArrayRef", "array"),
}


FOREIGN = {"bioio_base", "numcodecs", "xarray", "zarr"}
"""Libraries whose classes some modules extend; the modules are left out where these are not installed."""


def modules() -> list[types.ModuleType]:
    found = [aicsio]
    for info in pkgutil.walk_packages(aicsio.__path__, "aicsio."):
        try:
            found.append(importlib.import_module(info.name))
        except ModuleNotFoundError as error:
            # Stores and codecs of other libraries are classes of theirs, and no records.
            if (error.name or "").partition(".")[0] not in FOREIGN:
                raise
    return found


def full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def is_record(kind: Any) -> bool:
    """Whether a class is a record: frozen, equal by value. What lives for one call has ``eq=False`` or ``define``."""
    if not (isinstance(kind, type) and attrs.has(kind)):
        return False
    return kind.__setattr__.__name__ == "_frozen_setattrs" and kind.__hash__ is not object.__hash__


RECORDS = sorted(
    {
        value
        for module in modules()
        for value in vars(module).values()
        if is_record(value) and value.__module__.startswith("aicsio.")
    },
    key=full_name,
)


def forbidden(hint: Any) -> Iterator[Any]:
    """Yield the parts of an annotation that no record may hold."""
    origin = typing.get_origin(hint)
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        for part in typing.get_type_hints(hint).values():
            yield from forbidden(part)
        return
    if hint in PLAIN or hint is Layout or is_record(hint) or isinstance(hint, typing.TypeVar):
        return
    if origin in {typing.Union, types.UnionType, tuple}:
        for part in typing.get_args(hint):
            if part is not Ellipsis:
                yield from forbidden(part)
    elif origin is typing.Literal:
        yield from (value for value in typing.get_args(hint) if not isinstance(value, PLAIN))
    elif origin is np.dtype or hint in {np.dtype, DType}:
        return
    else:
        yield hint


@pytest.mark.parametrize("record", RECORDS, ids=full_name)
def test_a_record_is_made_of_nothing_but_values_and_records(record: type) -> None:
    hints = typing.get_type_hints(record)
    for field in attrs.fields(record):
        if (full_name(record), field.name) in FREE:
            continue
        broken = list(forbidden(hints[field.name]))
        assert not broken, f"{full_name(record)}.{field.name} may hold {broken}"


@pytest.mark.parametrize("record", RECORDS, ids=full_name)
def test_a_record_is_slotted_and_has_no_way_to_change(record: type) -> None:
    assert "__dict__" not in dir(record), f"{full_name(record)} has room for more than its fields"
    assert record.__hash__ is not None, f"{full_name(record)} does not hash"
    hidden = [
        name for name, value in vars(record).items() if type(value).__name__ == "cached_property"
    ]
    assert not hidden, f"{full_name(record)} keeps a cache: {hidden}"


@pytest.mark.parametrize("record", RECORDS, ids=full_name)
def test_every_field_says_what_it_means(record: type) -> None:
    # The docstring under a field is not kept at run time, so it is looked for in the source.
    import ast
    import inspect
    import textwrap

    # The public names of classes of these folders.
    if record.__module__ in {"aicsio.records", "aicsio.steps"}:
        folder = Path(str(importlib.import_module(record.__module__).__file__)).parent
        text = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
        statements = ast.parse(text).body
    else:
        statements = ast.parse(textwrap.dedent(inspect.getsource(record))).body
    classes = [node for node in statements if isinstance(node, ast.ClassDef)]
    tree = next(node for node in classes if node.name == record.__name__)
    body = tree.body
    for field, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign):
            documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            assert documented, f"{full_name(record)}.{ast.unparse(field.target)} has no docstring"


def test_the_walk_finds_the_records() -> None:
    names = {full_name(record) for record in RECORDS}
    for name in (
        "Source",
        "Dims",
        "Strided",
        "Encoded",
        "Computed",
        "Deferred",
        "View",
        "LazyArray",
        "Scene",
        "Contents",
        "ImageHandle",
    ):
        assert f"aicsio.records.{name}" in names
    assert "aicsio.steps.Step" in names
    assert "aicsio.formats.arrays.ArrayLayout" in names


def parts(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield whatever a record holds that is neither a value, a tuple nor a record."""
    if is_record(type(value)):
        for field in attrs.fields(type(value)):
            if (full_name(type(value)), field.name) != ("aicsio.formats.arrays.ArrayRef", "array"):
                yield from parts(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from parts(item, f"{path}[{index}]")
    elif type(value) not in PLAIN and not isinstance(value, np.dtype):
        yield path, value


def lives(value: Any) -> None:
    """Hash, compare and pickle a record."""
    for protocol in (2, pickle.HIGHEST_PROTOCOL):
        again = pickle.loads(pickle.dumps(value, protocol))
        assert again == value
        assert hash(again) == hash(value)
        assert type(again) is type(value)
        assert repr(again).replace("'<", "'") == repr(value).replace("'<", "'") or again == value
    assert cloudpickle.loads(cloudpickle.dumps(value)) == value
    assert copy.copy(value) == value
    assert copy.deepcopy(value) == value
    assert len({value, again}) == 1


@given(handles())
def test_handles_live(handle: ImageHandle) -> None:
    assert list(parts(handle)) == []
    lives(handle)
    changed = attrs.evolve(handle, contents=attrs.evolve(handle.contents, metadata="other"))
    assert changed != handle


@given(handles(), st.data())
def test_steps_live(handle: ImageHandle, data: st.DataObject) -> None:
    order, picks = data.draw(views(handle.dims))
    chunks: Any = data.draw(st.sampled_from(["auto", 3, (1, (2, 3)), {"X": 1, "Y": -1}]))
    steps: list[Step[Any]] = [
        transpose_to(order, **picks),
        select_scene(data.draw(st.integers(-1, 3) | st.text(max_size=5))),
        select_level(0),
        to_numpy(workers=2),
        to_dask(chunks=chunks),
        to_xarray(lazy=True),
    ]
    for step in steps:
        assert list(parts(step)) == []
        lives(step)
    assert len(set(steps)) == len(steps)


@given(tiff_specs())
def test_specs_live(spec: Any) -> None:
    lives(spec)


@given(image_specs())
def test_image_specs_live(spec: Any) -> None:
    lives(spec)


@given(handles())
def test_pieces_live(handle: ImageHandle) -> None:
    from aicsio import _engine

    for piece in _engine.pieces(handle.array):
        assert list(parts(piece)) == []
        assert pickle.loads(pickle.dumps(piece)) == piece


def test_frozen_means_frozen() -> None:
    handle = open_image(np.zeros((2, 3)))
    for record, name in (
        (handle, "level"),
        (handle.dims, "order"),
        (handle.scene, "name"),
        (handle.array, "view"),
    ):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(record, name, None)
    with pytest.raises((AttributeError, TypeError)):
        handle.note = 1  # type: ignore[attr-defined]


def test_a_table_of_planes_is_cheap_to_hash_and_small_to_pickle() -> None:
    """100 000 planes: columns are bytes, so a pickle is little more than the table itself."""
    from aicsio.records import Dims, Planes, Scene

    column = np.arange(100_000, dtype="<f8").tobytes()
    scene = Scene("many", (), planes=Planes(Dims("T", (100_000,)), time=column))
    contents = Contents((scene,))
    assert len(pickle.dumps(contents)) < len(column) + 2000
    assert hash(contents) == hash(pickle.loads(pickle.dumps(contents)))
