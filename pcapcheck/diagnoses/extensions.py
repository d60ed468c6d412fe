"""Extensions of the SYN that the path or the server did not like: Fast Open and ECN."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import AE, CWR, ECE
from pcapcheck.diagnoses.catalogue import COMPATIBLE, PROVED, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import Details, any_of, before, counts_of, last, spread
from pcapcheck.evidence import Event, Fact
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, ECNS, FAST_OPENS
from pcapcheck.traffic import Ints, Traffic, by_rows

_REQUEST, _COOKIE = FAST_OPENS.index("request"), FAST_OPENS.index("cookie")


class _Repeated(NamedTuple):
    """Of handshakes that repeated their SYN, where an earlier one was not answered and the last one was."""

    without_ecn: Bools  # an ECN set-up SYN got no answer and one without ECN did
    without_fast_open: Bools  # a SYN with Fast Open got no answer and a shorter one without it did
    answered: Ints  # frame of the SYN that was answered, ABSENT where there is none


def _repeated(traffic: Traffic) -> _Repeated:
    return _Repeated(*_repeated_columns(traffic))


@by_rows((False, False, ABSENT))
def _repeated_columns(traffic: Traffic) -> tuple[Bools, Bools, Ints]:
    size, (at,) = len(traffic.handshakes), (traffic.handshakes.syn_count > 1).nonzero()
    traffic = traffic.take(at)
    first, synack = traffic.first_event(Event.SYN), traffic.first_event(Event.SYNACK)
    answered = last(traffic, traffic.is_event(Event.SYN) & before(traffic, synack))
    waited = traffic.value("time", answered) - traffic.value("time", first)
    late = (answered != first) & (traffic.value("time", synack) - traffic.value("time", answered) < waited)
    late &= answered != ABSENT
    plain = traffic.value("tcp_flags", answered) & (AE | CWR | ECE) == 0
    # Linux leaves out the Fast Open option with the data; other options stay, so the octets tell.
    shorter = traffic.value("options_length", answered) < traffic.value("options_length", first)
    shorter &= traffic.value("payload_length", answered) == 0
    return (
        spread(size, at, late & plain & (traffic.handshakes.client_ecn != ECNS.index("")), False),
        spread(size, at, late & shorter & (traffic.handshakes.client_fast_open != FAST_OPENS.index("")), False),
        spread(size, at, np.where(late, traffic.value("frame", answered), ABSENT)),
    )


def fell_back(traffic: Traffic) -> Bools:
    """Which handshakes succeeded only when their SYN was repeated without an extension."""
    repeated = _repeated(traffic)
    return repeated.without_ecn | repeated.without_fast_open


# What became of Fast Open, in the order in which it is asked.
_FAST_OPEN: Final = (
    "the SYN with Fast Open got no answer, the one without it did",
    "the server took all the data of the SYN",
    "the server took a part of the SYN's data; the rest must be sent again",
    "the server took none of the SYN's data; it must be sent again",
    "a cookie was asked for and given",
    "a cookie was asked for, the server gave none",
    "a cookie was sent without data",
)


@diagnosis(
    "D29",
    "fast-open",
    application="nothing",
    rivals=("filtered-or-down",),
    decide_by="at the server: `nstat -az TcpExtTCPFastOpenPassive TcpExtTCPFastOpenPassiveFail`",
    fires="""
        +0   > S  0:100(100) win 64240 <mss 1460,FO 0102030405060708>
        +.02 < S. 0:0(0) ack 101 win 65160 <mss 1460>
        +0   > .  101:101(0) ack 1
    """,
    silent="""
        # Data in the SYN is no Fast Open without the option.
        +0   > S  0:100(100) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > P. 1:101(100) ack 1
    """,
    circumstance=True,
)
def fast_open(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The client used Fast Open; what the server, or the path, made of it.

    What it means: RFC 7413, section 4.2: the client asks for a cookie, later sends it with data in the SYN, and the
    SYN-ACK's number says how much of the data was taken. These are facts: proved. A SYN with Fast Open that gets no
    answer, while its repeat without it does, is the trace of a path that drops such SYNs: strong where it happens
    again and again to one server, compatible where it was seen once, since a lost SYN looks the same.

    What else it could be: For data that was not taken: an old or foreign cookie, a full Fast Open queue, Fast Open
    switched off. For no answer: plain loss of the first SYN.

    How to decide: Counters TCPFastOpen* at both ends; a capture at the server shows whether SYNs with data arrive.
    Linux switches Fast Open off for a while itself when it believes that the path drops it.

    What the application saw: Nothing, but a second of delay where the first SYN was dropped. Data that was not taken is
    sent again by the kernel.
    """
    handshakes = traffic.handshakes
    asked = handshakes.meet("client_fast_open", lambda asked: asked != FAST_OPENS.index(""))
    if not asked.any():
        return Conclusion.nothing(len(handshakes))
    dropped = _repeated(traffic).without_fast_open
    answered = handshakes.has(Fact.SYNACK)
    sent_data = (handshakes.client_fast_open == _COOKIE) & (handshakes.syn_octets > 0)
    taken = seq.ahead(handshakes.synack_ack, handshakes.client_isn) - 1
    state = np.select(
        [
            dropped,
            sent_data & (taken == handshakes.syn_octets),
            sent_data & (taken > 0),
            sent_data,
            (handshakes.client_fast_open == _REQUEST) & (handshakes.server_fast_open == _COOKIE),
            handshakes.client_fast_open == _REQUEST,
        ],
        range(6),
        6,
    )
    found = answered & asked
    servers = traffic.servers
    taken_data = any_of(servers, found & (state == 1))
    again = ((counts_of(servers, dropped) >= 2) & ~taken_data)[servers]
    return Conclusion(
        np.where(found, np.where(~dropped, PROVED, np.where(again, STRONG, COMPATIBLE)), 0),
        evidence=(handshakes.syn_frame, handshakes.synack_frame),
        detail=Details(len(handshakes), lambda index: _FAST_OPEN[state[index]]),
    )


@diagnosis(
    "D30",
    "ecn-blackhole",
    application="nothing",
    rivals=("syn-queue-full", "filtered-or-down"),
    decide_by="capture at the server: whether SYNs with ECE and CWR arrive; `sysctl net.ipv4.tcp_ecn=0` at the client",
    fires="""
        +0   > SEW 0:0(0) win 64240
        +1   > S   0:0(0) win 64240
        +.02 < S.  0:0(0) ack 1 win 65160
        +0   > .   1:1(0) ack 1
    """,
    silent="""
        # The same server answers an ECN set-up SYN: the other one was lost.
        flow a
        client 192.0.2.1:49152
        +0   > SEW 0:0(0) win 64240
        +1   > S   0:0(0) win 64240
        +.02 < S.  0:0(0) ack 1 win 65160
        +0   > .   1:1(0) ack 1
        flow b
        client 192.0.2.1:49153
        +2   > SEW 0:0(0) win 64240
        +.02 < SE. 0:0(0) ack 1 win 65160
        +0   > .   1:1(0) ack 1
    """,
)
def ecn_blackhole(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """Something on the path drops SYNs that ask for ECN.

    What it means: The ECN set-up SYN got no answer, and the repeat without ECE and CWR got one at once. RFC 3168,
    section 6.1.1.1, foresees that: "A host that receives no reply to an ECN-setup SYN within the normal SYN
    retransmission timeout interval MAY resend the SYN and any subsequent SYN retransmissions with CWR and ECE cleared."
    Twice or more towards one server and never the other way: strong. Once: compatible.

    What else it could be: The first SYN was lost for another reason: every repeat of such a client is without ECN, so
    that any lost SYN looks like this.

    How to decide: Connect several times with ECN on and off. A capture beyond the firewall in question shows whether
    the SYN passes with its flags.

    What the application saw: Nothing but a delay of a second or more in each connect().
    """
    handshakes = traffic.handshakes
    dropped = _repeated(traffic).without_ecn
    if not dropped.any():
        return Conclusion.nothing(len(handshakes))
    passed = (handshakes.client_ecn != ECNS.index("")) & handshakes.has(Fact.SYNACK) & ~dropped
    passed &= (handshakes.server_rtt_max != ABSENT) & (handshakes.syn_count == 1)
    servers = traffic.servers
    times = counts_of(servers, dropped)
    found = dropped & (counts_of(servers, passed) == 0)[servers]
    return Conclusion(
        np.where(found, np.where((times >= 2)[servers], STRONG, COMPATIBLE), 0),
        evidence=(handshakes.syn_frame, _repeated(traffic).answered, handshakes.synack_frame),
        detail=Details(
            len(handshakes), lambda index: f"{times[servers[index]]} time(s) with this server, never the other way"
        ),
    )
