"""How connections begin: SYN, SYN-ACK, ACK; or a refusal; or nothing but the SYN again and again."""

from __future__ import annotations

from typing import Final

import numpy as np

from generator.connections import ESTABLISHED, IS_REFUSED, IS_UNANSWERED, Connections, refusals, segments, sent
from generator.draws import Draws, Ints
from generator.flights import TURN
from generator.packets import ACK, SYN, Packets
from generator.profiles import SECOND

SYN_LOST: Final = 0.004
# Linux doubles its wait for a SYN-ACK; the program gives up before the fifth SYN.
REPEATS: Final = [0, 1 * SECOND, 3 * SECOND, 7 * SECOND]


def openings(of: Connections, draws: Draws) -> tuple[list[Packets], Ints, Ints]:
    """The packets; and of each connection the time of its ACK, and when its SYN-ACK was sent."""
    every = np.arange(len(of))
    lost = draws.chance(SYN_LOST, len(of)) & (of.outcome == ESTABLISHED)
    last = of.start + np.where(lost, REPEATS[1], 0)
    answered = last + of.server_rtt + TURN
    completed = answered + of.client_rtt + TURN
    silent = np.flatnonzero(of.outcome == IS_UNANSWERED)
    refused = np.flatnonzero(of.outcome == IS_REFUSED)
    good = np.flatnonzero(of.outcome == ESTABLISHED)
    repeated = np.flatnonzero(lost)
    syn_ack_sent = sent(of, every, False, answered)
    return (
        [
            segments(of, every, True, of.start, SYN),
            segments(of, repeated, True, last[repeated], SYN),
            *[segments(of, silent, True, of.start[silent] + wait, SYN) for wait in REPEATS[1:]],
            refusals(of, refused, answered[refused]),
            segments(of, good, False, answered[good], SYN | ACK, ack=1, echo=sent(of, good, True, last[good])),
            segments(of, good, True, completed[good], ACK, seq=1, ack=1, echo=syn_ack_sent[good]),
        ],
        completed,
        syn_ack_sent,
    )
