"""The report as Markdown: a golden file, what a hostile name may not do, and the limit of a CI job's summary."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

import pcapcheck
from pcapcheck.report.markdown import _code, _text, markdown

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = ROOT / "tests/golden/report.md"


def test_golden(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    written = markdown(pcapcheck.check("sample_captures/handshakes.pcap", select=["HS", "OC"]))
    if request.config.getoption("--update-golden", default=False):
        GOLDEN.write_text(written, encoding="utf-8")
    assert written == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<img src=x onerror=alert(1)>", "&#60;img src=x onerror=alert(1)&#62;"),
        ("a|b", "a&#124;b"),
        ("# no heading", "\\# no heading"),
        ("1. no list", "1\\. no list"),
        ("- no list", "\\- no list"),
        ("-42 is a number", "\\-42 is a number"),
        ("@all #12", "&#64;all &#35;12"),
        ("http://x.example www.x.example", "http&#58;//x.example www&#46;x.example"),
        ("*a* _b_ [c](d) `e`", "&#42;a&#42; &#95;b&#95; &#91;c&#93;(d) &#96;e&#96;"),
        ("~f~ $g$ \\h &amp;", "&#126;f&#126; &#36;g&#36; &#92;h &#38;amp;"),
        ("SYN-ACK acknowledges 102, expected 101 (1 too high)", "SYN-ACK acknowledges 102, expected 101 (1 too high)"),
    ],
)  # fmt: skip
def test_text_stays_text(text: str, written: str) -> None:
    assert _text(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [("a.pcap", "`a.pcap`"), ("a|b", "`a\\|b`"), ("a`b", "`` a`b ``"), ("``", "``` `` ```"), ("", "")],
)
def test_a_name_in_a_code_span(text: str, written: str) -> None:
    assert _code(text) == written


def test_a_name_does_not_leave_the_block_of_the_command() -> None:
    written = markdown(
        pcapcheck.check(str(ROOT / "sample_captures/vlan.pcap")), command=("pcapcheck", "check", "```\nx")
    )
    assert written.endswith("````\npcapcheck check '```\\nx'\n````\n")


@pytest.mark.parametrize("most", [20_000, 6_000, 2_000, 300])
def test_what_is_too_long_is_shortened(most: int) -> None:
    written = markdown(pcapcheck.check(str(ROOT / "sample_captures/handshakes.pcap")), most_octets=most)
    assert 0 < len(written.encode()) <= most
    assert written.startswith("# TCP handshakes")
