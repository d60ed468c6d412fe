"""Asking rules: of all handshakes of a capture at once, or, where their rows are on disk, of some at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from pcapcheck.rules.catalogue import REGISTERED, Among, Answer, Bools, Rule
from pcapcheck.rules.checked import Checked
from pcapcheck.stretch import CaptureFacts
from pcapcheck.traffic import Ints, Traffic, by_rows, once

# Handshakes whose rows are at hand at a time.
_PART: Final = 1 << 14


def findings_of(traffic: Traffic, facts: CaptureFacts, rules: Iterable[Rule], capture: int) -> list[Checked]:
    """Every rule's answer about one capture.

    Attempts that are part of one event (Traffic.grouped) are reported by it, once: on each of them only errors are.
    """
    checked = [_asked_here(one, traffic, facts)._replace(capture=capture) for one in rules]
    _parts(traffic).clear()
    return checked


def _asked_here(rule: Rule, traffic: Traffic, facts: CaptureFacts) -> Checked:
    if rule.per_capture or rule.severity == "error" or not traffic.grouped.any():
        return ask(rule, traffic, facts)
    if rule.id not in _answered(traffic) and not _is_asked_by_parts(rule, traffic):
        return _ask(rule, traffic, facts, ~traffic.grouped)
    known = ask(rule, traffic, facts)
    return known.take((~traffic.grouped[known.at]).nonzero()[0])


def ask(rule: Rule, traffic: Traffic, facts: CaptureFacts, capture: int = 0) -> Checked:
    """One rule's answer about one capture: of the handshakes those that fail or are undecidable."""
    known = _answered(traffic)
    if rule.id not in known and _is_asked_by_parts(rule, traffic):
        known.update(_asked_by_parts({**REGISTERED, rule.id: rule}.values(), traffic, facts))
    elif rule.id not in known:
        known[rule.id] = _ask(rule, traffic, facts)
    return known[rule.id]._replace(capture=capture)


@once
def _answered(traffic: Traffic) -> dict[str, Checked]:
    """What was asked already: some rules and diagnoses build on the answer of another."""
    return {}


def _is_asked_by_parts(rule: Rule, traffic: Traffic) -> bool:
    return traffic.stored is not None and rule.by_flow


@by_rows(False)
def looked_at(traffic: Traffic) -> Bools:
    """The handshakes whose rows some rule looks at."""
    found = np.zeros(len(traffic.handshakes), bool)
    for rule in REGISTERED.values():
        if rule.by_flow:
            found |= True if rule.among is None else rule.among(traffic)
    return found


def _asked_by_parts(rules: Iterable[Rule], traffic: Traffic, facts: CaptureFacts) -> dict[str, Checked]:
    """The answers of those rules that look at each 4-tuple by itself: rows are fetched once for all of them."""
    rules = [one for one in rules if one.by_flow]
    found: dict[str, list[Checked]] = {one.id: [] for one in rules}
    # Those that another flow made one-sided were not so yet when looked_at was worked out.
    for at, part in traffic.parts(looked_at(traffic) | traffic.handshakes.is_outcome("one-sided"), _PART):
        for rule in rules:
            checked = _ask(rule, part, facts)
            if checked.at is not None and len(checked.at):
                found[rule.id].append(checked._replace(at=at[checked.at]))
    nothing = Answer(np.zeros(0, bool))
    return {
        one.id: Checked.joined(found[one.id]) if found[one.id] else Checked(one, 0, nothing, np.zeros(0, np.int64))
        for one in rules
    }


def _ask(rule: Rule, traffic: Traffic, facts: CaptureFacts, concerned: Bools | None = None) -> Checked:
    if rule.per_capture:
        return Checked(rule, 0, rule.check(traffic, facts))
    chosen = np.ones(len(traffic.handshakes), bool) if rule.among is None else rule.among(traffic)
    if concerned is not None:
        chosen = chosen & concerned
    at = chosen.nonzero()[0].astype(np.int64)
    if not len(at) and len(chosen):
        return Checked(rule, 0, Answer(np.zeros(0, bool)), at)
    # To take a part costs as much as to look at some more. Rows that are stored cannot be looked at otherwise.
    stored = traffic.stored is not None and rule.reads_rows
    if 2 * len(at) < len(chosen) or stored or concerned is not None:
        traffic = _part(traffic, rule, at)
    else:
        at = np.arange(len(chosen))
    return Checked(rule, 0, rule.check(traffic, facts), at).unsettled()


def _part(traffic: Traffic, rule: Rule, at: Ints) -> Traffic:
    """These handshakes, taken once for rules that follow each other and look among the same."""
    parts = _parts(traffic)
    key = rule.among, len(at)
    if key not in parts:
        parts.clear()  # each may be large
        # Of rows that are stored no more is known than functions of BY_ROWS gave.
        without = traffic.stored is not None and not rule.reads_rows
        parts[key] = traffic.without_rows().take(at) if without else traffic.take(at).with_rows()
    return parts[key]


@once
def _parts(traffic: Traffic) -> dict[tuple[Among | None, int], Traffic]:
    """The last part that was taken."""
    return {}
