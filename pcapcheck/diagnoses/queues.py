"""Handshakes that are complete for the client and not for the server: what became of the ACK."""

from __future__ import annotations

import numpy as np

from pcapcheck.diagnoses.catalogue import COMPATIBLE, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import (
    SECOND,
    Details,
    after,
    any_between,
    any_of,
    before,
    counts_of,
    first_after,
    last,
    near_server,
)
from pcapcheck.diagnoses.repeats import (
    TIMER,
    Repeats,
    concerned,
    data_before_repeat,
    find_repeats,
    taken,
    taken_at_once,
)
from pcapcheck.evidence import Event, Fact
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, ACK_KINDS
from pcapcheck.traffic import Ints, Traffic


def _deferred(traffic: Traffic, repeats: Repeats, soon: Bools) -> tuple[Ints, Ints]:
    """How certain it is that the socket of each handshake waits for data, and of each socket by how many of its."""
    bare = traffic.handshakes.ack_kind == ACK_KINDS.index("ack")
    early = data_before_repeat(traffic, repeats)
    prompt = taken_at_once(traffic, repeats.data)
    repeated = repeats.counts > 0
    idle = bare & repeated & ~early & prompt
    socket = traffic.sockets
    idles = counts_of(socket, idle)
    # Data that was there and did not help speaks against it.
    consistent = counts_of(socket, early & repeated) == 0
    spoke_soon = any_of(socket, soon)
    certainty = np.where((idles >= 5) & spoke_soon, STRONG, np.where(idles >= 2, COMPATIBLE, 0))
    return np.where(idle, np.where(consistent, certainty, 0)[socket], 0), idles


@diagnosis(
    "D04",
    "accept-queue-full",
    application="nothing",
    rivals=("ack-lost", "defer-accept"),
    decide_by="at the server: `nstat -az TcpExtListenOverflows TcpExtListenDrops`, `ss -lnt` (Recv-Q above Send-Q)",
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
        # One repeat only: one lost ACK explains it.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +1   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
    """,
)
def accept_queue_full(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The server's accept queue is full, so its kernel ignores the ACK that would complete the handshake.

    What it means: The client's ACK has right numbers, and the server repeats its SYN-ACK all the same, after a second
    ACK, or after data, too. At a tap near the server, where ACK and data have all but arrived, that is strong.
    Elsewhere it is compatible: two lost segments are rarer than one, but a path that loses everything beyond the tap
    looks the same.

    What else it could be: Every ACK lost behind the tap; a listener with TCP_DEFER_ACCEPT that waits for data (then
    the connection goes on at once when the client sends some).

    How to decide: At the server, ListenOverflows grows with each ignored ACK, and `ss -lnt` shows Recv-Q above Send-Q
    for the socket: the application accepts too slowly, or its backlog is too small.

    What the application saw: connect() succeeds. Then nothing: writes go unanswered until the queue drains, or end in
    ECONNRESET or ETIMEDOUT. With SYN cookies the server does not even repeat its SYN-ACK, and nothing shows it.
    """
    handshakes = traffic.handshakes
    whole, traffic = traffic, concerned(traffic)
    if not len(traffic.rows):
        return Conclusion.nothing(len(handshakes))
    _, soon = taken(whole)
    repeats = find_repeats(traffic)
    deferred, _ = _deferred(traffic, repeats, soon)
    data_ignored = data_before_repeat(traffic, repeats)
    ignored = repeats.answered & (repeats.counts >= 2) | data_ignored | handshakes.has(Fact.CLIENT_ONLY)
    near = near_server(traffic)
    found = (repeats.counts > 0) & (ignored | near) & (deferred != STRONG)
    alike = counts_of(traffic.sockets, found)
    return Conclusion(
        np.where(found, np.where(near & data_ignored, STRONG, COMPATIBLE), 0),
        evidence=(handshakes.ack_frame, traffic.value("frame", repeats.first), traffic.value("frame", repeats.last)),
        detail=Details(
            len(handshakes),
            lambda index: (
                f"{repeats.counts[index]} SYN-ACK(s) after the ACK; {alike[traffic.sockets[index]]} such at this socket"
            ),
        ),
    )


@diagnosis(
    "D06",
    "defer-accept",
    application="nothing",
    rivals=("accept-queue-full", "ack-lost"),
    decide_by="at the server: TCP_DEFER_ACCEPT in the application's set-up, `nstat -az TcpExtTCPDeferAcceptDrop`",
    fires="""
        # Both wait before they speak, and both are heard at once.
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +3   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +1   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
        flow b
        client 192.0.2.7:49153
        +.1  > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +3   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +1   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
    """,
    silent="""
        # The data was there, and the SYN-ACK came all the same.
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +1   < S. 0:0(0) ack 1 win 65160
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
        flow b
        client 192.0.2.7:49153
        +.1  > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +1   < S. 0:0(0) ack 1 win 65160
        +0   > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
    """,
)
def defer_accept(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The listener waits for data before it opens the connection (TCP_DEFER_ACCEPT).

    What it means: Linux drops a bare ACK to such a socket and may repeat the SYN-ACK; the first data opens the
    connection at once. Here handshakes whose client stays silent get SYN-ACKs again, and go on as soon as it speaks,
    while those of this socket that send data promptly get none. Five or more alike are strong, two are compatible.
    Newer kernels repeat the SYN-ACK only at the end of the waiting time: then nothing shows.

    What else it could be: An accept queue that happened to drain just then, or lost ACKs; neither depends on whether
    the client sends data.

    How to decide: Connect by hand and stay silent, several times, without load: a deferring listener does it each time.

    What the application saw: Nothing at the client. At the server accept() returns only when data is there.
    """
    whole, traffic = traffic, concerned(traffic)
    if not len(traffic.rows):
        return Conclusion.nothing(len(traffic.handshakes))
    _, soon = taken(whole)
    repeats = find_repeats(traffic)
    certainty, idles = _deferred(traffic, repeats, soon)
    return Conclusion(
        certainty,
        evidence=(
            traffic.handshakes.ack_frame,
            traffic.value("frame", repeats.first),
            traffic.value("frame", repeats.data),
        ),
        detail=Details(
            len(certainty), lambda index: f"{idles[traffic.sockets[index]]} idle handshakes of this socket alike"
        ),
    )


@diagnosis(
    "D07",
    "ack-lost",
    application="nothing",
    rivals=("accept-queue-full", "defer-accept", "synack-lost"),
    decide_by="capture at the server: whether the first ACK arrives there",
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +1   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > P. 1:101(100) ack 1
        +.02 < .  1:1(0) ack 101
    """,
    silent="""
        # The first SYN-ACK was lost, as the client says by repeating its SYN.
        +0   > S  0:0(0) win 64240
        +0   < S. 0:0(0) ack 1 win 65160
        +1   > S  0:0(0) win 64240
        +0   < S. 0:0(0) ack 1 win 65160
        +.02 > .  1:1(0) ack 1
        +.1  > P. 1:101(100) ack 1
        +0   < .  1:1(0) ack 101
    """,
)
def ack_lost(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The ACK that should complete the handshake was lost on the way, once.

    What it means: After the client's ACK the server repeated its SYN-ACK once, and then everything went well: the ACK
    did not reach it. Where another handshake of the same socket was taken in between, the queue was not full: strong.
    Else compatible. At a tap on the server's side the ACK is simply missing: the SYN-ACK is repeated, although the
    client shows by not repeating its SYN that the first one reached it.

    What else it could be: An accept queue that was full for a moment, or a listener that waits for data. A tap at the
    client cannot tell one ignored ACK from one lost ACK.

    How to decide: Capture at the server, or compare with other connections of the same seconds.

    What the application saw: Nothing; at most a delay of a second before the first answer.
    """
    handshakes = traffic.handshakes
    whole, traffic = traffic, concerned(traffic)
    if not len(traffic.rows):
        return Conclusion.nothing(len(handshakes))
    taken_time, soon = taken(whole)
    repeats = find_repeats(traffic)
    goes_on = first_after(traffic, traffic.is_event(Event.SERVER_GOES_ON), repeats.first) != ABSENT
    deferred, _ = _deferred(traffic, repeats, soon)
    once = (repeats.counts == 1) & goes_on & (deferred == 0)
    once &= ~near_server(traffic) & ~data_before_repeat(traffic, repeats)
    missing = _missing_ack(traffic)
    certainty = np.where(once, np.where(_others_taken(traffic, repeats, taken_time), STRONG, COMPATIBLE), 0)
    final = last(traffic, traffic.is_event(Event.SYNACK))
    return Conclusion(
        np.where(missing, COMPATIBLE, certainty),
        evidence=(
            handshakes.ack_frame,
            traffic.value("frame", np.where(missing, final, repeats.first)),
            handshakes.synack_frame,
        ),
    )


def _missing_ack(traffic: Traffic) -> Bools:
    """Whether a SYN-ACK was repeated before the ACK came, though no SYN was."""
    handshakes = traffic.handshakes
    synack = traffic.first_event(Event.SYNACK)
    ack = traffic.first_event(Event.COMPLETING)
    again = traffic.first(traffic.is_event(Event.SYNACK) & after(traffic, synack) & before(traffic, ack))
    # With less than a second and a half the SYN's own timer may not have run out.
    waited = traffic.value("time", again) - traffic.value("time", synack) >= TIMER
    waited &= traffic.value("time", ack) - handshakes.start_time >= 3 * SECOND // 2
    found: Bools = (again != ABSENT) & waited & (handshakes.syn_count == 1) & handshakes.is_outcome("established")
    return found


def _others_taken(traffic: Traffic, repeats: Repeats, taken_time: Ints) -> Bools:
    """Whether the server took another handshake of this socket between the ACK and the repeated SYN-ACK."""
    start, end = (traffic.value("time", row) for row in (repeats.ack, repeats.first))
    return any_between(traffic.sockets, taken_time, taken_time != ABSENT, start, end)
