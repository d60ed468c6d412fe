"""The tables beside handshakes as rows of plain Python values: None where there is none, in the order of tables.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.report.report import Report
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, OUTCOMES
from pcapcheck.traffic import Handshakes


def finding_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """The values of tables.FINDINGS: first those about the capture, then in order of handshake."""
    before = _before(report)
    for finding in report.all_findings:
        yield (
            None if finding.handshake == ABSENT else before[finding.capture] + finding.handshake + 1,
            report.capture_facts[finding.capture].path,
            finding.rule.id,
            finding.severity,
            list(finding.frames),
            finding.expected,
            finding.actual,
            finding.message,
        )


def cause_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """The values of tables.CAUSES, in order of handshake."""
    parts = zip(report.capture_facts, report.traffics, report.all_causes, _before(report), strict=True)
    for facts, traffic, causes, before in parts:
        (explained,) = causes.first[0].nonzero()
        for index in explained.tolist():
            for cause in causes.of(index):
                yield (
                    before + index + 1,
                    facts.path,
                    cause.diagnosis.slug,
                    cause.certainty,
                    cause.diagnosis.seen(OUTCOMES[traffic.handshakes.outcome[index]]),
                    list(cause.evidence),
                    list(cause.diagnosis.rivals),
                    cause.diagnosis.decide_by,
                    cause.detail,
                )


def capture_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """The values of tables.CAPTURES: every capture, then each input that could not be found."""
    for facts, traffic, faults in zip(report.capture_facts, report.traffics, report.faults(), strict=True):
        yield _capture_row(facts, _flows(traffic.handshakes), faults)
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
    )


def _before(report: Report) -> list[int]:
    """How many handshakes the captures before each have."""
    before, found = 0, []
    for traffic in report.traffics:
        found.append(before)
        before += len(traffic.handshakes)
    return found


def _flows(handshakes: Handshakes) -> int:
    """How many 4-tuples there are, whichever side is the client."""
    clients = zip(handshakes.client_address, handshakes.client_port.tolist(), strict=True)
    servers = zip(handshakes.server_address, handshakes.server_port.tolist(), strict=True)
    return len({frozenset(ends) for ends in zip(clients, servers, strict=True)})
