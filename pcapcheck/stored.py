"""Rows on disk: of a large capture those that hardly anybody asks for."""

from __future__ import annotations

import tempfile
import weakref
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.openings import ROW, Ints, ranges
from pcapcheck.packed import Packed
from pcapcheck.tables import ABSENT

_STORED: Final = np.dtype([("row", ROW), ("event", "i1"), ("from_client", "?")])


class Store:
    """A temporary file of rows, which goes when nobody needs it any more."""

    def __init__(self) -> None:
        """Raises OSError where there is no room for temporary files."""
        self._file = tempfile.TemporaryFile(prefix="pcapcheck-")  # noqa: SIM115 (closed with the last reference)
        weakref.finalize(self, self._file.close)
        self._size = 0  # rows

    def add(self, rows: npt.NDArray[Any], event: npt.NDArray[np.int8], from_client: npt.NDArray[np.bool_]) -> int:
        """Write rows; gives the number of the first of them. Raises OSError where there is no room for them."""
        stored = np.empty(len(rows), _STORED)
        stored["row"], stored["event"], stored["from_client"] = rows, event, from_client
        self._file.seek(self._size * _STORED.itemsize)
        self._file.write(stored.view(np.uint8).data)
        self._file.flush()
        first, self._size = self._size, self._size + len(rows)
        return first

    def read(self, first: int, last: int) -> npt.NDArray[Any]:
        """The rows from the number ``first`` to before ``last``."""
        stored = np.empty(last - first, _STORED)
        self._file.seek(first * _STORED.itemsize)
        self._file.readinto(stored.view(np.uint8).data)
        return stored


class Stored:
    """The rows of some handshakes, in a Store."""

    def __init__(self, store: Store, first: Packed, size: Packed) -> None:
        """``first`` is of each handshake the number of its first row, ABSENT where it is not stored."""
        self._store, self._first, self._size = store, first, size

    def fetch(
        self, mask: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[Any], Ints, npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
        """The rows of the handshakes that meet the mask and are stored: row, handshake, event, from_client."""
        first = self._first.read()
        (wanted,) = (mask & (first != ABSENT)).nonzero()
        size = self._size.read()[wanted]
        at = ranges(first[wanted], size)
        order = np.argsort(at, kind="stable")
        numbers = at[order]
        # Rows that follow each other are read at once.
        breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
        found = np.empty(len(at), _STORED)
        for begin, end in zip([0, *breaks.tolist()], [*breaks.tolist(), len(numbers)], strict=True):
            if begin < end:
                found[begin:end] = self._store.read(int(numbers[begin]), int(numbers[end - 1]) + 1)
        rows = np.empty_like(found)
        rows[order] = found
        return rows["row"], np.repeat(wanted, size), rows["event"], rows["from_client"]
