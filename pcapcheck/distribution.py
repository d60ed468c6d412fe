"""Distributions of whole numbers that merge: the same result however the numbers were cut into parts.

Of each group of numbers every value is counted while they are few: up to MOST_EXACT different ones. Beyond that the
values are counted in logarithmic buckets, each narrower than 0.1 % of its values, so that a quantile is off by less
than 0.05 %, and a group has at most 28,000 entries below 100 s in nanoseconds. Which of the two holds depends on the
numbers alone. The least and the most are always exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.sorting import stretches
from pcapcheck.tables import ABSENT

Ints = npt.NDArray[np.int64]

# Different values of a group that are counted one by one.
MOST_EXACT: Final = 4096
# Leading bits of a value that its bucket keeps: 2^10 buckets from each power of two to the next.
_BITS: Final = 11
# Bits of a number that are not its sign.
_ROOM: Final = 63


@dataclass(frozen=True, eq=False)
class Distributions:
    """How often each value occurs in each group; the groups are numbered from 0.

    An entry is a group, a value and its count; entries are sorted by group, then value. Values are not negative.
    """

    group: Ints
    value: Ints
    count: Ints
    least: Ints  # of each group, ABSENT where it is empty
    most: Ints
    coarse: npt.NDArray[np.bool_]  # of each group: its values stand for buckets

    def __len__(self) -> int:
        return len(self.least)

    def sizes(self) -> Ints:
        """How many numbers each group has."""
        return _sums(self.group, self.count, len(self))

    def of(self, group: int) -> tuple[Ints, Ints]:
        """The values of one group, and their counts."""
        start, stop = np.searchsorted(self.group, [group, group + 1])
        return self.value[start:stop], self.count[start:stop]

    def quantile(self, group: int, percent: int) -> int:
        """The nearest-rank quantile of one group; ABSENT where it is empty."""
        value, count = self.of(group)
        if not len(value):
            return ABSENT
        until = count.cumsum()
        rank = max(1, -(-percent * int(until[-1]) // 100))
        found = int(value[np.searchsorted(until, rank)])
        return min(max(found, int(self.least[group])), int(self.most[group]))


def distribution(value: Ints) -> Distributions:
    """Of numbers of one group. ABSENT is no number."""
    value = value[value != ABSENT]
    value.sort()
    start, end = stretches(value)
    group, value = np.zeros(len(start), np.int64), value[start]
    return _distributions(group, value, end - start, *_ends(group, value, 1), np.zeros(1, bool))


def distributions(group: Ints, value: Ints, size: int) -> Distributions:
    """Of numbers and the group of each, of ``size`` groups. ABSENT is no number."""
    (there,) = (value != ABSENT).nonzero()
    entries = _occurring(group[there], value[there])
    return _distributions(*entries, *_ends(*entries[:2], size), np.zeros(size, bool))


def counted(group: Ints, value: Ints, count: Ints, size: int) -> Distributions:
    """Of numbers that occur so often each; those that do not occur at all are left out."""
    there = count > 0
    entries = _counted(group[there], value[there], count[there])
    return _distributions(*entries, *_ends(*entries[:2], size), np.zeros(size, bool))


def together(parts: Sequence[Distributions], numbers: Sequence[Ints], size: int) -> Distributions:
    """All parts in one; ``numbers`` says of each part which of ``size`` groups each of its own is. Associative."""
    group = _joined([number[part.group] for part, number in zip(parts, numbers, strict=True)])
    value, count = _joined([part.value for part in parts]), _joined([part.count for part in parts])
    least, most = np.full(size, np.iinfo(np.int64).max), np.full(size, ABSENT)
    coarse = np.zeros(size, bool)
    for part, number in zip(parts, numbers, strict=True):
        some = part.most != ABSENT
        np.minimum.at(least, number[some], part.least[some])
        np.maximum.at(most, number[some], part.most[some])
        coarse[number[part.coarse]] = True
    least[most == ABSENT] = ABSENT
    if coarse.any():
        value = np.where(coarse[group], bucket(value), value)
    return _distributions(*_counted(group, value, count), least, most, coarse)


def bucket(value: Ints) -> Ints:
    """The middle of the bucket of each value; that of a middle is itself."""
    shift = np.frexp((value >> _BITS).astype(np.float64))[1].astype(np.int64)
    found: Ints = (value >> shift << shift) + (1 << shift >> 1)
    return found


def _distributions(
    group: Ints, value: Ints, count: Ints, least: Ints, most: Ints, coarse: npt.NDArray[np.bool_]
) -> Distributions:
    """In buckets where the values of a group are too many."""
    many = ~coarse & (np.bincount(group, minlength=len(coarse)) > MOST_EXACT)
    if many.any():
        coarse = coarse | many
        group, value, count = _counted(group, np.where(coarse[group], bucket(value), value), count)
    return Distributions(group, value, count, least, most, coarse)


def _occurring(group: Ints, value: Ints) -> tuple[Ints, Ints, Ints]:
    """Each group and value once, sorted, and how often it occurs. The columns are written over."""
    bits, most = int(value.max(initial=0)).bit_length(), int(group.max(initial=0))
    if most.bit_length() + bits > _ROOM:
        return _counted(group, value, np.ones(len(group), np.int64))
    # One number for both, so that numbers alone are sorted, or only counted.
    both = group
    both <<= bits
    both |= value
    if most + 1 << bits <= len(both):
        counts = np.bincount(both)
        (both,) = counts.nonzero()
        count = counts[both]
    else:
        both.sort()
        start, end = stretches(both)
        both, count = both[start], end - start
    return both >> bits, both & (1 << bits) - 1, count


def _counted(group: Ints, value: Ints, count: Ints) -> tuple[Ints, Ints, Ints]:
    """Each group and value once, sorted, with all that was counted of it."""
    order: Any = np.lexsort((value, group)) if (group != group[:1]).any() else np.argsort(value)
    group, value, count = group[order], value[order], count[order]
    new = np.ones(len(group), bool)
    new[1:] = (group[1:] != group[:-1]) | (value[1:] != value[:-1])
    (first,) = new.nonzero()
    return group[first], value[first], np.add.reduceat(count, first) if len(first) else count


def _ends(group: Ints, value: Ints, size: int) -> tuple[Ints, Ints]:
    """The first and the last value of each group."""
    starts = np.searchsorted(group, np.arange(size + 1))
    least, most = np.full((2, size), ABSENT, np.int64)
    (some,) = (starts[1:] > starts[:-1]).nonzero()
    least[some], most[some] = value[starts[some]], value[starts[some + 1] - 1]
    return least, most


def _sums(group: Ints, count: Ints, size: int) -> Ints:
    found = np.zeros(size, np.int64)
    np.add.at(found, group, count)
    return found


def _joined(columns: Sequence[Ints]) -> Ints:
    return np.concatenate([np.empty(0, np.int64), *columns])
