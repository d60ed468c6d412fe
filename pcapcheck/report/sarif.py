"""SARIF 2.1.0: the findings for code scanning, and for every viewer that reads OASIS' format.

The document is built by hand: no kept library writes it. Sections are those of SARIF 2.1.0 with its first errata.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, NamedTuple, TextIO

from pcapcheck._version import __version__
from pcapcheck.report.alerts import problems
from pcapcheck.report.fingerprint import fingerprinted
from pcapcheck.report.members import write_members
from pcapcheck.report.places import project_root
from pcapcheck.report.report import Report
from pcapcheck.report.sarif_places import ROOT, Places, artifact_location
from pcapcheck.report.sarif_results import Results
from pcapcheck.report.sarif_rules import rule_descriptors
from pcapcheck.report.terms import Terms
from pcapcheck.rules import Finding
from pcapcheck.tables import SEVERITIES

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# What GitHub accepts of a run; it keeps the first 5,000.
MOST_RESULTS: Final = 25_000


class _Chosen(NamedTuple):
    """The findings that are written, the worst first, with their fingerprints, and how many others there are."""

    results: list[tuple[Finding, str]]
    left_out: Counter[str]  # by severity: over the limit
    hidden: Counter[str]  # by severity: not shown unless asked for


def write_sarif(report: Report, out: TextIO, terms: Terms) -> None:
    """Write a log with one run."""
    chosen = _choose(report, terms)
    rules = sorted({rule.id: rule for capture in range(len(report.judged)) for rule in report.asked(capture)}.items())
    places = Places(report, [finding for finding, _ in chosen.results])
    results = Results(report, places, {id: number for number, (id, _) in enumerate(rules)})
    driver = {
        "name": "pcapcheck",
        "version": __version__,
        "semanticVersion": __version__,
        "shortDescription": {"text": "Verifies the TCP handshakes in packet captures."},
        "rules": [*rule_descriptors(rule for _, rule in rules)],
    }
    out.write(f'{{"$schema": "{SCHEMA}", "version": "2.1.0", "runs": [\n')
    write_members(
        out,
        [
            ("tool", {"driver": driver}),
            ("originalUriBaseIds", {ROOT: {"description": {"text": "The root of the project."}}}),
            ("invocations", [_invocation(report, terms, chosen)]),
            ("artifacts", ({"location": one, "roles": ["analysisTarget"]} for one in places.artifacts)),
            ("results", (results.result(finding, mark) for finding, mark in chosen.results)),
        ],
    )
    out.write("\n]}\n")


def _choose(report: Report, terms: Terms) -> _Chosen:
    """The severest findings, in the order of the report where they are equally severe."""
    found: dict[str, list[tuple[Finding, str]]] = {severity: [] for severity in SEVERITIES}
    total: Counter[str] = Counter()
    hidden = Counter({name: report.all_findings.count(name) for name in SEVERITIES if not terms.shows(name)})
    for finding, mark in fingerprinted(report):
        severity = finding.severity
        if not terms.shows(severity):
            continue
        total[severity] += 1
        if total[severity] <= MOST_RESULTS:
            found[severity].append((finding, mark))
    results = [*chain.from_iterable(found.values())][:MOST_RESULTS]
    written = Counter(finding.severity for finding, _ in results)
    return _Chosen(results, total - written, +hidden)


def _invocation(report: Report, terms: Terms, chosen: _Chosen) -> dict[str, Any]:
    """Section 3.20. What could not be judged, and what is not in the results, are notifications."""
    invocation: dict[str, Any] = {"executionSuccessful": not report.errors and not report.interrupted}
    if terms.exit_code is not None:
        invocation["exitCode"] = terms.exit_code
    notifications = [*_notifications(report, terms, chosen)]
    if notifications:
        invocation["toolExecutionNotifications"] = notifications
    return invocation


def _notifications(report: Report, terms: Terms, chosen: _Chosen) -> Iterator[dict[str, Any]]:
    for problem in problems(report, terms):
        notification: dict[str, Any] = {
            "descriptor": {"id": problem.rule}, "level": "error", "message": {"text": problem.message},
        }  # fmt: skip
        if problem.given:
            artifact = artifact_location(problem.given, project_root())
            notification["locations"] = [{"physicalLocation": {"artifactLocation": artifact}}]
        yield notification
    if left_out := chosen.left_out:
        total = left_out.total() + len(chosen.results)
        text = f"{left_out.total()} of {total} findings are left out, the least severe: {_listed(left_out)}"
        yield {"descriptor": {"id": "results-left-out"}, "level": "warning", "message": {"text": text}}
    if report.known:
        text = f"known to the baseline and left out: {report.known}"
        yield {"descriptor": {"id": "results-known"}, "level": "note", "message": {"text": text}}
    if chosen.hidden:
        text = f"not among the results unless --verbose asks for them: {_listed(chosen.hidden)}"
        yield {"descriptor": {"id": "results-not-shown"}, "level": "note", "message": {"text": text}}


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])
