"""Numbers that others should not be able to guess: initial sequence numbers and ephemeral ports of one host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from pcapcheck import seq
from pcapcheck.addresses import written
from pcapcheck.evidence import SECOND, Fact
from pcapcheck.rules.among import flow_reused
from pcapcheck.rules.catalogue import Answer, Bools, rule
from pcapcheck.rules.wrong_number import flow_of
from pcapcheck.sorting import occur_again, sort_stably, stable_order, stretches
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, once

# With fewer of a host nothing is concluded.
ENOUGH: Final = 20

# Two numbers of 2^32 in a row lie so near once in 256 times by chance; a counter does so nearly always.
COUNTED: Final = 2**24

# Of a host with more connections than these, two equal numbers may well be chance.
FEW: Final = 3000

# Two equal numbers within so short a time may be one packet, captured before and after an address translation.
TRANSLATED_NS: Final = SECOND

# Linux takes every second port (RFC 6056 leaves the step open); a few may be taken by others in between.
PORT_STEP: Final = 8


class _Series(NamedTuple):
    """One number for each 4-tuple that a host opened or answered, by host and then in time."""

    role: str
    at: Ints  # the handshake
    start: Ints  # where each host begins
    end: Ints  # and where it ends
    traffic: Traffic

    @property
    def number(self) -> Ints:
        """Its ISN."""
        handshakes = self.traffic.handshakes
        return (handshakes.client_isn if self.role == "client" else handshakes.server_isn)[self.at]

    @property
    def address(self) -> Sequence[bytes]:
        """Of each handshake, as ``frame``."""
        handshakes = self.traffic.handshakes
        return handshakes.client_address if self.role == "client" else handshakes.server_address

    @property
    def frame(self) -> Ints:
        handshakes = self.traffic.handshakes
        return handshakes.syn_frame if self.role == "client" else handshakes.synack_frame

    def groups(self) -> tuple[Ints, Ints]:
        """Start and end of each host that has ENOUGH."""
        enough = self.end - self.start >= ENOUGH
        return self.start[enough], self.end[enough]

    def name(self, entry: int) -> str:
        return f"{written(self.address[int(self.at[entry])])} as {self.role}"


def _within(condition: Bools, start: Ints, end: Ints) -> Ints:
    """How many of ``condition`` from each start to before each end."""
    (at,) = condition.nonzero()
    counts: Ints = np.searchsorted(at, end) - np.searchsorted(at, start)
    return counts


def _isns(traffic: Traffic) -> tuple[_Series, _Series]:
    """The initial sequence numbers of clients and of servers.

    One for each 4-tuple: on the same one they grow with the clock, as they must (RFC 6528, section 3).
    """
    of_clients, of_servers = _by_host(traffic)
    return _Series("client", *of_clients, traffic), _Series("server", *of_servers, traffic)


_ByHost = tuple[Ints, Ints, Ints]


@once
def _by_host(traffic: Traffic) -> tuple[_ByHost, _ByHost]:
    """The first handshakes of each 4-tuple that have an ISN of the client's, by client, with start and end of each
    client; and of the server's.
    """
    handshakes = traffic.handshakes
    reused = flow_reused(traffic)
    once_each = ~reused
    if reused.any():
        (shared,) = reused.nonzero()
        shared = shared[stable_order(flow_of(traffic)[shared])]
        once_each[shared[stretches(flow_of(traffic)[shared])[0]]] = True
    found: list[_ByHost] = []
    for host, isn, fact in ((traffic.clients, "client_isn", Fact.SYN), (traffic.servers, "server_isn", Fact.SYNACK)):
        (at,) = (once_each & handshakes.has(fact) & handshakes.is_known(isn)).nonzero()
        ordered, order = sort_stably(host[at])
        found.append((at[order], *stretches(ordered)))
    return found[0], found[1]


class _Found(NamedTuple):
    frames: tuple[int, int]
    actual: str


def _answer(found: Sequence[_Found], applies: bool, expected: str) -> Answer:
    """One entry for each host; where there is none, one that passes."""
    frames = np.array([one.frames for one in found], np.int64).reshape(-1, 2)
    return _answers((frames[:, 0], frames[:, 1]), [one.actual for one in found], applies, expected)


def _answers(frames: tuple[Ints, Ints], actual: list[str], applies: bool, expected: str) -> Answer:
    """The same of columns, an entry for each host."""
    passes = int(not actual)
    size = len(actual) + passes
    return Answer(
        fails=np.full(size, not passes),
        applies=np.full(size, applies),
        frames=(np.append(frames[0], [ABSENT] * passes), np.append(frames[1], [ABSENT] * passes)),
        expected=expected,
        actual=np.array(actual + [""] * passes, object),
    )


def _may_follow(isns: Ints, start: Ints, end: Ints) -> Bools:
    """Of which of these stretches, one a host, _pattern says something."""
    steps, low = seq.ahead(isns[1:], isns[:-1]), isns & 0xFFFF
    counted, same_low = steps < COUNTED, low[1:] == low[:-1]  # the same number is both
    most = np.maximum(_within(counted, start, end - 1), _within(same_low, start, end - 1))
    most = np.maximum(most, _within(steps[1:] == steps[:-1], start, end - 2))
    found: Bools = 2 * most >= end - start - 1
    return found


def _pattern(isns: Ints) -> str:
    """In what way a host's initial sequence numbers, in time, follow from each other; empty if in none.

    Half of them are enough: a scanner's fixed number stands among those of the host's own stack.
    """
    steps = seq.ahead(isns[1:], isns[:-1])
    half = len(steps) / 2
    if (steps == 0).sum() >= half:
        return f"the same number, {int(isns[1:][steps == 0][0])}"
    if (steps[1:] == steps[:-1]).sum() >= half:
        return f"a fixed step of {int(steps[1:][steps[1:] == steps[:-1]][0])}"
    low = isns & 0xFFFF
    if (low[1:] == low[:-1]).sum() >= half:
        return f"the same low 16 bits, {int(low[1:][low[1:] == low[:-1]][0])}"
    if (steps < COUNTED).sum() >= half:
        return f"a counter: steps of {int(np.median(steps[steps < COUNTED]))} in the median"
    return ""


def _flows(lines: Iterable[tuple[int, str, int]]) -> str:
    """SYNs, each of a flow of its own: client port, server and its port, ISN."""
    return "\n".join(
        f"flow f{number} client 192.0.2.1:{port} server {server} isn {isn} 5000\n{number / 10} > S 0:0(0) win 64240"
        for number, (port, server, isn) in enumerate(lines)
    )


# Ports and numbers as good as random, from a multiplication modulo a prime.
_RANDOM_PORTS: Final = [20011 + number * 7919 % 40009 for number in range(1, 23)]
_RANDOM_ISNS: Final = [number * 2654435761 % 4294967291 for number in range(1, 23)]
_ONE_SERVER: Final = "198.51.100.2:80"


@rule(
    "IS01",
    "isn-follows-a-pattern",
    "warning",
    reference="RFC 9293, section 3.4.1 (MUST-8, MUST-9, SHLD-1); RFC 6528, section 3",
    needs=f"at least {ENOUGH} 4-tuples of one host",
    message="initial sequence numbers of {actual}, expected {expected}",
    fires=_flows((port, _ONE_SERVER, 1000 + 64000 * number) for number, port in enumerate(_RANDOM_PORTS)),
    silent=_flows((port, _ONE_SERVER, isn) for port, isn in zip(_RANDOM_PORTS, _RANDOM_ISNS, strict=True)),
    per_capture=True,
)
def isn_follows_a_pattern(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The initial sequence numbers of one host can be guessed from each other.

    What it means: A host "SHOULD generate its initial sequence numbers with the expression: ISN = M + F(localip,
    localport, remoteip, remoteport, secretkey)", where M is a clock and "F() MUST NOT be computable from the outside".
    Over different 4-tuples such numbers look random. Of this host at least half are the same, rise by the same step,
    share their low 16 bits, or lie less than 2^24 above the one before. Chance does not do that.

    Why it matters: Who can guess the next number can open a connection in another's name, reset one, or inject data
    without seeing the traffic.

    Common causes: A scanner or traffic generator that makes its own SYNs (the same number in each); an embedded or very
    old TCP implementation; a load balancer or SYN proxy with a weak generator.

    What to look at next: Which system has this address, and whether its ordinary connections show the pattern or only a
    tool's. Behind a NAT the numbers are those of several hosts.
    """
    found, applies = [], False
    for series in _isns(traffic):
        number, frame = series.number, series.frame
        starts, ends = series.groups()
        applies = applies or len(starts) > 0
        followed = _may_follow(number, starts, ends)
        for start, end in zip(starts[followed].tolist(), ends[followed].tolist(), strict=True):
            if pattern := _pattern(number[start:end]):
                frames = frame[series.at[start : start + 2]].tolist()
                found.append(_Found((frames[0], frames[1]), f"{series.name(start)}, {end - start} of them: {pattern}"))
    return _answer(found, applies, "numbers that cannot be guessed")


@rule(
    "IS02",
    "isn-used-twice",
    "note",
    reference="RFC 9293, section 3.4.1 (SHLD-1); RFC 6528, section 3",
    needs="two 4-tuples of one host",
    message="the same initial sequence number of {actual}, expected {expected}",
    fires="""
        flow a client 192.0.2.1:49152 isn 1000 5000
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        flow b client 192.0.2.1:49153 isn 1000 9000
        +5   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # One connection, captured before and after an address translation.
        flow a client 192.0.2.1:49152 server 198.51.100.2:80 isn 1000 5000
        +0    > S  0:0(0) win 64240
        +.02  < S. 0:0(0) ack 1 win 65160
        +0    > .  1:1(0) ack 1
        flow b client 192.0.2.1:49152 server 203.0.113.7:8080 isn 1000 5000
        +.001 > S  0:0(0) win 64240
        +.018 < S. 0:0(0) ack 1 win 65160
        +.002 > .  1:1(0) ack 1
    """,
    per_capture=True,
)
def isn_used_twice(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A host uses one initial sequence number on several 4-tuples.

    What it means: Initial sequence numbers of different 4-tuples differ by a secret function of addresses and ports, so
    that two equal ones are a matter of chance: one in 2^32. What was captured twice because an address was translated
    in between does not count, nor do two equal ones of a host with thousands of connections.

    Why it matters: Equal numbers point to segments that no ordinary TCP made, or to a generator that repeats itself.

    Common causes: A scanner, which puts one number into all its probes; a traffic generator; one SYN sent to several
    servers on purpose (a broken multicast or anycast set-up); a virtual machine that was resumed twice from one state.

    What to look at next: Whether the SYNs are alike in window, options and TTL as well, and what the 4-tuples share.
    """
    handshakes, found, applies = traffic.handshakes, [], False
    for series in _isns(traffic):
        applies = applies or len(series.at) > 1
        number = series.number
        key = np.repeat(np.arange(len(series.start)) << 32, series.end - series.start) | number
        (order,) = occur_again(key).nonzero()
        if not len(order):
            continue
        order = order[stable_order(key[order])]
        start, end = stretches(key[order])
        frame = series.frame
        peer = handshakes.server_isn if series.role == "client" else handshakes.client_isn
        for group in range(len(start)):  # only what failed already
            entries = order[start[group] : end[group]]
            at, host = series.at[entries], int(np.searchsorted(series.start, entries[0], "right")) - 1
            if _means_nothing(peer[at], handshakes.start_time[at], int(series.end[host] - series.start[host])):
                continue
            frames = frame[at].tolist()
            text = f"{series.name(int(entries[0]))} on {len(at)} 4-tuples: {int(number[entries[0]])}"
            found.append(_Found((frames[1], frames[0]), text))
    return _answer(sorted(found), applies, "one for each 4-tuple")


def _means_nothing(peer_isns: Ints, times: Ints, connections: int) -> bool:
    """Whether equal numbers are one connection that was captured twice, or may be chance."""
    translated = peer_isns[0] != ABSENT and bool((peer_isns == peer_isns[0]).all())
    return translated or (len(times) == 2 and (connections > FEW or int(times[1]) - int(times[0]) < TRANSLATED_NS))


@rule(
    "PT01",
    "ports-follow-each-other",
    "info",
    reference="RFC 6056, section 3.3 (SHOULD)",
    needs=f"at least {ENOUGH} connections of one client in a row, each to another server than the one before",
    message="source ports of {actual}, expected {expected}",
    fires=_flows((50000 + n, f"198.51.100.{2 + n % 2}:80", isn) for n, isn in enumerate(_RANDOM_ISNS)),
    silent=_flows(
        (port, f"198.51.100.{2 + n % 2}:80", isn)
        for n, (port, isn) in enumerate(zip(_RANDOM_PORTS, _RANDOM_ISNS, strict=True))
    ),
    per_capture=True,
)
def ports_follow_each_other(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A client takes its source ports one after the other.

    What it means: "Ephemeral port selection algorithms SHOULD obfuscate the selection of their ephemeral ports". Ports
    in a row towards *one* server are fine (algorithms 3 and 4 of the RFC do that); here they follow each other from one
    server to the next, in at least half of all cases.

    Why it matters: The next port can be guessed, which makes it easier to inject segments into the connection blindly.

    Common causes: An older or embedded TCP implementation; an application or a NAT that counts its ports itself; a
    scanner.

    What to look at next: Whether the address is a NAT's, and whether its initial sequence numbers can be guessed too
    (IS01): both together are what an attacker needs.
    """
    handshakes, (clients, _) = traffic.handshakes, _isns(traffic)
    start, end = clients.groups()
    port, socket = handshakes.client_port[clients.at], traffic.sockets[clients.at]
    step, other = port[1:] - port[:-1], socket[1:] != socket[:-1]
    steps = _within(other, start, end - 1)
    in_row = _within(other & (step >= 1) & (step <= PORT_STEP), start, end - 1)
    (hosts,) = ((steps >= ENOUGH) & (2 * in_row >= steps)).nonzero()
    at, frame = clients.at[start[hosts]], clients.frame
    counts = zip(traffic.clients[at].tolist(), in_row[hosts].tolist(), steps[hosts].tolist(), strict=True)
    said = [
        f"{written(handshakes.hosts[client])}: {above} of {number} just above the one before"
        for client, above, number in counts
    ]
    frames = frame[at], frame[clients.at[start[hosts] + 1]]
    return _answers(frames, said, bool((steps >= ENOUGH).any()), "ports that cannot be guessed")
