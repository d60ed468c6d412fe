"""Smooth connections: what is said of them without a look at their rows is what the rows say."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.diagnoses import DIAGNOSES as DIAGNOSES  # so that all functions of BY_ROWS are there
from pcapcheck.judge import judge_flows
from pcapcheck.known import Known
from pcapcheck.openings import Flows, Openings
from pcapcheck.rows import Rows
from pcapcheck.select import select
from pcapcheck.smooth import Smooth
from pcapcheck.stretch import summarise
from pcapcheck.testing import parse_exchange
from pcapcheck.traffic import BY_ROWS, Traffic
from tests.test_every_value import exchanges
from tests.test_patterns import changed_openings, reused_openings, troubled_openings
from tests.traffic import Captured, captures

TESTS: Final = Path(__file__).parent
CAPTURES: Final = sorted(
    path for path in [*TESTS.rglob("*.pcap*"), *(TESTS.parent / "sample_captures").glob("*.pcap*")] if path.is_file()
)
LATE: Final = 10**13


def columns(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


def differences(openings: Openings, end_time: int) -> list[str]:
    """The functions of BY_ROWS that give something else of all handshakes than is put together of plain and others."""
    one, other = (judge_flows(openings, 0, end_time) for _ in range(2))
    known = Known()
    known.add(one)
    if known.waiting:
        known.look()
    order = np.arange(len(one.handshakes))
    found = known.columns(order)
    assert list(found) == (list(BY_ROWS) if len(order) else [])
    differing = []
    for name in found:
        function, _ = BY_ROWS[name]
        expected = columns(function(other))
        for told, column in zip(found[name], expected, strict=True):
            assert told.boolean == (column.dtype == bool), name
            # As a whole, and some of them.
            if not told.unpacked().tolist() == told.take(order).tolist() == column.tolist():
                differing.append(name)
    return differing


def judged(text: str) -> Traffic:
    return judge_flows(select(parse_exchange(text).segments()), 0, LATE)


def smooth(traffic: Traffic) -> Smooth:
    assert traffic.smooth is not None
    return traffic.smooth


def smooth_ones(text: str) -> int:
    return len(smooth(judged(text)).at)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_capture(path: Path) -> None:
    summary = summarise(str(path))
    assert differences(summary.openings, summary.facts.end_time) == []


def test_every_exchange() -> None:
    """Those that rules and diagnoses find, and those that they do not."""
    texts = [(name, parse_exchange(text)) for name, text in exchanges()]
    found = {name: differences(select(exchange.segments()), LATE) for name, exchange in texts}
    assert {name: differing for name, differing in found.items() if differing} == {}


@given(captures())
def test_any_traffic(captured: Captured) -> None:
    assert differences(select(captured), LATE) == []


@pytest.mark.parametrize("openings", [changed_openings, troubled_openings, reused_openings])
@settings(max_examples=50)
@given(seed=st.integers(0, 2**32))
def test_changed_flows(openings: Any, seed: int) -> None:
    assert differences(openings(seed), LATE) == []


SYN_OPTIONS: Final = "<mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>"
STAMPED: Final = f"""
    +0   > S  0:0(0) win 64240 {SYN_OPTIONS}
    +.02 < S. 0:0(0) ack 1 win 65160 <mss 1400,sackOK,TS val 900 ecr 100,nop,wscale 8>
    +0   > .  1:1(0) ack 1 win 502 <nop,nop,TS val 120 ecr 900>
    +.01 > P. 1:201(200) ack 1 win 502 <nop,nop,TS val 130 ecr 900>
    +.02 < .  1:1(0) ack 201 win 500 <nop,nop,TS val 950 ecr 130>
    +.01 < P. 1:1001(1000) ack 201 win 500 <nop,nop,TS val 960 ecr 130>
    +.01 > .  201:201(0) ack 1001 win 500 <nop,nop,TS val 160 ecr 960>
"""
CLOSED: Final = """
    +.01 > F. 201:201(0) ack 1001 win 500 <nop,nop,TS val 170 ecr 960>
    +.02 < F. 1001:1001(0) ack 202 win 500 <nop,nop,TS val 990 ecr 170>
    +0   > .  202:202(0) ack 1002 win 500 <nop,nop,TS val 190 ecr 990>
"""
BARE: Final = """
    +0   > S  0:0(0) win 64240 <mss 1460>
    +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
    +0   > .  1:1(0) ack 1 win 64240
    +.1  > P. 1:101(100) ack 1 win 64240
    +.02 < P. 1:501(500) ack 101 win 65160
    +0   > .  101:101(0) ack 501 win 64240
"""
# So many segments of one direction that some are folded.
LONG: Final = "".join(
    f"+.001 < . {1001 + 1000 * n}:{2001 + 1000 * n}(1000) ack 201 win 500 <nop,nop,TS val {970 + n} ecr 160>\n"
    f"+0 > . 201:201(0) ack {2001 + 1000 * n} win 500 <nop,nop,TS val {160 + n} ecr {970 + n}>\n"
    for n in range(20)
)
SMOOTH: Final = {
    "open": STAMPED,
    "closed": STAMPED + CLOSED,
    "without timestamps": BARE,
    "the server has no timestamps": BARE.replace("<mss 1460>", "<mss 1460,nop,nop,TS val 7 ecr 0>", 1),
    "the server speaks first": BARE.replace("> P. 1:101(100) ack 1", "< P. 1:101(100) ack 1").replace(
        "< P. 1:501(500) ack 101", "> P. 1:501(500) ack 101"
    ).replace("> .  101:101(0) ack 501", "< .  101:101(0) ack 501"),
    "long": STAMPED + LONG,
    "another order of the SYN's options": STAMPED.replace(
        SYN_OPTIONS, "<nop,wscale 7,nop,nop,TS val 100 ecr 0,mss 1460,sackOK,eol>"
    ),
    "the window shrinks later": STAMPED.replace("ack 1001 win 500", "ack 1001 win 0"),
}  # fmt: skip
# What is no longer smooth with a change of the one that is closed.
NOT_SMOOTH: Final = {
    "the SYN came twice": ("+.02 < S.", f"+1 > S 0:0(0) win 64240 {SYN_OPTIONS}\n+.02 < S."),
    "the SYN had payload": ("> S  0:0(0)", "> S  0:10(10)"),
    "the SYN had a number to acknowledge": ("> S  0:0(0)", "> S  0:0(0) ack 7"),
    "the SYN asks for ECN": ("> S  0:0(0)", "> SEW 0:0(0)"),
    "the SYN has another option": ("sackOK,TS val 100 ecr 0,nop", "sackOK,TS val 100 ecr 0,FO"),
    "no MSS": ("<mss 1460,", "<nop,nop,"),
    "a shift too large": ("wscale 7", "wscale 15"),
    "timestamps unasked": ("TS val 100 ecr 0", "nop,nop"),
    "the SYN echoes": ("TS val 100 ecr 0", "TS val 100 ecr 9"),
    "the SYN-ACK echoes another": ("TS val 900 ecr 100", "TS val 900 ecr 99"),
    "the ACK echoes another": ("TS val 120 ecr 900", "TS val 120 ecr 899"),
    "a timestamp goes back": ("TS val 960", "TS val 940"),
    "no timestamp": ("ack 1001 win 500 <nop,nop,TS val 160 ecr 960>", "ack 1001 win 500"),
    "a SACK block": ("<nop,nop,TS val 160 ecr 960>", "<nop,nop,TS val 160 ecr 960,nop,nop,sack 1401:1501>"),
    "the ACK had data": ("+0   > .  1:1(0) ack 1", "+0   > .  1:11(10) ack 1"),
    "a small window": ("ack 1 win 502 <nop,nop,TS val 120", "ack 1 win 5 <nop,nop,TS val 120"),
    "a small window of the server": ("ack 201 win 500 <nop,nop,TS val 950", "ack 201 win 4 <nop,nop,TS val 950"),
    "a large segment": ("1:1001(1000)", "1:1501(1500)"),
    "data came twice": (
        "+.02 < .  1:1(0)",
        "+.3 > P. 1:201(200) ack 1 win 502 <nop,nop,TS val 430 ecr 900>\n+.02 < . 1:1(0)",
    ),
    "data is missing": ("1:201(200)", "101:201(100)"),
    "more is acknowledged than was captured": ("ack 201", "ack 301"),
    "urgent": ("> P. 1:201", "> PU. 1:201"),
    "another TTL": ("<nop,nop,TS val 160 ecr 960>", "<nop,nop,TS val 160 ecr 960> ttl 7"),
    "reset": ("> .  202:202(0) ack 1002", "> R. 202:202(0) ack 1002"),
    "closed by one side": ("< F. 1001:1001(0) ack 202", "< .  1001:1001(0) ack 202"),
    "a FIN is not acknowledged": ("> .  202:202(0) ack 1002", "> .  202:202(0) ack 1001"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SMOOTH)
def test_usual_ones_are_smooth(kind: str) -> None:
    assert smooth_ones(SMOOTH[kind]) == 1
    assert differences(select(parse_exchange(SMOOTH[kind]).segments()), LATE) == []


@pytest.mark.parametrize("kind", NOT_SMOOTH)
def test_others_are_not(kind: str) -> None:
    old, new = NOT_SMOOTH[kind]
    whole = STAMPED + CLOSED
    assert old in whole
    changed = whole.replace(old, new)
    assert len(judged(changed).handshakes) == 1
    assert smooth_ones(changed) == 0
    assert differences(select(parse_exchange(changed).segments()), LATE) == []


def test_timestamps_only_among_what_was_folded() -> None:
    """They were not agreed on, and no row that was kept has them: the client's newest is known all the same."""
    stamped = [" <nop,nop,TS val 738 ecr 0>" if 2 < n < 39 else "" for n in range(40)]
    text = "+0 > S 0:0(0) win 64240 <mss 1460,nop,nop,TS val 7 ecr 0>\n" + BARE.split("\n", 2)[2] + "\n".join(
        f"+.01 > . {101 + 100 * n}:{201 + 100 * n}(100) ack 501 win 64240{stamp}\n"
        f"+.01 < . 501:501(0) ack {201 + 100 * n} win 65160"
        for n, stamp in enumerate(stamped)
    )  # fmt: skip
    openings = select(parse_exchange(text).segments())
    assert (openings.rows["options_length"] > 0).sum() == 2
    assert BY_ROWS["_tsvals_of_client"].function(judge_flows(openings, 0, LATE)) == (7, 738)
    assert smooth_ones(text) == 0
    assert differences(openings, LATE) == []


def test_a_4_tuple_that_was_used_again_is_not() -> None:
    again = "flow {}\nclient 192.0.2.1:{}\n" + BARE
    assert smooth_ones(again.format("a", 4000) + again.format("b", 4001)) == 2
    used = judged(again.format("a", 4000) + "\n+300 arp\nflow b isn 90000000 80000000\nclient 192.0.2.1:4000\n" + BARE)
    assert len(used.handshakes) == 2
    assert len(smooth(used).at) == 0


def test_none_and_all() -> None:
    """Batches of one kind alone."""
    assert differences(Openings(), LATE) == []
    assert differences(select(parse_exchange("+0 > S 0:0(0)").segments()), LATE) == []
    assert differences(select(parse_exchange(BARE).segments()), LATE) == []


def _together() -> Openings:
    """The smooth kinds, each several times."""
    flows, parts = [], []
    for number in range(4 * len(SMOOTH)):
        text = list(SMOOTH.values())[number % len(SMOOTH)]
        openings = select(parse_exchange(f"flow x\nclient 192.0.2.1:{4000 + number}\n{text}").segments())
        parts.append(openings.rows.having(flow=openings.rows["flow"] + len(flows)))
        flows += list(openings.flows)
    return Openings(Flows.of(flows), Rows.together(parts))


ALL_SMOOTH: Final = _together()
CHANGES: Final[dict[str, list[int]]] = {
    "side": [1, -1],
    "seq": [1, -1, 100, -200, 2**31, 2**30],
    "ack": [1, -1, 100, -200, 2**31, 2**30],
    "time": [1, -1, -(10**9), 10**10],
    "window": [-100, -500, 100],
    "payload_length": [1, -1, 100, 1000, 2000],
    "ttl": [1],
    "ip_id": [1],
    "ecn": [1, 3],
    "unseen": [1, 2],
    "checksum": [1, 2],
    "vlan": [1],
    "tunnel": [1],
    "options_length": [1, -1, 4, -4, -12, 12],
    "folded": [1],
    "folded_octets": [1, 10],
    "folded_until": [1, 10**9],
    "folded_end": [1, 2**30],
    "folded_ack": [1, 1000, 2**30],
    "folded_least": [-(2**30), -1],
    "folded_largest": [1401, 1],
    "folded_tsval": [1, 2**25, 901],
    "folded_signs": [1, 2, 4, 8],
}
MOST: Final = {"side": 1, "options_length": 40}


def changed_smooth(seed: int) -> Openings:
    """Smooth ones, of most of which a field, a flag or an octet of the options of one or two rows is another."""
    random = Random(seed)
    rows = ALL_SMOOTH.rows.records()
    for flow in range(len(ALL_SMOOTH.flows)):
        (its,) = (rows["flow"] == flow).nonzero()
        for _ in range(random.choice([0, 1, 1, 1, 2])):
            index = random.choice(its.tolist())
            what = random.random()
            if what < 0.1:
                rows["tcp_flags"][index] ^= 1 << random.randrange(12)
            elif what < 0.2:
                octets = bytearray(rows["options"][index].tobytes())
                octets[random.randrange(24)] = random.choice([0, 1, 2, 3, 4, 5, 8, 10, 12, 255])
                rows["options"][index] = np.void(bytes(octets))
            elif what < 0.22:
                rows["time"][index] = NO_TIME
            else:
                name = random.choice(list(CHANGES))
                kind = rows.dtype[name]
                low, high = np.iinfo(kind).min, np.iinfo(kind).max
                changed = (int(rows[name][index]) + random.choice(CHANGES[name]) - low) % (high - low + 1) + low
                rows[name][index] = min(changed, MOST.get(name, high))
                # Where nothing was folded, nothing is said of it.
                rows["folded"][index] |= name.startswith("folded_")
    rows = rows[[random.random() > 0.02 for _ in rows]]
    return Openings(ALL_SMOOTH.flows, Rows.of(rows))


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_any_change_of_smooth_ones(seed: int) -> None:
    assert differences(changed_smooth(seed), LATE) == []


def test_some_changes_leave_them_smooth() -> None:
    assert len(smooth(judge_flows(ALL_SMOOTH, 0, LATE)).at) == len(ALL_SMOOTH.flows) == 4 * len(SMOOTH)
    smooth_still = [len(smooth(judge_flows(changed_smooth(seed), 0, LATE)).at) for seed in range(10)]
    assert min(smooth_still) > 5
    assert max(smooth_still) < len(ALL_SMOOTH.flows)
