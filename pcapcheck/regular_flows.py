"""Which flows are regular: one attempt with little out of the ordinary. patterns.py makes patterns of them.

The loop over their rows is in regular_rows.py. What it leaves open needs the options, or many rows beside each other,
and concerns few flows.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.option_columns import ROOM, OptionColumns, option_columns
from pcapcheck.evidence import Event
from pcapcheck.openings import Ints, ranges
from pcapcheck.regular_rows import Walk
from pcapcheck.rows import Rows
from pcapcheck.sorting import occur_again
from pcapcheck.tables import ABSENT

Bools = npt.NDArray[np.bool_]

# Mixes numbers: the golden ratio in 64 bits.
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)

# Not known beforehand: two patterns with one number would be taken for the same.
_SECRET: Final = int.from_bytes(os.urandom(8))


class Places(NamedTuple):
    """How far rows of smooth flows are behind their first, ABSENT where there is none."""

    reply: Ints  # the first of the server behind the SYN-ACK
    data: Ints  # the first of the client with payload
    reaction: Ints  # the first by which the server goes on behind that
    cover: Ints  # the first of the server, without FIN, that acknowledges all of that
    goes_on: Ints  # the first by which the server goes on
    final: Ints  # the last by which it does
    last: Ints  # the last of the client

    def take(self, at: Ints) -> Places:
        """Those of these flows."""
        return Places._make([place[at] for place in self])


@dataclass(frozen=True, eq=False)
class Parts:
    """Flows, each cut at every SYN with a new number, and what is known of them but for options and copies.

    Of a part that is not regular no more than ``begin`` and ``size`` is meant.
    """

    rows: Rows
    event: npt.NDArray[np.int8]  # of each row: what it is to its attempt
    from_client: Bools  # of each row: whether the client sent it
    begin: Ints  # of each part: its first row
    size: Ints  # its number of rows
    regular: Bools
    doubtful: Bools  # regular only if no two of its rows are copies
    syns: Ints  # how many SYNs come before all else
    opened: Ints  # how many SYNs and SYN-ACKs do
    syn_count: Ints  # the SYNs among these
    synack: Ints  # the first SYN-ACK, or ABSENT
    last_synack: Ints  # and the last
    until: Ints  # the latest time of its rows and of what was folded into them
    pattern: npt.NDArray[np.uint64]  # one number for what its rows are, as each kind of row first comes
    smooth: Bools  # as far as smooth.py leaves it to the loop
    sacked: Bools  # of a smooth one: whether SACK blocks were folded into its rows
    largest: Ints  # of a smooth one: the most that a segment takes, payload and options
    places: Places

    def has_copies(self, flows: Ints, among: Ints) -> Bools:
        """Flows with rows that are alike in what copies are alike in, as faults.rows.copies compares them.

        Compared with each other are the rows of those that have one number in ``among``.
        """
        found = np.zeros(len(flows), bool)
        size = self.size[flows]
        at = ranges(self.begin[flows], size)
        rows = self.rows.take(at)
        side, flags, number, ack, payload, ip_id = (
            rows.column(name).astype(np.int64)
            for name in ("side", "tcp_flags", "seq", "ack", "payload_length", "ip_id")
        )
        key = np.repeat(among, size).astype(np.uint64) * _ODD
        key = _mixed(key, side << 16 | flags, number << 32 | ack, payload, ip_id + 1)
        (unnumbered,) = (ip_id <= 0).nonzero()
        if len(unnumbered):
            rows = rows.take(unnumbered)
            octets = rows.column("options").view(np.int64).reshape(-1, ROOM // 8)
            key[unnumbered] = _mixed(key[unnumbered], rows.column("window").astype(np.int64), *octets.T)
        # Rows that only happen to have one key are taken for alike: their flows are irregular, no more.
        found[np.repeat(np.arange(len(flows)), size)[occur_again(key)]] = True
        return found

    def asked(self, flows: Ints, echoed: Ints) -> Ints:
        """The place of the first SYN that the SYN-ACK can have answered, which echoes this TSval (or ABSENT).

        Where only a SYN behind the SYN-ACK has that TSval, it is the place of that one: such a flow is irregular.
        """
        places = np.zeros(len(flows), np.int64)
        (again,) = ((self.syn_count[flows] > 1) & (echoed != ABSENT)).nonzero()
        if len(again):
            start, size = self.begin[flows[again]], self.opened[flows[again]]
            at = ranges(start, size)
            fits = (self.event[at] == Event.SYN) & (self.options(at).tsval == np.repeat(echoed[again], size))
            place = at - np.repeat(start, size)
            place = np.minimum.reduceat(np.where(fits, place, len(self.rows)), size.cumsum() - size)
            places[again] = np.where(place < size, place, 0)
        return places

    def options(self, at: Ints) -> OptionColumns:
        """The options of these rows."""
        rows = self.rows.take(at)
        return option_columns(rows["options"], rows["options_length"], rows["unseen"])


def _mixed(key: npt.NDArray[np.uint64], *columns: Ints) -> npt.NDArray[np.uint64]:
    """One number for each key and these values together."""
    for column in columns:
        key = (key ^ column.view(np.uint64)) * _ODD
        key ^= key >> np.uint64(31)
    return key


def told(rows: Rows) -> Parts:
    """The parts of the flows that have these rows."""
    walk = Walk(rows, _SECRET)
    walk.walk()
    columns = walk.parts()
    size = np.diff(columns["begin"], append=len(rows))
    places = Places._make([columns.pop(name) for name in Places._fields])
    return Parts(rows, walk.events(), walk.sides(), size=size, places=places, **columns)
