"""Handshakes as events of the Elastic Common Schema (https://www.elastic.co/docs/reference/ecs), nested JSON.

Only what both mean alike is renamed; the rest keeps its name below ``pcapcheck``. What is not known is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TextIO

from pcapcheck.report.plain import handshake_dicts
from pcapcheck.report.report import Report
from pcapcheck.report.zeek import zeek_uid
from pcapcheck.tables import FAILED

# The newest version of the schema that was looked at; the fields here are in every version since 1.7.
_VERSION: Final = "8.17.0"
_MOVED: Final = frozenset(
    ("capture", "client_ip", "client_port", "server_ip", "server_port", "start_time_ns", "community_id", "vlan")
)


def ecs(row: dict[str, Any]) -> dict[str, Any]:
    """An object of JSON lines as an event: the handshake, its end and duration known where the RTT is exact."""
    start, span = row["start_time_ns"], row["handshake_rtt_ns"]
    client = _known(ip=row["client_ip"], port=row["client_port"])
    server = _known(ip=row["server_ip"], port=row["server_port"])
    network = _known(
        transport="tcp",
        type="ipv6" if ":" in row["client_ip"] else "ipv4",
        iana_number="6",
        community_id=row["community_id"],
        vlan=None if row["vlan"] is None else {"id": str(row["vlan"])},
    )
    event = _known(
        kind="event",
        category=["network"],
        type=["connection", "start"],
        dataset="pcapcheck.handshakes",
        id=zeek_uid(row),
        outcome=_outcome(row["outcome"]),
        reason=row["cause"] or None,
        start=_iso(start),
        end=None if None in (start, span) else _iso(start + span),
        duration=span,
    )
    return {
        **_known(**{"@timestamp": _iso(start)}),
        "ecs": {"version": _VERSION},
        "event": event,
        "source": client,
        "client": client,
        "destination": server,
        "server": server,
        "related": {"ip": [row["client_ip"], row["server_ip"]]},
        "network": network,
        "log": {"file": {"path": row["capture"]}},
        "pcapcheck": {name: value for name, value in row.items() if name not in _MOVED and value is not None},
    }


def _outcome(outcome: str) -> str:
    return "success" if outcome == "established" else "failure" if outcome in FAILED else "unknown"


def _known(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _iso(nanoseconds: int | None) -> str | None:
    """ISO 8601 in UTC, to the nanosecond; no float, and no datetime, which stops at microseconds."""
    if nanoseconds is None:
        return None
    seconds, rest = divmod(nanoseconds, 10**9)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def ecs_rows(out: TextIO) -> Callable[[Report], None]:
    """What writes one event a handshake, a line each."""
    encode = json.JSONEncoder(check_circular=False).encode

    def write(report: Report) -> None:
        for row in handshake_dicts(report):
            out.write(encode(ecs(row)) + "\n")

    return write
