"""No error is found on a connection that the hosts' own kernels opened."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest

from pcapcheck.run import check

LAB: Final = Path(__file__).parents[1] / "lab"
TRUTHS: Final = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(LAB.glob("*.json"))}
# Hand-made: a wrong segment comes first, and it is found.
WRONG_SEGMENT_FIRST: Final = {
    name for name, truth in TRUTHS.items() if truth.get("judge", {}).get("wrong_segment_first")
}  # fmt: skip

Connection = tuple[bytes, int, bytes, int]


def captures(name: str) -> list[dict[str, Any]]:
    """The captures of a scenario that are kept here."""
    return [one for one in TRUTHS[name]["captures"] if (LAB / one["file"]).is_file()]


def opened(truth: dict[str, Any], tag: str) -> set[Connection]:
    """The connections that were complete as seen at one vantage point."""
    found = set()
    for one in truth["connections"]:
        if {**one, **one.get("at", {}).get(tag, {})}["verdict"].startswith("complete"):
            (client, client_port), (server, server_port) = one["c"], one["s"]
            found.add((ip_address(client).packed, client_port, ip_address(server).packed, server_port))
    return found


def found_in(path: Path, severity: str = "error") -> dict[Connection, set[str]]:
    """The rules that found something so severe, for each connection."""
    report = check(str(path))
    (traffic,) = report.traffics
    found: dict[Connection, set[str]] = {}
    for finding in report.all_findings:
        if finding.severity == severity and finding.handshake >= 0:
            rows, index = traffic.handshakes, finding.handshake
            client = rows.client_address[index], int(rows.client_port[index])
            server = rows.server_address[index], int(rows.server_port[index])
            found.setdefault((*client, *server), set()).add(finding.rule.id)
    return found


def test_the_lab_is_there() -> None:
    assert {"ack3_wrong_ack", "synack_wrong_ack"} == WRONG_SEGMENT_FIRST


@pytest.mark.parametrize("name", [name for name in TRUTHS if name not in WRONG_SEGMENT_FIRST])
def test_no_error(name: str) -> None:
    for capture in captures(name):
        found = found_in(LAB / capture["file"])
        complete = opened(TRUTHS[name], capture.get("tag", capture["where"]))
        assert {one: rules for one, rules in found.items() if one in complete} == {}


@pytest.mark.parametrize(
    ("name", "severity", "rule"),
    [("ack3_wrong_ack", "error", "HS03"), ("synack_wrong_ack", "warning", "HS02")],
)
def test_wrong_segments(name: str, severity: str, rule: str) -> None:
    for capture in captures(name):
        found = found_in(LAB / capture["file"], severity)
        assert found
        assert all(rules == {rule} for rules in found.values())
