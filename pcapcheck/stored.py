"""Rows on disk: those of a large capture."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.openings import ROW, Ints, ranges
from pcapcheck.packed import Packed
from pcapcheck.scratch import Read, Scratch, compressed, decompressed

_STORED: Final = np.dtype([("row", ROW), ("event", "i1"), ("from_client", "?")])

# Rows that are compressed together.
_PIECE: Final = 1 << 12


class Store:
    """Rows, numbered from 0, on disk."""

    def __init__(self) -> None:
        self._scratch = Scratch()
        self._pieces: list[Read] = []
        self._starts: list[int] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, rows: npt.NDArray[Any], event: npt.NDArray[np.int8], from_client: npt.NDArray[np.bool_]) -> None:
        """Put rows away, behind those that are there."""
        for start in range(0, len(rows), _PIECE):
            part = slice(start, start + _PIECE)
            piece = np.empty(len(rows[part]), _STORED)
            piece["row"], piece["event"], piece["from_client"] = rows[part], event[part], from_client[part]
            self._pieces.append(self._scratch.write(compressed(piece)))
            self._starts.append(self._size)
            self._size += len(piece)

    def read(self, numbers: Ints) -> npt.NDArray[Any]:
        """The rows with these numbers, which ascend."""
        found = np.empty(len(numbers), _STORED)
        at = 0
        while at < len(numbers):
            piece = bisect_right(self._starts, int(numbers[at])) - 1
            start = self._starts[piece]
            rows = decompressed(self._pieces[piece](), _STORED)
            stop = int(np.searchsorted(numbers, start + len(rows)))
            found[at:stop] = rows[numbers[at:stop] - start]
            at = stop
        return found


class Stored:
    """The rows of some handshakes, in a Store."""

    def __init__(self, store: Store, first: Packed, size: Packed, batches: Sequence[int] | Ints) -> None:
        """``first`` is of each handshake the number of its first row, and ``batches`` of each batch that of its."""
        self._store, self._first, self._size = store, first, size
        self._batches = np.array(batches, np.int64)

    def take(self, at: Ints) -> Stored:
        """The rows of the handshakes at these indices."""
        return Stored(self._store, Packed.of(self._first.take(at)), Packed.of(self._size.take(at)), self._batches)

    def fetch(
        self, mask: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[Any], Ints, npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
        """The rows of the handshakes that meet the mask: row, handshake, event, from_client."""
        (wanted,) = mask.nonzero()
        first, size = self._first.take(wanted), self._size.take(wanted)
        numbers = ranges(first, size)
        order = np.argsort(numbers, kind="stable")
        rows = np.empty(len(numbers), _STORED)
        rows[order] = self._store.read(numbers[order])
        return rows["row"], np.repeat(wanted, size), rows["event"], rows["from_client"]

    def parts(self, mask: npt.NDArray[np.bool_], most: int) -> Iterator[Ints]:
        """The handshakes that meet the mask, in parts of whole batches that end when they have ``most`` or more."""
        (wanted,) = mask.nonzero()
        batch = np.searchsorted(self._batches, self._first.take(wanted), "right")
        order = np.argsort(batch, kind="stable")
        ends = np.bincount(batch, minlength=len(self._batches) + 1).cumsum()
        start = 0
        for end in ends.tolist():
            if end - start >= most or (end == ends[-1] and end > start):
                yield np.sort(wanted[order[start:end]])
                start = end
