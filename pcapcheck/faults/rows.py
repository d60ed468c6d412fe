"""Faults that show in the rows of one flow.

Copies of one packet are set aside here, so that nothing counts or times them.
"""

from __future__ import annotations

from collections.abc import Sequence

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import ACK, FIN, OPTIONS_UNSEEN, RST, SYN, Segment
from pcapcheck.openings import ICMP, Row

# Copies of a mirror port or of Linux's `any` device come microseconds apart; no host repeats a segment so soon.
COPY_NS = 5 * 10**6


def copies(rows: Sequence[Row]) -> dict[int, int]:
    """Which rows of a flow are copies, by index: copy to original.

    A retransmission has a new IP id; a copy has the same. Where there is no id (IPv6, or 0 as Linux puts into its
    SYN-ACKs) the whole TCP header and the TTL must agree, and nothing new of the other side may lie between, or it
    would be an answer to that. A copy made by the *network* looks the same. Duplicate ACKs differ in their SACK blocks
    alone: where the snaplen cut those off, they are not taken for copies.
    """
    found: dict[int, int] = {}
    originals: dict[tuple[object, ...], int] = {}
    latest = [-1, -1]  # the last row of each side that is no copy
    for index, row in enumerate(rows):
        identity = None if row.kind == ICMP else identity_of(row)
        if identity is None:
            continue
        key = (row.side, *identity)
        original = originals.get(key)
        if original is not None and _is_copy(rows[original], row, latest[1 - row.side] > original):
            found[index] = original
        else:
            originals[key] = latest[row.side] = index
    return found


def identity_of(one: Row | Segment) -> tuple[object, ...] | None:
    """What all captures of one packet agree in, and no other packet between the same ends has, as far as can be told.

    None for a bare ACK without IP id whose options were cut off: duplicate ACKs may differ in them alone.
    """
    numbers = (one.seq, one.ack, one.tcp_flags, one.payload_length, one.ip_id)
    if one.ip_id > 0:
        return numbers
    bare = one.payload_length == 0 and not one.tcp_flags & (SYN | FIN | RST)
    return None if bare and one.unseen & OPTIONS_UNSEEN else (*numbers, one.window, one.options)


def _is_copy(original: Row, row: Row, answered: bool) -> bool:
    if NO_TIME in (original.time, row.time):
        return row.ip_id > 0
    near = abs(row.time - original.time) <= COPY_NS
    return near and (row.ip_id > 0 or (abs(row.ttl - original.ttl) <= 1 and not answered))


def by_vlan(rows: Sequence[Row]) -> list[list[int]]:
    """The row indices of a flow, split where one 4-tuple lives in several VLANs with unrelated numbers.

    A tag seen in one direction only, or two mirror points of one connection, do not split it: every VLAN must have
    SYNs of its own, with ISNs that no other VLAN has.
    """
    everything = list(range(len(rows)))
    if len({row.vlan for row in rows}) < 2:
        return [everything]
    isns: dict[int, set[tuple[int, int]]] = {row.vlan: set() for row in rows}
    indices: dict[int, list[int]] = {vlan: [] for vlan in isns}
    for index, row in enumerate(rows):
        indices[row.vlan].append(index)
        if row.kind != ICMP and row.tcp_flags & (SYN | ACK | RST) == SYN:
            isns[row.vlan].add((row.side, row.seq))
    distinct = len(set().union(*isns.values())) == sum(map(len, isns.values()))
    return list(indices.values()) if distinct and all(isns.values()) else [everything]
