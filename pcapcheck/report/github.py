"""GitHub annotations: workflow commands on standard output, which GitHub shows beside a run and a pull request.

``::error file=captures/a.pcap,title=HS02 synack-acks-wrong-number::frame 2: ...``. Of each kind (error, warning,
notice) GitHub shows ten in a step and drops the rest without a word, so it gets nine and a tenth that counts the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from pcapcheck.report.alerts import Alert, alerts
from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import finding_filter
from pcapcheck.report.report import Report
from pcapcheck.report.terms import Terms

# Annotations of one kind that GitHub takes from one step.
MOST: Final = 10
_COMMANDS: Final = {"error": "error", "warning": "warning", "note": "notice", "info": "notice"}


def write_github(report: Report, out: TextIO, terms: Terms) -> None:
    """Write the annotations, the worst kind first, each kind in the order of the report."""
    filter = finding_filter(report)
    found: dict[str, list[Alert]] = {"error": [], "warning": [], "notice": []}
    for alert in alerts(report, terms):
        found[_COMMANDS[alert.severity]].append(alert)
    for kind, of_kind in found.items():
        shown = of_kind if len(of_kind) <= MOST else worst(of_kind, MOST - 1)
        for alert in shown:
            message = alert.message
            if alert.finding and (shows := filter(alert.finding)):
                message += f"\nWireshark: {shows}"
            title = alert.rule if alert.name == alert.rule else f"{alert.rule} {alert.name}"
            out.write(command(kind, message, file=alert.path, title=title))
        if more := len(of_kind) - len(shown):
            counts = Counter(alert.rule for alert in of_kind) - Counter(alert.rule for alert in shown)
            rules = ", ".join(f"{rule} ({number})" for rule, number in sorted(counts.items()))
            plural = "" if more == 1 else "s"
            out.write(command(kind, f"and {more} more {kind}{plural} that GitHub would not show: {rules}"))


def worst(of_kind: Sequence[Alert], most: int) -> list[Alert]:
    """So many of them, in their order: of every rule one before a second of any is taken."""
    before: Counter[str] = Counter()
    ranked = []
    for number, alert in enumerate(of_kind):
        ranked.append((before[alert.rule], number))
        before[alert.rule] += 1
    return [of_kind[number] for number in sorted(number for _, number in sorted(ranked)[:most])]


def command(kind: str, message: str, **properties: str) -> str:
    """A workflow command, as actions/toolkit writes it."""
    named: Iterable[str] = (
        f"{key}={_property(escaped(value))}" for key, value in properties.items() if value not in ("", ".")
    )
    words = " ".join(filter(None, (kind, ",".join(named))))
    return f"::{words}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
