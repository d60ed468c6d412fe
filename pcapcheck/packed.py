"""Columns of integers in as few octets as their values need."""

from __future__ import annotations

from bisect import bisect_right
from itertools import chain
from typing import Final, NamedTuple, overload

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

# Values that are packed together: few enough to be alike, many enough that what is kept for each stretch is nothing.
STRETCH: Final = 1 << 15


# Values that are read one by one rather than with all others.
_FEW: Final = 64


class _Stretch(NamedTuple):
    """Values as the least of them, and how far each lies above it; None where all are equal."""

    least: int
    above: npt.NDArray[np.unsignedinteger] | None
    size: int


class Packed:
    """A column of int64 that is kept narrow, a stretch at a time: numbers of one capture are near each other.

    A stretch of equal values takes no room at all, one of ports two octets each, one of times within four seconds four.
    """

    def __init__(self) -> None:
        self._stretches: list[_Stretch] = []
        self._starts: list[int] = []
        self._size = 0
        self.boolean = False  # whether what was packed were booleans

    @classmethod
    def of(cls, values: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Packed:
        """These values, packed."""
        packed = cls()
        packed.extend(values)
        return packed

    def extend(self, values: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> None:
        """Take these values behind those that are there."""
        self.boolean = values.dtype == bool
        values = values.astype(np.int64, copy=False)
        for start in range(0, len(values), STRETCH):
            part = values[start : start + STRETCH]
            self._starts.append(self._size)
            self._stretches.append(_pack(part))
            self._size += len(part)

    def __len__(self) -> int:
        return self._size

    @property
    def nbytes(self) -> int:
        """Octets that the values take."""
        return sum(one.above.nbytes for one in self._stretches if one.above is not None)

    def read(self, start: int = 0, stop: int | None = None) -> Ints:
        """The values from ``start`` to before ``stop``, as a new array."""
        stop = self._size if stop is None else min(stop, self._size)
        values = np.empty(max(stop - start, 0), np.int64)
        number = max(bisect_right(self._starts, start) - 1, 0)
        at = start
        while at < stop:
            least, above, size = self._stretches[number]
            first = self._starts[number]
            end = min(first + size, stop)
            into = values[at - start : end - start]
            if above is None:
                into[:] = least
            else:
                into[:] = above[at - first : end - first]
                into += least
            at, number = end, number + 1
        return values

    def take(self, at: Ints) -> Ints:
        """The values at these indices."""
        if len(at) <= _FEW:
            return np.array([self[number] for number in at.tolist()], np.int64)
        return self.read()[at]

    def unpacked(self) -> Ints | npt.NDArray[np.bool_]:
        """All values, as integers or booleans: as what they were packed."""
        return self.read() != 0 if self.boolean else self.read()

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> Ints: ...
    def __getitem__(self, at: int | slice) -> int | Ints:
        if isinstance(at, slice):
            return self.read(at.start or 0, at.stop)
        number = bisect_right(self._starts, at) - 1
        least, above, _ = self._stretches[number]
        return least if above is None else least + int(above[at - self._starts[number]])


def joined(columns: list[Packed]) -> Packed:
    """The columns one after the other, as they are packed."""
    together = Packed()
    together._stretches = list(chain.from_iterable(one._stretches for one in columns))
    sizes = [one.size for one in together._stretches]
    together._size = sum(sizes)
    together._starts = [0, *np.cumsum(sizes).tolist()][: len(sizes)]
    return together


def _pack(values: Ints) -> _Stretch:
    least, most = int(values.min()), int(values.max())
    if least == most:
        return _Stretch(least, None, len(values))
    # Differences wrap around where they need all 64 bits, and wrap back when they are added again.
    above = (values.view(np.uint64) - np.uint64(least % 2**64)).astype(np.min_scalar_type(most - least))
    return _Stretch(least, above, len(values))
