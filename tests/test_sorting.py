"""Columns are sorted as NumPy sorts them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.sorting import numbered, occur_again, occur_in, ranks, stable_order, stretches, values_of

FAR = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=40)
NEAR = st.lists(st.integers(-5, 5), max_size=40)


def column(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


@given(NEAR | FAR | st.lists(st.integers(-(2**57), 2**57), max_size=40))
def test_order_ranks_and_values(values: list[int]) -> None:
    given = column(values)
    occurring, first, inverse = np.unique(given, return_index=True, return_inverse=True)
    assert [found.tolist() for found in numbered(given)] == [occurring.tolist(), first.tolist(), inverse.tolist()]
    assert stable_order(given).tolist() == np.argsort(given, kind="stable").tolist()
    assert ranks(given).tolist() == inverse.tolist()
    assert values_of(given).tolist() == occurring.tolist()


def test_equal_ones_keep_their_order() -> None:
    assert stable_order(column([7, 3, 7, 3, 2**62])).tolist() == [1, 3, 0, 2, 4]
    assert stable_order(column([-(2**63), 2**63 - 1, -(2**63)])).tolist() == [0, 2, 1]


def test_ranks_of_few_and_of_far_apart() -> None:
    assert ranks(column([12, 10, 12, 15])).tolist() == [1, 0, 1, 2]
    assert ranks(column([-(2**63), 10**12, -(2**63), 5])).tolist() == [0, 2, 0, 1]


@given(NEAR | FAR)
def test_occur_again(values: list[int]) -> None:
    assert occur_again(column(values)).tolist() == [values.count(one) > 1 for one in values]


@given(NEAR | FAR, NEAR | FAR)
def test_occur_in(values: list[int], known: list[int]) -> None:
    assert occur_in(column(values), column(known)).tolist() == [one in known for one in values]


def test_stretches() -> None:
    assert [part.tolist() for part in stretches(column([4, 4, 4, 9, 2, 2]))] == [[0, 3, 4], [3, 4, 6]]
    assert [part.tolist() for part in stretches(column([]))] == [[], []]
