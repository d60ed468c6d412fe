"""What a report for people says, in order, as plain values: the HTML and the Markdown report are written from it.

Text from a capture or a file name is escaped for a terminal here, and for its own format by each writer.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pcapcheck._version import __version__
from pcapcheck.diagnoses import DIAGNOSES, Cause, Diagnosis
from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import finding_filter, frames_text, parties, time_text
from pcapcheck.report.report import Report
from pcapcheck.report.rtt_table import ESTIMATORS, milliseconds
from pcapcheck.report.servers import Server, servers
from pcapcheck.report.summary import because, capture_lines, softened_by_fault
from pcapcheck.report.verdict import MEANINGS, Verdict, verdict
from pcapcheck.report.worst import TOTAL, worst_findings
from pcapcheck.rules import Finding, Rule
from pcapcheck.sequence import ASKED, MERGED
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, CERTAINTIES, FAILED, OUTCOMES
from pcapcheck.totals import EXAMPLES, RTTS


class Outcome(NamedTuple):
    name: str
    total: int
    share: float  # of all handshakes
    meaning: str
    kind: str  # good, bad, or unsure


class Explained(NamedTuple):
    """One diagnosis, and how many handshakes it explains how certainly."""

    diagnosis: Diagnosis
    certainties: tuple[tuple[str, int], ...]
    examples: tuple[int, ...]  # handshake_ids, the most certain first

    @property
    def total(self) -> int:
        return sum(count for _, count in self.certainties)

    @property
    def proved(self) -> bool:
        return all(name == "proved" for name, _ in self.certainties)


class Found(NamedTuple):
    """One finding that is shown."""

    severity: str
    handshake_id: int  # 0 where it is about the capture
    file: str  # that holds the first of its frames; without frames the capture
    client: str
    server: str
    outcome: str
    frame: str  # the first
    frames: str  # all; where the capture came in several files, with their names
    several: bool  # the capture came in several files
    expected: str
    actual: str
    message: str
    filter: str  # for Wireshark
    command: str  # that draws its ladder
    causes: tuple[Cause, ...]


class Ruled(NamedTuple):
    """The findings of one rule."""

    rule: Rule
    severity: str
    total: int
    severities: dict[str, int]
    shown: tuple[Found, ...]

    @property
    def hidden(self) -> int:
        return self.total - len(self.shown)


class Estimate(NamedTuple):
    """Quantiles of one round-trip time, in milliseconds."""

    name: str
    n: int
    values: tuple[str, ...]  # min, p50, p95, p99, max


class CaptureLine(NamedTuple):
    """One input."""

    path: str
    format: str
    files: int
    frames: int
    segments: int
    start: str
    faults: tuple[str, ...]
    error: str


class Overview(NamedTuple):
    """A whole report."""

    verdict: Verdict
    outcomes: list[Outcome]
    causes: list[Explained]
    circumstances: list[Explained]
    rules: list[Ruled]
    severities: dict[str, int]
    softened: list[str]
    damages: list[str]
    undecidable: list[tuple[str, int]]
    estimates: list[Estimate]
    intervals: int  # handshakes whose RTT is known only as an interval
    servers: list[Server]
    all_servers: int
    skipped: list[tuple[str, int, float]]
    frames: int
    captures: list[CaptureLine]
    command: str
    version: str

    @property
    def total(self) -> int:
        return sum(one.total for one in self.outcomes)


def overview(report: Report, command: Sequence[str] = (), most_findings: int = TOTAL) -> Overview:
    """All that a report says. ``command`` is what was run; without it that which gives the same verdict is named."""
    explained = _explained(report)
    skipped: Counter[str] = sum((one.skipped for one in report.capture_facts), Counter())
    frames = sum(one.frames for one in report.capture_facts)
    worst, total = servers(report)
    return Overview(
        verdict(report),
        _outcomes(report),
        [one for one in explained if not one.diagnosis.circumstance],
        [one for one in explained if one.diagnosis.circumstance],
        _ruled(report, most_findings),
        {name: count for name in ("error", "warning", "note", "info") if (count := report.all_findings.count(name))},
        [because(fault, counts) for fault, counts in softened_by_fault(report)],
        capture_lines(report),
        sorted(report.all_findings.undecidable().items()),
        _estimates(report),
        report.totals.intervals,
        worst,
        total,
        [
            (reason, count, count / frames)
            for reason, count in sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
        ],
        frames,
        _captures(report),
        escaped(shlex.join(command or ("pcapcheck", "check", *_options(report.capture_facts), *report.files))),
        __version__,
    )


def _outcomes(report: Report) -> list[Outcome]:
    counts = report.outcomes()
    total = counts.total()
    return [
        Outcome(
            name,
            counts[name],
            counts[name] / total,
            MEANINGS[name],
            "good" if name == "established" else "bad" if name in FAILED else "unsure",
        )
        for name in OUTCOMES
        if counts[name]
    ]


def _explained(report: Report) -> list[Explained]:
    """Every diagnosis that says something, that of the most handshakes first."""
    totals = report.totals
    counts: Counter[str] = Counter()
    for (id, _), count in totals.causes.items():
        counts[id] += count
    ranked = sorted(counts, key=lambda id: (-counts[id], id))
    codes = range(1, len(CERTAINTIES))
    return [
        Explained(
            DIAGNOSES[id],
            tuple((CERTAINTIES[code], totals.causes[id, code]) for code in codes if totals.causes[id, code]),
            tuple(1 + index for code in codes for index in totals.examples.get((id, code), ()))[:EXAMPLES],
        )
        for id in ranked
    ]


def _ruled(report: Report, most: int) -> list[Ruled]:
    filter = finding_filter(report)

    def found(finding: Finding) -> Found:
        facts, ends = report.capture_facts[finding.capture], parties(report, finding)
        path, frame = facts.place(finding.frames[0]) if finding.frames else (facts.path, 0)
        outcome = report.judged[finding.capture].traffic.handshakes.outcome[finding.handshake] if ends else None
        return Found(
            finding.severity,
            report.handshake_id(finding.capture, finding.handshake) if ends else 0,
            escaped(path),
            ends.client if ends else "",
            ends.server if ends else "",
            "" if outcome is None else OUTCOMES[outcome],
            str(frame or ""),
            frames_text(facts, finding.frames),
            len(facts.files) > 1,
            escaped(finding.expected),
            escaped(finding.actual),
            escaped(finding.message),
            filter(finding),
            escaped(_showing(facts, path, frame)) if frame else "",
            tuple(report.causes_of(finding.capture, finding.handshake)) if ends else (),
        )

    return [
        Ruled(group.rule, group.severity, group.total, group.severities, tuple(map(found, group.shown)))
        for group in worst_findings(report, most)
    ]


def _showing(facts: CaptureFacts, path: str, frame: int) -> str:
    """The command that draws the ladder of the handshake of this frame."""
    if not facts.parts:
        return shlex.join(("pcapcheck", "show", "--frame", str(frame), path))
    paths = [file.path for file in facts.files]
    return shlex.join(("pcapcheck", "show", *_options([facts]), "--frame", f"{path}:{frame}", *paths))


def _options(captures: Iterable[CaptureFacts]) -> list[str]:
    """What makes files one capture where their names and times do not."""
    asked = {ASKED: "--sequence", MERGED: "--merge"}
    return sorted({asked[facts.joined] for facts in captures if facts.joined in asked})


def _estimates(report: Report) -> list[Estimate]:
    rtts = report.totals.rtts
    found = []
    for group, name in enumerate(RTTS):
        if rtts.most[group] != ABSENT:
            middle = [rtts.quantile(group, percent) for percent in (50, 95, 99)]
            shown = tuple(map(milliseconds, (int(rtts.least[group]), *middle, int(rtts.most[group]))))
            found.append(Estimate(ESTIMATORS[name], int(rtts.of(group)[1].sum()), shown))
    return found


def _captures(report: Report) -> list[CaptureLine]:
    found = [
        CaptureLine(
            escaped(facts.path) + (f" and {more} more" if (more := len(facts.files) - 1) else ""),
            ", ".join(filter(None, (facts.format, facts.compression))),
            len(facts.files),
            facts.frames,
            facts.segments,
            time_text(facts.first_time),
            tuple(faults),
            escaped(str(facts.error or "")),
        )
        for facts, faults in zip(report.capture_facts, report.faults(), strict=True)
    ]
    known = {id(facts.error) for facts in report.capture_facts}
    missing = [error for error in report.errors if id(error) not in known]
    return found + [CaptureLine(escaped(error.path), "", 1, 0, 0, "", (), escaped(str(error))) for error in missing]
