"""What is a test case: a rule of a capture, or a connection of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import endpoint, finding_filter, frames_text
from pcapcheck.report.report import Report
from pcapcheck.report.terms import Terms
from pcapcheck.report.text import said
from pcapcheck.rules import Finding, Rule
from pcapcheck.tables import ABSENT, OUTCOMES

# Findings of one case that are written out: beyond it readers give up on the length of a text.
_MOST_WRITTEN: Final = 50
# Outcomes that say what the capture lacks, not what became of the attempt.
_OPEN: Final = ("pending", "partial", "one-sided", "midstream", "stray")


class Case(NamedTuple):
    """A test case; it passed where there is no result."""

    name: str
    result: str = ""  # failed, error or skipped
    kind: str = ""
    message: str = ""  # one line
    text: str = ""
    output: str = ""

    @property
    def objects(self) -> int:
        """What it costs a reader that counts elements, attributes and texts, and more than these."""
        return 20 if self.result or self.output else 8

    @property
    def bad(self) -> bool:
        """Whether it is one to keep before others."""
        return self.result in ("failed", "error")


class _Told:
    """The findings of one case: how many there are, and the first of them in words."""

    def __init__(self) -> None:
        self.count = 0
        self.worst = ""
        self.first = ""
        self._lines: list[str] = []

    def add(self, finding: Finding, line: str) -> None:
        if not self.count:
            self.first = line.partition("\n")[0]
            self.worst = finding.severity
        self.count += 1
        if self.count <= _MOST_WRITTEN:
            self._lines.append(line)

    @property
    def text(self) -> str:
        more = [f"and {self.count - _MOST_WRITTEN} more"] if self.count > _MOST_WRITTEN else []
        return "\n".join([*self._lines, *more])


class _Writer:
    """Sorts findings into what fails a case and what it only says."""

    def __init__(self, report: Report, terms: Terms) -> None:
        self._report, self._terms, self._filter = report, terms, finding_filter(report)
        self.failing: dict[object, _Told] = {}
        self.saying: dict[object, _Told] = {}

    def add(self, key: object, finding: Finding) -> None:
        into = self.failing if self._terms.fails(finding.severity) else self.saying
        if into is self.saying and not self._terms.shows(finding.severity):
            return
        told = into.setdefault(key, _Told())
        told.add(finding, self._line(finding) if told.count < _MOST_WRITTEN else "")

    def _line(self, finding: Finding) -> str:
        facts = self._report.capture_facts[finding.capture]
        frames = f"frame {frames_text(facts, finding.frames)}: " if finding.frames else ""
        lines = [f"{finding.rule.id} {frames}{said(self._report, finding)}"]
        if finding.expected or finding.actual:
            lines.append(f"  expected {escaped(finding.expected)}, actual {escaped(finding.actual)}")
        if shows := self._filter(finding):
            lines.append(f"  Wireshark: {shows}")
        return "\n".join(lines)

    def case(self, key: object, name: str, skipped: str = "", kind: str = "") -> Case:
        failing, saying = self.failing.get(key), self.saying.get(key)
        output = saying.text if saying else ""
        if failing:
            count = f"{failing.count} findings, the first: " if failing.count > 1 else ""
            return Case(name, "failed", failing.worst, count + failing.first, failing.text, output)
        if skipped:
            return Case(name, "skipped", kind, skipped, "", output)
        return Case(name, output=output)


def rule_cases(report: Report, terms: Terms) -> Iterator[list[Case]]:
    """For each capture a case for every rule that was asked of it, in the order of their ids."""
    report.need("shown")
    writer = _Writer(report, terms)
    for finding in report.all_findings:
        writer.add((finding.capture, finding.rule.id), finding)
    for capture, one in enumerate(report.judged):
        yield [
            writer.case(
                (capture, rule.id), f"{rule.id} {rule.slug}",
                _undecidable(rule, one.undecidable.get(rule.id, 0)), "undecidable",
            )
            for rule in report.asked(capture)
        ]  # fmt: skip


def _undecidable(rule: Rule, count: int) -> str:
    return f"not decidable in {count} case{'' if count == 1 else 's'}: it needs {rule.needs}" if count else ""


def connection_cases(report: Report, terms: Terms) -> Iterator[list[Case]]:
    """For each capture a case for what is about it as a whole, then one for every handshake, in their order."""
    writer = _Writer(report, terms)
    for finding in report.all_findings:
        writer.add((finding.capture, finding.handshake), finding)
    number = 0
    for capture, traffic in enumerate(report.traffics):
        cases = [writer.case((capture, ABSENT), "capture")]
        handshakes = traffic.handshakes
        rows = zip(
            handshakes.client_address, handshakes.client_port.tolist(),
            handshakes.server_address, handshakes.server_port.tolist(),
            handshakes.outcome.tolist(), strict=True,
        )  # fmt: skip
        for index, (client, client_port, server, server_port, code) in enumerate(rows):
            number += 1
            outcome = OUTCOMES[code]
            name = f"handshake {number} {endpoint(client, client_port)} -> {endpoint(server, server_port)}"
            skipped = f"{outcome}: the capture does not show enough to judge it" if outcome in _OPEN else ""
            cases.append(writer.case((capture, index), name, skipped, outcome))
        yield cases if not report.capture_facts[capture].error else []
