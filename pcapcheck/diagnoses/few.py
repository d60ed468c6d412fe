"""What is said of some handshakes only, kept for these alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, overload

import numpy as np

from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints

# Columns of not more than one in so many handshakes are kept for these by themselves.
_MANY: Final = 8


def are_few(at: Ints, size: int) -> bool:
    """Whether these are few of so many handshakes."""
    return len(at) * _MANY < size


class Few:
    """A column that has these values at these indices, which ascend, and ABSENT elsewhere."""

    def __init__(self, at: Ints, values: Ints) -> None:
        # Behind them stands what no index is: what is not found is looked up there at the latest.
        self._at, self._values = np.append(at, np.iinfo(np.int64).max), np.append(values, ABSENT)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: Ints) -> Ints: ...
    def __getitem__(self, index: int | Ints) -> int | Ints:
        entry = np.searchsorted(self._at, index)
        found = np.where(self._at[entry] == index, self._values[entry], ABSENT)
        return found if isinstance(index, np.ndarray) else int(found)


class Details(Sequence[str]):
    """What is said of each handshake, put into words only when it is asked for."""

    def __init__(self, size: int, text: Callable[[int], str], at: Ints | None = None) -> None:
        """``text`` is asked by handshake; where they are given, by entry of those at these indices, which ascend."""
        self._size, self._text = size, text
        self.at = at

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._size))]
        if self.at is None:
            return self._text(index)
        entry = int(np.searchsorted(self.at, index))
        return self._text(entry) if entry < len(self.at) and self.at[entry] == index else ""
