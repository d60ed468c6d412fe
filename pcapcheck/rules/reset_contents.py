"""Resets: what they answer and what they carry, besides their numbers as answers to a SYN."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import ACK, OPTIONS_UNSEEN, RST, SYN
from pcapcheck.evidence import Event, Fact
from pcapcheck.rules.among import having
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.positions import after, before, ends, last, numbers
from pcapcheck.rules.row_options import segments, some
from pcapcheck.sorting import occur_in
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic

_ANSWERS: Final = (Event.WRONG_RST, Event.RST_ANSWER, Event.ABORT)


def _resets(traffic: Traffic) -> Bools:
    resets: Bools = segments(traffic) & (traffic.column("tcp_flags") & (RST | SYN) == RST)
    return resets


@rule(
    "RS03",
    "rst-answers-with-wrong-number",
    "note",
    reference="RFC 9293, sections 3.5.2 (groups 1 and 2) and 3.10.7.3, first",
    needs="both directions of the opening",
    message="RST in the handshake has sequence number {actual}, expected {expected}",
    among=having(*_ANSWERS),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > R  500:500(0) win 0
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 7 win 65160
        +0   > R  7:7(0) win 0
    """,
)
def rst_answers_with_wrong_number(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """An RST in the handshake has neither the number that a segment before it acknowledged nor its sender's own.

    What it means: "If the incoming segment has the ACK bit set, the reset takes its sequence number from the ACK field
    of the segment". Only so can the other side believe it. This one fits no segment that came before it, and it is not
    the next number of its own sender either, which an abort carries. (An RST that answers a SYN is RS01 or RS02, one on
    an open connection RS04.)

    Why it matters: The other side ignores the RST and goes on waiting.

    Common causes: A middlebox that makes up its resets or rewrites sequence numbers in one direction only; a reset of
    an older connection of this 4-tuple; a blind reset attack.

    What to look at next: TTL and time of the RST against its sender's other segments, and whether the other side goes
    on.
    """
    handshakes = traffic.handshakes
    acks = segments(traffic) & (traffic.column("tcp_flags") & (ACK | RST) == ACK)
    candidate = _resets(traffic) & traffic.is_event(*_ANSWERS)
    size = len(handshakes)
    row, asked = np.full((2, size), ABSENT, np.int64)
    applies = np.zeros(size, bool)
    for from_client in (True, False):
        own, peer = traffic.from_client == from_client, acks & (traffic.from_client != from_client)
        # Something with an ACK must have come before; what answers a SYN has other rules.
        answering = candidate & own & after(traffic, traffic.first(peer))
        fitting = _among(traffic, answering, peer, numbers(traffic, "ack"))
        fitting |= _among(traffic, answering, segments(traffic) & own & ~candidate, ends(traffic))
        wrong = traffic.first(answering & ~fitting)
        take = (row == ABSENT) & (wrong != ABSENT)
        row = np.where(take, wrong, row)
        answered = last(traffic, peer & before(traffic, wrong) & (wrong != ABSENT)[traffic.handshake])
        asked = np.where(take, answered, asked)
        applies |= some(traffic, answering)
    # A client that has sent data in its SYN may abort behind any part of it.
    isn = np.where(handshakes.client_isn == ABSENT, 0, handshakes.client_isn)
    behind = seq.ahead(traffic.value("seq", row), isn)
    in_syn = (behind > 0) & (behind <= 1 + handshakes.syn_octets) & (handshakes.syn_octets > 0)
    return Answer(
        fails=(row != ABSENT) & ~in_syn,
        applies=applies,
        decidable=~handshakes.is_outcome("partial", "one-sided", "stray"),
        frames=(traffic.value("frame", row), traffic.value("frame", asked)),
        expected=traffic.value("ack", asked),
        actual=traffic.value("seq", row),
    )


def _among(traffic: Traffic, resets: Bools, rows: Bools, number: Ints) -> Bools:
    """Which of the resets have the sequence number that is the ``number`` of some of ``rows`` of their handshake."""
    (at,) = resets.nonzero()
    found = np.zeros(len(resets), bool)
    if len(at):
        rows = rows & some(traffic, resets)[traffic.handshake]
        key = traffic.handshake * seq.MODULUS
        found[at] = occur_in(key[at] + traffic.column("seq")[at], key[rows] + number[rows])
    return found


@rule(
    "RS07",
    "rst-carries-data",
    "info",
    reference="RFC 9293, section 3.5.3, SHLD-2",
    needs="an RST",
    message="RST carries {actual} of data",
    among=lambda traffic: some(traffic, _resets(traffic) & (traffic.column("payload_length") > 0)),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  < R. 1:20(19) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  < R. 1:1(0) ack 1
    """,
)
def rst_carries_data(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """An RST carries data, which no application will read.

    What it means: Legal: "TCP implementations SHOULD allow a received RST segment to include data. It has been
    suggested that a RST segment could contain diagnostic data that explains the cause of the RST."

    Why it matters: The data may say in plain words why the connection was reset, and by whom.

    Common causes: Old BSD and HP-UX hosts ("no tcp, reset"), firewalls and printers that explain themselves.

    What to look at next: The data itself, in the frame named here.
    """
    resets = _resets(traffic)
    row = traffic.first(resets & (traffic.column("payload_length") > 0))
    (found,) = (row != ABSENT).nonzero()
    octets = traffic.value("payload_length", row)
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, resets),
        frames=(traffic.value("frame", row),),
        expected="0 octets",
        actual=words(len(row), found.tolist(), [f"{octets[index]} octets" for index in found]),
    )


def _agreed(traffic: Traffic) -> Bools:
    """Those that agreed on timestamps."""
    handshakes = traffic.handshakes
    agreed: Bools = (handshakes.client_timestamps == 1) & (handshakes.server_timestamps == 1)
    agreed &= handshakes.facts & (Fact.SYN | Fact.SYNACK) == Fact.SYN | Fact.SYNACK
    return agreed


@rule(
    "RS09",
    "rst-without-timestamps",
    "info",
    reference="RFC 7323, section 3.2 (SHOULD)",
    needs="SYN, SYN-ACK and RST with their options",
    message="RST has {actual}, expected {expected}",
    among=lambda traffic: _agreed(traffic) & some(traffic, _resets(traffic) & (traffic.options.tsval == ABSENT)),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr 100,nop,wscale 7>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 120 ecr 900>
        +.1  < R  1:1(0) win 0
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr 100,nop,wscale 7>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 120 ecr 900>
        +.1  < R. 1:1(0) ack 1 <nop,nop,TS val 1000 ecr 120>
    """,
)
def rst_without_timestamps(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """Both sides had agreed on timestamps, and an RST has none.

    What it means: Once the option is negotiated it "MUST be sent in every non-<RST> segment for the duration of the
    connection, and SHOULD be sent in an <RST> segment". Without it the RST is valid all the same.

    Why it matters: On its own, nothing. Together with another TTL, a wrong number (RS04) or a sender that goes on
    (RS08) it speaks for an RST that somebody else made.

    Common causes: Linux and others send an RST without options when they have no connection for a segment any more;
    middleboxes that reset connections do so nearly always.

    What to look at next: Whether the host had closed its end before, and the other signs named above.
    """
    agreed = _agreed(traffic)[traffic.handshake]
    resets = _resets(traffic) & agreed & after(traffic, traffic.first_event(Event.SYNACK))
    cut = traffic.column("unseen") & OPTIONS_UNSEEN != 0
    row = traffic.first(resets & (traffic.options.tsval == ABSENT) & ~cut)
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, resets),
        decidable=(row != ABSENT) | ~some(traffic, resets & cut),
        frames=(traffic.value("frame", row), traffic.handshakes.synack_frame),
        expected="timestamps",
        actual="none",
    )
