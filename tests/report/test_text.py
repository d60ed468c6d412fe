"""The text output: tables at any width, quantiles, what was not judged, colour, progress, and the notebook's HTML."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pcapcheck
from pcapcheck.report import progress
from pcapcheck.report.colour import Paint, wanted
from pcapcheck.report.rtt_table import milliseconds, quantile
from pcapcheck.report.table import table
from pcapcheck.report.text import write_text
from pcapcheck.testing import parse_exchange

SAMPLES = Path(__file__).resolve().parent.parent.parent / "sample_captures"


def text(report: pcapcheck.Report, **options: bool) -> str:
    out = io.StringIO()
    write_text(report, out, **options)
    return out.getvalue()


def test_table() -> None:
    assert table("Servers", ("n", "max"), [("a", "1", "2.5"), ("bcdefghij", "10", "11.5")], 80) == [
        "Servers       n   max",
        "  a           1   2.5",
        "  bcdefghij  10  11.5",
    ]


def test_a_label_that_does_not_fit_stands_on_its_own_line() -> None:
    address = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535"
    rows = [("192.0.2.1:80", "1", "2.5"), (address, "10", "11.5")]
    assert table("Servers", ("n", "max"), rows, 30) == [
        "Servers          n   max",
        "  192.0.2.1:80   1   2.5",
        f"  {address}",
        "                10  11.5",
    ]


@given(st.integers(20, 200), st.lists(st.text("abc:", min_size=1, max_size=60), min_size=1))
def test_no_label_is_ever_cut(width: int, labels: list[str]) -> None:
    lines = "\n".join(table("T", ("n",), [(label, "7") for label in labels], width)).split()
    assert [word for word in lines if set(word) <= set("abc:")] == labels
    assert lines.count("7") == len(labels)


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300), st.sampled_from([50, 95, 99]))
def test_quantile_is_the_nearest_rank(values: list[int], percent: int) -> None:
    found = quantile(np.array(sorted(values)), percent)
    below = sum(value < found for value in values)
    upto = sum(value <= found for value in values)
    assert 100 * below < percent * len(values) <= 100 * upto


@pytest.mark.parametrize(
    ("nanoseconds", "expected"),
    [(0, "0.000"), (499, "0.000"), (500, "0.001"), (45012377, "45.012"), (999_999_999_999, "1000000.000")],
)
def test_milliseconds(nanoseconds: int, expected: str) -> None:
    assert milliseconds(nanoseconds) == expected


def test_worst_servers_come_first(tmp_path: Path) -> None:
    lines = []
    attempts = ["1:80 R.", "1:80 S.", "2:80 R.", "3:80 R.", "3:80 R."]
    for number, (server, answer) in enumerate(attempt.split() for attempt in attempts):
        lines += [
            f"flow f{number}",
            f"client 192.0.2.1:{5000 + number}",
            f"server 198.51.100.{server}",
            "+0 > S 0 win 1",
        ]
        lines.append(f"+.01 < {answer} 0 ack 1 win 1")
        if answer == "S.":
            lines.append("+0 > . 1 ack 1")
    parse_exchange("\n".join(lines)).write_pcap(tmp_path / "x.pcap")
    report = pcapcheck.check(tmp_path / "x.pcap", select=["HS02"])
    assert [line.split() for line in report.summary().split("\n\n")[2].splitlines()[1:]] == [
        ["198.51.100.3:80", "2", "2", "refused"],
        ["198.51.100.2:80", "1", "1", "refused"],
        ["198.51.100.1:80", "1", "2", "refused"],
    ]


def test_what_was_not_judged_is_told(tmp_path: Path) -> None:
    parse_exchange("+0 > S 0 win 1\n+5 arp\n+0 arp\n+0 arp").write_pcap(tmp_path / "x.pcap")
    summary = pcapcheck.check(tmp_path / "x.pcap", select=["HS02"]).summary()
    assert "Not judged: 3 of 4 frames\n  not IP" in summary
    assert "75.0 %" in summary


def test_a_cut_capture_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes((SAMPLES / "ipv6.pcap").read_bytes()[:-3])
    assert f"{path} is cut after frame 9, at byte " in pcapcheck.check(path, select=["HS02"]).summary()


def test_summary_is_what_quiet_prints() -> None:
    report = pcapcheck.check(SAMPLES / "handshakes.pcap")
    assert report.summary() + "\n" == text(report, quiet=True)
    assert text(report).endswith("\n\n" + text(report, quiet=True))


def test_severity_info_is_printed_on_request_only() -> None:
    report = pcapcheck.check(SAMPLES / "close_four_way.pcap", select=["ST06"])
    assert ": info ST06 " not in text(report)
    assert ": info ST06 " in text(report, verbose=True)


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("terminal", "environ", "expected"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {"FORCE_COLOR": "1"}, True),
        (True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colour(terminal: bool, environ: dict[str, str], expected: bool) -> None:
    assert wanted(Stream(terminal), environ) is expected


def test_paint() -> None:
    assert Paint()("x", "error") == "x"
    assert Paint(True)("x", "error") == "\x1b[1;31mx\x1b[0m"


def test_bar() -> None:
    assert progress.bar(25_000_000, 100_000_000, 5.0, 80) == (
        "[##########                              ]  25 % of 100 MB, 5 MB/s, 15 s left"
    )
    assert progress.bar(25_000_000, None, 5.0, 80) == "reading 25 MB, 5 MB/s"
    assert progress.bar(0, 100, 0.0, 80).startswith("[")


@given(st.integers(0, 10**13), st.integers(1, 10**13) | st.none(), st.floats(0, 1e6), st.integers(2, 300))
def test_the_bar_fits_the_terminal(read: int, total: int | None, seconds: float, width: int) -> None:
    assert len(progress.bar(read, total, seconds, width)) < width


def test_progress_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.1, 1.0, 1.01, 2.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    path = SAMPLES / "handshakes.pcap"
    out = Stream(True)
    shown = progress.Progress([str(path)], out)
    for _ in range(4):
        shown(path.stat().st_size // 4)
    shown.close()
    written = out.getvalue()
    assert written.count("\r\x1b[K[") == 2  # not at 0.1 s (too soon), not at 1.01 s (just told)
    assert " 50 % of" in written
    assert written.endswith("\r\x1b[K")
    assert "\n" not in written


def test_html() -> None:
    report = pcapcheck.check(SAMPLES / "handshakes.pcap", select=["HS02", "OC"])
    html = report._repr_html_()
    assert "<b>19 handshakes</b> in 1 capture (156 frames), 6 findings" in html
    assert "<th>invalid</th>" in html
    assert html.count("<li>") == 6


def test_html_is_escaped(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>&\x1b.pcap"
    (tmp_path / name).write_bytes((SAMPLES / "handshakes.pcap").read_bytes())
    (tmp_path / f"{name}.bad").write_text("text")
    tags: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)
            assert not attrs

    report = pcapcheck.check([tmp_path / name, tmp_path / f"{name}.bad"])
    Tags().feed(report._repr_html_())
    assert tags <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code"}
    assert "\x1b" not in report._repr_html_()


def test_html_shows_the_first_findings_only(tmp_path: Path) -> None:
    lines = []
    for number in range(25):
        lines += [f"flow f{number}", f"client 192.0.2.1:{5000 + number}", "+0 > S 0 win 1", "+.01 < R. 0 ack 1 win 0"]
    parse_exchange("\n".join(lines)).write_pcap(tmp_path / "x.pcap")
    html = pcapcheck.check(tmp_path / "x.pcap", select=["OC01"])._repr_html_()
    assert html.count("<li>") == 21
    assert "and 5 more: see <code>.findings</code>" in html
