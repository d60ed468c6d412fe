"""The job summary of a GitHub workflow: the Markdown report, appended to what the step has written already."""

from __future__ import annotations

import os
from typing import Final

from pcapcheck.report.alerts import problems
from pcapcheck.report.markdown import markdown
from pcapcheck.report.report import Report
from pcapcheck.report.terms import Terms

# GitHub throws away a summary of more than 1 MiB a step. Room is left for what the step may add.
MOST_OCTETS: Final = 900_000
# Less than this is no report.
_LEAST_OCTETS: Final = 1000


def append_summary(report: Report, path: str, terms: Terms) -> None:
    """Append the report to a file, as short as it must be for the whole to stay within MOST_OCTETS."""
    before = os.path.getsize(path) if os.path.exists(path) else 0
    troubles = [f"❌ {_plain(alert.message)}" for alert in problems(report, terms)]
    lead = "".join(f"{line}\n\n" for line in troubles[:20])
    room = MOST_OCTETS - before - len(lead.encode()) - 2
    if room < _LEAST_OCTETS:
        return
    text = lead + markdown(report, most_octets=room)
    with open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n") as out:
        out.write(f"\n{text}" if before else text)


def _plain(text: str) -> str:
    """Text as it is, whatever Markdown or HTML it holds."""
    return "".join(f"&#{ord(letter)};" if letter in "\\`*_[]<>&|~$@#!" else letter for letter in text)
