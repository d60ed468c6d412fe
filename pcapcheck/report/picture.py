"""The ladder of one handshake in a file, drawn as its suffix says."""

from __future__ import annotations

import os
from typing import Final

from pcapcheck.errors import UsageError
from pcapcheck.report.output import replacing
from pcapcheck.report.report import Report

SUFFIXES: Final = (".svg", ".mmd", ".png", ".pdf")


def refuse_suffix(path: str) -> None:
    """Raise UsageError for a suffix that no ladder has."""
    if not path.lower().endswith(SUFFIXES):
        raise UsageError(f"--output {path}: a ladder is an .svg, .mmd (Mermaid), .png or .pdf file")


def write_ladder(report: Report, index: int, path: str) -> None:
    """Draw the handshake at ``index`` in the order of ``report.handshakes``.

    Raises UsageError where there is no such handshake, or for another suffix than SUFFIXES.
    """
    refuse_suffix(path)
    suffix = os.path.splitext(path.lower())[1]
    if suffix in (".png", ".pdf"):
        from pcapcheck import charts

        charts.save(charts.ladder_figure(report, index), path)
        return
    if suffix == ".svg":
        from pcapcheck.report.ladder_svg import ladder_svg as drawn
    else:
        from pcapcheck.report.mermaid import ladder_mermaid as drawn
    text = drawn(report, index)
    with replacing(path) as unfinished, open(unfinished, "w", encoding="utf-8", newline="\n") as out:
        out.write(text)
