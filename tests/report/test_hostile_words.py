"""File names, interface names and comments of a capture are harmless in whatever is printed or written."""

from __future__ import annotations

import csv
import json
import shutil
import struct
import xml.etree.ElementTree as ET
from io import StringIO
from pathlib import Path
from typing import Final

import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.report.formats import FORMATS
from tests.capture.build_captures import block, enhanced, options

SAMPLE: Final = Path(__file__).parents[2] / "sample_captures" / "handshakes.pcap"
# An escape sequence, right-to-left override, newline and tab, markup, a formula, mathematics, a workflow command.
NAMES: Final = [
    "\x1b[31mred\x1b]0;title\x07.pcap",
    "\u202egpj.pcap",
    "two\nlines\t.pcap",
    "<script>alert(1)<\u2215script>&amp;\"'.pcap",
    "=cmd|' \u2215C calc'!A0.pcap",
    "@SUM(1).pcap",
    "$\\frac{1}{.pcap",
    "a$b$c_{.pcap",
    "::error::x%0A.pcap",
    "[bold]x[\u2215bold].pcap",
    "|`*_#~\\.pcap",
    "\udcff\x9b31m.pcap",
    "\u2066\u200b\ufeff.pcap",
]
EACH: Final = pytest.mark.parametrize("name", NAMES, ids=[f"{name[:12]!a}" for name in NAMES])
HARMFUL: Final = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066, 0x200B, 0xFEFF)]


def assert_harmless(text: str) -> None:
    assert [character for character in HARMFUL if character in text] == []
    assert not any("\ud800" <= character <= "\udfff" for character in text)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@EACH
@pytest.mark.parametrize("format", FORMATS)
def test_the_name_of_a_capture(name: str, format: str, in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(SAMPLE, name)
    main(["check", name, "--exit-zero", "--format", format])
    printed = capsys.readouterr()
    assert printed.err == ""
    assert_harmless(printed.out)
    assert main(["check", name, "--exit-zero", "-o", f"{format}:out"]) == 0
    assert_harmless((in_folder / "out").read_text(encoding="utf-8", errors="surrogateescape"))


@EACH
def test_a_spreadsheet_takes_no_cell_for_a_formula(name: str, in_folder: Path) -> None:
    shutil.copy(SAMPLE, name)
    main(["check", name, "--exit-zero", "-o", "csv:out"])
    rows = list(csv.reader(StringIO((in_folder / "out").read_text(encoding="utf-8"))))
    assert len(rows) > 10
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not any(
        cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows[1:] for cell in row if not number(cell)
    )


def number(cell: str) -> bool:
    return cell.lstrip("-").isdigit()


@EACH
def test_json_lines_hold_the_name_as_it_is(name: str, in_folder: Path) -> None:
    shutil.copy(SAMPLE, name)
    main(["check", name, "--exit-zero", "-o", "jsonl:out"])
    lines = (in_folder / "out").read_text(encoding="ascii").splitlines()
    assert {json.loads(line)["capture"] for line in lines} == {name}


@EACH
def test_the_other_commands(name: str, in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(SAMPLE, name)
    for arguments in (
        ["show", name, "--handshake", "1"],
        ["rtt", name, "--by", "capture"],
        ["info", name],
        ["info", name, "--format", "json"],
        ["info", f"missing {name}"],
        ["check", f"missing {name}"],
        ["check", name, "-o", f"nonsense:{name}"],
        ["check", name, "-o", f"csv:{name}"],
    ):
        main(arguments)
        printed = capsys.readouterr()
        assert printed.out + printed.err
        assert_harmless(printed.out)
        assert_harmless(printed.err)


@pytest.mark.parametrize("name", [NAMES[0], NAMES[3], NAMES[6], NAMES[7]], ids=["escape", "markup", "formula", "math"])
def test_a_chart_by_capture(name: str, in_folder: Path) -> None:
    shutil.copy(SAMPLE, name)
    assert main(["rtt", name, "--by", "capture", "-o", "out.svg"]) == 0
    text = (in_folder / "out.svg").read_text(encoding="utf-8")
    assert_harmless(text)
    assert "<script" not in text
    assert ET.fromstring(text).tag.endswith("svg")


@EACH
def test_a_notebook(name: str, in_folder: Path) -> None:
    shutil.copy(SAMPLE, name)
    (in_folder / f"missing {name}.txt").write_text("no capture")
    html = pcapcheck.check([name, f"missing {name}.txt"])._repr_html_()
    assert_harmless(html)
    assert "<script" not in html
    assert "&lt;script" in html or "script" not in name


@EACH
def test_what_is_written_inside_a_capture(name: str, in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = name.encode("utf-8", "surrogateescape")
    octets = block(
        0x0A0D0D0A,
        struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options((1, words), (2, words), (3, words), (4, words)),
    )
    described = options((1, words), (2, words), (3, words), (11, b"\0" + words), (12, words), (15, words))
    octets += block(1, struct.pack("<HHI", 1, 0, 0) + described) + enhanced(1, bytes(60))
    Path("x.pcapng").write_bytes(octets)
    for format in ("text", "json"):
        assert main(["info", "x.pcapng", "--format", format]) == 0
        assert_harmless(capsys.readouterr().out)
    main(["check", "x.pcapng"])
    assert_harmless(capsys.readouterr().out)
