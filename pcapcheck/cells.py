"""The compiled table's cells as openings, and segments from elsewhere as its rows (the words are in compiled.py)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from pcapcheck.addresses import Addresses
from pcapcheck.cell_layout import Words, buffer
from pcapcheck.decode.compiled import WORDS, Table
from pcapcheck.decode.layout import UDP_TUNNELS
from pcapcheck.decode.segment import IcmpError, Segment
from pcapcheck.neighbours import merge
from pcapcheck.openings import ICMP, SEGMENT, Flows, Openings
from pcapcheck.rows import Rows
from pcapcheck.sorting import numbered
from pcapcheck.tables import TUNNELS
from pcapcheck.window import Window

_BIAS: Final = 1 << 63  # added to times
_SEED_OCTETS: Final = 32
_IP4: Final = 4  # octets

_WORD: Final = 1 << 64
_EARLIEST, _LATEST = -(2**63), 2**63 - 1  # of a time, ns


def new_table(seed: bytes | None = None, room: int = 1 << 12, table: type[Table] = Table) -> Table:
    """An empty table. Its hash is seeded: in a flood the addresses are the attacker's choice."""
    return table(seed or os.urandom(_SEED_OCTETS), UDP_TUNNELS, room)


def look_at(table: Table, window: Window) -> None:
    """Let the table's loop take the segments of this window alone."""
    given = (window.since, window.until, window.since_start, window.until_start)
    limits = (_EARLIEST, _LATEST, _EARLIEST, _LATEST)
    since, until, since_start, until_start = (
        limit if moment is None else max(_EARLIEST, min(moment, _LATEST))
        for moment, limit in zip(given, limits, strict=True)
    )
    networks = [
        (
            int(network.version == 6),
            *divmod(int(network.network_address), _WORD),
            *divmod(int(network.netmask), _WORD),
        )
        for network in window.hosts
    ]
    table.look_at((since, until, since_start, until_start), list(window.ports), networks)


def add(table: Table, frame: int, time_ns: int, found: Segment | IcmpError) -> None:
    """Take the segment, or the ICMP error, of one frame: select.Selector.add."""
    key, ports, wide, side = _key(found)
    tenant = found.tenant << 1 | (len(found.src) == _IP4)  # of a key with a cell of its own
    common = frame | side << 40 | TUNNELS.index(found.tunnel) << 48
    where = found.ttl | (found.ip_id + 1) << 8 | (found.vlan + 1) << 25
    if isinstance(found, Segment):
        header = common | SEGMENT << 41 | found.checksum << 42 | found.unseen << 44 | found.ecn << 46
        size = found.payload_length << 32 | found.window << 16 | found.tcp_flags
        row = (time_ns + _BIAS, header, found.seq << 32 | found.ack, size, where)
        table.add(key, ports, wide, tenant, row, found.options)
    else:
        message = (found.icmp_version == 6) << 16 | found.icmp_type << 8 | found.icmp_code
        row = (time_ns + _BIAS, common | ICMP << 41, found.seq << 32 | message, 0, where)
        table.add(key, ports, wide, tenant, row, found.reporter)


def _key(found: Segment | IcmpError) -> tuple[tuple[int, int, int, int], int, bool, int]:
    one, other = (found.src, found.src_port), (found.dst, found.dst_port)
    side = int(one > other)
    (low, low_port), (high, high_port) = (other, one) if side else (one, other)
    ports = low_port << 48 | high_port << 32
    octets = low + high
    if len(low) == _IP4 and found.tenant:
        return (int.from_bytes(low), int.from_bytes(high), 0, 0), ports, True, side
    if len(low) == _IP4:
        return (int.from_bytes(octets), 0, 0, 0), ports, False, side
    return tuple(int.from_bytes(octets[at : at + 8]) for at in range(0, 32, 8)), ports, True, side  # type: ignore[return-value]


def openings_of(table: Table, first: int = 0, last: int | None = None, before: int = 0) -> Openings:
    """What is kept of the flows numbered ``first`` to ``last`` (not included), numbered from 0 in the openings.

    ``before`` frames come before those of the table.
    """
    cells, flow_cells = table.words()
    last = len(flow_cells) if last is None else last
    flow, cell = table.rows_of(first, last)
    words = np.empty((len(cell), WORDS), np.uint64)
    sizes = table.copy_rows(cell, before, buffer(words))
    folds, texts = np.empty((sizes[0], WORDS), np.uint64), np.empty(sizes[1], np.uint8)
    table.copy_rest(buffer(words), buffer(folds), buffer(texts))
    return Openings(flow_keys(cells, flow_cells[first:last]), Rows(flow - np.uint32(first), words, folds, texts))


class Tracked:
    """The openings of tables, made a batch at a time: cells take less than half the memory of rows.

    The tables are of neighbouring stretches, in capture order, each with the number of frames before it. A flow is in
    that where it occurs first; what comes after it there is taken out of the others.
    """

    def __init__(self, *stretches: tuple[Table, int]) -> None:
        self._stretches = stretches
        for at, (later, before) in enumerate(stretches):
            for table, there in stretches[:at]:
                table.take_over(later, before - there)

    @property
    def flow_count(self) -> int:
        return sum(table.tracked()[0] for table, _ in self._stretches)

    def batches(self, most: int) -> Iterator[Openings]:
        """All of them, at most so many flows at a time."""
        for table, before in self._stretches:
            flows, _ = table.tracked()
            for first in range(0, flows, most):
                yield openings_of(table, first, min(first + most, flows), before)

    def whole(self) -> Openings:
        """All of them at once."""
        return merge(*(openings_of(table, before=before) for table, before in self._stretches))

    def numbered_from(self, before: int) -> Openings:
        """All of them at once, of frames that come after so many others."""
        return self.whole().numbered_from(before)

    def __reduce__(self) -> tuple[Callable[[Openings], Openings], tuple[Openings]]:
        # A table does not travel.
        return _itself, (self.whole(),)


def _itself(openings: Openings) -> Openings:
    return openings


def flow_keys(cells: Words, flow_cells: npt.NDArray[np.uint32]) -> Flows:
    """The keys of the flows in these cells."""
    words = cells[flow_cells]
    wide = (words[:, 1] & 1).astype(bool)
    keys = cells[words[wide, 0]]
    narrow, tenant = (keys[:, 4] & 1).astype(bool), np.zeros(len(words), np.int64)
    tenant[wide] = keys[:, 4] >> 1
    # IPv4 is a number here; IPv6 is looked up as octets.
    addresses = np.column_stack([words[:, 0] >> 32, words[:, 0].astype(np.uint32)])
    addresses[wide] = keys[:, :2]
    is_ip6 = wide.copy()
    is_ip6[wide] = ~narrow
    ip4, _, number4 = numbered(addresses[~is_ip6].reshape(-1))
    octets = keys[~narrow][:, :4].astype(">u8").tobytes()
    ip6, number6 = np.unique(np.frombuffer(octets, "S16"), return_inverse=True)
    numbers = np.empty((len(words), 2), np.int64)
    numbers[~is_ip6] = number4.reshape(-1, 2)
    numbers[is_ip6] = number6.reshape(-1, 2) + len(ip4)
    hosts = Addresses(ip4.astype(np.uint32), ip6)
    ports = (words[:, 1] >> 48).astype(np.int64), (words[:, 1] >> 32 & 0xFFFF).astype(np.int64)
    return Flows(hosts, numbers[:, 0], numbers[:, 1], *ports, tenant)
