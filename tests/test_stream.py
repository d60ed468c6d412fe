"""Handshakes and findings one by one: the same as those of a whole run."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import pcapcheck
from pcapcheck.report.jsonl import jsonl_rows

SAMPLES = Path(__file__).parents[1] / "sample_captures"


def test_the_handshakes_are_those_of_check() -> None:
    out = io.StringIO()
    jsonl_rows(out)(pcapcheck.check(SAMPLES))
    found = list(pcapcheck.iter_handshakes(SAMPLES))
    assert [json.loads(json.dumps(row)) for row in found] == list(map(json.loads, out.getvalue().splitlines()))
    assert len({row["capture"] for row in found}) > 5


def test_the_findings_are_those_of_check() -> None:
    frame = pcapcheck.check(SAMPLES).findings
    rows = list(pcapcheck.iter_findings(SAMPLES))
    assert len(rows) == len(frame) > 20
    for name in frame.columns.drop("handshake_id"):
        assert [row[name] for row in rows] == frame[name].tolist(), name
    assert [row["handshake_id"] for row in rows] == frame["handshake_id"].astype(object).where(
        frame["handshake_id"].notna(), None
    ).tolist()  # fmt: skip


def test_one_capture_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second capture is not read before the handshakes of the first are taken."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.pcap").write_bytes((SAMPLES / "ipv6.pcap").read_bytes())
    rows = pcapcheck.iter_handshakes(tmp_path)
    assert next(rows)["handshake_id"] == 1
    (tmp_path / "b.pcap").write_bytes((SAMPLES / "handshakes.pcap").read_bytes())
    assert len(list(rows)) == 2 + 19


def test_a_capture_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_text("text")
    paths = [tmp_path / "a.pcap", SAMPLES / "ipv6.pcap", tmp_path / "missing.pcap"]
    told: list[pcapcheck.CaptureError] = []
    assert len(list(pcapcheck.iter_handshakes(paths, on_error=told.append))) == 3
    assert sorted(Path(error.path).name for error in told) == ["a.pcap", "missing.pcap"]
    with pytest.raises(pcapcheck.CaptureError, match=r"a\.pcap"):
        list(pcapcheck.iter_handshakes(paths[:2]))
    with pytest.raises(pcapcheck.UsageError, match="no rule is called 'XX'"):
        list(pcapcheck.iter_findings(SAMPLES, select=["XX"]))


def test_no_pandas() -> None:
    code = (
        "import sys, pcapcheck\n"
        f"assert len(list(pcapcheck.iter_handshakes({str(SAMPLES / 'ipv6.pcap')!r}))) == 3\n"
        "assert not {'pandas', 'pyarrow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
