"""Frames that are missing, and what must not be mixed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from pcapcheck.capture import open_capture
from pcapcheck.decode.segment import RST, Segment
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.report.report import Report
from tests.capture.build_captures import enhanced, interface, pcap_file, read, section, statistics

Examine = Callable[[str | bytes], Report]
LAB: Final = Path(__file__).parents[1] / "lab"

OPEN: Final = "+0 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1\n+0 > . 1:1(0) ack 1\n"


def of_rule(report: Report, rule: str) -> list[str]:
    return [finding.actual for finding in report.all_findings if finding.rule.id == rule]


# Name: what follows the opening, what CAP06 says.
GAPS: Final = {
    "nothing is missing": ("+0 > P. 1:101(100) ack 1\n+.02 < . 1:1(0) ack 101", []),
    "lost on the way and not acknowledged": ("+0 > . 101:201(100) ack 1\n+.02 < . 1:1(0) ack 1", []),
    "acknowledged": (
        "+0 > . 101:201(100) ack 1\n+.02 < . 1:1(0) ack 201",
        ["at least 100 octets of 1 connection(s)"],
    ),
    "of the server": (
        "+0 < . 501:601(100) ack 1\n+.02 > . 1:1(0) ack 601",
        ["at least 500 octets of 1 connection(s)"],
    ),
    "one wrong acknowledgement": ("+0 > P. 1:101(100) ack 1\n+.02 < . 1:1(0) ack 70000", []),
    "a FIN counts one": ("+0 > F. 1:1(0) ack 1\n+.02 < F. 1:1(0) ack 2\n+0 > . 2:2(0) ack 2", []),
    "a keep-alive is before the next number": ("+9 > . 0:1(1) ack 1\n+.02 < . 1:1(0) ack 1", []),
    "the SYN-ACK repeats, so data is sent again": (
        "+0 > . 1:101(100) ack 1\n+1 > . 1:101(100) ack 1\n+0 > . 201:301(100) ack 1\n+.02 < . 1:1(0) ack 301",
        [],  # a lower bound: 300 octets acknowledged, 300 captured with the repeat
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GAPS)
def test_octets(name: str, examine: Examine) -> None:
    rest, expected = GAPS[name]
    assert of_rule(examine(OPEN + rest), "CAP06") == expected


def test_many_folded_segments(examine: Examine) -> None:
    """Of 200 segments only a few are kept as rows: the counters know of the one that is missing."""
    ends = range(101, 20_101, 100)
    lines = [f"+.01 > . {end - 100}:{end}(100) ack 1\n+0 < . 1:1(0) ack {end}" for end in ends]
    assert of_rule(examine(OPEN + "\n".join(lines)), "CAP06") == []
    lines[120] = lines[120].partition("\n")[2]
    assert of_rule(examine(OPEN + "\n".join(lines)), "CAP06") == ["at least 100 octets of 1 connection(s)"]


def test_opening_segment(examine: Examine) -> None:
    report = examine("""
        +0   > S  0:0(0)
        +.04 > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.04 < .  1:1(0) ack 101
    """)
    assert of_rule(report, "CAP06") == ["an opening segment of 1 connection(s)"]


def test_fragments_hide_payload(examine: Examine) -> None:
    report = examine(OPEN + "+0 > . 1:101(100) ack 1 frag first\n+0 > . 101:201(100) ack 1 frag later\n"
                     "+0 > . 201:301(100) ack 1\n+.02 < . 1:1(0) ack 301")  # fmt: skip
    assert of_rule(report, "CAP06") == []
    assert "CAP06" in report.all_findings.undecidable()


def test_drop_counter(examine: Examine) -> None:
    octets = section() + interface() + enhanced(1, bytes(60)) + statistics(ifdrop=3, osdrop=4)
    assert of_rule(examine(octets), "CAP06") == ["7 lost by the capturing side's own count"]


@pytest.mark.parametrize("name", ["clean_nano", "server_speaks_first", "half_close"])
def test_any_lost_data_of_a_real_connection(name: str, examine: Examine) -> None:
    """Without one frame of data that is acknowledged and followed by more, CAP06 is found; with it, not."""
    with open_capture(str(LAB / f"{name}.pcap")) as capture:
        frames = list(capture)
    assert of_rule(examine(pcap_file(frames, "pcap-ns")), "CAP06") == []
    segments = [decode(frame.link_type, frame.data, frame.original_length) for frame in frames]
    lost = 0
    for index, one in enumerate(segments):
        if isinstance(one, Segment) and one.payload_length and _goes_on(one, segments[index + 1 :]):
            lost += 1
            assert of_rule(examine(pcap_file(frames[:index] + frames[index + 1 :], "pcap-ns")), "CAP06"), index
    assert lost


def _goes_on(one: Segment, after: Sequence[object]) -> bool:
    """Whether its sender uses higher numbers later."""
    return any(
        isinstance(other, Segment)
        and (other.src, other.src_port) == (one.src, one.src_port)
        and 0 < (other.seq - one.seq) % 2**32 < 2**31
        and not other.tcp_flags & RST
        for other in after
    )


def test_vlans_one_after_the_other_are_not_at_once(examine: Examine) -> None:
    one = "flow {0} isn {1} 5000\n{2} > S 0:0(0) vlan {3}\n+.02 < S. 0:0(0) ack 1 vlan {3}"
    assert of_rule(examine(one.format("a", 1, 0, 10) + "\n" + one.format("b", 9, 30, 20)), "CAP09") == []
    assert of_rule(examine(one.format("a", 1, 0, 10) + "\n" + one.format("b", 9, 0.01, 10)), "CAP09") == []


def test_clocks() -> None:
    shifted = section() + interface(tsresol=6) + interface(tsresol=0x8A) + interface(tsoffset=3600) + interface()
    _, capture = read(shifted)
    assert capture.clocks == [("10^-6", 0), ("2^-10", 0), ("10^-6", 3600 * 10**9)]
