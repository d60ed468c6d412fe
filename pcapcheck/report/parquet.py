"""Parquet: the tables with their types, written in row groups, however many rows there are.

As in the DataFrames, but for two things that travel badly: an RTT is an int64 of nanoseconds under ``*_rtt_ns``, and
lists are lists (``list<string>``), not objects. Needs pyarrow (``pip install 'pcapcheck[parquet]'``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Final

import numpy as np

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.errors import UsageError
from pcapcheck.report.columns import BATCH, HandshakeColumn, WordLists, Words, handshake_batches
from pcapcheck.report.escape import encodable
from pcapcheck.report.hosts import host_rows
from pcapcheck.report.output import FOLDER, NEEDS_PYARROW, is_folder, replacing
from pcapcheck.report.related import capture_rows, cause_rows, finding_rows
from pcapcheck.report.report import Report, chosen_columns
from pcapcheck.report.segments import segment_batches
from pcapcheck.tables import ABSENT, COSTLY, TABLES, Column
from pcapcheck.traffic import Ints

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError:
    raise UsageError(NEEDS_PYARROW) from None

_ROWS: Final[dict[str, Callable[[Report], Iterable[tuple[Any, ...]]]]] = {
    "findings": finding_rows,
    "causes": cause_rows,
    "captures": capture_rows,
    "hosts": host_rows,
}
# Rows of plain values that wait to be written.
_WAITING: Final = 16_384

_NUMBERS: Final[dict[str, Any]] = {
    "uint8": pa.uint8(), "uint16": pa.uint16(), "uint32": pa.uint32(), "uint64": pa.uint64(),
}  # fmt: skip
_OBJECTS: Final[dict[str, Any]] = {
    "list[string]": pa.list_(pa.string()),
    "list[uint64]": pa.list_(pa.uint64()),
    "dict[string, uint64]": pa.map_(pa.string(), pa.uint64()),
    "bytes": pa.binary(),
}

# Columns that grow from row to row, and (below) others that hardly have the same value twice: a dictionary of their
# values would only cost time and space.
_RISING: Final = ("handshake_id", "start_time", "syn_frame", "synack_frame", "ack_frame", "frame", "time")


def _differs(name: str) -> bool:
    return "_rtt" in name or name in (*COSTLY, "client_isn", "server_isn", "synack_ack", "ack_seq", "ack_ack")


def write_parquet(
    report: Report,
    path: str,
    *,
    tables: Sequence[str] = (),
    columns: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> None:
    """Write the handshakes table to a file; to a folder (``path`` is one, or ends in a slash) a file for each table.

    ``columns`` and ``exclude`` choose among those of handshakes.
    """
    chosen = chosen_columns("handshakes", columns, exclude)
    if not is_folder(path):
        if tables not in ((), ("handshakes",), ["handshakes"]):
            raise UsageError(f"{path}: more than handshakes needs a folder, its name ending in a slash")
        with growing_parquet(path, chosen) as write:
            write(report)
        return
    for table in tables:
        if table not in TABLES:
            raise UsageError(f"no table is called {table!r}: there are {', '.join(TABLES)}")
    os.makedirs(path, exist_ok=True)
    for table in tables or FOLDER:
        write_table(report, os.path.join(path, f"{table}.parquet"), table, chosen if table == "handshakes" else ())


def write_table(report: Report, path: str, table: str, columns: Sequence[str] = ()) -> None:
    """Write one table of a report to a file."""
    names = columns or list(TABLES[table])
    with _file(path, table, names) as write:
        if table == "handshakes":
            write(_handshakes(report, names))
        elif table == "segments":
            write(_segments(report))
        else:
            write(_related(report, table))


def counted_on(source: str, target: str, table: str, before: int) -> None:
    """Write a table anew with ``handshake_id`` counted from behind so many handshakes."""
    file = pq.ParquetFile(source)
    at = list(TABLES[table]).index("handshake_id")
    with file, _file(target, table, list(TABLES[table])) as write:
        for number in range(file.num_row_groups):
            columns = file.read_row_group(number).combine_chunks().columns
            columns[at] = pc.add(columns[at], pa.scalar(before, pa.uint64()))
            write([columns])


@contextmanager
def growing_parquet(path: str, columns: Sequence[str] = ()) -> Iterator[Callable[[Report], None]]:
    """What writes the handshakes of one report after the other to a file, which is there when all are written."""
    names = columns or list(TABLES["handshakes"])
    with _file(path, "handshakes", names) as write:
        yield lambda report: write(_handshakes(report, names))


def schema_of(table: str, names: Iterable[str]) -> Any:
    """The Parquet schema of these columns."""
    columns = TABLES[table]
    return pa.schema([(_name(name, columns[name]), _type(columns[name])) for name in names])


def _name(name: str, column: Column) -> str:
    return f"{name}_ns" if column.dtype.startswith("timedelta") else name


def _type(column: Column) -> Any:
    if column.dtype == "object":
        return _OBJECTS[column.holds]
    if column.dtype.startswith("datetime"):
        return pa.timestamp("ns", tz="UTC")
    if column.dtype.startswith("timedelta"):
        return pa.int64()
    if column.dtype == "category":
        return pa.dictionary(pa.int32(), pa.string())
    return {"string": pa.string(), "boolean": pa.bool_()}.get(column.dtype) or _NUMBERS[column.dtype.lower()]


@contextmanager
def _file(path: str, table: str, names: Sequence[str]) -> Iterator[Callable[[Iterable[Sequence[Any]]], None]]:
    """What writes batches of a table to a file."""
    schema = schema_of(table, names)
    rising = [name for name in _RISING if name in names]
    different = {*rising, *(_name(name, TABLES[table][name]) for name in names if _differs(name))}
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(
            temporary,
            schema,
            compression="zstd",
            use_dictionary=[name for name in schema.names if name not in different],
            column_encoding=dict.fromkeys(rising, "DELTA_BINARY_PACKED"),
        ) as out,
    ):

        def write(batches: Iterable[Sequence[Any]]) -> None:
            for arrays in batches:
                out.write_table(pa.Table.from_arrays(list(arrays), schema=schema), row_group_size=BATCH)

        yield write


def _handshakes(report: Report, names: Sequence[str]) -> Iterator[list[Any]]:
    columns, known = TABLES["handshakes"], _Known()
    for batch in handshake_batches(report, names):
        yield [_array(batch.columns[name], columns[name], known) for name in names]


def _segments(report: Report) -> Iterator[list[Any]]:
    columns, known = TABLES["segments"], _Known()
    for facts in report.capture_facts:
        if facts.error:
            continue
        if "-" in [file.path for file in facts.files]:
            raise UsageError("segments: standard input cannot be read again")
        for found in chain.from_iterable(segment_batches(file.path) for file in facts.files):
            yield [
                pa.array(found.options, pa.binary())
                if name == "options"
                else _array(found.columns[name], column, known)
                for name, column in columns.items()
            ]


def _related(report: Report, table: str) -> Iterator[list[Any]]:
    types = [_type(column) for column in TABLES[table].values()]
    rows = iter(_ROWS[table](report))
    while waiting := list(islice(rows, _WAITING)):
        yield [
            pa.array(
                map(_arrow_value, values),
                pa.string() if pa.types.is_dictionary(type) else type,
            ).cast(type)
            for values, type in zip(zip(*waiting, strict=True), types, strict=True)
        ]


def _arrow_value(value: Any) -> Any:
    """A plain value as pyarrow takes it."""
    if isinstance(value, list):
        return [encodable(one) if isinstance(one, str) else one for one in value]
    return list(value.items()) if isinstance(value, dict) else encodable(value) if isinstance(value, str) else value


class _Known:
    """Lists of words as Arrow arrays, the last few of them: neighbouring batches count in the same."""

    def __init__(self) -> None:
        self._arrays: dict[int, tuple[Sequence[str], Any]] = {}

    def array(self, words: Sequence[str]) -> Any:
        found = self._arrays.get(id(words))
        if found is None:
            if len(self._arrays) > 8:
                self._arrays.clear()
            found = self._arrays[id(words)] = words, pa.array(map(encodable, words), pa.string())
        return found[1]


def _array(values: HandshakeColumn, column: Column, known: _Known) -> Any:
    """A column of one batch as an Arrow array."""
    if isinstance(values, WordLists):
        items = known.array(values.words).take(pa.array(values.at))
        return pa.ListArray.from_arrays(pa.array(values.starts.astype(np.int32)), items)
    if isinstance(values, Words):
        words = known.array(values.words)
        if column.dtype == "category":
            return pa.DictionaryArray.from_arrays(pa.array(values.at.astype(np.int32), mask=values.at == ABSENT), words)
        return words.take(pa.array(values.at))
    if column.categories:
        return pa.DictionaryArray.from_arrays(values.astype(np.int32), known.array(column.categories))
    if column.dtype.startswith("datetime"):
        return pa.array(values, pa.timestamp("ns", tz="UTC"), mask=values == NO_TIME)
    return _numbers(values, column)


def _numbers(values: Ints, column: Column) -> Any:
    absent = values == ABSENT
    if column.dtype == "boolean":
        return pa.array(values == 1, mask=absent)
    if column.dtype.startswith("timedelta"):
        return pa.array(values, mask=absent)
    return pa.array(values.astype(column.dtype.lower()), mask=absent)
