"""The ladder: golden files for what it looks like, and its promises one by one.

After a change that is meant to alter it: ``python -m pytest --update-golden``, then read the difference.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pcapcheck
from pcapcheck.errors import UsageError
from pcapcheck.report.ladder import ladder
from pcapcheck.report.report import Report
from pcapcheck.testing import parse_exchange

ROOT: Final = Path(__file__).parents[1]
GOLDEN: Final = Path(__file__).parent / "golden"

# Name of the golden file: capture, handshake_id.
SHOWN: Final = {
    "established": ("sample_captures/handshakes.pcap", 1),
    "wrong_synack": ("sample_captures/handshakes.pcap", 8),
    "wrong_ack": ("tests/lab/ack3_wrong_ack.pcap", 1),
    "wrong_synack_then_right": ("tests/lab/synack_wrong_ack.pcap", 1),
    "unreachable": ("sample_captures/handshakes.pcap", 12),
    "half_open": ("sample_captures/handshakes.pcap", 16),
    "simultaneous_open": ("sample_captures/simultaneous_open.pcap", 1),
    "old_duplicate": ("sample_captures/old_duplicate_syn.pcap", 1),
    "half_open_discovery": ("sample_captures/real_halfopen_client_restart.pcap", 2),
    "client_only": ("sample_captures/client_only.pcap", 1),
    "one_sided": ("sample_captures/one_sided.pcap", 1),
    "mirror_duplicates": ("sample_captures/mirror_duplicates.pcap", 1),
    "snaplen_48": ("sample_captures/snaplen_48.pcap", 2),
    "ipv6_unreachable": ("sample_captures/ipv6.pcap", 3),
    "wrapped_isn": ("sample_captures/wrapped_isn.pcap", 1),
}


@pytest.mark.parametrize("name", SHOWN)
def test_golden(name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    path, handshake_id = SHOWN[name]
    # One rule, so that these files change with the ladder and not with every new rule.
    drawn = ladder(pcapcheck.check(path, select=["HS02"]), handshake_id - 1)
    golden = GOLDEN / f"ladder_{name}.txt"
    if request.config.getoption("--update-golden", default=False):
        golden.write_text(drawn, encoding="utf-8")
    assert drawn == golden.read_text(encoding="utf-8")
    assert max(map(len, drawn.splitlines())) <= 80


def judged(text: str, path: Path) -> Report:
    parse_exchange(text).write_pcap(path / "x.pcap", nanoseconds=True)
    return pcapcheck.check(str(path / "x.pcap"), select=["HS02"])


def drawn(text: str, path: Path, width: int = 80) -> str:
    return ladder(judged(text, path), 0, width)


def below(text: str, frame: int) -> str:
    """What stands between the arrow of one frame and the next, on one line."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if re.match(rf" *{frame} ", line))
    cells = []
    for line in lines[start + 1 :]:
        if re.match(r" *\d+ ", line) or "|" not in line:
            break
        cells.append(line.split("|")[1].strip())
    return " / ".join(cells)


OPEN: Final = """
+0   > S  0:0(0) win 64240
+.02 < S. 0:0(0) ack 1 win 65160
"""


def test_times_are_exact_to_the_nanosecond(tmp_path: Path) -> None:
    text = drawn("+0 > S 0:0(0)\n+.000000001 < S. 0:0(0) ack 1\n+3600 > . 1 ack 1\n", tmp_path)
    assert re.search(r"^ *2 +0\.000001  \|", text, re.MULTILINE)
    assert re.search(r"^ *3 +3600000\.000001  \|", text, re.MULTILINE)
    assert "+3600000.000000" in text
    assert "server     0.000001 ms, exact" in text


def test_a_capture_may_step_back(tmp_path: Path) -> None:
    text = drawn("1.5 > S 0:0(0)\n+.1 < S. 0:0(0) ack 1\n-.3 > . 1 ack 1\n", tmp_path)
    assert re.search(r"^ *3 +-200\.000000  \|", text, re.MULTILINE)
    assert " -300.000000  |" in text


def test_arrows_point_from_the_sender(tmp_path: Path) -> None:
    arrows = [line.split("|")[1] for line in drawn(OPEN, tmp_path).splitlines() if "--" in line]
    assert [(arrow[0], arrow[-1]) for arrow in arrows] == [("-", ">"), ("<", "-")]
    assert [arrow.strip("<->") for arrow in arrows] == [" SYN ", " SYN, ACK "]


def test_numbers_raw_and_relative_through_the_wrap(tmp_path: Path) -> None:
    text = drawn("isn 4294967295 4294967290\n" + OPEN + "+0 > P. 1:11(10) ack 1\n", tmp_path)
    assert "seq 4294967295 (0)" in below(text, 1)
    assert "seq 4294967290 (0)  ack 0 (1)" in below(text, 2)
    assert "seq 0 (1)  ack 4294967291 (1)" in below(text, 3)
    assert "len 10" in below(text, 3)


@pytest.mark.parametrize(
    ("line", "marked", "complaint"),
    [
        ("+0 > . 1:1(0) ack 9", "ack 5009 (9) !!", "!! wrong ACK: expected ack 5001 (1)"),
        ("+0 > . 90001:90001(0) ack 1", "seq 91001 (90001) !!", "!! wrong ACK: expected seq 1001 (1)"),
        ("+0 > . 90001:90001(0) ack 9", "ack 5009 (9) !!", "expected seq 1001 (1) and ack 5001 (1)"),
        ("+0 > R 7:7(0) win 0", "seq 1007 (7) !!", "!! RST to be ignored: expected seq 1001 (1)"),
        ("+0 < R 7:7(0) win 0", "seq 5007 (7) !!", "!! RST to be ignored: expected seq 5001 (1)"),
    ],
)
def test_wrong_numbers_are_marked_with_the_expected_ones(
    line: str, marked: str, complaint: str, tmp_path: Path
) -> None:
    cell = below(drawn(OPEN + line, tmp_path), 3)
    assert marked in cell
    assert complaint in re.sub(r" / +", " ", cell)


@pytest.mark.parametrize(
    ("line", "marked", "complaint"),
    [
        ("+0 < S. 0:0(0) ack 7", "ack 1007 (7) !!", "!! wrong SYN-ACK: expected ack 1001 (1)"),
        ("+0 < R. 0:0(0) ack 7", "ack 1007 (7) !!", "!! RST to be ignored: expected ack 1001 (1)"),
        ("+0 < R 0:0(0)", "seq 5000 (0)", "!! RST to be ignored: it acknowledges nothing"),
    ],
)
def test_wrong_answers_to_the_syn(line: str, marked: str, complaint: str, tmp_path: Path) -> None:
    cell = below(drawn("+0 > S 0:0(0)\n" + line, tmp_path), 2)
    assert marked in cell
    assert complaint in cell


def test_an_old_timestamp(tmp_path: Path) -> None:
    exchange = """
        +0   > S  0:0(0) <TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 <TS val 7 ecr 100>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 50 ecr 7>
    """
    cell = below(drawn(exchange, tmp_path), 3)
    assert "!! wrong ACK: its timestamp is older than the SYN's" in cell
    assert "(1) !!" not in cell


def test_right_numbers_carry_no_mark(tmp_path: Path) -> None:
    assert "!!" not in drawn(OPEN + "+0 > . 1 ack 1\n+0 > P. 1:9(8) ack 1\n+.1 < R 1:1(0)\n", tmp_path)


@pytest.mark.parametrize(
    ("lines", "frame", "words"),
    [
        ("+1 > S 0:0(0)", 3, "repeat of frame 1"),
        ("+1 < S. 0:0(0) ack 1", 3, "repeat of frame 2"),
        ("+1 > . 1 ack 1", 3, "completes the handshake"),
        ("+1 > P. 1:9(8) ack 1\n+1 > P. 1:9(8) ack 1", 4, "repeat of frame 3"),
        ("+1 > . 1 ack 1\n+1 > F. 1 ack 1\n+1 > F. 1 ack 5", 5, "repeat of frame 4"),
        ("+1 > P. 1:9(8) ack 1\n+1 > FP. 1:9(8) ack 1", 4, "data and closes"),
        ("+1 > R 1 win 0", 3, "aborts the handshake"),
        ("+1 > . 1 ack 1\n+1 < R 1", 4, "resets the connection"),
        ("+0 copy", 3, "copy of frame 2 made by the capture"),
        ("+1 > . 1 ack 9\n+0 < R 9", 4, "answers frame 3"),
    ],
)
def test_what_a_segment_is(lines: str, frame: int, words: str, tmp_path: Path) -> None:
    assert below(drawn(OPEN + lines, tmp_path), frame).endswith(words)


def test_what_was_not_kept_is_counted(tmp_path: Path) -> None:
    lines = "".join(f"+.001 > P. {1 + 1000 * n}:{1001 + 1000 * n}(1000) ack 1\n" for n in range(40))
    text = drawn(OPEN + lines, tmp_path)
    assert "... 35 more segments, 35.0 kB, until 59.000000 ms" in text
    assert "(39001)" in text, "the last one is shown"


def test_an_icmp_error_has_a_rung_of_its_own(tmp_path: Path) -> None:
    text = drawn("+0 > S 0:0(0)\n+.01 < icmp 3/13 quotes 0 from 203.0.113.1\n", tmp_path)
    arrow = next(line for line in text.splitlines() if "ICMP ~" in line)
    assert arrow.split("|")[1][0] == "<"
    assert below(text, 2) == (
        "from 203.0.113.1 / administratively prohibited (type 3, code 13) / quotes the SYN, seq 1000 (0)"
    )


def test_findings_stand_below(tmp_path: Path) -> None:
    text = drawn("+0 > S 0:0(0)\n+.01 < S. 0:0(0) ack 7\n", tmp_path)
    assert "findings\n  error HS02 synack-acks-wrong-number, frames 2, 1\n    SYN-ACK acknowledges 1007" in text
    assert drawn(OPEN, tmp_path).endswith("\nno findings\n")


def test_an_interval_is_called_one(tmp_path: Path) -> None:
    text = drawn("+0 > S 0:0(0)\n+1 > S 0:0(0)\n+.02 < S. 0:0(0) ack 1\n+.001 > . 1 ack 1\n", tmp_path)
    assert "server     20.000000 to 1020.000000 ms, an interval" in text
    assert "client     1.000000 ms, exact" in text


def test_colour_marks_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    report = judged("+0 > S 0:0(0)\n+.01 < S. 0:0(0) ack 7\n", tmp_path)
    painted = ladder(report, 0, colour=True)
    assert re.findall(r"\x1b\[31m(.*?)\x1b\[0m", painted) == [
        "ack 1007 (7) !!",
        "!! wrong SYN-ACK: expected ack 1001 (1)",
    ]
    assert re.sub(r"\x1b\[\d*m", "", painted) == ladder(report, 0)


def test_handshakes_count_over_all_captures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "sample_captures")
    report = pcapcheck.check(["snaplen_48.pcap", "ipv6.pcap"])
    assert "capture  snaplen_48.pcap" in ladder(report, 1)
    assert "handshake 3: established" in ladder(report, 2)
    assert "capture  ipv6.pcap" in ladder(report, 2)
    for index in (-1, 5):
        with pytest.raises(UsageError, match=f"no handshake {index + 1}: there are 1 to 5"):
            ladder(report, index)


def test_a_file_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J\n.pcap"
    parse_exchange(OPEN).write_pcap(path)
    text = ladder(pcapcheck.check(str(path)), 0)
    assert r"a\x1b[2J\n.pcap" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [20, 60, 80, 100, 200])
def test_no_width_cuts_a_number(width: int, tmp_path: Path) -> None:
    exchange = """
        client [2001:db8:1111:2222:3333:4444:5555:6666]:49152 server [2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535
        isn 4294967295 2147483640
        +0   > S  0:0(0) win 64240
        +9999.123456789 < S. 0:0(0) ack 2147480000 win 65535
        +.01 < icmp6 1/4 quotes 0 from 2001:db8:7777:8888:9999:aaaa:bbbb:cccc
    """
    text = drawn(exchange, tmp_path, width)
    for whole in (
        "[2001:db8:1111:2222:3333:4444:5555:6666]:49152", "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535",
        "9999123.456789", "ack 2147479999 (2147480000) !!", "2001:db8:7777:8888:9999:aaaa:bbbb:cccc", "ISN 4294967295",
    ):  # fmt: skip
        assert whole in text
    rungs = [line for line in text.splitlines() if line.count("|") == 2]
    assert len({line.rindex("|") for line in rungs if "2001:" not in line}) == 1
    assert width < 80 or max(map(len, rungs)) <= width


LINE: Final = st.builds(
    "+{0} {1} {2} {3}({4}) ack {5}".format,
    st.sampled_from(["0", ".0001", ".5", "2"]),
    st.sampled_from("<>"),
    st.sampled_from(["S", "S.", ".", "P.", "F.", "R", "R.", "SF", "-"]),
    st.integers(-2, 5),
    st.sampled_from([0, 0, 1, 3]),
    st.integers(-2, 5),
)


@given(st.lists(st.one_of(LINE, st.sampled_from(["+0 copy", "+.1 < icmp 3/3 quotes 0"])), max_size=12))
def test_any_traffic_can_be_drawn(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    text = "+0 > S 0:0(0)\n" + "\n".join(lines)
    report = judged(text, tmp_path_factory.getbasetemp())
    shown = []
    for index in range(sum(len(traffic.handshakes) for traffic in report.traffics)):
        drawn = ladder(report, index)
        assert max(len(line) for line in drawn.splitlines() if not line.startswith("  capture")) <= 80
        shown += [int(frame) for frame in re.findall(r"^ *(\d+) +[-\d.]+  \|", drawn, re.MULTILINE)]
        shown += [0] * sum(int(count) for count in re.findall(r"\.\.\. (\d+) more", drawn))
    assert len(shown) == len(lines) + 1, "every frame is shown, or counted"
