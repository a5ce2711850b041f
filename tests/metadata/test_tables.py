"""Tables and their Arrow streams, judged by pyarrow, polars, duckdb and pandas where installed."""

import gc
import pickle
import sys
from typing import Any

import numpy as np
import pytest

from aicsio._metadata import Table, TableColumn, arrow
from aicsio.errors import DimensionError
from support import takes_long

DAYS = np.array(["2020-01-01", "NaT", "2021-06-01T12:30:00.25"], "M8[us]")


def table() -> Table:
    """Three rows with a missing value of each kind."""
    return Table(
        (
            TableColumn.of_numbers("T", np.arange(3, dtype="i4")),
            TableColumn.of_numbers("time", np.array([0.5, np.nan, 2.0]), "s"),
            TableColumn.of_texts("file", ["a.tif", None, "ü.tif"]),
            TableColumn.of_numbers("acquired", DAYS, "UTC"),
            TableColumn.of_numbers("offset", np.array([8, -1, 1 << 40]), optional=True),
        )
    )


def held() -> int:
    """Return the exported structures that somebody holds, after a collection."""
    gc.collect()
    arrow.collect_dropped_capsules()
    return len(arrow._alive)


def test_columns_are_read_only_and_name_what_is_missing() -> None:
    shown = table()
    assert shown["file"].tolist() == ["a.tif", None, "ü.tif"]
    assert shown.column("offset").missing.tolist() == [False, True, False]
    assert shown.units == {"time": "s", "acquired": "UTC"}
    for name in shown.names:
        with pytest.raises(ValueError, match="read-only"):
            shown[name][0] = 0
    with pytest.raises(DimensionError, match="no column 't' here; there are T, time"):
        shown["t"]


def test_a_table_is_a_value() -> None:
    shown = table()
    assert shown == table()
    assert hash(shown) == hash(table())
    assert pickle.loads(pickle.dumps(shown)) == shown
    assert dict(shown).keys() == {"T", "time", "file", "acquired", "offset"}
    assert repr(shown) == "<Table 3 rows: T, time, file, acquired, offset>"


def test_as_a_structured_array() -> None:
    rows = np.asarray(table())
    assert rows.dtype.names == ("T", "time", "file", "acquired", "offset")
    assert rows["offset"].tolist() == [8, -1, 1 << 40]
    assert rows["file"].tolist() == ["a.tif", None, "ü.tif"]
    assert not rows.flags.writeable


def test_rows_have_none_for_missing_values() -> None:
    second = list(table().rows())[1]
    assert second == {"T": 1, "time": None, "file": None, "acquired": None, "offset": None}


def test_pyarrow_takes_it() -> None:
    pa = pytest.importorskip("pyarrow")
    before = held()
    taken = pa.table(table())
    taken.validate(full=True)
    assert taken["T"].to_pylist() == [0, 1, 2]
    assert taken["time"].to_pylist() == [0.5, None, 2.0]
    assert taken["file"].to_pylist() == ["a.tif", None, "ü.tif"]
    assert taken["offset"].to_pylist() == [8, None, 1 << 40]
    assert taken.schema.field("acquired").type == pa.timestamp("us", "UTC")
    assert taken["acquired"].null_count == 1
    assert pa.schema(table()) == taken.schema
    # A column outlives the batch that it came from.
    column = taken["offset"]
    del taken
    gc.collect()
    assert column.to_pylist() == [8, None, 1 << 40]
    del column
    assert held() == before


def test_pyarrow_takes_an_empty_table_and_one_without_rows() -> None:
    pa = pytest.importorskip("pyarrow")
    none = Table((TableColumn.of_numbers("T", np.zeros(0, "i4")), TableColumn.of_texts("f", [])))
    taken = pa.table(none)
    taken.validate(full=True)
    assert taken.num_rows == 0
    assert pa.table(Table(())).num_columns == 0


def test_polars_takes_it() -> None:
    pl = pytest.importorskip("polars")
    before = held()
    taken = pl.DataFrame(table())
    assert taken["time"].to_list() == [0.5, None, 2.0]
    assert taken["file"].to_list() == ["a.tif", None, "ü.tif"]
    assert taken["offset"].sum() == 8 + (1 << 40)
    del taken
    assert held() == before


def test_duckdb_takes_it() -> None:
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    shown = table()
    query = 'select count(*), count(time), sum(time), max("offset") from shown'
    assert shown is not None
    assert duckdb.sql(query).fetchall() == [(3, 2, 2.5, 1 << 40)]


def test_pandas_takes_it() -> None:
    pd: Any = pytest.importorskip("pandas")
    for taken in (pd.DataFrame(np.asarray(table())), pd.DataFrame(dict(table()))):
        assert tuple(taken.columns) == table().names
        assert taken["time"].sum() == 2.5
        assert taken["file"].isna().tolist() == [False, True, False]
    with pytest.raises(ValueError, match="not properly called"):
        pd.DataFrame(table())


@takes_long
def test_streams_that_nobody_reads_are_released() -> None:
    before = held()
    for _ in range(50):
        table().__arrow_c_stream__()
        table().__arrow_c_schema__()
    # All but the last are released when the next one is made.
    assert len(arrow._alive) <= before + 20
    assert held() == before


def test_a_consumer_that_fails_releases_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyarrow 26 releases a stream while its exception is set, and ends the process if that fails."""
    pa = pytest.importorskip("pyarrow")
    lost: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    before = held()
    with pytest.raises((pa.lib.ArrowException, ValueError, SystemError)) as raised:
        pa.table(table(), schema=pa.schema([("T", pa.list_(pa.int8()))]))
    # The reason is raised, or shown beside it.
    reasons = [str(raised.value), *(str(one.exc_value) for one in lost)]
    assert any("schema" in reason for reason in reasons)
    del raised
    lost.clear()
    assert held() == before


def test_several_threads_read_at_once() -> None:
    pa = pytest.importorskip("pyarrow")
    from concurrent.futures import ThreadPoolExecutor

    before = held()
    shown = table()
    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(lambda _: pa.table(shown)["T"].to_pylist(), range(100)))
    assert sums == [[0, 1, 2]] * 100
    del sums
    assert held() == before
