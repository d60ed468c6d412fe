"""CSV: one row a handshake, for spreadsheets and everything else that reads tables.

The columns are those of JSON lines; ``findings`` are rule ids with a space between them, and an empty cell is "none".
"""

from __future__ import annotations

import csv
from typing import Any, Final, TextIO

from pcapcheck.report.plain import NAMES, handshake_rows
from pcapcheck.report.report import Report

# A spreadsheet takes a cell that begins so for a formula, and would run what a file name says.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_csv(report: Report, out: TextIO) -> None:
    """Write a header, then one row a handshake in order of ``handshake_id``."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(NAMES)
    for values in handshake_rows(report):
        writer.writerow([_cell(value) for value in values])


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(finding.rule.id for finding in value)
    return value
