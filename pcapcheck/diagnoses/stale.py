"""Attempts that meet an older SYN or an older connection of the same 4-tuple."""

from __future__ import annotations

import numpy as np

from pcapcheck.diagnoses.catalogue import PROVED, STRONG, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import MILLISECOND, Details
from pcapcheck.evidence import Event, Fact
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, SHAPES
from pcapcheck.traffic import Traffic


@diagnosis(
    "D24",
    "old-duplicate-syn",
    application="nothing",
    decide_by="capture at the client: whether the older SYN leaves it, and when",
    fires="""
        +0    > S  -900:-900(0) win 64240
        +.001 > S  0:0(0) win 64240
        +.02  < S. 0:0(0) ack -899 win 65160
        +0    > R  -899:-899(0) win 0
        +.01  > S  0:0(0) win 64240
        +.02  < S. 700:700(0) ack 1 win 65160
        +0    > .  1:1(0) ack 701
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def old_duplicate_syn(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """A SYN of an earlier attempt reached the server before the real one, and the client had that undone.

    What it means: The server answered a SYN that the client does not mean any more; the client reset that SYN-ACK by
    its own number and then got the right one: RFC 9293, section 3.5, figure 8. The numbers prove it.

    What else it could be: Where the older SYN came from cannot be seen here: delayed on the way, sent by an application
    that gave up and tried again from the same port, or made up by somebody.

    How to decide: Whether the older SYN has the client's TTL, options and timestamps.

    What the application saw: Nothing but a round trip more.
    """
    handshakes = traffic.handshakes
    found = handshakes.meet("shape", lambda shape: shape == SHAPES.index("old-duplicate"))
    if not found.any():
        return Conclusion.nothing(len(handshakes))
    traffic = traffic.only(found)
    rows = [traffic.first_event(event) for event in (Event.OLD_SYN, Event.OLD_SYNACK, Event.RST_ANSWER)]
    return Conclusion(
        np.where(found, PROVED, 0), evidence=(*(traffic.value("frame", row) for row in rows), handshakes.syn_frame)
    )


@diagnosis(
    "D25",
    "stale-connection",
    application="nothing",
    rivals=("port-reused",),
    decide_by="at the server: `ss -tan` for this 4-tuple; a firewall that drops the challenge ACK or the RST",
    fires="""
        +0    > S  0:0(0) win 64240
        +.02  < .  =700000:700000(0) ack =300000
        +0    > R  =300000:300000(0) win 0
        +.01  > S  0:0(0) win 64240
        +.02  < S. 0:0(0) ack 1 win 65160
        +0    > .  1:1(0) ack 1
    """,
    silent="""
        +0    > S  0:0(0) win 64240
        +.02  < S. 0:0(0) ack 1 win 65160
        +0    > .  1:1(0) ack 1
    """,
)
def stale_connection(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The server still held an older connection of this 4-tuple, and answered the SYN with an ACK of that.

    What it means: A challenge ACK with numbers that have nothing to do with the SYN (RFC 9293, section 3.10.7.4,
    fourth; RFC 5961, section 4.2). The client knows nothing of it and answers with an RST that carries its number; the
    server forgets the old connection, and the next SYN opens the new one (figure 9). With that RST in the capture it is
    proved. Without it the client is stuck: strong.

    What else it could be: A middlebox that answers in the server's name for connections in its own table.

    How to decide: If the client sends no RST, or the server ignores it, a firewall between them drops one of the two:
    many stateful filters drop an ACK that follows a SYN. Capture on both sides of it.

    What the application saw: Nothing but a short delay; ETIMEDOUT where the RST is missing.
    """
    handshakes = traffic.handshakes
    traffic = traffic.only(handshakes.has(Fact.CHALLENGED))
    if not len(traffic.rows):
        return Conclusion.nothing(len(handshakes))
    challenge = traffic.first_event(Event.CHALLENGE)
    reset = traffic.first(
        traffic.is_event(Event.RST_ANSWER)
        & traffic.from_client
        & (traffic.column("seq") == traffic.value("ack", challenge)[traffic.handshake])
    )
    found = (challenge != ABSENT) & handshakes.has(Fact.SYN)
    found &= handshakes.shape != SHAPES.index("old-duplicate")
    stuck = found & handshakes.is_outcome("invalid", "unanswered")
    waited = traffic.value("time", reset) - traffic.value("time", challenge)

    def text(index: int) -> str:
        if reset[index] == ABSENT:
            return "the client never resets it"
        return f"the client resets it after {waited[index] // MILLISECOND} ms"

    return Conclusion(
        np.where(found & (reset != ABSENT), PROVED, np.where(stuck, STRONG, 0)),
        evidence=(traffic.value("frame", challenge), traffic.value("frame", reset), handshakes.syn_frame),
        detail=Details(len(handshakes), text),
    )
