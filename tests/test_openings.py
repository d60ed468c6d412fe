"""Openings cut and put together: flows and rows stay as they are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pcapcheck.decode.segment import ACK, SYN
from pcapcheck.openings import Openings, beside, fitted
from pcapcheck.select import select
from tests.traffic import HOSTS, segment


def syns(number: int) -> Openings:
    """A SYN and its answer of so many connections."""
    client, server = HOSTS[0][0], HOSTS[1]
    ends = [((client, 1025 + port), server) for port in range(number)]
    asked = [(2 * at + 1, at, segment(one, at, 0, SYN)) for at, one in enumerate(ends)]
    answered = [(2 * at + 2, at, segment(one[::-1], 5, at + 1, SYN | ACK)) for at, one in enumerate(ends)]
    return select([*asked, *answered])


def assert_same(found: Openings, whole: Openings) -> None:
    assert list(found.flows) == list(whole.flows)
    assert found.rows.octets() == whole.rows.octets()


@pytest.mark.parametrize(
    ("sizes", "fit"),
    [
        ([], []),
        ([8, 8], [8, 8]),
        ([3, 8, 1, 1, 1, 1, 20], [3, 8, 4, 8, 8, 4]),
        ([1, 0, 1], [2]),
        ([3, 5, 3, 6], [8, 3, 6]),
    ],
)
def test_parts_that_fit(sizes: list[int], fit: list[int]) -> None:
    whole = syns(sum(sizes))
    batches = list(fitted(whole.cut(np.cumsum([0, *sizes])), 8))
    assert [len(one.flows) for one in batches] == fit
    assert_same(beside(batches), whole)


def test_cut_and_put_beside_each_other() -> None:
    whole = syns(7)
    at = [0, 2, 2, 6, 7]
    parts = list(whole.cut(np.array(at)))
    assert [len(one.flows) for one in parts] == [then - before for before, then in pairwise(at)]
    assert_same(beside(parts), whole)
    assert_same(beside([one.by_themselves() for one in parts]), whole)


def test_in_another_order_and_back() -> None:
    whole = syns(3)
    other = whole.ordered(np.array([2, 0, 1]))
    assert [key.low_port for key in other.flows] == [1027, 1025, 1026]
    assert other.rows["frame"].tolist() == [5, 6, 1, 2, 3, 4]
    assert_same(other.in_order(), whole)
