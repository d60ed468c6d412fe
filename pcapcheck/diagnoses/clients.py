"""Attempts that the client took back."""

from __future__ import annotations

import numpy as np

from pcapcheck.decode.segment import FIN, RST
from pcapcheck.diagnoses.catalogue import COMPATIBLE, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import MILLISECOND, SECOND, Details, any_between, flagged, numbered
from pcapcheck.evidence import Event
from pcapcheck.history import DATA_BIT
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import SIDES
from pcapcheck.traffic import Ints, Traffic

# RFC 8305, section 5: the next address is tried after 250 ms, and all but the first success are cancelled.
_TOGETHER = 300 * MILLISECOND


@diagnosis(
    "D31",
    "client-gave-up",
    application="nothing",
    rivals=("syn-scan",),
    decide_by="at the client: which program connects, and its connect timeout",
    fires="""
        # Happy Eyeballs: two addresses, and the slower answer is not wanted any more.
        flow a
        client [2001:db8::1]:49152
        server [2001:db8::2]:443
        +0   > S  0:0(0) win 64240
        +.45 < S. 0:0(0) ack 1 win 65160
        +0   > R  1:1(0) win 0
        flow b
        client 192.0.2.1:49153
        server 198.51.100.2:443
        +.25 > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
    """,
    silent="""
        # It was the server that reset.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +.01 < R  1:1(0) win 0
    """,
)
def client_gave_up(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The client took the attempt back before it was complete, or threw it away unused.

    What it means: The client answered a right SYN-ACK with an RST. Where a connection to another address, at the same
    port, succeeded in the same 300 ms, that is Happy Eyeballs (RFC 8305, section 5: "Once one of the connection
    attempts succeeds ... all other connections attempts that have not yet succeeded SHOULD be canceled"): strong, also
    where the loser was completed and closed without data. Without such a sibling it is compatible.

    What else it could be: A half-open port scan or a health check that wants no more than a SYN-ACK; an application
    with a short timeout; a firewall at the client that had forgotten the SYN.

    How to decide: Whether the same client does so with many ports or hosts (a scan), regularly (a health check), or
    beside another connection (Happy Eyeballs).

    What the application saw: Nothing: it had lost interest. With a timeout of its own it reports that.
    """
    handshakes = traffic.handshakes
    established, by_client = handshakes.is_outcome("established"), SIDES.index("client")
    aborted = handshakes.is_outcome("aborted") & handshakes.meet("aborted_by", lambda side: side == by_client)
    used = established & handshakes.meet("completeness", lambda bits: bits & DATA_BIT != 0)
    unused = established & ~used & handshakes.meet("closed_by", lambda side: side == by_client)
    if unused.any():
        unused &= handshakes.last_time - handshakes.start_time <= SECOND
    sibling = _sibling(traffic, aborted | unused, used)
    if not (aborted | sibling).any():
        return Conclusion.nothing(len(handshakes))
    ended = traffic.only(aborted | sibling)
    ends = ended.from_client & flagged(ended, FIN | RST) & ~ended.is_event(Event.COPY)
    end = ended.first(ends & (ended.is_event(Event.ABORT) | ~aborted[ended.handshake]))
    waited = (ended.value("time", end) - handshakes.start_time) // MILLISECOND

    def text(index: int) -> str:
        beside = "; another address succeeded meanwhile: Happy Eyeballs" if sibling[index] else ""
        return f"{waited[index]} ms after the SYN{beside}"

    return Conclusion(
        np.where(sibling, STRONG, np.where(aborted, COMPATIBLE, 0)),
        evidence=(ended.value("frame", end), handshakes.synack_frame),
        detail=Details(len(handshakes), text),
    )


def _sibling(traffic: Traffic, asked: Bools, used: Bools) -> Bools:
    """For which of those that are asked about another address was asked for the same port at the same time, with
    success, by the same host.

    Of one address family the client's address must be the same. Of two families that cannot be seen; it is believed
    where the capture has one client in each.
    """
    handshakes = traffic.handshakes
    found = np.zeros(len(asked), bool)
    if not asked.any():
        return found
    (at,) = (asked | used).nonzero()
    client, v4 = traffic.clients[at], handshakes.is_v4[at]
    start, port = handshakes.start_time[at], handshakes.server_port[at]
    given = start, used[at], asked[at]
    beside = _others(numbered(client, port), numbered(client, traffic.sockets[at]), *given)
    clients = np.bincount(traffic.clients) > 0
    if all(mask.sum() == 1 for mask in np.split(clients, [len(handshakes.hosts.ip4)])):
        beside |= _others(numbered(port), numbered(port, v4.astype(np.int64)), *given)
    found[at] = beside
    return found


def _others(group: Ints, own: Ints, time: Ints, mask: Bools, asked: Bools) -> Bools:
    """Whether one of the group that meets the mask, but is not of the ``own`` part, has about the same time."""
    low, high = time - _TOGETHER, time + _TOGETHER
    found = any_between(group, time, mask, low, high, asked)
    return found & ~any_between(own, time, mask, low, high, found)
