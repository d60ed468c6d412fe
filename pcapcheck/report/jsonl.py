"""JSON lines: one object a handshake, nothing else.

The names are those of the handshakes table; times and RTTs are integers in nanoseconds (``start_time_ns``,
``server_rtt_ns``), null where there is none. A finding about a whole capture belongs to no handshake and is not here:
it is in the text output and in ``Report.findings``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TextIO

from pcapcheck.report.plain import handshake_dicts
from pcapcheck.report.report import Report


def jsonl_rows(out: TextIO) -> Callable[[Report], None]:
    """What writes one line a handshake, in order of ``handshake_id``."""
    encode = json.JSONEncoder(check_circular=False).encode

    def write(report: Report) -> None:
        for row in handshake_dicts(report):
            out.write(encode(row) + "\n")

    return write
