"""Which verdicts a fault of the capture explains: they are left undecided, and nobody is blamed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from pcapcheck.faults.signs import (
    Bools,
    began_late,
    ended_early,
    frames_missing,
    headers_cut,
    one_sided,
    untimed,
)
from pcapcheck.rules.checked import Checked
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic


class Fault(NamedTuple):
    """A fault of a capture that explains verdicts."""

    name: str  # the id of the rule that finds it, or what it is called where none does
    says: str


BEGAN_LATE: Final = Fault("began-late", "the capture began late")
ENDED_EARLY: Final = Fault("ended-early", "the capture ended early")
CUT: Final = Fault("CAP01", "the file is cut")
CORRUPT: Final = Fault("CAP02", "the file is corrupt")
OUT_OF_ORDER: Final = Fault("CAP03", "times are missing or out of order")
ONE_SIDED: Final = Fault("CAP04", "one direction was not captured")
FRAMES_MISSING: Final = Fault("CAP06", "the capture lacks frames")
HEADERS_CUT: Final = Fault("CAP07", "headers are cut by the snaplen")

# The outcomes that a fault leaves undecided.
UNDECIDED: Final = ("pending", "partial", "one-sided", "midstream")

# What else than outcomes is softened.
RULE_ANSWERS: Final = "rule answers"


def softened(traffic: Traffic, capture: CaptureFacts, checked: Iterable[Checked]) -> dict[Fault, Counter[str]]:
    """For each fault of one capture how many verdicts it left undecided: handshakes by outcome, and RULE_ANSWERS.

    A handshake counts for one fault, the first that explains it. ``checked`` are the rules' answers about this capture.
    """
    faults = _faults(traffic, capture)
    explained = _first(len(traffic.handshakes), [where for _, where in faults])
    found: dict[Fault, Counter[str]] = {fault: Counter() for fault, _ in faults}
    for name in UNDECIDED:
        _count(found, faults, explained[traffic.handshakes.is_outcome(name)], name)
    if pending := sum(flood.pending for flood in traffic.floods.values()):
        found[_end(capture)]["pending"] += pending  # of those that are not among the handshakes
    for one in checked:
        if not one.rule.per_capture and one.undecidable:
            _count(found, faults, explained[one.undecided], RULE_ANSWERS)
    return {fault: counts for fault, counts in found.items() if counts}


def _faults(traffic: Traffic, capture: CaptureFacts) -> list[tuple[Fault, Bools]]:
    """The faults and the handshakes that they touch, the one that explains most first."""
    return [
        (ONE_SIDED, one_sided(traffic)),
        (BEGAN_LATE, began_late(traffic, capture)),
        (_end(capture), ended_early(traffic)),
        (FRAMES_MISSING, frames_missing(traffic, capture)),
        (HEADERS_CUT, headers_cut(traffic)),
        (OUT_OF_ORDER, untimed(traffic)),
    ]


def _end(capture: CaptureFacts) -> Fault:
    """What cut short that which the end of the capture left undecided."""
    if not capture.damage:
        return ENDED_EARLY
    return CUT if capture.damage.rule == CUT.name else CORRUPT


def _first(size: int, columns: list[Bools]) -> Ints:
    """For each handshake the first column that holds for it, ABSENT where none does."""
    found = np.full(size, ABSENT, np.int64)
    for number, column in reversed(list(enumerate(columns))):
        found[column] = number
    return found


def _count(found: dict[Fault, Counter[str]], faults: list[tuple[Fault, Bools]], explained: Ints, what: str) -> None:
    numbers, counts = np.unique(explained[explained != ABSENT], return_counts=True)
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        found[faults[number][0]][what] += count
