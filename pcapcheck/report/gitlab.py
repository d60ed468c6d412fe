"""GitLab Code Quality: a JSON array with an object for each finding, which merge requests show.

GitLab takes a finding for known by its fingerprint and shows only the first of equal ones. It wants a path within the
project and a line: a capture has none, so all stand at line 1 and name their frame.
"""

from __future__ import annotations

import json
from typing import Final, TextIO

from pcapcheck.report.alerts import alerts
from pcapcheck.report.identify import finding_filter
from pcapcheck.report.report import Report
from pcapcheck.report.terms import Terms

_SEVERITIES: Final = {"error": "critical", "warning": "major", "note": "minor", "info": "info"}


def write_gitlab(report: Report, out: TextIO, terms: Terms) -> None:
    """Write an array, one object a line; what could not be read is a blocker."""
    filter = finding_filter(report)
    separator = "[\n"
    for alert in alerts(report, terms):
        shows = filter(alert.finding) if alert.finding else ""
        entry = {
            "description": f"{alert.message} (Wireshark: {shows})" if shows else alert.message,
            "check_name": alert.rule if alert.name == alert.rule else f"{alert.rule} {alert.name}",
            "fingerprint": alert.fingerprint,
            "severity": _SEVERITIES[alert.severity] if alert.finding else "blocker",
            "location": {"path": alert.path, "lines": {"begin": 1}},
        }
        out.write(separator + json.dumps(entry))
        separator = ",\n"
    out.write("[]\n" if separator == "[\n" else "\n]\n")
