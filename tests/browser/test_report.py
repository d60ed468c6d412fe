"""The HTML report as people meet it: from a file, offline, on a desk and a telephone, by mouse, keyboard and ear."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

import pcapcheck
from pcapcheck.report.html import html
from pcapcheck.testing import parse_exchange

Open = Callable[..., Any]

ROOT: Final = Path(__file__).parents[2]
HOSTILE: Final = "<img src=x onerror=alert(1)>\x1b[31m=cmd|' $x$.pcap"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html(pcapcheck.check(str(ROOT / "sample_captures/handshakes.pcap"))), encoding="utf-8")
    return path


def blurred(png: bytes) -> Any:
    """Grey values of a few hundred squares: where in a pixel something stands does not matter."""
    return np.asarray(Image.open(BytesIO(png)).convert("L").resize((48, 16), Image.Resampling.BOX)).astype(float)


def shown_rows(page: Any) -> int:
    return int(page.locator("table.findings > tbody:visible").count())


def test_the_verdict_comes_first(open_page: Open, sample: Path) -> None:
    page = open_page(sample)
    assert page.locator("h1").inner_text().endswith(
        "7 of 19 handshakes failed: 2 invalid, 1 refused, 1 unreachable, 1 unanswered, 1 half-open, 1 aborted."
    )  # fmt: skip
    assert page.locator("h1").bounding_box()["y"] < 100


def test_a_finding_opens_its_ladder(open_page: Open, sample: Path) -> None:
    page = open_page(sample)
    ladder = page.locator("svg.ladder").first
    assert not ladder.is_visible()
    page.get_by_text("SYN-ACK acknowledges 3283806885").click()
    assert ladder.is_visible()
    assert "wrong SYN-ACK: expected ack 3283806879 (1)" in ladder.text_content()
    page.get_by_text("SYN-ACK acknowledges 3283806885").click()
    assert not ladder.is_visible()


def test_the_same_by_keyboard(open_page: Open, sample: Path) -> None:
    page = open_page(sample)
    page.locator("table.findings summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("svg.ladder").first.is_visible()


def test_search_and_filters(open_page: Open, sample: Path) -> None:
    page = open_page(sample)
    assert shown_rows(page) == 7, "those of severity info are folded"
    page.get_by_label("Search").fill("198.51.100.10:443 reset")
    assert page.locator("#count").inner_text() == "0 of 12 shown"
    assert page.get_by_text("No listed finding is like that.").is_visible()
    page.get_by_label("Search").fill("198.51.100.10:443 aborted")
    assert page.locator("#count").inner_text() == "1 of 12 shown"
    assert shown_rows(page) == 1
    page.get_by_role("button", name="Reset").click()
    assert shown_rows(page) == 7
    page.locator("#by-severity").select_option("error")
    assert shown_rows(page) == 2
    page.locator("#by-outcome").select_option("invalid")
    page.locator("#by-server").select_option("198.51.100.30:25")
    assert shown_rows(page) == 1
    assert page.locator("table.findings > tbody:visible td.message").inner_text().startswith("ACK acknowledges")


def test_a_filter_opens_what_is_folded(open_page: Open, sample: Path) -> None:
    page = open_page(sample)
    page.locator("#by-severity").select_option("info")
    assert shown_rows(page) == 5


def test_sorting(open_page: Open, sample: Path) -> None:
    page = open_page(sample)
    table = page.locator("#servers table")

    def column(number: int) -> list[str]:
        return [row.strip() for row in table.locator(f"tbody tr > :nth-child({number})").all_inner_texts()]

    head = table.get_by_role("button", name="p50")
    head.click()
    values = [float(text) for text in column(8) if text]
    assert values == sorted(values)
    assert table.locator("th", has_text="p50").get_attribute("aria-sort") == "ascending"
    assert column(8)[-1] == "", "what is empty stays at the end"
    head.click()
    assert [float(text) for text in column(8) if text] == values[::-1]
    assert column(8)[-1] == ""
    table.get_by_role("button", name="Handshakes").press("Enter")
    assert table.locator("th[aria-sort=ascending]").inner_text().startswith("Handshakes")
    assert [int(text) for text in column(2)] == sorted(int(text) for text in column(2))


def test_copying_a_filter(open_page: Open, sample: Path) -> None:
    page = open_page(sample, permissions=["clipboard-read", "clipboard-write"])
    button = page.locator("button.copy").first
    button.click()
    page.wait_for_function("document.querySelector('button.copy').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "ip.addr == 192.0.2.12 && ip.addr == 198.51.100.66 && tcp.port == 49184 && tcp.port == 8080"


@pytest.mark.parametrize(("old_way", "says"), [("true", "Copied"), ("false", "Press Ctrl+C")])
def test_copying_where_the_clipboard_is_refused(open_page: Open, sample: Path, old_way: str, says: str) -> None:
    page = open_page(sample)
    page.evaluate(
        f"""() => {{
            navigator.clipboard.writeText = () => Promise.reject(new Error("refused"));
            document.execCommand = () => {old_way};
        }}"""
    )
    page.locator("button.copy").first.click()
    page.wait_for_function(f"document.querySelector('button.copy').textContent === '{says}'")
    assert page.evaluate("String(getSelection())").startswith("ip.addr == 192.0.2.12 && ip.addr == 198.51.100.66")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_telephone_nothing_is_wider_than_the_screen(open_page: Open, sample: Path, scheme: str) -> None:
    page = open_page(sample, width=390, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_dark_is_dark_and_light_is_light(open_page: Open, sample: Path) -> None:
    def luminance(page: Any, selector: str, property: str) -> float:
        value = page.evaluate(
            "([selector, name]) => getComputedStyle(document.querySelector(selector))[name]", [selector, property]
        )
        return sum(map(float, re.findall(r"[\d.]+", value)[:3])) / 3 / 255

    light, dark = (open_page(sample, color_scheme=scheme) for scheme in ("light", "dark"))
    for selector in ("body", "section"):
        assert luminance(light, selector, "backgroundColor") > 0.9
        assert luminance(dark, selector, "backgroundColor") < 0.15
    for selector in (".chart text", ".ladder .number"):
        assert luminance(light, selector, "fill") < 0.4
        assert luminance(dark, selector, "fill") > 0.6
    # Of what <use> draws too: it is a tree of its own.
    assert luminance(dark, ".chart use", "fill") > luminance(light, ".chart use", "fill")


def test_a_ladder_drawn_twice_looks_the_same(open_page: Open, sample: Path) -> None:
    """The second time it is only referred to."""
    page = open_page(sample)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    again = page.locator("svg.ladder:has(> use)").first
    name = again.locator("use").get_attribute("href")
    first = page.locator(f"svg.ladder:has({name})")
    drawn = blurred(again.screenshot())
    assert drawn.std() > 10, "there is something to see"
    assert np.abs(blurred(first.screenshot()) - drawn).mean() < 2
    page.locator(f"details:has({name})").last.evaluate("(one) => { one.open = false; }")
    assert not first.is_visible()
    assert np.abs(blurred(again.screenshot()) - drawn).mean() < 2, "what is folded away is drawn elsewhere"


def test_without_scripts(open_page: Open, sample: Path) -> None:
    page = open_page(sample, java_script_enabled=False)
    assert not page.get_by_label("Search").is_visible()
    assert not page.locator("button:visible").count()
    page.locator("table.findings summary").first.click()
    assert page.locator("svg.ladder").first.is_visible()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(open_page: Open, sample: Path, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(sample, color_scheme=scheme, width=width)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["impact"], one["nodes"][0]["html"][:200]) for one in found] == []


@pytest.mark.parametrize("capture", ["none", "no_tcp", "clean_many_interleaved"])
def test_captures_with_little_to_say(open_page: Open, tmp_path: Path, capture: str) -> None:
    source = ROOT / f"tests/lab/{capture}.pcap"
    if capture == "none":
        source = tmp_path / "empty.pcap"
        source.write_bytes((ROOT / "sample_captures/handshakes.pcap").read_bytes()[:24])
    if capture == "no_tcp":
        source = tmp_path / "arp.pcap"
        parse_exchange("flow a\n+0 arp\n+1 arp\n").write_pcap(source)
    path = tmp_path / "report.html"
    path.write_text(html(pcapcheck.check(str(source))), encoding="utf-8")
    page = open_page(path, width=390)
    assert page.locator("h1").inner_text().removeprefix("?").removeprefix("✓").strip() == {
        "none": "There is no TCP in this capture.",
        "no_tcp": "There is no TCP in this capture.",
        "clean_many_interleaved": "All 200 handshakes were established, with no error and no warning.",
    }[capture]  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_hostile_name_is_only_a_name(open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(HOSTILE).write_bytes((ROOT / "sample_captures/handshakes.pcap").read_bytes())
    path = tmp_path / "report.html"
    path.write_text(html(pcapcheck.check(HOSTILE)), encoding="utf-8")
    page = open_page(path)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    assert page.locator(".kicker .name").inner_text() == HOSTILE.replace("\x1b", r"\x1b")
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 1280


def test_printed_every_rule_is_open_and_no_control_is_there(open_page: Open, sample: Path) -> None:
    page = open_page(sample)
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert shown_rows(page) == 12
    assert not page.get_by_label("Search").is_visible()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert shown_rows(page) == 7
