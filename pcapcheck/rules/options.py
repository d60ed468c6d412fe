"""TCP options of the opening segments."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.options import LARGEST_SHIFT
from pcapcheck.decode.segment import OPTIONS_UNSEEN
from pcapcheck.evidence import Event
from pcapcheck.openings import ICMP
from pcapcheck.rules.among import opening_repeated, options_cut, out_of_line
from pcapcheck.rules.catalogue import Answer, Bools, rule
from pcapcheck.sorting import occur_in
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Handshakes, Ints, Traffic

# Ticks of a timestamp clock from a SYN to a repeat of it: after 1 s at the least (RFC 6298, section 2.1) and 130 s at
# the most (Linux's last), a tick being 1 ms, as in nearly all stacks, to 10 ms.
_REPEATED_AFTER: Final = (100, 130_000)
_TICK_NS: Final = 10**6


def _options_seen(traffic: Traffic, row: Ints) -> Bools:
    """For each handshake whether the options of this row were captured."""
    seen: Bools = (row != ABSENT) & (traffic.value("unseen", row) & OPTIONS_UNSEEN == 0)
    return seen


def _scaled_too_far(traffic: Traffic) -> Bools:
    handshakes = traffic.handshakes
    return np.maximum(handshakes.client_wscale, handshakes.server_wscale) > LARGEST_SHIFT


@rule(
    "OP08",
    "window-scale-too-large",
    "warning",
    reference="RFC 7323, section 2.3",
    needs="the options of SYN and SYN-ACK",
    message="window scale shift of {actual}, at most {expected} is allowed",
    among=lambda traffic: _scaled_too_far(traffic) | options_cut(traffic),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,wscale 15>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,wscale 7>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,wscale 14>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,wscale 7>
        +0   > .  1:1(0) ack 1
    """,
)
def window_scale_too_large(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A window scale option asks for a shift of more than 14.

    What it means: "If a Window Scale option is received with a shift.cnt value larger than 14, the TCP SHOULD log the
    error but MUST use 14 instead of the specified value."

    Why it matters: Sender and receiver disagree about every window of the connection if one of them does not do so: the
    sender may overrun the receiver, or stall.

    Common causes: A faulty TCP implementation, a fuzzer, a damaged option.

    What to look at next: Whether throughput stalls on this connection, and which system sends the option.
    """
    handshakes = traffic.handshakes
    client = handshakes.client_wscale > LARGEST_SHIFT
    server = handshakes.server_wscale > LARGEST_SHIFT
    syn, synack = traffic.first_event(Event.SYN), traffic.first_event(Event.SYNACK)
    fails = client | server
    return Answer(
        fails=fails,
        applies=fails | (syn != ABSENT) | (synack != ABSENT),
        decidable=fails
        | ((_options_seen(traffic, syn) | (syn == ABSENT)) & (_options_seen(traffic, synack) | (synack == ABSENT))),
        frames=(np.where(client, handshakes.syn_frame, handshakes.synack_frame),),
        expected=str(LARGEST_SHIFT),
        actual=np.where(client, handshakes.client_wscale, handshakes.server_wscale),
    )


def _may_echo_wrongly(traffic: Traffic) -> Bools:
    """All that were answered, with timestamps, but those whose first three rows, and no others that were folded, echo
    each other.
    """
    handshakes, options, start = traffic.handshakes, traffic.options, traffic.starts[:-1]
    found: Bools = (handshakes.client_timestamps != 0) & (handshakes.server_timestamps != 0)
    found &= handshakes.is_known("synack_frame")
    right = (handshakes.client_timestamps == 1) & (handshakes.server_timestamps == 1)
    (at,) = (right & ~(out_of_line(traffic) | opening_repeated(traffic))).nonzero()
    syn, folded = start[at], traffic.column("folded")
    fits = (options.tsecr[syn + 1] == options.tsval[syn]) & (options.tsecr[syn + 2] == options.tsval[syn + 1])
    found[at] = ~(fits & (folded[syn] == 0) & (folded[syn + 1] == 0))
    return found


@rule(
    "OP12",
    "timestamp-echo-unknown",
    "warning",
    reference="RFC 7323, sections 3.2 and 4.3",
    needs="the options of SYN, SYN-ACK and ACK, and all their repeats",
    message="TSecr is {actual}, but the other side's TSval was {expected}",
    among=_may_echo_wrongly,
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr 55>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 101 ecr 900>
    """,
    silent="""
        # The SYN-ACK may echo any of the SYNs (Linux: the first).
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0>
        +1   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 1100 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr 100>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 1101 ecr 900>
    """,
)
def timestamp_echo_unknown(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The SYN-ACK or the completing segment echoes a timestamp that the other side never sent.

    What it means: "When the ACK bit is set in an outgoing segment, the sender MUST echo a recently received TSval sent
    by the remote TCP". No segment of the other side in this handshake has this value. A SYN-ACK that echoes zero is
    only a note: some stacks and SYN proxies do so. Where it may echo a first SYN that was sent before the capture
    began, of which a repeat was captured, that is not decidable.

    Why it matters: The receiver measures its round-trip time from the echo and may take the segment for an old
    duplicate. Some stacks drop it: Linux in SYN-SENT answers such a SYN-ACK with an RST.

    Common causes: A middlebox that rewrites timestamps in one direction only; a SYN proxy that answers with timestamps
    of its own; a faulty TCP implementation; an injected segment.

    What to look at next: Whether the same side's later segments echo right values, and whether other connections
    through the same path show it.
    """
    handshakes = traffic.handshakes
    negotiated = (handshakes.client_timestamps == 1) & (handshakes.server_timestamps == 1)
    wanted = negotiated[traffic.handshake] & (traffic.column("kind") != ICMP)
    tsval, tsecr = traffic.options.tsval, traffic.options.tsecr
    synacks = _unknown_echoes(traffic, wanted & traffic.is_event(Event.SYNACK), Event.SYN)
    acks = _unknown_echoes(traffic, wanted & traffic.is_event(Event.COMPLETING), Event.SYNACK)
    by_synack = synacks != ABSENT
    row = np.where(by_synack, synacks, acks)
    echo = _at(tsecr, row)
    asked = np.where(by_synack, traffic.first_event(Event.SYN), traffic.first_event(Event.SYNACK))
    # Segments that were folded away had timestamps too.
    folded = traffic.count((traffic.column("folded") > 0) & wanted & _before_completion(traffic)) > 0
    unseen = (handshakes.client_timestamps == ABSENT) & (handshakes.server_timestamps != 0)
    unseen |= (handshakes.server_timestamps == ABSENT) & (handshakes.client_timestamps != 0)
    return Answer(
        fails=row != ABSENT,
        applies=(negotiated | unseen) & (handshakes.synack_frame != ABSENT),
        decidable=negotiated & ~folded & ~(by_synack & _sent_before(handshakes, capture, _at(tsval, asked), echo)),
        frames=(traffic.value("frame", row), traffic.value("frame", asked)),
        expected=_at(tsval, asked),
        actual=echo,
        severities=np.where(by_synack & (echo == 0), "note", "").astype(object),
    )


def _sent_before(handshakes: Handshakes, capture: CaptureFacts, tsval: Ints, echo: Ints) -> Bools:
    """Whether the segment with this timestamp may have been sent before the capture began, and repeated after it."""
    ticks = seq.ahead(tsval, echo)
    least, most = _REPEATED_AFTER
    early = handshakes.start_time - ticks * _TICK_NS < capture.first_time
    before: Bools = (echo > 0) & (ticks >= least) & (ticks <= most) & early
    return before


def _at(column: Ints, row: Ints) -> Ints:
    """The column at one row for each handshake, ABSENT where that is."""
    return np.where(row == ABSENT, ABSENT, column[row]) if len(column) else np.full(len(row), ABSENT, np.int64)


def _before_completion(traffic: Traffic) -> Bools:
    completing = traffic.first_event(Event.COMPLETING)[traffic.handshake]
    before: Bools = (completing == ABSENT) | (np.arange(len(completing)) < completing)
    return before


def _unknown_echoes(traffic: Traffic, rows: Bools, asked: Event) -> Ints:
    """For each handshake the first of these rows that echoes no TSval of the other side.

    Not only earlier ones count: a capture may have recorded the echo first (CAP03).
    """
    tsval, tsecr = traffic.options.tsval, traffic.options.tsecr
    # Nearly all echo the first segment that asked; only the others are looked for among all that was sent.
    first = _at(tsval, traffic.first_event(asked))
    unknown = rows & (tsecr != ABSENT) & (tsecr != first[traffic.handshake])
    doubtful = np.zeros(len(traffic.handshakes), bool)
    doubtful[traffic.handshake[unknown]] = True
    # One number for handshake, sender and timestamp, so that one look-up does for all.
    handshake = traffic.handshake * 2 + traffic.from_client
    sent = ((handshake ^ 1) << 32 | tsval)[(tsval != ABSENT) & doubtful[traffic.handshake]]
    unknown[unknown] = ~occur_in((handshake << 32 | tsecr)[unknown], sent)
    return traffic.first(unknown)
