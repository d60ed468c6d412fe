"""--require-handshakes: an empty capture, one without TCP or one that shows too little is not all well."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapcheck.cli import main
from pcapcheck.report.required import shortfall
from tests.report.ci import CLEAN, REFUSED, ROOT, WRONG, capture, check

ONE_SIDED = str(ROOT / "sample_captures" / "one_sided.pcap")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_established_and_failed_ones_are_judged() -> None:
    report = check(capture(CLEAN, "a.pcap"), capture(REFUSED, "b.pcap"), capture(WRONG, "c.pcap"))
    assert [shortfall(report, number) for number in (0, 1, 3)] == ["", "", ""]
    assert shortfall(report, 4) == "3 handshakes could be judged, --require-handshakes asks for 4"


def test_a_capture_without_tcp_is_named() -> None:
    report = check(capture(CLEAN, "a.pcap"), *(capture("+0 arp", f"arp{number}.pcap") for number in range(7)))
    assert shortfall(report, 2) == (
        "1 handshake could be judged, --require-handshakes asks for 2; no TCP in arp0.pcap, arp1.pcap, arp2.pcap,"
        " arp3.pcap, arp4.pcap and 2 more"
    )


def test_what_cannot_be_decided_does_not_count() -> None:
    assert shortfall(check(ONE_SIDED), 1) == (
        "0 handshakes could be judged, --require-handshakes asks for 1; 2 cannot be decided"
    )


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--require-handshakes", "0"], 0),
        (["--require-handshakes", "1"], 1),
        (["--require-handshakes", "1", "--fail-on", "never"], 1),
        (["--require-handshakes", "1", "--exit-zero"], 0),
        (["--require-handshakes", "1", "missing.pcap"], 2),
        (["--require-handshakes", "-1"], 2),
    ],
)
def test_exit_code(options: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", capture("+0 arp", "arp.pcap"), *options]) == code
    told = "pcapcheck: 0 handshakes could be judged, --require-handshakes asks for 1; no TCP in arp.pcap\n"
    assert (told in capsys.readouterr().err) == (options[:2] == ["--require-handshakes", "1"])


def test_what_the_filter_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", capture(CLEAN, "a.pcap"), "--port", "1", "--require-handshakes", "1"]) == 1
    assert "asks for 1; the filter leaves out 6 segments\n" in capsys.readouterr().err


def test_in_the_policy_file() -> None:
    Path("pcapcheck.toml").write_text("require-handshakes = 1\n")
    assert main(["check", capture("+0 arp", "arp.pcap")]) == 1
    assert main(["check", "arp.pcap", "--require-handshakes", "0"]) == 0
    assert main(["check", "arp.pcap", "--isolated"]) == 0
