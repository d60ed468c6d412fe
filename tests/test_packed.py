"""Packed columns give back what was packed, in memory and on disk, whole and divided."""

from __future__ import annotations

import pickle
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.divided import Divided, Division
from pcapcheck.packed import STRETCH, Packed
from pcapcheck.scratch import Scratch

INTEGERS: Final = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-1, 1000), min_size=1, max_size=20)


@given(INTEGERS, st.integers(1, 4 * STRETCH), st.integers(0, 10), st.integers(0, 5), st.booleans())
def test_values_come_back(values: list[int], size: int, start: int, more: int, on_disk: bool) -> None:
    column = np.resize(np.array(values, np.int64), size)
    packed = Packed.of(column, Scratch() if on_disk else None)
    packed.extend(column[:more])
    whole = np.append(column, column[:more])
    start = min(start * STRETCH // 2, len(whole) - 1)
    assert np.array_equal(packed.read(), whole)
    assert np.array_equal(packed[start : start + STRETCH], whole[start : start + STRETCH])
    assert packed[start] == whole[start]
    assert packed.nbytes <= whole.nbytes
    for apart in (3, 7, -7):  # many of a stretch, few of one, and these backwards
        some = np.arange(start, len(whole), abs(apart))[:: np.sign(apart)]
        assert np.array_equal(packed.take(some), whole[some])
        assert np.array_equal(packed.take(np.append(some, some[-1:])), whole[np.append(some, some[-1:])])
    assert np.array_equal(packed.meet(lambda values: values > whole[start]), whole > whole[start])
    assert np.array_equal(packed.unpacked(), whole)
    backwards = np.arange(len(whole))[::-1]
    assert np.array_equal(packed.reordered(backwards).read(), whole[::-1])
    assert np.array_equal(pickle.loads(pickle.dumps(packed)).read(), whole)


def test_on_disk_no_values_are_in_memory() -> None:
    column = np.arange(4 * STRETCH)
    here, away = Packed.of(column), Packed.of(column, Scratch())
    assert (here.nbytes, away.nbytes) == (2 * 4 * STRETCH, 0)
    assert pickle.loads(pickle.dumps(away)).nbytes == here.nbytes


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1), st.none() | st.integers(-5, 5))
def test_divided_columns_are_one(entries: list[tuple[int, bool]], of_others: int | None) -> None:
    """The values of those apart, and of the others their own or one for all."""
    apart = np.array([is_apart for _, is_apart in entries])
    column = np.array([value for value, _ in entries])
    if of_others is not None:
        column[~apart] = of_others
    division = Division(len(column), apart.nonzero()[0])
    divided = Divided(division, Packed.of(column[apart]), Packed.of(column[~apart]) if of_others is None else of_others)
    backwards = np.arange(len(column))[::-1]
    assert divided.unpacked().tolist() == column.tolist()
    assert divided.take(backwards).tolist() == column[::-1].tolist()
    assert divided.pick(backwards).pick(backwards).unpacked().tolist() == column.tolist()


@pytest.mark.parametrize("others", [False, Packed.of(np.zeros(2, bool))])
def test_divided_booleans_stay_booleans(others: Packed | int) -> None:
    divided = Divided(Division(3, np.array([1])), Packed.of(np.ones(1, bool)), others)
    assert divided.unpacked().tolist() == [False, True, False]


def test_all_alike_stay_what_they_are() -> None:
    """Booleans stay booleans, and what is put behind them later does not come into those that were reordered."""
    packed = Packed.of(np.ones(5, bool))
    same = packed.reordered(np.arange(5)[::-1])
    packed.extend(np.zeros(2, bool))
    assert same.unpacked().tolist() == [True] * 5
    assert packed.unpacked().tolist() == [True] * 5 + [False] * 2
