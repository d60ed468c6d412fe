"""Attempts to evidence: what each row is to its attempt, by comparison with the numbers that came before it.

The comparisons are those of RFC 9293, section 3.10.7. What they add up to is decided in handshake.py, by one table.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, auto
from functools import partial
from typing import Final

from pcapcheck import seq
from pcapcheck.attempts import Attempt
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import ACK, FIN, RST, SYN, WINDOW_UNSEEN
from pcapcheck.openings import FAR, ICMP, Row
from pcapcheck.select import end_of
from pcapcheck.tables import ABSENT

SECOND = 10**9

# So near to the capture's end a missing answer proves nothing: Linux repeats a SYN after 1 s.
PENDING_NS = 3 * SECOND

# With so many right SYN-ACKs of different numbers a segment is compared in full. It completes any other with its exact
# numbers alone: there may be thousands of either.
COMPARED: Final = 8

# What a window can be that the snaplen cut off (a SYN-ACK's is never scaled: RFC 7323, section 2.2).
_LARGEST_WINDOW = 2**16 - 1


class Event(IntEnum):
    """What a row is to its attempt."""

    OTHER = 0
    COPY = auto()  # of a row before it, made by the capture
    SYN = auto()
    OLD_SYN = auto()  # an old duplicate
    PEER_SYN = auto()  # of the server
    SYNACK = auto()  # acknowledges the SYN
    OLD_SYNACK = auto()  # acknowledges the old duplicate
    PEER_SYNACK = auto()  # the client's, acknowledging the server's SYN
    WRONG_SYNACK = auto()
    COMPLETING = auto()
    WRONG_ACK = auto()  # of the client, where the completing one should be
    CLIENT_GOES_ON = auto()
    SERVER_GOES_ON = auto()
    CHALLENGE = auto()  # a bare ACK that answers the SYN
    REFUSAL = auto()  # an acceptable RST that answers the SYN
    ABORT = auto()  # an RST with the exact number between SYN-ACK and completion
    RST_ANSWER = auto()  # an RST that answers a wrong or challenging segment with its own number
    WRONG_RST = auto()  # an RST that its receiver must ignore
    RESET = auto()  # an RST after the completion
    UNREACHABLE = auto()  # an ICMP error that quotes this SYN
    OTHER_ICMP = auto()


class Fact:
    """What an attempt has shown, as bits of one integer. The outcome is decided on these alone."""

    SYN: Final = 1 << 0
    SYNACK: Final = 1 << 1
    COMPLETED: Final = 1 << 2
    CLIENT_ONLY: Final = 1 << 3
    CLIENT_SEEN: Final = 1 << 4
    SERVER_SEEN: Final = 1 << 5
    SERVER_GOES_ON: Final = 1 << 6  # data, FIN or an ACK beyond the SYN-ACK's
    SERVER_BEYOND: Final = 1 << 7  # the server acknowledges more than its SYN-ACK did, or has sent more than was seen
    CLIENT_BEYOND: Final = 1 << 8  # the client uses numbers that only a SYN-ACK can have given it leave to use
    PEER_SYN: Final = 1 << 9
    CLIENT_ACKS_PEER: Final = 1 << 10
    SERVER_ACKS_CLIENT: Final = 1 << 11
    REFUSED: Final = 1 << 12
    SYN_AFTER_REFUSAL: Final = 1 << 13
    ABORTED: Final = 1 << 14
    UNREACHABLE: Final = 1 << 15
    WRONG_ANSWER: Final = 1 << 16  # an unacceptable SYN-ACK, or an unacceptable RST with ACK
    WRONG_ACK: Final = 1 << 17
    CHALLENGED: Final = 1 << 18
    CONTINUES_OLDER: Final = 1 << 19
    UNRESET_ACK: Final = 1 << 20  # some ACK that no RST answered: both ends seem to know the connection
    NEAR_END: Final = 1 << 21  # of the capture
    OLD_DUPLICATE: Final = 1 << 22
    SELF_CONNECT: Final = 1 << 23
    SYN_DATA_TAKEN: Final = 1 << 24  # the SYN-ACK acknowledges data of the SYN


class Evidence:
    """The facts of one attempt, and the rows on which they stand (None where there is no such row)."""

    def __init__(self, attempt: Attempt, rows: Sequence[Row], *, self_connected: bool, end_time: int) -> None:
        self.attempt = attempt
        self.rows = [rows[index] for index in attempt.rows]
        self.events: list[Event] = []
        self.facts = 0
        self.syn: Row | None = None
        self.synack: Row | None = None
        self.ack: Row | None = None
        self.peer_syn: Row | None = None
        self.abort: Row | None = None
        self.syns: list[Row] = []
        self.synacks: list[Row] = []  # right ones
        self.syn_count = 0
        self.synack_count = 0
        self._behind: set[int] = set()  # the numbers that follow those of the right SYN-ACKs so far
        self._reach: dict[int, int] = {}  # by ISN of the server, once it is asked for
        self._refuted: tuple[int, dict[int, int]] | None = None
        # Numbers that an RST carries which answers a wrong segment (RFC 9293, 3.10.7.1: <SEQ=SEG.ACK><CTL=RST>).
        self._wrong_answers: set[int] = set()  # of the server
        self._wrong_acks: set[int] = set()  # of the client
        self._weigh(self_connected, end_time)

    def _weigh(self, self_connected: bool, end_time: int) -> None:
        attempt = self.attempt
        for side in {row.side for row in self.rows if row.kind != ICMP}:
            self.facts |= Fact.CLIENT_SEEN if side == attempt.client else Fact.SERVER_SEEN
        if attempt.isn == ABSENT:
            self.facts |= _midstream_facts(self.rows)
            self.events = [_midstream_event(row) for row in self.rows]
            return
        right = [row for row in self.rows if row.tcp_flags & SYN and self._is_right_synack(row)]
        different: dict[tuple[int, int, int], Row] = {}
        for row in right:
            different.setdefault((row.seq, row.ack, _window_of(row)), row)
        self._right = list(different.values())
        self._exact = {(row.ack, seq.add(row.seq, 1)) for row in self._right}
        self._right_acks = {row.ack for row in self._right}
        for row in self.rows:
            self.events.append(self._event(row))
        if attempt.old_isns:
            self.facts |= Fact.OLD_DUPLICATE
        if self.synack and seq.ahead(self.synack.ack, attempt.isn) > 1:
            self.facts |= Fact.SYN_DATA_TAKEN
        if attempt.continues_older:
            self.facts |= Fact.CONTINUES_OLDER
        if self_connected and self.synack:
            self.facts |= Fact.SELF_CONNECT | Fact.PEER_SYN | Fact.CLIENT_ACKS_PEER | Fact.SERVER_ACKS_CLIENT
        if self.ack and self._is_client_only(end_time):
            self.facts |= Fact.CLIENT_ONLY
        awaited = self.synack or self.syn
        if awaited and (NO_TIME in (awaited.time, end_time) or end_time - awaited.time < PENDING_NS):
            self.facts |= Fact.NEAR_END

    # What one row is.

    def _event(self, row: Row) -> Event:
        flags, from_client = row.tcp_flags, row.side == self.attempt.client
        if row.kind == ICMP:
            return self._icmp(row)
        if flags & RST:
            return self._client_rst(row) if from_client else self._server_rst(row)
        if flags & SYN:
            return self._synack(row, from_client) if flags & ACK else self._syn(row)
        if not flags & ACK:
            return Event.OTHER  # RFC 9293, 3.10.7.4, fifth: "if the ACK bit is off, drop the segment and return"
        return self._client_ack(row) if from_client else self._server_ack(row)

    def _icmp(self, row: Row) -> Event:
        if row.side != self.attempt.client or row.seq != self.attempt.isn:
            return Event.OTHER_ICMP
        self.facts |= Fact.UNREACHABLE
        return Event.UNREACHABLE

    def _syn(self, row: Row) -> Event:
        if row.side != self.attempt.client:
            self.facts |= Fact.PEER_SYN
            self.peer_syn = self.peer_syn or row
            return Event.PEER_SYN
        self.syn_count += 1 + row.folded
        if row.seq != self.attempt.isn:
            return Event.OLD_SYN
        self.facts |= Fact.SYN
        if self.facts & Fact.REFUSED:
            self.facts |= Fact.SYN_AFTER_REFUSAL
        self.syn = self.syn or row
        self.syns.append(row)
        return Event.SYN

    def _synack(self, row: Row, from_client: bool) -> Event:
        if self._is_right_synack(row):
            self.facts |= Fact.SYNACK | Fact.SERVER_ACKS_CLIENT
            self.synack_count += 1 + row.folded
            self.synack = self.synack or row
            self.synacks.append(row)
            self._behind.add(seq.add(row.seq, 1))
            return Event.SYNACK
        if from_client:
            if self.peer_syn and row.ack == seq.add(self.peer_syn.seq, 1):
                self.facts |= Fact.CLIENT_ACKS_PEER
                return Event.PEER_SYNACK
            return Event.OTHER
        self.synack_count += 1 + row.folded
        if self.attempt.acknowledges_old(row.ack):
            return Event.OLD_SYNACK
        self._wrong_answers.add(row.ack)
        self.facts |= Fact.WRONG_ANSWER
        return Event.WRONG_SYNACK

    def _client_rst(self, row: Row) -> Event:
        if self.facts & Fact.COMPLETED:
            return Event.RESET
        if row.seq in self._right_acks:  # it may have been recorded before that
            return self._abort(row)
        if row.seq in self._wrong_answers or self.attempt.acknowledges_old(row.seq):
            return Event.RST_ANSWER
        if not self._right and 0 < seq.ahead(row.seq, self.attempt.isn) < FAR:
            self.facts |= Fact.CLIENT_BEYOND
        return Event.WRONG_RST

    def _server_rst(self, row: Row) -> Event:
        if self.facts & Fact.COMPLETED:
            return Event.RESET
        if not self.synacks:
            # RFC 9293, 3.10.7.3, second: "If the ACK was acceptable, then signal to the user 'error: connection
            # reset'"; without ACK, or with another number, "drop the segment and return".
            if row.tcp_flags & ACK and self.attempt.acknowledged_by(row.ack):
                if self.facts & Fact.CLIENT_BEYOND:
                    self.facts |= Fact.SERVER_ACKS_CLIENT
                    return Event.RESET  # of a connection whose SYN-ACK was not captured
                self.facts |= Fact.REFUSED
                return Event.REFUSAL
            if row.seq in self._wrong_acks:
                return Event.RST_ANSWER
            if row.tcp_flags & ACK:
                self.facts |= Fact.WRONG_ANSWER
            return Event.WRONG_RST
        if row.seq in self._wrong_acks:
            return Event.RST_ANSWER
        if row.seq in self._behind:
            return self._abort(row)
        return Event.WRONG_RST

    def _abort(self, row: Row) -> Event:
        self.facts |= Fact.ABORTED
        self.abort = self.abort or row
        return Event.ABORT

    def _client_ack(self, row: Row) -> Event:
        peer = self.peer_syn
        if peer and 0 < seq.ahead(row.ack, peer.seq) < FAR:
            self.facts |= Fact.CLIENT_ACKS_PEER
        if self.facts & Fact.COMPLETED:
            return Event.CLIENT_GOES_ON
        if self._right:
            if self._completes(row):
                self.facts |= Fact.COMPLETED
                self.ack = row
                return Event.COMPLETING
            if 0 < seq.ahead(row.seq, self.attempt.isn) <= self.attempt.syn_octets:
                return Event.CLIENT_GOES_ON  # repeats data of its SYN (RFC 7413, section 4.2)
            if not self.facts & Fact.WRONG_ACK and self._follows_a_gap(row):
                self.facts |= Fact.SERVER_BEYOND
                return Event.CLIENT_GOES_ON
        elif 0 < seq.ahead(row.seq, self.attempt.isn) < FAR and not self._wrong_answers:
            self.facts |= Fact.CLIENT_BEYOND
            return Event.CLIENT_GOES_ON
        self.facts |= Fact.WRONG_ACK
        self._wrong_acks.add(row.ack)
        return Event.WRONG_ACK

    def _server_ack(self, row: Row) -> Event:
        speaks = bool(row.payload_length or row.tcp_flags & FIN)
        ack, isn = seq.add(row.ack, row.folded_ack), self.attempt.isn
        answers_syn = not self.synacks and not self.facts & Fact.CLIENT_BEYOND
        if answers_syn and not speaks and not self.attempt.acknowledged_by(ack):
            self._wrong_answers.add(row.ack)
            self.facts |= Fact.CHALLENGED
            return Event.CHALLENGE  # its number has nothing to do with this SYN's and may well lie beyond it
        if not self._right:
            if 0 < seq.ahead(ack, isn) < FAR:
                self.facts |= Fact.SERVER_ACKS_CLIENT | Fact.SERVER_GOES_ON
                return Event.SERVER_GOES_ON
            return Event.OTHER
        first = self._right[0]
        if 0 < seq.ahead(ack, first.ack) < FAR:
            self.facts |= Fact.SERVER_BEYOND | Fact.SERVER_GOES_ON
            return Event.SERVER_GOES_ON
        if speaks and 0 < seq.ahead(row.seq, first.seq) < FAR:
            self.facts |= Fact.SERVER_GOES_ON
            return Event.SERVER_GOES_ON
        return Event.OTHER

    # The tests behind them.

    def _is_right_synack(self, row: Row) -> bool:
        return (
            row.tcp_flags & (SYN | ACK | RST) == SYN | ACK
            and row.kind != ICMP
            and (row.side != self.attempt.client or row.seq == self.attempt.isn)
            and self.attempt.acknowledged_by(row.ack)
        )

    def _completes(self, row: Row) -> bool:
        """Whether a segment of the client takes a host that sent a right SYN-ACK from SYN-RECEIVED to ESTABLISHED.

        An older timestamp fails PAWS (RFC 7323, section 5.3).
        """
        if (row.seq, row.ack) not in self._exact and not any(map(partial(self._fits, row), self._right[:COMPARED])):
            return False
        first_tsval = self.syn.tsval if self.syn else ABSENT
        return ABSENT in (row.tsval, first_tsval) or seq.diff(row.tsval, first_tsval) >= 0

    def _fits(self, row: Row, synack: Row) -> bool:
        """RFC 9293, section 3.10.7.4: first the sequence number must be acceptable, fifth "If SND.UNA < SEG.ACK =<
        SND.NXT, then enter ESTABLISHED state".
        """
        advance = seq.ahead(row.ack, synack.seq)
        length = row.payload_length + bool(row.tcp_flags & FIN)
        acceptable = row.seq == synack.ack or seq.acceptable(row.seq, length, synack.ack, _window_of(synack))
        return acceptable and 0 < advance <= self._reach_of(synack.seq)

    def _reach_of(self, server_isn: int) -> int:
        """How far beyond its ISN the server's segments reach: a client may acknowledge no more than that.

        Another ISN among its SYN-ACKs is not a number that it reached.
        """
        if server_isn not in self._reach:
            furthest = 1
            for row in self.rows:
                sent = row.side != self.attempt.client and row.kind != ICMP and not row.tcp_flags & RST
                if sent and (row.seq == server_isn or not row.tcp_flags & SYN):
                    advance = seq.ahead(end_of(row), server_isn)
                    if advance < FAR:
                        furthest = max(furthest, advance + row.folded_end)
            self._reach[server_isn] = furthest
        return self._reach[server_isn]

    def _follows_a_gap(self, row: Row) -> bool:
        """Whether segments of *both* sides before this one are missing from the capture, and the server took it.

        It stands further on than the completing segment does, inside the window, and acknowledges more than was seen of
        the server: two numbers that fit a loss of the capture. To a wrong number the server would have sent an RST.
        """
        if self._refuted is None:
            self._refuted = self._last_refuting()
        last_synack, last_reset = self._refuted
        if max(last_synack, last_reset.get(row.ack, ABSENT)) > len(self.events):  # behind this row
            return False
        return any(
            0 < seq.ahead(row.seq, synack.ack) < _window_of(synack) and 0 < seq.ahead(row.ack, synack.seq) < FAR
            for synack in self._right[:COMPARED]
        )

    def _last_refuting(self) -> tuple[int, dict[int, int]]:
        """Where the server's last right SYN-ACK stands, and its last RST without ACK of each number, or ABSENT."""
        synack, resets = ABSENT, {}
        for index, row in enumerate(self.rows):
            if row.side != self.attempt.client and row.kind != ICMP:
                if self._is_right_synack(row):
                    synack = index
                elif row.tcp_flags & (RST | ACK) == RST:
                    resets[row.seq] = index
        return synack, resets

    def _is_client_only(self, end_time: int) -> bool:
        """Whether the server goes on as if the completing ACK had not arrived.

        It sends nothing but SYN-ACKs then. One that crossed the ACK, or that the network copied (an old TSval), proves
        nothing; a single later one does only where data or FIN of the client stay unacknowledged too.
        """
        assert self.ack is not None and self.synack is not None
        position = self.events.index(Event.COMPLETING)
        if Event.SYNACK not in self.events[position:]:
            return False
        before, after = self.rows[:position], self.rows[position:]
        server_rtt = max(0, self.synack.time - self.syn.time) if self.syn else 0
        seen = {row.tsval for row in before if self._is_right_synack(row)}
        repeats = 0
        unacknowledged = NO_TIME
        for row in after:
            if row.side == self.attempt.client:
                if unacknowledged == NO_TIME and (row.payload_length or row.tcp_flags & FIN):
                    unacknowledged = row.time
            elif self._is_right_synack(row):
                crossed = row.time <= self.ack.time + server_rtt
                if not crossed and (row.tsval == ABSENT or row.tsval not in seen):
                    repeats += 1 + row.folded
                seen.add(row.tsval)
            elif row.kind != ICMP and not row.tcp_flags & (SYN | RST):
                ack = seq.add(row.ack, row.folded_ack)
                if row.payload_length or row.tcp_flags & FIN or 0 < seq.ahead(ack, self.synack.ack) < FAR:
                    return False
        unheard = unacknowledged != NO_TIME and end_time - unacknowledged >= max(SECOND, server_rtt)
        return repeats >= 2 or (repeats == 1 and unheard)


def _window_of(synack: Row) -> int:
    return _LARGEST_WINDOW if synack.unseen & WINDOW_UNSEEN else synack.window


def _midstream_facts(rows: Sequence[Row]) -> int:
    # RFC 9293, 3.10.7.1: an RST that answers an ACK carries no ACK itself, or at most one of just that segment. One
    # that acknowledges something else comes from a host that knew the connection.
    resets = {
        (row.side, row.seq, row.ack if row.tcp_flags & ACK else ABSENT)
        for row in rows
        if row.kind != ICMP and row.tcp_flags & RST
    }
    unreset = any(
        row.kind != ICMP
        and row.tcp_flags & (ACK | RST) == ACK
        and not {(1 - row.side, row.ack, ABSENT), (1 - row.side, row.ack, end_of(row))} & resets
        for row in rows
    )
    return Fact.UNRESET_ACK if unreset else 0


def _midstream_event(row: Row) -> Event:
    if row.kind == ICMP:
        return Event.OTHER_ICMP
    return Event.RESET if row.tcp_flags & RST else Event.OTHER
