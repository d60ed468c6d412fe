"""One flow of each pattern is judged for all: they come out as if each had been judged by itself."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapcheck import judge as judging
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import ACK, FIN, PSH, RST, SYN
from pcapcheck.judge import judge
from pcapcheck.openings import Flows, Openings
from pcapcheck.patterns import Regular, regular
from pcapcheck.select import select
from pcapcheck.stretch import summarise
from pcapcheck.traffic import COLUMNS, Traffic
from tests.traffic import Captured, captures

TESTS: Final = Path(__file__).parent
CAPTURES: Final = sorted([*TESTS.glob("lab/*.pcap"), *TESTS.parent.glob("sample_captures/*.pcap*")])


def none_regular(openings: Openings, end_time: int) -> Regular:
    return regular(Openings(Flows.of(), openings.rows[:0]), end_time)


def each_by_itself(openings: Openings, end_time: int) -> Traffic:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "regular", none_regular)
        return judge(openings, 0, end_time)


def differences(openings: Openings, end_time: int) -> list[Any]:
    """The fields in which the two ways differ, with the first handshakes that do."""
    one, other = judge(openings, 0, end_time), each_by_itself(openings, end_time)
    names = [name for name in (*COLUMNS, "hosts") if name != "history_code"]
    found = []
    for name in (*names, "history"):
        mine, theirs = (list(getattr(traffic.handshakes, name)) for traffic in (one, other))
        if mine != theirs:
            found.append((name, [pair for pair in zip(mine, theirs, strict=False) if pair[0] != pair[1]][:3]))
    rows = ("rows", "handshake", "event", "from_client")
    return found + [name for name in rows if getattr(one, name).tobytes() != getattr(other, name).tobytes()]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_capture(path: Path) -> None:
    summary = summarise(str(path))
    assert differences(summary.openings, summary.facts.end_time) == []
    # The same when it ends in the middle, where some are too near to the end to be decided.
    assert differences(summary.openings, summary.facts.first_time + 10**9) == []


def test_nearly_all_of_a_clean_capture_is_regular() -> None:
    summary = summarise(str(TESTS / "lab/clean_many_interleaved.pcap"))
    found = regular(summary.openings, summary.facts.end_time)
    assert len(found.flow) == len(summary.openings.flows) == 200
    assert len(found.representative) < 20


@given(captures(), st.integers(-1, 10**10))
def test_any_traffic(captured: Captured, end_time: int) -> None:
    assert differences(select(captured), end_time) == []


def _openings() -> Openings:
    """The openings of small captures, one after the other."""
    flows, parts = [], []
    for path in CAPTURES:
        openings = summarise(str(path)).openings
        if 2 < len(openings.rows) < 60:
            rows = openings.rows.copy()
            rows["flow"] += len(flows)
            flows += list(openings.flows)
            parts.append(rows)
    return Openings(Flows.of(flows), np.concatenate(parts))


ORDINARY: Final = _openings()
CHANGES: Final[dict[str, list[int]]] = {
    "seq": [1, -1, 100, 2**31, -5000],
    "ack": [1, -1, 100, 2**31, -5000],
    "time": [1, -1, -(10**9), 10**10],
    "payload_length": [1, 1000],
    "folded": [1],
    "folded_ack": [1, 2**30],
    "folded_octets": [10],
    "ip_id": [0, 1],
    "vlan": [1, 7],
    "checksum": [1],
    "unseen": [1, 2],
    "ttl": [1],
    "window": [0, 5],
}
FLAGS: Final = [SYN, SYN | ACK, ACK, PSH | ACK, FIN | ACK, RST, RST | ACK, FIN, 0, SYN | FIN, SYN | RST]


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_any_change_of_ordinary_flows(seed: int) -> None:
    """Every flow with one or two of its rows changed, given again, or taken away."""
    random = Random(seed)
    rows = ORDINARY.rows.copy()
    for index in range(len(rows)):
        if random.random() < 0.15:
            if random.random() < 0.2:
                rows["tcp_flags"][index] = random.choice(FLAGS)
                continue
            name = random.choice(list(CHANGES))
            change = random.choice(CHANGES[name])
            kind = rows.dtype[name]
            low, high = np.iinfo(kind).min, np.iinfo(kind).max
            rows[name][index] = (int(rows[name][index]) + change - low) % (high - low + 1) + low
            if name == "time" and random.random() < 0.1:
                rows["time"][index] = NO_TIME
            rows["folded_until"][index] = max(rows["folded_until"][index], rows["time"][index])
    keep = np.array([0 if random.random() < 0.03 else 2 if random.random() < 0.03 else 1 for _ in rows])
    rows = np.repeat(rows, keep)
    rows["frame"] = np.arange(1, len(rows) + 1)
    end_time = int(rows["time"].max()) + random.choice([0, 10**9, 10**11])
    assert differences(Openings(ORDINARY.flows, rows), end_time) == []
