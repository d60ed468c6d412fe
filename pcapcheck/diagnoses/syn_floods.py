"""SYN floods: many SYNs to one socket that nobody goes on with.

Of the attempts of a flood those with a lone SYN are set apart: the flood is all that is to be said of them. They are
neither evidence for other diagnoses nor looked at by rules about other things than errors.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from pcapcheck.diagnoses.catalogue import COMPATIBLE, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import SECOND, Details
from pcapcheck.diagnoses.groups import address, distinct, how_many, numbered, seconds, spread
from pcapcheck.diagnoses.scans import payload_of_client
from pcapcheck.evidence import Fact
from pcapcheck.flood import Flood
from pcapcheck.packed import Packed
from pcapcheck.rules.among import lone_syn
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, SIDES
from pcapcheck.traffic import Ints, Traffic, once

# The diagnosis of floods.
FLOODS: Final = "D12"

# So many SYNs to one socket, in so much time, of which nothing came.
FLOOD: Final = 50
FLOOD_NS: Final = 10 * SECOND
# A kernel repeats its SYN after a second; who has not done so by then does not mean it.
REPEAT_NS: Final = 3 * SECOND // 2

# From more addresses than these it is strong.
_SOURCES: Final = 10


class Spans(NamedTuple):
    """When each socket, from 0, got FLOOD forsaken SYNs within FLOOD_NS; both ABSENT where it never did."""

    first: Ints
    last: Ints


def spans(socket: Ints, time: Ints, size: int) -> Spans:
    """Of these forsaken attempts, at sockets below ``size``: from the first dense one to FLOOD_NS behind the last."""
    first, last = np.full((2, size), ABSENT, np.int64)
    order = np.lexsort((time, socket))
    socket, time = socket[order], time[order]
    early, late = slice(None, 1 - FLOOD), slice(FLOOD - 1, None)
    dense = (socket[early] == socket[late]) & (time[late] - time[early] <= FLOOD_NS)
    (at,) = dense.nonzero()
    last[socket[at]] = time[at] + FLOOD_NS  # of several the last is written last
    first[socket[at[::-1]]] = time[at[::-1]]
    return Spans(first, last)


def forsaken(traffic: Traffic, end_time: int) -> Bools:
    """Attempts of a capture that ends then, which one SYN began and nobody went on with."""
    handshakes = traffic.handshakes
    open_ended = handshakes.is_outcome("half-open", "unanswered")
    # Too near to the capture's end for a verdict, but not for a repeat; and no kernel leaves out its MSS.
    waited = handshakes.meet("start_time", lambda time: end_time - time >= REPEAT_NS)
    open_ended |= handshakes.is_outcome("pending") & (waited | ~handshakes.is_known("client_mss"))
    # The true owner of a forged address resets the SYN-ACK.
    by_client = handshakes.meet("aborted_by", lambda side: side == SIDES.index("client"))
    open_ended |= handshakes.is_outcome("aborted") & by_client
    once = handshakes.meet("syn_count", lambda count: count == 1)
    return open_ended & once & ~payload_of_client(traffic)


@once
def flooded(traffic: Traffic, capture: CaptureFacts) -> Bools:
    """Which attempts are part of a SYN flood."""
    handshakes, socket = traffic.handshakes, traffic.sockets
    lonely = forsaken(traffic, capture.end_time)
    found = np.zeros(len(handshakes), bool)
    (at,) = lonely.nonzero()
    size = int(socket.max(initial=-1)) + 1
    first, last = spans(socket[at], handshakes.start_time[at], size)
    known = _floods_at(traffic)
    for number, flood in known.items():
        first[number], last[number] = flood.begin, flood.end
    if not (first != ABSENT).any():
        return found
    within = (first != ABSENT)[socket]
    within &= (handshakes.start_time >= first[socket]) & (handshakes.start_time <= last[socket])
    # A busy server has a few of them among many that open.
    asked = handshakes.has(Fact.SYN)
    mostly = np.bincount(socket, within & lonely, size) * 2 >= np.bincount(socket, within & asked, size)
    mostly[list(known)] = True
    found[:] = lonely & within & mostly[socket]
    return found


def certainty_of(sources: int) -> int:
    """How certain a flood from so many addresses is."""
    return STRONG if sources > _SOURCES else COMPATIBLE


def _floods_at(traffic: Traffic) -> dict[int, Flood]:
    """The floods of which lone SYNs are not in the traffic, by the number of their sockets."""
    found: dict[int, Flood] = {}
    for socket, flood in traffic.floods.items():
        (at,) = traffic.at_socket(socket).nonzero()
        if flood.end != ABSENT and len(at):
            found[int(traffic.sockets[at[0]])] = flood
    return found


class Apart(NamedTuple):
    """The traffic without the lone SYNs of its floods."""

    rest: Traffic
    at: Ints  # of each handshake of the rest its index in the whole, if that is another
    alone: Ints  # those that are not in it


def set_apart(traffic: Traffic, capture: CaptureFacts) -> Apart:
    """Set the lone SYNs of floods apart."""
    return _set_apart(traffic, capture) or Apart(traffic, np.empty(0, np.int64), np.empty(0, np.int64))


@once
def _set_apart(traffic: Traffic, capture: CaptureFacts) -> Apart | None:
    """None where there are none: what is remembered of a traffic must not hold it."""
    alone = flooded(traffic, capture) & lone_syn(traffic)
    if not alone.any():
        return None
    (at,), (rest,) = alone.nonzero(), (~alone).nonzero()
    floods = dict(traffic.floods)
    handshakes = traffic.handshakes
    _, first, which = np.unique(traffic.sockets[at], return_index=True, return_inverse=True)
    pending = np.bincount(which, handshakes.is_outcome("pending")[at]).astype(np.int64)
    unanswered = np.bincount(which) - pending
    for one, *numbers in zip(at[first].tolist(), unanswered.tolist(), pending.tolist(), strict=True):
        socket = handshakes.server_address[one], int(handshakes.server_port[one])
        known = floods.get(socket, Flood())
        floods[socket] = known._replace(unanswered=known.unanswered + numbers[0], pending=known.pending + numbers[1])
    return Apart(replace(traffic.take(rest), floods=floods), rest, at)


@diagnosis(
    FLOODS,
    "syn-flood",
    application="nothing",
    rivals=("syn-scan", "syn-queue-full", "one-sided-capture"),
    decide_by="at the server: `nstat -az TcpExtSyncookiesSent TcpExtTCPReqQFullDrop`, `ss -nt state syn-recv | wc -l`",
    fires="# Fifty addresses that do not answer the SYN-ACK.\n"
    + "\n".join(
        f"flow {number}\nclient 203.0.113.{number}:{2000 + number}\n+{number / 100} > S 0:0(0) win 512\n"
        "+.0001 < S. 0:0(0) ack 1 win 65160"
        for number in range(50)
    )
    + "\nflow late\n+20 arp",
    silent="# Fifty clients that repeat their SYN: their server is down.\n"
    + "\n".join(
        f"flow {number}\nclient 203.0.113.{number}:{2000 + number}\n+{number / 100} > S 0:0(0) win 64240 <mss 1460>\n"
        "+1 > S 0:0(0) win 64240 <mss 1460>"
        for number in range(50)
    )
    + "\nflow late\n+20 arp",
    reported_once=True,
)
def syn_flood(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """Many SYNs to one socket, from senders that do not go on with them: a SYN flood.

    What it means: At least 50 attempts within 10 seconds, and at least half of all attempts of that time, were begun by
    one SYN, not repeated, and not completed. "A SYN flooding attack ... causes a host to retain enough state for bogus
    half-connections that there are no resources left to establish new legitimate connections" (RFC 4987). From more
    than ten addresses it is strong, from few it is compatible. Of attempts that are a SYN and no more the flood is all
    that is said: they have no other cause, and no findings of their own.

    What else it could be: A load test that was broken off; clients whose ACKs or whose repeated SYNs take another way
    than past this tap; one address that scans.

    How to decide: At the server, half-open connections fill the SYN queue and the kernel begins to send SYN cookies.
    Forged senders have addresses all over the Internet, and one TTL, window and set of options.

    What the application saw: Nothing of these; other clients may see ETIMEDOUT while the queue is full.
    """
    handshakes, size = traffic.handshakes, len(traffic.handshakes)
    (at,) = flooded(traffic, capture).nonzero()
    socket = numbered(traffic.sockets[at])
    count = int(socket.max(initial=-1)) + 1
    total = np.bincount(socket, minlength=count)
    half_open = np.bincount(socket, handshakes.facts[at] & Fact.SYNACK != 0, count).astype(np.int64)
    sources = distinct(socket, traffic.clients[at], count)
    time = handshakes.start_time[at]
    group = spread(size, at, socket)
    first, last = np.full(count, np.iinfo(np.int64).max), np.zeros(count, np.int64)
    np.minimum.at(first, socket, time)
    np.maximum.at(last, socket, time)
    of = dict(zip(traffic.sockets[at].tolist(), socket.tolist(), strict=True)) if traffic.floods else {}
    for number, flood in _floods_at(traffic).items():
        here = of[number]
        total[here] += flood.syns
        sources[here] = flood.sources
        first[here], last[here] = min(int(first[here]), flood.first), max(int(last[here]), flood.last)
    certainty = np.zeros(size, np.int64)
    certainty[at] = np.array([certainty_of(number) for number in sources.tolist()], np.int64)[socket]
    groups = Packed.of(group)

    def text(index: int) -> str:
        flood = groups[index]
        server = address(handshakes.server_address[index], int(handshakes.server_port[index]))
        return (
            f"SYN flood at {server}: {total[flood]} SYNs from {how_many(int(sources[flood]), 'address')} in"
            f" {seconds(int(last[flood] - first[flood]))} s, {half_open[flood]} left half-open"
        )

    return Conclusion(
        certainty,
        evidence=(np.where(group == ABSENT, ABSENT, handshakes.first_frame),),
        detail=Details(size, text),
        group=group,
    )
