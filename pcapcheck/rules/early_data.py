"""Data that comes before its turn, or not from its beginning."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import ACK, FIN, RST, SYN
from pcapcheck.evidence import Event, Fact
from pcapcheck.faults.signs import untimed
from pcapcheck.openings import FAR
from pcapcheck.rules.among import out_of_line, over_at_once, synack_repeated
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.positions import after, before, ends, first_of_sides, largest, numbers
from pcapcheck.rules.row_options import segments, some
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, ACK_KINDS, FAST_OPENS, SHAPES
from pcapcheck.traffic import Ints, Traffic

# Two directions may be recorded out of order by as much (see faults.rows.COPY_NS).
DISORDER_NS: Final = 5 * 10**6

_SYNACKS: Final = (Event.SYNACK, Event.WRONG_SYNACK, Event.OLD_SYNACK)


def _data(traffic: Traffic, from_client: bool) -> Bools:
    """The segments of one side that carry payload beyond a SYN."""
    data: Bools = segments(traffic) & (traffic.from_client == from_client) & (traffic.column("payload_length") > 0)
    data &= traffic.column("tcp_flags") & (SYN | RST) == 0
    return data


def _frame(traffic: Traffic, row: Ints) -> Ints:
    return traffic.value("frame", row)


@rule(
    "HS10",
    "client-data-before-synack",
    "warning",
    reference="RFC 9293, section 3.10.2, SYN-SENT STATE",
    needs="both directions",
    message="client sent {actual} before the SYN-ACK, expected {expected}",
    among=lambda traffic: out_of_line(traffic) & traffic.has(Event.SYN) & ~over_at_once(traffic),
    fires="""
        +0   > S  0:0(0) win 64240
        +.01 > P  1:11(10)
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # Data in the SYN itself is legal.
        +0   > S  0:10(10) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > P. 1:11(10) ack 1
    """,
)
def client_data_before_synack(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The client sent data behind its SYN before it can have had a SYN-ACK.

    What it means: A SYN may carry data, but what the application writes after it waits: "Queue the data for
    transmission after entering ESTABLISHED state". This segment acknowledges no SYN-ACK, and none came before it.

    Why it matters: The server has no connection yet and drops the data or answers with an RST, which ends the attempt.

    Common causes: A hand-written TCP in a test tool, a scanner or an exploit; a middlebox that splices two connections;
    a segment of an older connection of this 4-tuple.

    What to look at next: What the server answers, and whether the client sends the same data again later.
    """
    handshakes = traffic.handshakes
    syn, synack = traffic.first_event(Event.SYN), traffic.first(traffic.is_event(*_SYNACKS))
    ahead = seq.ahead(numbers(traffic, "seq"), handshakes.client_isn[traffic.handshake])
    row = traffic.first(
        _data(traffic, True) & after(traffic, syn) & before(traffic, synack) & (ahead > 0) & (ahead < FAR)
    )
    acks = traffic.value("tcp_flags", row) & ACK != 0
    # It acknowledges a SYN-ACK that was recorded too late, or not at all.
    late = (synack == ABSENT) | (traffic.value("ack", row) == seq.add(traffic.value("seq", synack), 1))
    found = row != ABSENT
    failed = found.nonzero()[0].tolist()
    octets = traffic.value("payload_length", row)
    return Answer(
        fails=found,
        applies=(syn != ABSENT)
        & (handshakes.client_fast_open != FAST_OPENS.index("cookie"))
        & (handshakes.facts & (Fact.PEER_SYN | Fact.SELF_CONNECT) == 0),
        decidable=~(found & acks & late),
        frames=(_frame(traffic, row), handshakes.syn_frame),
        expected="none",
        actual=words(len(row), failed, [f"{octets[index]} octets" for index in failed]),
    )


@rule(
    "HS11",
    "server-data-before-ack",
    "warning",
    reference="RFC 9293, section 3.10.2, SYN-RECEIVED STATE; RFC 7413, section 4.2",
    needs="the bare ACK that completes the handshake, behind the data",
    message="server sent {actual} before the ACK of its SYN-ACK, expected {expected}",
    among=lambda traffic: out_of_line(traffic) & traffic.has(Event.SYNACK),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   < P. 1:101(100) ack 1
        +.02 > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +.02 > .  1:1(0) ack 1
        +0   < P. 1:101(100) ack 1
    """,
)
def server_data_before_ack(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The server sent data behind its SYN-ACK before the client had acknowledged that.

    What it means: In SYN-RECEIVED a server holds what its application writes: "Queue the data for transmission after
    entering ESTABLISHED state". Only Fast Open lets it answer at once. Here the ACK of the SYN-ACK comes after the
    data, and acknowledges none of it, so that it is not a later one.

    Why it matters: The client's address is not proved yet. A server that sends to whoever it is told can be used to
    flood others.

    Common causes: A hand-written or embedded TCP; a proxy that sends a banner at once; an ACK and data that were
    recorded out of order (times nearer than 5 ms are left undecided).

    What to look at next: A capture at the server: whether the ACK arrived there before the data left.
    """
    handshakes = traffic.handshakes
    synack, ack = traffic.first_event(Event.SYNACK), traffic.first_event(Event.COMPLETING)
    ahead = seq.ahead(numbers(traffic, "seq"), handshakes.server_isn[traffic.handshake])
    data = traffic.first(_data(traffic, False) & after(traffic, synack) & (ahead > 0) & (ahead < FAR))
    early = (data != ABSENT) & ((ack == ABSENT) | (data < ack))
    bare = (handshakes.ack_kind == ACK_KINDS.index("ack")) & (
        handshakes.ack_ack == seq.add(handshakes.server_isn, 1)
    )  # fmt: skip
    bare &= handshakes.ack_seq == handshakes.synack_ack
    apart = traffic.value("time", ack) - traffic.value("time", data) > DISORDER_NS
    failed = (early & bare & apart).nonzero()[0].tolist()
    octets = traffic.value("payload_length", data)
    fast_open = (handshakes.client_fast_open == FAST_OPENS.index("cookie")) | (
        handshakes.facts & Fact.SYN_DATA_TAKEN != 0
    )
    return Answer(
        fails=early & bare & apart,
        applies=(data != ABSENT) & ~fast_open & (handshakes.facts & (Fact.PEER_SYN | Fact.SELF_CONNECT) == 0),
        decidable=~early | (bare & apart & ~untimed(traffic)),
        frames=(_frame(traffic, data), _frame(traffic, ack), _frame(traffic, synack)),
        expected="none",
        actual=words(len(data), failed, [f"{octets[index]} octets" for index in failed]),
    )


def _may_lack_beginning(traffic: Traffic) -> Bools:
    """All but those whose first data, of both sides, is the octet behind the SYN."""
    handshakes, start = traffic.handshakes, traffic.starts[:-1]
    fits = ~out_of_line(traffic) & ~synack_repeated(traffic)
    synack = np.where(fits, start + 1, ABSENT)
    fits &= handshakes.synack_ack == seq.add(handshakes.client_isn, 1)
    fits &= (traffic.value("payload_length", synack) == 0) & (traffic.value("tcp_flags", synack) & FIN == 0)
    data = (traffic.column("payload_length") > 0) | (traffic.column("folded_least") < FAR)
    data &= segments(traffic) & (traffic.column("tcp_flags") & (SYN | RST) == 0) & ~traffic.is_event(Event.WRONG_ACK)
    for row, isn in zip(first_of_sides(traffic, data), (handshakes.client_isn, handshakes.server_isn), strict=True):
        first = (traffic.value("seq", row) == seq.add(isn, 1)) & (traffic.value("payload_length", row) > 0)
        fits &= (row == ABSENT) | first
    return handshakes.is_outcome("established", "client-only") & ~fits


@rule(
    "HS15",
    "stream-has-no-beginning",
    "note",
    reference="RFC 9293, section 3.4",
    needs="SYN, SYN-ACK and the segment that completes them",
    message="first data of the connection in one direction has sequence number {actual}, expected {expected}",
    among=_may_lack_beginning,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > P. 101:201(100) ack 1
    """,
    silent="""
        # A keep-alive comes before the first data.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +60  > .  0:1(1) ack 1
        +.1  > P. 1:101(100) ack 1
    """,
)
def stream_has_no_beginning(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The first data that was captured in one direction is not the first octet behind the SYN.

    What it means: The SYN takes one sequence number and the first octet of data the next. Between the two something is
    missing here, or it comes later. (Where the segment itself completes the handshake, HS04 says so.)

    Why it matters: Either the network lost a segment, and the connection begins with a retransmission, or the capture
    did, and then the other findings about this connection stand on less than they seem to.

    Common causes: Loss or reordering before this capture point; frames that the capture dropped or recorded out of
    order; a filter.

    What to look at next: Whether the missing octets follow (the message says so) and whether the other side
    acknowledges them all the same: then they arrived and only the capture missed them.
    """
    handshakes = traffic.handshakes
    client, server = (_beginning(traffic, from_client) for from_client in (True, False))
    use_client = _is_off(client, traffic, completing_too=False)
    use_server = ~use_client & _is_off(server, traffic, completing_too=True)
    row, expected, start, least = (
        np.where(use_client, mine, other) for mine, other in zip(client, server, strict=True)
    )
    found = use_client | use_server
    failed = found.nonzero()[0].tolist()
    texts = [
        ("the octets before it follow later" if least[index] <= 0 else f"{start[index]} octets are missing before it")
        if start[index] > 0
        else f"{-start[index]} octets before the beginning"
        for index in failed
    ]
    synack = traffic.is_event(Event.SYNACK)
    other_isn = some(traffic, synack & (numbers(traffic, "seq") != handshakes.server_isn[traffic.handshake]))
    return Answer(
        fails=found,
        applies=((client[0] != ABSENT) | (server[0] != ABSENT))
        & handshakes.is_outcome("established", "client-only")
        & (handshakes.shape != SHAPES.index("self-connect"))
        & ~other_isn,
        frames=(_frame(traffic, row), handshakes.synack_frame),
        expected=expected,
        actual=np.where(found, seq.add(expected, start), ABSENT),
        detail=words(len(found), failed, texts),
    )


def _is_off(beginning: tuple[Ints, ...], traffic: Traffic, *, completing_too: bool) -> Bools:
    row, _, start, _ = beginning
    off: Bools = (row != ABSENT) & (start != 0)
    return off if completing_too else off & (row != traffic.first_event(Event.COMPLETING))


def _beginning(traffic: Traffic, from_client: bool) -> tuple[Ints, Ints, Ints, Ints]:
    """The first data of one side: row, the number expected, how far beyond it, and the least distance of all data.

    What was folded into a bare ACK has no order any more, so only its least distance counts. A distance that is
    harmless (an octet of keep-alive, data of the SYN once more) is 0.
    """
    handshakes = traffic.handshakes
    isn = handshakes.client_isn if from_client else handshakes.server_isn
    synack = traffic.is_event(Event.SYNACK)
    number = numbers(traffic, "ack") if from_client else ends(traffic)
    own = seq.add(isn, 1)
    taken = largest(traffic, synack, seq.diff(number, own[traffic.handshake]))  # of the data in SYN or SYN-ACK
    expected = seq.add(own, taken)
    at = expected[traffic.handshake]
    octets, flags, least_folded = (numbers(traffic, name) for name in ("payload_length", "tcp_flags", "folded_least"))
    payload = octets > 0
    folded = np.where(least_folded < FAR, seq.diff(ends(traffic), at) + least_folded, FAR)
    start = np.where(payload, seq.diff(numbers(traffic, "seq"), at), folded)
    keep_alive = (start == -1) & (octets == 1)
    side = segments(traffic) & (traffic.from_client == from_client) & (flags & (SYN | RST) == 0)
    # What comes behind a FIN is TD03, what the server cannot take HS04.
    side &= ~traffic.is_event(Event.WRONG_ACK)
    side &= ~after(traffic, traffic.first(side & (flags & FIN != 0))) & (np.abs(start) < FAR) & ~keep_alive
    row = traffic.first(side)
    least = -largest(traffic, side, -np.minimum(start, folded), -FAR)
    found = np.where(row == ABSENT, 0, np.append(start, 0)[row])
    behind = (found < 0) & ((found >= -taken) | ~np.append(payload, False)[row])
    return row, expected, np.where(behind, 0, found), least
