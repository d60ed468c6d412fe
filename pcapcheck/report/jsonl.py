"""JSON lines: one object a handshake, nothing else.

The names are those of the handshakes table; times and RTTs are integers in nanoseconds (``start_time_ns``,
``server_rtt_ns``), null where there is none. A finding about a whole capture belongs to no handshake and is not here:
it is in the text output and in ``Report.findings``.
"""

from __future__ import annotations

import json
from typing import Any, Final, TextIO

from pcapcheck.diagnoses import Cause
from pcapcheck.report.plain import NAMES, cause_lists, handshake_rows
from pcapcheck.report.report import Report
from pcapcheck.rules import Finding

_FINDINGS: Final = NAMES.index("findings")


def write_jsonl(report: Report, out: TextIO) -> None:
    """Write one line a handshake, in order of ``handshake_id``."""
    encode = json.JSONEncoder(check_circular=False).encode
    for values, causes in zip(handshake_rows(report), cause_lists(report), strict=True):
        row: dict[str, Any] = dict(zip(NAMES, values, strict=True))
        row["findings"] = [_finding(finding) for finding in values[_FINDINGS]]
        row["causes"] = [_cause(cause) for cause in causes]
        out.write(encode(row) + "\n")


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "cause": cause.diagnosis.slug,
        "certainty": cause.certainty,
        "evidence": cause.evidence,
        "rivals": cause.diagnosis.rivals,
        "decide_by": cause.diagnosis.decide_by,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule.id,
        "severity": finding.severity,
        "frames": finding.frames,
        "expected": finding.expected,
        "actual": finding.actual,
        "message": finding.message,
    }
