"""Expectations to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from pcapcheck.expect.catalogue import FAILED, UNDECIDED
from pcapcheck.expect.evaluate import Outcome, evaluate, frames
from pcapcheck.expect.population import Population
from pcapcheck.expect.tree import Expectation
from pcapcheck.rules.catalogue import Answer
from pcapcheck.rules.checked import Checked
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic

# Whether the file name, as it was given, fits one of the patterns.
Fits = Callable[[str, Sequence[str]], bool]


class Asked(NamedTuple):
    """An expectation as the policy asks it."""

    expectation: Expectation
    name: str = ""  # said before the expectation, where there is one
    severity: str = ""  # of its finding; empty: that of the rule


def ask(
    asked: Sequence[Asked], traffics: Sequence[Traffic], facts: Sequence[CaptureFacts], fits: Fits
) -> Iterator[Checked]:
    """What the expectations find: an entry for each that fails or cannot be told, in order of capture.

    Captures that could not be read are asked nothing.
    """
    for one in asked:
        within = one.expectation.within
        captures = [
            number for number, each in enumerate(facts) if not each.error and (not within or fits(each.path, within))
        ]
        for together in [captures] if one.expectation.overall else [[number] for number in captures]:
            if not together:
                continue
            population = Population([traffics[number] for number in together], together, partial(_named, facts))
            outcome = evaluate(one.expectation, population)
            if outcome.holds is not True:
                yield _checked(one, outcome, population, together[0])


def _named(facts: Sequence[CaptureFacts], capture: int, frame: int) -> str:
    path, number = facts[capture].place(frame)
    return f"{number} of {path}" if facts[capture].parts else str(number)


def _checked(asked: Asked, outcome: Outcome, population: Population, capture: int) -> Checked:
    """The finding: of an expectation about several captures it stands at the one with the worst handshake."""
    worst = outcome.worst
    if len(worst):
        capture = int(population.capture[worst[0]])
        worst = worst[population.capture[worst] == capture]
    rule = UNDECIDED if outcome.holds is None else FAILED
    text = f"{asked.name}: {asked.expectation.text}" if asked.name else asked.expectation.text
    answer = Answer(
        fails=np.array([True]),
        frames=tuple(np.array([frame], np.int64) for frame in frames(population, worst).tolist() if frame != ABSENT),
        expected=text,
        actual=outcome.found,
        severities="" if rule is UNDECIDED else asked.severity,
    )
    return Checked(rule, capture, answer)
