"""Handshakes as rows of plain Python values, alike for all text formats: exact integers, None where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any, Final

import numpy as np

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.diagnoses import Cause
from pcapcheck.report.columns import HandshakeColumn, Words, handshake_batches
from pcapcheck.report.identify import numbers_and_files
from pcapcheck.report.report import Report
from pcapcheck.rules import Finding
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, HANDSHAKES, Column

# Handshakes turned into Python values at a time.
_BATCH = 4096

_BOOLEANS: Final = {ABSENT: None, 0: False, 1: True}


def _plain_name(name: str, column: Column) -> str:
    """Times lose their type outside pandas, so the name says the unit."""
    return f"{name}_ns" if column.dtype.startswith(("datetime", "timedelta")) else name


NAMES: Final = tuple(_plain_name(name, column) for name, column in HANDSHAKES.items())


def handshake_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """The values of every handshake in the order of NAMES; ``findings`` is a list of Finding."""
    findings = _FindingsByHandshake(report.all_findings)
    made = [name for name in HANDSHAKES if name != "findings"]
    for batch in handshake_batches(report, made, _BATCH):
        found = findings.take(batch.capture, batch.start, batch.stop)
        yield from zip(
            *(
                found if name == "findings" else _values(batch.columns[name], name, column)
                for name, column in HANDSHAKES.items()
            ),
            strict=True,
        )


def _values(values: HandshakeColumn, name: str, column: Column) -> list[Any]:
    if isinstance(values, Words):
        return [None if at == ABSENT else values.words[at] for at in values.at.tolist()]
    assert isinstance(values, np.ndarray)
    numbers = values.tolist()
    if column.categories:
        return [column.categories[number] for number in numbers]
    if column.dtype == "boolean":
        return [_BOOLEANS[number] for number in numbers]
    absent = NO_TIME if name == "start_time" else ABSENT
    return [None if number == absent else number for number in numbers]


def handshake_dicts(report: Report) -> Iterator[dict[str, Any]]:
    """Every handshake as an object of JSON lines."""
    captures = zip(report.capture_facts, report.traffics, strict=True)
    facts_of_each = chain.from_iterable(repeat(facts, len(traffic.handshakes)) for facts, traffic in captures)
    for values, causes, facts in zip(handshake_rows(report), cause_lists(report), facts_of_each, strict=True):
        row: dict[str, Any] = dict(zip(NAMES, values, strict=True))
        row["findings"] = [_finding(finding, facts) for finding in row["findings"]]
        row["causes"] = [_cause(cause, facts) for cause in causes]
        yield row


def _finding(finding: Finding, facts: CaptureFacts) -> dict[str, Any]:
    frames, files = numbers_and_files(facts, finding.frames)
    return {
        "rule": finding.rule.id,
        "severity": finding.severity,
        "frames": frames,
        "files": files,
        "expected": finding.expected,
        "actual": finding.actual,
        "message": finding.message,
    }


def _cause(cause: Cause, facts: CaptureFacts) -> dict[str, Any]:
    frames, files = numbers_and_files(facts, cause.evidence)
    return {
        "cause": cause.diagnosis.slug,
        "certainty": cause.certainty,
        "evidence": frames,
        "evidence_files": files,
        "rivals": list(cause.diagnosis.rivals),
        "decide_by": cause.diagnosis.decide_by,
    }


def cause_lists(report: Report) -> Iterator[list[Cause]]:
    """The causes of every handshake, in the same order."""
    report.need("everything")
    for causes in (one.causes for one in report.judged):
        for index, cause in enumerate(causes.first[0].tolist()):
            yield list(causes.of(index)) if cause else []


class _FindingsByHandshake:
    """Deals out findings, which come in order of capture and handshake. Those about a capture are left out."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._rest = (finding for finding in findings if finding.handshake != ABSENT)
        self._next = next(self._rest, None)

    def take(self, capture: int, start: int, stop: int) -> list[list[Finding]]:
        """The findings of each handshake from ``start`` to before ``stop``."""
        taken: list[list[Finding]] = [[] for _ in range(start, stop)]
        while self._next is not None and self._next.capture == capture and self._next.handshake < stop:
            taken[self._next.handshake - start].append(self._next)
            self._next = next(self._rest, None)
        return taken
