"""The summary of a run that a person wants to read."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.diagnoses import DIAGNOSES
from pcapcheck.distribution import Distributions
from pcapcheck.faults.softening import RULE_ANSWERS, Fault
from pcapcheck.report.colour import Paint
from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import endpoint
from pcapcheck.report.report import Report
from pcapcheck.report.rtt_table import rtt_lines
from pcapcheck.report.table import table
from pcapcheck.rules.catalogue import known_rule
from pcapcheck.sequence import MERGED, RECOGNISED
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import CERTAINTIES, FAILED, OUTCOMES, SEVERITIES

_WORST_SERVERS: Final = 5
_MOST_SEQUENCES: Final = 3
_MOST_NAMED: Final = 3  # files of a sequence


def summary(report: Report, *, paint: Paint | None = None, width: int = 80) -> str:
    """Outcomes, worst servers, causes, RTTs, findings, and all that was not judged."""
    paint = paint or Paint()
    sections = [
        [*_headline(report, paint), *_sequences(report)],
        _outcomes(report, width),
        _worst_servers(report, width),
        _causes(report, width),
        rtt_lines(report, width),
        _findings(report, paint),
        _undecided(report, width),
        _skipped(report, width),
        capture_lines(report),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def counted(number: int, noun: str) -> str:
    """``1 frame``, ``2 frames``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _headline(report: Report, paint: Paint) -> list[str]:
    facts = report.capture_facts
    outcomes = report.outcomes()
    lines = []
    if report.interrupted:
        lines.append(paint("PARTIAL: interrupted; what was read by then is judged.", "warning"))
    readable = [one for one in facts if not one.error]
    frames, segments = sum(one.frames for one in facts), sum(one.segments for one in facts)
    icmp, filtered = sum(one.icmp_errors for one in facts), sum(one.filtered for one in facts)
    if not readable:
        lines.append("No capture was read.")
    elif outcomes:
        failed = sum(outcomes[name] for name in FAILED)
        total = outcomes.total()
        unknown = total - failed - outcomes["established"]
        parts = [paint(f"{outcomes['established']} established", "green" if not failed else "bold")]
        if failed:
            parts.append(paint(f"{failed} failed", "red"))
        if unknown:
            parts.append(f"{unknown} undecided")
        lines.append(f"{paint(counted(total, 'handshake'), 'bold')}: {', '.join(parts)}")
    elif filtered:
        lines.append(f"No handshakes: {counted(filtered, 'segment')} left out, nothing passes the filter.")
    elif len(readable) == 1:
        lines.append("No TCP in this capture.")
    else:
        lines.append(f"No TCP in these {len(readable)} captures.")
    if readable:
        parts = [counted(len(readable), "capture"), counted(frames, "frame"), counted(segments, "TCP segment")]
        if icmp:
            parts.append(f"{counted(icmp, 'ICMP error')} about TCP")
        if len(readable) == 1 and readable[0].first_time != NO_TIME:
            span = (readable[0].last_time - readable[0].first_time) // 10**6
            parts.append(f"{span // 1000}.{span % 1000:03d} s")
        lines.append(", ".join(parts))
        if outcomes and filtered:
            lines.append(f"{counted(filtered, 'segment')} left out by the filter")
    return lines


def _sequences(report: Report) -> list[str]:
    """Which files were taken for one capture, and why."""
    found = [facts for facts in report.capture_facts if facts.parts]
    lines = [_sequence(facts) for facts in found[:_MOST_SEQUENCES]]
    if len(found) > len(lines):
        lines.append(f"and {len(found) - len(lines)} more captures of several files")
    return lines


def _sequence(facts: CaptureFacts) -> str:
    names = [escaped(file.path) for file in facts.files]
    listed = ", ".join(names) if len(names) <= _MOST_NAMED else f"{names[0]} to {names[-1]}"
    why = " by their names and times (--no-sequence: each by itself)" if facts.joined == RECOGNISED else ""
    how = "merged by time" if facts.joined == MERGED else "read as one capture"
    return f"{len(names)} files {how}{why}: {listed}"


def _outcomes(report: Report, width: int) -> list[str]:
    outcomes = report.outcomes()
    total = outcomes.total()
    rows = [(name, str(outcomes[name]), share(outcomes[name], total)) for name in OUTCOMES if outcomes[name]]
    return table("Outcomes", ("", ""), rows, width) if rows else []


def _worst_servers(report: Report, width: int) -> list[str]:
    """The servers with the most failed attempts, of those the ones with the greatest share."""
    servers = report.totals.servers
    group, code, count = servers.outcomes.group, servers.outcomes.value, servers.outcomes.count
    is_failed = np.isin(code, [OUTCOMES.index(name) for name in FAILED])
    decided = is_failed | (code == OUTCOMES.index("established"))
    failed, total = (np.bincount(group[of], count[of], len(servers)).astype(np.int64) for of in (is_failed, decided))
    (worst,) = failed.nonzero()  # in the order of their addresses
    worst = worst[np.lexsort((worst, total[worst], -failed[worst]))]
    rows = [
        (endpoint(*servers.socket(at)), str(failed[at]), str(total[at]), _most(servers.outcomes, at))
        for at in worst[:_WORST_SERVERS].tolist()
    ]
    lines = table("Servers with failed handshakes", ("failed", "of", "mostly"), rows, width) if rows else []
    if len(worst) > len(rows):
        lines.append(f"  and {counted(len(worst) - len(rows), 'more server')}")
    return lines


def _most(outcomes: Distributions, server: int) -> str:
    """The most frequent failure of one server."""
    how = {OUTCOMES[code]: count for code, count in zip(*map(np.ndarray.tolist, outcomes.of(server)), strict=True)}
    return min(FAILED, key=lambda name: (-how.get(name, 0), OUTCOMES.index(name)))


def _causes(report: Report, width: int) -> list[str]:
    """What explains handshakes or is true of them, how certainly, and what would decide where it is not proved."""
    counts = report.totals.causes
    known = [DIAGNOSES[id] for id in sorted({id for id, _ in counts})]
    codes = range(1, len(CERTAINTIES))
    rows = [(one.slug, *(str(counts[one.id, code] or "") for code in codes)) for one in known]
    if not rows:
        return []
    lines = table("Causes (handshakes)", CERTAINTIES[1:], rows, width)
    open_ones = [one for one in known if any(counts[one.id, code] for code in codes[1:]) and not one.circumstance]
    if open_ones:
        lines.append("What would decide")
    for one in open_ones:
        lines += _filled(f"  {one.slug}: {one.decide_by}", width, "    ")
    return lines


def _findings(report: Report, paint: Paint) -> list[str]:
    counts = {
        (SEVERITIES.index(severity), id, known_rule(id).slug): number
        for (id, severity), number in report.all_findings.counts.items()
    }
    known = [f"{counted(report.known, 'known finding')} of the baseline left out"] if report.known else []
    if not counts:
        none = "No new findings." if known else "No findings."
        return [none, *known] if any(not one.error for one in report.capture_facts) else []
    totals = [
        sum(number for (code, _, _), number in counts.items() if code == which) for which in range(len(SEVERITIES))
    ]
    named = [
        paint(f"{total} {severity}" if severity == "info" else counted(total, severity), severity)
        for severity, total in zip(SEVERITIES, totals, strict=True)
        if total
    ]
    digits = len(str(max(counts.values())))
    lines = [f"Findings: {', '.join(named)}"]
    for (code, rule_id, slug), number in sorted(counts.items()):
        severity = SEVERITIES[code]
        lines.append(f"  {paint(severity.ljust(7), severity)} {rule_id:5} {number:>{digits}}  {slug}")
    return lines + known


def _undecided(report: Report, width: int) -> list[str]:
    """What cannot be decided, and which fault of a capture is why."""
    lines = [line for fault, counts in softened_by_fault(report) for line in _filled(because(fault, counts), width)]
    if undecidable := report.all_findings.undecidable():
        parts = ", ".join(f"{name}\xa0({number})" for name, number in sorted(undecidable.items()))
        lines += _filled(f"Not decidable from what was captured, rule (cases): {parts}", width)
    return lines


def softened_by_fault(report: Report) -> list[tuple[Fault, Counter[str]]]:
    """The faults of all captures together."""
    total: dict[Fault, Counter[str]] = {}
    for (fault, what), count in report.totals.softened.items():
        total.setdefault(fault, Counter())[what] += count
    return sorted(total.items())


def because(fault: Fault, counts: Counter[str]) -> str:
    """``3 handshakes midstream, 12 rule answers undecided: the capture began late``."""
    rule = f" ({fault.name})" if fault.name.startswith("CAP") else ""
    parts = [f"{counted(counts[name], 'handshake')} {name}" for name in OUTCOMES if counts[name]]
    if counts[RULE_ANSWERS]:
        parts.append(f"{counted(counts[RULE_ANSWERS], 'rule answer')} undecided")
    return f"{', '.join(parts)}: {fault.says}{rule}"


def _skipped(report: Report, width: int) -> list[str]:
    """What was not decoded. A clean report on a capture of which half was skipped must say so."""
    skipped: Counter[str] = sum((one.skipped for one in report.capture_facts), Counter())
    if not skipped:
        return []
    frames = sum(one.frames for one in report.capture_facts)
    title = f"Not judged: {skipped.total()} of {counted(frames, 'frame')}"
    rows = [
        (reason, str(number), share(number, frames))
        for reason, number in sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
    ]
    return table(title, ("", ""), rows, width)


def capture_lines(report: Report) -> list[str]:
    """What is wrong with the files themselves."""
    lines = []
    for facts in (file for capture in report.capture_facts for file in capture.files):
        if facts.damage:
            damage = facts.damage
            what = "is cut" if damage.rule == "CAP01" else "is corrupt"
            lines.append(
                f"{escaped(facts.path)} {what} after frame {damage.frame}, at byte {damage.offset}: needed"
                f" {escaped(damage.needed)}, found {escaped(damage.found)}"
            )
        if facts.dropped:
            lines.append(f"{escaped(facts.path)}: {counted(facts.dropped, 'frame')} lost by the capturing side")
    if report.ignored:
        are = "file is no capture" if len(report.ignored) == 1 else "files are no captures"
        lines.append(f"{len(report.ignored)} {are}")
    lines += [f"Not read: {escaped(error.path)}" for error in report.errors]
    return lines


def _filled(text: str, width: int, indent: str = "  ") -> list[str]:
    import textwrap

    return [
        line.replace("\xa0", " ")
        for line in textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    ]
