"""The job summary: appended, within what GitHub takes, with what is wrong with the run on top."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapcheck.cli import main
from pcapcheck.report import github_summary
from pcapcheck.report.github_summary import append_summary
from pcapcheck.report.markdown import markdown
from pcapcheck.report.terms import Terms
from tests.report.ci import CLEAN, WRONG, capture, check


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def test_it_is_appended(capsys: pytest.CaptureFixture[str]) -> None:
    capture(CLEAN, "a.pcap")
    Path("summary.md").write_text("# Before\n")
    assert main(["check", "a.pcap", "-o", "github-summary:summary.md"]) == 0
    text = Path("summary.md").read_text()
    assert text.startswith("# Before\n\n# TCP handshakes\n")
    assert main(["check", "a.pcap", "-o", "github-summary:summary.md"]) == 0
    assert Path("summary.md").read_text().startswith(text)
    assert Path("summary.md").read_text().count("# TCP handshakes\n") == 2


@pytest.mark.parametrize("option", ["github-summary", "github-summary:"])
def test_github_names_the_file(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "step.md")
    assert main(["check", capture(CLEAN, "a.pcap"), "-o", option]) == 0
    assert Path("step.md").read_text().startswith("# TCP handshakes\n")


def test_without_github_it_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", capture(CLEAN, "a.pcap"), "-o", "github-summary"]) == 2
    assert "GITHUB_STEP_SUMMARY is not set: write github-summary:FILE" in capsys.readouterr().err


def test_what_is_wrong_with_the_run_comes_first() -> None:
    report = check(capture(CLEAN, "a.pcap"), "<img src=x>|@all.pcap")
    append_summary(report, "s.md", Terms(shortfall="too few"))
    lines = Path("s.md").read_text().splitlines()
    assert lines[0].startswith("❌ &#60;img src=x&#62;&#124;&#64;all.pcap: needed a file")
    assert lines[2] == "❌ too few"
    assert "<img" not in "\n".join(lines[:4])


def test_it_stays_within_what_github_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    report = check(capture(WRONG, "a.pcap"))
    whole = len(markdown(report).encode())
    monkeypatch.setattr(github_summary, "MOST_OCTETS", whole + 100)
    for size in (0, 90, 200, 1200, whole - 100, whole + 100, whole + 5000):
        Path("s.md").write_text("x" * size)
        append_summary(report, "s.md", Terms())
        after = Path("s.md").stat().st_size
        assert after <= max(whole + 100, size)
        assert (after == size) == (whole + 100 - size - 2 < 1000)
