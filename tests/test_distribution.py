"""Distributions that merge: the same however the numbers are cut, exact while they are few, then within 0.05 %."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.distribution import MOST_EXACT, Distributions, bucket, distributions, together
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints

GROUPS = 3


def whole(group: Ints, value: Ints) -> Distributions:
    return distributions(group, value, GROUPS)


def entries(one: Distributions) -> list[list[int]]:
    return [column.tolist() for column in (one.group, one.value, one.count, one.least, one.most, one.coarse)]


def numbers(seed: int, size: int) -> tuple[Ints, Ints]:
    """Numbers over many powers of two: of the first group many different ones, of the second few, of the last none."""
    source = np.random.default_rng(seed)
    group = source.integers(0, 2, size)
    value = np.where(group == 0, 2 ** source.uniform(0, 40, size), source.integers(0, 50, size)).astype(np.int64)
    return group, np.where(source.random(size) < 0.1, ABSENT, value)


@given(
    st.integers(0, 1000),
    st.sampled_from([0, 1, 100, MOST_EXACT, 5 * MOST_EXACT]),
    st.lists(st.floats(0, 1), max_size=6),
    st.randoms(use_true_random=False),
)
def test_the_same_however_it_is_cut_and_merged(seed: int, size: int, cuts: list[float], order: object) -> None:
    group, value = numbers(seed, size)
    bounds = [0, *sorted(int(cut * size) for cut in cuts), size]
    parts = [whole(group[a:b], value[a:b]) for a, b in pairwise(bounds)]
    every = np.arange(GROUPS)
    while len(parts) > 1:
        at = order.randrange(len(parts) - 1)  # type: ignore[attr-defined]
        parts[at : at + 2] = [together(parts[at : at + 2], [every] * 2, GROUPS)]
    assert entries(parts[0]) == entries(whole(group, value))


def test_groups_are_renumbered() -> None:
    first = distributions(np.array([0, 1]), np.array([10, 20]), 2)
    then = distributions(np.array([0, 0]), np.array([20, 5]), 1)
    both = together([first, then], [np.array([2, 0]), np.array([0])], 3)
    assert entries(both) == [[0, 0, 2], [5, 20, 10], [1, 2, 1], [5, ABSENT, 10], [20, ABSENT, 10], [False] * 3]
    assert both.quantile(1, 50) == ABSENT


@pytest.mark.parametrize("percent", [0, 1, 50, 95, 99, 100])
def test_quantiles(percent: int) -> None:
    value = (2 ** np.random.default_rng(7).uniform(10, 40, 50_000)).astype(np.int64)
    ordered = np.sort(value)
    exact = int(ordered[max(1, -(-percent * len(ordered) // 100)) - 1])
    found = distributions(np.zeros(len(value), np.int64), value, 1)
    assert found.coarse.tolist() == [True]
    assert abs(found.quantile(0, percent) - exact) <= exact / 2000
    few = distributions(np.zeros(len(value), np.int64), value // 10**9 * 10**9, 1)
    assert few.quantile(0, percent) == exact // 10**9 * 10**9
    assert (found.least[0], found.most[0]) == (ordered[0], ordered[-1])


def test_it_is_bounded() -> None:
    value = np.arange(1, 100 * 10**9, 10**5)
    assert len(distributions(np.zeros(len(value), np.int64), value, 1).value) < 28_000


@given(st.integers(0, 2**62))
def test_buckets(value: int) -> None:
    (middle,) = bucket(np.array([value])).tolist()
    assert abs(middle - value) <= value / 2000
    assert bucket(np.array([middle])).tolist() == [middle]
