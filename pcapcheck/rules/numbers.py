"""Sequence and acknowledgement numbers of the three segments."""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.evidence import Event
from pcapcheck.judge import Traffic
from pcapcheck.rules.catalogue import Answer, rule
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT


@rule(
    "HS02",
    "synack-acks-wrong-number",
    "error",
    reference="RFC 9293, section 3.10.7.3, first",
    needs="the SYN and the SYN-ACK",
    message="SYN-ACK acknowledges {actual}, expected {expected}",
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 7 win 65160
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def synack_acks_wrong_number(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The SYN-ACK acknowledges a number that no SYN of the attempt calls for.

    What it means: A SYN takes one sequence number, so its SYN-ACK must acknowledge the client's initial sequence
    number plus one (or up to the end of the data that the SYN carried). This one acknowledges something else. "If
    SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset": the client must not take it.

    Why it matters: The client answers with an RST and goes on waiting; the connection opens late or never. Tools that
    do not check the arithmetic call this handshake complete.

    Common causes: A firewall or load balancer that rewrites initial sequence numbers in one direction only; a SYN-ACK
    for an older SYN of the same 4-tuple; a faulty or hostile TCP implementation; an injected segment.

    What to look at next: Whether the difference is the same on every segment of that direction (a rewriting
    middlebox), whether another SYN-ACK with the right number follows, and whether TTL and options are those of the
    server's other segments.
    """
    wrong = traffic.first(traffic.event == Event.WRONG_SYNACK)
    found = wrong != ABSENT
    handshakes = traffic.handshakes
    return Answer(
        fails=found,
        applies=found | (traffic.first(traffic.event == Event.SYNACK) != ABSENT),
        decidable=handshakes.client_isn != ABSENT,
        frames=(traffic.value("frame", wrong), handshakes.syn_frame),
        expected=np.where(handshakes.client_isn == ABSENT, ABSENT, seq.add(handshakes.client_isn, 1)),
        actual=traffic.value("ack", wrong),
    )
