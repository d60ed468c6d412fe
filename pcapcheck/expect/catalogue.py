"""The rules whose findings are expectations that fail, or that cannot be told."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck.rules.catalogue import Answer, Rule
from pcapcheck.stretch import CaptureFacts
from pcapcheck.traffic import Traffic

# An example says its expectation in the first line.
_SLOW: Final = """
    # expect: max(server_rtt) < 100ms
    +0    > S  0 win 64240
    +.250 < S. 0 ack 1 win 65160
    +0    > .  1 ack 1
"""
_QUICK: Final = """
    # expect: max(server_rtt) < 100ms
    +0    > S  0 win 64240
    +.020 < S. 0 ack 1 win 65160
    +0    > .  1 ack 1
"""
_REPEATED: Final = """
    # expect: max(server_rtt) < 100ms
    +0    > S  0 win 64240
    +1    > S  0 win 64240
    +.020 < S. 0 ack 1 win 65160
    +0    > .  1 ack 1
"""


def _failed(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """An expectation of the policy does not hold.

    What it means: What the policy file or `--expect` asks of a capture's handshakes is not so. The message says what
    was asked, what was found, and the frames of the worst handshakes.

    Why it matters: The traffic differs from what was agreed: a server became slower, a connection is refused, an option
    is no longer offered. The numbers of each segment may be right all the same.

    Common causes: A change of the program under test, its configuration or its network; a bound that is too tight for
    the machine on which the capture was made.

    What to look at next: `pcapcheck show CAPTURE --frame N` with the first frame named; `pcapcheck rtt` for round-trip
    times; `pcapcheck diff` with an older recording.
    """
    return _nothing_asked()


def _undecided(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """An expectation of the policy cannot be told from this capture.

    What it means: The answer depends on what was not captured: a handshake whose outcome is open, a round-trip time
    that is only known as an interval, options cut off by the snaplen, or there is nothing to reckon with, as for a
    quantile of no round-trip times.

    Why it matters: It neither holds nor fails. Who wants certainty gives this rule the severity error.

    Common causes: The capture ends too soon, or shows one direction only; a SYN was repeated; the traffic that the
    expectation is about is not in this capture.

    What to look at next: Capture for three seconds more, on both directions; leave the other captures out with `in`.
    """
    return _nothing_asked()


def _nothing_asked() -> Answer:
    """Without a policy nothing is asked: expect.ask() makes the answers."""
    return Answer(np.zeros(0, bool))


FAILED: Final = Rule(
    "EX01", "expectation-failed", "error", "the policy", "what the expectation is about",
    "expected {expected}, found {actual}", (_SLOW, _QUICK), _failed, per_capture=True,
)  # fmt: skip
UNDECIDED: Final = Rule(
    "EX02", "expectation-not-decidable", "note", "the policy", "what the expectation is about",
    "cannot tell {expected}, found {actual}", (_REPEATED, _QUICK), _undecided, per_capture=True,
)  # fmt: skip

EXPECTATIONS: Final[dict[str, Rule]] = {one.id: one for one in (FAILED, UNDECIDED)}
