"""Openings to attempts: which attempt of its flow each row belongs to, always by the numbers that it carries.

A SYN with a new initial sequence number starts an attempt, the same number again is a retransmission. A SYN-ACK, an RST
or an ICMP error belongs to the attempt whose ISN it matches, not to the newest one. Nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pcapcheck import seq
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import ACK, FIN, RST, SYN
from pcapcheck.openings import ICMP, Row
from pcapcheck.select import end_of
from pcapcheck.tables import ABSENT

# After so much silence an attempt cannot change any more; the same ISN is then another attempt.
SETTLED_NS = 130 * 10**9

# A segment so near to where an older connection stood continues it (a retransmission, a late ACK).
NEAR = 2**17

# By so much a capture may delay one direction against the other, or one frame against the next.
REORDERED_NS = 10**9

# What is less away from a right number, or from zero, may have been counted wrongly.
_OFF = 2**12

# How many attempts back a segment is looked for. The rows of a 4-tuple used a million times are still walked once.
LOOK_BACK = 8


class Attempt:
    """The rows of one attempt, and the numbers by which further rows are known to be its own.

    ``client`` is the side (0 or 1) that sent the SYN; a flow that was open already has ``isn`` ABSENT.
    """

    __slots__ = (
        "answered", "behind_synacks", "client", "continues_older", "isn", "last_time", "nxt", "old_isns",
        "old_with_data", "over", "peer_isn", "rows", "server_acks", "syn_octets", "synack_acks", "with_syn",
    )  # fmt: skip

    def __init__(self, client: int, isn: int = ABSENT, syn_octets: int = 0, *, with_syn: bool = False) -> None:
        self.client = client
        self.isn = isn
        self.syn_octets = syn_octets  # data in the SYN: a SYN-ACK may acknowledge any part of it
        self.with_syn = with_syn
        self.peer_isn = ABSENT  # ISN of a SYN that the server sent (simultaneous open, split handshake)
        self.old_isns: set[int] = set()  # of old duplicate SYNs
        self.old_with_data: list[tuple[int, int]] = []  # the latest of them that carried data: ISN, octets
        self.rows: list[int] = []  # in order once all rows are assigned
        self.synack_acks: set[int] = set()  # what the right SYN-ACKs acknowledge
        self.behind_synacks: set[int] = set()  # the numbers that follow theirs
        self.server_acks: set[int] = set()
        self.nxt: list[int] = [ABSENT, ABSENT]  # the furthest sequence number of each side
        self.answered = False  # a right SYN-ACK and then a segment of the client that carries an ACK
        self.over = False  # complete, refused or reset: what does not fit by its numbers is not part of it
        self.continues_older = False
        self.last_time = NO_TIME

    def acknowledged_by(self, ack: int) -> bool:
        """Whether ``ack`` is what a SYN-ACK or an RST for this SYN must carry (RFC 9293, section 3.10.7.3).

        "If SND.UNA < SEG.ACK =< SND.NXT, then the ACK is acceptable", with SND.UNA the ISN.
        """
        return self.isn != ABSENT and 0 < seq.ahead(ack, self.isn) <= 1 + self.syn_octets

    def acknowledges_old(self, ack: int) -> bool:
        """Whether ``ack`` is that of an old duplicate SYN of this attempt."""
        return bool(self.old_isns) and (
            seq.add(ack, -1) in self.old_isns
            or any(0 < seq.ahead(ack, isn) <= 1 + octets for isn, octets in self.old_with_data)
        )

    def answered_by(self, synack: Row) -> None:
        """A right SYN-ACK."""
        self.synack_acks.add(synack.ack)
        self.behind_synacks.add(seq.add(synack.seq, 1))

    def take(self, index: int, row: Row) -> None:
        self.rows.append(index)
        self.last_time = max(self.last_time, row.folded_until)
        side, flags = row.side, row.tcp_flags
        if flags & RST or row.kind == ICMP:
            return
        end, nxt = seq.add(end_of(row), row.folded_end), self.nxt[side]
        if nxt == ABSENT or seq.diff(end, nxt) > 0:
            self.nxt[side] = end
        if flags & ACK:
            if side != self.client:
                self.server_acks.add(row.ack)
            elif self.synack_acks and not flags & SYN:
                self.answered = self.over = True

    def near(self, row: Row) -> int:
        """How far the row lies from where its side stood: 2^31 where that is not known."""
        nxt = self.nxt[row.side]
        return 2**31 if nxt == ABSENT else abs(seq.diff(row.seq, nxt))


class Assignment:
    """Walks these rows of one flow in capture order and hands each to its attempt."""

    def __init__(self, rows: Sequence[Row], indices: Sequence[int], *, self_connected: bool = False) -> None:
        self.attempts: list[Attempt] = []
        self._rows, self._indices = rows, indices
        self._self_connected = self_connected
        self._taken: set[tuple[int, int, int]] | None = None  # side, seq and ack of data that was acknowledged
        # A SYN-ACK may be recorded before its SYN, and a SYN with FIN is an attempt only where it is answered.
        self._syns: dict[tuple[int, int], Row] = {}
        self._acknowledged: set[tuple[int, int]] = set()
        for index in indices:
            row = rows[index]
            opens = row.tcp_flags & (SYN | ACK | RST)
            if opens == SYN:
                for octets in {1, 1 + row.payload_length}:
                    self._syns.setdefault((row.side, seq.add(row.seq, octets)), row)
            elif opens == SYN | ACK:
                self._acknowledged.add((1 - row.side, row.ack))

    def walk(self) -> list[Attempt]:
        for index in self._indices:
            row = self._rows[index]
            self._attempt_of(row).take(index, row)
        found = [attempt for attempt in self.attempts if attempt.rows]
        for attempt in found:
            attempt.rows.sort()
        return found

    def _attempt_of(self, row: Row) -> Attempt:
        flags = row.tcp_flags
        if row.kind == ICMP:
            return self._quoted(row)
        if flags & RST:
            return self._of_rst(row)
        if flags & (SYN | ACK) == SYN and not (flags & FIN and not self._is_answered(row)):
            return self._of_syn(row)
        if flags & (SYN | ACK) == SYN | ACK:
            return self._of_synack(row)
        return self._of_other(row)

    def _is_answered(self, row: Row) -> bool:
        return any((row.side, seq.add(row.seq, octets)) in self._acknowledged for octets in (1, 1 + row.payload_length))

    def _start(self, attempt: Attempt) -> Attempt:
        self.attempts.append(attempt)
        return attempt

    def _recent(self) -> list[Attempt]:
        """The latest attempts, newest first."""
        return self.attempts[: -LOOK_BACK - 1 : -1]

    def _of_syn(self, row: Row) -> Attempt:
        for attempt in self._recent():
            known = row.seq == attempt.isn or row.seq in attempt.old_isns
            if attempt.client == row.side and known:
                if attempt.with_syn and NO_TIME != attempt.last_time < row.time - SETTLED_NS:
                    break
                attempt.with_syn = True
                attempt.syn_octets = max(attempt.syn_octets, row.payload_length)
                return attempt
        newest = self.attempts[-1] if self.attempts else None
        if newest is not None and newest.with_syn and newest.client != row.side:
            # RFC 9293, section 3.10.7.3, fourth: a SYN without an ACK in SYN-SENT is a simultaneous open.
            if row.seq == newest.peer_isn:
                return newest
            if newest.peer_isn == ABSENT and not newest.synack_acks and not newest.over:
                newest.peer_isn = row.seq
                return newest
        return self._start(Attempt(row.side, row.seq, row.payload_length, with_syn=True))

    def _of_synack(self, row: Row) -> Attempt:
        client = row.side if self._self_connected else 1 - row.side
        for attempt in self._recent():
            if attempt.client == client and (attempt.acknowledged_by(row.ack) or attempt.acknowledges_old(row.ack)):
                if attempt.acknowledged_by(row.ack):
                    attempt.answered_by(row)
                return attempt
            if attempt.client == row.side and attempt.peer_isn != ABSENT and row.ack == seq.add(attempt.peer_isn, 1):
                return attempt
        early = self._syns.get((client, row.ack))
        if early is not None and early.frame > row.frame:
            known = (one for one in self._recent() if one.client == client and one.isn == early.seq)
            attempt = next(known, None) or self._start(Attempt(client, early.seq))
            attempt.syn_octets = max(attempt.syn_octets, early.payload_length)
            attempt.answered_by(row)
            attempt.nxt[client] = row.ack
            return attempt
        newest = self.attempts[-1] if self.attempts else None
        agreed = newest is not None and newest.with_syn and not newest.over and self._is_agreed(row, newest.isn)
        if newest is not None and newest.with_syn and not newest.over and not agreed:
            return newest
        attempt = Attempt(client, seq.add(row.ack, -1))
        attempt.answered_by(row)
        attempt.nxt[client] = row.ack
        # Beside an attempt that is over it is no newer one, until what follows has its numbers.
        beside = newest is not None and newest.with_syn and not agreed
        self.attempts.insert(len(self.attempts) - beside, attempt)
        return attempt

    def _is_agreed(self, synack: Row, isn: int) -> bool:
        """Whether both sides go on with the numbers of a SYN-ACK: the SYN that it acknowledges was not captured.

        The client's data stands where it asks for it, and the server acknowledges it. A client to which the SYN-ACK was
        wrong would have reset it (RFC 9293, 3.10.7.3, first). Not so where the number is one that a faulty host makes
        of the right one: a little off, relative or byte-swapped.
        """
        swapped = int.from_bytes(seq.add(isn, 1).to_bytes(4), "little")
        if abs(seq.diff(synack.ack, isn)) < _OFF or synack.ack < _OFF or synack.ack == swapped:
            return False
        if self._taken is None:
            sent = [row for row in self._rows if row.kind != ICMP and row.tcp_flags & (SYN | RST | ACK) == ACK]
            acknowledged = {(row.side, row.ack) for row in sent}
            self._taken = {
                (row.side, row.seq, row.ack)
                for row in sent
                if row.payload_length and (1 - row.side, end_of(row)) in acknowledged
            }
        return (1 - synack.side, synack.ack, seq.add(synack.seq, 1)) in self._taken

    def _of_rst(self, row: Row) -> Attempt:
        # An RST for a SYN-ACK first: a challenge ACK that the newer attempt drew may carry the same number.
        for attempt in sorted(self._recent(), key=lambda attempt: not _resets_synack(attempt, row)):
            if row.side == attempt.client:
                known = attempt.isn != ABSENT and row.seq in attempt.server_acks
            else:
                known = bool(row.tcp_flags & ACK) and attempt.acknowledged_by(row.ack)
                known = known or row.seq in attempt.behind_synacks
            if known:
                own = self._joined_with_newer(attempt, row)
                own.over = own.over or row.side != own.client
                return own
        # RFC 9293, 3.10.7.1: an RST that answers a SYN acknowledges it; this one was recorded before the SYN.
        if row.tcp_flags & ACK and (early := self._early(1 - row.side, row.ack, row)):
            return early
        return self._of_other(row)

    def _early(self, client: int, ack: int, row: Row) -> Attempt | None:
        """The attempt of a SYN that was recorded after ``row``, which carries the number that follows it, if any."""
        syn = self._syns.get((client, ack))
        if syn is None or syn.frame < row.frame or syn.time - row.time > REORDERED_NS:
            return None
        attempt = self._start(Attempt(client, syn.seq, syn.payload_length))
        attempt.nxt[client] = ack
        return attempt

    def _joined_with_newer(self, attempt: Attempt, rst: Row) -> Attempt:
        """RFC 9293, figure 8: the SYN-ACK of an old duplicate SYN is reset by the client while its real SYN is out.

        Both SYNs are one attempt, and it is the newer one's.
        """
        # It is one of the latest: looked for from the end, since a 4-tuple may be used a million times.
        position = next(at for at in range(len(self.attempts) - 1, -1, -1) if self.attempts[at] is attempt)
        newer = self.attempts[position + 1] if position + 1 < len(self.attempts) else None
        if (
            newer is None
            or not (rst.side == attempt.client == newer.client)
            or attempt.over
            or not (attempt.with_syn and newer.with_syn)
            or not _resets_synack(attempt, rst)
        ):
            return attempt
        # Into the greater of both, so that a number is moved but a few times, however many attempts are joined.
        newer.rows, rows = _greater_first(attempt.rows, newer.rows)
        newer.rows += rows
        newer.old_isns, isns = _greater_first(attempt.old_isns, newer.old_isns)
        newer.old_isns |= {*isns, attempt.isn}
        newer.server_acks, acks = _greater_first(attempt.server_acks, newer.server_acks)
        newer.server_acks |= acks
        with_data = [(attempt.isn, attempt.syn_octets)] if attempt.syn_octets else []
        newer.old_with_data = [*attempt.old_with_data, *with_data, *newer.old_with_data][-LOOK_BACK:]
        newer.last_time = max(newer.last_time, attempt.last_time)
        del self.attempts[position]
        return newer

    def _quoted(self, row: Row) -> Attempt:
        for attempt in self._recent():
            if attempt.client == row.side and (row.seq == attempt.isn or row.seq in attempt.old_isns):
                return attempt
        if early := self._early(row.side, seq.add(row.seq, 1), row):
            return early
        return self.attempts[-1] if self.attempts else Attempt(row.side)  # quotes a flow that was not captured

    def _of_other(self, row: Row) -> Attempt:
        if not self.attempts:
            return self._early(row.side, row.seq, row) or self._start(Attempt(row.side))
        newest = self.attempts[-1]
        for attempt in self._recent()[1:] if len(self.attempts) > 1 else ():
            if attempt.near(row) <= NEAR and attempt.near(row) < newest.near(row) and not self._challenges(row):
                if row.side == newest.client and newest.with_syn and not row.tcp_flags & RST:
                    newest.continues_older = True
                return attempt
        return newest

    def _challenges(self, row: Row) -> bool:
        """RFC 5961, section 4: a bare ACK, with the older connection's numbers, is how a server answers such a SYN."""
        newest = self.attempts[-1]
        bare = row.payload_length == 0 and not row.tcp_flags & (FIN | RST)
        return bare and newest.with_syn and row.side != newest.client and not newest.synack_acks


def _resets_synack(attempt: Attempt, rst: Row) -> bool:
    """Whether the client resets a SYN-ACK of this attempt: RFC 9293, 3.10.7.3, <SEQ=SEG.ACK><CTL=RST>."""
    return rst.side == attempt.client and rst.seq in attempt.synack_acks


_Numbers = TypeVar("_Numbers", list[int], set[int])


def _greater_first(one: _Numbers, other: _Numbers) -> tuple[_Numbers, _Numbers]:
    return (one, other) if len(one) >= len(other) else (other, one)
