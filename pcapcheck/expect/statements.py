"""Statements about each handshake: every one, none or some is, has or offers something."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final, assert_never

import numpy as np

from pcapcheck.expect.population import NO, NOT_APPLICABLE, UNKNOWN, YES, Population
from pcapcheck.expect.tree import Has, Is, Offers, Statement
from pcapcheck.expect.words import OPTIONS, VALUED
from pcapcheck.tables import ABSENT, OUTCOMES
from pcapcheck.traffic import Ints

_OPPOSITE: Final = np.array([YES, NO, UNKNOWN, NOT_APPLICABLE])

# Where there is no SYN or SYN-ACK, these handshakes may have had one outside the capture; the others had none.
_MAY_HAVE_MORE: Final = [OUTCOMES.index(name) for name in ("pending", "partial", "one-sided", "midstream")]

# Beyond every number that is compared.
_FAR: Final = 1 << 62


def answers(population: Population, statement: Statement) -> Ints:
    """For each handshake whether the predicate is true of it: YES, NO, UNKNOWN, or NOT_APPLICABLE."""
    predicate = statement.predicate
    found: Ints
    if isinstance(predicate, Is):
        found = population.is_one_of(predicate.outcomes)
        found = _OPPOSITE[found] if predicate.negated else found
    elif isinstance(predicate, Has):
        found = _has(population, predicate)
    elif isinstance(predicate, Offers):
        sides = ("client", "server") if statement.subject == "handshake" else (statement.subject,)
        found = _both([_offers(population, side, predicate) for side in sides])
    else:
        assert_never(predicate)
    return np.asarray(np.where(population.selected(statement.filters), found, NOT_APPLICABLE), np.int64)


def holds(statement: Statement, found: Ints) -> bool | None:
    """Whether the statement is true; None where that depends on handshakes that cannot be told."""
    unknown = bool((found == UNKNOWN).any())
    if statement.quantifier == "every":
        return False if (found == NO).any() else None if unknown else True
    some = True if (found == YES).any() else None if unknown else False
    if statement.quantifier == "some" or some is None:
        return some
    return not some


def against(statement: Statement, found: Ints) -> Ints:
    """The handshakes that speak against it."""
    wrong = found == (YES if statement.quantifier == "no" else NO)
    return np.flatnonzero(wrong)


def _has(population: Population, has: Has) -> Ints:
    found = np.full(len(population), NOT_APPLICABLE)
    measured = population.measured(has.measure)
    least, most = (population.column(f"{has.measure}_{end}")[measured] for end in ("min", "max"))
    found[measured] = _compared(least, most, has.operator, has.bound.value)
    return found


def _offers(population: Population, side: str, offers: Offers) -> Ints:
    """Whether the SYN (of the client) or the SYN-ACK (of the server) offers the option."""
    column = OPTIONS[offers.option]
    value = population.column(f"{side}_{column}")
    present = value != ABSENT if offers.option in VALUED else value > 0
    found = np.where(present, YES, NO)
    if offers.bound is not None:
        found[present] = _compared(value, value, offers.operator, offers.bound.value)[present]
    if offers.option != "ecn":  # that is in the flags
        # Options that the snaplen cut off: of those that are yes or no, one is neither then.
        cut = population.column(f"{side}_sack_permitted") == ABSENT
        cut |= population.column(f"{side}_timestamps") == ABSENT
        found[cut & ~present] = UNKNOWN
    absent = population.column("syn_frame" if side == "client" else "synack_frame") == ABSENT
    unseen = np.isin(population.column("outcome"), _MAY_HAVE_MORE)
    found[absent] = np.where(unseen, UNKNOWN, NOT_APPLICABLE)[absent]
    return found


def _compared(least: Ints, most: Ints, operator: str, bound: Fraction) -> Ints:
    """``bounds.compare`` of whole numbers with one number, for a column at a time."""
    floor, ceiling = (max(-_FAR, min(_FAR, whole)) for whole in (math.floor(bound), math.ceil(bound)))
    if operator in ("<", ">="):
        yes, no = most < ceiling, least >= ceiling
    elif operator in ("<=", ">"):
        yes, no = most <= floor, least > floor
    else:
        yes = (least == most) & (least == floor) & (floor == ceiling)
        no = (most < floor) | (least > floor) | (floor != ceiling)
    if operator in (">", ">=", "!="):
        yes, no = no, yes
    return np.where(yes, YES, np.where(no, NO, UNKNOWN))


def _both(columns: list[Ints]) -> Ints:
    """What holds of all sides that there are."""
    together = np.stack(columns)
    found = np.full(together.shape[1], NOT_APPLICABLE)
    for answer in (YES, UNKNOWN, NO):  # the last one that any side gives
        found[(together == answer).any(axis=0)] = answer
    return found
