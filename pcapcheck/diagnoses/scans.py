"""Scans: one address that asks many ports whether they are open, and does nothing with the answer."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.segment import ACK, FIN, PSH, RST, URG
from pcapcheck.diagnoses.catalogue import COMPATIBLE, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import Details, syn_window
from pcapcheck.diagnoses.groups import address, distinct, how_many, numbered, spread
from pcapcheck.evidence import Fact
from pcapcheck.openings import ICMP
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, SIDES
from pcapcheck.traffic import Ints, Traffic, by_rows

# So many targets that were asked in vain are no accident; so many more leave little doubt.
_FEW: Final = 10
_MANY: Final = 20

# Who asks each target more often than this watches it, and does not scan.
_ASKED_AGAIN: Final = 4

# What a target turned out to be, the most telling answer first.
_STATES: Final = ("open", "closed", "unanswered")

# Segments that no TCP sends, without SYN, ACK and RST: two are enough.
_STEALTHY: Final = {0: "NULL", FIN: "FIN", FIN | PSH | URG: "Xmas"}
# Segments that belong to a connection, but to none of these: an idle connection that one end forgot looks alike.
_CONNECTIONLESS: Final = {ACK: "ACK", FIN | ACK: "Maimon"}
_KINDS: Final = {**_STEALTHY, **_CONNECTIONLESS}
_FLAGS: Final = 0x1FF  # without the reserved bits


@by_rows(lambda traffic, smooth: smooth.places.data != ABSENT)
def payload_of_client(traffic: Traffic) -> Bools:
    """Which handshakes carried payload of the client's."""
    payload = (traffic.column("payload_length") > 0) | (traffic.column("folded_octets") > 0)
    return traffic.count(traffic.from_client & payload & (traffic.column("kind") != ICMP)) > 0


class _Sources(NamedTuple):
    """What each source of probes did; one entry a source, but for the first."""

    of: Ints  # the source of each attempt
    states: npt.NDArray[np.int64]  # how many targets were found in each of _STATES
    ports: Ints
    hosts: Ints
    ports_of_host: Ints  # of the host that was asked for the most
    used: Ints  # targets to which it opened a connection and used it
    tries: Ints
    completed: Ints
    reset: Ints  # answered by a SYN-ACK, which the source reset or ignored
    by_hand: Bools  # no kernel sends such SYNs

    @property
    def targets(self) -> Ints:
        return np.asarray(self.states.sum(axis=1), np.int64)

    @property
    def connects(self) -> Bools:
        """It completes handshakes rather than reset them."""
        connects: Bools = self.completed > self.reset
        return connects

    def scans(self) -> Bools:
        """Which sources scan: targets by the dozen, hardly one of them used, none asked again and again."""
        targets = self.targets
        # One port of many hosts is also what a program asks whose network is down.
        vain = self.states[:, 1:].sum(axis=1) * 2 >= targets
        wide = (targets >= _MANY) & (self.by_hand | (self.reset * 2 >= targets) | self.connects & vain)
        asked_once = self.tries <= _ASKED_AGAIN * targets
        scans: Bools = asked_once & (self.used * 10 <= targets) & ((self.ports_of_host >= _FEW) | wide)
        return scans

    def text(self, source: int) -> str:
        """What a source asked, and what it found."""
        found = ", ".join(f"{count} {name}" for count, name in zip(self.states[source], _STATES, strict=True) if count)
        ports, hosts = how_many(int(self.ports[source]), "port"), how_many(int(self.hosts[source]), "host")
        return f"{ports} of {hosts}, {found}"


def _sources(traffic: Traffic, at: Ints, failed: Bools, completed: Bools) -> _Sources:
    """The sources of the attempts ``at``, of which some failed and some completed without a word of the client."""
    handshakes, probes = traffic.handshakes, failed | completed
    window = syn_window(traffic)[at]
    # A scanner makes its SYNs by hand: what its host opens otherwise has another window and other options.
    mss = handshakes.client_mss[at]
    of = numbered((traffic.clients[at] << 17 | mss + 1) << 17 | window + 1)
    size = int(of.max(initial=-1)) + 1
    host, port, socket = traffic.servers[at], handshakes.server_port[at], traffic.sockets[at]
    answered = handshakes.facts[at] & Fact.SYNACK != 0
    # Of several answers of one target the most telling counts.
    state = np.select([answered, handshakes.is_outcome("refused")[at]], [0, 1], 2)
    target, which = np.unique(of[probes] << 32 | socket[probes], return_inverse=True)
    best = np.full(len(target), len(_STATES) - 1)
    np.minimum.at(best, which, state[probes])
    states = np.bincount((target >> 32) * len(_STATES) + best, minlength=size * len(_STATES))
    states = states.reshape(size, len(_STATES))
    per_host, pairs = np.unique(of[probes] << 32 | host[probes], return_inverse=True)
    ports_of_host = np.zeros(size, np.int64)
    np.maximum.at(ports_of_host, per_host >> 32, distinct(pairs, port[probes], len(per_host)))
    # Every kernel says its MSS, and gives each connection a number of its own.
    bare = np.bincount(of, mss != ABSENT, size) == 0
    alike = distinct(of[probes], handshakes.client_isn[at][probes], size) * 4 <= states.sum(axis=1)
    return _Sources(
        of,
        states,
        distinct(of[probes], port[probes], size),
        distinct(of[probes], host[probes], size),
        ports_of_host,
        distinct(of[~probes], socket[~probes], size),
        np.bincount(of, probes, size).astype(np.int64),
        np.bincount(of, completed, size).astype(np.int64),
        np.bincount(of, failed & answered, size).astype(np.int64),
        bare | alike,
    )


def _scan(traffic: Traffic, connects: bool) -> Conclusion:
    """The scans that complete handshakes, or those that do not."""
    handshakes, size = traffic.handshakes, len(traffic.handshakes)
    by_client = SIDES.index("client")
    began = handshakes.has(Fact.SYN)
    asked = began & ~payload_of_client(traffic)
    closed = handshakes.meet("closed_by", lambda side: side == by_client)
    completed = asked & handshakes.is_outcome("established") & closed
    aborted = handshakes.is_outcome("aborted") & handshakes.meet("aborted_by", lambda side: side == by_client)
    failed = handshakes.is_outcome("refused", "unreachable", "unanswered", "half-open", "pending")
    failed = asked & (failed | aborted)
    (probes,) = (failed | completed).nonzero()
    targets = distinct(traffic.clients[probes], traffic.sockets[probes], int(traffic.clients.max(initial=0)) + 1)
    (at,) = ((targets >= _FEW)[traffic.clients] & began).nonzero()
    if not len(at):
        return Conclusion.nothing(size, group=True)
    sources = _sources(traffic, at, failed[at], completed[at])
    scans = sources.scans() & (sources.connects == connects)
    member = scans[sources.of] & (failed | completed)[at]
    group = spread(size, at[member], sources.of[member])
    certainty = np.zeros(size, np.int64)
    certainty[at[member]] = np.where(sources.targets >= _MANY, STRONG, COMPATIBLE)[sources.of[member]]
    name = "connect scan" if connects else "SYN scan"
    return Conclusion(
        certainty,
        evidence=(np.where(group == ABSENT, ABSENT, handshakes.first_frame),),
        detail=Details(
            size,
            lambda index: f"{name} by {address(handshakes.client_address[index])}: {sources.text(int(group[index]))}",
        ),
        group=group,
    )


def _ports(answers: str, ports: range) -> str:
    """An exchange for each of some ports of one server, a tenth of a second apart."""
    return "\n".join(
        f"flow port-{port}\nclient 192.0.2.1:{40000 + port}\nserver 198.51.100.2:{port}\n"
        + answers.format(start=f"+{(port - ports.start) / 10}")
        for port in ports
    )


_CLOSED: Final = """{start} > S 0:0(0) win 1024 <mss 1460>
+.02 < R. =0:0(0) ack 1 win 0"""
_RESET: Final = """{start} > S 0:0(0) win 1024 <mss 1460>
+.02 < S. 0:0(0) ack 1 win 65160
+0   > R 1:1(0) win 0"""
_CONNECTED: Final = """{start} > S 0:0(0) win 64240 <mss 1460>
+.02 < S. 0:0(0) ack 1 win 65160
+0   > . 1:1(0) ack 1
+0   > R. 1:1(0) ack 1"""
_REFUSED: Final = """{start} > S 0:0(0) win 64240 <mss 1460>
+.02 < R. =0:0(0) ack 1 win 0"""


@diagnosis(
    "D09",
    "syn-scan",
    application="nothing",
    rivals=("port-closed", "filtered-or-down", "retry-loop"),
    decide_by="on the scanning host: which program sends the SYNs (`ss -tnp`, `ausearch -sc connect`)",
    fires=f"# Ten closed ports and two open ones.\n{_ports(_CLOSED, range(20, 30))}\n{_ports(_RESET, range(30, 32))}",
    silent=f"# Nine are not enough.\n{_ports(_CLOSED, range(20, 29))}",
    reported_once=True,
)
def syn_scan(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """One address asked many ports with SYNs and completed no handshake: a half-open scan.

    What it means: The attempts of this address were refused, unanswered, or answered by a SYN-ACK that it reset or
    ignored, and it sent no data. At least 10 ports of one host were asked, or 20 hosts by SYNs that no kernel sends
    (without an MSS, or with one number for all) or whose answers were reset. With 20 targets it is strong. SYNs of one
    make (window and MSS) are counted together: what the same host opens otherwise is left out.

    What else it could be: A program whose servers are all down; a monitor of many services that opens connections half
    (it asks again and again, and is not called a scan for that); an inventory that you started yourself.

    How to decide: Ask whose the address is, and look for the program there. nmap's SYNs have a window of 1024, hping's
    of 512, neither has timestamps.

    What the application saw: Nothing: the handshakes were never complete, so accept() did not return.
    """
    return _scan(traffic, connects=False)


@diagnosis(
    "D10",
    "connect-scan",
    application="nothing",
    rivals=("port-closed", "client-gave-up", "retry-loop"),
    decide_by="on the scanning host: which program connects (`ss -tnp`, `ausearch -sc connect`)",
    fires=f"# Two open ports, closed again at once.\n{_ports(_CONNECTED, range(20, 22))}\n"
    f"{_ports(_REFUSED, range(22, 32))}",
    silent=f"# The open ports are used.\n{_ports(_REFUSED, range(22, 32))}\n"
    + _ports(_CONNECTED.replace("R. 1:1(0)", "P. 1:101(100)"), range(20, 22)),
    reported_once=True,
)
def connect_scan(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """One address connected to many ports and closed every connection without a word: a connect scan.

    What it means: The handshakes that could be completed were, by the client's own kernel, and closed by the client
    before it sent anything; the others were refused or unanswered. At least 10 ports of one host were asked, or 20
    targets of which half failed. With 20 targets it is strong.

    What else it could be: A health check of many services (one that asks each of them again and again is not called a
    scan); a browser that opened connections in advance; a port scanner that you started yourself.

    How to decide: Ask whose the address is, and look for the program there.

    What the application saw: accept() returns, and the first read gives end of file or ECONNRESET.
    """
    return _scan(traffic, connects=True)


@diagnosis(
    "D11",
    "stealth-scan",
    application="nothing",
    rivals=("stale-connection", "capture-began-late", "one-sided-capture"),
    decide_by="on the scanning host: which program opens raw sockets (`ss -wnp`)",
    fires="""
        flow a
        client 192.0.2.1:40001
        server 198.51.100.2:80
        +0   > FPU 0:0(0) win 1024
        flow b
        client 192.0.2.1:40001
        server 198.51.100.2:81
        +.1  > FPU 0:0(0) win 1024
        +.02 < R. =0:0(0) ack 1 win 0
        flow c
        client 192.0.2.1:40001
        server 198.51.100.2:82
        +.2  > FPU 0:0(0) win 1024
    """,
    silent="""
        # One host forgot two connections: their segments have timestamps, as they were agreed.
        flow a
        client 192.0.2.1:40001
        server 198.51.100.2:80
        +0   > .  0:0(0) ack 100 win 501 <nop,nop,TS val 100 ecr 5>
        +.02 < R  100:100(0) win 0
        flow b
        client 192.0.2.1:40002
        server 198.51.100.2:443
        +.1  > .  0:0(0) ack 100 win 501 <nop,nop,TS val 100 ecr 5>
        +.02 < R  100:100(0) win 0
    """,
    reported_once=True,
)
def stealth_scan(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """One address sent segments that belong to no connection, to see whether an RST comes back: a stealth scan.

    What it means: A closed port answers any segment by an RST; an open one drops what has neither SYN nor ACK nor RST
    (RFC 9293, sections 3.10.7.1 and 3.10.7.2). NULL, FIN and Xmas segments (no flag, FIN alone, FIN with PSH and URG)
    are sent by no TCP: two targets are strong. ACK and FIN-ACK (Maimon) segments are sent by every TCP, so that is
    strong with 10 targets, compatible with fewer, and only without options and payload.

    What else it could be: For ACK and FIN-ACK: connections that were open before the capture began, or that the other
    end has forgotten. For NULL: a header that some device damaged.

    How to decide: Look at the segments: equal windows, no options, numbers without connection to one another.

    What the application saw: Nothing.
    """
    handshakes, size = traffic.handshakes, len(traffic.handshakes)
    opened = handshakes.has(Fact.SYN | Fact.SYNACK)
    traffic = traffic.only(~opened)
    if not len(traffic.rows):
        return Conclusion.nothing(size, group=True)
    rows = traffic.rows
    is_rst = traffic.column("tcp_flags") & RST != 0
    flags = traffic.column("tcp_flags") & _FLAGS
    bare = (traffic.column("options_length") == 0) & (traffic.column("payload_length") == 0)
    bare &= (traffic.column("kind") != ICMP) & np.isin(flags, list(_KINDS))
    odd = ~is_rst & (traffic.column("kind") != ICMP) & (~bare | ~traffic.from_client)
    probe = traffic.first(bare & traffic.from_client)
    (at,) = (~opened & (probe != ABSENT) & (traffic.count(odd) == 0)).nonzero()
    kind = traffic.value("tcp_flags", probe)[at] & _FLAGS
    source = numbered(traffic.clients[at] << 16 | kind)
    targets = distinct(source, traffic.sockets[at], int(source.max(initial=-1)) + 1)[source]
    stealthy = np.any([kind == flags for flags in _STEALTHY], axis=0)
    strong = (targets >= 2) & stealthy | (targets >= _FEW)
    member = targets >= 2
    group, asked = spread(size, at[member], source[member]), spread(size, at[member], targets[member])
    reset = np.bincount(source, traffic.count(is_rst)[at] > 0, len(targets)).astype(np.int64)
    certainty = np.zeros(size, np.int64)
    certainty[at[member]] = np.where(strong, STRONG, COMPATIBLE)[member]

    def text(index: int) -> str:
        name = _KINDS[int(rows["tcp_flags"][probe[index]]) & _FLAGS]
        source = address(handshakes.client_address[index])
        targets, resets = how_many(int(asked[index]), "port"), int(reset[group[index]])
        return f"{name} scan by {source}: {targets}, {how_many(resets, 'probe')} answered by an RST"

    return Conclusion(
        certainty,
        evidence=(np.where(group == ABSENT, ABSENT, traffic.value("frame", probe)),),
        detail=Details(size, text),
        group=group,
    )
