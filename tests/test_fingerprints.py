"""Fingerprints of flows: alike for the same flow, and those that occur in several places are found."""

from __future__ import annotations

import numpy as np
import pytest

from pcapcheck import fingerprints
from pcapcheck.fingerprints import Again, part_of
from pcapcheck.openings import FlowKey, Flows

A, B, C = bytes([192, 0, 2, 1]), bytes([198, 51, 100, 2]), bytes([0x20, 1, 0xD, 0xB8, *[0] * 11, 1])
DIFFERENT = [
    FlowKey(A, 1025, B, 80),
    FlowKey(A, 1025, B, 81),
    FlowKey(A, 1026, B, 80),
    FlowKey(A, 80, B, 1025),
    FlowKey(B, 1025, B, 80),
    FlowKey(A, 1025, A, 80),
    FlowKey(A, 1025, B, 80, 7),
    FlowKey(C, 1025, C, 80),
    FlowKey(C[:-1] + b"\2", 1025, C, 80),
    FlowKey(b"\x20\2" + C[2:], 1025, C, 80),
]


def test_each_flow_has_its_own() -> None:
    assert len(set(fingerprints.fingerprints(Flows.of(DIFFERENT)).tolist())) == len(DIFFERENT)


def test_a_flow_has_the_same_among_any_others() -> None:
    together = fingerprints.fingerprints(Flows.of(DIFFERENT))
    assert [int(fingerprints.fingerprints(Flows.of([one]))[0]) for one in DIFFERENT] == together.tolist()


@pytest.mark.parametrize("compared", [1, 3, 1000])
def test_those_that_occur_again_are_found(compared: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "_COMPARED", compared)
    number = {name: np.uint64(at << 60) for at, name in enumerate("abcdef", start=9)}
    parts = [np.array([number[name] for name in names]) for names in ("abc", "d", "cdef", "", "fc")]
    again = Again([part.tobytes for part in parts], sum(map(len, parts)))
    assert again.count == 7
    assert again.holds(np.array([number[name] for name in "abcdef"])).tolist() == [
        False,
        False,
        True,
        True,
        False,
        True,
    ]


def test_parts_are_equally_large_ranges() -> None:
    values = np.array([0, 2**62 - 1, 2**62, 2**63, 2**64 - 1], np.uint64)
    assert part_of(values, 4).tolist() == [0, 0, 1, 2, 3]
    assert part_of(values, 1).tolist() == [0, 0, 0, 0, 0]
