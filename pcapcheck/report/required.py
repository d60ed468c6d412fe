"""Whether a run judged as many handshakes as it was meant to: an empty capture is not all well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pcapcheck.report.report import Report
from pcapcheck.report.summary import counted
from pcapcheck.tables import FAILED

# Captures that are named.
_NAMED: Final = 5


def shortfall(report: Report, required: int) -> str:
    """What is missing, in one sentence; empty where at least so many handshakes of the whole run were judged.

    Judged is what came to a decided outcome: established, or one of the failures. What the capture does not show enough
    of (pending, partial, one-sided, midstream, stray) is not.
    """
    outcomes = report.outcomes()
    judged = outcomes["established"] + sum(outcomes[name] for name in FAILED)
    if judged >= required:
        return ""
    parts = [f"{counted(judged, 'handshake')} could be judged, --require-handshakes asks for {required}"]
    if undecided := outcomes.total() - judged:
        parts.append(f"{undecided} cannot be decided")
    readable = [facts for facts in report.capture_facts if not facts.error]
    parts += _named("no TCP in", [facts.path for facts in readable if not facts.segments])
    if filtered := sum(facts.filtered for facts in readable):
        parts.append(f"the filter leaves out {counted(filtered, 'segment')}")
    return "; ".join(parts)


def _named(what: str, paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return [f"{what} {', '.join(paths[:_NAMED])}{more}"]
