"""The HTML report as text: that it needs nothing else, lets nothing in, and says the same every time."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest

import pcapcheck
from pcapcheck.charts.outcomes import COLOURS
from pcapcheck.report.html import html
from pcapcheck.report.html.inline_svg import DARK, page_svg
from pcapcheck.testing import parse_exchange

ROOT: Final = Path(__file__).parents[2]
HOSTILE: Final = "<img src=x onerror=alert(1)>\x1b[31m=cmd|' {{ 7 * 7 }}.pcap"


class Page(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in ("meta", "link", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))


@pytest.fixture(scope="module")
def sample() -> str:
    return html(pcapcheck.check(str(ROOT / "sample_captures/handshakes.pcap")))


def test_elements_are_closed_and_ids_are_unique(sample: str) -> None:
    page = Page(sample)
    assert (page.wrong, page.open) == ([], [])
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert [name for name, count in ids.items() if count > 1] == []
    referred = re.findall(r'(?:url\(#|href="#|aria-labelledby=")([^")]+)', sample)
    assert {name for names in referred for name in names.split()} <= ids.keys()


def test_only_what_the_policy_names_runs(sample: str) -> None:
    def hash_of(text: str) -> str:
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', sample)
    (style,) = re.findall(r"<style>(.*?)</style>", sample, flags=re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", sample, flags=re.DOTALL)
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src {hash_of(style)}",
        f"script-src {hash_of(script)}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_nothing_is_inline_and_nothing_is_elsewhere(sample: str) -> None:
    for tag, attributes in Page(sample).elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "xlink:href", "action", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, attributes)


def test_every_colour_of_a_chart_has_one_for_the_dark(sample: str) -> None:
    # Without the style, which names them all.
    body = sample.partition("</style>")[2]
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', body)) - {"#ffffff"}
    assert used >= {"#0072b2", "#333333"}
    assert used <= DARK.keys()
    assert {colour.lower() for colour in COLOURS.values()} <= DARK.keys()


def test_the_same_report_every_time(sample: str) -> None:
    assert html(pcapcheck.check(str(ROOT / "sample_captures/handshakes.pcap"))) == sample


def test_a_hostile_name_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(HOSTILE).write_bytes((ROOT / "sample_captures/handshakes.pcap").read_bytes())
    page = html(pcapcheck.check(HOSTILE), command=("pcapcheck", "report", HOSTILE))
    assert "<img" not in page
    assert "\x1b" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;\\x1b[31m=cmd|&#39; {{ 7 * 7 }}.pcap" in page
    assert Page(page).wrong == []


def test_the_worst_page_is_below_two_megabytes(tmp_path: Path) -> None:
    """Long addresses, a name of 200 letters, every attempt with several findings and a ladder of its own."""
    flows = []
    for number in range(1500):
        flows.append(
            f"flow f{number}\nclient [2001:db8:aaaa:bbbb:cccc:dddd:eeee:{number:x}]:{1024 + number}\n"
            f"server [2001:db8:aaaa:bbbb:cccc:dddd:ffff:{number % 60:x}]:443\n"
            "+.01 > S 0:0(0) win 64240\n" + "+.5 > S 0:0(0) win 64240\n" * 4 + "+.02 < S. 0:0(0) ack 7 win 1\n"
            "+.02 < S. 0:0(0) ack 1 win 1\n+.01 > . 1:1(0) ack 9\n+.3 < R. 5:5(0) ack 3 win 0"
        )
    path = tmp_path / ("x" * 200 + ".pcap")
    parse_exchange("\n".join(flows)).write_pcap(path)
    page = html(pcapcheck.check(str(path)))
    assert 500_000 < len(page.encode()) < 2_000_000


def test_many_findings_are_listed_in_part_and_the_rest_is_counted(tmp_path: Path) -> None:
    flows = []
    for number in range(600):
        flows.append(
            f"flow f{number}\nclient 192.0.{2 + number // 250}.{1 + number % 250}:{1024 + number}\n"
            f"server 198.51.100.{1 + number % 40}:443\n"
            f"+.01 > S 0:0(0) win 64240\n+.02 < S. 0:0(0) ack {5 + number % 3} win 1"
        )
    parse_exchange("\n".join(flows)).write_pcap(tmp_path / "x.pcap")
    report = pcapcheck.check(str(tmp_path / "x.pcap"), select=["HS02", "OC"])
    page = html(report)
    rows = page.count("<tbody data-severity=")
    assert rows <= 300
    assert f"{rows} of {len(report.all_findings):,} findings are listed" in page
    assert "and 560 more" in page, "of 600 with a wrong number 40 are listed"
    assert len(page.encode()) < 2_000_000
    # The first forty are of forty servers.
    assert len(set(re.findall(r'data-severity="error" data-outcome="invalid" data-server="([^"]*)"', page))) == 40


@pytest.mark.parametrize("font", ["font: 10px 'DejaVu Sans'", "font-size: 10px; font-family: 'DejaVu Sans'"])
def test_a_font_is_said_as_matplotlib_says_it_now_or_said_it_before(font: str) -> None:
    svg = f'<svg viewBox="0 0 1 1"><metadata></metadata><text style="{font}; fill: #333333">a</text></svg>'
    assert '<text font-size="10px" fill="#333333">a</text>' in page_svg(svg, "x", "t", "d")


def test_ids_of_two_charts_do_not_meet() -> None:
    inner = '<g id="unused"><clipPath id="p1"/><g clip-path="url(#p1)"/></g>'
    svg = f'<svg viewBox="0 0 1 1"><metadata></metadata>{inner}</svg>'
    one, two = (page_svg(svg, name, "t", "d") for name in ("a", "b"))
    assert '<g><clipPath id="a-p1"/><g clip-path="url(#a-p1)"/></g>' in one
    assert '<clipPath id="b-p1"/>' in two
