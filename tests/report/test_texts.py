"""The Chinese texts: there is one for every rule and diagnosis, they fit the terminal, and programs never see them."""

from __future__ import annotations

import re
from typing import Final

import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.report.explanation import _ALL
from pcapcheck.report.html import WORDS, html
from pcapcheck.report.wide import columns, filled
from pcapcheck.rules import Rule
from pcapcheck.texts import KEYS, language, texts

ZH: Final = texts("zh")
OTHERS: Final = {"headings", "report", "wireshark"}
CHINESE: Final = re.compile("[\u4e00-\u9fff]")


def test_the_keys_are_those_of_the_catalogue() -> None:
    assert ZH.keys() - OTHERS == {one.id for one in _ALL}
    for one in _ALL:
        wanted = {"title"} | {KEYS[heading] for heading in one.sections}
        assert ZH[one.id].keys() == wanted, one.id


def test_the_headings_are_those_of_the_pages() -> None:
    assert {heading for one in _ALL for heading in one.sections} <= ZH["headings"].keys()


@pytest.mark.parametrize("one", _ALL, ids=lambda one: one.id)
def test_a_text_is_chinese_and_names_what_the_english_names(one: Rule) -> None:
    """Commands, counters and other rules are the same, whatever the language."""
    english = " ".join(" ".join([one.title, *one.sections.values()]).split())
    for key, text in ZH[one.id].items():
        assert CHINESE.search(text), key
        assert "\n" not in text
        for code in re.findall(r"`[^`]+`", text):
            assert code in english, (key, code)
        for other in re.findall(r"\b[A-Z]{2,3}\d{2}B?\b", text):
            assert other in english, (key, other)
        for rfc in re.findall(r"RFC \d+", text):
            assert rfc in f"{english} RFC 9293", (key, rfc)
        assert text.count("“") == text.count("”"), key
        assert text.count("（") == text.count("）"), key


@pytest.mark.parametrize("one", _ALL, ids=lambda one: one.id)
def test_a_page_fits_the_terminal(one: Rule) -> None:
    page = pcapcheck.explain(one.id, "zh")
    assert ZH[one.id]["title"][:20] in page
    prose = [line for line in page.splitlines() if CHINESE.search(line) and not line.startswith("  #")]
    assert len(prose) > 5
    for line in prose:
        assert columns(line) <= 79, line
        assert line.strip()[0] not in "，。；：、）”", line


def test_a_report_in_chinese() -> None:
    """Headings and titles; outcomes, slugs, messages and charts stay."""
    report = pcapcheck.check("sample_captures/handshakes.pcap")
    page = html(report, language="zh")
    assert ZH["report"].keys() == WORDS.keys()
    assert '<html lang="zh">' in page
    assert f"<h2>{ZH['report']['findings']}</h2>" in page
    assert ZH["HS02"]["title"] in page
    assert "SYN-ACK acknowledges 3283806885, expected 3283806879" in page
    assert not CHINESE.search(html(report))
    assert not any(CHINESE.search(drawing) for drawing in re.findall(r"<svg.*?</svg>", page, re.DOTALL))


def test_which_language() -> None:
    assert language(None, {}) == "en"
    assert language(None, {"LANG": "zh_CN.UTF-8"}) == "zh"
    assert language(None, {"LANG": "de_DE.UTF-8"}) == "en"
    assert language(None, {"LANG": "de_DE.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}) == "zh"
    assert language(None, {"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}) == "en"
    assert language(None, {"LANG": "zh_CN.UTF-8", "PCAPCHECK_LANG": "en"}) == "en"
    assert language("en", {"PCAPCHECK_LANG": "zh"}) == "en"
    with pytest.raises(pcapcheck.UsageError, match="--lang fr: there is en and zh"):
        language("fr", {})
    with pytest.raises(pcapcheck.UsageError, match="PCAPCHECK_LANG de"):
        language(None, {"PCAPCHECK_LANG": "de"})


def test_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "HS02", "--lang", "zh"]) == 0
    assert capsys.readouterr().out == pcapcheck.explain("HS02", "zh") + "\n"
    monkeypatch.setenv("PCAPCHECK_LANG", "zh")
    assert main(["explain", "hs02"]) == 0
    assert capsys.readouterr().out == pcapcheck.explain("HS02", "zh") + "\n"
    assert main(["explain", "HS02", "--lang", "en"]) == 0
    assert not CHINESE.search(capsys.readouterr().out)


@pytest.mark.parametrize("format", ["text", "jsonl", "csv"])
def test_what_programs_read_is_not_translated(
    format: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("PCAPCHECK_LANG", "LC_ALL", "LANG"):
        monkeypatch.setenv(name, "zh")
    main(["check", "--isolated", "sample_captures/handshakes.pcap", "--format", format])
    assert not CHINESE.search(capsys.readouterr().out)


def test_lines_break_between_characters_but_not_in_words() -> None:
    assert filled("确认号是 3283806879，而不是", 14) == "确认号是\n3283806879，而\n不是"
    assert filled("甲乙丙丁。", 8) == "甲乙丙\n丁。"
    assert filled("甲乙丙（丁）", 8) == "甲乙丙\n（丁）"
    assert filled("a longword", 4, "  ") == "  a\n  longword"
