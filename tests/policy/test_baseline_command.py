"""`pcapcheck baseline` and `pcapcheck check --baseline`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pcapcheck.cli import main

SAMPLES = Path(__file__).resolve().parents[2] / "sample_captures"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "captures").mkdir()
    (tmp_path / "ci").mkdir()
    for name in ("handshakes.pcap", "close_four_way.pcap"):
        shutil.copy(SAMPLES / name, tmp_path / "captures")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_only_what_is_new_counts(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["check", "captures", "--select", "HS02,OC01"]) == 1
    assert main(["baseline", "captures/handshakes.pcap", "-o", "ci/known.json", "--select", "HS02,OC"]) == 0
    assert capsys.readouterr().err == "pcapcheck: 6 findings of 6 kinds written to ci/known.json\n"
    assert main(["check", "captures", "--select", "HS02,OC01", "--baseline", "ci/known.json"]) == 0
    printed = capsys.readouterr()
    assert "\nNo new findings.\n2 known findings of the baseline left out\n" in printed.out
    assert printed.err == "pcapcheck: baseline ci/known.json: 2 known, 0 new, 0 stale\n"
    # HS03 is new. The policy's baseline is found from any folder.
    Path("pcapcheck.toml").write_text('baseline = "ci/known.json"\nselect = ["HS02", "HS03", "OC01"]\n')
    monkeypatch.chdir("captures")
    assert main(["check", "handshakes.pcap", "--quiet"]) == 1
    printed = capsys.readouterr()
    assert "Findings: 1 error\n  error   HS03  1  ack-acks-wrong-number\n2 known findings" in printed.out
    assert printed.err == "pcapcheck: baseline ../ci/known.json: 2 known, 1 new, 0 stale\n"


def test_the_same_bytes_wherever_it_is_written(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    assert main(["baseline", "captures", "-o", "a.json"]) == 0
    assert main(["baseline", str(project / "captures"), "-o", "b.json"]) == 0
    capsys.readouterr()
    assert main(["baseline", "./captures"]) == 0
    assert capsys.readouterr().out == Path("a.json").read_text() == Path("b.json").read_text()


def test_stale_entries_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    main(["baseline", "captures", "-o", "known.json", "--select", "OC"])
    shutil.copy("captures/close_four_way.pcap", "captures/handshakes.pcap")
    capsys.readouterr()
    arguments = ["check", "captures", "--select", "OC", "--baseline", "known.json"]
    assert main(arguments) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "pcapcheck: baseline known.json: 0 known, 0 new, 5 stale"
    assert "pcapcheck: stale: OC01 in captures/handshakes.pcap 192.0.2.10 -> 198.51.100.10:8443" in said
    assert len(said) == 6
    # What is not looked at is not stale.
    assert main([*arguments, "--port", "80"]) == 0
    assert capsys.readouterr().err == "pcapcheck: baseline known.json: 0 known, 0 new, 0 stale\n"
    assert main([*arguments[:2], "--select", "HS", *arguments[4:]]) == 0
    assert capsys.readouterr().err == "pcapcheck: baseline known.json: 0 known, 0 new, 0 stale\n"


def test_nothing_is_written_where_an_input_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "captures", "missing.pcap", "-o", "known.json"]) == 2
    assert not Path("known.json").exists()
    assert main(["baseline", "captures", "-o", "captures/close_four_way.pcap"]) == 2
    assert "it is not overwritten" in capsys.readouterr().err


def test_a_baseline_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "captures", "--baseline", "missing.json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        "pcapcheck: baseline missing.json: No such file or directory; `pcapcheck baseline` writes one\n"
    )
