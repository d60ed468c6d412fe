"""Connections that open well and stall at the first large segment."""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import ACK, RST, SYN
from pcapcheck.diagnoses.catalogue import COMPATIBLE, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import SECOND, Details, after, flagged, segments, spread
from pcapcheck.openings import FAR, REPEATED
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows

# Options take at most 40 octets of a full-sized segment (RFC 6691).
_OPTIONS = 40

# RFC 9293, section 3.7.1: without an MSS option 536 octets may be sent.
_SMALLEST = 536 - _OPTIONS

# No retransmission timer backs off twice in less (RFC 6298, section 2.4: at least one second is recommended).
_LASTING = SECOND // 2


@diagnosis(
    "D33",
    "mtu-blackhole",
    application="ETIMEDOUT",
    rivals=("filtered-or-down",),
    decide_by="`tracepath SERVER` or `ping -M do -s 1472 SERVER`; whether ICMP 3/4 (ICMPv6 2/0) is filtered on the way",
    fires="""
        +0   > S  0:0(0)            win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1      win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
        +0   > .  101:1561(1460) ack 1
        +0   > P. 1561:1661(100) ack 1
        +.02 < .  1:1(0) ack 101 <nop,nop,sack 1561:1661>
        +.3  > .  101:1561(1460) ack 1
        +.6  > .  101:1561(1460) ack 1
        +10  arp
    """,
    silent="""
        # The second try gets through: plain loss.
        +0   > S  0:0(0)            win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1      win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
        +0   > .  101:1561(1460) ack 1
        +.3  > .  101:1561(1460) ack 1
        +.02 < .  1:1(0) ack 1561
    """,
)
def mtu_blackhole(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """Full-sized segments vanish on the path, small ones pass: a path MTU black hole.

    What it means: The handshake was right. Then a segment as large as the other side's MSS allows was sent again and
    again, and never acknowledged; no segment of that size ever was. Where the other side still sends ACKs meanwhile, so
    that it lives and small segments pass, that is strong; else compatible. See RFC 2923, section 2.1.

    What else it could be: The path died just then, or the other side did; loss of that one segment, again and again.

    How to decide: Send large packets with "don't fragment" set, and look for filtered ICMP "fragmentation needed".
    Lowering the MSS (`iptables -j TCPMSS --clamp-mss-to-pmtu`) cures it at once.

    What the application saw: connect() succeeds, small requests work, large ones hang until ETIMEDOUT. A TLS handshake
    stalls at the certificate.
    """
    certainty, lost, again, octets = _vanishing(traffic)
    return Conclusion(
        certainty,
        evidence=(lost, again),
        detail=Details(len(certainty), lambda index: f"a segment of {octets[index]} octets is never acknowledged"),
    )


@by_rows((0, ABSENT, ABSENT, ABSENT))
def _vanishing(traffic: Traffic) -> tuple[Ints, Ints, Ints, Ints]:
    """How certain it is that full-sized segments vanish; frames of the first such and of its repeat; its payload."""
    size = len(traffic.handshakes)
    (at,) = (traffic.handshakes.is_outcome("established") & _repeats_large(traffic)).nonzero()
    traffic = traffic.take(at)
    found = np.zeros(len(at), np.int64)
    lost, again = np.full((2, len(at)), ABSENT, np.int64)
    for from_client in (True, False) if len(at) else ():
        certainty, first, repeat = _unheard(traffic, from_client)
        better = (certainty != 0) & (found == 0)
        found, lost, again = (
            np.where(better, new, old)
            for new, old in ((certainty, found), (first, lost), (repeat, again))
        )  # fmt: skip
    frame, of_repeat = (spread(size, at, traffic.value("frame", row)) for row in (lost, again))
    return spread(size, at, found, 0), frame, of_repeat, spread(size, at, traffic.value("payload_length", lost))


def _repeats_large(traffic: Traffic) -> Bools:
    """Which handshakes show, at first sight, a segment of some size that was sent twice."""
    found = traffic.count(traffic.column("folded_signs") & REPEATED != 0) > 0
    large = traffic.column("payload_length") >= _SMALLEST
    for side in (large & traffic.from_client, large & ~traffic.from_client):
        (where,) = side.nonzero()
        handshake, number = traffic.handshake[where], traffic.column("seq")[where].astype(np.int64)
        again = (handshake[1:] == handshake[:-1]) & (seq.diff(number[1:], number[:-1]) <= 0)
        found[handshake[1:][again]] = True
    return found


def _unheard(traffic: Traffic, from_client: bool) -> tuple[Ints, Ints, Ints]:
    """Of one side: how certain it is that its full-sized segments vanish; row of the first such and of its repeat."""
    handshakes, handshake = traffic.handshakes, traffic.handshake
    isn = (handshakes.client_isn if from_client else handshakes.server_isn)[handshake]
    mss = handshakes.server_mss if from_client else handshakes.client_mss
    sound = segments(traffic) & ~flagged(traffic, SYN | RST)
    mine, theirs = sound & (traffic.from_client == from_client), sound & (traffic.from_client != from_client)
    answers = theirs & flagged(traffic, ACK)
    reach = seq.ahead(traffic.column("ack") + traffic.number("folded_ack"), isn)
    heard = _highest(traffic, reach, answers)
    begin = seq.ahead(traffic.number("seq"), isn)
    length = traffic.number("payload_length")
    smallest = np.where(mss >= 536, mss - _OPTIONS, FAR)
    full = mine & (length >= smallest[handshake])
    first = traffic.first(full & (begin >= heard[handshake]))
    number = traffic.value("seq", first)
    later = after(traffic, first)
    from_first = later | (np.arange(len(later)) == first[handshake])
    repeats = mine & (length > 0) & (traffic.column("seq") == number[handshake]) & later
    repeat = traffic.first(repeats)
    folded = mine & (traffic.column("folded_signs") & REPEATED != 0) & from_first
    times = traffic.count(repeats) + traffic.count(folded)
    seen = np.maximum(traffic.column("folded_until"), traffic.column("time"))
    until = _highest(traffic, seen, repeats | folded)
    lasting = until - traffic.value("time", first) >= _LASTING
    stalled = (first != ABSENT) & (times >= 2) & lasting & (heard > 0)
    large = mine & (np.maximum(length, traffic.column("folded_largest")) >= smallest[handshake])
    stalled &= traffic.count(large & (begin + length <= heard[handshake])) == 0
    # Word of the other side after the loss: it lives, and the path still carries what is small.
    crossing = traffic.value("time", first) + np.maximum(handshakes.handshake_rtt_max, 0)
    alive = traffic.count(answers & (seen >= crossing[handshake])) > 0
    return np.where(stalled, np.where(alive, STRONG, COMPATIBLE), 0), first, repeat


def _highest(traffic: Traffic, values: Ints, condition: Bools) -> Ints:
    """For each handshake the greatest of the values where the condition is met, ABSENT where it never is."""
    highest = np.full(len(traffic.handshakes), ABSENT, np.int64)
    np.maximum.at(highest, traffic.handshake[condition], values[condition])
    return highest
