"""The kept rows of one handshake, each with what it is in words and the numbers that it should have carried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import ACK, BAD, FIN, RST, SYN, WINDOW_UNSEEN
from pcapcheck.evidence import Event
from pcapcheck.openings import ICMP, Row
from pcapcheck.select import end_of
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic

_WORDS: Final = {
    Event.SYN: "opens",
    Event.OLD_SYN: "old duplicate SYN",
    Event.PEER_SYN: "the server's own SYN",
    Event.SYNACK: "acknowledges the SYN",
    Event.OLD_SYNACK: "acknowledges the old duplicate SYN",
    Event.PEER_SYNACK: "acknowledges the server's SYN",
    Event.WRONG_SYNACK: "wrong SYN-ACK",
    Event.COMPLETING: "completes the handshake",
    Event.WRONG_ACK: "wrong ACK",
    Event.CHALLENGE: "challenge ACK: does not acknowledge the SYN",
    Event.REFUSAL: "refuses the SYN",
    Event.ABORT: "aborts the handshake",
    Event.RST_ANSWER: "answers wrong numbers",
    Event.WRONG_RST: "RST to be ignored",
    Event.RESET: "resets the connection",
}
_WRONG: Final = frozenset({Event.WRONG_SYNACK, Event.WRONG_ACK, Event.WRONG_RST})


class Rung(NamedTuple):
    """One kept row."""

    row: Row
    event: Event
    from_client: bool
    words: str = ""
    wrong: bool = False
    expected_seq: int = ABSENT  # where the row carries another
    expected_ack: int = ABSENT


class Rungs:
    """The rows of one handshake in capture order, and the numbers from which relative ones count."""

    def __init__(self, traffic: Traffic, index: int, named: Callable[[int], str] = str) -> None:
        """``named`` gives the name of a frame, for "copy of frame 3"."""
        self._named = named
        traffic, index = traffic.take(np.array([index])), 0
        self.all: list[Rung] = []
        values = zip(traffic.rows.records().tolist(), traffic.event, traffic.from_client, strict=True)
        for fields, event, from_client in values:
            row = Row(*fields)
            row = row._replace(options=row.options[: row.options_length])
            self.all.append(Rung(row, Event(event), bool(from_client)))
        handshakes = traffic.handshakes
        self.client_isn = int(handshakes.client_isn[index])
        self.server_isn = int(handshakes.server_isn[index])
        if self.client_isn == ABSENT and handshakes.synack_ack[index] != ABSENT:
            self.client_isn = seq.add(int(handshakes.synack_ack[index]), -1)
        self._syn_octets = int(handshakes.syn_octets[index])
        self._bases = {True: self.client_isn, False: self.server_isn}
        for side in (True, False):
            if self._bases[side] == ABSENT:
                self._bases[side] = self._first_number(side)
        for position, rung in enumerate(self.all):
            self.all[position] = self._described(position, rung)

    def relative(self, number: int, of_client: bool) -> int:
        """The number counted from the ISN of the side that it numbers, or from the first one seen of it."""
        return seq.diff(number, self._bases[of_client])

    def _first_number(self, of_client: bool) -> int:
        for rung in self.all:
            if rung.from_client == of_client:
                return rung.row.seq
            if rung.row.kind != ICMP and rung.row.tcp_flags & ACK:
                return rung.row.ack
        return 0

    def _described(self, position: int, rung: Rung) -> Rung:
        row, event = rung.row, rung.event
        if row.kind == ICMP:
            return rung._replace(words=_icmp_words(row))
        expected_seq, expected_ack, words = self._expected(position, rung)
        words = words or _WORDS.get(event) or _content(row)
        before = self.all[:position]
        if event is Event.COPY:
            originals = [one for one in before if _is_original(one, rung)]
            copied = f"copy of frame {self._named(originals[-1].row.frame)}" if originals else "copy"
            words = f"{copied} made by the capture"
        elif event is Event.RST_ANSWER:
            asked = [one.row.frame for one in before if _is_answered_by(one, rung)]
            words = f"answers frame {self._named(asked[-1])}" if asked else words
        elif event not in _WRONG:
            repeated = [one.row.frame for one in before if _is_repeated_by(one, rung)]
            words = f"repeat of frame {self._named(repeated[0])}" if repeated else words
        if row.checksum == BAD:
            words = ", ".join(filter(None, (words, "wrong TCP checksum")))
        return rung._replace(words=words, wrong=event in _WRONG, expected_seq=expected_seq, expected_ack=expected_ack)

    def _expected(self, position: int, rung: Rung) -> tuple[int, int, str]:
        """The seq and the ack that a wrong row should carry (ABSENT: its own is right), and what else is wrong."""
        row, synack = rung.row, self._synack(position)
        if rung.event is Event.WRONG_SYNACK:
            return ABSENT, seq.add(self.client_isn, 1), ""
        if rung.event is Event.WRONG_ACK:
            if synack is None:
                return ABSENT, ABSENT, "ACK without a right SYN-ACK"
            window = 0 if synack.unseen & WINDOW_UNSEEN else synack.window
            length = seq.ahead(end_of(row), row.seq)
            bad_seq = row.seq != synack.ack and not seq.acceptable(row.seq, length, synack.ack, window)
            bad_ack = not 0 < seq.ahead(row.ack, synack.seq) <= self._reach(synack.seq)
            return (
                synack.ack if bad_seq else ABSENT,
                seq.add(synack.seq, 1) if bad_ack else ABSENT,
                "" if bad_seq or bad_ack else "wrong ACK: its timestamp is older than the SYN's",
            )
        if rung.event is Event.WRONG_RST:
            if synack is not None:
                return (synack.ack if rung.from_client else seq.add(synack.seq, 1)), ABSENT, ""
            if not rung.from_client and row.tcp_flags & ACK:
                return ABSENT, seq.add(self.client_isn, 1), ""
            return ABSENT, ABSENT, "" if rung.from_client else "RST to be ignored: it acknowledges nothing"
        return ABSENT, ABSENT, ""

    def _synack(self, position: int) -> Row | None:
        """The right SYN-ACK that holds for a row: the first before it, else the first of all."""
        found = [rung.row for rung in self.all[:position] if rung.event is Event.SYNACK]
        if not found and self.all[position].event is Event.WRONG_ACK:
            found = [rung.row for rung in self.all if rung.event is Event.SYNACK]
        return found[0] if found else None

    def _reach(self, server_isn: int) -> int:
        """How far beyond its ISN the server's segments reach."""
        sent = [rung.row for rung in self.all if not rung.from_client and rung.row.kind != ICMP]
        return max(
            [1, *(seq.diff(end_of(row), server_isn) + row.folded_end for row in sent if not row.tcp_flags & RST)]
        )


def _is_original(one: Rung, copy: Rung) -> bool:
    names = ("side", "kind", "seq", "ack", "tcp_flags", "payload_length", "window", "ip_id")
    same = all(getattr(one.row, name) == getattr(copy.row, name) for name in names)
    return same and one.event is not Event.COPY


def _is_repeated_by(one: Rung, rung: Rung) -> bool:
    """Whether a segment is sent once more. The ACK of data may have moved on, that of a SYN-ACK not."""
    row, first = rung.row, one.row
    if Event.COPY in (one.event, rung.event) or ICMP in (first.kind, row.kind):
        return False
    if (first.side, first.seq, first.payload_length) != (row.side, row.seq, row.payload_length):
        return False
    if end_of(row) == row.seq or (row.tcp_flags | first.tcp_flags) & RST:
        return False
    if row.tcp_flags & SYN:
        return one.event is rung.event
    return not (row.tcp_flags ^ first.tcp_flags) & (SYN | FIN)


def _is_answered_by(one: Rung, rst: Rung) -> bool:
    asks = one.row.kind != ICMP and one.row.tcp_flags & ACK and one.event is not Event.COPY
    return bool(asks) and one.from_client != rst.from_client and one.row.ack == rst.row.seq


def _content(row: Row) -> str:
    words = ["data"] if row.payload_length else []
    return " and ".join([*words, "closes"] if row.tcp_flags & FIN else words)


# RFC 792, 1122 (section 3.2.2.1), 1812 (section 5.2.7.1) and 4443 (section 3); by type * 256 + code, as in Row.ack.
_UNREACHABLE: Final = (
    "network unreachable", "host unreachable", "protocol unreachable", "port unreachable", "fragmentation needed",
    "source route failed", "network unknown", "host unknown", "source host isolated",
    "network administratively prohibited", "host administratively prohibited", "network unreachable for this TOS",
    "host unreachable for this TOS", "administratively prohibited", "host precedence violation", "precedence cutoff",
)  # fmt: skip
_UNREACHABLE_V6: Final = (
    "no route", "administratively prohibited", "beyond scope of source address", "address unreachable",
    "port unreachable", "source address failed policy", "route rejected",
)  # fmt: skip
_MESSAGES: Final = {
    **{3 << 8 | code: words for code, words in enumerate(_UNREACHABLE)},
    **{1 << 16 | 1 << 8 | code: words for code, words in enumerate(_UNREACHABLE_V6)},
    11 << 8: "time to live exceeded",
    1 << 16 | 2 << 8: "packet too big",
    1 << 16 | 3 << 8: "hop limit exceeded",
}


def _icmp_words(row: Row) -> str:
    return f"{_MESSAGES.get(row.ack, 'error')} (type {row.ack >> 8 & 0xFF}, code {row.ack & 0xFF})"
