"""Parquet as other programs read it: DuckDB finds the right types and every value, to the nanosecond."""

from __future__ import annotations

import errno
import io
import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.report.jsonl import jsonl_rows
from pcapcheck.tables import COSTLY, HANDSHAKES, TABLES
from pcapcheck.testing import parse_exchange

SAMPLES = Path(__file__).resolve().parents[2] / "sample_captures"


@pytest.fixture(scope="module")
def report() -> pcapcheck.Report:
    return pcapcheck.check(SAMPLES)


@pytest.fixture(scope="module")
def folder(report: pcapcheck.Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parquet")
    report.to_parquet(folder, tables=list(TABLES))
    return folder


def described(path: Path) -> dict[str, str]:
    return {row[0]: row[1] for row in duckdb.sql(f"describe from '{path}'").fetchall()}


# What DuckDB must make of each dtype.
TYPES = {
    "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER", "uint64": "UBIGINT", "string": "VARCHAR",
    "category": "VARCHAR", "boolean": "BOOLEAN", "timedelta64[ns]": "BIGINT", "datetime64[ns, utc]": "TIMESTAMP",
    "list[string]": "VARCHAR[]", "list[uint64]": "UBIGINT[]", "dict[string, uint64]": "MAP(VARCHAR, UBIGINT)",
    "bytes": "BLOB",
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_duckdb_reads_the_right_types(table: str, folder: Path) -> None:
    found = described(folder / f"{table}.parquet")
    names = [f"{name}_ns" if column.dtype.startswith("timedelta") else name for name, column in TABLES[table].items()]
    assert list(found) == names
    for (name, type), column in zip(found.items(), TABLES[table].values(), strict=True):
        expected = TYPES[column.holds or column.dtype.lower()]
        assert type.startswith("TIMESTAMP") if expected == "TIMESTAMP" else type == expected, name


def test_the_values_are_those_of_json_lines(report: pcapcheck.Report, folder: Path) -> None:
    out = io.StringIO()
    jsonl_rows(out)(report)
    expected = [json.loads(line) for line in out.getvalue().splitlines()]
    table = pq.read_table(folder / "handshakes.parquet")
    assert table.num_rows == len(expected) > 50
    for name in table.column_names:
        found = table[name].cast("int64") if name == "start_time" else table[name]
        values = [row["start_time_ns" if name == "start_time" else name] for row in expected]
        if name == "findings":
            values = [[one["rule"] for one in row["findings"]] for row in expected]
        assert found.to_pylist() == values, name


@pytest.mark.parametrize("table", ["findings", "causes", "captures", "hosts"])
def test_the_values_are_those_of_the_dataframe(table: str, report: pcapcheck.Report, folder: Path) -> None:
    frame = getattr(report, table)
    rows = pq.read_table(folder / f"{table}.parquet")
    assert rows.num_rows == len(frame) > 0
    for name, column in TABLES[table].items():
        if column.dtype.startswith("datetime"):
            found = rows[name].cast("int64").to_pylist()
            assert found == frame[name].astype("int64").tolist(), name
        elif column.dtype.startswith("timedelta"):
            assert rows[f"{name}_ns"].to_pylist() == [
                None if value is pd.NaT else value.value for value in frame[name]
            ], name
        else:
            expected = [None if value is pd.NA else value for value in frame[name].tolist()]
            found = [dict(value) for value in rows[name].to_pylist()] if name == "skipped" else rows[name].to_pylist()
            assert found == expected, name


def test_the_tables_fit_together(folder: Path) -> None:
    """Every finding, cause, host and frame finds what it refers to."""
    at = {table: f"'{folder / table}.parquet'" for table in TABLES}
    for query in (
        "select * from {findings} f left join {handshakes} h using (handshake_id) "
        "where f.handshake_id is not null and (h.outcome is null or h.capture != f.capture)",
        "select * from {causes} c left join {handshakes} h using (handshake_id) where h.outcome is null",
        "select * from {handshakes} h left join {hosts} o on o.ip = h.client_ip where o.ip is null",
        "select * from {handshakes} h left join {hosts} o on o.ip = h.server_ip where o.ip is null",
        "select * from {handshakes} h left join {captures} c using (capture) where c.frames is null",
        "select * from {handshakes} h left join {segments} s on s.capture = h.capture and s.frame = h.syn_frame "
        "where h.syn_frame is not null and s.frame is null",
    ):
        assert duckdb.sql(query.format(**at)).fetchall() == [], query
    counts = "select sum(as_client), sum(as_server), (select count(*) from {handshakes}) from {hosts}"
    ((clients, servers, handshakes),) = duckdb.sql(counts.format(**at)).fetchall()
    assert clients == servers == handshakes > 50


def test_row_groups_make_no_difference(
    report: pcapcheck.Report, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pcapcheck.report.parquet.BATCH", 3)
    monkeypatch.setattr("pcapcheck.report.parquet._WAITING", 2)
    report.to_parquet(f"{tmp_path}/")
    assert pq.ParquetFile(tmp_path / "handshakes.parquet").num_row_groups > 20
    for table in ("handshakes", "findings", "hosts"):
        whole, parts = (pq.read_table(path / f"{table}.parquet") for path in (folder, tmp_path))
        assert whole.to_pylist() == parts.to_pylist()


def test_the_same_bytes_again(report: pcapcheck.Report, folder: Path, tmp_path: Path) -> None:
    report.to_parquet(tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (folder / "handshakes.parquet").read_bytes()


def test_columns(report: pcapcheck.Report, tmp_path: Path) -> None:
    report.to_parquet(tmp_path / "x.parquet", exclude=COSTLY)
    kept = [name for name in HANDSHAKES if name not in COSTLY]
    assert [name.removesuffix("_ns") for name in described(tmp_path / "x.parquet")] == kept
    report.to_parquet(tmp_path / "x.parquet", columns=["server_rtt", "outcome"])
    assert described(tmp_path / "x.parquet") == {"server_rtt_ns": "BIGINT", "outcome": "VARCHAR"}
    with pytest.raises(pcapcheck.UsageError, match="has no column 'rtt'"):
        report.to_parquet(tmp_path / "x.parquet", columns=["rtt"])
    with pytest.raises(pcapcheck.UsageError, match="a folder, its name ending in a slash"):
        report.to_parquet(tmp_path / "x.parquet", tables=["hosts"])
    with pytest.raises(pcapcheck.UsageError, match="no table is called 'rows'"):
        report.to_parquet(tmp_path, tables=["rows"])


def test_no_handshakes(tmp_path: Path) -> None:
    parse_exchange("+0 arp").write_pcap(tmp_path / "x.pcap")
    pcapcheck.check(tmp_path / "x.pcap").to_parquet(f"{tmp_path}/out/", tables=list(TABLES))
    for table in TABLES:
        found = duckdb.sql(f"select count(*) from '{tmp_path}/out/{table}.parquet'").fetchall()
        assert found == [(1 if table == "captures" else 0,)], table
        assert len(described(tmp_path / "out" / f"{table}.parquet")) == len(TABLES[table])


def test_the_command_line_writes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = str(SAMPLES / "handshakes.pcap")
    assert main(["check", "-q", "--exit-zero", capture, "-o", f"parquet:{tmp_path}/out/"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "captures.parquet", "causes.parquet", "findings.parquet", "handshakes.parquet", "hosts.parquet",
    ]  # fmt: skip
    assert main(["check", "-q", "--exit-zero", capture, "-o", f"parquet:{tmp_path}/one.parquet"]) == 0
    assert duckdb.sql(f"select count(*) from '{tmp_path}/one.parquet'").fetchall() == [(19,)]


def test_no_input_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = tmp_path / "handshakes.parquet"
    capture.write_bytes((SAMPLES / "handshakes.pcap").read_bytes())
    assert main(["check", str(capture), "-o", f"parquet:{tmp_path}/"]) == 2
    assert "is an input" in capsys.readouterr().err


def test_an_error_leaves_what_was_there(
    report: pcapcheck.Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    path.write_text("before")

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(pcapcheck.PcapcheckError, match=r"cannot write .*x\.parquet: No space left"):
        report.to_parquet(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """Neither Arrow nor pandas on it holds a lone surrogate."""
    path = tmp_path / "caf\udce9.pcap"
    try:
        path.write_bytes((SAMPLES / "ipv6.pcap").read_bytes())
    except OSError:
        pytest.skip("the file system takes only UTF-8")
    report = pcapcheck.check([path, tmp_path / "no\udce9.pcap"])
    report.to_parquet(f"{tmp_path}/", tables=list(TABLES))
    for table in ("handshakes", "findings", "captures", "segments"):
        frame = pcapcheck.read_pcap(path) if table == "segments" else getattr(report, table)
        found = pq.read_table(tmp_path / f"{table}.parquet")["capture"].to_pylist()
        assert found == frame["capture"].tolist(), table
        assert found[0] == f"{tmp_path}/caf\\xe9.pcap"


def test_without_pyarrow(
    report: pcapcheck.Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "pcapcheck.report.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(pcapcheck.UsageError, match=r"pip install 'pcapcheck\[parquet\]'"):
        report.to_parquet(tmp_path / "x.parquet")
    monkeypatch.setattr("pcapcheck.report.output.find_spec", lambda name: None)
    assert main(["check", "missing.pcap", "-o", f"parquet:{tmp_path}/x.parquet"]) == 2
    assert capsys.readouterr().err == "pcapcheck: Parquet needs pyarrow: pip install 'pcapcheck[parquet]'\n"
