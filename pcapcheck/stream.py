"""Handshakes and findings one by one, for captures that together are larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pcapcheck.capture import Paths, find_captures
from pcapcheck.errors import CaptureError
from pcapcheck.report.plain import handshake_dicts
from pcapcheck.report.related import finding_rows
from pcapcheck.report.report import Report
from pcapcheck.run import check
from pcapcheck.sequence import groups
from pcapcheck.tables import FINDINGS
from pcapcheck.window import EVERYTHING, Window


def iter_handshakes(
    paths: Paths,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    window: Window = EVERYTHING,
    on_error: Callable[[CaptureError], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Every handshake as the object that JSON lines have, in order of ``handshake_id``.

    One capture is held at a time. Numbers are exact integers, times and RTTs nanoseconds (``server_rtt_ns``), None
    where there is none; nothing of it needs pandas. The arguments are those of `check`. A capture that cannot be read
    is told to ``on_error`` and the next one follows; without it, CaptureError is raised.
    """
    for report, before in _reports(paths, select, ignore, window, on_error):
        for row in handshake_dicts(report):
            row["handshake_id"] += before
            yield row


def iter_findings(
    paths: Paths,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    window: Window = EVERYTHING,
    on_error: Callable[[CaptureError], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Every finding with the names of the findings table; ``handshake_id`` is None where it is about the capture.

    Otherwise as iter_handshakes.
    """
    for report, before in _reports(paths, select, ignore, window, on_error):
        for values in finding_rows(report):
            row = dict(zip(FINDINGS, values, strict=True))
            if row["handshake_id"] is not None:
                row["handshake_id"] += before
            yield row


def _reports(
    paths: Paths,
    select: Sequence[str],
    ignore: Sequence[str],
    window: Window,
    on_error: Callable[[CaptureError], None] | None,
) -> Iterator[tuple[Report, int]]:
    """The report on each capture (or files that may be one) by itself, and how many handshakes those before it have."""
    found = find_captures(paths)
    before = 0
    for error in found.errors:
        _tell(error, on_error)
    for group in groups(found.inputs, None, EVERYTHING):
        report = check([file.path for file in group.files], select=select, ignore=ignore, window=window)
        for error in report.errors:
            _tell(error, on_error)
        yield report, before
        before += report.outcomes().total()
        if report.interrupted:
            return


def _tell(error: CaptureError, on_error: Callable[[CaptureError], None] | None) -> None:
    if on_error is None:
        raise error
    on_error(error)
