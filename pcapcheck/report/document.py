"""The report for people in a file, written as its suffix says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from pcapcheck.errors import UsageError
from pcapcheck.report.output import replacing
from pcapcheck.report.report import Report


class Form(NamedTuple):
    """How a report is written, and what it needs to be kept of the handshakes (tables.KEEPS)."""

    name: str
    keep: str


_HTML: Final = Form("html", "everything")
# By the suffix of its file.
SUFFIXES: Final = {".html": _HTML, ".htm": _HTML, ".md": Form("markdown", "findings")}


def refuse_suffix(path: str) -> None:
    """Raise UsageError for a suffix that no report has."""
    if os.path.splitext(path.lower())[1] not in SUFFIXES:
        raise UsageError(f"--output {path}: a report is an .html or .md file")


def write_document(
    report: Report, path: str, form: str = "", *, command: Sequence[str] = (), language: str = "en"
) -> None:
    """Write the report as ``html`` or ``markdown``, or as the suffix says.

    ``command`` is what it names under "How to reproduce", ``language`` that of headings and rules in HTML. Raises
    UsageError for another suffix than SUFFIXES, PcapcheckError where the file cannot be written.
    """
    if not form:
        refuse_suffix(path)
        form = SUFFIXES[os.path.splitext(path.lower())[1]].name
    if form == "markdown":
        from pcapcheck.report.markdown import markdown

        text = markdown(report, command=command)
    else:
        from pcapcheck.report.html import html

        text = html(report, command=command, language=language)
    # The octets of a name that are no UTF-8 are escaped by now.
    with replacing(path) as unfinished, open(unfinished, "w", encoding="utf-8", newline="\n") as out:
        out.write(text)
