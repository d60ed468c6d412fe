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
from pcapcheck.openings import FAR, ICMP, Ints, Openings, ranges
from pcapcheck.tables import ABSENT

Bools = npt.NDArray[np.bool_]

# A regular flow has no more rows: one in which something was repeated again and again is not ordinary.
MOST_ROWS: Final = 32

# The bits of a row's code above its flags (12 bits).
_FROM_CLIENT, _PAYLOAD, _FOLDED_PAYLOAD, _BEYOND, _SPEAKS, _BAD = (1 << bit for bit in range(12, 18))

# By position in the flow, not known beforehand: two patterns with one sum would be taken for the same.
_FACTORS: Final = np.frombuffer(os.urandom(8 * MOST_ROWS), np.uint64) | np.uint64(1)


@dataclass(frozen=True)
class Regular:
    """Regular flows, and what is known of their rows. Flows are numbers into the openings, rows indices of its rows."""

    flow: Ints
    pattern: Ints  # of each flow, from 0
    representative: Ints  # of each pattern: position in ``flow``
    start: Ints  # of each flow: its first row
    size: Ints  # its number of rows
    client: Ints  # the side (0 or 1) that sent the SYN
    until: Ints  # the latest time of its rows and of what was folded into them
    options: OptionColumns  # of SYNs and SYN-ACKs
    of_syn: Ints  # of each flow: where in ``options`` those of its SYN are
    of_synack: Ints  # and of its SYN-ACK; of its SYN if it has none


def regular(openings: Openings, end_time: int) -> Regular:
    """The regular flows of a capture that ends at ``end_time`` (ns)."""
    rows = openings.rows
    numbers = rows["flow"]
    begin = np.append(0, np.flatnonzero(numbers[1:] != numbers[:-1]) + 1) if len(rows) else np.zeros(0, np.int64)
    columns = _Columns(rows, begin, np.diff(begin, append=len(rows)))
    (keep,) = columns.regular().nonzero()
    synack = columns.synack_of(keep)
    (answered,) = (synack != ABSENT).nonzero()
    options = _options_of(rows, np.append(begin[keep], synack[answered]))
    of_syn = np.arange(len(keep))
    of_synack = of_syn.copy()
    of_synack[answered] = len(keep) + np.arange(len(answered))
    young = ~columns.older_timestamp(keep, options.tsval)
    keep, synack, of_syn, of_synack = (column[young] for column in (keep, synack, of_syn, of_synack))
    start, size = begin[keep], columns.size[keep]
    awaited = columns.time[np.where(synack == ABSENT, start, synack)]
    near_end = (awaited > end_time - PENDING_NS) if end_time != NO_TIME else np.ones(len(keep), bool)
    hashed = columns.hashed(start, size) + near_end * _FACTORS[-1]
    _, representative, pattern = np.unique(hashed, return_index=True, return_inverse=True)
    return Regular(
        numbers[start].astype(np.int64),
        pattern.astype(np.int64),
        representative.astype(np.int64),
        start,
        size,
        rows["side"][start].astype(np.int64),
        columns.latest(rows["folded_until"])[keep],
        options,
        of_syn,
        of_synack,
    )


class _Columns:
    """The columns of all rows that tell a regular flow. ``at`` are indices of rows."""

    def __init__(self, rows: npt.NDArray[Any], begin: Ints, size: Ints) -> None:
        self.rows, self.begin, self.size = rows, begin, size
        self.first = np.repeat(begin, size)  # of each row: the first of its flow
        self.place = np.arange(len(rows)) - self.first
        self.time, self.seq, self.ack, self.flags, self.payload = (
            rows[name].astype(np.int64) for name in ("time", "seq", "ack", "tcp_flags", "payload_length")
        )
        self.folded = rows["folded"] > 0
        self.from_client = rows["side"] == rows["side"][self.first]

    def regular(self) -> Bools:
        """Which flows are regular, but for their timestamps."""
        begin, size = self.begin, self.size
        fine = self._whole() & (size <= MOST_ROWS) & self._is_syn(begin)
        for place, fits in ((1, self._is_answer), (2, self._is_third)):
            (having,) = (fine & (size > place)).nonzero()
            at = begin[having] + place
            # What an RST ends so early is over: nothing follows.
            fine[having] = fits(at) & ((self.flags[at] & RST == 0) | (size[having] == place + 1))
        (later,) = ((self.place > 2) & np.repeat(fine, size)).nonzero()
        self._rule_out(fine, later[~self._goes_on(later)])
        (ordered,) = ((self.place > 0) & np.repeat(fine, size)).nonzero()
        self._rule_out(fine, ordered[~self._in_order(ordered)])
        return fine

    def _rule_out(self, fine: Bools, at: Ints) -> None:
        fine[np.searchsorted(self.begin, at, "right") - 1] = False

    def _whole(self) -> Bools:
        """Flows of segments alone, all captured with their numbers, in one VLAN, their times in order."""
        rows = self.rows
        odd = (rows["kind"] == ICMP) | (rows["unseen"] & WINDOW_UNSEEN != 0) | (self.time == NO_TIME)
        odd |= rows["vlan"] != rows["vlan"][self.first]
        odd[1:] |= (self.place[1:] > 0) & (self.time[1:] < self.time[:-1])
        whole = np.ones(len(self.begin), bool)
        self._rule_out(whole, odd.nonzero()[0])
        return whole

    def synack_of(self, flows: Ints) -> Ints:
        """The second row of these flows where it is a SYN-ACK, else ABSENT."""
        at = self.begin[flows] + (self.size[flows] > 1)
        return np.where(self.flags[at] & (SYN | ACK) == SYN | ACK, at, ABSENT)

    def _is_syn(self, at: Ints) -> Bools:
        is_syn = self.flags[at] & (SYN | ACK | RST | FIN) == SYN
        return np.asarray(is_syn & (self.payload[at] == 0) & ~self.folded[at], bool)

    def _is_answer(self, at: Ints) -> Bools:
        """A SYN-ACK or an RST with the number that RFC 9293, 3.10.7.3, demands of either."""
        kind = self.flags[at] & (SYN | ACK | RST | FIN)
        exact = ~self.from_client[at] & (self.ack[at] == seq.add(self.seq[at - 1], 1))
        exact &= (self.payload[at] == 0) & ~self.folded[at]
        return np.asarray(exact & ((kind == SYN | ACK) | (kind == RST | ACK)), bool)

    def _is_third(self, at: Ints) -> Bools:
        """The segment that completes the handshake, or an RST of either side with the exact number."""
        flags, number, from_client = self.flags[at], self.seq[at], self.from_client[at]
        behind_syn, behind_synack = seq.add(self.seq[at - 2], 1), seq.add(self.seq[at - 1], 1)
        ack = from_client & (flags & (SYN | ACK | RST) == ACK)
        ack &= (number == behind_syn) & (self.ack[at] == behind_synack)
        rst = (flags & (SYN | RST) == RST) & ~self.folded[at]
        return np.asarray(ack | (rst & (number == np.where(from_client, behind_syn, behind_synack))), bool)

    def _goes_on(self, at: Ints) -> Bools:
        """An ACK of either side, or an RST with the number that the other side acknowledged last."""
        ack = self.flags[at] & (SYN | ACK | RST) == ACK
        (rst,) = (self.flags[at] & (SYN | RST) == RST).nonzero()
        ack[rst] = self.seq[at[rst]] == self.ack[self._last_of_other(at[rst])]
        return np.asarray(ack, bool)

    def _last_of_other(self, at: Ints) -> Ints:
        """The last row of the other side before each of these, which are no first rows of their side."""
        found = np.empty(len(at), np.int64)
        for from_client in (False, True):
            mine = self.from_client[at] == from_client
            (others,) = (self.from_client != from_client).nonzero()
            found[mine] = others[np.searchsorted(others, at[mine]) - 1]
        return found

    def _in_order(self, at: Ints) -> Bools:
        """Rows that lie behind the one before them of their side: nothing is a copy, repeated or late.

        The first row of a side is.
        """
        before = np.empty(len(self.place), np.int64)
        for side in (self.from_client, ~self.from_client):
            (mine,) = side.nonzero()
            before[mine[1:]] = mine[:-1]
            before[mine[:1]] = ABSENT
        before = before[at]
        compared = before >= self.first[at]
        before = np.where(compared, before, at)
        flags, flags_before = self.flags[at], self.flags[before]
        ahead = seq.diff(self.seq[at], self.seq[before])
        # What the SYN before it acknowledges is nothing.
        acked = np.where(flags_before & ACK == 0, 1, seq.diff(self.ack[at], self.ack[before]))
        more = (flags << 32 | self.payload[at]) > (flags_before << 32 | self.payload[before])
        fine = (ahead >= 0) & (acked >= 0) & ((ahead > 0) | (acked > 0) | more)
        # An RST need not acknowledge, but it is the only one of its side, and the last.
        after_rst = flags_before & RST != 0
        fine = np.where(flags & RST != 0, True, fine) & ~after_rst
        return np.asarray(fine | ~compared, bool)

    def older_timestamp(self, flows: Ints, of_syn: npt.NDArray[np.int64]) -> Bools:
        """Flows whose third row has an older TSval than the SYN: PAWS drops it (RFC 7323, section 5.3)."""
        older = np.zeros(len(flows), bool)
        (having,) = (self.size[flows] > 2).nonzero()
        tsval = _options_of(self.rows, self.begin[flows[having]] + 2).tsval
        first = of_syn[having]
        older[having] = (tsval != ABSENT) & (first != ABSENT) & (seq.diff(tsval, first) < 0)
        return older

    def latest(self, times: Ints) -> Ints:
        """The latest of each flow's times."""
        return np.maximum.reduceat(times, self.begin) if len(self.begin) else np.zeros(0, np.int64)

    def hashed(self, start: Ints, size: Ints) -> npt.NDArray[np.uint64]:
        """One number for the codes of the rows of each of these flows, in their order."""
        at = ranges(start, size)
        mixed = (self._code(at).astype(np.uint64) + np.uint64(1)) * _FACTORS[self.place[at]]
        mixed ^= mixed >> np.uint64(29)
        mixed *= _FACTORS[0]
        return np.add.reduceat(mixed, size.cumsum() - size) if len(start) else mixed

    def _code(self, at: Ints) -> Ints:
        """What each row is, for the pattern."""
        rows, first, from_client = self.rows, self.first[at], self.from_client[at]
        # Of the rows of a server the second row of the flow is its SYN-ACK, or an RST behind which nothing comes.
        server_isn = self.seq[np.minimum(first + 1, len(self.seq) - 1)]
        furthest = seq.ahead(
            seq.add(self.ack[at], rows["folded_ack"][at].astype(np.int64)), seq.add(self.seq[first], 1)
        )
        ahead = seq.ahead(self.seq[at], server_isn)
        code: Ints = self.flags[at] & 0xFFF
        for bit, shown in (
            (_FROM_CLIENT, from_client), (_PAYLOAD, self.payload[at] > 0),
            (_BEYOND, ~from_client & (furthest > 0) & (furthest < FAR)),
            (_SPEAKS, ~from_client & (ahead > 0) & (ahead < FAR)),
            (_FOLDED_PAYLOAD, rows["folded_octets"][at] > 0), (_BAD, rows["checksum"][at] == BAD),
        ):  # fmt: skip
            code |= np.where(shown, bit, 0)
        return code


def _options_of(rows: npt.NDArray[Any], at: Ints) -> OptionColumns:
    return option_columns(rows["options"][at], rows["options_length"][at], rows["unseen"][at])
