"""How connections end (RFC 9293, section 3.6). FIN and RST segments are always kept."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pcapcheck import seq
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import ACK, FIN, RST, SYN
from pcapcheck.evidence import PENDING_NS, Event, Fact
from pcapcheck.faults.signs import octets_missing
from pcapcheck.history import cut_short
from pcapcheck.openings import FAR
from pcapcheck.rules.among import one_sided_or
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.positions import after, ends, first_of_sides, largest, last, numbers
from pcapcheck.rules.row_options import segments, some, texts
from pcapcheck.rules.timing import seconds
from pcapcheck.rules.wrong_number import NEAR
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, CLOSES, SIDES
from pcapcheck.traffic import Ints, Traffic, by_rows, once, spread

_CONNECTED: Final = ("established", "client-only", "partial", "midstream")


class _Fins(NamedTuple):
    """The first FIN of one side of each handshake: its row and the number after it, ABSENT where there is none."""

    row: Ints
    end: Ints
    own: Bools  # rows of this side
    peer: Bools


def _fins(traffic: Traffic, from_client: bool) -> _Fins:
    sent = segments(traffic)
    own, peer = sent & (traffic.from_client == from_client), sent & (traffic.from_client != from_client)
    row = _first_fins(traffic)[not from_client]
    return _Fins(row, np.where(row == ABSENT, ABSENT, np.append(ends(traffic), 0)[row]), own, peer)


@once
def _first_fins(traffic: Traffic) -> tuple[Ints, Ints]:
    """The row of the client's first FIN, and of the server's."""
    return first_of_sides(traffic, segments(traffic) & (traffic.column("tcp_flags") & (FIN | RST | SYN) == FIN))


def _both_seen(traffic: Traffic) -> Bools:
    both = Fact.CLIENT_SEEN | Fact.SERVER_SEEN
    seen: Bools = traffic.handshakes.facts & (both | Fact.SELF_CONNECT) == both
    return seen


def _may_lack_acknowledgement(traffic: Traffic) -> Bools:
    """All with a FIN but those captured in both directions where the last ACK of the other side takes it exactly."""
    acks = segments(traffic) & (traffic.column("tcp_flags") & (ACK | RST) == ACK)
    lacking = np.zeros(len(traffic.handshakes), bool)
    for fin, peer in zip(_first_fins(traffic), (~traffic.from_client, traffic.from_client), strict=True):
        end = seq.add(traffic.value("seq", fin) + traffic.value("payload_length", fin), 1)
        exact = traffic.value("ack", last(traffic, acks & peer)) == end
        lacking |= (fin != ABSENT) & ~(exact & _both_seen(traffic))
    return lacking


@rule(
    "TD01",
    "fin-is-not-acknowledged",
    "note",
    reference="RFC 9293, sections 3.6, 3.4 and 3.10.7.4, eighth",
    needs="both directions, and 3 s of capture after the FIN",
    message="FIN was acknowledged by {actual}, expected {expected}",
    among=_may_lack_acknowledgement,
    fires="""
        # The FIN is not counted.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > F. 1:1(0) ack 1
        +.02 < F. 1:1(0) ack 1
        +0   > .  2:2(0) ack 2
        +30  arp
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > F. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 102
        +.1  < F. 1:1(0) ack 102
        +0   > .  102:102(0) ack 2
        +30  arp
    """,
)
def fin_is_not_acknowledged(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A FIN was never acknowledged with the number behind it, although no RST ended the connection.

    What it means: A FIN takes one sequence number behind the last data, and its receiver must "advance RCV.NXT over the
    FIN, and send an acknowledgment for the FIN". In this capture nothing does, or what does has another number.

    Why it matters: The sender of the FIN repeats it and waits, with its socket in FIN-WAIT-1, CLOSING or LAST-ACK,
    until it gives up. The other side does not know that no more data will come.

    Common causes: The other host or the path is gone; a firewall had forgotten the connection and drops the FIN; a
    filter or a dropped frame in the capture; a TCP that does not count the FIN.

    What to look at next: How often the FIN is repeated, whether the other side still sends anything after it, and the
    idle time before it against the timeouts of firewalls and NATs on the path.
    """
    handshakes = traffic.handshakes
    size = len(handshakes)
    row, expected, reached = np.full((3, size), ABSENT, np.int64)
    applies, undecided = np.zeros((2, size), bool)
    reset = some(traffic, segments(traffic) & (traffic.column("tcp_flags") & RST != 0))
    for from_client in (True, False):
        fins = _fins(traffic, from_client)
        best = _acknowledged(traffic, fins)
        closed = (fins.row != ABSENT) & ~reset
        since = capture.end_time - traffic.value("time", fins.row)
        fails = closed & (best != 0) & (best != FAR)
        # Data behind the FIN (TD03) may have been acknowledged with it.
        fails &= ~((best > 0) & some(traffic, _beyond(traffic, fins)))
        take = fails & (row == ABSENT)
        row, expected = np.where(take, fins.row, row), np.where(take, fins.end, expected)
        reached = np.where(take, best, reached)
        applies |= closed
        near_end = closed & ((since < PENDING_NS) | (traffic.value("time", fins.row) == NO_TIME))
        undecided |= closed & ((best == FAR) | (fails & near_end & (best < 0)))
    found = row != ABSENT
    missing = octets_missing(traffic, capture) > 0 if found.any() else found
    (failed,) = found.nonzero()
    acks = [
        "nothing" if reached[index] == -FAR else str(seq.add(int(expected[index]), int(reached[index])))
        for index in failed.tolist()
    ]
    return Answer(
        fails=found,
        applies=applies & handshakes.is_outcome(*_CONNECTED, "one-sided"),
        decidable=_both_seen(traffic) & ~undecided & ~(found & missing),
        frames=(traffic.value("frame", row),),
        expected=expected,
        actual=words(size, failed.tolist(), acks),
    )


def _acknowledged(traffic: Traffic, fins: _Fins) -> Ints:
    """How far beyond the FIN the other side acknowledges: 0 if exactly it, -FAR if nothing near it, FAR if unknown.

    The last segment of a side is always kept, so what comes after the FIN is enough, and what was folded where its
    end is known exactly.
    """
    acks = fins.peer & (traffic.column("tcp_flags") & (ACK | RST) == ACK)
    folded = traffic.number("folded_ack")
    end = fins.end[traffic.handshake]
    off = seq.diff(numbers(traffic, "ack"), end)
    far = seq.diff(off + folded, 0)
    unknown = folded >= FAR
    exact = some(traffic, acks & ((off == 0) | ((far == 0) & ~unknown)))
    reached = np.where(unknown, off, np.maximum(off, far))
    best = largest(traffic, acks & after(traffic, fins.row) & (np.abs(reached) < NEAR), reached, -FAR)
    return np.where(exact, 0, np.where(some(traffic, acks & unknown), FAR, best))


def _beyond(traffic: Traffic, fins: _Fins) -> Bools:
    """Rows of the sender of the FIN with payload behind it."""
    end = fins.end[traffic.handshake]
    over = seq.diff(ends(traffic), end)
    beyond: Bools = fins.own & after(traffic, fins.row) & (traffic.column("payload_length") > 0)
    beyond &= (traffic.column("tcp_flags") & (RST | SYN) == 0) & (over > 0) & (over < NEAR)
    return beyond


def _cut_short(traffic: Traffic) -> Bools:
    """Those that were reset, or closed in one direction only."""
    return traffic.handshakes.meet("close", cut_short)


@rule(
    "TD02",
    "close-without-both-fins",
    "info",
    reference="RFC 9293, sections 3.6, 3.6.1 and 3.10.5",
    needs="both directions of the connection's end",
    message="connection was closed by {actual}, not by {expected}",
    among=one_sided_or(_cut_short),
    reads_rows=False,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > P. 1:101(100) ack 1
        +.02 < R. 1:1(0) ack 1
    """,
    silent="""
        # RFC 9293, figure 12.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > F. 1:1(0) ack 1
        +.02 < .  1:1(0) ack 2
        +.1  < F. 1:1(0) ack 2
        +0   > .  2:2(0) ack 2
    """,
)
def close_without_both_fins(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The connection was not closed by a FIN of each side, but reset, or closed in one direction only.

    What it means: "A TCP connection may terminate in two ways: (1) the normal TCP close sequence using a FIN handshake,
    and (2) an 'abort'". A connection that only one side has closed is half-closed, and the other may go on sending.
    All are legal. The columns `close` and `closed_by` say it of every connection; the side that closes first by FINs
    keeps the port in TIME-WAIT.

    Why it matters: An abort throws away what was not delivered yet: the message says how much was sent and not
    acknowledged by the side that reset. A connection that stays half-closed holds memory at both ends.

    Common causes: For resets: an application that closes without reading everything, that ends connections with
    SO_LINGER 0, or crashed; load balancers and firewalls that clear up. Half-closed: a request that ends with
    shutdown(), an application that forgot to close, or a capture that ended too soon.

    What to look at next: Who began, what the last data before it was, and whether all connections of this server end
    so.
    """
    handshakes = traffic.handshakes
    reset = handshakes.close == CLOSES.index("reset")
    half = handshakes.close == CLOSES.index("half-closed")
    frame, fin_time, lost = _end(traffic)
    lasted = handshakes.last_time - fin_time
    more = (half | reset & (lost > 0)).nonzero()[0].tolist()
    said = [
        f"half-closed for {seconds(int(lasted[index]))}"
        if half[index]
        else f"{lost[index]} octets were not acknowledged"
        for index in more
    ]
    kinds = [f"{segment} of the {side}" for segment in ("a FIN", "an RST") for side in SIDES]
    # At the end of the capture the other FIN may still have been on its way.
    ended = half & (capture.end_time - fin_time < PENDING_NS)
    return Answer(
        fails=reset | half,
        applies=reset | half | (handshakes.close == CLOSES.index("fin")),
        decidable=~handshakes.is_outcome("one-sided") & ~ended,
        frames=(frame,),
        expected="a FIN of each side",
        actual=texts(reset | half, kinds, reset * len(SIDES) + handshakes.closed_by),
        detail=words(len(frame), more, said),
    )


@by_rows((ABSENT, ABSENT, 0))
def _end(traffic: Traffic) -> tuple[Ints, Ints, Ints]:
    """Of connections that were cut short: the frame of the RST or FIN that says so, the time of the FIN, ABSENT where
    there is none, and what the RST left undelivered.
    """
    size, (at,) = len(traffic.handshakes), _cut_short(traffic).nonzero()
    traffic = traffic.take(at)
    handshakes = traffic.handshakes
    by_client = handshakes.closed_by == SIDES.index("client")
    fin = np.where(by_client, *_first_fins(traffic))
    rst = traffic.first((traffic.from_client == by_client[traffic.handshake]) & traffic.is_event(Event.RESET))
    frame = traffic.value("frame", np.where(handshakes.close == CLOSES.index("half-closed"), fin, rst))
    lost = spread(size, at, _undelivered(traffic, rst), 0)
    return spread(size, at, frame), spread(size, at, traffic.value("time", fin)), lost


def _undelivered(traffic: Traffic, rst: Ints) -> Ints:
    """What the other side had sent, and the sender of the RST had not acknowledged, in octets; 0 where not known."""
    sender = np.append(traffic.from_client, False)[rst][traffic.handshake]
    sent = segments(traffic) & (traffic.column("tcp_flags") & RST == 0)
    acks = segments(traffic) & (traffic.from_client == sender) & (traffic.column("tcp_flags") & ACK != 0)
    final = last(traffic, acks)
    base = traffic.value("ack", final)[traffic.handshake]
    acknowledged = largest(traffic, acks, seq.diff(numbers(traffic, "ack"), base) + traffic.column("folded_ack"))
    payload = sent & (traffic.from_client != sender) & (traffic.column("tcp_flags") & (SYN | FIN) == 0)
    reached = largest(traffic, payload, seq.diff(ends(traffic), base) + traffic.column("folded_end"))
    lost = reached - acknowledged
    return np.where((rst != ABSENT) & (final != ABSENT) & (lost > 0) & (lost < NEAR), lost, 0)


def _behind_fin(traffic: Traffic) -> Bools:
    """Rows with payload after the first FIN of their side."""
    behind = traffic.column("payload_length") > 0
    (at,) = behind.nonzero()
    handshake, from_client = traffic.handshake[at], traffic.from_client[at]
    fin = np.where(from_client, *(fin[handshake] for fin in _first_fins(traffic)))
    behind[at] = (fin != ABSENT) & (at > fin)
    return behind


@rule(
    "TD03",
    "data-after-own-fin",
    "warning",
    reference="RFC 9293, section 3.6, case 1, and section 3.10.2, FIN-WAIT STATES",
    needs="what was kept of the segments after the FIN",
    message="data up to {actual} after a FIN at {expected}",
    among=lambda traffic: some(traffic, _behind_fin(traffic)),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > F. 1:1(0) ack 1
        +.1  > P. 2:102(100) ack 1
    """,
    silent="""
        # The other side may go on, and what was sent before may be sent again.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > P. 1:101(100) ack 1
        +.1  > F. 101:101(0) ack 1
        +.1  < P. 1:501(500) ack 1
        +.2  > P. 1:101(100) ack 501
    """,
)
def data_after_own_fin(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A host sent data behind its own FIN.

    What it means: With its FIN a host says that it has nothing more to send: "No further SENDs from the user will be
    accepted by the TCP implementation". Data with numbers behind the FIN contradict it.

    Why it matters: The receiver has told its application that the stream has ended and drops what follows; the data
    are lost. Or the FIN came from somebody else, to make the two ends disagree.

    Common causes: An injected FIN; a new connection on the same 4-tuple whose SYN is not in the capture; a hand-written
    TCP.

    What to look at next: TTL and IP id of the FIN against its sender's other segments.
    """
    size = len(traffic.handshakes)
    row, fin, end = np.full((3, size), ABSENT, np.int64)
    applies = np.zeros(size, bool)
    for from_client in (True, False):
        fins = _fins(traffic, from_client)
        found = traffic.first(_beyond(traffic, fins))
        take = (row == ABSENT) & (found != ABSENT)
        row, fin = np.where(take, found, row), np.where(take, fins.row, fin)
        end = np.where(take, fins.end, end)
        applies |= fins.row != ABSENT
    return Answer(
        fails=row != ABSENT,
        applies=applies & traffic.handshakes.is_outcome(*_CONNECTED) & _both_seen(traffic),
        frames=(traffic.value("frame", row), traffic.value("frame", fin)),
        expected=np.where(end == ABSENT, ABSENT, seq.add(end, -1)),
        actual=np.where(row == ABSENT, ABSENT, seq.add(np.append(ends(traffic), 0)[row], -1)),
    )
