"""The report for people in a file, written as its suffix says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from pcapcheck.errors import UsageError
from pcapcheck.report.output import replacing
from pcapcheck.report.report import Report

SUFFIXES: Final = (".html", ".htm", ".md")


def refuse_suffix(path: str) -> None:
    """Raise UsageError for a suffix that no report has."""
    if not path.lower().endswith(SUFFIXES):
        raise UsageError(f"--output {path}: a report is an .html or .md file")


def write_document(report: Report, path: str, *, command: Sequence[str] = ()) -> None:
    """Write the report. ``command`` is what it names under "How to reproduce".

    Raises UsageError for another suffix than SUFFIXES, PcapcheckError where the file cannot be written.
    """
    refuse_suffix(path)
    suffix = os.path.splitext(path.lower())[1]
    if suffix == ".md":
        from pcapcheck.report.markdown import markdown

        text = markdown(report, command=command)
    else:
        from pcapcheck.report.html import html

        text = html(report, command=command)
    with replacing(path) as unfinished, open(unfinished, "w", encoding="utf-8", newline="\n") as out:
        out.write(text)
