"""What scans, injection and vantage look like in real captures, and that nothing of it is seen in the others."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.diagnoses.causes import of_capture
from tests.diagnoses.test_across import EVENTS, SINGLE

LAB: Final = Path(__file__).parent.parent / "lab"

# All that is said; of every other capture nothing is.
EXPECTED: Final = {
    "ack_scan": {("D11", "compatible"): 4},
    "capture_reordered": {("D20", "proved"): 1},
    "mss_clamp.server": {("D16", "strong"): 1},
    "null_scan": {("D11", "strong"): 4},
    "oneway_c2s": {("D17", "proved"): 3},
    "rst_inexact_challenge": {("D14", "proved"): 1},
    "rst_injected_syn_sent": {("D14", "proved"): 1},
    "span_duplicates": {("D19", "proved"): 1},
    "start_after_synack": {("D18", "proved"): 1},
    "syn_scan_range": {("D09", "compatible"): 12},
    "synth_time_backwards": {("D20", "proved"): 1},
    "xmas_scan": {("D11", "strong"): 4},
}


@pytest.mark.parametrize("capture", sorted(LAB.glob("*.pcap")), ids=lambda path: path.stem)
def test_causes(capture: Path) -> None:
    found = Counter((one.id, one.certainty) for one in of_capture(capture) if one.id in {**EVENTS, **SINGLE})
    assert found == EXPECTED.get(capture.stem, {})


def test_expected_captures_are_there() -> None:
    assert set(EXPECTED) <= {capture.stem for capture in LAB.glob("*.pcap")}
