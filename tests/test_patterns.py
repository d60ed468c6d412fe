"""One flow of each pattern is judged for all: they come out as if each had been judged by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pcapcheck import judge as judging
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import ACK, FIN, PSH, RST, SYN, Segment
from pcapcheck.judge import judge
from pcapcheck.openings import Flows, Openings
from pcapcheck.patterns import Regular, regular
from pcapcheck.rows import FIELDS, Rows
from pcapcheck.select import select
from pcapcheck.stretch import summarise
from pcapcheck.testing import parse_exchange
from pcapcheck.traffic import COLUMNS, Traffic
from tests.traffic import Captured, captures

TESTS: Final = Path(__file__).parent
CAPTURES: Final = sorted([*TESTS.glob("lab/*.pcap"), *TESTS.parent.glob("sample_captures/*.pcap*")])


def none_regular(openings: Openings, end_time: int) -> Regular:
    none = regular(Openings(Flows.of(), openings.rows[:0]), end_time)
    size = len(openings.rows)
    return replace(none, event=np.zeros(size, np.int8), from_client=np.zeros(size, bool))


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
    found += [name for name in FIELDS if one.rows[name].tobytes() != other.rows[name].tobytes()]
    places = ("handshake", "event", "from_client")
    return found + [name for name in places if getattr(one, name).tobytes() != getattr(other, name).tobytes()]


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
            parts.append(openings.rows.having(flow=openings.rows["flow"] + len(flows)))
            flows += list(openings.flows)
    return Openings(Flows.of(flows), Rows.together(parts))


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


def changed_openings(seed: int) -> Openings:
    """Every flow with one or two of its rows changed, given again, or taken away."""
    random = Random(seed)
    rows = ORDINARY.rows.records()
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
    return Openings(ORDINARY.flows, Rows.of(rows))


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.sampled_from([0, 10**9, 10**11]))
@example(984, 0)  # two flows with the same rows, of which one has a copy
def test_any_change_of_ordinary_flows(seed: int, later: int) -> None:
    openings = changed_openings(seed)
    assert differences(openings, int(openings.rows["time"].max()) + later) == []


X, Y = 2**32 - 30, 5000
GAPS: Final = [0, 1000, 5 * 10**6, 5 * 10**6 + 1, 10**8, 10**9, 129 * 10**9, 131 * 10**9]
TAIL: Final = [  # side, seq, ack, flags, octets
    (0, X + 1, Y + 1, ACK, 0), (0, X + 1, Y + 1, PSH | ACK, 20), (0, X + 21, 6, ACK, 20), (0, X + 41, Y + 9, ACK, 0),
    (0, X + 41, Y + 11, FIN | ACK, 0), (0, X + 41, Y + 11, RST, 0), (0, X + 42, Y + 12, RST | ACK, 0),
    (1, Y + 1, X + 1, ACK, 0), (1, Y + 1, X + 21, ACK, 0), (1, Y + 1, X + 41, PSH | ACK, 10), (1, Y + 6, X + 1, ACK, 5),
    (1, Y + 11, X + 42, FIN | ACK, 0), (1, Y + 11, X + 41, RST | ACK, 0), (1, Y + 11, 0, RST, 0), (1, 90, X, ACK, 1),
    (0, X + 1, Y + 12, ACK, 0), (0, X, 0, SYN, 0), (1, Y, X + 1, SYN | ACK, 0),
]  # fmt: skip


def troubled(random: Random, *, calm: bool = False) -> list[tuple[int, Segment]]:
    """A flow of which each part may come again, sooner or later, and in another order. A calm one has no copies."""
    rare = 0.0 if calm else random.choice([0.0, 0.1])  # of what makes a flow irregular
    stamped = random.random() < 0.7
    syns = [random.choice([7, 7 + number, 9]) for number in range(random.choice([1, 1, 1, 2, 3, 14 - 11 * calm]))]
    parts = [(0, X, random.choice([0, 77]), SYN, 0, tsval, 0) for tsval in syns]
    if random.random() < 0.85:
        echoed = random.choice([*syns, 5])
        parts += [(1, Y, X + 1, SYN | ACK, 0, 50 + n, echoed) for n in range(random.choice([1, 1, 1, 2, 3]))]
        third = (0, X + 1, Y + 1, ACK, 0), (0, X + 1, Y + 1, ACK, 20), (0, X + 1, Y + 1, FIN | ACK, 0)
        resets = (0, X + 1, 0, RST, 0), (1, Y + 1, X + 1, RST | ACK, 0)
        tail = [random.choice(third), *random.choices(TAIL[:15], k=random.choice([0, 3, 6, 12]))]
        chosen = [random.choice(resets)] if random.random() < 0.15 else tail
        parts += [(*one, random.choice([8, 9, 60]) if random.random() < 0.9 else 1, 50) for one in chosen]
    elif random.random() < 0.5:
        parts += [(1, 0, X + 1, RST | ACK, 0, 0, 0)]
    if random.random() < 0.2:
        parts.insert(random.randint(1, len(parts)), (0, X, 0, SYN, 0, random.choice([*syns, 8]), 0))
    for at in range(len(parts)):
        if random.random() < rare:
            parts.insert(at, (*random.choice(TAIL), 9, 50))
    found, time, ip_id = [], 0, 0
    for side, seq, ack, flags, octets, tsval, tsecr in parts:
        time += random.choice(GAPS[1:6] if random.random() > rare else GAPS)
        ip_id = ip_id + 1 if calm else random.choice([-1, 0, ip_id, ip_id + 1, ip_id + 1, ip_id + 1])
        options = b"\1\1\x08\x0a" + tsval.to_bytes(4) + tsecr.to_bytes(4) if stamped else b""
        if flags == ACK and not octets and random.random() < 0.3:
            options += b"\1\1\5\x0a" + random.choice([1, 2]).to_bytes(8)
        ends = (b"\1\1\1\1", 1000, b"\1\1\1\2", 80) if not side else (b"\1\1\1\2", 80, b"\1\1\1\1", 1000)
        numbers = seq % 2**32, ack % 2**32, flags, random.choice([100, 100, 200]), octets, 64, ip_id
        found.append((time, Segment(ends[0], ends[2], ends[1], ends[3], *numbers, 0, options, 0, 0, -1, "")))
    return found


def troubled_openings(seed: int) -> Openings:
    random = Random(seed)
    captured = []
    for number in range(60):
        address = number.to_bytes(4)
        for time, one in troubled(random):
            src, dst = (address if host == b"\1\1\1\1" else host for host in (one.src, one.dst))
            captured.append((len(captured) + 1, time, one._replace(src=src, dst=dst)))
    return select(captured)


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.sampled_from([0, 2 * 10**9, 10**13]))
def test_flows_in_which_much_comes_again(seed: int, end_time: int) -> None:
    assert differences(troubled_openings(seed), end_time) == []


def test_many_of_them_are_regular_all_the_same() -> None:
    flows = [len(regular(troubled_openings(seed), 10**13).flow) for seed in range(10)]
    assert min(flows) > 10
    assert sum(flows) > 200


def moved(one: Segment, by: int, number: int, turned: bool) -> Segment:
    """The segment with all numbers so much further on, in the flow of this number, or from the other side."""
    if turned:
        one = one._replace(src=one.dst, dst=one.src, src_port=one.dst_port, dst_port=one.src_port)
    src, dst = (number.to_bytes(4) if host == b"\1\1\1\1" else host for host in (one.src, one.dst))
    seq, ack = (one.seq + by) % 2**32, (one.ack + by) % 2**32 if one.tcp_flags & ACK else one.ack
    return one._replace(src=src, dst=dst, seq=seq, ack=ack)


def reused_openings(seed: int) -> Openings:
    """Each 4-tuple is used several times, with numbers that are further on, near by, the same or the other side's."""
    random = Random(seed)
    captured = []
    for number in range(20):
        steps = random.choice([[250_000], [2**28], [0, 1, 30, 2**17, 2**17 + 100, -250_000, 2**31]])
        turns, strays, wild = (random.random() < often for often in (0.1, 0.5, 0.1))
        fast = random.random() < 0.3
        used, time = [0], 0
        for _ in range(random.choice([2, 3, 12, 20])):
            near = strays and random.random() < 0.15
            used.append(random.choice(used[-9:] if near else used[-1:]) + (random.choice(steps) if not near else 0))
            turned = turns and random.random() < 0.3
            for place, (since, one) in enumerate(troubled(random, calm=not wild)):
                captured.append((time + (1000 * place if fast else since), moved(one, used[-1], number, turned)))
            time = captured[-1][0] + random.choice([1000] if fast else [1000, 10**7, 10**9])
    return select((frame, time, one) for frame, (time, one) in enumerate(captured, start=1))


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.sampled_from([2 * 10**9, 10**13]))
def test_4_tuples_that_are_used_again(seed: int, end_time: int) -> None:
    assert differences(reused_openings(seed), end_time) == []


OPENED: Final = "+0 > S 0\n+.02 < S. 0 ack 1\n+0 > . 1 ack 1\n"
REGULAR: Final = {
    "the SYN was lost": f"+0 > S 0\n+1 {OPENED[3:]}",
    "nobody answers": "+0 > S 0\n+1 > S 0\n+2 > S 0",
    "the second SYN was refused": "+0 > S 0\n+1 > S 0\n+.02 < R. =0 ack 1",
    "the SYN-ACK was lost behind the tap": f"+0 > S 0\n+.02 < S. 0 ack 1\n+1 {OPENED[3:]}",
    "the SYN-ACK came twice": "+0 > S 0\n+.02 < S. 0 ack 1\n+1 < S. 0 ack 1\n+0 > . 1 ack 1",
    "data came twice": f"{OPENED}+.1 > P. 1(100) ack 1\n+.3 > P. 1(100) ack 1\n+.02 < . 1 ack 101",
    "data came late": f"{OPENED}+.1 > . 101(100) ack 1\n+.001 > . 1(100) ack 1\n+.02 < . 1 ack 201",
    "duplicate ACKs": f"{OPENED}+.1 < . 1 ack 1\n+0 < . 1 ack 1\n+0 < . 1 ack 1",
    "the FIN came twice": f"{OPENED}+.1 > F. 1 ack 1\n+.3 > F. 1 ack 1\n+.02 < F. 1 ack 2\n+0 > . 2 ack 2",
    "RSTs at the end": f"{OPENED}+.1 < P. 1(100) ack 1\n+0 > R 1\n+0 < . 101 ack 1\n+0 > R 1",
}


@pytest.mark.parametrize("trouble", REGULAR)
def test_ordinary_trouble_is_regular(trouble: str) -> None:
    openings = select(parse_exchange(REGULAR[trouble]).segments())
    assert len(regular(openings, 10**13).flow) == 1
    assert differences(openings, 10**13) == []


class Use(NamedTuple):
    """One use of a 4-tuple: a whole handshake."""

    isn: int
    begun_by: int = 0
    vlan: int = -1
    ip_id: int | None = None  # of its SYN; running if not said
    more: tuple[tuple[int, int, int, int, int], ...] = ()  # side, seq, ack, flags, octets


def used(uses: list[Use]) -> Openings:
    """A millisecond between two segments."""
    captured: list[tuple[int, int, Segment]] = []
    for use in uses:
        x, y = use.isn, use.isn + 5000
        opening = (0, x, 0, SYN, 0), (1, y, x + 1, SYN | ACK, 0), (0, x + 1, y + 1, ACK, 0)
        for side, seq, ack, flags, octets in (*opening, *use.more):
            ends = (b"\1\1\1\1", b"\1\1\1\2", 1000, 80)
            if side != use.begun_by:
                ends = ends[1], ends[0], ends[3], ends[2]
            ip_id = len(captured) + 1 if use.ip_id is None else use.ip_id + len(captured) % 3
            numbers = seq % 2**32, ack % 2**32, flags, 100, octets, 64, ip_id
            one = Segment(*ends, *numbers, 0, b"", 0, 0, use.vlan, "")
            captured.append((len(captured) + 1, 10**6 * len(captured), one))
    return select(captured)


ISNS: Final = [number << 24 for number in range(12)]
USES: Final = [Use(isn) for isn in ISNS]
# What differs in some of the uses, and whether they have nothing to do with each other all the same.
DIFFERENT: Final[dict[str, tuple[dict[int, Use], bool]]] = {
    "nothing": ({}, True),
    "the ISN of eight before": ({11: Use(ISNS[3])}, False),
    "the ISN of nine before": ({11: Use(ISNS[2])}, True),
    "that of nine before, in segments that are alike": ({2: Use(ISNS[2], ip_id=9), 11: Use(ISNS[2], ip_id=9)}, False),
    "an ISN near that of eight before": ({11: Use(ISNS[3] - 2**17 - 1)}, False),
    "an ISN that is not so near": ({11: Use(ISNS[3] - 2**17 - 2)}, True),
    "an ISN further on than that": ({11: Use(ISNS[3] + 2**17 + 1)}, False),
    "an ISN far enough on": ({11: Use(ISNS[3] + 2**17 + 2)}, True),
    "data where the one before stood": ({5: Use(ISNS[5], more=((0, ISNS[4] + 1, ISNS[5] + 5001, ACK, 9),))}, False),
    "an ACK of what the one before sent": ({5: Use(ISNS[5], more=((1, ISNS[5] + 5001, ISNS[4] + 1, ACK, 9),))}, False),
    "the other side begins": ({5: Use(ISNS[5], begun_by=1)}, False),
    "another VLAN": ({5: Use(ISNS[5], vlan=7)}, False),
    "an RST that answers the next SYN": ({5: Use(ISNS[5], more=((1, 77, ISNS[6] + 1, RST | ACK, 0),))}, False),
    "an RST that answers its own": ({5: Use(ISNS[5], more=((1, ISNS[5] + 5001, ISNS[5] + 1, RST | ACK, 0),))}, True),
}  # fmt: skip


@pytest.mark.parametrize("different", DIFFERENT)
def test_uses_of_one_4_tuple(different: str) -> None:
    changes, apart = DIFFERENT[different]
    openings = used([changes.get(number, use) for number, use in enumerate(USES)])
    assert len(openings.flows) == 1
    assert len(regular(openings, 10**13).flow) == (12 if apart else 0)
    assert differences(openings, 10**13) == []


def test_a_pattern_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its first flow was given is known when it comes again, and few are remembered."""
    walked = []
    walk = judging._walk

    def counted(openings: Openings, end_time: int, begin: Any, size: Any) -> Any:
        walked.append(len(begin))
        return walk(openings, end_time, begin, size)

    monkeypatch.setattr(judging, "_walk", counted)
    monkeypatch.setattr(judging, "_KNOWN", {})
    summary = summarise(str(TESTS / "lab/clean_many_interleaved.pcap"))
    first, again = (judge(summary.openings, 0, summary.facts.end_time).handshakes for _ in range(2))
    assert walked[0] > 0
    assert walked[1] == 0
    assert [again.outcome.tolist(), again.history] == [first.outcome.tolist(), first.history]
    monkeypatch.setattr(judging, "_MOST_KNOWN", 0)
    judge(summary.openings, 0, summary.facts.end_time)
    assert walked[2] == walked[0]
