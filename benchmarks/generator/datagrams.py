"""UDP between the same hosts: flows of a few datagrams, which no one has to answer for."""

from __future__ import annotations

from typing import Final

import numpy as np

from generator.connections import CLIENT_NETWORK, CLIENTS, SERVER_NETWORK, SERVERS, Hosts
from generator.draws import Draws, Ints, exponential, spread
from generator.packets import DATAGRAM, Packets, packets
from generator.profiles import MILLISECOND, Profile

PORT: Final = 40_000
SPACING: Final = exponential(20 * MILLISECOND)


def datagrams(profile: Profile, hosts: Hosts, draws: Draws, connections: int, times: tuple[int, int]) -> Packets:
    """The UDP flows that begin between these times, beside so many connections."""
    flows = int(draws.below(1000, 1)[0] < connections * profile.datagram_flows * 1000 % 1000)
    flows += int(connections * profile.datagram_flows)
    start = times[0] + 1 + draws.below(max(times[1] - times[0], 1) >> 10, flows) * 1024
    who, whom = draws.below(CLIENTS, flows), draws.below(SERVERS, flows)
    port, salt = 32768 + draws.below(28232, flows), draws.below(2**31, flows)
    flow, index = spread(np.arange(flows), draws.pick(profile.datagrams, flows))
    gaps = draws.pick(SPACING, len(flow))
    total = np.cumsum(gaps)
    time = start[flow] + total - total[np.arange(len(flow)) - index] if len(flow) else gaps
    asks = (index & 1) == 0
    client, server = CLIENT_NETWORK + 256 + who[flow], SERVER_NETWORK + 1 + whom[flow]

    def either(ours: Ints, theirs: Ints) -> Ints:
        return np.where(asks, ours, theirs)

    service = np.full(len(flow), PORT)
    return packets(
        len(flow),
        time=time,
        source=either(client, server),
        target=either(server, client),
        source_port=either(port[flow], service),
        target_port=either(service, port[flow]),
        seq=index,
        salt=salt[flow],
        octets=draws.pick(profile.datagram, len(flow)),
        ip_id=(salt[flow] + index) & 0xFFFF,
        vlan=hosts.vlan[who][flow],
        ttl=either(64 - hosts.hops[who][flow], np.full(len(flow), 64)),
        form=DATAGRAM,
        ipv6=hosts.ipv6[who][flow],
        from_client=asks,
    )
