"""What a run has to tell the people who read a CI job: what could not be judged, then the findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from pcapcheck.report.escape import escaped
from pcapcheck.report.fingerprint import fingerprint, fingerprinted
from pcapcheck.report.places import namer
from pcapcheck.report.report import Report
from pcapcheck.report.terms import Terms
from pcapcheck.report.text import said
from pcapcheck.rules import Finding

# Rules of no catalogue: what is wrong with the run itself.
UNREADABLE: Final = "capture-unreadable"
TOO_FEW: Final = "too-few-handshakes"
INTERRUPTED: Final = "run-interrupted"
NO_CAPTURE: Final = "no-capture"


class Alert(NamedTuple):
    """One thing to tell."""

    severity: str  # as in tables.SEVERITIES
    rule: str  # id
    name: str  # what the rule is called
    path: str  # of the file in the project; "." where it is about the run
    message: str
    fingerprint: str  # no two of a run are the same
    given: str = ""  # the path as given, where there is one
    finding: Finding | None = None  # None: about the run or a file, not about traffic


def alerts(report: Report, terms: Terms) -> Iterator[Alert]:
    """What is wrong with the run, then every finding that the terms show, in the order of the report."""
    yield from problems(report, terms)
    name = namer()
    for finding, mark in fingerprinted(report, name):
        if terms.shows(finding.severity):
            given, text = report.capture_facts[finding.capture].path, said(report, finding)
            if finding.frames:
                given, frame = report.capture_facts[finding.capture].place(finding.frames[0])
                text = f"frame {frame}: {text}"
            yield Alert(finding.severity, finding.rule.id, finding.rule.slug, name(given), text, mark, given, finding)


def problems(report: Report, terms: Terms) -> Iterator[Alert]:
    """What is wrong with the run: interrupted, a capture that cannot be read or none at all, too few handshakes."""
    name = namer()

    def problem(rule: str, message: str, given: str = "", ordinal: int = 0) -> Alert:
        path = name(given) if given else "."
        return Alert("error", rule, rule, path, escaped(message), fingerprint(rule, path, "", "", None, ordinal), given)

    if report.interrupted:
        yield problem(INTERRUPTED, "interrupted: what was read by then is judged")
    for ordinal, error in enumerate(report.errors):
        yield problem(UNREADABLE, str(error), error.path, ordinal)
    if not report.capture_facts and not report.errors:
        yield problem(NO_CAPTURE, "no capture was found")
    if terms.shortfall:
        yield problem(TOO_FEW, terms.shortfall)
