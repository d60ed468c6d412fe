"""The connections of a block: who with whom, when, and what each side is like."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, cast

import numpy as np

from generator.draws import Bools, Draws, Ints, choices, exponential, lognormal, mixed
from generator.packets import ACK, BARE, RST, SACK, SYN, SYN_PLAIN, SYN_TS, TS, TS_SACK, Packets, packets
from generator.profiles import MICROSECOND, MILLISECOND, Profile

CLIENTS: Final = 20_000
SERVERS: Final = 300
CLIENT_NETWORK: Final = 10 << 24
SERVER_NETWORK: Final = 198 << 24 | 18 << 16  # RFC 2544
PORTS: Final = choices({443: 0.7, 8443: 0.1, 9000: 0.1, 7001: 0.1})
LOWEST_EPHEMERAL: Final = 32768
EPHEMERAL: Final = 28232  # net.ipv4.ip_local_port_range as Linux has it

CLIENT_MSS: Final = choices({1460: 0.8, 1452: 0.06, 1440: 0.06, 1400: 0.04, 1360: 0.04})
SERVER_MSS: Final = choices({1460: 0.9, 1412: 0.1})
CLIENT_RTT: Final = lognormal(18 * MILLISECOND, 1, 300 * MICROSECOND, 400 * MILLISECOND)
SERVER_RTT: Final = lognormal(250 * MICROSECOND, 0.6, 60 * MICROSECOND, 5 * MILLISECOND)
HOPS: Final = choices(dict.fromkeys(range(3, 15), 1 / 12))

REFUSED: Final = 0.01
UNANSWERED: Final = 0.005
ESTABLISHED, IS_REFUSED, IS_UNANSWERED = range(3)


@dataclass(frozen=True)
class Connections:
    """Columns. Times are in nanoseconds; an RTT is the one between the point of capture and that side."""

    start: Ints
    client: Ints
    server: Ints
    client_port: Ints
    server_port: Ints
    ipv6: Bools
    vlan: Ints
    timestamps: Bools
    client_mss: Ints
    server_mss: Ints
    client_wscale: Ints
    client_ttl: Ints
    client_rtt: Ints
    server_rtt: Ints
    client_isn: Ints
    server_isn: Ints
    client_clock: Ints  # what is added to milliseconds to give a TSval
    server_clock: Ints
    salt: Ints
    outcome: Ints
    close: Ints
    acked_at_once: Bools

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, which: Any) -> Connections:
        return Connections(**{field.name: getattr(self, field.name)[which] for field in fields(self)})

    @property
    def room(self) -> Ints:
        """Octets of payload in a full segment."""
        return cast(Ints, np.minimum(self.client_mss, self.server_mss) - 12 * self.timestamps)


class Hosts:
    """The hosts, and how many ports each client has used: a client takes them in turn."""

    def __init__(self, seed: int) -> None:
        draws = Draws(seed, 1)
        self.ipv6 = draws.chance(0.15, CLIENTS)
        self.vlan = np.where(draws.chance(0.05, CLIENTS), 100 + draws.below(6, CLIENTS), 0)
        self.timestamps = draws.chance(0.9, CLIENTS)
        self.mss = draws.pick(CLIENT_MSS, CLIENTS)
        self.hops = draws.pick(HOPS, CLIENTS)
        self.rtt = draws.pick(CLIENT_RTT, CLIENTS)
        self.first_port = draws.below(EPHEMERAL, CLIENTS)
        self.wscale = np.where(draws.chance(0.8, CLIENTS), 7, 8)
        self.ports_used = np.zeros(CLIENTS, np.int64)
        self.server_timestamps = draws.chance(0.97, SERVERS)
        self.server_mss = draws.pick(SERVER_MSS, SERVERS)
        self.server_rtt = draws.pick(SERVER_RTT, SERVERS)

    def ports(self, clients: Ints) -> Ints:
        """The next ephemeral port of each client, in order."""
        order = np.argsort(clients, kind="stable")
        ordered = clients[order]
        first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        turn = np.empty(len(clients), np.int64)
        turn[order] = np.arange(len(clients)) - np.repeat(first, np.diff(np.r_[first, len(clients)]))
        turn += self.ports_used[clients]
        self.ports_used += np.bincount(clients, minlength=CLIENTS)
        return LOWEST_EPHEMERAL + (self.first_port[clients] + 2 * turn) % EPHEMERAL


def connect(profile: Profile, hosts: Hosts, draws: Draws, number: int, after: int) -> Connections:
    """The next so many connections, which begin later than ``after``."""
    start = after + 1 + np.cumsum(draws.pick(exponential(10**9 / profile.rate), number))
    who = draws.below(CLIENTS, number)
    whom = draws.below(SERVERS, number) * draws.below(SERVERS, number) // SERVERS  # some are asked more than others
    ipv6 = hosts.ipv6[who]
    client, server = CLIENT_NETWORK + 256 + who, SERVER_NETWORK + 1 + whom
    client_port, server_port = hosts.ports(who), draws.pick(PORTS, number)
    chance = draws.below(10**6, number)
    smaller = 20 * ipv6
    # RFC 6528, as Linux has it: a hash of the 4-tuple and a clock of 64 ns. TSvals: a hash of the addresses and 1 ms.
    clock = start >> 6
    client_isn = mixed(client, server, client_port, server_port).astype(np.int64) + clock
    server_isn = mixed(server, client, server_port, client_port).astype(np.int64) + clock
    return Connections(
        start=start,
        client=client,
        server=server,
        client_port=client_port,
        server_port=server_port,
        ipv6=ipv6,
        vlan=hosts.vlan[who],
        timestamps=hosts.timestamps[who] & hosts.server_timestamps[whom],
        client_mss=hosts.mss[who] - smaller,
        server_mss=hosts.server_mss[whom] - smaller,
        client_wscale=hosts.wscale[who],
        client_ttl=64 - hosts.hops[who],
        client_rtt=hosts.rtt[who],
        server_rtt=hosts.server_rtt[whom],
        client_isn=client_isn & 0xFFFFFFFF,
        server_isn=server_isn & 0xFFFFFFFF,
        client_clock=mixed(client, server).astype(np.int64) & 0xFFFFFFFF,
        server_clock=mixed(server, client).astype(np.int64) & 0xFFFFFFFF,
        salt=draws.below(2**31, number),
        outcome=np.select(
            [chance < 10**6 * REFUSED, chance < 10**6 * (REFUSED + UNANSWERED)],
            [IS_REFUSED, IS_UNANSWERED],
            ESTABLISHED,
        ),
        close=draws.pick(profile.closes, number),
        acked_at_once=draws.chance(profile.acked_at_once, number),
    )


def sent(of: Connections, which: Ints, from_client: bool, time: Ints) -> Ints:
    """When a packet left its sender that passed the point of capture at ``time``."""
    return time - (of.client_rtt if from_client else of.server_rtt)[which] // 2


def segments(
    of: Connections,
    which: Ints,
    from_client: bool,
    time: Ints,
    tcp_flags: int | Ints,
    *,
    seq: int | Ints = 0,
    ack: int | Ints = 0,
    octets: int | Ints = 0,
    echo: int | Ints = 0,
    sack_from: Ints | None = None,
    sack_to: int | Ints = 0,
) -> Packets:
    """Segments of the connections ``which``. Sequence numbers are relative.

    ``echo`` is the time when the peer sent what TSecr gives back; ``sack_from`` is negative where there is nothing to
    acknowledge selectively.
    """
    one = of[which]
    source, target = (one.client, one.server) if from_client else (one.server, one.client)
    ports = (one.client_port, one.server_port) if from_client else (one.server_port, one.client_port)
    isn, peer_isn = (one.client_isn, one.server_isn) if from_client else (one.server_isn, one.client_isn)
    clock, peer_clock = (one.client_clock, one.server_clock) if from_client else (one.server_clock, one.client_clock)
    has_ack = (np.asarray(tcp_flags) & ACK) > 0
    has_syn = (np.asarray(tcp_flags) & SYN) > 0
    sacks = np.asarray(-1 if sack_from is None else sack_from) >= 0
    ms = (sent(of, which, from_client, time) // MILLISECOND + clock) & 0xFFFFFFFF
    echoed = np.where(has_ack, np.asarray(echo) // MILLISECOND + peer_clock, 0) & 0xFFFFFFFF
    plain = np.where(sacks, np.where(one.timestamps, TS_SACK, SACK), np.where(one.timestamps, TS, BARE))
    # Linux: the window of a SYN is not scaled; later ones are, and the client's grows with what it has received.
    mss = (one.client_mss if from_client else one.server_mss) + 0
    first = np.where(has_ack, 65160, 44 * mss)
    scale = one.client_wscale if from_client else np.int64(7)
    grown = np.minimum((64 * 1024 + 2 * np.asarray(ack)) >> scale, 24_000) if from_client else np.int64(509)
    return packets(
        len(which),
        time=time,
        source=source,
        target=target,
        source_port=ports[0],
        target_port=ports[1],
        seq=(isn + seq) & 0xFFFFFFFF,
        ack=np.where(has_ack, peer_isn + ack, 0) & 0xFFFFFFFF,
        tsval=ms,
        tsecr=echoed,
        sack_from=(peer_isn + np.where(sacks, sack_from if sack_from is not None else 0, 0)) & 0xFFFFFFFF,
        sack_to=(peer_isn + sack_to) & 0xFFFFFFFF,
        salt=one.salt,
        owner=2 * which + from_client,
        window=np.where(has_syn, first, grown),
        octets=octets,
        mss=mss,
        vlan=one.vlan,
        tcp_flags=tcp_flags,
        ttl=one.client_ttl if from_client else 64,
        form=np.where(has_syn, np.where(one.timestamps, SYN_TS, SYN_PLAIN), plain),
        wscale=scale,
        ipv6=one.ipv6,
        from_client=from_client,
    )


def refusals(of: Connections, which: Ints, time: Ints) -> Packets:
    """RFC 9293, section 3.10.7.1: the answer of a closed port. Linux gives it no options, no window and no IP id."""
    rows = segments(of, which, False, time, RST | ACK, ack=1)
    rows["seq"] = rows["window"] = 0
    rows["form"] = BARE
    return rows
