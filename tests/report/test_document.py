"""``pcapcheck report`` and ``Report.to_html``: what is written where, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.errors import UsageError
from pcapcheck.report.document import write_document

ROOT: Final = Path(__file__).parents[2]
SAMPLE: Final = str(ROOT / "sample_captures/handshakes.pcap")
SAYS: Final = "7 of 19 handshakes failed: 2 invalid, 1 refused, 1 unreachable, 1 unanswered, 1 half-open, 1 aborted."


@pytest.mark.parametrize(
    ("name", "start"), [("r.html", "<!doctype html>"), ("R.HTM", "<!doctype html>"), ("r.md", "# ")]
)
def test_the_suffix_says_how(name: str, start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / name
    assert main(["report", SAMPLE, "-o", str(path)]) == 0, "findings are no failure of the report"
    assert path.read_text(encoding="utf-8").startswith(start)
    assert capsys.readouterr().out == f"{path}: {SAYS}\n"


def test_without_an_output_it_is_report_html(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", SAMPLE]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_command_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-a b.pcap").write_bytes(Path(SAMPLE).read_bytes())
    arguments = ["--select", "HS02,OC", "--port", "443", "--host", "192.0.2.0/24", "--isolated", "--", "-a b.pcap"]
    assert main(["report", *arguments, "-o", "x.md"]) == 2, "after -- there are only paths"
    assert main(["report", "-o", "x.md", *arguments]) == 0
    assert (
        "\npcapcheck report --output x.md --select HS02,OC --host 192.0.2.0/24 --port 443 --isolated -- '-a b.pcap'\n"
        in Path("x.md").read_text(encoding="utf-8")
    )


def test_an_expectation_of_the_policy_is_in_the_report(tmp_path: Path) -> None:
    path = tmp_path / "r.md"
    assert main(["report", SAMPLE, "--expect", "refused == 0", "-o", str(path)]) == 0
    assert "expected refused" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["r.pdf", "r", "r.html.gz"])
def test_another_suffix_is_refused_before_anything_is_read(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "no.pcap", "-o", str(tmp_path / name)]) == 2
    assert "a report is an .html or .md file" in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"an \.html or \.md file"):
        write_document(pcapcheck.check([]), name)


def test_a_capture_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.html"
    path.write_bytes(Path(SAMPLE).read_bytes())
    assert main(["report", str(path), "-o", str(path)]) == 2
    assert path.read_bytes() == Path(SAMPLE).read_bytes()


def test_nothing_readable_gives_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.html"
    assert main(["report", str(tmp_path / "no.pcap"), "-o", str(path)]) == 2
    assert not path.exists()
    assert "no.pcap" in capsys.readouterr().err


def test_one_unreadable_input_of_two_is_in_the_report(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    assert main(["report", SAMPLE, str(tmp_path / "no.pcap"), "-o", str(path)]) == 2
    page = path.read_text(encoding="utf-8")
    assert SAYS in page
    assert "no.pcap" in page


def test_octets_of_a_name_that_are_no_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "\udcff.pcap"
    Path(name).write_bytes(Path(SAMPLE).read_bytes())
    for suffix in ("html", "md"):
        assert main(["report", name, "-o", f"r.{suffix}"]) == 0
        assert "\\xff.pcap" in Path(f"r.{suffix}").read_text(encoding="utf-8")


def test_the_report_writes_itself(tmp_path: Path) -> None:
    report = pcapcheck.check(SAMPLE)
    report.to_html(tmp_path / "r")
    report.to_markdown(tmp_path / "m")
    assert (tmp_path / "r").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (tmp_path / "m").read_text(encoding="utf-8").startswith("# TCP handshakes")
