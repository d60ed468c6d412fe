"""The figures of RFC 9293 are no violations: what all rules together find in each. Their rows: test_handshake.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from pcapcheck.run import check
from pcapcheck.testing import parse_exchange
from tests.handshakes.figures import CASES

# Findings of severity warning or error. The others have none.
EXPECTED: Final = {
    "RFC 9293, figure 8, seen at the server": [("OC05", "warning")],
    # At the client nothing tells an old duplicate SYN from a wrong number.
    "RFC 9293, figure 8, the old SYN not captured": [("HS02", "warning")],
    "RFC 9293, figure 11: an old SYN and two passive sockets": [("OC05", "warning")],
}
SHAPES: Final = {7: "ST07", 8: "ST08", 9: "ST09", 10: "ST10"}


def test_no_figure_is_missing() -> None:
    assert {int(number) for number in re.findall(r"figure (\d+)", " ".join(CASES))} == set(range(6, 14))


@pytest.mark.parametrize("name", CASES)
def test_findings(name: str, tmp_path: Path) -> None:
    assert [one for one in findings(name, tmp_path) if one[1] in ("warning", "error")] == EXPECTED.get(name, [])


@pytest.mark.parametrize("number", SHAPES)
def test_shape_is_named(number: int, tmp_path: Path) -> None:
    (name, *_) = (name for name in CASES if name.startswith(f"RFC 9293, figure {number}:"))
    assert (SHAPES[number], "info") in findings(name, tmp_path)


def findings(name: str, folder: Path) -> list[tuple[str, str]]:
    parse_exchange(CASES[name].exchange).write_pcap(folder / "x.pcap")
    return [(found.rule.id, found.severity) for found in check(folder / "x.pcap").all_findings]
