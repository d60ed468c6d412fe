"""SYN cookies: a server that keeps no state between its SYN-ACK and the ACK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.diagnoses.catalogue import COMPATIBLE, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import (
    MILLISECOND,
    Details,
    counts_of,
    first_after,
    last,
    least_of,
    most_of,
    opening_times,
    sampled,
)
from pcapcheck.evidence import PENDING_NS, Event
from pcapcheck.smooth import Smooth
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows, rows_of

# Linux hides the options in the six lowest bits of the SYN-ACK's TSval, so that it is up to 64 ms older than the clock.
_LAG_MS: Final = 64
_SLACK_MS: Final = 3

# Of so many handshakes of a socket a pattern is compatible, of so many it is strong.
_SOME: Final = 3
_MANY: Final = 8


@diagnosis(
    "D08",
    "syn-cookies",
    application="nothing",
    decide_by="at the server: `nstat -az TcpExtSyncookiesSent TcpExtSyncookiesRecv`, `sysctl net.ipv4.tcp_syncookies`",
    fires="""
        # The SYN-ACK's timestamp is 49, 60 and 23 ms older than the clock of the segments after it.
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0)       <mss 1460,TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 <mss 1460,TS val 5000 ecr 100>
        +0   > .  1:1(0) ack 1 <TS val 120 ecr 5000>
        +.01 > P. 1:6(5) ack 1 <TS val 130 ecr 5000>
        +.02 < .  1:1(0) ack 6 <TS val 5079 ecr 130>
        +.02 < P. 1:6(5) ack 6 <TS val 5099 ecr 130>
        flow b
        client 192.0.2.1:49153
        +1   > S  0:0(0)       <mss 1460,TS val 1100 ecr 0>
        +.02 < S. 0:0(0) ack 1 <mss 1460,TS val 70000 ecr 1100>
        +0   > .  1:1(0) ack 1 <TS val 1120 ecr 70000>
        +.01 > P. 1:6(5) ack 1 <TS val 1130 ecr 70000>
        +.02 < .  1:1(0) ack 6 <TS val 70090 ecr 1130>
        +.02 < P. 1:6(5) ack 6 <TS val 70110 ecr 1130>
        flow c
        client 192.0.2.1:49154
        +2   > S  0:0(0)       <mss 1460,TS val 2100 ecr 0>
        +.02 < S. 0:0(0) ack 1 <mss 1460,TS val 31000 ecr 2100>
        +0   > .  1:1(0) ack 1 <TS val 2120 ecr 31000>
        +.01 > P. 1:6(5) ack 1 <TS val 2130 ecr 31000>
        +.02 < .  1:1(0) ack 6 <TS val 31053 ecr 2130>
        +.02 < P. 1:6(5) ack 6 <TS val 31073 ecr 2130>
    """,
    silent="""
        # A SYN-ACK that shows the clock of its sender.
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0)       <mss 1460,TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 <mss 1460,TS val 5000 ecr 100>
        +0   > .  1:1(0) ack 1 <TS val 120 ecr 5000>
        +.01 > P. 1:6(5) ack 1 <TS val 130 ecr 5000>
        +.02 < .  1:1(0) ack 6 <TS val 5030 ecr 130>
        +.02 < P. 1:6(5) ack 6 <TS val 5050 ecr 130>
        flow b
        client 192.0.2.1:49153
        +1   > S  0:0(0)       <mss 1460,TS val 1100 ecr 0>
        +.02 < S. 0:0(0) ack 1 <mss 1460,TS val 70000 ecr 1100>
        +0   > .  1:1(0) ack 1 <TS val 1120 ecr 70000>
        +.01 > P. 1:6(5) ack 1 <TS val 1130 ecr 70000>
        +.02 < .  1:1(0) ack 6 <TS val 70031 ecr 1130>
        +.02 < P. 1:6(5) ack 6 <TS val 70051 ecr 1130>
        flow c
        client 192.0.2.1:49154
        +2   > S  0:0(0)       <mss 1460,TS val 2100 ecr 0>
        +.02 < S. 0:0(0) ack 1 <mss 1460,TS val 31000 ecr 2100>
        +0   > .  1:1(0) ack 1 <TS val 2120 ecr 31000>
        +.01 > P. 1:6(5) ack 1 <TS val 2130 ecr 31000>
        +.02 < .  1:1(0) ack 6 <TS val 31030 ecr 2130>
        +.02 < P. 1:6(5) ack 6 <TS val 31050 ecr 2130>
    """,
    circumstance=True,
)
def syn_cookies(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The server answers with SYN cookies: its SYN queue is full, or cookies are forced.

    What it means: With a cookie the server keeps nothing of the SYN (RFC 4987, section 3.6); what it must remember is
    coded into the SYN-ACK. Two traces of that can be seen, both only over many handshakes of one socket, so that it is
    never proved. Linux codes the options into the low bits of the timestamp, which makes a SYN-ACK up to 64 ms older
    than the clock of the server's next segments. And a SYN-ACK that is not acknowledged is never sent again.

    What else it could be: For the timestamps: a path that delays the first segment of each connection by some 10 ms.
    For the missing repeats: a SYN proxy, a server that is set to send one SYN-ACK only, a half of the traffic that
    takes another way.

    How to decide: SyncookiesSent grows at the server, and its kernel log says "possible SYN flooding".

    What the application saw: Nothing. Options that fit into no cookie are lost (without timestamps: window scaling and
    SACK), and a connection that the accept queue has no room for dies without a trace.
    """
    handshakes = traffic.handshakes
    socket = traffic.sockets
    once = handshakes.meet("synack_count", lambda count: count == 1)
    agreed = handshakes.meet("server_timestamps", lambda sent: sent == 1)
    timed = agreed & once & handshakes.is_outcome("established")
    lag, measured = _lag(traffic)
    late = timed & measured & (lag >= _LAG_MS // 6)
    # Where fewer are late no sample says anything.
    timed &= ((counts_of(socket, timed) >= _SOME) & (counts_of(socket, late) * 3 >= _SOME * 2))[socket]
    measured = measured & sampled(socket, timed)
    lags, lates = counts_of(socket, measured), counts_of(socket, measured & late)
    least, most = least_of(socket, lag, measured), most_of(socket, lag, measured)
    coded = (lags >= _SOME) & (least >= -_SLACK_MS) & (most <= _LAG_MS + _SLACK_MS) & (lates * 3 >= lags * 2)
    spread = coded & (lags >= _MANY) & (most - least >= _LAG_MS // 2)
    single = handshakes.is_outcome("half-open") & once & handshakes.meet("syn_count", lambda count: count == 1)
    singles = counts_of(socket, single)
    patient = single & (singles >= _MANY)[socket]
    if patient.any():
        patient &= _awaited(traffic, capture)
    certainty = np.where(coded, np.where(spread, STRONG, COMPATIBLE), 0)[socket]
    certainty = np.where(timed & (certainty > 0), certainty, np.where(patient, COMPATIBLE, 0))

    def text(index: int) -> str:
        its = socket[index]
        if patient[index]:
            return f"{singles[its]} unanswered SYN-ACKs of this socket were never repeated"
        return f"timestamps of {lags[its]} SYN-ACKs {least[its]} to {most[its]} ms older than the server's clock"

    return Conclusion(certainty, evidence=(handshakes.synack_frame,), detail=Details(len(handshakes), text))


def _awaited(traffic: Traffic, capture: CaptureFacts) -> Bools:
    """Whether the capture goes on so long after the SYN-ACK that its repeat would have been seen."""
    _, synack = opening_times(traffic)
    long_enough: Bools = capture.end_time - synack >= PENDING_NS
    long_enough &= synack != NO_TIME
    return long_enough


def _lag_of_smooth(traffic: Traffic, smooth: Smooth) -> tuple[Ints, Bools]:
    """Segments behind the SYN-ACK have the usual timestamps, or none has."""
    following, final = (rows_of(traffic, smooth, place) for place in (smooth.places.goes_on, smooth.places.final))
    tsvals = smooth.answered, following.usual_timestamps()[0], final.usual_timestamps()[0]
    synack = traffic.handshakes.start_time[smooth.at] + traffic.handshakes.server_rtt[smooth.at]
    return _behind(smooth.places.final > smooth.places.goes_on, tsvals, (synack, following["time"], final["time"]))


@by_rows(_lag_of_smooth)
def _lag(traffic: Traffic) -> tuple[Ints, Bools]:
    """How many ms the SYN-ACK's TSval is behind the server's clock, and where that can be measured.

    The clock must tick once a millisecond, as two later segments of the server show.
    """
    synack = traffic.first_event(Event.SYNACK)
    later = traffic.is_event(Event.SERVER_GOES_ON)
    following = first_after(traffic, later, synack)
    final = last(traffic, later)
    complete = (following != ABSENT) & (final > following)
    if not len(traffic.rows):
        return synack, complete
    rows = synack, following, final
    tsvals, times = ([column[row] for row in rows] for column in (traffic.tsval, traffic.column("time")))
    return _behind(complete, tsvals, times)


def _behind(complete: Bools, tsvals: Sequence[Ints], times: Sequence[Ints]) -> tuple[Ints, Bools]:
    """The same from TSvals and times of the SYN-ACK and two later segments, where these are there."""

    def drift(then: int, now: int) -> Ints:
        ticks = seq.diff(tsvals[now], tsvals[then])
        elapsed = times[now] - times[then]
        ahead: Ints = np.rint(ticks - elapsed / MILLISECOND).astype(np.int64)
        return ahead

    measured = complete & np.logical_and.reduce([tsval != ABSENT for tsval in tsvals])
    measured &= np.abs(drift(1, 2)) <= _SLACK_MS
    return np.where(measured, drift(0, 1), 0), measured
