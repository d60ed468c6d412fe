"""Round-trip times of a handshake (estimators R1, R2 and R3).

R1 is SYN to SYN-ACK: from the tap to the server and back. R2 is SYN-ACK to ACK: from the tap to the client and back.
R3 is their sum, the whole path. A repeated SYN or SYN-ACK leaves open which copy was answered (Karn's ambiguity), and
timestamps do not settle it: Linux echoes the *first* SYN's TSval in the SYN-ACK that answers the second. So the span is
an interval then, narrowed only where an echo proves something. It is never negative, and never taken from an attempt
that was refused or not answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pcapcheck import seq
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.evidence import Evidence, Fact
from pcapcheck.openings import Row
from pcapcheck.tables import ABSENT, RTT_STATUSES

_NONE, _EXACT, _INTERVAL = (RTT_STATUSES.index(status) for status in ("none", "exact", "interval"))

# What came of these attempts measures nothing.
UNMEASURED = frozenset({"refused", "unreachable", "unanswered", "stray", "midstream"})


class Span(NamedTuple):
    """An interval in nanoseconds; both ends ABSENT where nothing can be said."""

    least: int
    most: int

    @property
    def exact(self) -> int:
        return self.least if self.least == self.most else ABSENT

    @property
    def status(self) -> int:
        if self.most == ABSENT:
            return _NONE
        return _EXACT if self.least == self.most else _INTERVAL

    def plus(self, other: Span) -> Span:
        if ABSENT in (self.most, other.most):
            return NO_SPAN
        return Span(self.least + other.least, self.most + other.most)


NO_SPAN = Span(ABSENT, ABSENT)


def spans(evidence: Evidence, outcome: str) -> tuple[Span, Span, Span]:
    """Server, client and handshake RTT of one attempt."""
    if outcome in UNMEASURED or evidence.facts & Fact.PEER_SYN:
        return NO_SPAN, NO_SPAN, NO_SPAN
    server = _server(evidence)
    client = _client(evidence)
    return server, client, server.plus(client)


def worst(*found: Span) -> int:
    """The worst of their statuses, as an index of RTT_STATUSES."""
    statuses = {span.status for span in found}
    return next(status for status in (_NONE, _INTERVAL, _EXACT) if status in statuses)


def _between(asked: Sequence[Row], answer: Row) -> Span:
    """From whichever of ``asked`` it answers to ``answer``: those after it in time it cannot answer."""
    times = [row.time for row in asked if row.time <= answer.time]
    if not times or NO_TIME in times:
        return NO_SPAN
    last = max([row.folded_until for row in asked if row.folded and row.folded_until <= answer.time] + times)
    return Span(answer.time - last, answer.time - min(times))


def _server(evidence: Evidence) -> Span:
    synack = evidence.synack
    if synack is None or not evidence.syns:
        return NO_SPAN
    syns = evidence.syns
    if ABSENT != synack.tsecr != syns[0].tsval:
        # An echo of a later SYN proves that the first was not the one answered; an echo of the first proves nothing.
        later = [index for index, syn in enumerate(syns) if syn.tsval == synack.tsecr]
        syns = syns[later[0] :] if later else syns
    return _between(syns, synack)


def _client(evidence: Evidence) -> Span:
    ack, synacks = evidence.ack, evidence.synacks
    if ack is None or not synacks:
        return NO_SPAN
    span = _between(synacks, ack)
    answered = any(ack.seq == synack.ack and ack.ack == seq.add(synack.seq, 1) for synack in synacks)
    # A segment further on was not sent on the SYN-ACK's arrival: the time says only "no more than".
    return span if answered or span.most == ABSENT else Span(0, span.most)
