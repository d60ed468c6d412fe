"""A dataset: the tables of a run as a Parquet file for each capture, numbered over the run, the same however made."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import dask.dataframe as dd
import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.report.dataset import TABLES
from pcapcheck.report.report import Report
from pcapcheck.run import check

SAMPLES: Final = Path(__file__).parents[2] / "sample_captures"


@pytest.fixture(scope="module")
def whole() -> Report:
    return check(SAMPLES)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "dataset"
    check(SAMPLES, keep="shown", dataset=folder)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("table", TABLES)
def test_the_rows_of_the_run(table: str, whole: Report, written: Path, tmp_path: Path) -> None:
    whole.to_parquet(tmp_path, tables=[table])
    expected = pq.read_table(tmp_path / f"{table}.parquet")
    names = [path.name for path in sorted((written / table).iterdir())]
    assert names == [f"{number:06}.parquet" for number in range(1, len(whole.capture_facts) + 1)]
    found = [pq.read_table(written / table / name) for name in names]
    assert [row for one in found for row in one.to_pylist()] == expected.to_pylist() != []
    assert {one.schema.remove_metadata() for one in found} == {expected.schema.remove_metadata()}


def test_the_same_files_however_it_is_made(written: Path, tmp_path: Path) -> None:
    check(SAMPLES, keep="shown", dataset=tmp_path / "threads", jobs=3)
    with ProcessPoolExecutor(2) as pool:
        check(SAMPLES, dataset=f"{tmp_path}/processes/", map=pool.map)
    assert main(["check", str(SAMPLES), "--exit-zero", "--quiet", "-o", f"dataset:{tmp_path / 'command'}"]) == 0
    for name in ("threads", "processes", "command"):
        assert files(tmp_path / name) == files(written)


def test_it_opens_in_pandas(whole: Report, written: Path) -> None:
    table = pd.read_parquet(written / "handshakes")
    assert table["handshake_id"].tolist() == list(range(1, len(whole.handshakes) + 1))
    assert Counter(table["outcome"]) == whole.outcomes()
    assert str(table["start_time"].dtype) == "datetime64[ns, UTC]"


def test_it_opens_in_duckdb(whole: Report, written: Path) -> None:
    rows = duckdb.sql(
        f"select outcome, count(*), min(handshake_id) from '{written}/handshakes/*.parquet' group by outcome"
    ).fetchall()
    assert {outcome: count for outcome, count, _ in rows} == dict(whole.outcomes())
    # Findings find their handshakes.
    joined: Any = duckdb.sql(
        f"select count(*) from '{written}/findings/*.parquet' f join '{written}/handshakes/*.parquet' h"
        " using (handshake_id) where f.capture = h.capture and list_contains(h.findings, f.rule)"
    ).fetchall()
    assert joined == [(int(whole.findings["handshake_id"].notna().sum()),)]


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # Dask's own use of pandas
def test_it_opens_in_dask(whole: Report, written: Path) -> None:
    table = dd.read_parquet(written / "handshakes", columns=["handshake_id", "outcome", "server_rtt_ns"])
    assert table.npartitions == len(whole.capture_facts)
    assert table["handshake_id"].compute(scheduler="sync").tolist() == list(range(1, len(whole.handshakes) + 1))
    counts = table["outcome"].astype(str).value_counts().compute(scheduler="sync")
    assert counts.to_dict() == dict(whole.outcomes())


def test_only_a_new_folder_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "x").write_text("old")
    (tmp_path / "file").write_text("old")
    sample = str(SAMPLES / "handshakes.pcap")
    check(sample, dataset=tmp_path / "empty")
    for name in ("empty", "filled", "file"):
        assert main(["check", sample, "-o", f"dataset:{tmp_path / name}"]) == 2
        assert capsys.readouterr().err.endswith("a dataset goes to a new or an empty folder\n")
    assert (tmp_path / "filled" / "x").read_text() == (tmp_path / "file").read_text() == "old"
    with pytest.raises(pcapcheck.UsageError, match="goes to a folder"):
        check(sample, dataset="s3://bucket/dataset")
    assert main(["check", sample, "-o", f"dataset:{tmp_path / 'a'}", "-o", f"dataset:{tmp_path / 'b'}"]) == 2
    assert "there is one dataset of a run" in capsys.readouterr().err


def test_what_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pcapcheck.report.parquet.counted_on", fails)
    with pytest.raises(pcapcheck.PcapcheckError, match=r"^cannot write .*dataset: No space left on device$"):
        check(SAMPLES, dataset=tmp_path / "dataset")
    assert list(tmp_path.iterdir()) == []


def test_a_capture_that_cannot_be_read_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_text("no capture")
    (tmp_path / "b.pcap").write_bytes((SAMPLES / "handshakes.pcap").read_bytes())
    check([tmp_path / "a.pcap", tmp_path / "b.pcap"], dataset=tmp_path / "dataset")
    captures = pd.read_parquet(tmp_path / "dataset" / "captures")
    assert [bool(error) for error in captures["error"]] == [True, False]
    assert pd.read_parquet(tmp_path / "dataset" / "handshakes")["handshake_id"].min() == 1
