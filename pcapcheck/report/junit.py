"""JUnit XML, which Jenkins, GitLab, Azure and CircleCI show as tests: a suite a capture, a test case a rule of it.

A case fails where a finding fails the run (``--fail-on``), is skipped where its rule cannot be decided, else it passes,
with what was found below that severity as its output. With ``--junit-per connection`` a case is a handshake instead.
There are no times in it: the same input gives the same file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TextIO
from xml.etree import ElementTree

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from pcapcheck.report.alerts import UNREADABLE, Alert, problems
from pcapcheck.report.escape import escaped
from pcapcheck.report.junit_cases import Case, connection_cases, rule_cases
from pcapcheck.report.places import namer
from pcapcheck.report.report import Report
from pcapcheck.report.terms import Terms
from pcapcheck.stretch import CaptureFacts

# GitLab gives up at 250,000 objects in a file (its issue 507482), and at 30 MB.
MOST_OBJECTS: Final = 200_000
MOST_TEXT: Final = 20_000_000


class _Suite(NamedTuple):
    name: str
    properties: Sequence[tuple[str, object]]
    cases: list[Case]


def write_junit(report: Report, out: TextIO, terms: Terms) -> None:
    """Write the suites in the order of the report, the run's own troubles first. All characters are ASCII."""
    suites, left_out = _limited([*_suites(report, terms)])
    document = JUnitXml("pcapcheck")
    for suite in suites:
        document.add_testsuite(_test_suite(suite))
    if left_out:
        note = TestSuite("pcapcheck")
        note.add_property("left-out", left_out)
        document.add_testsuite(note)
    document.update_statistics()
    # junitparser builds upon lxml where it is installed; what is written must not depend on that.
    root = ElementTree.fromstring(document.tostring())
    ElementTree.indent(root)
    out.write('<?xml version="1.0" encoding="utf-8"?>\n')
    out.write(ElementTree.tostring(root, encoding="us-ascii", xml_declaration=False).decode("ascii") + "\n")


def _suites(report: Report, terms: Terms) -> Iterator[_Suite]:
    name = namer()
    cases_of = connection_cases if terms.junit_per == "connection" else rule_cases
    own = [*problems(report, terms)]
    missing = [alert for alert in own if alert.rule == UNREADABLE]
    if troubles := [_trouble(alert) for alert in own if alert.rule != UNREADABLE]:
        yield _Suite("pcapcheck", (), troubles)
    read = {facts.path for facts in report.capture_facts}
    for alert in missing:
        if alert.given not in read:
            yield _Suite(escaped(alert.path), (), [_trouble(alert)])
    by_path = {alert.given: alert for alert in missing}
    cases = cases_of(report, terms)
    for facts, found in zip(report.capture_facts, cases, strict=True):
        readable = _trouble(by_path[facts.path]) if facts.error else Case("readable")
        yield _Suite(escaped(name(facts.path)), _properties(facts), [readable, *found])


def _trouble(alert: Alert) -> Case:
    return Case("readable" if alert.rule == UNREADABLE else alert.rule, "error", alert.rule, alert.message)


def _properties(facts: CaptureFacts) -> list[tuple[str, object]]:
    """What was read of a capture. A clean suite of which half was not decoded must say so."""
    if facts.error:
        return []
    return [
        ("format", " ".join(filter(None, (facts.format, facts.compression)))),
        ("frames", facts.frames),
        ("segments", facts.segments),
        ("frames-not-judged", facts.skipped.total()),
    ]


def _limited(suites: list[_Suite]) -> tuple[list[_Suite], str]:
    """The suites with as many cases and as much text as may be, the failed ones before others; and what is left out."""
    room = MOST_OBJECTS
    kept: set[int] = set()
    for bad in (True, False):
        for case in (case for suite in suites for case in suite.cases if case.bad is bad):
            room -= case.objects
            if room < 0:
                break
            kept.add(id(case))
    left_out: Counter[str] = Counter()
    text = MOST_TEXT
    limited = []
    for suite in suites:
        cases = []
        for case in suite.cases:
            if id(case) not in kept:
                left_out["failed" if case.bad else "passed or skipped"] += 1
                continue
            text -= len(case.text) + len(case.output)
            too_long = text < 0 and bool(case.text or case.output)
            left_out["texts of"] += too_long
            cases.append(case._replace(text="", output="") if too_long else case)
        limited.append(suite._replace(cases=cases))
    return limited, ", ".join(f"{left_out[what]} {what} test cases" for what in sorted(+left_out))


def _test_suite(suite: _Suite) -> TestSuite:
    made = TestSuite(suite.name)
    for name, value in suite.properties:
        made.add_property(name, str(value))
    made.add_testcases([_test_case(suite.name, case) for case in suite.cases])
    return made


_RESULTS: Final = {"failed": Failure, "error": Error, "skipped": Skipped}


def _test_case(capture: str, case: Case) -> TestCase:
    made = TestCase(name=case.name, classname=capture)
    made._elem.set("file", capture)  # GitLab and CircleCI read it; junitparser has no name for it
    if case.result:
        result = _RESULTS[case.result](case.message, case.kind)
        if case.text:
            result.text = case.text
        made.result = [result]
    if case.output:
        made.system_out = case.output
    return made
