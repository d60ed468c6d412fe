"""Rows: what is kept of segments, in cells as the table has them (decode/compiled.py): eight 64-bit words a row.

Most rows are kept for what may be asked of them and never looked at. So they stay in cells, a line of the processor's
cache each, wherever they go; a column of one field is made when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt

from pcapcheck.cell_layout import (
    CELL,
    FRAME,
    LENGTH,
    USUAL,
    Column,
    Words,
    as_records,
    cells_of,
    column_of,
)
from pcapcheck.cell_layout import FAR as FAR
from pcapcheck.cell_layout import FIELDS as FIELDS
from pcapcheck.cell_layout import LIMITS as LIMITS
from pcapcheck.cell_layout import ROW as ROW
from pcapcheck.decode.option_columns import option_columns

# Where no more than one in so many is left out of rows on disk, they need not be put there again.
_FEW: Final = 8


class Rows:
    """Any number of rows. Nobody writes into what they are made of."""

    __slots__ = ("_columns", "away", "flow", "folds", "texts", "words")

    def __init__(self, flow: Column, words: Words, folds: Words, texts: npt.NDArray[np.uint8]) -> None:
        """``flow`` is that column. In their words stand the number of their fold, from 1, and where their text begins:
        options that are not just the usual timestamps.
        """
        self.flow, self.words, self.folds, self.texts = flow, words, folds, texts
        self._columns: dict[str, Column] = {"flow": flow}
        self.away: Any = None  # the same on disk (rows_on_disk.py) but for numbers of flows, where they come from there

    @classmethod
    def of(cls, records: Column | Iterable[tuple[object, ...]] = ()) -> Rows:
        """The rows of an array of ROW, or of tuples of its fields; their values are within LIMITS."""
        whole = records if isinstance(records, np.ndarray) else np.array(list(records), ROW)
        return cls(whole["flow"].copy(), *cells_of(whole))

    @classmethod
    def together(cls, parts: Sequence[Rows]) -> Rows:
        """The rows of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls.of()
        words = np.concatenate([part.words for part in parts])
        cell, start, folds, texts = as_records(CELL, words), 0, 0, 0
        for part in parts:
            own = cell[start : start + len(part)]
            own["fold"] += folds * (own["fold"] > 0).astype(np.uint32)
            own["text"] += texts * (own["options"] & USUAL == 0).astype(np.uint64)
            start, folds, texts = start + len(part), folds + len(part.folds), texts + len(part.texts)
        return cls(
            np.concatenate([part.flow for part in parts]),
            words,
            np.concatenate([part.folds for part in parts]),
            np.concatenate([part.texts for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.flow)

    @overload
    def __getitem__(self, key: str) -> Column: ...
    @overload
    def __getitem__(self, key: slice) -> Rows: ...
    def __getitem__(self, key: str | slice) -> Column | Rows:
        if isinstance(key, slice):
            return Rows(self.flow[key], self.words[key], self.folds, self.texts)
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = self._made(key)
        return column

    def column(self, name: str) -> Column:
        """As ``rows[name]``, for one who asks once: it is not kept."""
        column = self._columns.get(name)
        return self._made(name) if column is None else column

    def _made(self, name: str) -> Column:
        return column_of(name, self.words, self.folds, self.texts)

    def usual_timestamps(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """TSval and TSecr of those whose options are timestamps and nothing else; -1 of the others."""
        cell = as_records(CELL, self.words)
        usual = cell["options"] & USUAL != 0
        tsval, tsecr = (np.where(usual, cell[name], np.int64(-1)) for name in ("tsval", "tsecr"))
        return tsval, tsecr

    def tsvals(self) -> npt.NDArray[np.int64]:
        """The TSval of each, -1 where there is none."""
        tsval, _ = self.usual_timestamps()
        cell = as_records(CELL, self.words)
        (others,) = ((cell["options"] & LENGTH > 0) & (cell["options"] & USUAL == 0)).nonzero()
        others = others[cell["bits"][others] >> 1 & 1 == 0]  # an ICMP error has an address there
        if len(others):
            rows = self.take(others)
            tsval[others] = option_columns(rows["options"], rows["options_length"], rows["unseen"]).tsval
        return tsval

    def take(self, at: Column) -> Rows:
        """Those at these indices, or those that meet this mask."""
        places = at.nonzero()[0] if at.dtype == bool else at
        if len(places) == len(self) and (places == np.arange(len(self))).all():
            return self  # with the columns that were made already
        rows = Rows(self.flow[places], self.words.take(places, axis=0), self.folds, self.texts)
        if self.away is not None and at.dtype == bool and _FEW * (len(at) - len(places)) < len(at):
            rows.away = self.away.without((~at).nonzero()[0])
        return rows

    def having(self, *, flow: Column | None = None, frame: Column | None = None) -> Rows:
        """The same rows with other numbers of flows or frames."""
        words, flow = self.words, self.flow if flow is None else flow.astype(np.uint32, copy=False)
        if frame is not None:
            words = words.copy()
            words[:, 1] = words[:, 1] & ~FRAME | frame.astype(np.uint64)
        rows = Rows(flow, words, self.folds, self.texts)
        rows.away = self.away if frame is None else None
        return rows

    @property
    def are_part(self) -> bool:
        """Whether they hold on to much of others, with which they were, that is not of them."""
        folds, texts = np.count_nonzero(as_records(CELL, self.words)["fold"]), int(self._text_lengths().sum())
        return bool(2 * folds < len(self.folds) or 2 * texts < len(self.texts))

    def by_themselves(self) -> Rows:
        """The same, without those that they were taken from."""
        words = self.words.copy()
        cell, length = as_records(CELL, words), self._text_lengths()
        (having,) = length.nonzero()
        start, length = cell["text"][having].astype(np.int64), length[having]
        begin = length.cumsum() - length
        texts = self.texts[np.repeat(start - begin, length) + np.arange(length.sum())]
        cell["text"][having] = begin
        (folded,) = cell["fold"].nonzero()
        folds = self.folds[cell["fold"][folded] - 1]
        cell["fold"][folded] = np.arange(1, len(folded) + 1)
        return Rows(self.flow.copy(), words, folds, texts)

    def _text_lengths(self) -> npt.NDArray[np.int64]:
        options = as_records(CELL, self.words)["options"]
        return np.where(options & USUAL, 0, options & LENGTH).astype(np.int64)

    def records(self) -> Column:
        """An array of ROW."""
        whole = np.empty(len(self), ROW)
        for name in FIELDS:
            whole[name] = self.column(name)
        return whole

    def octets(self) -> bytes:
        """Column by column."""
        return b"".join(self.column(name).tobytes() for name in FIELDS)

    def __getstate__(self) -> tuple[Column, ...]:
        """Elsewhere they go without those that they were taken from."""
        alone = self.by_themselves()
        return alone.flow, alone.words, alone.folds, alone.texts

    def __setstate__(self, parts: tuple[Any, ...]) -> None:
        self.__init__(*parts)  # type: ignore[misc]
