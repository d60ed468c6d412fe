"""Evidence to verdicts: the state machine of a handshake, as one table.

Everything that decides an outcome or a shape stands in the two tables here; everything that they decide on is a Fact
(evidence.py). The first line that fits wins.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

from pcapcheck.evidence import Fact


class Decision(NamedTuple):
    """An attempt that shows all of ``shown`` and none of ``not_shown`` is ``verdict``."""

    verdict: str
    shown: int  # Fact bits
    not_shown: int
    because: str


_NOTHING: Final = 0

OUTCOME_OF: Final = (
    # The SYN is not in the capture.
    Decision("partial", Fact.SYNACK | Fact.COMPLETED, Fact.SYN, "the SYN is missing, the rest fits"),
    Decision(
        "one-sided", Fact.SYNACK | Fact.SERVER_GOES_ON, Fact.SYN | Fact.CLIENT_SEEN, "only the server was captured"
    ),
    Decision(
        "partial",
        Fact.SYNACK | Fact.SERVER_BEYOND | Fact.CLIENT_SEEN,
        Fact.SYN,
        "SYN and completing segment are missing, the rest fits",
    ),
    Decision("stray", Fact.SYNACK, Fact.SYN, "a SYN-ACK that nobody asked for and nobody completes"),
    Decision("midstream", Fact.UNRESET_ACK, Fact.SYN, "the flow was open already"),
    Decision("stray", _NOTHING, Fact.SYN, "segments that belong to no attempt"),
    # Both sides sent a SYN (RFC 9293, section 3.5, figure 7; MUST-10), each acknowledged by the other.
    Decision(
        "established",
        Fact.PEER_SYN | Fact.CLIENT_ACKS_PEER | Fact.SERVER_ACKS_CLIENT,
        _NOTHING,
        "both sides sent a SYN and both were acknowledged",
    ),
    # A segment took the server from SYN-RECEIVED to ESTABLISHED (section 3.10.7.4, fifth). An RST after it is a close.
    Decision(
        "client-only", Fact.SYNACK | Fact.COMPLETED | Fact.CLIENT_ONLY, _NOTHING, "the server did not take the ACK"
    ),
    Decision("established", Fact.SYNACK | Fact.COMPLETED, _NOTHING, "SYN, SYN-ACK and the completing segment fit"),
    # An acceptable RST came before any right SYN-ACK (section 3.10.7.3, second).
    Decision("refused", Fact.REFUSED, Fact.SYN_AFTER_REFUSAL, "an RST answered the SYN"),
    Decision("refused", Fact.REFUSED, Fact.SYNACK, "an RST answered the SYN, and nothing better its repeats"),
    # A right SYN-ACK, and nothing that completes.
    Decision(
        "partial", Fact.SYNACK | Fact.SERVER_BEYOND, _NOTHING, "the server acknowledges segments that are missing"
    ),
    Decision("invalid", Fact.SYNACK | Fact.WRONG_ACK, _NOTHING, "the client's ACK has wrong numbers"),
    Decision("aborted", Fact.SYNACK | Fact.ABORTED, _NOTHING, "an RST with the exact number ended it"),
    Decision("pending", Fact.SYNACK | Fact.NEAR_END, _NOTHING, "the capture ends too soon after the SYN-ACK"),
    Decision("half-open", Fact.SYNACK, _NOTHING, "nothing completed it and nothing ended it"),
    # No right SYN-ACK.
    Decision("unreachable", Fact.UNREACHABLE, _NOTHING, "an ICMP error quotes this SYN"),
    Decision("one-sided", Fact.CLIENT_BEYOND, Fact.SERVER_SEEN, "the client acts on an answer that was not captured"),
    Decision(
        "partial", Fact.CLIENT_BEYOND | Fact.SERVER_ACKS_CLIENT, _NOTHING, "the SYN-ACK is missing, the rest fits"
    ),
    Decision("stray", Fact.CONTINUES_OLDER, _NOTHING, "the client goes on with its older connection"),
    Decision("invalid", Fact.WRONG_ANSWER, _NOTHING, "the answer to the SYN has wrong numbers"),
    Decision("pending", Fact.NEAR_END, _NOTHING, "the capture ends too soon after the SYN"),
    Decision("invalid", Fact.CHALLENGED, _NOTHING, "the SYN got nothing but ACKs of something else"),
    Decision("unanswered", _NOTHING, _NOTHING, "nothing came back"),
)

SHAPE_OF: Final = (
    Decision("", _NOTHING, Fact.SYN, "the SYN is missing"),
    Decision("self-connect", Fact.SELF_CONNECT, _NOTHING, "both ends are one socket"),
    Decision("old-duplicate", Fact.OLD_DUPLICATE, _NOTHING, "RFC 9293, section 3.5, figure 8"),
    Decision(
        "simultaneous-open",
        Fact.PEER_SYN | Fact.CLIENT_ACKS_PEER | Fact.SYNACK,
        _NOTHING,
        "RFC 9293, section 3.5, figure 7",
    ),
    Decision(
        "split",
        Fact.PEER_SYN | Fact.CLIENT_ACKS_PEER | Fact.SERVER_ACKS_CLIENT,
        _NOTHING,
        "the server sent its SYN apart from its ACK",
    ),
    Decision(
        "half-open-discovery",
        Fact.CHALLENGED | Fact.SYNACK | Fact.COMPLETED,
        _NOTHING,
        "RFC 9293, section 3.5.1, figure 9",
    ),
    Decision("fast-open", Fact.SYN_DATA_TAKEN | Fact.COMPLETED, _NOTHING, "RFC 7413, section 4.2"),
    Decision("three-way", Fact.SYNACK | Fact.COMPLETED, _NOTHING, "RFC 9293, section 3.5, figure 6"),
    Decision("", _NOTHING, _NOTHING, "not complete"),
)


@cache
def outcome_of(facts: int) -> str:
    """The outcome of an attempt that shows these facts."""
    return _decide(OUTCOME_OF, facts).verdict


@cache
def shape_of(facts: int) -> str:
    """The shape of a complete handshake that shows these facts, or empty."""
    return _decide(SHAPE_OF, facts).verdict


def reason_of(facts: int) -> str:
    """Why the outcome is what it is, in a few words."""
    return _decide(OUTCOME_OF, facts).because


def _decide(table: tuple[Decision, ...], facts: int) -> Decision:
    return next(line for line in table if facts & line.shown == line.shown and not facts & line.not_shown)
