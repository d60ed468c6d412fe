"""Columns of which few values are told one by one, and the others all at once."""

from __future__ import annotations

import numpy as np

from pcapcheck.packed import Bools, Ints, Packed, Picked


class Division:
    """Which entries of columns stand apart, and where each is then: among those apart, or among the others."""

    def __init__(self, size: int, apart: Ints) -> None:
        """``apart`` ascend."""
        self.apart = apart
        mask = np.ones(size, bool)
        mask[apart] = False
        self._place = np.empty(size, np.int32)  # of those apart from 0 on, of the others from -1 down
        self._place[apart] = np.arange(len(apart), dtype=np.int32)
        self._place[mask] = np.arange(-1, len(apart) - size - 1, -1, dtype=np.int32)

    def __len__(self) -> int:
        return len(self._place)

    @property
    def others(self) -> Ints:
        """Those that are not apart, in order."""
        return (self._place < 0).nonzero()[0]

    def places(self, at: Ints) -> Ints:
        """Where these are: among those apart, or, counted down from -1, among the others."""
        return self._place[at].astype(np.int64)


class Divided:
    """One such column: the values of those apart, and the value of all others, or one of each."""

    def __init__(self, division: Division, apart: Packed, others: Packed | int) -> None:
        self._division, self._apart, self._others = division, apart, others
        self.boolean = apart.boolean or (others.boolean if isinstance(others, Packed) else isinstance(others, bool))

    def __len__(self) -> int:
        return len(self._division)

    def unpacked(self) -> Ints | Bools:
        """All values, as integers or booleans. They are not to be written to."""
        kind = bool if self.boolean else np.int64
        if not isinstance(self._others, Packed):
            if not len(self._apart) or self._apart.same == self._others:
                return np.broadcast_to(np.array(self._others, kind), len(self))
            values = np.full(len(self), self._others, kind)
        else:
            values = np.empty(len(self), kind)
            values[self._division.others] = self._others.unpacked()
        values[self._division.apart] = self._apart.unpacked()
        return values

    def take(self, at: Ints) -> Ints:
        """The values at these indices, as integers."""
        place = self._division.places(at)
        values = np.empty(len(at), np.int64)
        (apart,), (others,) = (place >= 0).nonzero(), (place < 0).nonzero()
        values[apart] = self._apart.take(place[apart])
        values[others] = self._others.take(~place[others]) if isinstance(self._others, Packed) else self._others
        return values

    def pick(self, at: Ints) -> Picked:
        """Those at these indices, not taken yet."""
        return Picked(self, at)
