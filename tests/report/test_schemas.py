"""Handshakes under the names of Zeek and of the Elastic Common Schema: what others read is what was meant."""

from __future__ import annotations

import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.report.schemas import WRITERS
from pcapcheck.tables import OUTCOMES
from pcapcheck.testing import parse_exchange

RIGHT = """
    client 192.0.2.1:40000
    server 198.51.100.2:443
    isn 4294967295 4294967290
    +0            > S  0:0(0) win 64240
    +.020000001   < S. 0:0(0) ack 1 win 65160
    +.000000003   > .  1:1(0) ack 1
"""
SILENT = """
    client 192.0.2.1:40000
    server 198.51.100.2:443
    +0            > S  0:0(0) win 64240
    +9            > S  0:0(0) win 64240
"""


def written(report: pcapcheck.Report, schema: str, format: str) -> str:
    out = io.StringIO()
    WRITERS[schema][format](out)(report)
    return out.getvalue()


def checked(text: str, path: Path) -> pcapcheck.Report:
    parse_exchange(text).write_pcap(path, nanoseconds=True)
    return pcapcheck.check(path)


def zeek(report: pcapcheck.Report) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=Decimal) for line in written(report, "zeek", "jsonl").splitlines()]


def log(report: pcapcheck.Report) -> list[dict[str, str]]:
    """The rows of a log as Zeek's own readers take them: by the header's field names."""
    lines = written(report, "zeek", "csv").splitlines()
    assert lines[0] == r"#separator \x09"
    heads = {line.split("\t")[0]: line.split("\t")[1:] for line in lines[1:] if line.startswith("#")}
    assert (heads["#unset_field"], heads["#path"]) == (["-"], ["conn"])
    assert len(heads["#fields"]) == len(heads["#types"])
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return [dict(zip(heads["#fields"], row, strict=True)) for row in rows]


def test_zeek_json(tmp_path: Path) -> None:
    (row,) = zeek(checked(RIGHT, tmp_path / "x.pcap"))
    expected = {
        "ts": Decimal("1767225600.000000000"), "id.orig_h": "192.0.2.1", "id.orig_p": 40000,
        "id.resp_h": "198.51.100.2", "id.resp_p": 443, "proto": "tcp", "conn_state": "S1", "history": "ShA",
        "pcapcheck.outcome": "established", "pcapcheck.server_rtt": Decimal("0.020000001"),
        "pcapcheck.client_rtt": Decimal("0.000000003"), "pcapcheck.findings": ["OP03"],
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert re.fullmatch("C[0-9A-Za-z]{12,17}", row["uid"])
    assert "vlan" not in row


def test_zeek_leaves_out_what_is_unset(tmp_path: Path) -> None:
    report = checked(SILENT, tmp_path / "x.pcap")
    (row,), (cells,) = zeek(report), log(report)
    assert (row["conn_state"], row["pcapcheck.cause"]) == ("S0", "filtered-or-down")
    assert "pcapcheck.server_rtt" not in row
    assert (cells["pcapcheck.server_rtt"], cells["vlan"]) == ("-", "-")
    assert cells["ts"] == "1767225600.000000000"


def test_the_log_says_the_same() -> None:
    report = pcapcheck.check(Path(__file__).resolve().parents[2] / "sample_captures")
    objects, rows = zeek(report), log(report)
    assert len(objects) == len(rows) > 50
    for one, row in zip(objects, rows, strict=True):
        for name, cell in row.items():
            value = one.get(name)
            if isinstance(value, list):
                assert cell == (",".join(value) or "(empty)")
            else:
                assert cell == ("-" if value is None else str(value)), name


def test_the_log_escapes_what_would_be_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (row,) = log(checked(RIGHT, Path("a\tb,c\\d\x1b.pcap")))
    assert row["pcapcheck.capture"] == r"a\x09b\x2cc\x5cd\x1b.pcap"
    (row,) = log(checked(RIGHT, Path("(empty)")))
    assert row["pcapcheck.capture"] == r"\x28empty)"


def test_a_uid_belongs_to_the_connection(tmp_path: Path) -> None:
    """The same in whatever run; another for the next connection of the same ports."""
    first = checked(RIGHT, tmp_path / "a.pcap")
    parse_exchange(SILENT).write_pcap(tmp_path / "0.pcap")
    both = zeek(pcapcheck.check(tmp_path))
    assert both[1]["uid"] == zeek(first)[0]["uid"]
    assert both[0]["community_id"] == both[1]["community_id"]
    assert both[0]["uid"] != both[1]["uid"]


def test_ecs(tmp_path: Path) -> None:
    report = checked(RIGHT, tmp_path / "x.pcap")
    (event,) = map(json.loads, written(report, "ecs", "jsonl").splitlines())
    assert event["@timestamp"] == event["event"]["start"] == "2026-01-01T00:00:00.000000000Z"
    assert event["event"]["end"] == "2026-01-01T00:00:00.020000004Z"
    assert event["event"]["duration"] == 20000004
    assert (event["event"]["kind"], event["event"]["category"]) == ("event", ["network"])
    assert event["source"] == event["client"] == {"ip": "192.0.2.1", "port": 40000}
    assert event["destination"] == event["server"] == {"ip": "198.51.100.2", "port": 443}
    assert event["network"] == {
        "transport": "tcp", "type": "ipv4", "iana_number": "6",
        "community_id": report.handshakes["community_id"][0],
    }  # fmt: skip
    assert event["log"]["file"]["path"] == str(tmp_path / "x.pcap")
    assert (event["pcapcheck"]["handshake_id"], event["pcapcheck"]["server_rtt_ns"]) == (1, 20000001)
    assert "client_ip" not in event["pcapcheck"]


def test_ecs_outcomes() -> None:
    """Every outcome is one of the three that the schema allows."""
    from pcapcheck.report.ecs import _outcome

    found = {outcome: _outcome(outcome) for outcome in OUTCOMES}
    assert [outcome for outcome in OUTCOMES if found[outcome] == "success"] == ["established"]
    assert [outcome for outcome in OUTCOMES if found[outcome] == "unknown"] == [
        "pending", "partial", "one-sided", "midstream", "stray",
    ]  # fmt: skip
    assert set(found.values()) == {"success", "failure", "unknown"}


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.pcap"
    report = checked(RIGHT, path)
    arguments = ["check", "--isolated", str(path), "--schema", "zeek"]
    assert main([*arguments, "--format", "csv", "-o", f"jsonl:{tmp_path}/x.jsonl"]) == 0
    assert capsys.readouterr().out == written(report, "zeek", "csv")
    assert (tmp_path / "x.jsonl").read_text() == written(report, "zeek", "jsonl")
    report.to_jsonl(tmp_path / "ecs.jsonl", schema="ecs")
    assert (tmp_path / "ecs.jsonl").read_text() == written(report, "ecs", "jsonl")


def test_a_schema_that_nothing_is_written_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--isolated", "missing.pcap", "--schema", "ecs", "-o", "csv:x.csv"]) == 2
    assert "--schema ecs changes only jsonl, and nothing is written so" in capsys.readouterr().err
    report = checked(RIGHT, tmp_path / "x.pcap")
    with pytest.raises(pcapcheck.UsageError, match="changes only jsonl"):
        report.to_csv(tmp_path / "x.csv", schema="ecs")
    with pytest.raises(pcapcheck.UsageError, match="no schema is called 'ocsf'"):
        report.to_jsonl(tmp_path / "x.csv", schema="ocsf")
