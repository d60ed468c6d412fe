"""JSON lines and CSV: exact integers, the schema in order, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

import pcapcheck
from pcapcheck.report.jsonl import jsonl_rows
from pcapcheck.report.plain import NAMES
from pcapcheck.report.report import Report
from pcapcheck.report.tabular import csv_rows
from pcapcheck.tables import HANDSHAKES
from pcapcheck.testing import parse_exchange

WRONG = """
    client 192.0.2.1:40000
    server 198.51.100.2:443
    isn 4294967295 4294967290
    +0            > S  0:0(0) win 64240 <mss 1460,sackOK>
    +.020000001   < S. 0:0(0) ack 7 win 65160 <mss 1400>
    +4            > S  0:0(0) win 64240 <mss 1460,sackOK>
"""
RIGHT = """
    client 192.0.2.1:40000
    server 198.51.100.2:443
    isn 4294967295 4294967290
    +0            > S  0:0(0) win 64240
    +.020000001   < S. 0:0(0) ack 1 win 65160
    +.000000003   > .  1:1(0) ack 1
"""


def checked(text: str, path: Path) -> Report:
    parse_exchange(text).write_pcap(path, nanoseconds=True)
    return pcapcheck.check(path, select=["HS02", "CAP"])


def json_rows(report: Report) -> list[dict[str, Any]]:
    out = io.StringIO()
    jsonl_rows(out)(report)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def read_csv(report: Report) -> list[dict[str, str]]:
    out = io.StringIO()
    csv_rows(out)(report)
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_names() -> None:
    assert [name.removesuffix("_ns") for name in NAMES] == list(HANDSHAKES)
    assert [name for name in NAMES if name.endswith("_ns")][:3] == [
        "start_time_ns", "server_rtt_ns", "server_rtt_min_ns",
    ]  # fmt: skip


def test_exact_integers(tmp_path: Path) -> None:
    (row,) = json_rows(checked(RIGHT, tmp_path / "x.pcap"))
    assert list(row) == [*NAMES, "causes"]
    expected = {
        "handshake_id": 1, "capture": str(tmp_path / "x.pcap"), "client_ip": "192.0.2.1", "client_port": 40000,
        "server_ip": "198.51.100.2", "server_port": 443, "outcome": "established", "shape": "three-way",
        "aborted_by": "", "client_isn": 4294967295, "server_isn": 4294967290, "synack_ack": 0, "ack_seq": 0,
        "ack_ack": 4294967291, "server_rtt_ns": 20000001, "client_rtt_ns": 3, "handshake_rtt_ns": 20000004,
        "server_rtt_min_ns": 20000001, "server_rtt_max_ns": 20000001, "client_mss": None, "vlan": None,
        "client_sack_permitted": False, "syn_ttl": 64, "findings": [], "cause": "", "certainty": "", "causes": [],
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert type(row["start_time_ns"]) is int


def test_findings_are_objects(tmp_path: Path) -> None:
    (row,) = json_rows(checked(WRONG, tmp_path / "x.pcap"))
    assert row["outcome"] == "invalid"
    assert (row["client_rtt_ns"], row["ack_frame"]) == (None, None)
    (finding,) = row["findings"]
    assert list(finding) == ["rule", "severity", "frames", "files", "expected", "actual", "message"]
    assert (finding["rule"], finding["severity"], finding["frames"]) == ("HS02", "error", [2, 1])
    assert (finding["expected"], finding["actual"]) == ("0", "6")


def test_ids_and_findings_run_over_all_captures(tmp_path: Path) -> None:
    for name, text in (("a", RIGHT), ("b", WRONG), ("c", RIGHT), ("d", WRONG)):
        parse_exchange(text).write_pcap(tmp_path / f"{name}.pcap", nanoseconds=True)
    rows = json_rows(pcapcheck.check(tmp_path, select=["HS02"]))
    assert [
        (row["handshake_id"], Path(row["capture"]).stem, [one["rule"] for one in row["findings"]]) for row in rows
    ] == [(1, "a", []), (2, "b", ["HS02"]), (3, "c", []), (4, "d", ["HS02"])]


def test_batches_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = []
    for number in range(7):
        lines += [f"flow f{number}", f"client 192.0.2.1:{40000 + number}", f"+{number} > S 0 win 1"]
        lines.append(f"+.01 < S. 0 ack {9 if number in (0, 3, 6) else 1} win 1")
    parse_exchange("\n".join(lines)).write_pcap(tmp_path / "x.pcap")
    report = pcapcheck.check(tmp_path / "x.pcap", select=["HS02"])
    whole = json_rows(report)
    assert [len(row["findings"]) for row in whole] == [1, 0, 0, 1, 0, 0, 1]
    for size in (1, 2, 3):
        monkeypatch.setattr("pcapcheck.report.plain._BATCH", size)
        assert json_rows(report) == whole


def test_csv_says_the_same(tmp_path: Path) -> None:
    for text in (RIGHT, WRONG):
        report = checked(text, tmp_path / "x.pcap")
        (json_row,), (csv_row,) = json_rows(report), read_csv(report)
        assert list(csv_row) == list(NAMES)
        for name, value in csv_row.items():
            expected = json_row[name]
            if name == "findings":
                expected = " ".join(finding["rule"] for finding in expected)
            elif isinstance(expected, bool):
                expected = str(expected).lower()
            assert value == ("" if expected is None else str(expected)), name


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula(sign: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = f'{sign}cmd|"calc",.pcap'
    (row,) = read_csv(checked(RIGHT, Path(name)))
    assert row["capture"] == f"'{name}"


def test_what_does_not_print_is_an_escape_in_a_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (row,) = read_csv(checked(RIGHT, Path("\t=1\r\x1b[1m\u202e.pcap")))
    assert row["capture"] == r"\t=1\r\x1b[1m\u202e.pcap"


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """An octet that is no UTF-8 comes as a lone surrogate, in JSON and in a file."""
    path = tmp_path / "caf\udce9.pcap"
    try:
        report = checked(RIGHT, path)
    except OSError:
        pytest.skip("the file system takes only UTF-8")
    assert json_rows(report)[0]["capture"] == str(path)


def test_no_handshakes(tmp_path: Path) -> None:
    report = checked("+0 arp", tmp_path / "x.pcap")
    assert json_rows(report) == []
    out = io.StringIO()
    csv_rows(out)(report)
    assert out.getvalue() == ",".join(NAMES) + "\n"
