"""An expectation and handshakes to an answer: whether it holds, with the numbers and the worst handshakes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final, NamedTuple, assert_never

import numpy as np

from pcapcheck.expect.bounds import Bounds, Value, arithmetic, compare, known
from pcapcheck.expect.figures import counted, shown
from pcapcheck.expect.population import NOT_APPLICABLE, UNKNOWN, YES, Population
from pcapcheck.expect.statements import against, answers, holds
from pcapcheck.expect.statistics import statistic
from pcapcheck.expect.tree import Arithmetic, Comparison, Count, Expectation, Is, Number, Quantity, Statement, Statistic
from pcapcheck.expect.words import MEASURES
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints

# Handshakes that are named as the worst.
_WORST: Final = 3
_NONE: Final = np.empty(0, np.int64)


class Outcome(NamedTuple):
    """Whether the expectation holds (None: it cannot be told), what was found, and the handshakes to look at first."""

    holds: bool | None
    found: str
    worst: Ints


def evaluate(expectation: Expectation, population: Population) -> Outcome:
    """Ask one expectation of some handshakes."""
    what = expectation.what
    if isinstance(what, Comparison):
        return _compared(what, population)
    return _stated(what, population)


def _compared(comparison: Comparison, population: Population) -> Outcome:
    left, right = (_value(side, population) for side in (comparison.left, comparison.right))
    answer = compare(left, comparison.operator, right)
    sides = (comparison.left, left), (comparison.right, right)
    said = [_said(side, value, population, in_percent=comparison.in_percent) for side, value in sides]
    found = " and ".join(filter(None, said)) or "just that"
    if answer is not False:
        return Outcome(answer, found, _NONE)
    assert left is not None and right is not None
    too_much = comparison.operator in ("<", "<=", "!=") or left.least > right.most
    blamed = (*_blamed(comparison.left, too_much, population), *_blamed(comparison.right, not too_much, population))
    which, worst = next(((which, some) for which, some in blamed if len(some)), ("", _NONE))
    if which in MEASURES:
        found += f"; the worst: {_named(worst, population, which)}"
    elif len(worst):
        found += f"; {which}{_named(worst, population)}"
    return Outcome(answer, found, worst[:_WORST])


def _stated(statement: Statement, population: Population) -> Outcome:
    found = answers(population, statement)
    answer = holds(statement, found)
    judged = np.count_nonzero(found != NOT_APPLICABLE)
    if answer is None:
        return Outcome(None, f"{np.count_nonzero(found == UNKNOWN)} of {judged} that cannot be told", _NONE)
    if answer or statement.quantifier == "some":
        return Outcome(answer, f"{np.count_nonzero(found == YES)} of {judged}", _NONE)
    wrong = against(statement, found)
    one, several = ("is", "are") if isinstance(statement.predicate, Is) else ("does", "do")
    verb = one if len(wrong) == 1 else several
    verb += "" if statement.quantifier == "no" else " not"
    return Outcome(False, f"{len(wrong)} of {judged} {verb}; {_named(wrong, population)}", wrong[:_WORST])


def _value(quantity: Quantity, population: Population) -> Value:
    if isinstance(quantity, Number):
        return known(quantity.value)
    if isinstance(quantity, Count):
        among = population.is_one_of(quantity.outcomes)[population.selected(quantity.filters)]
        sure, possible = (int(np.count_nonzero(among == answer)) for answer in (YES, UNKNOWN))
        return Bounds(Fraction(sure), Fraction(sure + possible))
    if isinstance(quantity, Statistic):
        return statistic(population, quantity)
    if isinstance(quantity, Arithmetic):
        return arithmetic(quantity.operator, _value(quantity.left, population), _value(quantity.right, population))
    assert_never(quantity)


def _said(quantity: Quantity, value: Value, population: Population, *, in_percent: bool) -> str:
    """``97.123 ms of 40``, ``2 % (failed 2, handshakes 100)``; nothing of a plain number."""
    if isinstance(quantity, Number):
        return ""
    text = shown(value, is_time=quantity.is_time, in_percent=in_percent)
    if isinstance(quantity, Statistic):
        return f"{text} of {counted(len(population.measured(quantity.measure, quantity.filters)))}"
    if isinstance(quantity, Count):
        return text
    parts = [
        f"{leaf.text} {shown(_value(leaf, population), is_time=leaf.is_time)}"
        for leaf in dict.fromkeys(_leaves(quantity))
    ]
    return f"{text} ({', '.join(parts)})" if parts else text


def _leaves(quantity: Quantity) -> Iterator[Count | Statistic]:
    if isinstance(quantity, Arithmetic):
        yield from _leaves(quantity.left)
        yield from _leaves(quantity.right)
    elif not isinstance(quantity, Number):
        yield quantity


def _blamed(quantity: Quantity, too_much: bool, population: Population) -> Iterator[tuple[str, Ints]]:
    """The handshakes that make a quantity too large, or too small, the worst first; and what they are.

    There are several ways to look at one that is put together.
    """
    if isinstance(quantity, Count):
        inside = population.is_one_of(quantity.outcomes) == YES
        mask = population.selected(quantity.filters) & (inside if too_much else ~inside)
        yield "" if too_much else "not ", mask.nonzero()[0].astype(np.int64)
    elif isinstance(quantity, Statistic) and quantity.is_time:
        measured = population.measured(quantity.measure, quantity.filters)
        times = population.column(f"{quantity.measure}_max")[measured]
        yield quantity.measure, measured[np.argsort(-times if too_much else times, kind="stable")]
    elif isinstance(quantity, Arithmetic):
        yield from _blamed(quantity.left, too_much, population)
        yield from _blamed(quantity.right, too_much != (quantity.operator in "-/"), population)


def _named(handshakes: Ints, population: Population, measure: str = "") -> str:
    """``frame 12 (97.123 ms), frame 40 (91.004 ms)``; of those without a time also how many more there are."""
    names = []
    first = handshakes[:_WORST]
    for index, frame in zip(first.tolist(), frames(population, first).tolist(), strict=True):
        name = f"frame {population.named(int(population.capture[index]), frame)}"
        if measure:
            least, most = (Fraction(int(population.column(f"{measure}_{end}")[index])) for end in ("min", "max"))
            name += f" ({shown(Bounds(least, most), is_time=True)})"
        names.append(name)
    more = len(handshakes) - len(first)
    return ", ".join(names) + (f" and {more} more" if more and not measure else "")


def frames(population: Population, handshakes: Ints) -> Ints:
    """The frame to open of each handshake: its SYN, or its first."""
    syn, first = (population.column(name)[handshakes] for name in ("syn_frame", "first_frame"))
    return np.where(syn != ABSENT, syn, first)
