"""Repeats of an opening: for how long a SYN is sent, and what is sent although the handshake is complete."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck.evidence import SECOND, Event
from pcapcheck.faults.signs import network_copies, untimed
from pcapcheck.rules.among import out_of_line, over_at_once, syn_repeated, synack_repeated
from pcapcheck.rules.catalogue import Answer, rule
from pcapcheck.rules.timing import in_seconds
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic

# RFC 9293, section 3.8.3, MUST-23.
THREE_MINUTES_NS: Final = 180 * SECOND


@rule(
    "TM03",
    "gave-up-early",
    "info",
    reference="RFC 9293, section 3.8.3 (MUST-23)",
    needs="repeated SYNs, and the capture until the next one would have come",
    message="SYNs were sent for {actual}, expected {expected}",
    among=syn_repeated,
    fires="""
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +2   > S  0:0(0) win 64240
        +60  arp
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +3   > S  0:0(0) win 64240
        +6   > S  0:0(0) win 64240
        +12  > S  0:0(0) win 64240
        +24  > S  0:0(0) win 64240
        +48  > S  0:0(0) win 64240
        +96  > S  0:0(0) win 64240
        +300 arp
    """,
)
def gave_up_early(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The client stopped repeating an unanswered SYN within three minutes.

    What it means: "R2 for a SYN segment MUST be set large enough to provide retransmission of the segment for at least
    3 minutes (MUST-23). The application can close the connection (i.e., give up on the open attempt) sooner, of
    course." Which of the two gave up, the stack or the application, no capture shows. A single SYN is not judged.

    Why it matters: It says how long the user waited, and that an answer after that came to nobody.

    Common causes: A connect timeout of the application (the usual one); a stack that gives up after fewer tries, as
    Linux does by default (tcp_syn_retries, about 67 to 127 s); a scanner.

    What to look at next: Whether all attempts of this client end after the same time: that is a configured timeout.
    """
    handshakes = traffic.handshakes
    syns = traffic.is_event(Event.SYN).nonzero()[0]
    first, last = traffic.first_event(Event.SYN), traffic.last_at(syns)
    before = traffic.last_at(syns[syns != last[traffic.handshake[syns]]])
    time = traffic.value("time", last)
    gap = time - np.maximum(traffic.value("time", before), traffic.value("folded_until", before))
    lasted = time - traffic.value("time", first)
    applies = handshakes.is_outcome("unanswered") & (before != ABSENT)
    # Twice the last gap, and a quarter more.
    stopped = capture.end_time - time > 5 * gap // 2
    fails = applies & stopped & (lasted < THREE_MINUTES_NS)
    return Answer(
        fails=fails,
        applies=applies,
        decidable=(stopped | (lasted >= THREE_MINUTES_NS)) & ~untimed(traffic),
        frames=(traffic.value("frame", last), traffic.value("frame", first)),
        expected="180 s or more",
        actual=in_seconds(lasted, fails),
    )


@rule(
    "TM06",
    "synack-repeated-after-ack",
    "note",
    reference="RFC 9293, section 3.10.7.4, fifth",
    needs="the completing segment, and what the server sends after it",
    message="{actual} SYN-ACK(s) came after the ACK that completes the handshake, expected {expected}",
    among=lambda traffic: ~over_at_once(traffic) & (synack_repeated(traffic) | out_of_line(traffic)) | untimed(traffic),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +1   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.5  > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
    """,
    silent="""
        # It crossed the ACK: the server sent it before the ACK can have arrived.
        +0   > S  0:0(0) win 64240
        +2   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +1   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def synack_repeated_after_ack(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The server sends its SYN-ACK again although the ACK that completes the handshake has passed.

    What it means: "If SND.UNA < SEG.ACK =< SND.NXT, then enter ESTABLISHED state": a server that took the ACK has no
    reason to repeat its SYN-ACK. This one did not take it, or did not get it. What may have crossed the ACK on its way
    (within the largest possible round trip to the server) and copies that the network made do not count.

    Why it matters: The client believes that it is connected while the server does not yet. Data that the client sends
    meanwhile is thrown away.

    Common causes: The ACK was lost behind the capture point; the accept queue is full (Linux ignores the ACK then);
    TCP_DEFER_ACCEPT, where the server waits for data; a firewall in between that lost the connection.

    What to look at next: Whether the connection goes on as soon as data comes (deferred accept), on the next repeat
    (loss), or after many (a full queue: `ss -lnt`, `nstat -az TcpExtListenOverflows`).
    """
    handshakes, time = traffic.handshakes, traffic.column("time")
    completing = traffic.first_event(Event.COMPLETING)
    arrival = traffic.value("time", completing) + np.maximum(handshakes.server_rtt_max, 0)
    late = traffic.is_event(Event.SYNACK) & (completing != ABSENT)[traffic.handshake]
    late &= (np.arange(len(time)) > completing[traffic.handshake]) & (time > arrival[traffic.handshake])
    copies, _ = network_copies(traffic, Event.SYNACK)
    late &= ~copies
    first = traffic.first(late)
    count = np.bincount(traffic.handshake[late], 1 + traffic.column("folded")[late], len(handshakes)).astype(np.int64)
    return Answer(
        fails=first != ABSENT,
        applies=completing != ABSENT,
        decidable=~untimed(traffic),
        frames=(traffic.value("frame", first), handshakes.ack_frame),
        expected="0",
        actual=count,
    )
