"""Attempts that somebody refused: with an RST to the SYN, with an RST to the ACK, with an ICMP error."""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.addresses import written
from pcapcheck.decode.segment import ACK
from pcapcheck.diagnoses.catalogue import COMPATIBLE, PROVED, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import SECOND, Details, counts_of, flagged, server_ttls
from pcapcheck.evidence import Event, Fact
from pcapcheck.rules.icmp import message_of
from pcapcheck.rules.outcomes import refusal
from pcapcheck.sorting import occur_in
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows

# What connect() gives for ICMP's codes: Linux's table, which follows RFC 1122, section 4.2.3.9. The rest: EHOSTUNREACH.
_ERRORS = {
    (4, 3, 0): "ENETUNREACH", (4, 3, 2): "ENOPROTOOPT", (4, 3, 3): "ECONNREFUSED", (4, 3, 4): "EMSGSIZE",
    (4, 3, 5): "EOPNOTSUPP", (4, 3, 9): "ENETUNREACH", (4, 12, 0): "EPROTO",
    (6, 1, 0): "ENETUNREACH", (6, 1, 1): "EACCES", (6, 1, 4): "ECONNREFUSED", (6, 1, 5): "EACCES",
    (6, 1, 6): "EACCES", (6, 2, 0): "EMSGSIZE", (6, 4, 0): "EPROTO", (6, 4, 1): "EPROTO", (6, 4, 2): "EPROTO",
}  # fmt: skip


@diagnosis(
    "D01",
    "port-closed",
    application="ECONNREFUSED",
    rivals=("segment-injected", "icmp-unreachable"),
    decide_by="capture at the server, or `ss -lnt` there; `iptables -S | grep -i reset` on the way",
    fires="""
        # The RST looks like what this server sends otherwise.
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0) win 64240
        +.02 < R. =0:0(0) ack 1 win 0 ttl 63
        flow b
        client 192.0.2.1:49153
        server 198.51.100.2:443
        +.1  > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160 ttl 63
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # The port is open: the RST did not come from the host that sends the SYN-ACK.
        +0   > S  0:0(0) win 64240
        +.07 < R. =0:0(0) ack 1 win 0 ttl 200
        +.12 < S. 0:0(0) ack 1 win 65160 ttl 63
        +0   > R  1:1(0) win 0
    """,
)
def port_closed(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """Nothing listens at this port: the server's host refused the connection.

    What it means: An acceptable RST answered the SYN. That something with this address refused is proved (OC01). That
    it was the host itself, because the port is closed, is strong where the RST has the TTL of the host's other
    segments, and compatible where there is nothing to compare it with.

    What else it could be: A firewall that rejects with an RST in the server's name (then the TTL or the time differs
    from the server's own), a load balancer without a healthy server, an injected RST.

    How to decide: Compare the TTL of the RST with that of a SYN-ACK of the same host. Capture at the server: if the RST
    does not leave there, something on the way sent it. `ss -lnt` at the server shows what listens.

    What the application saw: ECONNREFUSED, at once. Many applications try again; each try is an attempt of its own.
    """
    handshakes = traffic.handshakes
    (at,) = (handshakes.is_outcome("refused") & ~handshakes.has(Fact.SYNACK)).nonzero()
    if not len(at):
        return Conclusion.nothing(len(handshakes))
    rst, ttl = refusal(traffic.take(at))
    same, other = _ttl_is_known(traffic, at, ttl)
    said = (rst != ABSENT) & ~other
    at, rst, ttl, same = (column[said] for column in (at, rst, ttl, same))
    words = ("no other segment of this server to compare with", "the TTL is that of the server's other segments")
    return Conclusion.of_some(
        len(handshakes),
        at,
        np.where(same, STRONG, COMPATIBLE),
        evidence=(rst, handshakes.read("syn_frame", at)),
        text=lambda entry: f"RST with TTL {ttl[entry]}: {words[int(same[entry])]}",
    )


@by_rows((ABSENT, ABSENT))
def _bare_reset(traffic: Traffic) -> tuple[Ints, Ints]:
    """Frame of the RST without ACK that is all the server said after its SYN-ACK, and its time after the client's ACK;
    ABSENT where there is none.
    """
    reset = traffic.first(traffic.is_event(Event.RESET) & ~traffic.from_client & ~flagged(traffic, ACK))
    (at,) = ((reset != ABSENT) & ~traffic.has(Event.SERVER_GOES_ON)).nonzero()
    at = at[traffic.column("seq")[reset[at]] == seq.add(traffic.handshakes.server_isn[at], 1)]
    frame, delay = np.full((2, len(reset)), ABSENT, np.int64)
    frame[at] = traffic.column("frame")[reset[at]]
    delay[at] = traffic.column("time")[reset[at]] - traffic.value("time", traffic.first_event(Event.COMPLETING)[at])
    return frame, delay


def _ttl_is_known(traffic: Traffic, at: Ints, ttl: Ints) -> tuple[Bools, Bools]:
    """Of the handshakes at these indices, which have a TTL that their server shows elsewhere, and which another."""
    least, most = server_ttls(traffic)
    servers = traffic.servers
    shows = np.zeros(int(servers.max()) + 1, bool)
    shows[servers[at]] = True  # of no other servers it matters what they show
    (shown,) = (shows[servers] & (least != ABSENT)).nonzero()
    of, least, most = (column[shown] for column in (servers, least, most))
    shows[:] = False
    shows[of] = True
    (several,) = (least != most).nonzero()
    known = np.append(of << 8 | least, of[several] << 8 | most[several])
    same = occur_in(servers[at] << 8 | ttl, known)
    return same, shows[servers[at]] & ~same


@diagnosis(
    "D05",
    "accept-queue-full-reset",
    application="ECONNRESET",
    rivals=("segment-injected", "syn-cookies"),
    decide_by="at the server: `sysctl net.ipv4.tcp_abort_on_overflow`, `nstat -az TcpExtListenOverflows`",
    fires="""
        +0   > S  0:0(0) win 64240
        +.08 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.08 < R  1:1(0) win 0
    """,
    silent="""
        # RST with ACK: a socket existed, and the application closed it.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.02 < R. 1:1(0) ack 1
    """,
)
def accept_queue_full_reset(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """The server's accept queue was full, and its kernel reset the connection (tcp_abort_on_overflow).

    What it means: A right ACK completed the handshake, and about one round trip later an RST without ACK came, before
    any other word of the server: <SEQ=SEG.ACK><CTL=RST>, the answer to an ACK "if the connection does not exist" (RFC
    9293, section 3.5.2). A close by the application carries an ACK, as its socket has numbers to acknowledge; this RST
    comes from a kernel that made no socket out of the ACK.

    What else it could be: A SYN cookie that another server, or an older key, does not know; a listener that was closed
    between SYN-ACK and ACK; a firewall that lost the connection; an injected RST.

    How to decide: tcp_abort_on_overflow must be 1 and ListenOverflows must grow. Several connections to one socket
    reset so in a burst speak for the queue.

    What the application saw: connect() succeeds; then ECONNRESET on the first write or read.
    """
    handshakes = traffic.handshakes
    reset, delay = _bare_reset(traffic)
    found = handshakes.is_outcome("established") & (reset != ABSENT)
    if not found.any():
        return Conclusion.nothing(len(handshakes))
    found &= delay <= 3 * np.maximum(handshakes.server_rtt_max, 0) + SECOND // 2
    socket = traffic.sockets
    together = counts_of(socket, found)
    return Conclusion(
        np.where(found, COMPATIBLE, 0),
        evidence=(reset, handshakes.ack_frame),
        detail=Details(
            len(handshakes), lambda index: f"{together[socket[index]]} connection(s) to this socket reset so"
        ),
    )


@diagnosis(
    "D26",
    "icmp-unreachable",
    application="EHOSTUNREACH",
    decide_by="the host or router that sent the ICMP error: its routes, its filter, its ARP or neighbour table",
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < icmp 3/13 quotes 0 from 203.0.113.1
    """,
    silent="""
        # Another sequence number is quoted: this SYN is not meant, or somebody guesses.
        +0   > S  0:0(0) win 64240
        +.01 < icmp 3/1 quotes 77
        +.01 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def icmp_unreachable(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """A router, a firewall or the host itself reported by ICMP that the SYN could not be delivered.

    What it means: The ICMP error quotes this very SYN: addresses, ports and sequence number agree, as RFC 5927, section
    4.1 asks a host to check. Type and code say what the reporter objects to, its address who it is.

    What else it could be: Nothing, as far as the report goes. Whether the report is true only its sender can show:
    "host unreachable" of a router means that ARP or neighbour discovery failed there; "administratively prohibited" is
    a rule of a filter.

    How to decide: Look at the sender of the error. Is it the server itself (then the host lives), or a router before
    it? Do other destinations behind it answer?

    What the application saw: EHOSTUNREACH for most codes, ECONNREFUSED for "port unreachable", ENETUNREACH for "network
    unreachable". RFC 9293 forbids to abort for the soft ones (MUST-56), yet most systems do while connecting (RFC
    5461).
    """
    handshakes = traffic.handshakes
    traffic = traffic.only(handshakes.is_outcome("unreachable"))
    if not len(traffic.rows):
        return Conclusion.nothing(len(handshakes))
    error = traffic.first_event(Event.UNREACHABLE)
    found = handshakes.is_outcome("unreachable") & (error != ABSENT)

    def text(index: int) -> str:
        message, options, length = (traffic.column(name)[error[index]] for name in ("ack", "options", "options_length"))
        number = int(message)
        name, _ = message_of(number)
        code = 6 if number >> 16 else 4, number >> 8 & 0xFF, number & 0xFF
        reporter = options.tobytes()[:length]
        return f"{name} from {written(reporter)}: {_ERRORS.get(code, 'EHOSTUNREACH')}"

    return Conclusion(
        np.where(found, PROVED, 0),
        evidence=(traffic.value("frame", error), handshakes.syn_frame),
        detail=Details(len(handshakes), text),
    )
