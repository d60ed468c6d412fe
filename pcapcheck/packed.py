"""Columns of integers in as few octets as their values need."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, TypeVar, overload

import numpy as np
import numpy.typing as npt

from pcapcheck.scratch import Scratch
from pcapcheck.sorting import found_in

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_Kind = TypeVar("_Kind", bound=np.generic)

# Values that are packed together: few enough to be alike, many enough that what is kept for each stretch is nothing.
STRETCH: Final = 1 << 15


# Other values than the usual one are kept by themselves where they are not more than one in so many.
_RARE: Final = 4

# Multiples of the unit that lie so far apart are kept in the unit.
_UNIT: Final = 1000
_WIDE: Final = 1 << 32

# All values of a stretch are read where more than one in so many of them is wanted.
_SPARSE: Final = 4

# Values that are read one by one rather than with all others.
_FEW: Final = 64

# Octets of a stretch that are put on disk.
_LEAST_AWAY: Final = 1 << 12


class Stretch(NamedTuple):
    """Values as the least of them, and how far each lies above it, in units (None: all are equal).

    Where nearly all are equal, these are ``usual``, and the others stand at ``places``.
    """

    size: int
    least: int
    above: npt.NDArray[np.unsignedinteger] | None
    unit: int = 1
    usual: int = 0
    places: npt.NDArray[np.uint16] | None = None

    def values(self, start: int, stop: int) -> Ints:
        """From ``start`` to before ``stop`` of the stretch."""
        values = np.empty(stop - start, np.int64)
        self.read(values, start, stop)
        return values

    def read(self, into: npt.NDArray[np.integer], start: int, stop: int) -> None:
        """Write the values from ``start`` to before ``stop`` of the stretch over these, of a type that has them all."""
        if self.above is None:
            into[:] = self.least
        elif self.places is None:
            self._read(into, start, stop)
        else:
            first, last = 0, len(self.places)
            if stop - start < self.size:
                first, last = np.searchsorted(self.places, [start, stop]).tolist()
            others = np.empty(last - first, np.int64)
            self._read(others, first, last)
            into[:] = self.usual
            into[self.places[first:last].astype(np.int64) - start] = others

    def take(self, into: npt.NDArray[np.integer], at: Ints) -> None:
        """Write the values at these places of the stretch, which ascend, over these."""
        if self.above is None:
            into[:] = self.least
        elif len(at) * _SPARSE > self.size:
            into[:] = self.values(0, self.size)[at]
        elif self.places is None:
            self._scaled(into, self.above[at])
        else:
            entry, found = found_in(self.places, at)
            (other,) = found.nonzero()
            others = np.empty(len(other), np.int64)
            self._scaled(others, self.above[entry[other]])
            into[:] = self.usual
            into[other] = others

    def meet(self, condition: Callable[[Ints], Bools], into: Bools) -> None:
        """Write over these which values meet the condition: it is asked of equal ones once."""
        if self.places is None:
            into[:] = condition(self.values(0, 1 if self.above is None else self.size))
            return
        values = np.empty(1 + len(self.places), np.int64)
        values[0] = self.usual
        self._read(values[1:], 0, len(self.places))
        met = condition(values)
        into[:] = met[0]
        into[self.places] = met[1:]

    def _read(self, into: npt.NDArray[np.integer], start: int, stop: int) -> None:
        assert self.above is not None
        self._scaled(into, self.above[start:stop])

    def _scaled(self, into: npt.NDArray[np.integer], above: npt.NDArray[np.unsignedinteger]) -> None:
        into[:] = above
        if self.unit != 1:
            into *= self.unit
        if self.least:
            into += self.least

    @property
    def same(self) -> int | None:
        """What all values are, where they are the same."""
        return self.least if self.above is None else None

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in (self.above, self.places) if part is not None)

    def at_hand(self) -> Stretch:
        """It, in memory."""
        return self


class Away:
    """A stretch on disk, of values that are not the same."""

    __slots__ = ("_above", "_known", "_places", "_read", "size")

    def __init__(self, stretch: Stretch, scratch: Scratch) -> None:
        above, places = stretch.above, stretch.places
        assert above is not None
        self.size = stretch.size
        self._above, self._places = (above.dtype, len(above)), places is not None
        self._known = stretch._replace(above=None, places=None)
        self._read = scratch.write(above) if places is None else scratch.write(above, places)

    same = None
    nbytes = 0

    def at_hand(self) -> Stretch:
        """It, in memory."""
        octets, (kind, count) = self._read(), self._above
        places = np.frombuffer(octets, np.uint16, offset=count * kind.itemsize) if self._places else None
        return self._known._replace(above=np.frombuffer(octets, kind, count), places=places)


class Packed:
    """A column of int64 that is kept narrow, a stretch at a time: numbers of one capture are near each other.

    A stretch of equal values takes no room at all, one of ports two octets each, one of times within four seconds four.
    """

    def __init__(self, scratch: Scratch | None = None) -> None:
        """With ``scratch`` what takes room waits on disk."""
        self._stretches: list[Stretch | Away] = []
        self._starts: list[int] = []
        self._size = 0
        self._scratch = scratch
        self.boolean = False  # whether what was packed were booleans

    @classmethod
    def of(cls, values: npt.NDArray[np.integer] | Bools, scratch: Scratch | None = None) -> Packed:
        """These values, packed."""
        packed = cls(scratch)
        packed.extend(values)
        return packed

    def extend(self, values: npt.NDArray[np.integer] | Bools) -> None:
        """Take these values behind those that are there."""
        self.boolean = values.dtype == bool
        values = values.astype(np.int64, copy=False)
        for start in range(0, len(values), STRETCH):
            part = values[start : start + STRETCH]
            self._starts.append(self._size)
            stretch, scratch = pack(part), self._scratch
            if scratch is not None and stretch.nbytes >= _LEAST_AWAY:
                self._stretches.append(Away(stretch, scratch))
            else:
                self._stretches.append(stretch)
            self._size += len(part)

    def __len__(self) -> int:
        return self._size

    @property
    def nbytes(self) -> int:
        """Octets that the values take in memory."""
        return sum(one.nbytes for one in self._stretches)

    def read(self, start: int = 0, stop: int | None = None) -> Ints:
        """The values from ``start`` to before ``stop``, as a new array."""
        stop = self._size if stop is None else min(stop, self._size)
        values = np.empty(max(stop - start, 0), np.int64)
        number = max(bisect_right(self._starts, start) - 1, 0)
        at = start
        while at < stop:
            stretch, first = self._stretches[number].at_hand(), self._starts[number]
            end = min(first + stretch.size, stop)
            stretch.read(values[at - start : end - start], at - first, end - first)
            at, number = end, number + 1
        return values

    def take(self, at: Ints) -> Ints:
        """The values at these indices."""
        if len(at) <= _FEW:
            return np.array([self[number] for number in at.tolist()], np.int64)
        if (at[1:] >= at[:-1]).all():
            return self._ascending(at)
        # Often they are near each other.
        first = int(at.min())
        return self.read(first, int(at.max()) + 1)[at - first]

    def _ascending(self, at: Ints) -> Ints:
        """The values at these indices, which ascend, a stretch at a time: no column of all values is made."""
        found = np.empty(len(at), np.int64)
        ends, begin = np.searchsorted(at, [*self._starts[1:], self._size]).tolist(), 0
        for stretch, first, end in zip(self._stretches, self._starts, ends, strict=True):
            if begin < end:
                stretch.at_hand().take(found[begin:end], at[begin:end] - first)
            begin = end
        return found

    def pick(self, at: Ints) -> Picked:
        """Those at these indices, not taken yet."""
        return Picked(self, at)

    def reordered(self, order: Ints) -> Packed:
        """All values in another order: first that at the first of these indices."""
        return Packed.of(self.unpacked() if self.same is not None else self.unpacked()[order], self._scratch)

    def unpacked(self) -> Ints | Bools:
        """All values, as integers or booleans: as what they were packed. They are not to be written to."""
        if self.same is not None:
            return np.broadcast_to(np.array(self.same, bool if self.boolean else np.int64), self._size)
        return self.meet(lambda values: values != 0) if self.boolean else self.read()

    @property
    def same(self) -> int | None:
        """What all values are, where they are the same: then they take no room. None where there are no values."""
        different = {one.same for one in self._stretches}
        return different.pop() if len(different) == 1 else None

    def meet(self, condition: Callable[[Ints], Bools]) -> Bools:
        """Which values meet the condition, which looks at each by itself and is asked of a stretch at a time."""
        found = np.empty(self._size, bool)
        for start, one in zip(self._starts, self._stretches, strict=True):
            one.at_hand().meet(condition, found[start : start + one.size])
        return found

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice | Ints) -> Ints: ...
    def __getitem__(self, at: int | slice | Ints) -> int | Ints:
        if isinstance(at, slice):
            return self.read(at.start or 0, at.stop)
        if isinstance(at, np.ndarray):
            return self.take(at)
        number = bisect_right(self._starts, at) - 1
        place = at - self._starts[number]
        return int(self._stretches[number].at_hand().values(place, place + 1)[0])

    def __getstate__(self) -> dict[str, Any]:
        """Elsewhere they are all in memory."""
        return {**self.__dict__, "_stretches": [one.at_hand() for one in self._stretches], "_scratch": None}


class Column(Protocol):
    """A column of which some values can be taken."""

    @property
    def boolean(self) -> bool:
        """Whether it is one of booleans."""

    def take(self, at: Ints) -> Ints:
        """The values at these indices."""


class Picked:
    """Some values of a column, taken when they are asked for."""

    def __init__(self, column: Column, at: Ints) -> None:
        self._column, self._at = column, at

    def __len__(self) -> int:
        return len(self._at)

    def values(self) -> Ints:
        """The values, as a new array."""
        return self._column.take(self._at)

    def unpacked(self) -> Ints | Bools:
        """The values, as what they were packed."""
        return self.values() != 0 if self._column.boolean else self.values()

    def pick(self, at: Ints) -> Picked:
        """Those of them at these indices."""
        return Picked(self._column, self._at[at])

    def __reduce__(self) -> tuple[Any, ...]:
        # The column stays where it is.
        return Packed.of, (self.unpacked(),)


def pack(values: npt.NDArray[np.integer]) -> Stretch:
    """Integers of any type but uint64: at least one, and at most STRETCH."""
    least, most = int(values.min()), int(values.max())
    if least == most:
        return Stretch(len(values), least, None)
    usual = int(values[len(values) // 2])
    others = values != usual
    if np.count_nonzero(others) * _RARE > len(values):
        return Stretch(len(values), least, *_above(values, least, most))
    (places,) = others.nonzero()
    values, size = values[places], len(values)
    least = int(values.min())
    return Stretch(size, least, *_above(values, least, int(values.max())), usual, places.astype(np.uint16))


def _above(values: npt.NDArray[np.integer], least: int, most: int) -> tuple[npt.NDArray[np.unsignedinteger], int]:
    """How far each lies above the least of them, and in what unit."""
    # Differences wrap around where they need all bits, and wrap back when they are added again.
    unsigned = values.view(f"u{values.itemsize}")
    above = unsigned - unsigned.dtype.type(least % (1 << 8 * values.itemsize))
    # Most captures have their times in microseconds.
    if _WIDE <= most - least < _WIDE * _UNIT:
        units = above // np.uint64(_UNIT)
        if (units * np.uint64(_UNIT) == above).all():
            return units.astype(np.min_scalar_type((most - least) // _UNIT)), _UNIT
    return above.astype(np.min_scalar_type(most - least), copy=False), 1
