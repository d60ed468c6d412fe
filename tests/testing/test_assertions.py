"""`assert_handshakes_ok`: what passes, what fails, and what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pcapcheck.errors import CaptureError, UsageError
from pcapcheck.expect.ask import Asked
from pcapcheck.expect.parser import parse
from pcapcheck.policy.policy import Policy
from pcapcheck.testing import assert_handshakes_ok, parse_exchange

ROOT = Path(__file__).resolve().parents[2]
RIGHT = """
    +0    > S  0 win 64240 <mss 1460>
    +.02  < S. 0 ack 1 win 65160 <mss 1460>
    +0    > .  1 ack 1
"""
WRONG = """
    +0    > S  0 win 64240 <mss 1460>
    +.02  < S. 0 ack 7 win 65160 <mss 1460>
"""


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parse_exchange(RIGHT).write_pcap("right.pcap")
    parse_exchange(WRONG).write_pcap("wrong.pcap")
    parse_exchange("+0 arp").write_pcap("empty.pcap")


def test_what_is_right_passes_and_gives_the_report() -> None:
    assert assert_handshakes_ok("right.pcap").outcomes() == {"established": 1}
    assert assert_handshakes_ok([Path("right.pcap")], expect=["established == 1"]).ok
    assert not assert_handshakes_ok("wrong.pcap", fail_on="never").ok
    assert_handshakes_ok("wrong.pcap", ignore=["HS", "OC"])
    assert_handshakes_ok("wrong.pcap", policy=Policy(severity={"HS02": "note"}))


def test_what_is_wrong_fails_with_the_ladder() -> None:
    with pytest.raises(AssertionError) as raised:
        assert_handshakes_ok("wrong.pcap")
    finding, _, ladder = str(raised.value).partition("\n\n")
    assert finding == (
        "wrong.pcap:frame 2: error HS02 192.0.2.1:49152 -> 198.51.100.2:80 SYN-ACK acknowledges 1007, expected 1001"
        " (6 too high)"
    )
    assert ladder.startswith("handshake 1: ")
    assert "ack 1007 (7) !!" in ladder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"expect": ["established > 1"]}, "right.pcap: error EX01 expected established > 1, found 1"),
        ({"policy": Policy(expectations=(Asked(parse("1 > 2")),))}, "right.pcap: error EX01 expected 1 > 2, found"),
        ({"select": ["ST06"], "fail_on": "info"}, "right.pcap:frame 1: info ST06 "),
        ({"require_handshakes": 2}, "right.pcap: 1 handshakes, needed at least 2"),
    ],
)
def test_what_else_fails(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(AssertionError) as raised:
        assert_handshakes_ok("right.pcap", **arguments)  # type: ignore[arg-type]
    assert str(raised.value).startswith(message)


def test_an_empty_capture_shows_nothing() -> None:
    with pytest.raises(AssertionError, match=r"^empty.pcap: 0 handshakes, needed at least 1$"):
        assert_handshakes_ok("empty.pcap")
    assert_handshakes_ok("empty.pcap", require_handshakes=0)


def test_what_cannot_be_read_or_asked() -> None:
    Path("pointer.pcap").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(CaptureError, match="git lfs pull"):
        assert_handshakes_ok("pointer.pcap")
    for arguments in (
        {"select": ["XX"]},
        {"fail_on": "eror"},
        {"expect": ["refused = 0"]},
        {"policy": Policy(), "ignore": ["HS"]},
        {"baseline": "missing.json"},
    ):
        with pytest.raises(UsageError):
            assert_handshakes_ok("right.pcap", **arguments)  # type: ignore[arg-type]


def test_many_findings_are_cut_short() -> None:
    lines = ["server 198.51.100.2:80"]
    for number in range(40):
        lines += [f"flow f{number}", f"client 192.0.2.1:{40000 + number}", f"+{number} > S 0", "+.01 < S. 0 ack 7"]
    parse_exchange("\n".join(lines)).write_pcap("many.pcap")
    with pytest.raises(AssertionError) as raised:
        assert_handshakes_ok("many.pcap", select=["HS02"])
    findings, *ladders = str(raised.value).split("\n\nhandshake ")
    assert len(findings.splitlines()) == 21
    assert findings.splitlines()[-1] == "and 20 more"
    assert len(ladders) == 2


def test_what_a_baseline_knows_does_not_fail() -> None:
    from pcapcheck.cli import main

    assert main(["baseline", "wrong.pcap", "-o", "known.json"]) == 0
    assert_handshakes_ok("wrong.pcap", baseline="known.json")


@pytest.mark.parametrize("module", ["pcapcheck.testing", "pcapcheck.pytest_plugin"])
def test_importing_it_costs_next_to_nothing(module: str) -> None:
    code = f"""
import sys
import pytest
before = set(sys.modules)
import {module}
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"pcapcheck", "pcapcheck._version", module}
