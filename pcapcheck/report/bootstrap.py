"""How far the difference of two samples can be trusted: bootstrap intervals, drawn from a fixed seed.

To draw a sample of n again, with replacement, and take its k-th smallest value, is to take the value at the place that
the k-th smallest of n uniform numbers points to, which is Beta(k, n + 1 - k) distributed. So no sample is drawn, only
places, and a million round-trip times cost no more than ten. The legacy generator of NumPy is the one whose stream
never changes: equal recordings give equal bytes, whatever the release.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.traffic import Ints

_SEED: Final = 9293
_DRAWS: Final = 20_000
# Values beyond the quantile that a sample must have: with fewer the interval would be that of a handful of values.
BEYOND: Final = 5

Draws = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """Where a difference lies, new minus old."""

    least: float
    most: float


def enough(size: int, percent: int) -> bool:
    """Whether a sample is large enough for this quantile."""
    return size * min(percent, 100 - percent) >= BEYOND * 100


def of_quantiles(old: Ints, new: Ints, percent: int, confidence: float) -> Interval:
    """The difference of a nearest-rank quantile of two sorted samples."""
    random = np.random.RandomState(_SEED)
    return _interval(_quantiles(new, percent, random) - _quantiles(old, percent, random), confidence)


def of_shares(old: tuple[int, int], new: tuple[int, int], confidence: float) -> Interval:
    """The difference of two shares, each given as part and whole.

    Drawn again, 0 of 5 would stay 0 for ever, as if it were 0 of a million. So the shares are drawn from Jeffreys'
    Beta(part + 1/2, rest + 1/2), whose intervals hold near 0 and 1 too.
    """
    random = np.random.RandomState(_SEED)
    drawn = [random.beta(part + 0.5, whole - part + 0.5, _DRAWS) for part, whole in (new, old)]
    return _interval(drawn[0] - drawn[1], confidence)


def _quantiles(ordered: Ints, percent: int, random: np.random.RandomState) -> Draws:
    size = len(ordered)
    rank = -(-percent * size // 100)
    places = np.floor(random.beta(rank, size + 1 - rank, _DRAWS) * size).astype(np.int64)
    return ordered[np.minimum(places, size - 1)].astype(np.float64)


def _interval(differences: Draws, confidence: float) -> Interval:
    ordered = np.sort(differences)
    outside = int((1 - confidence) / 2 * _DRAWS)
    return Interval(float(ordered[outside]), float(ordered[-1 - outside]))
