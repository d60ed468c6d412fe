"""Ordinary flows, told apart by their pattern: what their rows are, and how their numbers compare.

Most flows are one attempt with nothing out of the ordinary: SYN, SYN-ACK, the exact ACK, and rows that go on in order;
or a lone SYN; or a SYN that an exact RST refused; or one that was reset before the ACK. For them every comparison that
attempts.py, evidence.py and history.py make comes down to a few bits for each row. Flows with the same bits come out
alike: one of each pattern is judged row by row, and the others are given what it was given, with their own numbers.
Every flow of which that is not certain is irregular and is judged by itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck import seq
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.option_columns import OptionColumns, option_columns
from pcapcheck.decode.segment import ACK, BAD, FIN, RST, SYN, WINDOW_UNSEEN
from pcapcheck.evidence import PENDING_NS
from pcapcheck.openings import FAR, ICMP, Openings
from pcapcheck.tables import ABSENT

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# A regular flow has no more rows: one in which something was repeated again and again is not ordinary.
MOST_ROWS: Final = 32

# The bits of a row's code above its flags (12 bits).
_FROM_CLIENT, _PAYLOAD, _FOLDED_PAYLOAD, _BEYOND, _SPEAKS, _BAD = (1 << bit for bit in range(12, 18))

# By position in the flow, not known beforehand: two patterns with one sum would be taken for the same.
_FACTORS: Final = np.frombuffer(os.urandom(8 * MOST_ROWS), np.uint64) | np.uint64(1)


@dataclass(frozen=True)
class Regular:
    """Regular flows, and the columns of their rows. Flows are numbers into the openings, rows indices of its rows."""

    flow: Ints
    pattern: Ints  # of each flow, from 0
    representative: Ints  # of each pattern: position in ``flow``
    start: Ints  # of each flow: its first row
    size: Ints  # its number of rows
    client: Ints  # the side (0 or 1) that sent the SYN
    until: Ints  # the latest time of its rows and of what was folded into them
    options: OptionColumns  # of the first two rows of each flow, one flow after the other


def regular(openings: Openings, end_time: int) -> Regular:
    """The regular flows of a capture that ends at ``end_time`` (ns)."""
    rows = openings.rows
    numbers = rows["flow"]
    begin = np.append(0, np.flatnonzero(numbers[1:] != numbers[:-1]) + 1) if len(rows) else np.zeros(0, np.int64)
    size = np.diff(begin, append=len(rows))
    columns = _Columns(rows, begin, size)
    code = columns.code()
    irregular = np.logical_or.reduceat(columns.irregular(), begin) if len(begin) else np.zeros(0, bool)
    irregular |= size > MOST_ROWS
    irregular |= columns.wrong_length()
    keep = (~irregular).nonzero()[0]
    second = columns.second(keep)
    options = _options_of(rows, begin[keep], second)
    older = _older_timestamp(rows, begin[keep], size[keep], options)
    keep, options = keep[~older], _taken(options, np.repeat(~older, 2))
    awaited = columns.time[columns.second(keep)]
    near_end = (awaited > end_time - PENDING_NS) if end_time != NO_TIME else np.ones(len(keep), bool)
    hashed = _hash(code, begin, size, keep) + near_end * _FACTORS[-1]
    _, representative, pattern = np.unique(hashed, return_index=True, return_inverse=True)
    until = np.maximum.reduceat(rows["folded_until"], begin)[keep] if len(begin) else np.zeros(0, np.int64)
    return Regular(
        rows["flow"][begin[keep]].astype(np.int64),
        pattern.astype(np.int64),
        representative.astype(np.int64),
        begin[keep],
        size[keep],
        rows["side"][begin[keep]].astype(np.int64),
        until,
        options,
    )


class _Columns:
    """The columns of all rows that tell a regular flow."""

    def __init__(self, rows: npt.NDArray[Any], begin: Ints, size: Ints) -> None:
        def column(name: str) -> Any:
            return rows[name].astype(np.int64)

        self.begin, self.size = begin, size
        self.first = np.repeat(begin, size)  # of each row: the first of its flow
        self.place = np.arange(len(rows)) - self.first
        self.time, self.seq, self.ack, self.flags = column("time"), column("seq"), column("ack"), column("tcp_flags")
        self.payload = column("payload_length")
        self.folded = rows["folded"] > 0
        self.rows = rows
        self.from_client = rows["side"] == rows["side"][self.first]
        self.isn = self.seq[self.first]
        self.is_rst = self.flags & RST != 0
        # The SYN-ACK of each row's flow, if its second row is one; else it is the first row, and nothing fits.
        self.synack = np.minimum(self.first + 1, np.repeat(begin + size - 1, size))

    def second(self, keep: Ints) -> Ints:
        """The second row of these flows where it is a SYN-ACK, else the first."""
        at = self.begin[keep] + (self.size[keep] > 1)
        return np.where(self.flags[at] & (SYN | ACK) == SYN | ACK, at, self.begin[keep])

    def irregular(self) -> Bools:
        """Which rows make their flow irregular."""
        rows, place = self.rows, self.place
        bad = (rows["kind"] == ICMP) | (rows["unseen"] & WINDOW_UNSEEN != 0) | (self.time == NO_TIME)
        bad |= rows["vlan"] != rows["vlan"][self.first]
        bad[1:] |= (place[1:] > 0) & (self.time[1:] < self.time[:-1])
        by_place = [self._syn(), self._answer(), self._third()]
        fits = np.select([place == 0, place == 1, place == 2], by_place, self._later())
        return np.asarray(bad | ~fits | self._not_in_order(), bool)

    def wrong_length(self) -> Bools:
        """Flows in which rows follow that must be the last: an RST before the third row, or the reset of a SYN-ACK."""
        rst = np.flatnonzero(self.is_rst & (self.place <= 2))
        wrong = np.zeros(len(self.begin), bool)
        flow = np.searchsorted(self.begin, rst, "right") - 1
        wrong[flow[self.place[rst] + 1 < self.size[flow]]] = True
        return wrong

    def _syn(self) -> Bools:
        return np.asarray((self.flags & (SYN | ACK | RST | FIN) == SYN) & (self.payload == 0) & ~self.folded, bool)

    def _answer(self) -> Bools:
        """A SYN-ACK or an RST with the number that RFC 9293, 3.10.7.3, demands of either."""
        kind = self.flags & (SYN | ACK | RST | FIN)
        exact = ~self.from_client & (self.ack == seq.add(self.isn, 1)) & (self.payload == 0) & ~self.folded
        return np.asarray(exact & ((kind == SYN | ACK) | (kind == RST | ACK)), bool)

    def _third(self) -> Bools:
        """The segment that completes the handshake, or an RST of either side with the exact number."""
        behind = seq.add(self.seq[self.synack], 1)
        ack = self.from_client & (self.flags & (SYN | ACK | RST) == ACK)
        ack &= (self.seq == seq.add(self.isn, 1)) & (self.ack == behind)
        rst = (self.flags & (SYN | RST) == RST) & ~self.folded
        return np.asarray(ack | (rst & (self.seq == np.where(self.from_client, seq.add(self.isn, 1), behind))), bool)

    def _later(self) -> Bools:
        """An ACK of either side, or an RST with the number that the other side acknowledged last."""
        ack = self.flags & (SYN | ACK | RST) == ACK
        last = self.ack[self._last_of(~self.from_client)]
        return np.asarray(ack | ((self.flags & (SYN | RST) == RST) & (self.seq == last)), bool)

    def _last_of(self, wanted_client: Bools) -> Ints:
        """Of each row the last row before it of the client's side where ``wanted_client``, else of the server's."""
        at = np.arange(len(self.place))
        client = np.maximum.accumulate(np.where(self.from_client, at, 0))
        server = np.maximum.accumulate(np.where(self.from_client, 0, at))
        return np.where(wanted_client, client, server)

    def _not_in_order(self) -> Bools:
        """Rows that do not lie behind the one before them of their side: nothing is a copy, repeated or late."""
        at = np.arange(len(self.place))
        before = np.empty(len(at), np.int64)
        for side in (self.from_client, ~self.from_client):
            mine = at[side]
            before[mine[1:]] = mine[:-1]
            before[mine[:1]] = -1
        compared = before >= self.first
        before = np.where(compared, before, at)
        ahead = seq.diff(self.seq, self.seq[before])
        acked = seq.diff(self.ack, self.ack[before])
        acked[(self.place == 2) | (self.flags[before] & ACK == 0)] = 1  # the SYN before it acknowledges nothing
        more = (self.flags << 32 | self.payload) > (self.flags[before] << 32 | self.payload[before])
        fine = (ahead >= 0) & (acked >= 0) & ((ahead > 0) | (acked > 0) | more)
        # An RST need not acknowledge, but it is the only one of its side, and the last.
        fine = np.where(self.is_rst, ~self.is_rst[before], fine & ~self.is_rst[before])
        return np.asarray(compared & ~fine, bool)

    def code(self) -> Ints:
        """What each row is, for the pattern."""
        synack_ack, server_isn = seq.add(self.isn, 1), self.seq[self.synack]
        furthest = seq.ahead(seq.add(self.ack, self.rows["folded_ack"].astype(np.int64)), synack_ack)
        beyond = ~self.from_client & (furthest > 0) & (furthest < FAR)
        ahead = seq.ahead(self.seq, server_isn)
        speaks = ~self.from_client & (ahead > 0) & (ahead < FAR)
        code: Ints = self.flags & 0xFFF
        for bit, shown in (
            (_FROM_CLIENT, self.from_client), (_PAYLOAD, self.payload > 0), (_BEYOND, beyond), (_SPEAKS, speaks),
            (_FOLDED_PAYLOAD, self.rows["folded_octets"] > 0), (_BAD, self.rows["checksum"] == BAD),
        ):  # fmt: skip
            code = code | np.where(shown, bit, 0)
        return code


def _options_of(rows: npt.NDArray[Any], first: Ints, second: Ints) -> OptionColumns:
    at = np.column_stack([first, second]).ravel()
    part = rows[at]
    return option_columns(part["options"], part["options_length"], part["unseen"])


def _older_timestamp(rows: npt.NDArray[Any], first: Ints, size: Ints, options: OptionColumns) -> Bools:
    """Where the third row has an older TSval than the SYN: PAWS drops it (RFC 7323, section 5.3)."""
    older = np.zeros(len(first), bool)
    (at,) = (size > 2).nonzero()
    part = rows[first[at] + 2]
    tsval = option_columns(part["options"], part["options_length"], part["unseen"]).tsval
    of_syn = options.tsval[2 * at]
    older[at] = (tsval != ABSENT) & (of_syn != ABSENT) & (seq.diff(tsval, of_syn) < 0)
    return older


def _taken(options: OptionColumns, keep: Bools) -> OptionColumns:
    return OptionColumns(**{name: column[keep] for name, column in vars(options).items()})


def _hash(code: Ints, begin: Ints, size: Ints, keep: Ints) -> npt.NDArray[np.uint64]:
    """One number for the codes of each of these flows, in their order."""
    at = np.repeat(begin[keep] - size[keep].cumsum() + size[keep], size[keep]) + np.arange(size[keep].sum())
    place = at - np.repeat(begin[keep], size[keep])
    mixed = (code[at].astype(np.uint64) + np.uint64(1)) * _FACTORS[place]
    mixed ^= mixed >> np.uint64(29)
    mixed *= _FACTORS[0]
    starts = size[keep].cumsum() - size[keep]
    return np.add.reduceat(mixed, starts) if len(keep) else mixed
