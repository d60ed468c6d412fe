"""What the place and the time of the capture explain, so that no host is blamed for it."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck.diagnoses.catalogue import COMPATIBLE, PROVED, STRONG, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import Details
from pcapcheck.evidence import Event, Fact
from pcapcheck.faults.signs import (
    began_late,
    octets_missing,
    one_sided,
    segment_missing,
    synack_before_syn,
    untimed,
)
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic

# Of whom segments were captured, by whether some of the client were.
_SIDE: Final = ("server", "client")


@diagnosis(
    "D17",
    "one-sided-capture",
    application="nothing",
    rivals=("filtered-or-down",),
    decide_by="a second capture point on the way back, or the mirror port's direction",
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.02 > .  101:101(0) ack 501
    """,
    silent="""
        # A client that waits knows of no answer.
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +30  arp
    """,
)
def one_sided_capture(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The capture shows one direction of this flow only.

    What it means: The side that was captured acknowledges, or goes on with, what only the other side can have given it:
    the numbers prove that there was an answer. Silent flows between the same two hosts are then one-sided too, which is
    strong: another of their flows shows that the way back is not in this capture.

    What else it could be: Of a silent flow: no answer at all.

    How to decide: Capture where both directions pass. Nothing can be said about answers and round trips here.

    What the application saw: Nothing; what became of these handshakes is not in the capture.
    """
    handshakes, missing = traffic.handshakes, one_sided(traffic)
    if not missing.any():
        return Conclusion.nothing(len(handshakes))
    itself, seen = handshakes.has(Fact.CLIENT_BEYOND | Fact.SERVER_GOES_ON), handshakes.has(Fact.CLIENT_SEEN)
    return Conclusion(
        np.where(missing, np.where(itself, PROVED, STRONG), 0),
        evidence=(np.where(missing, handshakes.first_frame, ABSENT),),
        detail=Details(len(handshakes), lambda index: f"only segments of the {_SIDE[int(seen[index])]} were captured"),
    )


@diagnosis(
    "D18",
    "capture-began-late",
    application="nothing",
    rivals=("one-sided-capture", "stealth-scan"),
    decide_by="a capture that begins before the connection",
    fires="""
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def capture_began_late(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The connection was opened before the capture began.

    What it means: Segments of an open connection were captured, but not its SYN. Where both sides speak, that it was
    open is proved. Where one side speaks alone, it is compatible: so does who does not know that the other is gone. A
    handshake whose SYN-ACK comes just after the capture's start lost its SYN to that.

    What else it could be: Segments of a scan that belong to no connection; a SYN that the capture dropped.

    How to decide: Nothing, if the capture's start is the reason: capture earlier, or wait for the next connection.

    What the application saw: Nothing of this.
    """
    handshakes = traffic.handshakes
    late = began_late(traffic, capture) & ~handshakes.is_outcome("stray")
    if not late.any():
        return Conclusion.nothing(len(handshakes))
    both = handshakes.has(Fact.CLIENT_SEEN) & handshakes.has(Fact.SERVER_SEEN)
    since = handshakes.start_time - capture.first_time
    return Conclusion(
        np.where(late, np.where(both, PROVED, COMPATIBLE), 0),
        evidence=(np.where(late, handshakes.first_frame, ABSENT),),
        detail=Details(
            len(handshakes), lambda index: f"first seen {int(since[index]) // 10**6} ms after the capture's start"
        ),
    )


@diagnosis(
    "D19",
    "mirror-duplicates",
    application="nothing",
    decide_by="the mirror port's configuration: one direction, or one port, is enough",
    fires="""
        +0      > S  0:0(0) win 64240
        +.00001 copy
        +.02    < S. 0:0(0) ack 1 win 65160
        +0      > .  1:1(0) ack 1
    """,
    silent="""
        # A retransmission is a new packet, with an IP id of its own.
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    circumstance=True,
)
def mirror_duplicates(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """Segments of this handshake were captured more than once.

    What it means: Packets with the same IP id and TCP header came at most 5 ms apart: one packet, seen twice, which is
    proved. Where there is no IP id the whole TCP header agrees, which is strong. Copies are neither counted nor timed.
    A TTL that is lower by one, or another VLAN, means two points of one path.

    What else it could be: A path that duplicates packets: then both reach the host, and it answers both.

    How to decide: See whether everything comes twice (a mirror, Linux's `any` device on a router) or some (the path).

    What the application saw: Nothing.
    """
    handshakes = traffic.handshakes
    traffic = traffic.only(traffic.has(Event.COPY))
    if not len(traffic.rows):
        return Conclusion.nothing(len(handshakes))
    copies = traffic.is_event(Event.COPY)
    copy, counts = traffic.first(copies), traffic.count(copies)
    identified = traffic.count(copies & (traffic.column("ip_id") > 0)) > 0
    return Conclusion(
        np.where(counts > 0, np.where(identified, PROVED, STRONG), 0),
        evidence=(traffic.value("frame", copy),),
        detail=Details(len(handshakes), lambda index: f"{counts[index]} of the frames kept are copies"),
    )


@diagnosis(
    "D20",
    "clock-steps",
    application="nothing",
    decide_by="the clocks of the capture points; `reordercap` puts frames in order of time",
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        -.01 > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    circumstance=True,
)
def clock_steps(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The frames of this handshake have no times, or times that go back, or were recorded out of order.

    What it means: A frame is earlier than the one before it in the file, or the SYN-ACK stands before the SYN that it
    acknowledges: the numbers prove which came first. The verdict does not depend on it, but times do: no round trip is
    given that would be negative.

    What else it could be: Nothing; only its reason is open.

    How to decide: Steps of microseconds come from receive queues and multi-core capture, of milliseconds from several
    capture points, of seconds from a clock that was set.

    What the application saw: Nothing.
    """
    handshakes = traffic.handshakes
    early = synack_before_syn(traffic)
    found = untimed(traffic) | early
    if not found.any():
        return Conclusion.nothing(len(handshakes))
    texts = ("times are missing or go back", "the SYN-ACK was recorded before its SYN")
    return Conclusion(
        np.where(found, PROVED, 0),
        evidence=(np.where(found, np.where(early, handshakes.synack_frame, handshakes.first_frame), ABSENT),),
        detail=Details(len(handshakes), lambda index: texts[int(early[index])]),
    )


@diagnosis(
    "D21",
    "capture-dropped-frames",
    application="nothing",
    rivals=("one-sided-capture", "capture-began-late"),
    decide_by="the capturing side's drop counters (`tcpdump` prints them at its end, pcapng keeps them)",
    fires="""
        # 1460 octets were acknowledged and sent on from, and nobody captured them.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.02 < .  1:1(0) ack 1461
        +0   > P. 1461:1561(100) ack 1
        +.02 < .  1:1(0) ack 1561
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
    """,
    circumstance=True,
)
def capture_dropped_frames(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The capture lacks frames of this connection that were on the wire.

    What it means: One side acknowledged data that nobody captured, or the handshake went on though a segment of it is
    missing: what was acknowledged was sent. So the capture lost it, not the network. Strong.

    What else it could be: A part of the traffic took another way; the capture filter cut it out.

    How to decide: The capturing program's own count of drops. A larger buffer (`tcpdump -B`), a smaller snaplen or a
    filter helps.

    What the application saw: Nothing.
    """
    handshakes = traffic.handshakes
    octets = octets_missing(traffic, capture)
    found = segment_missing(traffic, capture) | (octets > 0)
    if not found.any():
        return Conclusion.nothing(len(handshakes))

    def text(index: int) -> str:
        missing = f"{octets[index]} octets were acknowledged and not captured"
        what = missing if octets[index] else "a segment of the handshake is missing"
        return f"{what}; {capture.dropped} frames lost by the capturing side's own count" if capture.dropped else what

    return Conclusion(
        np.where(found, STRONG, 0),
        evidence=(np.where(found, handshakes.first_frame, ABSENT),),
        detail=Details(len(handshakes), text),
    )
