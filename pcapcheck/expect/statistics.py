"""Statistics of round-trip times of which some are known only as an interval.

A quantile, a mean, the least and the most all grow with every sample. So the least that one can have been is that of
all samples at their least, and likewise the most: these bounds are tight.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from pcapcheck.expect.bounds import Bounds, Value, known
from pcapcheck.expect.population import Population
from pcapcheck.expect.tree import Statistic
from pcapcheck.traffic import Ints


def statistic(population: Population, wanted: Statistic) -> Value:
    """Its bounds in nanoseconds; of a count, the number. None where there is no sample."""
    measured = population.measured(wanted.measure, wanted.filters)
    if wanted.name == "count":
        return known(len(measured))
    if not len(measured):
        return None
    least, most = (np.sort(population.column(f"{wanted.measure}_{end}")[measured]) for end in ("min", "max"))
    return Bounds(_of(least, wanted), _of(most, wanted))


def _of(ordered: Ints, wanted: Statistic) -> Fraction:
    if wanted.name == "mean":
        return Fraction(sum(ordered.tolist()), len(ordered))
    if wanted.name == "min":
        return Fraction(int(ordered[0]))
    if wanted.name == "max":
        return Fraction(int(ordered[-1]))
    # The nearest rank: one that was measured, never a mean of two.
    rank = -(-wanted.percent * len(ordered) // 100)
    return Fraction(int(ordered[int(rank) - 1]))
