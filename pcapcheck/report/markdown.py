"""The report as Markdown (GitHub's, with its tables and Mermaid diagrams): for issues, wikis, summaries of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from pcapcheck.report.mermaid import ladder_mermaid
from pcapcheck.report.overview import Explained, Found, Overview, Ruled, overview
from pcapcheck.report.report import Report
from pcapcheck.report.rtt_table import milliseconds
from pcapcheck.report.servers import Server
from pcapcheck.report.verdict import counted
from pcapcheck.report.worst import TOTAL
from pcapcheck.tables import ABSENT

# Of so many rules of severity error the first finding is drawn.
_LADDERS: Final = 5
# So many findings are tried until the text is short enough.
_FEWER: Final = (TOTAL, 100, 30, 10, 3, 0)
# What begins something in the middle of a line: marks, HTML, entities, a cell's border, formulas, mentions, links.
_SPECIAL: Final = re.compile(r"[\\`*_\[\]<>&|~$@]|:(?=//)|(?<=\bwww)\.|#(?=\d)")
# What does so at its start: headings, lists, rules.
_AT_START: Final = re.compile(r"^(\d*)([#+=.)-])")


def write_markdown(report: Report, out: TextIO, *, command: Sequence[str] = ()) -> None:
    """Write the whole report."""
    out.write(markdown(report, command=command))


def markdown(report: Report, *, command: Sequence[str] = (), most_octets: int | None = None) -> str:
    """The report as Markdown.

    Where it would be longer than ``most_octets`` in UTF-8, fewer findings are shown, and at last it is cut.
    """
    text = ""
    for total in _FEWER:
        text = _written(report, overview(report, command, total))
        if most_octets is None or len(text.encode()) <= most_octets:
            return text
    assert most_octets is not None
    cut = text.encode()[: max(most_octets - 40, 0)].decode(errors="ignore")
    return cut.rpartition("\n")[0] + "\n\n(cut: it would be too long)\n"


def _written(report: Report, said: Overview) -> str:
    marks = {"good": "✅", "bad": "❌", "unsure": "⚠️"}
    parts = [
        "# TCP handshakes",
        f"{marks[said.verdict.mood]} **{_text(said.verdict.sentence)}** {_text(said.verdict.reason)}".rstrip(),
        _text(said.verdict.scope),
    ]
    if said.outcomes:
        rows = [(_text(one.name), str(one.total), f"{one.share:.1%}", one.meaning) for one in said.outcomes]
        parts += ["## Outcomes", _table(("outcome", "handshakes", "share", "meaning"), rows, "lrrl")]
    parts += _causes(said)
    parts += _findings(report, said)
    parts += _times(said)
    parts += _servers(said.servers, said.all_servers)
    parts += _captures(said)
    if said.skipped:
        skipped = [(_text(reason), str(count), f"{share:.1%}") for reason, count, share in said.skipped]
        parts += ["## Not decoded", _table(("reason", "frames", "share"), skipped, "lrr")]
    parts += ["## How to reproduce", f"pcapcheck {said.version}:", _block(said.command)]
    return "\n\n".join(parts) + "\n"


def _causes(said: Overview) -> list[str]:
    parts = []
    for heading, explained in (("## Causes", said.causes), ("## Also true of them", said.circumstances)):
        if explained:
            rows = [_cause(one) for one in explained]
            header = ("cause", "handshakes", "what it means", "or", "what would decide")
            parts += [heading, _table(header, rows, "lrlll")]
    return parts


def _cause(one: Explained) -> tuple[str, ...]:
    how = ", ".join(f"{count} {name}" for name, count in one.certainties)
    rivals = "" if one.proved else ", ".join(one.diagnosis.rivals)
    decide = "" if one.proved else one.diagnosis.decide_by
    return (
        f"{one.diagnosis.id} {_text(one.diagnosis.slug)}",
        how,
        _own(one.diagnosis.title),
        _text(rivals),
        _own(decide),
    )


def _findings(report: Report, said: Overview) -> list[str]:
    if not said.rules:
        return []
    counts = ", ".join(_counted(count, name) for name, count in said.severities.items())
    parts = ["## Findings", counts]
    ladders = 0
    for group in said.rules:
        reference = f" {_text(group.rule.reference)}." if group.rule.reference else ""
        parts += [
            f"### {group.rule.id} {_text(group.rule.slug)}: {_counted(group.total, group.severity)}",
            f"{_own(group.rule.title)}{reference}",
        ]
        if group.shown:
            parts.append(_group(group))
        if group.hidden:
            parts.append(f"and {group.hidden} more")
        handshake_id = next((found.handshake_id for found in group.shown), 0)
        if group.severity == "error" and handshake_id and ladders < _LADDERS:
            ladders += 1
            diagram = ladder_mermaid(report, handshake_id - 1)
            summary = f"<summary>handshake {handshake_id}</summary>"
            parts.append(f"<details>{summary}\n\n{_block(diagram.rstrip(), 'mermaid')}\n\n</details>")
    return parts


def _counted(count: int, severity: str) -> str:
    return f"{count} info" if severity == "info" else counted(count, severity)


def _group(group: Ruled) -> str:
    if all(found.handshake_id == 0 for found in group.shown):
        rows = [(_code(found.file), _text(found.frames), _text(found.message)) for found in group.shown]
        return _table(("capture", "frames", "finding"), rows, "lll")
    return _table(
        ("handshake", "client", "server", "outcome", "frames", "finding", "in Wireshark"),
        [_row(found) for found in group.shown],
        "rllllll",
    )


def _row(found: Found) -> tuple[str, ...]:
    return (
        str(found.handshake_id or ""),
        _code(found.client),
        _code(found.server),
        found.outcome,
        _text(found.frames),
        _text(found.message) + _why(found),
        _code(found.filter),
    )


def _why(found: Found) -> str:
    return f" ({_text(found.causes[0].diagnosis.slug)}, {found.causes[0].certainty})" if found.causes else ""


def _times(said: Overview) -> list[str]:
    if not said.estimates and not said.intervals:
        return []
    parts = ["## Round-trip times"]
    if said.estimates:
        rows = [(_text(one.name), str(one.n), *one.values) for one in said.estimates]
        parts.append(_table(("ms", "n", "min", "p50", "p95", "p99", "max"), rows, "lrrrrrr"))
    if said.intervals:
        parts.append(f"{said.intervals} more known only as an interval: a SYN or SYN-ACK was repeated.")
    return parts


def _servers(servers: Sequence[Server], total: int) -> list[str]:
    if not servers:
        return []
    rows = [
        (
            _code(one.name), str(one.handshakes), str(one.established), str(one.failed), str(one.undecided),
            one.mostly, _text(one.cause), _ms(one.p50), _ms(one.p95),
        )
        for one in servers
    ]  # fmt: skip
    header = ("server", "handshakes", "established", "failed", "undecided", "mostly", "cause", "RTT p50, ms", "p95")
    parts = ["## Servers", _table(header, rows, "lrrrrllrr")]
    if total > len(servers):
        parts.append(f"and {total - len(servers)} more")
    return parts


def _captures(said: Overview) -> list[str]:
    rows = [
        (_code(one.path), one.format, str(one.frames), str(one.segments), one.start, ", ".join(one.faults) or one.error)
        for one in said.captures
    ]
    rows = [(*row[:5], _text(row[5])) for row in rows]
    parts = ["## Captures"]
    if rows:
        parts.append(_table(("capture", "format", "frames", "TCP segments", "begins", "faults"), rows, "llrrll"))
    lines = [*said.damages, *said.softened]
    if said.undecidable:
        cases = ", ".join(f"{rule} ({count})" for rule, count in said.undecidable)
        lines.append(f"Not decidable from what was captured, rule (cases): {cases}")
    if lines:
        parts.append("\n".join(f"- {_text(line)}" for line in lines))
    return parts


def _ms(nanoseconds: int) -> str:
    return "" if nanoseconds == ABSENT else milliseconds(nanoseconds)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> str:
    rule = [{"l": "---", "r": "---:"}[letter] for letter in align]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def _text(text: str) -> str:
    """Words that stay words: a name may hold Markdown, HTML, a mention or a cell's border."""
    return _AT_START.sub(r"\1\\\2", _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", text))


def _own(text: str) -> str:
    """A text of the catalogue, with its code spans."""
    return text.replace("|", r"\|")


def _code(text: str) -> str:
    """A code span in a cell of a table: longer fences than what is in it, and no border (GFM, section 4.10)."""
    if not text:
        return ""
    longest = max([len(run) for run in re.findall("`+", text)], default=0)
    fence = "`" * (longest + 1)
    room = " " if longest else ""
    return f"{fence}{room}{text.replace('|', chr(92) + '|')}{room}{fence}"


def _block(text: str, language: str = "") -> str:
    longest = max([len(run) for run in re.findall("`+", text)], default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
