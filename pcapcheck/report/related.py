"""The tables beside handshakes as rows of plain Python values: None where there is none, in the order of tables.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.report.identify import numbers_and_files
from pcapcheck.report.report import Report
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, OUTCOMES


def finding_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """The values of tables.FINDINGS: first those about the capture, then in order of handshake."""
    report.need("findings")
    for finding in report.all_findings:
        yield (
            None if finding.handshake == ABSENT else report.handshake_id(finding.capture, finding.handshake),
            report.capture_facts[finding.capture].path,
            finding.rule.id,
            finding.severity,
            *numbers_and_files(report.capture_facts[finding.capture], finding.frames),
            finding.expected,
            finding.actual,
            finding.message,
        )


def cause_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """The values of tables.CAUSES, in order of handshake."""
    report.need("causes")
    for capture, one in enumerate(report.judged):
        (explained,) = one.causes.first[0].nonzero()
        for index in explained.tolist():
            for cause in one.causes.of(index):
                yield (
                    report.handshake_id(capture, index),
                    one.facts.path,
                    cause.diagnosis.slug,
                    cause.certainty,
                    cause.diagnosis.seen(OUTCOMES[one.traffic.handshakes.outcome[index]]),
                    *numbers_and_files(one.facts, cause.evidence),
                    list(cause.diagnosis.rivals),
                    cause.diagnosis.decide_by,
                    cause.detail,
                )


def capture_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """The values of tables.CAPTURES: every capture, then each input that could not be found."""
    for one in report.judged:
        yield _capture_row(one.facts, one.flows, one.faults)
    known = {id(facts.error) for facts in report.capture_facts}
    for error in report.errors:
        if id(error) not in known:
            yield _capture_row(CaptureFacts(error.path, error=error), 0, [])


def _capture_row(facts: CaptureFacts, flows: int, faults: list[str]) -> tuple[Any, ...]:
    return (
        facts.path,
        ", ".join(filter(None, (facts.format, facts.compression))),
        list(facts.link_types),
        facts.frames,
        facts.octets,
        None if facts.first_time == NO_TIME else facts.first_time,
        None if facts.last_time == NO_TIME else facts.last_time,
        facts.segments,
        flows,
        dict(facts.skipped),
        faults,
        str(facts.error or ""),
        [file.path for file in facts.files],
    )
