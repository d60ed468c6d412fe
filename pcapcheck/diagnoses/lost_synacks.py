"""SYN-ACKs that passed the tap and did not reach the client."""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import RST
from pcapcheck.diagnoses.catalogue import COMPATIBLE, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import Details, after, before, last, least_of, some, spread, with_their_pairs
from pcapcheck.diagnoses.repeats import TIMER
from pcapcheck.evidence import Event, Fact
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows


def _repeated_syns(traffic: Traffic, synack: Ints, round_trip: Ints) -> Bools:
    """Which rows are SYNs that the client sent again although a SYN-ACK must have reached it by then."""
    of = traffic.handshake
    syn = traffic.first_event(Event.SYN)
    again: Bools = traffic.is_event(Event.SYN) & after(traffic, synack)
    # One with the IP id of the first is a copy that the network made.
    again &= (traffic.column("ip_id") <= 0) | (traffic.column("ip_id") != traffic.value("ip_id", syn)[of])
    again &= traffic.number("time") > (traffic.value("time", synack) + np.maximum(round_trip, TIMER))[of]
    # Once the client has acknowledged or reset the SYN-ACK, it had one.
    reset = traffic.first(traffic.from_client & (traffic.column("tcp_flags") & RST != 0))
    for answer in (traffic.first_event(Event.COMPLETING), reset):
        again &= before(traffic, answer) | (answer == ABSENT)[of]
    return again


def _acknowledged_each(traffic: Traffic, synack: Ints) -> Bools:
    """Whether the client sent a bare ACK for each SYN-ACK: none was lost, the path is slower than the SYN's timer."""
    bare = traffic.is_event(Event.COMPLETING, Event.CLIENT_GOES_ON) & (traffic.column("payload_length") == 0)
    bare &= traffic.number("ack") == seq.add(traffic.value("seq", synack), 1)[traffic.handshake]
    bare &= traffic.number("seq") != seq.add(traffic.value("ack", synack), -1)[traffic.handshake]  # a keep-alive
    each: Bools = traffic.count(bare) >= traffic.handshakes.synack_count
    return each


@by_rows(False)
def _may_be_lost(traffic: Traffic) -> Bools:
    """Which handshakes have such a SYN, if the round trip is short."""
    found = np.zeros(len(traffic.handshakes), bool)
    (at,) = ((traffic.handshakes.syn_count > 1) & (traffic.handshakes.facts & Fact.SYNACK != 0)).nonzero()
    traffic = traffic.take(at)
    synack = traffic.first_event(Event.SYNACK)
    again = _repeated_syns(traffic, synack, np.zeros(len(at), np.int64))
    found[at] = some(traffic, again) & ~_acknowledged_each(traffic, synack)
    return found


@diagnosis(
    "D34",
    "synack-lost",
    application="ETIMEDOUT",
    if_opened="nothing",
    rivals=("server-slow", "options-rewritten", "isn-rewritten"),
    decide_by="capture at the client: whether the SYN-ACK arrives there; `nstat -az TcpInCsumErrors` on it",
    fires="""
        # The first SYN-ACK passed the tap, and a second later the client asks again.
        +0   > S  0:0(0) win 64240
        +0   < S. 0:0(0) ack 1 win 65160
        +1   > S  0:0(0) win 64240
        +0   < S. 0:0(0) ack 1 win 65160
        +.02 > .  1:1(0) ack 1
    """,
    silent="""
        # It is the ACK that was lost: the client does not ask again.
        +0   > S  0:0(0) win 64240
        +0   < S. 0:0(0) ack 1 win 65160
        +1   < S. 0:0(0) ack 1 win 65160
        +1   > P. 1:101(100) ack 1
        +0   < .  1:1(0) ack 101
    """,
)
def synack_lost(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The SYN-ACK passed the tap and was lost between the tap and the client, or the client's host dropped it.

    What it means: The client repeated its SYN although a right SYN-ACK had passed the tap half a second before, and
    long enough before to reach it. Where other handshakes between these two hosts show a round trip between tap and
    client that is shorter, so that the SYN-ACK must have been there, that is strong; else compatible.

    What else it could be: A path on which the round trip to the client takes as long as its SYN timer: then both
    SYN-ACKs arrive, and the client acknowledges each (where it did so in this capture, this is not said). A box behind
    the tap that changes the SYN-ACK so that the client does not take it. At a tap on the client itself little can be
    lost: its own filter drops the SYN-ACK, or the checksum is wrong.

    How to decide: Capture at the client. Where the SYN-ACK arrives there, look at its filter (`nft list ruleset`), at
    the way it comes in by (reverse path filter, another interface) and at the checksum counter; where it does not, at
    the way back from the server, which need not be the way there.

    What the application saw: A delay of 1, 3, 7 ... seconds in connect(), on Linux since 6.5 of 1 to 5; where every
    SYN-ACK is lost, ETIMEDOUT. At the server the connection stands in SYN-RECEIVED.
    """
    handshakes = traffic.handshakes
    concerned = _may_be_lost(traffic)
    if not concerned.any():
        return Conclusion.nothing(len(handshakes))
    at, pair = with_their_pairs(traffic, concerned)
    rtt, asked_again = handshakes.client_rtt[at], (handshakes.syn_count[at] > 1) & handshakes.has(Fact.SYNACK)[at]
    known = spread(len(handshakes), at, least_of(pair, rtt, ~asked_again & (rtt > 0))[pair])
    traffic = traffic.only(concerned)
    synack = traffic.first_event(Event.SYNACK)
    again = _repeated_syns(traffic, synack, known) & ~_acknowledged_each(traffic, synack)[traffic.handshake]
    first, final = traffic.first(again), last(traffic, again)
    passed = traffic.count(traffic.is_event(Event.SYNACK) & before(traffic, final))

    def text(index: int) -> str:
        told = f"{passed[index]} SYN-ACK(s) passed before the last repeated SYN"
        if known[index] == ABSENT:
            return told
        return f"{told}; other handshakes: {known[index] / 1e6:.3g} ms from tap to client and back"

    return Conclusion(
        np.where(first == ABSENT, 0, np.where(known != ABSENT, STRONG, COMPATIBLE)),
        evidence=(traffic.value("frame", first), handshakes.synack_frame, handshakes.syn_frame),
        detail=Details(len(handshakes), text),
    )
