"""Tables to the Arrow C stream interface, by ``ctypes``: no dependency.

Rule kept here: memory that a consumer holds stays alive until the consumer releases it. The columns
are the bytes of the records, not copies; each exported structure has one entry in a table of
objects, which its release callback removes.

Source of the facts: "The Arrow C data interface", "The Arrow C stream interface" and "The Arrow
PyCapsule Interface" of the Apache Arrow documentation.
"""

import ctypes
import itertools
import sys
import typing
from collections.abc import Callable, Sequence
from ctypes import c_char_p, c_int, c_int64, c_void_p
from typing import Any

import numpy as np
import numpy.typing as npt

from aicsio._metadata.tables import TableColumn

NULLABLE = 2
"""ARROW_FLAG_NULLABLE."""
INVALID = 22
"""EINVAL, the error code of a stream that was released."""
_FORMATS = {"<i4": b"i", "<i8": b"l", "<f8": b"g"}
"""Format strings of the C data interface."""


class _Schema(ctypes.Structure):
    """``struct ArrowSchema``. Pointers are numbers: ctypes would build an object on each look."""

    _fields_ = (
        ("format", c_char_p),
        ("name", c_char_p),
        ("metadata", c_void_p),
        ("flags", c_int64),
        ("n_children", c_int64),
        ("children", c_void_p),
        ("dictionary", c_void_p),
        ("release", c_void_p),
        ("private_data", c_void_p),
    )


class _Array(ctypes.Structure):
    """``struct ArrowArray``."""

    _fields_ = (
        ("length", c_int64),
        ("null_count", c_int64),
        ("offset", c_int64),
        ("n_buffers", c_int64),
        ("n_children", c_int64),
        ("buffers", c_void_p),
        ("children", c_void_p),
        ("dictionary", c_void_p),
        ("release", c_void_p),
        ("private_data", c_void_p),
    )


class _Stream(ctypes.Structure):
    """``struct ArrowArrayStream``."""

    _fields_ = (
        ("get_schema", c_void_p),
        ("get_next", c_void_p),
        ("get_last_error", c_void_p),
        ("release", c_void_p),
        ("private_data", c_void_p),
    )


ctypes.pythonapi.PyErr_Occurred.restype = c_void_p  # borrowed: no object to count
_alive: dict[int, Any] = {}
"""Objects that an exported structure refers to, by its ``private_data``, until its release."""
_numbers = itertools.count(1)
_capsules: dict[int, Any] = {}
"""Capsules with the structure that each points to, by the address of the structure."""


# ---------------------------------------------------------------- callbacks


def _immortal(prototype: Any, function: Callable[..., Any]) -> int:
    """Return the address of a C function that calls a Python function, for the life of the process.

    Consumers may release their data while the interpreter ends and modules are already cleared, so
    the callbacks are never freed, and use nothing but their own defaults.
    """
    callback = prototype(function)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(callback))
    address = ctypes.cast(callback, c_void_p).value
    return address or 0


def _past_exceptions(release: Callable[[int], None]) -> Callable[[int], None]:
    """Return a release callback that does its work while an exception is on its way.

    pyarrow releases what it holds while it fails, with its exception set: Python code then fails at the
    first conversion of a number, the structure is not marked as released, and pyarrow ends the process.
    Python cannot leave a callback with the exception set again, so ``sys.unraisablehook`` gets it, and
    pyarrow raises ``SystemError``.
    """

    # Checks of arguments, which the tests put into all functions, are calls before the first one.
    @typing.no_type_check
    def call(
        address: int,
        release: Callable[[int], None] = release,
        raise_pending: Callable[[], object] = ctypes.pythonapi.PyErr_Occurred,
    ) -> None:
        pending = None
        try:
            # Functions of pythonapi raise an exception that is set when they return. It takes no
            # argument: nothing else may be called before.
            raise_pending()
        except BaseException as error:  # noqa: BLE001 - whatever the consumer fails with
            pending = error
        release(address)
        if pending is not None:
            raise pending

    checked: Callable[[int], None] = call
    return checked


def _releaser(structure: Any) -> Callable[[int], None]:
    """Return the release callback of schemas or of arrays."""

    def release(
        address: int,
        structure: Any = structure,
        alive: dict[int, Any] = _alive,
        pointer: Any = c_void_p,
    ) -> None:
        exported = structure.from_address(address)
        # "The release callback of the base structure must release the children", but for those
        # that the consumer has moved away: their own callback is NULL in this place.
        inner = [exported.dictionary] if exported.dictionary else []
        if exported.n_children:
            inner += (pointer * exported.n_children).from_address(exported.children)
        for child in inner:
            if structure.from_address(child).release:
                release(child)
        number = exported.private_data
        exported.release = None
        alive.pop(number, None)

    return release


_release_schema = _releaser(_Schema)
_release_array = _releaser(_Array)
_ON_ONE = ctypes.CFUNCTYPE(None, c_void_p)
_ON_TWO = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)
_ADDRESS_OF_ONE = ctypes.CFUNCTYPE(c_void_p, c_void_p)
_RELEASE_SCHEMA = _immortal(_ON_ONE, _past_exceptions(_release_schema))
_RELEASE_ARRAY = _immortal(_ON_ONE, _past_exceptions(_release_array))


def _release_stream(address: int, structure: Any = _Stream, alive: dict[int, Any] = _alive) -> None:
    stream = structure.from_address(address)
    number = stream.private_data
    stream.release = None
    alive.pop(number, None)


def _get_schema(address: int, target: int) -> int:
    columns = _alive.get(_Stream.from_address(address).private_data)
    if columns is None:
        return INVALID
    _export_schema(columns[0], _Schema.from_address(target))
    return 0


def _get_next(address: int, target: int) -> int:
    number = _Stream.from_address(address).private_data
    state = _alive.get(number)
    if state is None:
        return INVALID
    columns, is_done = state
    if is_done:
        # "If the stream is finished, the release callback of the array is NULL."
        ctypes.memset(target, 0, ctypes.sizeof(_Array))
        return 0
    _export_batch(columns, _Array.from_address(target))
    _alive[number] = (columns, True)
    return 0


_RELEASE_STREAM = _immortal(_ON_ONE, _past_exceptions(_release_stream))
_GET_SCHEMA = _immortal(_ON_TWO, _get_schema)
_GET_NEXT = _immortal(_ON_TWO, _get_next)
# No call of a live stream fails, so there is never a text.
_GET_LAST_ERROR = _immortal(_ADDRESS_OF_ONE, lambda address: None)  # noqa: ARG005 - the signature


# ---------------------------------------------------------------- schemas


def _export_schema(columns: Sequence[TableColumn], target: _Schema) -> None:
    """Describe a batch: a struct with a child a column."""
    children = [_column_schema(column) for column in columns]
    _fill_schema(target, b"+s", b"", children, None, flags=0)


def _column_schema(column: TableColumn) -> _Schema:
    schema = _Schema()
    dictionary = None
    if column.texts is not None:
        dictionary = _Schema()
        _fill_schema(dictionary, b"u", b"", (), None)
    form = _FORMATS.get(column.kind)
    if form is None:  # times: microseconds since 1970, with a zone if the file has one
        form = b"tsu:" + (column.unit or "").encode()
    _fill_schema(schema, form, column.name.encode(), (), dictionary)
    return schema


def _fill_schema(
    target: _Schema,
    form: bytes,
    name: bytes,
    children: Sequence[_Schema],
    dictionary: _Schema | None,
    flags: int = NULLABLE,
) -> None:
    pointers = (c_void_p * len(children))(*map(ctypes.addressof, children))
    number = next(_numbers)
    _alive[number] = (form, name, children, pointers, dictionary)
    target.format, target.name, target.metadata = form, name, None
    target.flags, target.n_children = flags, len(children)
    target.children = ctypes.addressof(pointers) if children else None
    target.dictionary = None if dictionary is None else ctypes.addressof(dictionary)
    target.release, target.private_data = _RELEASE_SCHEMA, number


# ---------------------------------------------------------------- arrays


def _export_batch(columns: Sequence[TableColumn], target: _Array) -> None:
    children = [_column_array(column) for column in columns]
    length = len(columns[0]) if columns else 0
    _fill_array(target, length, 0, (None,), children, None)


def _column_array(column: TableColumn) -> _Array:
    array = _Array()
    dictionary = None
    if column.texts is not None:
        dictionary = _Array()
        encoded = [text.encode("utf-8", "replace") for text in column.texts]
        starts = np.cumsum([0, *map(len, encoded)]).astype("<i4").tobytes()
        _fill_array(dictionary, len(encoded), 0, (None, starts, b"".join(encoded)), (), None)
    missing = column.missing
    null_count = int(np.count_nonzero(missing))
    validity = None
    if null_count:
        # One bit a value, least significant first; 0 is null.
        validity = np.packbits(~missing, bitorder="little").tobytes()
    _fill_array(array, len(column), null_count, (validity, column.raw), (), dictionary)
    return array


def _fill_array(
    target: _Array,
    length: int,
    null_count: int,
    buffers: Sequence[bytes | None],
    children: Sequence[_Array],
    dictionary: _Array | None,
) -> None:
    views = [None if raw is None else _view(raw) for raw in buffers]
    places = [None if view is None else view.ctypes.data for view in views]
    addresses = (c_void_p * len(places))(*places)
    pointers = (c_void_p * len(children))(*map(ctypes.addressof, children))
    number = next(_numbers)
    _alive[number] = (views, addresses, children, pointers, dictionary)
    target.length, target.null_count, target.offset = length, null_count, 0
    target.n_buffers, target.buffers = len(buffers), ctypes.addressof(addresses)
    target.n_children = len(children)
    target.children = ctypes.addressof(pointers) if children else None
    target.dictionary = None if dictionary is None else ctypes.addressof(dictionary)
    target.release, target.private_data = _RELEASE_ARRAY, number


def _view(raw: bytes) -> npt.NDArray[np.uint8]:
    """Return an array of the bytes, which keeps them alive. An empty buffer may not be NULL."""
    return np.frombuffer(raw or bytes(8), np.uint8)


# ---------------------------------------------------------------- capsules

_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.restype = ctypes.py_object
_new_capsule.argtypes = (c_void_p, c_void_p, c_void_p)
# The capsule keeps the pointer to its name, not a copy.
_SCHEMA_NAME = ctypes.create_string_buffer(b"arrow_schema")
_STREAM_NAME = ctypes.create_string_buffer(b"arrow_array_stream")


def schema_capsule(columns: tuple[TableColumn, ...]) -> object:
    """Return the schema of a table.

    Parameters
    ----------
    columns
        Columns of the table.

    Returns
    -------
    PyCapsule
        Named ``"arrow_schema"``.
    """
    schema = _Schema()
    _export_schema(columns, schema)
    return _capsule_of(schema, _SCHEMA_NAME, _release_schema)


def stream_capsule(columns: tuple[TableColumn, ...]) -> object:
    """Return the rows of a table as a stream of one batch.

    Parameters
    ----------
    columns
        Columns of the table.

    Returns
    -------
    PyCapsule
        Named ``"arrow_array_stream"``.
    """
    stream = _Stream()
    number = next(_numbers)
    _alive[number] = (columns, False)
    stream.get_schema, stream.get_next = _GET_SCHEMA, _GET_NEXT
    stream.get_last_error = _GET_LAST_ERROR
    stream.release, stream.private_data = _RELEASE_STREAM, number
    return _capsule_of(stream, _STREAM_NAME, _release_stream)


def _capsule_of(structure: _Schema | _Stream, name: Any, release: Callable[[int], None]) -> object:
    collect_dropped_capsules()
    address = ctypes.addressof(structure)
    capsule: object = _new_capsule(address, ctypes.addressof(name), None)
    _capsules[address] = (capsule, structure, release)
    return capsule


def collect_dropped_capsules() -> int:
    """Release the structures of capsules that nobody holds any more; return how many remain.

    A capsule has no destructor: one in Python would lose the exception that is on its way while a
    consumer fails. So dropped capsules are collected when the next one is made.

    Returns
    -------
    int
        Capsules that somebody holds.

    Examples
    --------
    >>> from aicsio._metadata.arrow import collect_dropped_capsules
    >>> collect_dropped_capsules()
    0
    """
    for address in list(_capsules):
        # Two references: the entry of the table, and the argument of the call.
        if sys.getrefcount(_capsules[address][0]) > 2:
            continue
        _, structure, release = _capsules.pop(address)
        # A consumer that moved the structure away has left NULL.
        if structure.release:
            release(address)
    return len(_capsules)
