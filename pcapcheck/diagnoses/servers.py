"""Who answers in the server's name, and how long it takes to do so."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import ACK, FIN, RST, SYN
from pcapcheck.diagnoses.catalogue import COMPATIBLE, STRONG, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import (
    MILLISECOND,
    SECOND,
    Details,
    counts_of,
    first_after,
    flagged,
    least_of,
    most_of,
    sampled,
    segments,
    spread,
    with_their_pairs,
)
from pcapcheck.evidence import Event
from pcapcheck.openings import FAR
from pcapcheck.smooth import Smooth
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows, rows_of

# RFC 9293, section 3.8.6.3, MUST-40: an ACK is delayed by less than half a second.
_LONGEST_DELAYED_ACK: Final = SECOND // 2

# A SYN-ACK that took so much longer than others is slow.
_LONGER: Final = SECOND // 5

# So many connections of a socket make a pattern.
_MANY: Final = 5


@diagnosis(
    "D27",
    "synack-from-proxy",
    application="nothing",
    rivals=("server-slow",),
    decide_by="capture beyond the suspected proxy: whether the SYN arrives there before the SYN-ACK leaves here",
    fires="""
        +0   > S  0:0(0) win 64240
        +0   < S. 0:0(0) ack 1 win 65160 ttl 64
        +0   > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.09 < .  1:1(0) ack 101 ttl 51
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +0   < S. 0:0(0) ack 1 win 65160 ttl 64
        +0   > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.09 < .  1:1(0) ack 101 ttl 64
    """,
    circumstance=True,
)
def synack_from_proxy(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """Something on the path answered the SYN in the server's name: a proxy, an accelerator, a SYN proxy.

    What it means: The SYN-ACK seems not to have come from where the data comes from. Either it has another TTL than all
    later segments of that side, or, over five connections and more of a socket, even the quickest bare ACK of data
    takes more than three times as long as the slowest SYN-ACK, after half a second for a delayed ACK has been taken
    off. Five connections with another TTL are strong, fewer compatible.

    What else it could be: A server that sets another TTL on accepted sockets; two paths of different length; for the
    times, a server that is slow to acknowledge.

    How to decide: Capture beyond the box. Compare MSS, window and options of the SYN-ACK with those of a server of this
    kind: a proxy has a handwriting of its own.

    What the application saw: connect() succeeds although the server may be down; the error comes with the first read.
    """
    handshakes = traffic.handshakes
    socket = traffic.sockets
    reply, ttl = _first_reply(traffic)
    established = handshakes.is_outcome("established")
    compared = established & (reply != ABSENT) & handshakes.is_known("synack_ttl")
    differs = compared & (ttl != handshakes.synack_ttl)
    apart = counts_of(socket, differs)
    other_ttl = differs & (apart == counts_of(socket, compared))[socket]
    timed, waited = established & handshakes.is_known("server_rtt"), _data_rtt(traffic)
    # Where fewer wait so long no sample says anything; nor is it one of fewer.
    timed &= (counts_of(socket, timed & (waited > _LONGEST_DELAYED_ACK)) >= _MANY)[socket]
    acknowledged = sampled(socket, timed) & (waited != ABSENT)
    least, most = least_of(socket, waited, acknowledged), most_of(socket, handshakes.server_rtt, timed)
    quick = (counts_of(socket, acknowledged) >= _MANY) & (least - _LONGEST_DELAYED_ACK > 3 * most)
    too_quick = timed & quick[socket]

    def text(index: int) -> str:
        its = socket[index]
        if other_ttl[index]:
            return f"TTL {handshakes.synack_ttl[index]}, then {ttl[index]}; {apart[its]} connection(s) of this socket"
        return f"SYN-ACK after at most {most[its] // MILLISECOND} ms, ACK of data after {least[its] // MILLISECOND} ms"

    return Conclusion(
        np.where(too_quick | other_ttl & (apart >= _MANY)[socket], STRONG, np.where(other_ttl, COMPATIBLE, 0)),
        evidence=(handshakes.synack_frame, reply),
        detail=Details(len(handshakes), text),
    )


def _reply_of_smooth(traffic: Traffic, smooth: Smooth) -> tuple[Ints, Ints]:
    """All that the server sends has the TTL of its SYN-ACK."""
    return rows_of(traffic, smooth, smooth.places.reply)["frame"], traffic.handshakes.synack_ttl[smooth.at]


@by_rows(_reply_of_smooth)
def _first_reply(traffic: Traffic) -> tuple[Ints, Ints]:
    """Frame and TTL of the first segment of the server behind its SYN-ACK."""
    goes_on = ~traffic.from_client & traffic.is_event(Event.SERVER_GOES_ON, Event.OTHER)
    reply = first_after(traffic, goes_on, traffic.first_event(Event.SYNACK))
    return traffic.value("frame", reply), traffic.value("ttl", reply)


def _data_rtt_of_smooth(traffic: Traffic, smooth: Smooth) -> Ints:
    """The client's first data is sent once, without a FIN."""
    data, cover = rows_of(traffic, smooth, smooth.places.data), rows_of(traffic, smooth, smooth.places.cover)
    bare = (smooth.places.cover != ABSENT) & (cover["payload_length"] == 0)
    return np.where(bare, cover["time"] - data["time"], ABSENT)


@by_rows(_data_rtt_of_smooth)
def _data_rtt(traffic: Traffic) -> Ints:
    """From the client's first data to the bare ACK of it; ABSENT where it was sent twice or data answers it.

    The answer of the application does not count: it measures the application.
    """
    sound = segments(traffic) & ~flagged(traffic, SYN | RST | FIN)
    (sends,) = (sound & traffic.from_client & (traffic.column("payload_length") > 0)).nonzero()
    data = traffic.first_at(sends)
    number = traffic.value("seq", data)
    again = sends[traffic.column("seq")[sends] == number[traffic.handshake[sends]]]
    sent_once = np.bincount(traffic.handshake[again], minlength=len(data)) == 1
    (acks,) = (sound & ~traffic.from_client & flagged(traffic, ACK)).nonzero()
    of = traffic.handshake[acks]
    end = seq.add(number, traffic.value("payload_length", data))
    covers = (data[of] != ABSENT) & (acks > data[of]) & (seq.ahead(traffic.column("ack")[acks], end[of]) < FAR)
    reply = traffic.first_at(acks[covers.nonzero()])
    bare = traffic.value("payload_length", reply) == 0
    waited = traffic.value("time", reply) - traffic.value("time", data)
    return np.where((data != ABSENT) & (reply != ABSENT) & sent_once & bare, waited, ABSENT)


@diagnosis(
    "D28",
    "server-slow",
    application="nothing",
    rivals=("synack-from-proxy",),
    decide_by="capture at the server: the time from SYN to SYN-ACK there",
    fires="""
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        flow b
        client 192.0.2.1:49153
        +1   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        flow c
        client 192.0.2.1:49154
        +2   > S  0:0(0) win 64240
        +.42 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # All alike: that is the path.
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0) win 64240
        +.42 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        flow b
        client 192.0.2.1:49153
        +1   > S  0:0(0) win 64240
        +.42 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        flow c
        client 192.0.2.1:49154
        +2   > S  0:0(0) win 64240
        +.42 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    circumstance=True,
)
def server_slow(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """This SYN-ACK took far longer than the same server's others, without any loss.

    What it means: At least 200 ms and five times the least that this server, as seen from here, has shown in three or
    more handshakes; and the SYN was sent once. The way has not become longer, so something waited.

    What else it could be: The server's processor was busy or asleep; ARP or neighbour discovery had to come first; a
    load balancer looked for a server; a queue on the path was full for a moment.

    How to decide: The same measurement at the server: if SYN to SYN-ACK is short there, the path delays it.

    What the application saw: Nothing but a slow connect().
    """
    handshakes = traffic.handshakes
    size = len(handshakes)
    long = handshakes.meet("server_rtt", lambda rtt: rtt >= _LONGER)
    if not long.any():
        return Conclusion.nothing(size)
    # The same way: from one client to one server.
    at, way = with_their_pairs(traffic, long)
    rtt = handshakes.server_rtt[at]
    measured = (rtt != ABSENT) & (handshakes.syn_count[at] == 1)
    least = least_of(way, rtt, measured)[way]
    slow = measured & (counts_of(way, measured) >= 3)[way] & (rtt - least >= _LONGER) & (rtt >= 5 * least)

    def text(index: int) -> str:
        entry = int(np.searchsorted(at, index))
        return f"{rtt[entry] // MILLISECOND} ms; at best it took {least[entry] // MILLISECOND} ms"

    return Conclusion(
        spread(size, at, np.where(slow, COMPATIBLE, 0), 0),
        evidence=(handshakes.synack_frame, handshakes.syn_frame),
        detail=Details(size, text),
    )
