"""What a run found, with every frame counted on through the files, so that a capture and its parts can be compared."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pcapcheck
from pcapcheck.report.plain import handshake_dicts
from pcapcheck.report.related import finding_rows
from pcapcheck.tables import FINDINGS

# They say how a frame is found again, which differs.
_WHERE = ("capture", "files", "evidence_files", "wireshark_filter", "syn_file", "synack_file", "ack_file")


def found(report: pcapcheck.Report) -> list[dict[str, Any]]:
    """Every handshake with its findings and causes, then every finding about the capture."""
    (facts,) = report.capture_facts
    sizes = accumulate((file.frames for file in facts.files), initial=0)
    before = dict(zip((file.path for file in facts.files), sizes, strict=False))
    rows = [_counted_on(row, before) for row in handshake_dicts(report)]
    about = [dict(zip(FINDINGS, values, strict=True)) for values in finding_rows(report)]
    return rows + [_counted_on(row, before) for row in about if row["handshake_id"] is None]


def _counted_on(row: dict[str, Any], before: dict[str, int]) -> dict[str, Any]:
    row = dict(row)
    for name in ("syn", "synack", "ack"):
        if row.get(f"{name}_frame") is not None:
            row[f"{name}_frame"] += before[row[f"{name}_file"]]
    for frames, files in (("frames", "files"), ("evidence", "evidence_files")):
        if frames in row:
            row[frames] = [frame + before[file] for frame, file in zip(row[frames], row[files], strict=True)]
    for name in ("findings", "causes"):
        if name in row:
            row[name] = [_counted_on(one, before) for one in row[name]]
    return {name: value for name, value in row.items() if name not in _WHERE}
