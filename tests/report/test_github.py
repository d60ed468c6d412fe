"""GitHub annotations: the grammar of workflow commands, and no more of them than GitHub shows."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from pcapcheck.report.github import command, worst
from pcapcheck.report.terms import Terms
from tests.report.ci import CLEAN, REFUSED, WRONG, capture, check, refused, written

# actions/runner: a command, properties whose values hold neither a colon nor a comma, data to the end of the line.
_PROPERTY = r"[a-zA-Z]+=[^:,\r\n]*"
GRAMMAR = re.compile(
    rf"::(?P<kind>error|warning|notice)(?: (?P<properties>{_PROPERTY}(?:,{_PROPERTY})*))?::(?P<data>[^\r\n]*)\n"
)


def read(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Every command as the runner reads it: nothing else may stand between them."""
    found, position = [], 0
    while position < len(text):
        match = GRAMMAR.match(text, position)
        assert match, text[position:]
        pairs = (pair.partition("=") for pair in (match["properties"] or "").split(",") if pair)
        properties = {key: unquote(value) for key, _, value in pairs}
        found.append((match["kind"], properties, unquote(match["data"])))
        position = match.end()
    return found


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_literally() -> None:
    report = check(capture(WRONG, "a.pcap"), capture(REFUSED, "sub/b.pcap"), capture(CLEAN, "c.pcap"))
    assert written(report, "github") == (
        "::error file=a.pcap,title=HS02 synack-acks-wrong-number::frame 2: 192.0.2.1:40001 -> 198.51.100.2:443 SYN-ACK"
        " acknowledges 1007, expected 1001 (6 too high)%0AWireshark: ip.addr == 192.0.2.1 && ip.addr == 198.51.100.2"
        " && tcp.port == 40001 && tcp.port == 443\n"
        "::warning file=sub/b.pcap,title=OC01 connection-refused::frame 2: [2001:db8::1]:40002 -> [2001:db8::2]:80"
        " connection refused: an RST answers the SYN [port-closed, compatible]%0AWireshark: ipv6.addr == 2001:db8::1 &&"
        " ipv6.addr == 2001:db8::2 && tcp.port == 40002 && tcp.port == 80\n"
    )


def test_nothing_found_nothing_said() -> None:
    assert written(check(capture(CLEAN, "a.pcap")), "github") == ""


def test_what_cannot_be_read_is_an_error() -> None:
    Path("b.pcap").write_text("hello\n")
    report = check(capture(CLEAN, "a.pcap"), "b.pcap", "missing.pcap")
    assert [
        (kind, properties["file"], text.split(":")[0]) for kind, properties, text in read(written(report, "github"))
    ] == [
        ("error", "missing.pcap", "missing.pcap"),
        ("error", "b.pcap", "b.pcap"),
    ]


def test_no_capture_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert written(check("empty"), "github") == "::error title=no-capture::no capture was found\n"


def test_too_few_handshakes() -> None:
    terms = Terms(shortfall="0 handshakes, 1 required: no TCP")
    report = check(capture("+0 arp", "a.pcap"))
    assert written(report, "github", terms) == "::error title=too-few-handshakes::0 handshakes, 1 required: no TCP\n"


def test_info_is_shown_only_on_request() -> None:
    report = check(capture(CLEAN, "a.pcap"), select="ST06")
    assert written(report, "github") == ""
    for terms in (Terms(verbose=True), Terms(fail_on="info")):
        ((kind, properties, _),) = read(written(report, "github", terms))
        assert (kind, properties) == ("notice", {"file": "a.pcap", "title": "ST06 three-way-handshake"})


@pytest.mark.parametrize(("attempts", "shown", "more"), [(9, 9, 0), (10, 10, 0), (11, 9, 2), (250, 9, 241)])
def test_ten_of_a_kind_at_most(attempts: int, shown: int, more: int) -> None:
    found = read(written(check(capture(refused(attempts), "a.pcap"), select="OC01"), "github"))
    assert {kind for kind, _, _ in found} == {"warning"}
    assert len([text for _, _, text in found if text.startswith("frame ")]) == shown
    assert [text for _, _, text in found if not text.startswith("frame ")] == (
        [f"and {more} more warnings that GitHub would not show: OC01 ({more})"] if more else []
    )


def test_of_every_rule_one_before_a_second_of_any() -> None:
    report = check(
        capture(refused(30) + "\nflow w" + WRONG, "a.pcap"), capture(WRONG, "b.pcap"), select="OC01,OC03,HS02,OC"
    )
    found = read(written(report, "github"))
    kinds = [(kind, properties.get("title", "")[:4]) for kind, properties, _ in found]
    assert kinds.count(("error", "HS02")) == 2
    assert kinds.count(("warning", "OC01")) == 9


def test_hostile_names_cannot_add_a_command() -> None:
    name = "a,line=1::warning::%0A\n::error::x\r\x1b[31m.pcap"
    text = written(check(capture(WRONG, name)), "github")
    ((kind, properties, data),) = read(text)
    assert (kind, list(properties)) == ("error", ["file", "title"])
    assert properties["file"] == r"a,line=1::warning::%0A\n::error::x\r\x1b[31m.pcap"
    assert data.startswith("frame 2: ")
    assert text.isascii()
    assert "\x1b" not in text


def test_escaping() -> None:
    assert (
        command("error", "100% a\r\nb: c, d", title="x: y, z%")
        == "::error title=x%3A y%2C z%25::100%25 a%0D%0Ab: c, d\n"
    )
    assert command("notice", "plain") == "::notice::plain\n"


def test_the_order_of_the_run_is_kept() -> None:
    alerts = [type("A", (), {"rule": rule})() for rule in "aaabca"]
    assert [alerts.index(one) for one in worst(alerts, 4)] == [0, 1, 3, 4]
