"""Sorting columns of integers, by NumPy's one quick sort: that of numbers alone, which knows no stable order.

Where numbers leave room for it, the place of each goes into its lowest bits: then equal ones stay in their order, and
the order is read off what was sorted. That takes a tenth of the time of a stable ``argsort``.
"""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
_Kind = TypeVar("_Kind", bound=np.generic)

# The bits of an int64 without its sign, and those that are sorted by at a time where both do not fit.
_BITS: Final = 63
_HALF: Final = 32

# Numbers are renumbered by a table of all that they may be, where that has at most so many entries for each of them.
_DENSE: Final = 4


def stable_order(values: npt.NDArray[np.integer]) -> Ints:
    """The indices that sort the values, equal ones in their order: ``np.argsort(values, kind="stable")``."""
    return sort_stably(values)[1]


def sort_stably(values: npt.NDArray[np.integer]) -> tuple[Ints, Ints]:
    """The values in order, and their indices; values that lie too far apart first by their low bits, then the rest."""
    if not len(values):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    numbers, bits = values.astype(np.int64, copy=False), len(values).bit_length()
    least = int(numbers.min())
    if (int(numbers.max()) - least) >> (_BITS - bits):
        by_low = stable_order(numbers & (1 << _HALF) - 1)
        order = by_low[stable_order((numbers >> _HALF)[by_low])]
        return numbers[order], order
    placed = (numbers - least << bits) + np.arange(len(numbers))
    placed.sort()
    return (placed >> bits) + least, placed & (1 << bits) - 1


def ranks(values: npt.NDArray[np.integer]) -> Ints:
    """Of each value its place, from 0, among those that occur: the inverse that ``np.unique`` gives."""
    if not len(values):
        return np.empty(0, np.int64)
    least, most = int(values.min()), int(values.max())
    if most - least < _DENSE * len(values):
        above = values - least
        occurs = np.zeros(most - least + 1, bool)
        occurs[above] = True
        dense: Ints = (occurs.cumsum() - 1)[above]
        return dense
    return numbered(values)[2]


def numbered(values: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int64], Ints, Ints]:
    """The values that occur, in order, where each first occurs, and the number of each value among them.

    What ``np.unique`` gives with ``return_index`` and ``return_inverse``.
    """
    ordered, order = sort_stably(values)
    start, _ = stretches(ordered)
    number = np.empty(len(values), np.int64)
    begins = np.zeros(len(values), np.int64)
    begins[start[1:]] = 1
    number[order] = begins.cumsum()
    return ordered[start], order[start], number


def stretches(ordered: npt.NDArray[np.integer]) -> tuple[Ints, Ints]:
    """Where each stretch of equal values begins, and where it ends."""
    begins = np.ones(len(ordered), bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    (start,) = begins.nonzero()
    return start, np.append(start[1:], len(ordered))[: len(start)]


def values_of(column: npt.NDArray[_Kind]) -> npt.NDArray[_Kind]:
    """The values that occur, in order.

    np.unique would import numpy.ma for that, which takes longer than everything else about a small capture.
    """
    ordered = np.sort(column)
    values: npt.NDArray[_Kind] = ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]]
    return values


def occur_again(values: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Which of the values occur more than once."""
    ordered = np.sort(values)
    return occur_in(values, ordered[1:][ordered[1:] == ordered[:-1]])


def occur_in(values: npt.NDArray[np.integer], known: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Which of the values are among the known ones. Of numbers of 64 bits np.isin takes twenty times as long."""
    if not len(known):
        return np.zeros(len(values), bool)
    return found_in(np.sort(known), values)[1]


def found_in(ordered: npt.NDArray[np.integer], values: npt.NDArray[np.integer]) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Where each of the values stands among these, which ascend (at least one), and whether it is there at all."""
    place = np.searchsorted(ordered[:-1], values)
    return place, ordered[place] == values
