"""Resets: whether their numbers are those that their receiver can believe."""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import ACK
from pcapcheck.evidence import Event, Fact
from pcapcheck.openings import FAR
from pcapcheck.rules.among import having
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.row_options import some
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic


def _before_synack(traffic: Traffic) -> Bools:
    """Rows that the server sent while the client was in SYN-SENT."""
    synack = traffic.first_event(Event.SYNACK)[traffic.handshake]
    waiting: Bools = (synack == ABSENT) | (np.arange(len(synack)) < synack)
    waiting &= ~traffic.from_client & (traffic.handshakes.facts & Fact.SYN != 0)[traffic.handshake]
    return waiting


def _expected_ack(traffic: Traffic) -> Ints:
    """What an RST or SYN-ACK that answers the SYN acknowledges: SEG.SEQ + SEG.LEN of the SYN."""
    handshakes = traffic.handshakes
    return np.where(
        handshakes.client_isn == ABSENT, ABSENT, seq.add(handshakes.client_isn, 1 + handshakes.syn_octets)
    )  # fmt: skip


def _odd_rst(traffic: Traffic) -> Bools:
    """Those with an RST that does not refuse, and those with one that does and were not refused."""
    refused = traffic.has(Event.REFUSAL) & ~traffic.handshakes.is_outcome("refused")
    return traffic.has(Event.WRONG_RST) | refused


def _not_from_zero(traffic: Traffic) -> Bools:
    """Rows with an RST that refuses with a sequence number."""
    odd: Bools = traffic.is_event(Event.REFUSAL) & (traffic.column("seq") != 0)
    return odd


@rule(
    "RS01",
    "rst-acks-wrong-number",
    "warning",
    reference="RFC 9293, sections 3.5.2 (group 1), 3.5.3 and 3.10.7.1",
    needs="the SYN and the RST",
    message="RST that answers the SYN has {actual}, expected {expected}",
    among=lambda traffic: _odd_rst(traffic) | some(traffic, _not_from_zero(traffic)),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < R. =0:0(0) ack 7 win 0
        +1   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < R. =0:0(0) ack 1 win 0
    """,
)
def rst_acks_wrong_number(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """An RST that answers the SYN has other numbers than <SEQ=0><ACK=SEG.SEQ+SEG.LEN>.

    What it means: "In the SYN-SENT state, the RST is acceptable if the ACK field acknowledges the SYN". With another
    ACK the client must drop it and go on waiting: such an RST refuses nothing. With a right ACK and a sequence number
    that is not zero the client takes it; that is only a note.

    Why it matters: A firewall that means to refuse by such an RST makes the client wait for its timeout instead. One
    that guesses numbers is an attack.

    Common causes: A middlebox that makes up its resets, or that rewrites sequence numbers in one direction only; a
    reset for an older connection of the same 4-tuple; a blind reset attack.

    What to look at next: TTL and time of the RST against the server's other segments, and whether the client goes on.
    """
    handshakes = traffic.handshakes
    waiting = _before_synack(traffic)
    has_ack = traffic.column("tcp_flags") & ACK != 0
    wrong = traffic.first(waiting & has_ack & traffic.is_event(Event.WRONG_RST))
    odd = traffic.first(_not_from_zero(traffic))
    is_wrong = wrong != ABSENT
    row = np.where(is_wrong, wrong, odd)
    failed = (row != ABSENT).nonzero()[0].tolist()
    field = ["ACK" if is_wrong[index] else "SEQ" for index in failed]
    expected = np.where(is_wrong, _expected_ack(traffic), 0)[failed]
    actual = np.where(is_wrong, traffic.value("ack", row), traffic.value("seq", row))[failed]
    resets = waiting & traffic.is_event(Event.WRONG_RST, Event.REFUSAL)
    return Answer(
        fails=row != ABSENT,
        applies=traffic.first(resets & has_ack) != ABSENT,
        # Where the SYN-ACK is missing from the capture, the RST may answer something later.
        decidable=~handshakes.is_outcome("partial"),
        frames=(traffic.value("frame", row), handshakes.syn_frame),
        expected=words(len(row), failed, [f"{name} {number}" for name, number in zip(field, expected, strict=True)]),
        actual=words(len(row), failed, [f"{name} {number}" for name, number in zip(field, actual, strict=True)]),
        severities=np.where(is_wrong, "", "note").astype(object),
    )


@rule(
    "RS02",
    "rst-without-ack-answers-syn",
    "warning",
    reference="RFC 9293, section 3.10.7.3, second",
    needs="the SYN and the RST",
    message="RST without ACK answers the SYN, expected ACK {expected}",
    among=_odd_rst,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < R  0:0(0) win 0
        +1   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < R. =0:0(0) ack 1 win 0
    """,
)
def rst_without_ack_answers_syn(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """An RST without the ACK flag came to a client that was waiting for a SYN-ACK.

    What it means: In SYN-SENT an RST counts only "if the ACK was acceptable ... Otherwise (no ACK), drop the segment
    and return". The client must ignore it.

    Why it matters: Whoever sent it did not refuse the connection by it; the client waits for its timeout.

    Common causes: A middlebox that resets what it does not like without knowing the numbers; an injected RST; a reset
    of an older connection of the same 4-tuple that arrives late.

    What to look at next: TTL and time of the RST against the server's other segments, and whether a SYN-ACK follows.
    """
    has_ack = traffic.column("tcp_flags") & ACK != 0
    waiting = _before_synack(traffic)
    row = traffic.first(waiting & ~has_ack & traffic.is_event(Event.WRONG_RST))
    resets = waiting & traffic.is_event(Event.WRONG_RST, Event.REFUSAL)
    return Answer(
        fails=row != ABSENT,
        applies=traffic.first(resets) != ABSENT,
        decidable=~traffic.handshakes.is_outcome("partial"),
        frames=(traffic.value("frame", row), traffic.handshakes.syn_frame),
        expected=_expected_ack(traffic),
        actual="no ACK",
    )


@rule(
    "RS06",
    "wrong-synack-accepted",
    "error",
    reference="RFC 9293, sections 3.5.2 (group 2) and 3.10.7.3, first",
    needs="the wrong SYN-ACK and the client's answer",
    message="client sent an ACK of {actual} after a wrong SYN-ACK, expected an {expected}",
    among=having(Event.WRONG_SYNACK),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 7 win 65160
        +0   > .  7:7(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 7 win 65160
        +0   > R  7:7(0) win 0
    """,
)
def wrong_synack_accepted(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The client acknowledged a SYN-ACK that it must reset.

    What it means: The SYN-ACK acknowledges a number that the client has not sent (HS02). "If SEG.ACK =< ISS or SEG.ACK
    > SND.NXT, send a reset <SEQ=SEG.ACK><CTL=RST> and discard the segment". This client went on as if it were right.

    Why it matters: The two ends do not agree on where the data begins, and the client is open to forged answers.

    Common causes: A middlebox that rewrites numbers: the SYN-ACK is right for the client and wrong at this capture
    point. A TCP implementation that does not check the number.

    What to look at next: A capture at the client itself: if the SYN-ACK is right there, something between rewrites it.
    """
    wrong = traffic.first_event(Event.WRONG_SYNACK)
    asked, isn = traffic.value("ack", wrong), traffic.value("seq", wrong)
    later = traffic.from_client & (np.arange(len(traffic.rows)) > wrong[traffic.handshake])
    takes = seq.ahead(traffic.number("ack"), isn[traffic.handshake])
    accepted = traffic.first(later & traffic.is_event(Event.WRONG_ACK) & (takes < FAR))
    reset = traffic.first(
        later & traffic.is_event(Event.RST_ANSWER) & (traffic.column("seq") == asked[traffic.handshake])
    )
    failed = (accepted != ABSENT).nonzero()[0].tolist()
    return Answer(
        fails=accepted != ABSENT,
        applies=wrong != ABSENT,
        decidable=(accepted != ABSENT) | (reset != ABSENT),
        frames=(traffic.value("frame", accepted), traffic.value("frame", wrong)),
        expected=words(len(wrong), failed, [f"RST with sequence number {asked[index]}" for index in failed]),
        actual=traffic.value("ack", accepted),
    )
