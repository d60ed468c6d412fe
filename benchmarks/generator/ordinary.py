"""Ordinary traffic: blocks of connections with all their packets, and the truth about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from generator.closings import closings
from generator.connections import ESTABLISHED, IS_REFUSED, IS_UNANSWERED, Connections, Hosts, connect
from generator.datagrams import datagrams
from generator.draws import Draws, mixed
from generator.exchanges import exchanges
from generator.openings import openings
from generator.packets import ACK, RST, SYN, Packets
from generator.plans import plan
from generator.profiles import Profile
from generator.truth import Truth

BLOCK: Final = 60_000  # packets, or so

OUTCOMES: Final = {ESTABLISHED: "established", IS_REFUSED: "refused", IS_UNANSWERED: "unanswered"}


def ordinary(profile: Profile, connections: int, seed: int, start: int, truth: Truth) -> Iterator[tuple[Packets, int]]:
    """Blocks of packets, not in order, each with the time before which no later block has one."""
    hosts = Hosts(seed)
    each = max(int(BLOCK / profile.packets), 1)
    for number in range(-(-connections // each)):
        draws = Draws(seed, 2, number)
        of = connect(profile, hosts, draws, min(each, connections - number * each), start)
        first, completed, syn_ack_sent = openings(of, draws)
        alive = np.flatnonzero(of.outcome == ESTABLISHED)
        data, ends = exchanges(*plan(of, alive, profile, draws, completed), syn_ack_sent)
        after = int(of.start[-1])
        rows = numbered(np.concatenate([*first, *data, *closings(of, ends)]))
        yield np.concatenate([rows, datagrams(profile, hosts, draws, len(of), (start, after))]), after
        _tell(truth, of)
        start = after


def numbered(rows: Packets) -> Packets:
    """IP ids as Linux gives them: counted on in each connection from a random one; 0 for a SYN-ACK and a refusal."""
    rows = rows[np.lexsort((rows["time"], rows["owner"]))]
    owner = rows["owner"]
    first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    turn = np.arange(len(rows)) - np.repeat(first, np.diff(np.r_[first, len(rows)]))
    rows["ip_id"] = (mixed(rows["salt"], rows["from_client"]).astype(np.int64) + turn) & 0xFFFF
    rows["ip_id"][(rows["tcp_flags"] == SYN | ACK) | (rows["tcp_flags"] == RST | ACK) & (rows["window"] == 0)] = 0
    return rows


def _tell(truth: Truth, of: Connections) -> None:
    for outcome, name in OUTCOMES.items():
        which = np.flatnonzero(of.outcome == outcome)
        truth.count(name, len(which))
        if outcome != ESTABLISHED:
            columns: list[Any] = [of.client_port, of.server_port]
            truth.failed += [[name, *ports] for ports in zip(*[one[which].tolist() for one in columns], strict=True)]
