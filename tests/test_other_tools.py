"""What pcapcheck, tshark, argus and tcptrace say of the same wrong handshakes.

docs/compared-with-tshark.md shows the answers side by side; `tools/compare_tools.py` writes them after a change.
"""

from __future__ import annotations

import os
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from pcapcheck.run import check
from pcapcheck.testing import parse_exchange
from tools.compare_tools import HEADING, PAGE, PROBES, TOOLS, column, escaped, number_of

TABLE: Final = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.read_text(encoding="utf-8").partition(HEADING)[2].splitlines()
    if line.startswith("| ")
]
TITLES: Final = TABLE[0][2:]
NUMBERS: Final = [number_of(probe) for probe in PROBES]

# Probe: outcomes, and findings of severity note or worse. Right are 01, 06, 07, 08, 14, 20, 22 and 23.
EXPECTED: Final[dict[str, tuple[list[str], list[str]]]] = {
    "01": (["established"], []),
    "02": (["invalid"], ["error HS02", "error RS06"]),
    "03": (["invalid"], ["error HS03"]),
    "04": (["established"], ["note HS04"]),
    "05": (
        ["invalid"],
        ["error HS02", "error HS03", "error RS06"],
    ),
    "06": (["established"], []),
    "07": (["established"], []),
    "08": (["established"], []),
    "10": (["refused"], ["warning OC01"]),
    "13": (["pending"], []),
    "14": (["established"], []),
    "15": (["established"], ["warning OP06"]),
    "16": (["established"], ["warning OP11"]),
    "18": (["established"], ["warning OP12"]),
    "19": (["established"], ["warning CAP03"]),
    "20": (["established"], ["note CAP05"]),
    "22": (["established", "established"], []),
    "23": (["established", "established"], []),
    "30": (["established"], ["warning EC02"]),
    "31": (["established"], ["warning EC03"]),
    "32": (["established"], ["warning OP15"]),
    "35": (["established"], ["warning CAP03"]),
    "36": (["unanswered"], ["warning OC03"]),
}
# What each probe is for, in the other tools' own words.
CLAIMS: Final = {
    "tshark": {
        "02": ["completeness 7,", "initial_rtt 0.06,", "TCP SYN-ACK accepting TFO data"],
        "03": ["completeness 7,", "initial_rtt 0.06,"],
        "04": ["completeness 7,", "initial_rtt 0.06,"],
        "05": ["completeness 7,", "initial_rtt 0.06;"],
        "06": ["Duplicate ACK"],
        "07": ["initial_rtt 0.06,", "ack_rtt 1.05 "],
        "08": ["initial_rtt 0.06,", "ack_rtt 1.05 "],
        "10": ["initial_rtt 0.01,"],
        "14": ["completeness 3,", "2 x This frame is a (suspected) retransmission"],
        "19": ["completeness 12 and 14,"],
        "20": ["2 x This frame is a (suspected) retransmission", "initial_rtt 0.06001,"],
        "35": ["initial_rtt -0.04,", "ack_rtt -0.05 "],
    },
    "argus": {"02": ["CON"], "03": ["CON, tcprtt 0.06"], "04": ["CON, tcprtt 0.06"], "05": ["CON"], "06": ["tcprtt 0"]},
    "tcptrace": {
        "19": ["client 198.51.100.2"],
        "20": ["hardware dups 2 and 1"],
        "30": ["reserved bits are not all zero"],
    },
}
# Wrong, and no other tool says anything that it does not say of the right handshake.
SAID_BY_NONE: Final = ["15", "16", "18", "32"]

cached_column = cache(column)


def said(tool: str) -> dict[str, str]:
    """What an installed tool says of each probe, where it is the version that the page shows."""
    title = f"{tool} {TOOLS[tool].version()}".strip() if all(map(shutil.which, TOOLS[tool].programs)) else ""
    if not title and not os.environ.get("CI"):
        pytest.skip(f"{tool} is not installed (apt-get install {TOOLS[tool].package})")
    assert title, f"{tool} is not installed"
    if title not in TITLES:
        pytest.skip(f"the page shows another version than {title}: run tools/compare_tools.py")
    return cached_column(tool)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.stem)
def test_pcapcheck_says(probe: Path, tmp_path: Path) -> None:
    parse_exchange(probe.read_text(encoding="utf-8")).write_pcap(tmp_path / "x.pcap")
    report = check(tmp_path / "x.pcap")
    findings = [f"{one.severity} {one.rule.id}" for one in report.all_findings if one.severity != "info"]
    assert (report.handshakes["outcome"].tolist(), findings) == EXPECTED[number_of(probe)]


@pytest.mark.parametrize("tool", TOOLS)
def test_page_shows_what_each_tool_says(tool: str) -> None:
    now = said(tool)
    place = 2 + list(TOOLS).index(tool)
    assert {row[0]: row[place] for row in TABLE[2:]} == {number: escaped([answer])[0] for number, answer in now.items()}


@pytest.mark.parametrize(("tool", "number"), [(tool, number) for tool, claims in CLAIMS.items() for number in claims])
def test_another_tool_misjudges(tool: str, number: str) -> None:
    answer = said(tool)[number]
    assert [words for words in CLAIMS[tool][number] if words not in answer] == []


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if tool != "pcapcheck"])
@pytest.mark.parametrize("number", SAID_BY_NONE)
def test_no_other_tool_says_anything(tool: str, number: str) -> None:
    answers = said(tool)
    assert answers[number] == answers["01"]


def test_page_lists_each_probe() -> None:
    assert [row[0] for row in TABLE[2:]] == NUMBERS == list(EXPECTED)
    assert [title.split()[0] for title in TITLES] == list(TOOLS)
