"""What judged traffic shows of the capture's own faults."""

from __future__ import annotations

from typing import Final

import pytest

from pcapcheck.evidence import Event
from pcapcheck.faults import signs
from tests.rows import traffic_of_exchange

OPEN: Final = "+0 > S 0:0(0) <mss 1460>\n+.02 < S. 0:0(0) ack 1 <mss 1460>\n+0 > . 1:1(0) ack 1\n"


@pytest.mark.parametrize(
    ("payload", "merged"),
    [(1460, False), (1500, False), (2919, False), (2920, True), (43800, True)],
)
def test_segments_merged(payload: int, merged: bool) -> None:
    traffic = traffic_of_exchange(OPEN + f"+0 < . 1:{payload + 1}({payload}) ack 1")
    assert bool(signs.segments_merged(traffic).any()) is merged


def test_merged_segments_that_were_folded_away() -> None:
    small = "".join(f"+0 < . {n * 100 + 1}:{n * 100 + 101}(100) ack 1\n" for n in range(6))
    traffic = traffic_of_exchange(OPEN + small + "+0 < . 601:9601(9000) ack 1\n+0 < . 9601:9701(100) ack 1\n")
    assert signs.segments_merged(traffic).any()


def test_checksums_offloaded() -> None:
    traffic = traffic_of_exchange(OPEN.replace("<mss 1460>", "<mss 1460> partialsum", 1))
    assert traffic.event[signs.checksums_offloaded(traffic)].tolist() == [Event.SYN]


@pytest.mark.parametrize(
    ("second", "copy", "unknown"),
    [
        ("> S 0:0(0) id 1", True, False),
        ("> S 0:0(0) id 2", False, False),
        ("> S 0:0(0) id 0", False, True),
    ],
)
def test_network_copies(second: str, copy: bool, unknown: bool) -> None:
    traffic = traffic_of_exchange(f"+0 > S 0:0(0) id 1\n+.3 {second}")
    copies, unclear = signs.network_copies(traffic, Event.SYN)
    assert (copies.tolist(), unclear.tolist()) == ([False, copy], [False, unknown])


def test_a_mirrors_copies_come_at_once() -> None:
    traffic = traffic_of_exchange("+0 > S 0:0(0)\n+.001 copy\n+.3 > S 0:0(0)")
    assert traffic.event.tolist() == [Event.SYN, Event.COPY, Event.SYN]
    copies, _ = signs.network_copies(traffic, Event.SYN)
    assert not copies.any()


def test_untimed() -> None:
    assert not signs.untimed(traffic_of_exchange(OPEN)).any()
    assert signs.untimed(traffic_of_exchange(OPEN + "-.01 < P. 1:101(100) ack 1")).all()
