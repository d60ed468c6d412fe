"""Whatever differs again and again in one flow: judging and reporting it takes work in proportion, not to its square.

Counted are the lines of Python that are executed, which do not depend on the machine. What NumPy and the compiled loop
do is not among them: test_hostile_traffic.py and benchmarks/adversaries.py measure it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import pcapcheck
from pcapcheck.report.text import write_text
from pcapcheck.testing.octets import ETHERNET, Wire, frame_octets
from tests.capture.build_captures import pcap_header, pcap_record
from tests.hostile import KINDS, captured


def lines(function: Callable[[], object]) -> int:
    """How many lines of Python the call executes: a line as often as a loop comes back to it."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


def write(path: Path, kind: str, times: int) -> None:
    octets = pcap_header(link_type=ETHERNET)
    for _, time, one in captured(kind, times):
        vlan = (one.vlan,) if one.vlan >= 0 else ()
        data, _ = frame_octets(one, Wire(vlans=vlan))
        octets += pcap_record(time // 10**9, time % 10**9 // 1000, data)
    path.write_bytes(octets)


@pytest.mark.parametrize("kind", KINDS)
def test_work_grows_with_the_segments(kind: str, tmp_path: Path) -> None:
    """Twice as many more take twice as much more; to the square it would be four times as much."""
    counts = []
    for times in (160, 320, 640):
        path = tmp_path / f"{times}.pcap"
        write(path, kind, times)
        check_and_report(path)  # what is done once
        counts.append(lines(lambda path=path: check_and_report(path)))
    few, more, many = counts
    assert many - more < 2.6 * (more - few), counts


def check_and_report(path: Path) -> None:
    write_text(pcapcheck.check(path), StringIO())
