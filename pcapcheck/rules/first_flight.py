"""The first data after an opening that needed more than one SYN or SYN-ACK."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import RST, SYN
from pcapcheck.evidence import SECOND, Event
from pcapcheck.faults.signs import frames_missing, furthest, untimed
from pcapcheck.openings import FAR, REPEATED
from pcapcheck.rules.among import opening_repeated
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.row_options import segments
from pcapcheck.rules.timing import SHORTEST_NS, in_seconds, transmissions
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic

# RFC 6298, section 5.7, less a fifth for timers and queues.
THREE_SECONDS_NS: Final = 3 * SECOND * 8 // 10

# RFC 9293, section 3.7.1: SendMSS where the peer offered none (MUST-15), for IPv4 and IPv6.
DEFAULT_MSS: Final = (536, 1220)


class _Side(NamedTuple):
    """What one side sent first, for each handshake."""

    rows: Bools  # its rows after the opening
    others: Bools  # the other side's
    tries: Ints  # SYNs, or SYN-ACKs, that its timer sent
    first_seq: Ints  # of its data
    peer_mss: Ints


def _sides(traffic: Traffic) -> tuple[_Side, _Side]:
    handshakes, flags = traffic.handshakes, traffic.column("tcp_flags")
    opening = (traffic.is_event(Event.SYN), traffic.is_event(Event.SYNACK))
    plain = segments(traffic) & (flags & (SYN | RST) == 0)
    default = np.where(handshakes.is_v4, *DEFAULT_MSS)
    sides = []
    for event, from_client, isn, mss in (
        (Event.SYN, True, handshakes.client_isn, handshakes.server_mss),
        (Event.SYNACK, False, handshakes.server_isn, handshakes.client_mss),
    ):
        tries = _timed_out(traffic, event, traffic.count(opening[0]))
        own = plain & (traffic.from_client == from_client)
        sides.append(_Side(own, plain & ~own, tries, seq.add(isn, 1), np.where(mss == ABSENT, default, mss)))
    return sides[0], sides[1]


def _answer_of_none(traffic: Traffic) -> Answer:
    """The answer where no opening was repeated, which is nearly always."""
    none = np.zeros(len(traffic.handshakes), bool)
    return Answer(fails=none, applies=none)


def _timed_out(traffic: Traffic, event: Event, syns: Ints) -> Ints:
    """How many SYNs or SYN-ACKs there were of which each but the first was sent because a timer expired."""
    sent = transmissions(traffic, event)
    (at,) = sent.rows.nonzero()
    time, handshake = traffic.column("time")[at], traffic.handshake[at]
    timer = np.ones(len(at), bool)
    timer[1:] = (handshake[1:] != handshake[:-1]) | (time[1:] - time[:-1] >= SHORTEST_NS)
    tries = np.bincount(handshake[timer], minlength=len(traffic.handshakes)).astype(np.int64)
    if event is Event.SYNACK:  # those that answer repeated SYNs were not sent by a timer
        tries = np.where(syns > 1, 1, tries)
    return tries


def _first(traffic: Traffic, rows: Bools, after: Ints | None = None) -> Ints:
    if after is not None:
        start = after[traffic.handshake]
        rows = rows & (start != ABSENT) & (np.arange(len(rows)) > start)
    return traffic.first(rows)


@rule(
    "TM04",
    "data-timeout-too-short",
    "note",
    reference="RFC 6298, section 5.7 (MUST)",
    needs="a SYN or SYN-ACK that was repeated, and that side's first data sent twice",
    message="after an opening that timed out, data was sent again after {actual}, expected {expected}",
    among=opening_repeated,
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +1   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > P. 1:101(100) ack 1
        +1   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +1   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > P. 1:101(100) ack 1
        +3   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
    """,
)
def data_timeout_too_short(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A side whose SYN or SYN-ACK timed out sends its first data again in less than three seconds.

    What it means: "If the timer expires awaiting the ACK of a SYN segment and the TCP implementation is using an RTO
    less than 3 seconds, the RTO MUST be re-initialized to 3 seconds when data transmission begins (i.e., after the
    three-way handshake completes)." Only a repeat with no segment of the other side in between counts. Where both
    sides permit selective acknowledgements the rule is undecidable: the repeat may be a tail loss probe (RFC 8985,
    section 7), which needs no timeout.

    Why it matters: The opening timed out perhaps only because the path is slow. Then every first segment is sent twice,
    and the sender slows down for a loss that did not happen.

    Common causes: A TCP implementation that takes a round-trip time from a repeated SYN, or keeps the timeout of the
    opening.

    What to look at next: Whether the first copy was acknowledged after all: an ACK that comes sooner after the repeat
    than a round trip takes answers the first.
    """
    handshakes = traffic.handshakes
    sack = (handshakes.client_sack_permitted != 0) & (handshakes.server_sack_permitted != 0)
    parts, sides = [], _sides(traffic)
    if not any((side.tries > 1).any() for side in sides):
        return _answer_of_none(traffic)
    for side in sides:
        data = side.rows & (traffic.column("payload_length") > 0)
        first = _first(traffic, data)
        same = traffic.column("seq") == traffic.value("seq", first)[traffic.handshake] if len(data) else data
        again = _first(traffic, data & same, first)
        answer = _first(traffic, side.others, first)
        gap = traffic.value("time", again) - traffic.value("time", first)
        applies = (side.tries > 1) & (again != ABSENT) & ((answer == ABSENT) | (answer > again))
        # A repeat that was folded away could be the first data's.
        folded = traffic.count(side.rows & (traffic.column("folded_signs") & REPEATED != 0)) > 0
        hidden = (side.tries > 1) & (again == ABSENT) & folded
        parts.append((applies, hidden, first, again, gap))
    (client, client_hidden, *of_client), (server, server_hidden, *of_server) = parts
    by_client = client & (of_client[2] < THREE_SECONDS_NS)
    first, again, gap = (np.where(by_client, a, b) for a, b in zip(of_client, of_server, strict=True))
    fails = by_client | (server & (of_server[2] < THREE_SECONDS_NS))
    return Answer(
        fails=fails,
        applies=client | server | client_hidden | server_hidden,
        decidable=~untimed(traffic) & ~(fails & sack) & (fails | ~(client_hidden | server_hidden)),
        frames=(traffic.value("frame", again), traffic.value("frame", first)),
        expected="3 s or more",
        actual=in_seconds(gap, fails),
        detail=np.where(by_client, "client", "server").astype(object),
    )


@rule(
    "TM05",
    "first-flight-too-large",
    "note",
    reference="RFC 5681, section 3.1 (MUST); RFC 6928, section 2 (RECOMMENDED)",
    needs="a SYN or SYN-ACK that was sent three times, the peer's MSS and the first data",
    message="first flight of {actual} octets, expected {expected} at most",
    among=opening_repeated,
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +1   > S  0:0(0) win 64240 <mss 1460>
        +2   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1461(1460) ack 1
        +0   > .  1461:2921(1460) ack 1
        +.02 < .  1:1(0) ack 2921
    """,
    silent="""
        # One repeat is no loss yet (RFC 6928): it may have been needless.
        +0   > S  0:0(0) win 64240 <mss 1460>
        +1   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1461(1460) ack 1
        +0   > .  1461:2921(1460) ack 1
        +.02 < .  1:1(0) ack 2921
    """,
)
def first_flight_too_large(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A side that lost its SYN or SYN-ACK more than once begins with more than one segment of data.

    What it means: "If the SYN or SYN/ACK is lost, the initial window used by a sender after a correctly transmitted SYN
    MUST be one segment consisting of at most SMSS bytes" (RFC 5681). RFC 6928 asks only that it be so when there "have
    been more than one SYN or SYN/ACK retransmissions or true loss detection has been made", so one repeat is let pass.
    Counted is what this side sent before the first acknowledgement of any of it.

    Why it matters: A path that lost several openings is congested or broken; a burst of ten segments makes it worse.

    Common causes: A TCP implementation that sets its initial window without looking at the opening; a capture near the
    receiver that lacks the acknowledgement in between.

    What to look at next: Whether segments of this flight were lost too, and `ip route` for a raised initcwnd.
    """
    handshakes, payload = traffic.handshakes, traffic.column("payload_length")
    seq_number, ack_number = (traffic.number(name) for name in ("seq", "ack"))
    flights, sides = [], _sides(traffic)
    if not any((side.tries > 2).any() for side in sides):
        return _answer_of_none(traffic)
    for side in sides:
        start = side.first_seq[traffic.handshake]
        acked = seq.ahead(ack_number, start)
        answered = side.others & (acked > 0) & (acked < FAR)
        answer = traffic.first(answered)[traffic.handshake]
        before = (answer == ABSENT) | (np.arange(len(payload)) < answer)
        data = side.rows & (payload > 0) & before & ~traffic.is_event(Event.WRONG_ACK)
        reach = seq.ahead(seq_number, start) + payload
        data &= reach < FAR
        beyond = traffic.first(data & (reach > side.peer_mss[traffic.handshake]))
        flights.append((side, furthest(traffic, data, reach), beyond))
    (client, client_flight, client_row), (server, server_flight, server_row) = flights
    applies = [(side.tries > 2) & (flight > 0) for side, flight, _ in flights]
    by_client = applies[0] & (client_flight > client.peer_mss)
    fails = by_client | (applies[1] & (server_flight > server.peer_mss))
    opening = np.where(by_client, handshakes.syn_frame, handshakes.synack_frame)
    mss = np.where(by_client, client.peer_mss, server.peer_mss)
    (at,) = fails.nonzero()
    return Answer(
        fails=fails,
        applies=applies[0] | applies[1],
        decidable=~frames_missing(traffic, capture),
        frames=(traffic.value("frame", np.where(by_client, client_row, server_row)), opening),
        expected=words(len(fails), at.tolist(), map(str, mss[at].tolist())),
        actual=np.where(by_client, client_flight, server_flight),
        detail=np.where(by_client, "client", "server").astype(object),
    )
