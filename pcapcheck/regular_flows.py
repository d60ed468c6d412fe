"""Which flows are regular: one attempt with little out of the ordinary. patterns.py makes patterns of them."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck import seq
from pcapcheck.attempts import SETTLED_NS
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.option_columns import ROOM, OptionColumns, option_columns
from pcapcheck.decode.segment import ACK, FIN, RST, SYN, WINDOW_UNSEEN
from pcapcheck.evidence import Event
from pcapcheck.faults.rows import COPY_NS
from pcapcheck.openings import FAR, ICMP, Ints, ranges
from pcapcheck.rows import Rows
from pcapcheck.tables import ABSENT

Bools = npt.NDArray[np.bool_]

# The flags by which a segment is told from others.
KIND: Final = FIN | SYN | RST | ACK

# Mixes numbers: the golden ratio in 64 bits.
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)


class Columns:
    """The columns of all rows that tell a regular flow. ``at`` are indices of rows."""

    def __init__(self, rows: Rows, begin: Ints, size: Ints) -> None:
        self.rows, self.begin, self.size = rows, begin, size
        self.first = np.repeat(begin, size)  # of each row: the first of its flow
        self.place = np.arange(len(rows)) - self.first
        self.time, self.seq, self.ack, self.flags, self.payload = (
            rows[name].astype(np.int64) for name in ("time", "seq", "ack", "tcp_flags", "payload_length")
        )
        self.folded = rows["folded"] > 0
        self.from_client = rows["side"] == rows["side"][self.first]
        # SYNs with one number, SYN-ACKs with one number that acknowledge it, and perhaps more of both.
        kind, bare = self.flags & KIND, (self.payload == 0) & ~self.folded
        isn = self.seq[self.first]
        self.is_syn = bare & (kind == SYN) & self.from_client & (self.seq == isn)
        self.syns = self._until(~self.is_syn)  # of each flow: how many come first
        self.answer = np.minimum(begin + self.syns, begin + size - 1)
        synack = bare & (kind == SYN | ACK) & ~self.from_client & (self.ack == seq.add(isn, 1))
        synack &= self.seq == self._of_rows(self.seq[self.answer])
        self.opened = self._until(~self.is_syn & ~synack)  # the place behind them
        opening = self.place < self._of_rows(self.opened)
        self.syn_count = self._reduced(np.add, self.is_syn & opening)
        self.last_synack = self._reduced(np.maximum, np.where(synack & opening, np.arange(len(rows)), ABSENT))

    def _of_rows(self, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A column of flows as one of rows."""
        return np.repeat(column, self.size)

    def _until(self, rows: Bools) -> Ints:
        """The place of the first of these rows in each flow; behind its last row where there is none."""
        return np.minimum(self._reduced(np.minimum, np.where(rows, self.place, len(rows))), self.size)

    def _reduced(self, function: np.ufunc, column: npt.NDArray[Any]) -> Ints:
        """A column of rows as one of flows."""
        return function.reduceat(column, self.begin).astype(np.int64) if len(column) else self.size

    def regular(self) -> Bools:
        """Which flows are regular, but for their timestamps."""
        fine = self._whole() & (self.syns > 0)
        (having,) = (fine & (self.opened < self.size)).nonzero()
        at = self.begin[having] + self.opened[having]
        fits = np.where(
            self.opened[having] > self.syns[having], self._is_third(at, self.answer[having]), self._refuses(at)
        )
        # What an RST ends so early is over: nothing follows.
        fine[having] = fits & ((self.flags[at] & RST == 0) | (self.size[having] == self.opened[having] + 1))
        (again,) = (self.is_syn & (self.place > self._of_rows(self.syns))).nonzero()
        self._rule_out(fine, again[self.time[again] <= self.time[self.answer[self._flow_of(again)]]])
        (later,) = ((self.place > self._of_rows(self.opened)) & self._of_rows(fine)).nonzero()
        self._rule_out(fine, later[~self._goes_on(later)])
        (again,) = ((self.place > 0) & self._of_rows(fine)).nonzero()
        doubtful = np.zeros(len(fine), bool)
        doubtful[self._flow_of(again[~self._is_itself(again)])] = True
        if doubtful.any():
            at = doubtful.nonzero()[0]
            fine[at] = ~self.has_copies(at, at)
        return fine

    def _flow_of(self, at: Ints) -> Ints:
        return np.searchsorted(self.begin, at, "right") - 1

    def _rule_out(self, fine: Bools, at: Ints) -> None:
        fine[self._flow_of(at)] = False

    def _whole(self) -> Bools:
        """Flows of segments alone, all captured with their numbers, in one VLAN, their times in order."""
        rows = self.rows
        odd = (rows["kind"] == ICMP) | (rows["unseen"] & WINDOW_UNSEEN != 0) | (self.time == NO_TIME)
        odd |= rows["vlan"] != rows["vlan"][self.first]
        gap = np.diff(self.time)
        # A SYN again after so long may be another attempt.
        odd[1:] |= (self.place[1:] > 0) & ((gap < 0) | ((gap > SETTLED_NS) & self.is_syn[1:]))
        whole = np.ones(len(self.begin), bool)
        self._rule_out(whole, odd.nonzero()[0])
        return whole

    def _refuses(self, at: Ints) -> Bools:
        """An RST with the number that RFC 9293, 3.10.7.3, demands."""
        exact = ~self.from_client[at] & (self.ack[at] == seq.add(self.seq[self.first[at]], 1))
        exact &= (self.payload[at] == 0) & ~self.folded[at]
        return np.asarray(exact & (self.flags[at] & KIND == RST | ACK), bool)

    def _is_third(self, at: Ints, synack: Ints) -> Bools:
        """The segment that completes the handshake, or an RST of either side with the exact number."""
        flags, number, from_client = self.flags[at], self.seq[at], self.from_client[at]
        behind_syn, behind_synack = seq.add(self.seq[self.first[at]], 1), seq.add(self.seq[synack], 1)
        ack = from_client & (flags & (SYN | ACK | RST) == ACK)
        ack &= (number == behind_syn) & (self.ack[at] == behind_synack)
        rst = (flags & (SYN | RST) == RST) & ~self.folded[at]
        return np.asarray(ack | (rst & (number == np.where(from_client, behind_syn, behind_synack))), bool)

    def _goes_on(self, at: Ints) -> Bools:
        """An ACK of either side, or an RST behind which no ACKs of both sides follow: that one closes in any case."""
        fits = self.flags[at] & (SYN | ACK | RST) == ACK
        (rst,) = (self.flags[at] & (SYN | RST) == RST).nonzero()
        if len(rst):
            ack = self.flags & (RST | ACK) == ACK
            lasts = [self._last(ack & side)[at[rst]] for side in (self.from_client, ~self.from_client)]
            fits[rst] = at[rst] > np.minimum(*lasts)
        return np.asarray(fits, bool)

    def _last(self, rows: Bools) -> Ints:
        """For each row the last of these rows of its flow, below ``first`` where there is none."""
        return self._of_rows(self._reduced(np.maximum, np.where(rows, np.arange(len(rows)), ABSENT)))

    def _is_itself(self, at: Ints) -> Bools:
        """Rows that are no copies: they lie behind the one before them of their side, or come too long after it.

        Times are in order. So of rows that lie each behind the one before no two are alike, and all that is older than
        the first of them is too old.
        """
        before = np.empty(len(self.place), np.int64)
        for side in (self.from_client, ~self.from_client):
            (mine,) = side.nonzero()
            before[mine[1:]] = mine[:-1]
            before[mine[:1]] = ABSENT
        before = before[at]
        compared = before >= self.first[at]
        before = np.where(compared, before, at)
        gap = self.time[at] - self.time[before]
        flags, flags_before = self.flags[at], self.flags[before]
        ahead = seq.diff(self.seq[at], self.seq[before])
        # What the SYN before it acknowledges is nothing.
        acked = np.where(flags_before & ACK == 0, flags & ACK, seq.diff(self.ack[at], self.ack[before]))
        more = (flags << 32 | self.payload[at]) > (flags_before << 32 | self.payload[before])
        behind = (ahead >= 0) & (acked >= 0) & ((ahead > 0) | (acked > 0) | more)
        # An RST need not acknowledge: it is like no other segment, and nothing is compared with it.
        behind = ((flags & RST != 0) | behind) & (flags_before & RST == 0)
        return np.asarray(behind | (gap > COPY_NS) | ~compared, bool)

    def has_copies(self, flows: Ints, among: Ints) -> Bools:
        """Flows with rows that are alike in what copies are alike in, as faults.rows.copies compares them.

        Compared with each other are the rows of those that have one number in ``among``.
        """
        found = np.zeros(len(flows), bool)
        size = self.size[flows]
        at = ranges(self.begin[flows], size)
        ip_id = self.rows["ip_id"][at].astype(np.int64)
        key = np.repeat(among, size).astype(np.uint64) * _ODD
        octets = np.ascontiguousarray(self.rows["options"][at]).view(np.uint64).reshape(-1, ROOM // 8)
        window = self.rows["window"][at].astype(np.int64)
        for part in (
            self.from_client[at] << 16 | self.flags[at], self.seq[at] << 32 | self.ack[at], self.payload[at], ip_id + 1,
            *np.where(ip_id > 0, 0, [window, *octets.T.view(np.int64)]),
        ):  # fmt: skip
            key = (key ^ part.astype(np.uint64)) * _ODD
            key ^= key >> np.uint64(31)
        # Rows that only happen to have one key are taken for alike: their flows are irregular, no more.
        _, number, count = np.unique(key, return_inverse=True, return_counts=True)
        found[np.repeat(np.arange(len(flows)), size)[count[number] > 1]] = True
        return found

    def older_timestamp(self, flows: Ints, of_syn: Ints) -> Bools:
        """Flows of which the third segment has an older TSval than the SYN: PAWS drops it (RFC 7323, section 5.3)."""
        older = np.zeros(len(flows), bool)
        opened = self.opened[flows]
        (having,) = ((opened < self.size[flows]) & (opened > self.syns[flows])).nonzero()
        tsval = self.options(self.begin[flows[having]] + opened[having]).tsval
        first = of_syn[having]
        older[having] = (tsval != ABSENT) & (first != ABSENT) & (seq.diff(tsval, first) < 0)
        return older

    def asked(self, flows: Ints, echoed: Ints) -> Ints:
        """The place of the first SYN that the SYN-ACK can have answered, which echoes this TSval (or ABSENT).

        Where only a SYN behind the SYN-ACK has that TSval, it is the place of that one: such a flow is irregular.
        """
        places = np.zeros(len(flows), np.int64)
        (again,) = ((self.syn_count[flows] > 1) & (echoed != ABSENT)).nonzero()
        if len(again):
            start, size = self.begin[flows[again]], self.opened[flows[again]]
            at = ranges(start, size)
            fits = self.is_syn[at] & (self.options(at).tsval == np.repeat(echoed[again], size))
            place = np.minimum.reduceat(np.where(fits, self.place[at], len(self.place)), size.cumsum() - size)
            places[again] = np.where(place < size, place, 0)
        return places

    def latest(self, times: Ints) -> Ints:
        """The latest of each flow's times."""
        return self._reduced(np.maximum, times)

    @cached_property
    def beyond(self) -> Bools:
        """Where a server acknowledges more than its SYN-ACK did."""
        acknowledged = seq.add(self.ack, self.rows["folded_ack"].astype(np.int64))
        beyond = seq.ahead(acknowledged, seq.add(self.seq[self.first], 1))
        return np.asarray(~self.from_client & (beyond > 0) & (beyond < FAR), bool)

    def events(self) -> npt.NDArray[np.int8]:
        """What each row of a regular flow is to its attempt."""
        syns, opened, reset = self._of_rows(self.syns), self._of_rows(self.opened), self.flags & RST != 0
        ahead = seq.ahead(self.seq, self.seq[self._of_rows(self.answer)])
        speaks = ((self.payload > 0) | (self.flags & FIN != 0)) & (ahead > 0) & (ahead < FAR)
        goes_on = np.where(speaks | self.beyond, Event.SERVER_GOES_ON, Event.OTHER)
        event = np.where(self.from_client, Event.CLIENT_GOES_ON, goes_on)
        event[reset] = Event.RESET
        third, answered = self.place == opened, opened > syns
        event[third] = Event.COMPLETING
        event[third & reset] = Event.ABORT
        event[third & reset & ~answered] = Event.REFUSAL
        event[self.place < opened] = Event.SYNACK
        event[(self.place < opened) & self.is_syn] = Event.SYN
        return event.astype(np.int8)

    def options(self, at: Ints) -> OptionColumns:
        """The options of these rows."""
        return option_columns(self.rows["options"][at], self.rows["options_length"][at], self.rows["unseen"][at])
