"""Rows on disk: those of a large capture."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.openings import Ints, ranges
from pcapcheck.packed import Packed
from pcapcheck.rows import Rows
from pcapcheck.rows_on_disk import RowsOnDisk
from pcapcheck.scratch import Read, Scratch


class _Piece(NamedTuple):
    start: int  # the number of its first row
    rows: RowsOnDisk
    read: Read  # event and from_client, one octet a row each


class Store:
    """Rows, numbered from 0, on disk."""

    def __init__(self) -> None:
        self._scratch = Scratch()
        self._pieces: list[_Piece] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, rows: Rows, event: npt.NDArray[np.int8], from_client: npt.NDArray[np.bool_]) -> None:
        """Put rows away, behind those that are there."""
        if len(rows):
            read = self._scratch.write(event, from_client)
            self._pieces.append(_Piece(self._size, RowsOnDisk.of(rows, self._scratch), read))
        self._size += len(rows)

    def read(self, numbers: Ints) -> tuple[Rows, npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
        """The rows with these numbers, which ascend: row, event, from_client."""
        rows = [Rows.of()]
        events, sides = [np.empty(0, np.int8)], [np.empty(0, bool)]
        at = 0
        while at < len(numbers):
            number = bisect_right(self._pieces, int(numbers[at]), key=attrgetter("start")) - 1
            start, piece, read = self._pieces[number]
            stop = int(np.searchsorted(numbers, start + piece.size))
            wanted = numbers[at:stop] - start
            rows.append(piece.some(wanted))
            event, from_client = np.frombuffer(read(), np.int8).reshape(2, -1)
            events.append(event[wanted])
            sides.append(from_client[wanted].view(bool))
            at = stop
        return Rows.together(rows), np.concatenate(events), np.concatenate(sides)


class Stored:
    """The rows of some handshakes, in a Store."""

    def __init__(self, store: Store, first: Packed, size: Packed, batch: Packed) -> None:
        """Of each handshake the number of its first row, how many there are, and the batch in which its 4-tuple is."""
        self._store, self._first, self._size, self._batch = store, first, size, batch

    def take(self, at: Ints) -> Stored:
        """The rows of the handshakes at these indices."""
        return Stored(self._store, *(Packed.of(one.take(at)) for one in (self._first, self._size, self._batch)))

    def fetch(self, mask: npt.NDArray[np.bool_]) -> tuple[Rows, Ints, npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
        """The rows of the handshakes that meet the mask: row, handshake, event, from_client."""
        (wanted,) = mask.nonzero()
        first, size = self._first.take(wanted), self._size.take(wanted)
        numbers = ranges(first, size)
        order = np.argsort(numbers, kind="stable")
        rows, event, from_client = self._store.read(numbers[order])
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return rows.take(back), np.repeat(wanted, size), event[back], from_client[back]

    def parts(self, mask: npt.NDArray[np.bool_], most: int) -> Iterator[Ints]:
        """The handshakes that meet the mask, in parts of whole batches that end when they have ``most`` or more."""
        (wanted,) = mask.nonzero()
        batch = self._batch.take(wanted)
        order = np.argsort(batch, kind="stable")
        ends = np.bincount(batch).cumsum()
        start = 0
        for end in ends.tolist():
            if end - start >= most or (end == len(wanted) and end > start):
                yield np.sort(wanted[order[start:end]])
                start = end
