"""Captures of real Linux hosts whose programs did what tests/kernel/README.md says. The captures may be copied."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

import pcapcheck
from tests.rows import rows

KERNEL: Final = Path(__file__).parent / "kernel"

# Capture: how many handshakes have which outcome, shape, close and first cause.
EXPECTED: Final = {
    "accept_queue_full": {
        ("established", "three-way", "half-closed", ""): 1,
        ("unanswered", "", "", "filtered-or-down"): 3,  # and syn-queue-full, which is no more certain
    },
    "connect_scan": {
        ("established", "three-way", "half-closed", "connect-scan"): 10,
        ("refused", "", "", "connect-scan"): 20,
    },
    "fast_open": {
        ("established", "three-way", "fin", "fast-open"): 1,
        ("established", "fast-open", "fin", "fast-open"): 2,
    },
    "port_reused": {("established", "three-way", "fin", ""): 1, ("established", "three-way", "fin", "port-reused"): 2},
    "reset_on_close": {("established", "three-way", "reset", ""): 3},
    "retry_loop": {("refused", "", "", "retry-loop"): 6},
    "self_connect": {("established", "self-connect", "half-closed", ""): 1},
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_outcomes_and_causes(name: str) -> None:
    report = pcapcheck.check(KERNEL / f"{name}.pcap")
    ((traffic,), (causes,)) = report.traffics, report.all_causes
    found = Counter(
        (row["outcome"], row["shape"], row["close"], next((one.diagnosis.slug for one in causes.of(number)), ""))
        for number, row in enumerate(rows(traffic))
    )
    assert found == EXPECTED[name]
    assert [finding.message for finding in report.all_findings if finding.severity == "error"] == []


def test_a_full_accept_queue_is_among_the_causes() -> None:
    report = pcapcheck.check(KERNEL / "accept_queue_full.pcap")
    slugs = [[one.diagnosis.slug for one in report.all_causes[0].of(number)] for number in range(4)]
    assert slugs == [[], *[["filtered-or-down", "syn-queue-full"]] * 3]


def test_every_capture_is_expected() -> None:
    assert {path.stem for path in KERNEL.glob("*.pcap")} == set(EXPECTED)
