"""Where rows stand: in sequence space, and among the rows of their handshake."""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import FIN, SYN
from pcapcheck.rules.catalogue import Bools
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, once


def numbers(traffic: Traffic, name: str) -> Ints:
    """A field of the rows as int64, ready for arithmetic."""
    return traffic.number(name)


@once
def ends(traffic: Traffic) -> Ints:
    """The sequence number after each row: SYN and FIN count one each (RFC 9293, section 3.4)."""
    flags = traffic.column("tcp_flags")
    controls = (flags & SYN != 0).astype(np.int8) + (flags & FIN != 0)
    return seq.add(numbers(traffic, "seq"), traffic.column("payload_length") + controls)


def after(traffic: Traffic, row: Ints) -> Bools:
    """Which rows come after the given row of their handshake; none where that is ABSENT."""
    start = np.where(row == ABSENT, len(traffic.handshake), row)[traffic.handshake]
    later: Bools = np.arange(len(start)) > start
    return later


def before(traffic: Traffic, row: Ints) -> Bools:
    """Which rows come before the given row of their handshake; all where that is ABSENT."""
    end = row[traffic.handshake]
    earlier: Bools = (end == ABSENT) | (np.arange(len(end)) < end)
    return earlier


def first_after(traffic: Traffic, condition: Bools, row: Ints) -> Ints:
    """For each handshake the first row behind the given one that meets the condition, ABSENT where none does."""
    (at,) = condition.nonzero()
    start = row[traffic.handshake[at]]
    return traffic.first_at(at[((start != ABSENT) & (at > start)).nonzero()])


def first_of_sides(traffic: Traffic, condition: Bools) -> tuple[Ints, Ints]:
    """For each handshake the first row of the client, and the first of the server, that meets the condition, ABSENT
    where none does.
    """
    found = np.full((2, len(traffic.handshakes)), ABSENT, np.int64)
    (where,) = condition.nonzero()
    where = where[::-1]
    found[traffic.from_client[where].view(np.int8), traffic.handshake[where]] = where
    return found[1], found[0]


def last(traffic: Traffic, condition: Bools) -> Ints:
    """For each handshake the last row that meets the condition, ABSENT where none does."""
    return traffic.last_at(condition.nonzero()[0])


def largest(traffic: Traffic, rows: Bools, number: Ints, least: int = 0) -> Ints:
    """For each handshake the largest ``number`` of these rows, ``least`` if none is larger."""
    found = np.full(len(traffic.handshakes), least, np.int64)
    (at,) = rows.nonzero()
    np.maximum.at(found, traffic.handshake[at], number[at])
    return found
