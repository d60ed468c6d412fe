"""RSTs and SYNs that reach a connection that is open already."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import ACK, RST
from pcapcheck.evidence import SECOND, Event, Fact
from pcapcheck.faults.signs import network_copies, untimed
from pcapcheck.openings import FAR
from pcapcheck.rules.among import flow_reused, opening_repeated, out_of_line, over_at_once
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.injection import OVERTAKEN_NS
from pcapcheck.rules.positions import after, before, ends, largest, last, numbers
from pcapcheck.rules.row_options import segments, some
from pcapcheck.rules.wrong_number import flow_of
from pcapcheck.sorting import values_of
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, CLOSES
from pcapcheck.traffic import Ints, Traffic

# Who has spoken so shortly before has not been restarted since.
_ALIVE_NS: Final = 10 * SECOND


def _may_be_inexact(traffic: Traffic) -> Bools:
    """Those with an RST whose number is not what the other side acknowledged last before it."""
    (resets,) = traffic.is_event(Event.RESET).nonzero()
    rows = traffic.rows_of(values_of(traffic.handshake[resets]))
    acks = rows[(segments(traffic) & (traffic.column("tcp_flags") & (RST | ACK) == ACK))[rows]]
    found = traffic.has(Event.RESET) & untimed(traffic)
    for from_client in (True, False):
        rst = traffic.first_at(resets[traffic.from_client[resets] == from_client])
        peers = acks[(traffic.from_client[acks] != from_client) & (acks < rst[traffic.handshake[acks]])]
        asked = traffic.value("ack", traffic.last_at(peers))
        found |= (rst != ABSENT) & (asked != traffic.value("seq", rst))
    return found


@rule(
    "RS04",
    "rst-has-inexact-number",
    "note",
    reference="RFC 9293, section 3.10.7.4, second (1) to (3); RFC 5961, section 3.2",
    needs="what the receiver of the RST acknowledged before it and long after it",
    message="RST has sequence number {actual}, expected {expected}",
    among=_may_be_inexact,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  < R  90:90(0)
        +0   > .  1:1(0) ack 1
        +.3  < P. 1:51(50) ack 1
        +0   > .  1:1(0) ack 51
    """,
    silent="""
        # The last data and the RST are on their way together.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  < P. 1:101(100) ack 1
        +0   < R. 101:101(0) ack 1
        +0   > .  1:1(0) ack 101
    """,
)
def rst_has_inexact_number(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """An RST on an open connection has a number that its receiver must not take, and the receiver went on.

    What it means: Only an RST whose sequence number "exactly matches the next expected sequence number" ends a
    connection. Inside the window any other one draws a challenge ACK, outside it is dropped (RFC 5961; the original
    rule took every RST inside the window). A number that its sender has used already is a note, and one that it
    never used, neither before nor after, is a warning.

    Why it matters: It ended nothing. A number that was never used was guessed, or computed by somebody who does not
    follow the connection.

    Common causes: For numbers already used: an RST that answers an old segment, or one that overtook data that was
    lost. For the others: a blind reset attack, a firewall that makes up its resets, a middlebox that rewrites sequence
    numbers in one direction only.

    What to look at next: TTL and IP id of the RST against its sender's other segments, whether the sender goes on too
    (RS08), and whether more RSTs with other numbers come.
    """
    handshakes = traffic.handshakes
    span = handshakes.handshake_rtt_max
    patience = np.where(span == ABSENT, 3 * SECOND, span) + OVERTAKEN_NS
    known = handshakes.facts & Fact.COMPLETED != 0
    known &= handshakes.facts & (Fact.SELF_CONNECT | Fact.SYN) == Fact.SYN
    traffic = traffic.only(some(traffic, traffic.is_event(Event.RESET)))
    rst, expected, room = np.full((3, len(handshakes)), ABSENT, np.int64)
    unused, decided, applies = np.zeros((3, len(handshakes)), bool)
    flags, until = traffic.column("tcp_flags"), np.maximum(traffic.column("time"), traffic.column("folded_until"))
    for from_client in (True, False):
        own = segments(traffic) & (traffic.from_client == from_client)
        peer = segments(traffic) & (traffic.from_client != from_client) & (flags & (RST | ACK) == ACK)
        row = traffic.first(own & traffic.is_event(Event.RESET))
        asked = traffic.value("ack", last(traffic, peer & before(traffic, row) & (row != ABSENT)[traffic.handshake]))
        heard = traffic.value("time", row) + patience
        goes_on = some(traffic, peer & after(traffic, row) & (until > heard[traffic.handshake]))
        # Everything is measured from what the receiver had acknowledged just before.
        base = asked[traffic.handshake]
        acks = seq.diff(numbers(traffic, "ack"), base) + traffic.column("folded_ack")
        acked = np.minimum(largest(traffic, peer, acks), FAR)
        sent = largest(traffic, own & (flags & RST == 0), seq.diff(ends(traffic), base) + traffic.column("folded_end"))
        off = seq.diff(traffic.value("seq", row), asked)
        wrong = (row != ABSENT) & (asked != ABSENT) & ((off < 0) | (off > acked))
        isn = handshakes.client_isn if from_client else handshakes.server_isn
        never = np.where(off < 0, seq.ahead(asked, isn) < -off, off > sent)
        take = (rst == ABSENT) & wrong & goes_on
        rst, expected = np.where(take, row, rst), np.where(take, asked, expected)
        room = np.where(take, acked, room)
        unused |= take & never
        applies |= row != ABSENT
        decided |= take | ((row != ABSENT) & ~wrong)
    found = rst != ABSENT
    failed = found.nonzero()[0].tolist()
    highest = seq.add(expected, room)
    ranges = [f"{expected[index]}" + f" to {highest[index]}" * bool(room[index]) for index in failed]
    return Answer(
        fails=found,
        applies=applies & known,
        decidable=decided & ~untimed(traffic),
        frames=(traffic.value("frame", rst),),
        expected=words(len(found), failed, ranges),
        actual=traffic.value("seq", rst),
        detail=words(len(found), failed, ["never used by its sender" if unused[i] else "used before" for i in failed]),
        severities=np.where(unused, "warning", "").astype(object),
    )


@rule(
    "RS05",
    "synack-on-open-connection",
    "note",
    reference="RFC 9293, section 3.10.7.4, fourth; RFC 5961, section 4.2",
    needs="both directions, and proof that the server had the connection open",
    message="SYN reached an open connection, and {actual} answered it, expected {expected}",
    among=lambda traffic: (
        opening_repeated(traffic) | flow_reused(traffic) | (out_of_line(traffic) & ~over_at_once(traffic))
    ),
    fires="""
        # The old connection is open, and the server has just spoken.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
        +1   > S  90000:90000(0) win 64240
        +.02 < S. 70000:70000(0) ack 90001 win 65160
        +0   > .  90001:90001(0) ack 70001
    """,
    silent="""
        # RFC 9293, figure 9.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
        +1   > S  90000:90000(0) win 64240
        +.02 < .  1:1(0) ack 101
        +0   > R  101:101(0)
        +1   > S  90000:90000(0) win 64240
        +.02 < S. 70000:70000(0) ack 90001 win 65160
        +0   > .  90001:90001(0) ack 70001
    """,
)
def synack_on_open_connection(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A SYN came for a connection that was open, and the server answered it with a SYN-ACK.

    What it means: In a synchronized state "irrespective of the sequence number, TCP endpoints MUST send a challenge
    ACK"; a host that does not follow RFC 5961 sends an RST or an ACK. A SYN-ACK says that it has no such connection any
    more, or that it did not look. Nothing in the capture had closed it: no FIN, no RST, and the server had spoken
    within the last 10 s; or the server repeats its SYN-ACK for a late copy of the SYN, after it had acknowledged data.

    Why it matters: A host that lets a SYN replace an open connection can be made to drop it by anybody who guesses the
    ports.

    Common causes: A load balancer that sends the new SYN to another server; a NAT or proxy that forgot the connection
    without telling anyone; a crashed and restarted server process with its own TCP; a faulty implementation.

    What to look at next: TTL, timestamps and options of both SYN-ACKs: whether it is the same host; what the old
    connection's idle time was at the NAT or load balancer.
    """
    handshakes = traffic.handshakes
    syn, synack = traffic.is_event(Event.SYN), traffic.is_event(Event.SYNACK)
    first_syn, first_synack = traffic.first(syn), traffic.first(synack)
    old = _before(traffic)
    follows = (old != ABSENT) & (first_syn != ABSENT)
    spoken = traffic.value("folded_until", last(traffic, segments(traffic) & ~traffic.from_client))[old]
    idle = handshakes.start_time - spoken
    was_open = follows & handshakes.is_outcome("established")[old] & (handshakes.close == CLOSES.index("open"))[old]
    was_open &= (idle >= 0) & (idle < _ALIVE_NS)
    challenged = some(traffic, traffic.is_event(Event.CHALLENGE) & before(traffic, first_synack))
    replaced = was_open & (first_synack != ABSENT) & ~challenged
    # The same SYN once more, when the server had acknowledged something beyond it.
    opened = traffic.first(traffic.is_event(Event.SERVER_GOES_ON) & ~_fast_open(traffic)[traffic.handshake])
    again = traffic.first(syn & after(traffic, opened))
    copies, unknown = network_copies(traffic, Event.SYNACK)
    repeated = traffic.first(synack & ~copies & after(traffic, again))
    is_repeat = ~replaced & (repeated != ABSENT)
    row = np.where(replaced, first_synack, np.where(is_repeat, repeated, ABSENT))
    return Answer(
        fails=row != ABSENT,
        applies=was_open | (again != ABSENT),
        decidable=~untimed(traffic) & ~(is_repeat & np.append(unknown, False)[repeated]),
        frames=(
            traffic.value("frame", row),
            np.where(replaced, handshakes.syn_frame, traffic.value("frame", again)),
            np.where(replaced, handshakes.ack_frame[old], traffic.value("frame", opened)),
        ),
        expected="an ACK",
        actual="a SYN-ACK",
    )


def _before(traffic: Traffic) -> Ints:
    """For each handshake the attempt before it on the same 4-tuple, if the same side was its client."""
    flow = flow_of(traffic)
    first = traffic.first(np.ones(len(traffic.rows), bool))
    side = traffic.value("side", first) ^ ~np.append(traffic.from_client, False)[first]
    key = flow * 2 + (side & 1)
    order = np.argsort(key, kind="stable")
    found = np.full(len(key), ABSENT, np.int64)
    same: Bools = key[order[1:]] == key[order[:-1]]
    found[order[1:][same]] = order[:-1][same]
    return found


def _fast_open(traffic: Traffic) -> Bools:
    """Where the server may send before the client's ACK has come, so that its data proves nothing."""
    taken: Bools = traffic.handshakes.facts & Fact.SYN_DATA_TAKEN != 0
    return taken | (traffic.handshakes.client_fast_open > 0)
