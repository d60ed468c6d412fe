"""The DataFrames: fixed columns and dtypes, also when empty; values equal to those of JSON lines."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pcapcheck
from pcapcheck.report.jsonl import jsonl_rows
from pcapcheck.tables import CAPTURES, CAUSES, FINDINGS, HANDSHAKES, SEGMENTS, Column
from pcapcheck.testing import parse_exchange

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = ROOT / "sample_captures"
TABLES = {"handshakes": HANDSHAKES, "findings": FINDINGS, "causes": CAUSES, "captures": CAPTURES}


def assert_schema(frame: pd.DataFrame, schema: dict[str, Column]) -> None:
    assert list(frame.columns) == list(schema)
    for name, column in schema.items():
        dtype = frame[name].dtype
        assert dtype == column.dtype, name
        if column.categories:
            assert tuple(frame[name].cat.categories) == column.categories, name
            assert not frame[name].cat.ordered
        # frame.shape stays the DataFrame's own: the column is frame["shape"].
        assert name == "shape" or not hasattr(pd.DataFrame, name), f"{name} is an attribute of every DataFrame"


@pytest.fixture(scope="module")
def everything() -> pcapcheck.Report:
    return pcapcheck.check(SAMPLES)


@pytest.mark.parametrize("name", TABLES)
def test_schema(name: str, everything: pcapcheck.Report) -> None:
    frame = getattr(everything, name)
    assert len(frame)
    assert_schema(frame, TABLES[name])


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("kind", ["nothing to read", "no TCP", "unreadable"])
def test_schema_when_empty(name: str, kind: str, tmp_path: Path) -> None:
    if kind == "no TCP":
        parse_exchange("+0 arp").write_pcap(tmp_path / "x.pcap")
    elif kind == "unreadable":
        (tmp_path / "x.pcap").write_text("text")
    report = pcapcheck.check(tmp_path if kind == "nothing to read" else tmp_path / "x.pcap")
    frame = getattr(report, name)
    assert_schema(frame, TABLES[name])
    assert len(frame) == (name == "captures" and kind != "nothing to read")


def plain(value: Any) -> Any:
    """A cell as JSON lines has it."""
    if value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):  # NaN in a category
        return None
    if isinstance(value, (pd.Timestamp, pd.Timedelta)):
        assert value.unit == "ns"
        return value.value
    return value.item() if isinstance(value, np.generic) else value


def test_the_values_are_those_of_json_lines(everything: pcapcheck.Report) -> None:
    out = io.StringIO()
    jsonl_rows(out)(everything)
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    frame = everything.handshakes
    assert len(rows) == len(frame) > 50
    for name in HANDSHAKES:
        key = next(key for key in (name, f"{name}_ns") if key in rows[0])
        expected = [row[key] for row in rows]
        if name == "findings":
            expected = [[finding["rule"] for finding in findings] for findings in expected]
        assert [plain(value) for value in frame[name]] == expected, name


def test_findings(tmp_path: Path) -> None:
    report = pcapcheck.check([SAMPLES / "ipv6.pcap", SAMPLES / "handshakes.pcap"], select=["HS02"])
    (row,) = report.findings.to_dict("records")
    assert row["handshake_id"] == 3 + 8
    assert row["frames"] == [56, 55]
    assert (row["capture"], row["severity"]) == (str(SAMPLES / "handshakes.pcap"), "error")
    assert (row["expected"], row["actual"]) == ("3283806879", "3283806885")


def test_a_finding_about_a_capture_has_no_handshake(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes((SAMPLES / "handshakes.pcap").read_bytes()[:-7])
    report = pcapcheck.check(path, select=["CAP01"])
    assert report.findings["rule"].tolist() == ["CAP01"]
    assert report.findings["handshake_id"].isna().all()
    assert report.captures["faults"].tolist() == [["CAP01"]]


def test_captures(tmp_path: Path) -> None:
    (tmp_path / "bad.pcap").write_text("text")
    report = pcapcheck.check([SAMPLES / "ipv6.pcap", tmp_path / "bad.pcap", tmp_path / "missing.pcap"])
    good, bad, missing = report.captures.to_dict("records")
    assert (good["format"], good["link_types"], good["frames"], good["segments"], good["flows"]) == (
        "pcap-ns", [1], 10, 9, 3,
    )  # fmt: skip
    assert good["first_time"] == pd.Timestamp("2026-01-01", tz="UTC")
    assert good["error"] == ""
    assert "a text file" in bad["error"]
    assert (bad["frames"], bad["first_time"]) == (0, pd.NaT)
    assert missing["capture"] == str(tmp_path / "missing.pcap")
    assert "missing.pcap" in missing["error"]


def test_read_pcap() -> None:
    frame = pcapcheck.read_pcap(str(SAMPLES / "ipv6.pcap"))
    assert_schema(frame, SEGMENTS)
    assert frame["frame"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    first = frame.iloc[0]
    assert (first["src_ip"], first["dst_port"], first["seq"], first["tcp_flags"]) == (
        "2001:db8:2::10", 443, 1875520394, 0x02,
    )  # fmt: skip
    assert first["time"] == pd.Timestamp("2026-01-01", tz="UTC")
    assert frame["time"].iloc[1].value - first["time"].value == 45012377
    assert frame["ip_id"].isna().all()
    assert first["options"][:2] == b"\x02\x04"


def test_read_pcap_with_a_window() -> None:
    from pcapcheck.arguments import window

    frame = pcapcheck.read_pcap(str(SAMPLES / "ipv6.pcap"), window=window(since="+0.2s", ports=["8443"]))
    assert frame["frame"].tolist() == [7, 8]


def test_read_pcap_of_nothing(tmp_path: Path) -> None:
    parse_exchange("+0 arp").write_pcap(tmp_path / "x.pcap")
    frame = pcapcheck.read_pcap(str(tmp_path / "x.pcap"))
    assert_schema(frame, SEGMENTS)
    assert len(frame) == 0


def test_read_pcap_of_no_capture(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_text("text")
    with pytest.raises(pcapcheck.CaptureError, match="found a text file"):
        pcapcheck.read_pcap(str(tmp_path / "x.pcap"))


def test_read_pcap_says_where_a_capture_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes((SAMPLES / "ipv6.pcap").read_bytes()[:-1])
    frame = pcapcheck.read_pcap(str(path))
    assert len(frame) == 9
    assert frame.attrs["damage"]["rule"] == "CAP01"
    assert frame.attrs["damage"]["frame"] == 9


def test_windows_that_the_snaplen_cut_off_are_absent() -> None:
    frame = pcapcheck.read_pcap(str(SAMPLES / "snaplen_48.pcap"))
    assert frame["window"].isna().all()
    assert frame["seq"].notna().all()
