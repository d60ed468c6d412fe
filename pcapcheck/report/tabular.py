"""CSV: one row a handshake, for spreadsheets and everything else that reads tables.

The columns are those of JSON lines; ``findings`` are rule ids with a space between them, and an empty cell is "none".
What does not print in a file name is written as an escape.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Final, TextIO

from pcapcheck.report.escape import escaped
from pcapcheck.report.plain import NAMES, handshake_rows
from pcapcheck.report.report import Report
from pcapcheck.tables import HANDSHAKES

# A spreadsheet takes a cell that begins so for a formula, and would run what a file name says.
_FORMULA: Final = ("=", "+", "-", "@")


_FINDINGS: Final = NAMES.index("findings")
_TEXTS: Final = [
    at
    for at, column in enumerate(HANDSHAKES.values())
    if column.dtype == "string" or (column.dtype == "category" and not column.categories)
]
_BOOLEANS: Final = [at for at, column in enumerate(HANDSHAKES.values()) if column.dtype == "boolean"]
_WORDS: Final = {None: "", False: "false", True: "true"}


def csv_rows(out: TextIO) -> Callable[[Report], None]:
    """Write a header; give what writes one row a handshake in order of ``handshake_id``."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(NAMES)

    def write(report: Report) -> None:
        for values in handshake_rows(report):
            cells = list(values)
            for at in _TEXTS:
                text = escaped(cells[at] or "")
                cells[at] = "'" + text if text.startswith(_FORMULA) else text
            for at in _BOOLEANS:
                cells[at] = _WORDS[cells[at]]
            cells[_FINDINGS] = " ".join(finding.rule.id for finding in cells[_FINDINGS])
            writer.writerow(cells)

    return write
