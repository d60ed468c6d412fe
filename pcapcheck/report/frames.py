"""The tables of a report as pandas DataFrames, built by columns. The dtypes are those of tables.py, also when empty."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pcapcheck.capture.frame import NO_TIME, Damage
from pcapcheck.report.columns import HandshakeColumn, WordLists, Words, handshake_batches
from pcapcheck.report.escape import encodable
from pcapcheck.report.hosts import host_rows
from pcapcheck.report.related import capture_rows, cause_rows, finding_rows
from pcapcheck.report.report import Report
from pcapcheck.report.segments import segment_batches
from pcapcheck.tables import ABSENT, HANDSHAKES, SEGMENTS, TABLES, Column
from pcapcheck.traffic import Ints
from pcapcheck.window import EVERYTHING, Window

_MASKED: Final = {
    "UInt8": np.uint8, "UInt16": np.uint16, "UInt32": np.uint32, "UInt64": np.uint64,
}  # fmt: skip
_FILES: Final = ("syn_file", "synack_file", "ack_file")
_ROWS: Final[dict[str, Callable[[Report], Iterable[tuple[Any, ...]]]]] = {
    "findings": finding_rows,
    "causes": cause_rows,
    "captures": capture_rows,
    "hosts": host_rows,
}


def handshakes_frame(report: Report, names: Sequence[str] = tuple(HANDSHAKES)) -> pd.DataFrame:
    """One row a handshake, with these columns of tables.HANDSHAKES."""
    batches = [batch.columns for batch in handshake_batches(report, names, size=None)]
    captures, files = _paths(report), [encodable(path) for path in report.files]
    columns = {
        name: _column([batch[name] for batch in batches], HANDSHAKES[name], files if name in _FILES else captures)
        for name in names
    }
    return pd.DataFrame(columns, copy=False)


def related_frame(report: Report, table: str, names: Sequence[str]) -> pd.DataFrame:
    """``findings``, ``causes``, ``captures`` or ``hosts``, with these of its columns."""
    schema, paths = TABLES[table], _paths(report)
    rows = list(_ROWS[table](report))
    values = dict(zip(schema, zip(*rows, strict=True) if rows else [()] * len(schema), strict=True))
    return pd.DataFrame({name: _from_values(values[name], schema[name], paths) for name in names}, copy=False)


def segments_frame(path: str, window: Window = EVERYTHING) -> pd.DataFrame:
    """One row a TCP segment, columns as in tables.SEGMENTS.

    Raises CaptureError where the file is no capture. Where it breaks off, ``attrs["damage"]`` of the frame says so.
    """
    damages: list[Damage] = []
    (found,) = segment_batches(path, window, None, damages.append)
    columns = {
        name: _objects(found.options)
        if name == "options"
        else _column([found.columns[name]], column, [encodable(path)])
        for name, column in SEGMENTS.items()
    }
    table = pd.DataFrame(columns, copy=False)
    if damages:
        table.attrs["damage"] = damages[0]._asdict()
    return table


def _column(parts: Sequence[HandshakeColumn], column: Column, names: Sequence[str]) -> Any:
    """The parts of a column, one after the other, in the dtype of its DataFrame column. ``names`` are the categories
    of one that has captures or files.
    """
    if column.dtype == "object":
        return _lists([part for part in parts if isinstance(part, WordLists)])
    words = [part for part in parts if isinstance(part, Words)]
    if column.dtype == "string":
        return _strings([word for part in words for word in part.words]).take(_counted_on(words))
    if column.dtype == "category" and not column.categories:
        return _category(_joined([part.at for part in words]), names)
    return _typed(_joined([part for part in parts if isinstance(part, np.ndarray)]), column)


def _from_values(values: Sequence[Any], column: Column, captures: Sequence[str]) -> Any:
    """Plain values, None where there is none, in the dtype of their DataFrame column."""
    if column.dtype == "object":
        return _objects(values)
    if column.dtype == "string":
        return _strings([encodable(value) for value in values])
    if column.dtype == "category":
        return pd.Categorical([encodable(value) for value in values], list(column.categories or captures))
    absent = NO_TIME if column.dtype.startswith("datetime") else ABSENT
    return _typed(np.array([absent if value is None else value for value in values], np.int64), column)


def _typed(numbers: Ints, column: Column) -> Any:
    """A column of integers, ABSENT where there is none, in the dtype of its DataFrame column."""
    if column.categories:
        return _category(numbers, column.categories)
    if column.dtype.startswith("datetime"):
        # NO_TIME is what NumPy calls NaT. A copy: the report's own times are nobody's to change.
        return pd.DatetimeIndex(numbers.copy().view("datetime64[ns]")).tz_localize("UTC")
    absent = numbers == ABSENT
    if column.dtype.startswith("timedelta"):
        return np.where(absent, NO_TIME, numbers).view("timedelta64[ns]")
    if column.dtype == "boolean":
        return pd.arrays.BooleanArray(numbers == 1, absent)
    if column.dtype in _MASKED:
        values = numbers.astype(_MASKED[column.dtype])
        np.copyto(values, 0, where=absent)
        return pd.arrays.IntegerArray(values, absent)
    return numbers.astype(column.dtype)


def _category(codes: Ints, categories: Sequence[str]) -> Any:
    small = codes.astype(np.int8) if len(categories) < 128 else codes
    return pd.Categorical.from_codes(small, dtype=pd.CategoricalDtype(list(categories)))


def _joined(parts: Sequence[Ints]) -> Ints:
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.int64), *parts])


def _counted_on(parts: Sequence[Words]) -> Ints:
    """The numbers of the words, where the lists of words follow each other."""
    before = np.cumsum([0, *(len(part.words) for part in parts)])
    return _joined([part.at + start if start else part.at for part, start in zip(parts, before, strict=False)])


def _strings(values: Sequence[str]) -> Any:
    return pd.array(_objects(values), dtype="string")


def _lists(parts: Sequence[WordLists]) -> npt.NDArray[np.object_]:
    """A list for each row, its own even where it is empty."""
    lists = _empty_lists(sum(len(part.starts) - 1 for part in parts))
    before = 0
    for part in parts:
        for row in np.diff(part.starts).nonzero()[0].tolist():
            lists[before + row] += [part.words[at] for at in part.at[part.starts[row] : part.starts[row + 1]].tolist()]
        before += len(part.starts) - 1
    return _objects(lists)


def _empty_lists(number: int) -> list[list[str]]:
    # A million new lists would have the collector look through them again and again: six times the work.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return [[] for _ in range(number)]
    finally:
        if collecting:
            gc.enable()


def _objects(values: Sequence[Any]) -> npt.NDArray[np.object_]:
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _paths(report: Report) -> list[str]:
    return [encodable(facts.path) for facts in report.capture_facts]
