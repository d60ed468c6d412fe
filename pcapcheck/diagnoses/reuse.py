"""A 4-tuple that was used before, and what the older connection does to the new attempt."""

from __future__ import annotations

from math import comb
from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import RST
from pcapcheck.diagnoses.catalogue import COMPATIBLE, PROVED, STRONG, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import SECOND, Details, any_of, counts_of, flagged, spread, with_their_pairs
from pcapcheck.evidence import Event, Fact
from pcapcheck.openings import ICMP
from pcapcheck.rules.among import flow_reused
from pcapcheck.rules.wrong_number import flow_of
from pcapcheck.smooth import Smooth
from pcapcheck.sorting import stable_order
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows, rows_of

# RFC 9293, section 3.4.2: MSL is two minutes, and TIME-WAIT lasts twice that. Nothing older is in anybody's memory.
_TIME_WAIT: Final = 240 * SECOND

# How long Linux remembered a host's last timestamp (TCP_PAWS_MSL).
_REMEMBERED: Final = 60 * SECOND

# Chance of a table at least so extreme, if timestamps did not matter.
_UNLIKELY: Final = 0.001


def _previous(group: Ints) -> Ints:
    """For each handshake the one before it in its group, ABSENT for the first."""
    order = stable_order(group)
    previous = np.full(len(group), ABSENT, np.int64)
    same = group[order][1:] == group[order][:-1]
    previous[order[1:][same]] = order[:-1][same]
    return previous


@diagnosis(
    "D22",
    "port-reused",
    application="nothing",
    decide_by="at the client: `sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse`; at a NAT: its port pool",
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +0   > F. 1:1(0) ack 1
        +.02 < F. 1:1(0) ack 2
        +0   > .  2:2(0) ack 2
        isn 900000 5900000
        +2   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # The same SYN again.
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    circumstance=True,
)
def port_reused(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The client, or a NAT before it, used the same source port for the same server again within TIME-WAIT.

    What it means: A SYN with another initial sequence number followed an earlier connection of this 4-tuple within four
    minutes of its last segment. That is a fact. Whether it is allowed depends on who is in TIME-WAIT: RFC 9293, section
    3.6.1 (MAY-2), lets a server take a SYN whose number is larger than the last one used, RFC 6191 (SHLD-4) one whose
    timestamp is.

    What else it could be: Nothing. Why the port came again so soon is another question: a client with a fixed source
    port, few ephemeral ports under many connections, a NAT that hands out ports anew.

    How to decide: Is the number higher than before? Then a server in TIME-WAIT opens; a lower one draws a challenge
    ACK. Look at the range of ephemeral ports against the rate of connections.

    What the application saw: Nothing, if the server takes it. Otherwise a delay, or ETIMEDOUT.
    """
    size = len(traffic.handshakes)
    (at,) = flow_reused(traffic).nonzero()
    if not len(at):
        return Conclusion.nothing(size)
    # From here on an entry for each of those that are not the only one of their 4-tuple.
    handshakes, previous = traffic.handshakes.take(at), _previous(flow_of(traffic)[at])
    used = handshakes.is_outcome("established", "client-only", "partial", "midstream", "one-sided")
    gap = handshakes.start_time - handshakes.last_time[previous]
    found = (
        handshakes.has(Fact.SYN)
        & (previous != ABSENT)
        & used[previous]
        & (handshakes.client == handshakes.client[previous])
        & (handshakes.client_port == handshakes.client_port[previous])
        & (handshakes.client_isn != handshakes.client_isn[previous])
        & (gap <= _TIME_WAIT)
    )

    def text(index: int) -> str:
        entry = int(np.searchsorted(at, index))
        apart = f"{gap[entry] / SECOND:.3f} s after the last segment of the connection before"
        isn, older = int(handshakes.client_isn[entry]), int(handshakes.client_isn[previous[entry]])
        if older == ABSENT:
            return apart
        ahead = seq.diff(isn, older)
        return f"{apart}, with an ISN {abs(ahead)} {'above' if ahead > 0 else 'below'} the ISN of that"

    return Conclusion(
        spread(size, at, np.where(found, PROVED, 0), 0),
        evidence=(traffic.handshakes.syn_frame, spread(size, at, handshakes.last_frame[previous])),
        detail=Details(size, text),
    )


@diagnosis(
    "D23",
    "timestamp-rejected",
    application="ETIMEDOUT",
    rivals=("filtered-or-down", "syn-queue-full"),
    decide_by="at the server: `nstat -az TcpExtPAWSPassive TcpExtPAWSActive`, `sysctl net.ipv4.tcp_tw_recycle`",
    fires="""
        # Two hosts behind one address: the one whose clock is behind gets no answer.
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0) win 64240       <TS val 900000 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <TS val 5000 ecr 900000>
        +0   > .  1:1(0) ack 1           <TS val 900020 ecr 5000>
        flow b
        client 192.0.2.1:49153
        +5   > S  0:0(0) win 64240       <TS val 400000 ecr 0>
        +1   > S  0:0(0) win 64240       <TS val 401000 ecr 0>
        +9   arp
        flow c
        client 192.0.2.1:49154
        +8   > S  0:0(0) win 64240       <TS val 908000 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <TS val 13000 ecr 908000>
        +0   > .  1:1(0) ack 1           <TS val 908020 ecr 13000>
    """,
    silent="""
        # The SYN with the lower timestamp is answered too.
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0) win 64240       <TS val 900000 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <TS val 5000 ecr 900000>
        +0   > .  1:1(0) ack 1           <TS val 900020 ecr 5000>
        flow b
        client 192.0.2.1:49153
        +5   > S  0:0(0) win 64240       <TS val 400000 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <TS val 10000 ecr 400000>
        +0   > .  1:1(0) ack 1           <TS val 400020 ecr 10000>
    """,
)
def timestamp_rejected(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The server drops SYNs whose timestamp is lower than the last one it saw from this address.

    What it means: From one address to one server, SYNs with a TSval below that of the connection before (at most 60 s
    before) get no answer, and those with a higher one do. RFC 1323, appendix B.2, mentioned such a cache of timestamps
    by host; Linux had it until version 4.12 as tcp_tw_recycle. Several hosts behind one translated address have several
    clocks, and all but the fastest are shut out. The table of lower and higher against unanswered and answered decides:
    strong where chance would give it less than once in a thousand, else compatible.

    What else it could be: A filter or a full queue that happens to hit these SYNs.

    How to decide: PAWSPassive at the server grows with every dropped SYN. Without timestamps at the client
    (net.ipv4.tcp_timestamps=0) the same connection succeeds.

    What the application saw: ETIMEDOUT, for some users behind the address and not for others.
    """
    handshakes = traffic.handshakes
    size = len(handshakes)
    answered = handshakes.has(Fact.SYNACK)
    silent = handshakes.has(Fact.SYN) & ~answered & handshakes.is_outcome("unanswered", "pending")
    at, pair = with_their_pairs(traffic, silent)
    concerned = (handshakes.client_timestamps[at] == 1) & any_of(pair, silent[at])[pair]
    if not concerned.any():
        return Conclusion.nothing(size)
    # From here on an entry for each of those between hosts of which some were not answered.
    at, pair = at[concerned], pair[concerned]
    silent, answered = silent[at], answered[at]
    previous, start = _previous(pair), handshakes.start_time[at]
    asked, newest = (column[at] for column in _tsvals_of_client(traffic))
    compared = (previous != ABSENT) & (start - start[previous] <= _REMEMBERED)
    compared &= (asked != ABSENT) & (newest[previous] != ABSENT)
    lower = compared & (seq.diff(asked, newest[previous]) < 0)
    tables = np.stack(
        [
            counts_of(pair, mask)[pair]
            for mask in (lower & silent, lower & answered, compared & ~lower & silent, compared & ~lower & answered)
        ]
    )
    rejected = lower & silent & (tables[1] == 0) & (tables[3] + 1 > tables[2])
    certainty = np.zeros(size, np.int64)
    for entry in rejected.nonzero()[0].tolist():
        certainty[at[entry]] = STRONG if _chance(*tables[:, entry].tolist()) < _UNLIKELY else COMPATIBLE

    def text(index: int) -> str:
        entry = int(np.searchsorted(at, index))
        lower_silent, lower_answered, higher_silent, higher_answered = tables[:, entry].tolist()
        return (
            f"TSval {asked[entry]} after {newest[previous[entry]]}; unanswered: {lower_silent} of "
            f"{lower_silent + lower_answered} lower, {higher_silent} of {higher_silent + higher_answered} higher"
        )

    return Conclusion(certainty, evidence=(handshakes.syn_frame,), detail=Details(size, text))


def _tsvals_of_smooth(traffic: Traffic, smooth: Smooth) -> tuple[Ints, Ints]:
    """Segments behind the SYN have the usual timestamps, or none has."""
    last = rows_of(traffic, smooth, smooth.places.last)
    folded, (tsval, _) = last["folded_tsval"], last.usual_timestamps()
    newest = np.where(folded != ABSENT, folded, tsval)
    return smooth.asked, np.where(newest == ABSENT, smooth.asked, newest)


@by_rows(_tsvals_of_smooth)
def _tsvals_of_client(traffic: Traffic) -> tuple[Ints, Ints]:
    """The TSval of the SYN, and of the last segment of the client that has one; ABSENT where there is none."""
    sent = traffic.from_client & (traffic.column("kind") != ICMP) & ~flagged(traffic, RST)
    tsval = np.where(sent, traffic.tsval, ABSENT)
    first = traffic.first_event(Event.SYN)
    asked = np.where(first == ABSENT, ABSENT, np.append(tsval, ABSENT)[first])
    later = traffic.column("folded_tsval")
    tsval = np.where(sent & (later != ABSENT), later, tsval)
    newest = np.full(len(traffic.handshakes), ABSENT, np.int64)
    (where,) = (tsval != ABSENT).nonzero()
    newest[traffic.handshake[where]] = tsval[where]
    return asked, newest


def _chance(lower_silent: int, lower_answered: int, higher_silent: int, higher_answered: int) -> float:
    """Fisher's exact test, one-sided: how likely so many of the unanswered are among the lower, by chance."""
    lower, silent = lower_silent + lower_answered, lower_silent + higher_silent
    total = lower + higher_silent + higher_answered
    counts = range(lower_silent, min(lower, silent) + 1)
    ways = sum(comb(lower, count) * comb(total - lower, silent - count) for count in counts)
    return ways / comb(total, silent)
