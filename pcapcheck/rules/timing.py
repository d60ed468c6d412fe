"""Timers of an opening: when a SYN or SYN-ACK is sent again."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pcapcheck.evidence import SECOND, Event
from pcapcheck.faults.signs import network_copies, untimed
from pcapcheck.rules.among import opening_repeated
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.select import TWELVE
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic

# RFC 6298, section 2.1: "the sender SHOULD set RTO <- 1 second". A fifth less is left to timers and queues.
SHORTEST_NS: Final = SECOND * 8 // 10

# RFC 6298, section 2.5: "A maximum value MAY be placed on RTO provided it is at least 60 seconds", less a quarter.
CAP_NS: Final = 45 * SECOND

# So many first gaps may be alike: Linux from 6.5 on repeats a SYN four times before it doubles
# (tcp_syn_linear_timeouts), BSD's and macOS's table of SYN timeouts begins 1, 1, 1, 1, 1, 2, 4.
LINEAR: Final = 5


class Sent(NamedTuple):
    """The rows of one event that the host itself sent: copies are left out. ``unknown`` may be copies."""

    rows: Bools
    unknown: Bools


def transmissions(traffic: Traffic, event: Event) -> Sent:
    """The SYNs or SYN-ACKs that a host sent, apart from what a mirror or the network copied."""
    copies, unknown = network_copies(traffic, event)
    return Sent(traffic.is_event(event) & ~copies, unknown)


def seconds(nanoseconds: int) -> str:
    """A time for the eye: ``0.300 s``."""
    return f"{nanoseconds // 10**9}.{nanoseconds // 10**6 % 1000:03d} s"


def in_seconds(times: Ints, wanted: Bools) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """The times of the handshakes that are wanted, for the eye."""
    (at,) = wanted.nonzero()
    return words(len(times), at.tolist(), map(seconds, times[at].tolist()))


def _next(traffic: Traffic, rows: Bools, after: Ints) -> Ints:
    """For each handshake the first of ``rows`` after one of its rows, ABSENT where there is none."""
    start = after[traffic.handshake]
    return traffic.first(rows & (start != ABSENT) & (np.arange(len(rows)) > start))


def _between(traffic: Traffic, rows: Bools, start: Ints, end: Ints) -> Bools:
    """Which handshakes have one of ``rows`` between two of their rows."""
    index = np.arange(len(rows))
    return traffic.count(rows & (index > start[traffic.handshake]) & (index < end[traffic.handshake])) > 0


@rule(
    "TM01",
    "retransmitted-too-early",
    "warning",
    reference="RFC 6298, section 2.1 (SHOULD); RFC 2525, section 2.7",
    needs="a repeated SYN or SYN-ACK, with IP ids or timestamps that tell it from a copy",
    message="sent again after {actual}, expected {expected}",
    among=opening_repeated,
    fires="""
        +0   > S  0:0(0) win 64240
        +.3  > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # A challenge ACK draws an RST, and the SYN again at once: no timer did that.
        +0   > S  0:0(0) win 64240
        +.02 < .  900:900(0) ack 7000
        +0   > R  7000:7000(0) win 0
        +.01 > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def retransmitted_too_early(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A SYN or SYN-ACK is sent again less than 0.8 s after it was first sent.

    What it means: "Until a round-trip time (RTT) measurement has been made for a segment sent between the sender and
    receiver, the sender SHOULD set RTO <- 1 second"; any larger value is allowed too. This host did not wait so long.
    A SYN that is repeated because of an answer to it, a SYN-ACK that answers a repeated SYN, and copies (the same IP
    id, or the same timestamp) do not count.

    Why it matters: On a path with a longer round trip every opening is sent twice; the load on a busy server doubles
    just when it is slow, and round-trip times cannot be told from the repeats.

    Common causes: A timeout tuned for a data centre (Linux: tcp_timeout_init through BPF); a user-space
    TCP or a load balancer with timers of its own; a faulty TCP implementation.

    What to look at next: Whether all connections of this host repeat so early, and whether the first one was answered
    all the same (then the repeat was needless).
    """
    time, timed = traffic.column("time"), ~untimed(traffic)
    syns, synacks = transmissions(traffic, Event.SYN), transmissions(traffic, Event.SYNACK)
    early, asked = [], []
    for sent in (syns, synacks):
        first = traffic.first(sent.rows)
        second = _next(traffic, sent.rows, first)
        gap = traffic.value("time", second) - traffic.value("time", first)
        applies = second != ABSENT
        if sent is syns:
            # Whatever came in between may have drawn the repeat: Linux answers a challenge so.
            others = ~traffic.is_event(Event.COPY) & ~traffic.is_event(Event.SYN)
            applies &= ~_between(traffic, others, first, second)
        else:
            syn_rows = traffic.is_event(Event.SYN) & (np.arange(len(time)) < second[traffic.handshake])
            applies &= traffic.count(syn_rows) < 2
            applies &= traffic.value("seq", first) == traffic.value("seq", second)
            applies &= traffic.value("ttl", first) == traffic.value("ttl", second)
        known = timed & ((gap >= SHORTEST_NS) | ~_at(sent.unknown, second))
        early.append((applies & known & (gap < SHORTEST_NS), first, second, gap))
        asked.append((applies, known))
    (by_syn, *of_syn), (by_synack, *of_synack) = early
    first, second, gap = (np.where(by_syn, a, b) for a, b in zip(of_syn, of_synack, strict=True))
    fails = by_syn | by_synack
    return Answer(
        fails=fails,
        applies=asked[0][0] | asked[1][0],
        decidable=fails | np.logical_and(*(known | ~applies for applies, known in asked)),
        frames=(traffic.value("frame", second), traffic.value("frame", first)),
        expected="1 s or more",
        actual=in_seconds(gap, fails),
        detail=np.where(by_syn, "SYN", "SYN-ACK").astype(object),
    )


def _at(column: Bools, row: Ints) -> Bools:
    return np.where(row == ABSENT, False, column[row]) if len(column) else np.zeros(len(row), bool)


@rule(
    "TM02",
    "timeout-does-not-grow",
    "warning",
    reference="RFC 6298, section 5.5 (MUST)",
    needs="at least three SYNs or SYN-ACKs at regular times",
    message="sent again after {actual}, expected {expected}",
    among=opening_repeated,
    fires="""
        +0   > S  0:0(0) win 64240
        +3   > S  0:0(0) win 64240
        +3   > S  0:0(0) win 64240
        +3   > S  0:0(0) win 64240
        +3   > S  0:0(0) win 64240
        +3   > S  0:0(0) win 64240
        +3   > S  0:0(0) win 64240
    """,
    silent="""
        # Linux from 6.5 on: four repeats a second apart before it doubles. BSD and macOS are alike.
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +2   > S  0:0(0) win 64240
        +4   > S  0:0(0) win 64240
    """,
)
def timeout_does_not_grow(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A SYN or SYN-ACK is sent again and again without a longer wait each time.

    What it means: When the timer expires, "the host MUST set RTO <- RTO * 2 ('back off the timer')", up to a maximum of
    at least 60 s. Here a gap is no more than one and a half times the one before it. Five equal gaps at the beginning
    are let pass: Linux (tcp_syn_linear_timeouts), BSD and macOS all begin so.

    Why it matters: Hosts that do not back off keep a congested path or an overloaded server from recovering.

    Common causes: An embedded or user-space TCP with a fixed timer; a scanner or a health checker that makes its own
    SYNs; Linux with a large tcp_syn_linear_timeouts.

    What to look at next: All gaps of this handshake (`pcapcheck show`), and whether other connections of the host show
    the same ones. Gaps that jump or shrink make this rule undecidable: repeats were lost before they were captured.
    """
    timed = ~untimed(traffic)
    syns, synacks = transmissions(traffic, Event.SYN), transmissions(traffic, Event.SYNACK)
    by_syn, syn_flat, syn_odd = _schedule(traffic, syns.rows)
    # With repeated SYNs the SYN-ACKs answer them and keep the client's time.
    one_syn = (traffic.count(syns.rows) == 1)[traffic.handshake]
    by_synack, synack_flat, synack_odd = _schedule(traffic, synacks.rows & one_syn)
    odd = (syn_odd & by_syn) | (synack_odd & by_synack) | ~timed
    flat = np.where(syn_flat != ABSENT, syn_flat, synack_flat)
    time = traffic.column("time")
    sent = syns.rows | synacks.rows
    before = np.where(flat == ABSENT, ABSENT, _before(traffic, sent, flat))
    gap = np.where(flat == ABSENT, 0, time[flat] - time[before]) if len(time) else flat
    return Answer(
        fails=flat != ABSENT,
        applies=by_syn | by_synack,
        decidable=~odd,
        frames=(traffic.value("frame", flat), traffic.value("frame", before)),
        expected="twice the wait before",
        actual=in_seconds(gap, flat != ABSENT),
        detail=np.where(syn_flat != ABSENT, "SYN", "SYN-ACK").astype(object),
    )


def _schedule(traffic: Traffic, sent: Bools) -> tuple[Bools, Ints, Bools]:
    """For each handshake whether it has two gaps, the first row without a longer wait, and whether a gap is odd."""
    size = len(traffic.handshakes)
    (at,) = sent.nonzero()
    handshake, time = traffic.handshake[at], traffic.column("time")[at]
    start = np.searchsorted(handshake, handshake)
    ordinal = np.arange(len(at)) - start
    later = (ordinal >= 2) & (ordinal < TWELVE)  # beyond that rows were folded
    this, before, first = (time[i] - time[i - 1] for i in (_from(later), _from(later) - 1, start[later] + 1))
    double, cap = (2 * this >= 3 * before) & (2 * this <= 5 * before), (before >= CAP_NS) & (4 * this >= 3 * before)
    linear = (4 * abs(this - first) <= first) & (ordinal[later] <= LINEAR)
    # A jump: one was lost before the capture. A shorter one: something drew it.
    odd = (2 * this > 5 * before) | (4 * this < 3 * before)
    rows, many, strange = at[later], np.zeros(size, bool), np.zeros(size, bool)
    many[traffic.handshake[rows]] = True
    strange[traffic.handshake[rows[odd & ~linear]]] = True
    flat = np.zeros(len(sent), bool)
    flat[rows[~(double | cap | linear | odd)]] = True
    return many, traffic.first(flat), strange


def _from(mask: Bools) -> Ints:
    return mask.nonzero()[0].astype(np.int64)


def _before(traffic: Traffic, sent: Bools, row: Ints) -> Ints:
    """For each handshake the row of the same event before one of its rows."""
    (at,) = row.nonzero() if not len(traffic.rows) else (row != ABSENT).nonzero()
    found = np.full(len(row), ABSENT, np.int64)
    for index in at.tolist():  # only what failed already
        earlier = sent[: row[index]] & (traffic.event[: row[index]] == traffic.event[row[index]])
        found[index] = earlier.nonzero()[0][-1]
    return found
