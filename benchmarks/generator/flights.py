"""When the segments of responses pass: rounds of slow start, and the time of what is sent again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import numpy as np

from generator.draws import Bools, Ints, spread
from generator.profiles import MICROSECOND, MILLISECOND

TURN: Final = 20 * MICROSECOND  # what a host takes to answer
SPACING: Final = 12 * MICROSECOND  # a full frame at 1 Gbit/s
INITIAL_WINDOW: Final = 10  # segments (RFC 6928)
ROUNDS: Final = 8
MOST: Final = INITIAL_WINDOW * (2**ROUNDS - 1)  # segments in one response
LEAST_RTO: Final = 200 * MILLISECOND  # as Linux has it
REORDERING: Final = MILLISECOND  # what a sender waits for a segment that is only late

# Of each segment of a response: the round of slow start that sends it, and its number in the round.
ROUND: Final = np.repeat(np.arange(ROUNDS), INITIAL_WINDOW << np.arange(ROUNDS))
FIRST: Final = INITIAL_WINDOW * ((1 << np.arange(ROUNDS + 1)) - 1)
PLACE: Final = np.arange(MOST) - FIRST[ROUND]


@dataclass(frozen=True)
class Flights:
    """Times are in nanoseconds from the beginning of the exchange, at the point of capture."""

    # One row a segment.
    owner: Ints  # its exchange
    index: Ints  # in its exchange
    passes: Ints
    # One row an exchange.
    first: Ints  # row of its first segment, and of its last one
    last: Ints
    again: Ints  # when the lost segment passes again; -1: none is lost
    quick: Bools  # acknowledgements of later segments showed the loss, not the timer

    @property
    def whole(self) -> Ints:
        """When all of the response has passed, by exchange."""
        return cast(Ints, np.maximum(self.passes[self.last], self.again))

    @property
    def opener(self) -> Ints:
        """Of each segment, the one whose ACK let the server send it: two acknowledged, four sent."""
        before = FIRST[np.maximum(ROUND[self.index] - 1, 0)] + PLACE[self.index] // 4 * 2 + 1
        return cast(Ints, np.minimum(self.first[self.owner] + before, self.last[self.owner]))


def fly(segments: Ints, lost: Ints, start: Ints, rtt: Ints) -> Flights:
    """Responses of so many ``segments``, of which one is ``lost`` (-1: none) after the point of capture."""
    rounds = np.zeros((len(segments), ROUNDS), np.int64)
    for one in range(1, ROUNDS):
        # The next round begins when the first ACK of this one has come back, and this one is out.
        rounds[:, one] = rounds[:, one - 1] + np.maximum(rtt + 5 * TURN, (INITIAL_WINDOW << (one - 1)) * SPACING)
    owner, index = spread(np.arange(len(segments)), segments)
    passes = start[owner] + rounds[owner, ROUND[index]] + PLACE[index] * SPACING
    last: Ints = np.cumsum(segments) - 1
    first = last - segments + 1
    # Quick where three others of the same round follow (RFC 8985 would do with fewer).
    some = np.maximum(lost, 0)
    quick = (lost >= 0) & (PLACE[some] + 3 < INITIAL_WINDOW << ROUND[some]) & (some + 3 < segments)
    again = np.where(quick, passes[first + some] + rtt + REORDERING, passes[last] + LEAST_RTO + rtt)
    return Flights(owner, index, passes, first, last, np.where(lost >= 0, again, -1), quick)
