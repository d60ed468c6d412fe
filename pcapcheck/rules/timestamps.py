"""Timestamps (RFC 7323): negotiated, kept, and growing."""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import ACK, FIN, OPTIONS_UNSEEN, RST, SYN
from pcapcheck.evidence import Event
from pcapcheck.openings import FAR, REPEATED, TSVAL_BACK, WITHOUT_TIMESTAMP
from pcapcheck.regular_rows import FEW_ROWS, SMALL_STEP
from pcapcheck.rules.among import answered_unasked, options_cut
from pcapcheck.rules.catalogue import Answer, Bools, rule
from pcapcheck.rules.row_options import options_seen, segments, some, unasked
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic

# Segments that belong to something else than this connection: their numbers and clocks are not its own.
_FOREIGN = (
    Event.CHALLENGE, Event.OLD_SYN, Event.OLD_SYNACK, Event.WRONG_SYNACK, Event.WRONG_ACK, Event.RST_ANSWER,
)  # fmt: skip


@rule(
    "OP10",
    "timestamps-not-asked-for",
    "warning",
    reference="RFC 7323, section 3.2",
    needs="the options of all SYNs and of the SYN-ACK",
    message="SYN-ACK has {actual}, but no SYN had any",
    among=answered_unasked(lambda traffic: traffic.options.tsval >= 0),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,TS val 900 ecr 0>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,nop,TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
)
def timestamps_not_asked_for(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The SYN-ACK carries timestamps although the SYN did not.

    What it means: A TCP "MAY send a TSopt in <SYN,ACK> only if it received a TSopt in the initial <SYN> segment for the
    connection".

    Why it matters: The client sends no timestamps; a server that believes that they are agreed on may drop its
    segments.

    Common causes: A middlebox between here and the client that strips the option from SYNs; a load balancer or SYN
    proxy that answers with options of its own; a faulty TCP implementation.

    What to look at next: Whether the server goes on to send timestamps, and the SYN at the client.
    """
    return unasked(traffic, traffic.options.tsval >= 0, "no timestamps", "timestamps")


def _may_drop_timestamps(traffic: Traffic) -> Bools:
    """Those that agreed on timestamps and have a segment without."""
    handshakes = traffic.handshakes
    agreed = (handshakes.client_timestamps == 1) & (handshakes.server_timestamps == 1)
    without = (traffic.options.tsval == ABSENT) & (traffic.column("tcp_flags") & (SYN | RST) == 0)
    without |= traffic.column("folded_signs") & WITHOUT_TIMESTAMP != 0
    found: Bools = (agreed & some(traffic, without)) | options_cut(traffic)
    return found


@rule(
    "OP11",
    "timestamps-dropped",
    "warning",
    reference="RFC 7323, section 3.2",
    needs="the options of all SYNs and SYN-ACKs, and of the segments after them",
    message="segment without timestamps, though they were negotiated",
    among=_may_drop_timestamps,
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,nop,TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,TS val 900 ecr 100>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # An RST may go without.
        +0   > S  0:0(0) win 64240 <mss 1460,nop,nop,TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,TS val 900 ecr 100>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 101 ecr 900>
        +.1  > R. 1:1(0) ack 1
    """,
)
def timestamps_dropped(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """Both sides agreed on timestamps, and then a segment goes without.

    What it means: "Once TSopt has been successfully negotiated, that is both <SYN> and <SYN,ACK> contain TSopt, the
    TSopt MUST be sent in every non-<RST> segment for the duration of the connection".

    Why it matters: "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop the segment." The
    connection hangs on it.

    Common causes: A middlebox that strips options from all segments but SYNs; an injected segment; a keep-alive or an
    answer made by a load balancer; a faulty TCP implementation.

    What to look at next: TTL and IP id of the segment against those of the same side's others, and whether it is
    repeated.
    """
    timed = traffic.options.tsval >= 0
    syn, synack = traffic.is_event(Event.SYN), traffic.is_event(Event.SYNACK)
    negotiated = some(traffic, syn) & some(traffic, synack) & ~some(traffic, (syn | synack) & ~timed)
    sent = segments(traffic) & ~traffic.is_event(*_FOREIGN) & (traffic.column("tcp_flags") & (SYN | RST) == 0)
    seen = traffic.column("unseen") & OPTIONS_UNSEEN == 0
    row = traffic.first(sent & ((~timed & seen) | (traffic.column("folded_signs") & WITHOUT_TIMESTAMP != 0)))
    return Answer(
        fails=row != ABSENT,
        applies=(negotiated | (some(traffic, syn | synack) & ~options_seen(traffic, syn | synack)))
        & some(traffic, sent),
        decidable=negotiated & ((row != ABSENT) | options_seen(traffic, sent)),
        frames=(traffic.value("frame", row), traffic.value("frame", traffic.first(synack))),
        expected="timestamps",
        actual="none",
    )


def _syns(traffic: Traffic) -> Bools:
    syns: Bools = segments(traffic) & (traffic.column("tcp_flags") & (SYN | ACK | RST) == SYN)
    return syns


@rule(
    "OP13",
    "syn-echoes-timestamp",
    "note",
    reference="RFC 7323, section 3.2",
    needs="the options of the SYN",
    message="SYN has a TSecr of {actual}, expected {expected}",
    among=lambda traffic: some(traffic, _syns(traffic) & (traffic.options.tsecr > 0)) | options_cut(traffic),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,nop,TS val 100 ecr 77>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,TS val 900 ecr 100>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 101 ecr 900>
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,nop,TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,TS val 900 ecr 100>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 101 ecr 900>
    """,
)
def syn_echoes_timestamp(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A SYN without ACK echoes a timestamp, though there is none to echo.

    What it means: "If the ACK bit is not set in the outgoing TCP header, the sender of that segment SHOULD set the
    TSecr field to zero."

    Why it matters: Receivers ignore the field. It betrays who made the segment.

    Common causes: Linux, where it takes up a port again that is still in TIME-WAIT: it echoes the older connection's
    last timestamp. Scanners and packet generators; some old stacks; a middlebox that shifts all timestamps.

    What to look at next: The other options, TTL and window of the SYN, which together name its sender's system.
    """
    options = traffic.options
    syn = _syns(traffic)
    row = traffic.first(syn & (options.tsecr > 0))
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, syn),
        decidable=(row != ABSENT) | options_seen(traffic, syn),
        frames=(traffic.value("frame", row),),
        expected="0",
        actual=np.where(row == ABSENT, ABSENT, options.tsecr[row]),
    )


def _may_go_back(traffic: Traffic) -> Bools:
    """All but those in which the timestamps of each side never fall, from one row to the next, and grow little."""
    found = some(traffic, traffic.column("folded_signs") & TSVAL_BACK != 0)
    found |= np.diff(traffic.starts) > FEW_ROWS
    for side in (traffic.from_client, ~traffic.from_client):
        (at,) = (side & (traffic.options.tsval != ABSENT)).nonzero()
        handshake, folded = traffic.handshake[at], traffic.column("folded_tsval")[at]
        # In 32 bits, as they are in the segments: half the memory to go through.
        tsval = traffic.options.tsval[at].astype(np.uint32)
        last = np.where(folded == ABSENT, tsval, folded.astype(np.uint32))
        odd = seq.ahead(last, tsval) > SMALL_STEP
        odd[1:] |= (handshake[1:] == handshake[:-1]) & (seq.ahead(tsval[1:], last[:-1]) > SMALL_STEP)
        found[handshake[odd]] = True
    return found


@rule(
    "OP14",
    "timestamp-goes-back",
    "warning",
    reference="RFC 7323, sections 4.1 and 5.3",
    needs="the segments in the order in which they were sent",
    message="TSval {actual} on new data, {expected} was sent before",
    among=_may_go_back,
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,nop,TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,TS val 900 ecr 100>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 121 ecr 900>
        +0   > P. 1:101(100) ack 1 <nop,nop,TS val 121 ecr 900>
        +.1  > P. 101:201(100) ack 1 <nop,nop,TS val 50 ecr 900>
    """,
    silent="""
        # Two segments have overtaken each other, and one is repeated.
        +0   > S  0:0(0) win 64240 <mss 1460,nop,nop,TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,nop,TS val 900 ecr 100>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 121 ecr 900>
        +.1  > P. 101:201(100) ack 1 <nop,nop,TS val 222 ecr 900>
        +0   > P. 1:101(100) ack 1 <nop,nop,TS val 221 ecr 900>
        +.3  > P. 1:101(100) ack 1 <nop,nop,TS val 521 ecr 900>
    """,
)
def timestamp_goes_back(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A sender puts an older timestamp on newer data.

    What it means: Timestamps come from "a virtual clock that is at least approximately proportional to real time", so
    they never decrease from one segment to a later one. A receiver takes a segment with a decreased value for an old
    duplicate: "if ... SEG.TSval < TS.Recent ... the segment is not acceptable" (PAWS). Segments that only overtook each
    other, or that were sent again, are not meant.

    Why it matters: The receiver drops the data, and drops it again however often it is sent.

    Common causes: A load balancer or NAT that lets two machines speak for one; a middlebox that rewrites timestamps on
    some segments only; a virtual machine that was moved or resumed; an injected segment.

    What to look at next: TTL and IP id of both segments, and whether the receiver answers with a duplicate ACK.
    """
    tsval = traffic.options.tsval
    before = _newest_before(traffic)
    known = before != ABSENT
    last = np.where(traffic.column("folded_tsval") >= 0, traffic.column("folded_tsval"), tsval)
    earlier = np.where(known, last[before], ABSENT)
    row = traffic.first(known & (seq.diff(tsval, earlier) < 0))
    found = row != ABSENT
    # Of folded segments it is not known whether they went back or overtook each other.
    doubtful = some(traffic, segments(traffic) & (traffic.column("folded_signs") & TSVAL_BACK != 0))
    return Answer(
        fails=found,
        applies=some(traffic, known),
        decidable=found | ~doubtful,
        frames=(traffic.value("frame", row), traffic.value("frame", np.where(found, before[row], ABSENT))),
        expected=np.where(found, earlier[row], ABSENT),
        actual=np.where(found, tsval[row], ABSENT),
    )


def _newest_before(traffic: Traffic) -> Ints:
    """For each row with new data the row before it that was the newest then; ABSENT for all others.

    A row is new where it stands at or behind the end of all that its side had sent: what arrives late or is sent again
    is not, and is compared with nothing.
    """
    newest = np.full(len(traffic.rows), ABSENT, np.int64)
    wanted = segments(traffic) & (traffic.options.tsval >= 0) & (traffic.column("tcp_flags") & RST == 0)
    wanted &= ~traffic.is_event(*_FOREIGN)
    for isn, side in (
        (traffic.handshakes.client_isn, traffic.from_client),
        (traffic.handshakes.server_isn, ~traffic.from_client),
    ):
        (where,) = (wanted & side).nonzero()
        first = isn[traffic.handshake[where]]
        place = seq.ahead(traffic.column("seq")[where].astype(np.int64), first)
        own = (first != ABSENT) & (place < FAR)
        where, place = where[own], place[own]
        flags = traffic.column("tcp_flags")[where]
        end = place + traffic.column("payload_length")[where] + traffic.column("folded_end")[where]
        end += (flags & SYN != 0).astype(np.int64) + (flags & FIN != 0)
        # One running maximum does for all handshakes: each begins above the one before it.
        base = traffic.handshake[where] * (2 * seq.MODULUS)
        reached = np.maximum.accumulate(base + end)
        # Of rows whose folded segments repeat something, the last TSval is that of a repetition.
        new = traffic.column("folded_signs")[where] & REPEATED == 0
        new[1:] &= (base + place)[1:] >= reached[:-1]
        last_new = np.maximum.accumulate(np.where(new, np.arange(len(where)), 0))[:-1]
        compared = new[1:] & (base[last_new] == base[1:]) & (place[1:] > place[last_new])
        newest[where[1:][compared]] = where[last_new[compared]]
    return newest
