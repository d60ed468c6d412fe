"""Rows are written capture by capture: the same as all at once, and no capture is held longer than it must be."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.report.report import Report
from pcapcheck.run import check
from pcapcheck.traffic import Handshakes

SAMPLES: Final = Path(__file__).parent.parent / "sample_captures"


@pytest.fixture(scope="module")
def whole() -> Report:
    return check(SAMPLES)


@pytest.mark.parametrize("schema", ["", "zeek", "ecs"])
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_files_are_the_same(
    whole: Report, schema: str, jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--schema", schema] if schema else []
    outputs = [f"-o{name}:{tmp_path / name}" for name in ("jsonl", "csv")]
    assert main(["check", str(SAMPLES), "--exit-zero", "--jobs", jobs, *options, "--format=jsonl", *outputs]) == 0
    whole.to_jsonl(tmp_path / "jsonl.whole", schema=schema)
    whole.to_csv(tmp_path / "csv.whole", schema="zeek" if schema == "zeek" else "")
    assert (tmp_path / "jsonl").read_text() == (tmp_path / "jsonl.whole").read_text() == capsys.readouterr().out
    assert (tmp_path / "csv").read_text() == (tmp_path / "csv.whole").read_text()


def test_parquet_is_the_same(whole: Report, tmp_path: Path) -> None:
    assert main(["check", str(SAMPLES), "--exit-zero", "--quiet", "-o", f"parquet:{tmp_path / 'grown'}"]) == 0
    whole.to_parquet(tmp_path / "whole")
    grown, at_once = (pq.read_table(tmp_path / name).to_pylist() for name in ("grown", "whole"))
    assert grown == at_once != []


def test_each_is_given_everything_once_and_in_order(whole: Report) -> None:
    ids: list[int] = []
    names: list[str] = []

    def each(report: Report) -> None:
        ids.extend(report.handshakes["handshake_id"].tolist())
        names.extend(facts.path for facts in report.capture_facts)

    report = check(SAMPLES, keep="shown", each=each)
    assert ids == list(range(1, len(whole.handshakes) + 1))
    assert names == [facts.path for facts in report.capture_facts]
    assert report.summary() == whole.summary()
    with pytest.raises(pcapcheck.UsageError, match="keep"):
        report.handshakes  # noqa: B018


def test_no_capture_is_held_once_it_is_written() -> None:
    held: list[weakref.ref[Handshakes]] = []

    def each(report: Report) -> None:
        gc.collect()
        assert [one for one in held[:-1] if one() is not None] == []
        held.append(weakref.ref(report.traffics[0].handshakes))

    check(SAMPLES, keep="shown", each=each)
    assert len(held) > 10


def test_no_torn_file_where_a_run_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    original = pcapcheck.run.summarise  # type: ignore[attr-defined]

    def failing(*arguments: object, **options: object) -> object:
        done.append(1)
        if len(done) > 3:
            raise RuntimeError("the machine burns")
        return original(*arguments, **options)

    monkeypatch.setattr("pcapcheck.run.summarise", failing)
    (tmp_path / "out").write_text("old")
    with pytest.raises(RuntimeError, match="burns"):
        main(["check", str(SAMPLES), "-o", f"jsonl:{tmp_path / 'out'}"])
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("out", "old")]
