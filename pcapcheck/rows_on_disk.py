"""Rows on disk, as they are in memory."""

from __future__ import annotations

from copy import copy
from typing import Final

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.compiled import WORDS
from pcapcheck.rows import Rows
from pcapcheck.scratch import Scratch

_ROW: Final = 8 * WORDS  # octets

# Rows between two that are wanted which are read along: it takes less than to read twice.
_GAP: Final = 256


class RowsOnDisk:
    """Rows that were put away."""

    __slots__ = ("_folds", "_kept", "_left_out", "_read", "_texts", "size")

    @classmethod
    def of(cls, rows: Rows, scratch: Scratch) -> RowsOnDisk:
        """These rows, put away unless they are on disk already."""
        return rows.away or cls(rows, scratch)

    def __init__(self, rows: Rows, scratch: Scratch) -> None:
        if rows.are_part:
            rows = rows.by_themselves()
        self.size = self._kept = len(rows)
        self._folds, self._texts = len(rows.folds), len(rows.texts)
        self._left_out = np.empty(0, np.int64)  # of these the rows that are not meant, each less those before it
        # In this order all of them begin where their type may begin.
        self._read = scratch.write(rows.words, rows.folds, rows.flow, rows.texts)

    def without(self, places: npt.NDArray[np.int64]) -> RowsOnDisk | None:
        """The same but for a few rows; None where that was said once already. Flows keep their numbers."""
        if len(self._left_out):
            return None
        few = copy(self)
        few.size, few._left_out = self.size - len(places), places - np.arange(len(places))
        return few

    def rows(self) -> Rows:
        """They, unless some are not meant."""
        assert not len(self._left_out)
        octets = self._read()
        words = np.frombuffer(octets, np.uint64, self.size * WORDS).reshape(-1, WORDS)
        folds, flow, texts = self._rest(octets, words.nbytes)
        rows = Rows(flow, words, folds, texts)
        rows.away = self
        return rows

    def some(self, at: npt.NDArray[np.integer]) -> Rows:
        """Those at these places, which ascend."""
        at = at + np.searchsorted(self._left_out, at, side="right")
        words = np.empty((len(at), WORDS), np.uint64)
        ends = np.append(np.flatnonzero(np.diff(at) > _GAP) + 1, len(at)).tolist()
        start = 0
        for end in ends if len(at) else ():
            first, size = int(at[start]), int(at[end - 1] - at[start]) + 1
            octets = self._read(_ROW * first, _ROW * size)
            words[start:end] = np.frombuffer(octets, np.uint64).reshape(-1, WORDS)[at[start:end] - first]
            start = end
        folds, flow, texts = self._rest(self._read(_ROW * self._kept))
        found = Rows(flow[at], words, folds, texts)
        return found.by_themselves() if found.are_part else found

    def _rest(
        self, octets: bytes, start: int = 0
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
        """Folds, numbers of flows and texts, which begin there."""
        folds = np.frombuffer(octets, np.uint64, self._folds * WORDS, start).reshape(-1, WORDS)
        flow = np.frombuffer(octets, np.uint32, self._kept, start + folds.nbytes)
        return folds, flow, np.frombuffer(octets, np.uint8, self._texts, start + folds.nbytes + flow.nbytes)
