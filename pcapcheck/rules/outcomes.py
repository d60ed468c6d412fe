"""What became of the attempts: one rule for each outcome that a gate may want to see."""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.evidence import Event
from pcapcheck.rules.among import outcome
from pcapcheck.rules.catalogue import Answer, Shown, rule, words
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, SIDES
from pcapcheck.traffic import Ints, Traffic, by_rows


def _outcome(
    traffic: Traffic, name: str, *frames: Ints, expected: Shown = "a SYN-ACK", actual: Shown = "", detail: Shown = ""
) -> Answer:
    """The answer that finds attempts of one outcome.

    What was open before the capture began, or belongs to no attempt, has no outcome to judge; what the capture shows
    one direction of, or too little of the end, cannot be judged.
    """
    return Answer(
        fails=traffic.handshakes.is_outcome(name),
        applies=~traffic.handshakes.is_outcome("stray", "midstream"),
        decidable=~traffic.handshakes.is_outcome("one-sided", "pending"),
        frames=frames,
        expected=expected,
        actual=actual,
        detail=detail,
    )


def _of_failed(traffic: Traffic, name: str, numbers: Ints, text: str) -> Shown:
    """A text with a number of each attempt of one outcome."""
    (found,) = (traffic.handshakes.is_outcome(name) & ~traffic.grouped).nonzero()
    return words(len(numbers), found.tolist(), [text.format(number) for number in numbers[found].tolist()])


def _frame(traffic: Traffic, *events: Event) -> Ints:
    return traffic.value("frame", traffic.first(traffic.is_event(*events)))


@rule(
    "OC01",
    "connection-refused",
    "warning",
    reference="RFC 9293, section 3.10.7.3, second",
    needs="both directions",
    message="connection refused: {actual} answers the SYN",
    among=outcome("refused", "one-sided", "pending"),
    reads_rows=False,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < R. =0:0(0) ack 1 win 0
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def connection_refused(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """An acceptable RST answered the SYN: the connection was refused.

    What it means: The RST acknowledges the SYN, so the client must believe it: "If the ACK was acceptable, then signal
    to the user 'error: connection reset'". The application sees ECONNREFUSED at once.

    Why it matters: Nothing was listening, or something on the path refused in the server's name. The client will not
    get further without a change on the other side.

    Common causes: The service is not running, or listens on another port or address; a firewall that rejects instead of
    dropping; a load balancer without a healthy server.

    What to look at next: TTL and time of the RST against those of the server's other segments (a nearer firewall
    answers sooner and with another TTL), and whether the port is open for other clients.
    """
    return _outcome(traffic, "refused", refusal(traffic)[0], traffic.handshakes.syn_frame, actual="an RST")


@by_rows((ABSENT, ABSENT))
def refusal(traffic: Traffic) -> tuple[Ints, Ints]:
    """Frame and TTL of the RST that refused the SYN, ABSENT where there is none."""
    row = traffic.first_event(Event.REFUSAL)
    return traffic.value("frame", row), traffic.value("ttl", row)


@rule(
    "OC02",
    "destination-unreachable",
    "warning",
    reference="RFC 9293, section 3.9.2.2; RFC 5461",
    needs="the direction towards the client",
    message="connection not opened: {actual} quotes the SYN",
    among=outcome("unreachable", "one-sided", "pending"),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < icmp 3/1 quotes 0 from 203.0.113.1
    """,
    silent="""
        # The numbers of the quote belong to no segment of this client: it must not be believed.
        +0   > S  0:0(0) win 64240
        +.01 < icmp 3/1 quotes 77
        +.01 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def destination_unreachable(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """An ICMP error that quotes the SYN ended the attempt.

    What it means: A router or the host itself reported that the SYN could not be delivered, and no SYN-ACK came. The
    quoted addresses, ports and sequence number are those of this SYN.

    Why it matters: The client's connect() fails, on most systems at once: "widespread implementation behavior ...
    treats soft errors as hard errors during connection establishment". IC01 says which error it was.

    Common causes: The host is down (its router gets no answer to ARP), there is no route, or a firewall rejects with
    ICMP.

    What to look at next: Who sent the error (the address in the ICMP frame), its type and code, and whether other
    destinations behind the same router answer.
    """
    return _outcome(
        traffic,
        "unreachable",
        _frame(traffic, Event.UNREACHABLE),
        traffic.handshakes.syn_frame,
        actual="an ICMP error",
    )


@rule(
    "OC03",
    "syn-unanswered",
    "warning",
    reference="RFC 9293, section 3.8.3",
    needs="both directions, and 3 s of capture after the SYN",
    message="the SYN got {actual}",
    among=outcome("unanswered", "one-sided", "pending"),
    reads_rows=False,
    fires="""
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +30  arp
    """,
    silent="""
        # The capture ends too soon to tell: the outcome is pending.
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
    """,
)
def syn_unanswered(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The SYN, with all its repeats, got no answer at all.

    What it means: Neither a SYN-ACK nor an RST nor an ICMP error came back. The client repeats the SYN at growing
    intervals and gives up in the end with ETIMEDOUT.

    Why it matters: The user waits for seconds to minutes before anything fails.

    Common causes: A firewall that drops; the host is down or the address wrong; a full accept or SYN queue, which makes
    an open port look filtered; loss; a capture point that does not see the way back.

    What to look at next: Whether the same server answers other clients or other ports, whether any segment of it is in
    the capture at all (CAP04), and a capture at the server.
    """
    return _outcome(
        traffic,
        "unanswered",
        traffic.handshakes.syn_frame,
        actual="no answer",
        detail=_of_failed(traffic, "unanswered", traffic.handshakes.syn_count, "{} SYN(s) sent"),
    )


@rule(
    "OC04",
    "handshake-half-open",
    "warning",
    reference="RFC 9293, section 3.5, figure 6",
    needs="both directions, and 3 s of capture after the SYN-ACK",
    message="the SYN-ACK got {actual}, expected {expected}",
    among=outcome("half-open", "one-sided", "pending"),
    reads_rows=False,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +1   < S. 0:0(0) ack 1 win 65160
        +30  arp
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +1   < S. 0:0(0) ack 1 win 65160
        +.01 > .  1:1(0) ack 1
    """,
)
def handshake_half_open(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A right SYN-ACK was sent, and nothing completed the handshake or ended it.

    What it means: The server stays in SYN-RECEIVED, repeats its SYN-ACK and drops the attempt after its retries.

    Why it matters: Half-open attempts fill the server's SYN queue. For a client that really wants to connect, this is a
    failure that takes a long time to show.

    Common causes: The SYN-ACK is lost between the capture point and the client; the client is gone, or never existed (a
    SYN flood with forged addresses, a SYN scan); a firewall that lets SYN-ACKs through in one direction only.

    What to look at next: Whether the client repeats its SYN (then the SYN-ACK does not reach it), and how many such
    attempts the same address makes.
    """
    handshakes = traffic.handshakes
    return _outcome(
        traffic,
        "half-open",
        handshakes.synack_frame,
        handshakes.syn_frame,
        expected=_of_failed(traffic, "half-open", seq.add(handshakes.server_isn, 1), "ACK {}"),
        actual="no answer",
        detail=_of_failed(traffic, "half-open", handshakes.synack_count, "{} SYN-ACK(s) sent"),
    )


@rule(
    "OC05",
    "handshake-aborted",
    "warning",
    reference="RFC 9293, section 3.5.3",
    needs="both directions",
    message="handshake aborted by {actual}",
    among=outcome("aborted", "one-sided", "pending"),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > R  1:1(0) win 0
    """,
    silent="""
        # An RST after the completion is a close.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +0   > R. 1:1(0) ack 1
    """,
)
def handshake_aborted(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A right SYN-ACK was sent, and an RST with the exact number ended the attempt before it was complete.

    What it means: One side took the attempt back: the client does not want the connection any more, or knows nothing of
    it; or the server gave up on it.

    Why it matters: The connection was possible, and somebody decided against it in the few milliseconds of the
    handshake.

    Common causes: By the client: it gave up before the answer came (too short a timeout, Happy Eyeballs' loser, a port
    scanner), or a firewall in front of it had forgotten the SYN. By the server: its retries ran out, or a middlebox
    resets in its name.

    What to look at next: The time between SYN-ACK and RST, the TTL of the RST against that of the same side's other
    segments, and whether another connection of the same client succeeded just then.
    """
    handshakes = traffic.handshakes
    return _outcome(
        traffic,
        "aborted",
        _frame(traffic, Event.ABORT),
        handshakes.synack_frame,
        expected="an ACK",
        actual=np.array(["an RST", *(f"an RST of the {side}" for side in SIDES[1:])], object)[handshakes.aborted_by],
    )


@rule(
    "OC06",
    "server-ignores-ack",
    "warning",
    reference="RFC 9293, section 3.10.7.4, fifth",
    needs="both directions",
    message="only the client is connected: after its ACK the server sends {actual}",
    among=outcome("client-only", "one-sided", "pending"),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +1   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +2   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # One repeat that crossed the ACK on the way proves nothing.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.01 < S. 0:0(0) ack 1 win 65160
        +.1  > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
    """,
)
def server_ignores_ack(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The client completed the handshake, and the server behaves as if it had not.

    What it means: The completing segment has right numbers, but the server repeats its SYN-ACK after it and
    acknowledges no data. The client believes that it is connected, the server does not.

    Why it matters: The application writes its request into a connection that does not exist at the other end, and waits
    for an answer that does not come.

    Common causes: The listening application accepts too slowly and its accept queue is full, so the kernel drops the
    ACK; the ACK is lost behind the capture point; the server waits for data (TCP_DEFER_ACCEPT).

    What to look at next: At the server: the listen queue (`ss -lnt`, Recv-Q against Send-Q) and ListenOverflows in
    `nstat`. In the capture: whether the repeats come after every ACK, and whether data is taken at last.
    """
    handshakes = traffic.handshakes
    (synacks,) = traffic.is_event(Event.SYNACK).nonzero()
    last = np.full(len(handshakes), ABSENT, np.int64)
    last[traffic.handshake[synacks]] = synacks
    return _outcome(
        traffic,
        "client-only",
        handshakes.ack_frame,
        traffic.value("frame", last),
        expected="no more SYN-ACKs",
        actual="the SYN-ACK again",
    )
