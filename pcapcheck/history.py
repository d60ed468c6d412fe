"""The course of an attempt in other tools' words, and how its connection was closed.

All three are read off the kept rows: the segments in the middle of a long connection are not among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.segment import ACK, BAD, FIN, RST, SYN
from pcapcheck.evidence import Event, Evidence, Fact
from pcapcheck.openings import ICMP, Ints, Row
from pcapcheck.tables import ABSENT, CLOSES

# Wireshark's tcp.completeness bits.
_SYN_BIT, _SYNACK_BIT, _ACK_BIT, DATA_BIT, _FIN_BIT, _RST_BIT = (1 << bit for bit in range(6))

# So many courses are remembered: most attempts take one of a few.
_COURSES: Final = 1 << 10

# Outcomes of which a close can be told: a connection existed.
_CONNECTED: Final = frozenset({"established", "client-only", "partial", "one-sided", "midstream"})


class Kind(NamedTuple):
    """A kind of segment, as far as it matters here."""

    from_client: bool
    flags: int
    corrupt: bool
    data: bool


def course(evidence: Evidence) -> tuple[Kind, ...]:
    """The kinds of the segments of an attempt, each where it first comes."""
    client = evidence.attempt.client
    found = dict.fromkeys(
        (row.side == client, row.tcp_flags, row.checksum == BAD, row.payload_length > 0 or row.folded_octets > 0)
        for row in evidence.rows
        if row.kind != ICMP
    )
    return tuple(map(Kind._make, found))


@lru_cache(_COURSES)
def letters(course: tuple[Kind, ...]) -> str:
    """Zeek's ``history``: one letter a kind of segment, at its first occurrence, upper case for the client."""
    found: dict[str, None] = {}
    for kind in course:
        for letter in _letters_of(kind):
            found.setdefault(letter.upper() if kind.from_client else letter)
    return "".join(found)


def _letters_of(kind: Kind) -> str:
    flags = kind.flags
    corrupt = "c" if kind.corrupt else ""
    if flags & SYN and flags & (FIN | RST):
        return corrupt + "q"
    if flags & SYN:
        return corrupt + ("h" if flags & ACK else "s")
    if flags & RST:
        return "r"
    data = "d" if kind.data else ""
    if flags & FIN:
        return data + "f"
    return data or ("a" if flags & ACK else "")


@lru_cache(_COURSES)
def completeness(course: tuple[Kind, ...]) -> int:
    """Wireshark's ``tcp.completeness``: 1 SYN, 2 SYN-ACK, 4 ACK, 8 data, 16 FIN, 32 RST."""
    bits = 0
    for _, flags, _, data in course:
        if flags & SYN:
            bits |= _SYNACK_BIT if flags & ACK else _SYN_BIT
        else:
            bits |= _ACK_BIT if flags & ACK else 0
            bits |= DATA_BIT if data else 0
        bits |= _FIN_BIT if flags & FIN else 0
        bits |= _RST_BIT if flags & RST else 0
    return bits


def close(evidence: Evidence, outcome: str) -> tuple[str, int]:
    """How the connection ended, and the side (0 or 1) that began it, or ABSENT."""
    if outcome not in _CONNECTED:
        return "", ABSENT
    rows = evidence.rows
    finished: list[int] = []  # the sides that sent a FIN, in order
    acknowledged: tuple[set[int], set[int]] = set(), set()  # by each side so far
    last = {row.side: index for index, row in enumerate(rows) if row.kind != ICMP and not row.tcp_flags & RST}
    for index, row in enumerate(rows):
        if row.kind == ICMP:
            continue
        if row.tcp_flags & FIN and row.side not in finished:
            finished.append(row.side)
        acceptable = row.tcp_flags & RST and evidence.events[index] not in (Event.RST_ANSWER, Event.WRONG_RST)
        if acceptable and len(finished) < 2:
            # RFC 9293, 3.10.7.4, first: it closes the connection where SEG.SEQ = RCV.NXT. One with another number draws
            # a challenge ACK, and where segments of both sides follow it did not close anything.
            fits = row.seq in acknowledged[1 - row.side] or row.seq == evidence.attempt.nxt[row.side]
            if fits or sum(index < its_last for its_last in last.values()) < 2:
                return "reset", row.side
        if row.tcp_flags & ACK:
            acknowledged[row.side].add(row.ack)
    if not finished:
        return "open", ABSENT
    return ("fin" if len(finished) == 2 else "half-closed"), finished[0]


def cut_short(close: Ints) -> npt.NDArray[np.bool_]:
    """Which of these, indices of CLOSES, are of connections that were reset, or closed in one direction only."""
    reset, half_closed = CLOSES.index("reset"), CLOSES.index("half-closed")
    found: npt.NDArray[np.bool_] = (close == reset) | (close == half_closed)
    return found


_ZEEK_OF_CLOSE: Final = {
    ("open", False): "S1", ("open", True): "S1",
    ("fin", False): "SF", ("fin", True): "SF",
    ("half-closed", True): "S2", ("half-closed", False): "S3",
    ("reset", True): "RSTO", ("reset", False): "RSTR",
}  # fmt: skip


def zeek_state(evidence: Evidence, outcome: str, how: str, by: int) -> str:
    """The ``conn_state`` that Zeek would give, or empty where its definitions say nothing.

    They are those of Zeek's ``Conn::Info``; its code decides by the states of the endpoints, to the same effect here.
    """
    facts, client = evidence.facts, evidence.attempt.client
    if outcome in ("established", "client-only"):
        return _ZEEK_OF_CLOSE[how, by == client]
    if outcome == "refused":
        return "REJ"
    if facts & Fact.SYN and not facts & Fact.SERVER_SEEN:
        return _zeek_state_of_silence(evidence.rows, outcome)
    if outcome in ("unanswered", "unreachable", "pending") and not facts & Fact.SYNACK:
        return "S0"
    if outcome in ("half-open", "pending"):
        return "S1"
    if outcome == "aborted" and evidence.abort:
        return "RSTO" if evidence.abort.side == client else "RSTR"
    if outcome in ("midstream", "partial"):
        return "OTH"
    if facts & Fact.SYNACK and not facts & (Fact.SYN | Fact.CLIENT_SEEN):
        flags = _flags_of(evidence.rows)
        return "RSTRH" if flags & RST else "SHR" if flags & FIN else "OTH"
    if outcome in ("one-sided", "stray") and facts & Fact.SYNACK and not facts & Fact.SYN:
        return "OTH"
    return ""


def _zeek_state_of_silence(rows: Sequence[Row], outcome: str) -> str:
    """Of a SYN of whose receiver nothing was captured: RSTOS0 and SH say how the client gave up."""
    flags = _flags_of(rows)
    if flags & RST:
        return "OTH" if flags & (ACK | FIN) else "RSTOS0"
    if flags & FIN:
        return "SH"
    return "S0" if outcome in ("unanswered", "unreachable", "pending") else ""


def _flags_of(rows: Sequence[Row]) -> int:
    """All flags of the segments that are no SYN, but the ACK of a bare RST-ACK: that one acknowledges nothing new."""
    found = 0
    for row in rows:
        if row.kind != ICMP and not row.tcp_flags & SYN:
            found |= row.tcp_flags & ~ACK if row.tcp_flags & RST else row.tcp_flags
    return found
