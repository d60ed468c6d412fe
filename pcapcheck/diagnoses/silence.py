"""SYNs that nobody answered."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck.diagnoses.catalogue import COMPATIBLE, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import (
    SECOND,
    any_of,
    counts_of,
    first_after,
    flood_syns,
    least_of,
    near_server,
    spread,
)
from pcapcheck.diagnoses.extensions import fell_back
from pcapcheck.evidence import Event, Fact
from pcapcheck.openings import ICMP
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows

# In the order in which they are asked; the first that holds is said.
_SILENCES: Final = (
    "the server answers other attempts at this port: loss or a full queue rather than a filter",
    "the server is heard otherwise: this port is filtered",
    "nothing of this server was captured: it is down, the address is wrong, or all of it is filtered",
    "nothing of this server was captured, nor anything else to this client: perhaps the way back was not",
)


@by_rows((True, True))
def _directions(traffic: Traffic) -> tuple[Bools, Bools]:
    """Whether anything went to the server, and any segment to the client."""
    to_client = ~traffic.from_client & (traffic.column("kind") != ICMP)
    return traffic.count(traffic.from_client) > 0, traffic.count(to_client) > 0


@by_rows((ABSENT, False))
def _second_syn(traffic: Traffic) -> tuple[Ints, Bools]:
    """The frame of the second SYN, ABSENT where there is none, and whether it came before the SYN-ACK."""
    size, (at,) = len(traffic.handshakes), (traffic.handshakes.syn_count > 1).nonzero()
    traffic = traffic.take(at)
    second = first_after(traffic, traffic.is_event(Event.SYN), traffic.first_event(Event.SYN))
    before = (second != ABSENT) & (traffic.first_event(Event.SYNACK) > second)
    return spread(size, at, traffic.value("frame", second)), spread(size, at, before, False)


@diagnosis(
    "D02",
    "filtered-or-down",
    application="ETIMEDOUT",
    rivals=("one-sided-capture", "syn-queue-full", "accept-queue-full", "timestamp-rejected", "ecn-blackhole"),
    decide_by="capture at the server: whether the SYN arrives there",
    fires="""
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +2   > S  0:0(0) win 64240
        +30  arp
    """,
    silent="""
        # Still waiting when the capture ends.
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
    """,
)
def filtered_or_down(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """Something drops the SYN without a word, or nobody is there to answer it.

    What it means: SYNs went out, and neither SYN-ACK nor RST nor ICMP error came back. That no answer was seen is a
    fact; why is not in these segments. What the capture shows of the server otherwise narrows it down.

    What else it could be: Loss of every copy; an answer that took another way than past this tap; a server that drops
    SYNs because a queue is full, or because it does not like their timestamps or ECN bits.

    How to decide: Capture at the server. If the SYN arrives there, look at its queues (`ss -lnt`, `nstat -az
    TcpExtListenDrops`) and filter rules; if not, the path drops it: `traceroute -T -p PORT` from the client.

    What the application saw: ETIMEDOUT, after EINPROGRESS if it did not wait; on Linux after about two minutes, or as
    soon as its own timeout ended.
    """
    handshakes = traffic.handshakes
    unanswered = handshakes.is_outcome("unanswered")
    if not unanswered.any():
        return Conclusion.nothing(len(handshakes))
    (at,) = unanswered.nonzero()
    answers = any_of(traffic.sockets, handshakes.has(Fact.SYNACK))[traffic.sockets[at]]
    silence = np.where(answers, 0, len(_SILENCES))
    (others,) = (~answers).nonzero()
    if len(others):
        sent, reached = _heard(traffic)
        signs = [sent[traffic.servers[at[others]]], reached[traffic.clients[at[others]]]]
        silence[others] = np.select(signs, [1, 2], 3)
    syns = handshakes.read("syn_count", at)
    return Conclusion.of_some(
        len(handshakes),
        at,
        COMPATIBLE,
        evidence=(handshakes.read("syn_frame", at),),
        text=lambda entry: f"{syns[entry]} SYN(s); {_SILENCES[silence[entry]]}",
    )


def _heard(traffic: Traffic) -> tuple[Bools, Bools]:
    """Of each host whether something was captured that it sent, and something that was sent to it."""
    host_count = int(max(traffic.clients.max(initial=0), traffic.servers.max(initial=0))) + 1
    sent, reached = np.zeros(host_count, bool), np.zeros(host_count, bool)
    to_server, to_client = _directions(traffic)
    for mask, receivers, senders in (
        (to_server.nonzero(), traffic.servers, traffic.clients),
        (to_client.nonzero(), traffic.clients, traffic.servers),
    ):
        sent[senders[mask]] = reached[receivers[mask]] = True
    return sent, reached


@diagnosis(
    "D03",
    "syn-queue-full",
    application="ETIMEDOUT",
    if_opened="nothing",
    rivals=("filtered-or-down", "timestamp-rejected", "accept-queue-full"),
    decide_by="at the server: `nstat -az TcpExtListenDrops TcpExtTCPReqQFullDrop`, `ss -nt state syn-recv`",
    fires="""
        # The port is open, and drops some SYNs of everybody.
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        flow b
        client 192.0.2.7:49153
        +.1  > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        flow c
        client 192.0.2.8:49154
        +.2  > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +10  arp
    """,
    silent="""
        # One lost SYN.
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        flow b
        client 192.0.2.7:49153
        +.1  > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def syn_queue_full(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The server drops SYNs to an open port: its SYN queue or its accept queue is full.

    What it means: This socket answers some attempts at once, and others only at their second or third SYN or not at
    all. Where the tap is near the server, the SYN was all but there: strong. Elsewhere loss on the way explains it as
    well: compatible. One lost SYN alone is not called so.

    What else it could be: Packet loss; a filter that limits the rate of SYNs; a server that checks timestamps across
    clients behind one address. An accept queue that is full drops SYNs in the same way as a full SYN queue.

    How to decide: At the server, `nstat -az TcpExtListenDrops` must grow with the dropped SYNs. A capture there shows
    SYNs arriving that are not answered.

    What the application saw: Delays of 1, 3, 7 ... seconds in connect(), on Linux since 6.5 of 1 to 5, or ETIMEDOUT
    in the end.
    """
    handshakes = traffic.handshakes
    second, before_answer = _second_syn(traffic)
    answered = handshakes.has(Fact.SYNACK)
    late = answered & before_answer & ~fell_back(traffic)
    quick = answered & ~late & handshakes.is_known("server_rtt")
    waited = handshakes.meet("start_time", lambda time: capture.end_time - time >= SECOND)
    ignored = ~answered & (handshakes.is_outcome("unanswered") | handshakes.is_outcome("pending") & waited)
    dropped: Bools = ignored | late
    if not (dropped.any() and quick.any()):
        return Conclusion.nothing(len(handshakes))
    socket = traffic.sockets
    drops, attempts = (counts_of(socket, mask) + flood_syns(traffic) for mask in (dropped, dropped | answered))
    many = (drops >= 2) & (drops * 10 >= attempts)
    # A path that takes as long as a SYN's timer runs makes spurious repeats, not drops.
    fastest = least_of(socket, handshakes.server_rtt, quick & many[socket])
    open_port = (fastest != ABSENT) & (fastest < SECOND // 2)
    (at,) = (dropped & (open_port & many)[socket]).nonzero()
    if not len(at):
        return Conclusion.nothing(len(handshakes))
    socket = socket[at]
    return Conclusion.of_some(
        len(handshakes),
        at,
        np.where(near_server(traffic)[at], STRONG, COMPATIBLE),
        evidence=(handshakes.read("syn_frame", at), second[at]),
        text=lambda entry: (
            f"{drops[socket[entry]]} of {attempts[socket[entry]]} attempts at this socket: no answer to the first SYN"
        ),
    )
