"""Random numbers that are the same on every machine: whole numbers of a seeded bit generator, and tables of quantiles.

NumPy promises the stream of a bit generator, but not what its distributions make of it; so those are not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

QUANTILES: Final = 4096
NORMAL: Final = NormalDist()


def table(quantile: Callable[[float], float]) -> Ints:
    """A distribution as a table of its quantiles, in whole numbers."""
    return np.array([round(quantile((step + 0.5) / QUANTILES)) for step in range(QUANTILES)], np.int64)


def exponential(mean: float) -> Ints:
    return table(lambda share: -mean * math.log1p(-share))


def lognormal(median: float, sigma: float, least: float = 0, most: float = math.inf) -> Ints:
    """``sigma`` is the standard deviation of the logarithm; what lies outside ``least`` to ``most`` is put there."""
    return table(lambda share: min(max(median * math.exp(sigma * NORMAL.inv_cdf(share)), least), most))


def choices(shares: dict[int, float]) -> Ints:
    """Each number with its share of the draws; the last one gets what is left."""
    numbers = [number for number, share in shares.items() for _ in range(round(share * QUANTILES))]
    return np.array([*numbers, *[list(shares)[-1]] * QUANTILES][:QUANTILES], np.int64)


class Draws:
    """The draws of one block: the same for the same seed and number of the block."""

    def __init__(self, *seed: int) -> None:
        self._bits: Any = np.random.PCG64(seed)

    def words(self, number: int) -> Words:
        return np.asarray(self._bits.random_raw(number), np.uint64)

    def below(self, limit: int | Ints, number: int) -> Ints:
        """Whole numbers from 0 to ``limit`` - 1 (at most 2**31), each as likely."""
        top = self.words(number) >> np.uint64(33)
        return ((top * np.asarray(limit, np.uint64)) >> np.uint64(31)).astype(np.int64)

    def chance(self, share: float | npt.NDArray[np.float64], number: int) -> Bools:
        return self.below(2**31, number) < np.asarray(share) * 2.0**31

    def pick(self, quantiles: Ints, number: int) -> Ints:
        return quantiles[self.below(len(quantiles), number)]


def mixed(*columns: npt.ArrayLike) -> Words:
    """A hash of the columns, row by row (the finisher of SplitMix64)."""
    state = np.uint64(0x9E3779B97F4A7C15)
    total: Any = np.uint64(0)
    for column in columns:
        total = (total ^ np.asarray(column).astype(np.uint64)) + state
        total = (total ^ (total >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        total = (total ^ (total >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        total = total ^ (total >> np.uint64(31))
    return np.asarray(total)


def spread(starts: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """For groups of so many members: of each member the ``starts`` of its group, and its number in the group."""
    owner = np.repeat(starts, lengths)
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return owner, np.arange(len(owner)) - first


def within(values: Ints, groups: Sequence[int] | Ints, before: bool = False) -> Ints:
    """Running totals that start anew in each group (rows of a group stand together); ``before`` leaves out the row."""
    total = np.cumsum(values)
    groups = np.asarray(groups)
    first = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    base = np.repeat(total[first] - values[first], np.diff(np.r_[first, len(values)]))
    return total - base - (values if before else 0)
