"""What the diagnoses of single connections say of real captures. The truth of each stands in tests/lab/NAME.json."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from pcapcheck.diagnoses import DIAGNOSES
from tests.diagnoses.causes import of_capture

LAB: Final = Path(__file__).parent.parent / "lab"
CAPTURES: Final = sorted(LAB.glob("*.pcap"))

# Those that look at a connection and its kind; scans, injection and vantage have tests of their own.
LOOKED_AT: Final = {id for id in DIAGNOSES if id <= "D08" or "D22" <= id <= "D31" or id in ("D33", "D34")}

# All that is said; of every other capture nothing is.
EXPECTED: Final = {
    "accept_overflow_abort": {("D05", "compatible"): 2},
    "accept_overflow_abort.server": {("D05", "compatible"): 2},
    "ack3_all_dropped": {("D04", "compatible"): 1},
    "client_gone_before_synack": {("D31", "compatible"): 1},
    "client_gone_before_synack.server": {("D31", "compatible"): 1},
    "ecn_fallback": {("D30", "compatible"): 1},
    "halfopen_client_restart": {("D22", "proved"): 1, ("D25", "proved"): 1},
    "halfopen_client_restart.server": {("D22", "proved"): 1, ("D25", "proved"): 1},
    "icmp6_admin_prohibited": {("D26", "proved"): 1},
    "icmp_admin_prohibited": {("D26", "proved"): 1},
    "icmp_host_unreach": {("D26", "proved"): 1},
    "icmp_port_unreach": {("D26", "proved"): 1},
    "old_syn_first": {("D24", "proved"): 1},
    "old_syn_first.server": {("D24", "proved"): 1},
    "port_zero": {("D31", "compatible"): 1, ("D01", "strong"): 1},
    "refused_then_open": {("D01", "strong"): 1},
    "refused_v4": {("D01", "compatible"): 3},
    "refused_v4.server": {("D01", "compatible"): 3},
    "reject_tcp_reset": {("D01", "compatible"): 1},
    "reuse_client_time_wait": {("D22", "proved"): 1},
    "reuse_server_time_wait": {("D22", "proved"): 2},
    "rst_injected_syn_sent.server": {("D31", "compatible"): 1},
    "syn_all_dropped": {("D02", "compatible"): 1},
    "syn_backlog_full": {("D03", "compatible"): 4},
    "syn_backlog_full.server": {("D03", "compatible"): 4},
    "syn_scan_range": {("D01", "strong"): 10, ("D31", "compatible"): 2},
    "synack_all_dropped": {("D02", "compatible"): 1},
    "synack_all_dropped.server": {("D34", "compatible"): 1},
    "synack_dropped_once.server": {("D34", "compatible"): 1},
    "syncookies_forced": {("D08", "compatible"): 3},
    "syncookies_forced.server": {("D08", "compatible"): 3},
    "tfo_ack3_dropped": {("D29", "proved"): 1},
    "tfo_ack3_dropped.server": {("D29", "proved"): 1},
    "tfo_cookie_request": {("D29", "proved"): 1},
    "tfo_cookie_request.server": {("D29", "proved"): 1},
    "tfo_data_rejected": {("D29", "proved"): 1},
    "tfo_data_rejected.server": {("D29", "proved"): 1},
}


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_causes(capture: Path) -> None:
    found = Counter((one.id, one.certainty) for one in of_capture(capture) if one.id in LOOKED_AT)
    assert found == EXPECTED.get(capture.stem, {})


def test_expected_captures_are_there() -> None:
    assert set(EXPECTED) <= {capture.stem for capture in CAPTURES}
