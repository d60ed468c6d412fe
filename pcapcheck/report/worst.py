"""The findings that are worth showing, of however many there are: grouped by rule, the worst first.

A rule's findings stand in this order: by severity; then one of each pair of server and cause, that with the most first,
before the second of any; then as in the capture. So the first few show all that is different, and the same run gives
the same choice.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

import numpy as np

from pcapcheck.report.report import Report
from pcapcheck.rules import Finding, Rule
from pcapcheck.rules.checked import Checked
from pcapcheck.tables import CAUSE, SEVERITIES
from pcapcheck.traffic import Ints

# Of each rule so many are shown at least, and at most; of all together so many.
LEAST: Final = 3
MOST: Final = 40
TOTAL: Final = 300


class Group(NamedTuple):
    """The findings of one rule."""

    rule: Rule
    severity: str  # the worst of them
    total: int
    severities: dict[str, int]
    shown: list[Finding]

    @property
    def hidden(self) -> int:
        return self.total - len(self.shown)


def worst_findings(report: Report, total: int = TOTAL, most: int = MOST) -> list[Group]:
    """Every rule that found something, the severest first, with the findings to show."""
    report.need("findings")
    ordered = [_Ordered(report, answers) for answers in _by_rule(report)]
    ordered.sort(key=lambda one: (one.worst, one.rule.id))
    room = max(total, 0)
    shares = []
    for one in ordered:
        shares.append(min(len(one.order), LEAST, most, room))
        room -= shares[-1]
    for number, one in enumerate(ordered):
        more = min(len(one.order) - shares[number], most - shares[number], room)
        shares[number] += more
        room -= more
    return [one.group(report, share) for one, share in zip(ordered, shares, strict=True)]


def _by_rule(report: Report) -> list[list[tuple[int, Checked, Ints]]]:
    """For each rule the number of each of its answers among all, the answer, and its failed entries."""
    found: dict[str, list[tuple[int, Checked, Ints]]] = {}
    for number, one in enumerate(report.all_findings.checked):
        if len(failed := one.failed):
            found.setdefault(one.rule.id, []).append((number, one, failed))
    return list(found.values())


class _Ordered:
    """All findings of one rule, in the order in which they are shown."""

    def __init__(self, report: Report, answers: list[tuple[int, Checked, Ints]]) -> None:
        self.rule = answers[0][1].rule
        self._number = np.concatenate([np.full(len(failed), number) for number, _, failed in answers])
        self._entry = np.concatenate([failed for _, _, failed in answers])
        severity = np.concatenate([_severities(one, failed) for _, one, failed in answers])
        alike = np.concatenate([_alike(report, one, failed) for _, one, failed in answers])
        self.worst = int(severity.min())
        self.severities = Counter(SEVERITIES[code] for code in severity.tolist())
        # How many of its kind came before each, and how many there are of the kind.
        by_kind = np.lexsort((np.arange(len(alike)), alike, severity))
        new = np.ones(len(alike), bool)
        new[1:] = (alike[by_kind][1:] != alike[by_kind][:-1]) | (severity[by_kind][1:] != severity[by_kind][:-1])
        starts = new.nonzero()[0]
        sizes = np.diff(np.append(starts, len(alike)))
        before, size = np.empty((2, len(alike)), np.int64)
        before[by_kind] = np.arange(len(alike)) - np.repeat(starts, sizes)
        size[by_kind] = np.repeat(sizes, sizes)
        self.order = np.lexsort((np.arange(len(alike)), -size, before, severity))

    def group(self, report: Report, share: int) -> Group:
        shown = [
            report.all_findings.finding(int(self._number[at]), int(self._entry[at]))
            for at in self.order[:share].tolist()
        ]
        severities = {name: self.severities[name] for name in SEVERITIES if self.severities[name]}
        return Group(self.rule, SEVERITIES[self.worst], len(self.order), severities, shown)


def _severities(one: Checked, failed: Ints) -> Ints:
    if isinstance(one.answer.severities, str):
        return np.full(len(failed), SEVERITIES.index(one.answer.severities or one.rule.severity), np.int64)
    return np.array([SEVERITIES.index(one.severity(entry)) for entry in failed.tolist()], np.int64)


def _alike(report: Report, one: Checked, failed: Ints) -> Ints:
    """A number for each finding, equal where capture, server and cause are."""
    capture = one.capture << 48
    if one.rule.per_capture:
        return capture + np.arange(len(failed))
    handshakes = one.handshakes(failed)
    judged = report.judged[one.capture]
    found: Ints = capture + judged.traffic.sockets[handshakes] * len(CAUSE) + judged.causes.first[0][handshakes]
    return found
