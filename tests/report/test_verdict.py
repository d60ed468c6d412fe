"""The verdict in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

import pcapcheck
from pcapcheck.report.verdict import MEANINGS, verdict
from pcapcheck.stretch import Window
from pcapcheck.tables import OUTCOMES
from pcapcheck.testing import parse_exchange

OPENED: Final = """
flow a{n}
client 192.0.2.1:{n}
+0   > S  0:0(0) win 64240
+.02 < S. 0:0(0) ack 1 win 65160
+0   > .  1:1(0) ack 1
"""
REFUSED: Final = """
flow r{n}
client 192.0.2.1:{n}
+0   > S  0:0(0) win 64240
+.02 < R. 0:0(0) ack 1 win 0
"""
MIDSTREAM: Final = """
flow m{n}
client 192.0.2.1:{n}
+0   > .  100:200(100) ack 1
+.02 < .  1:1(0) ack 200
"""
WRONG_ANSWER: Final = """
flow w{n}
client 192.0.2.1:{n}
+0   > S  0:0(0) win 64240
+.02 < S. 0:0(0) ack 7 win 65160
"""
OTHER_END: Final = "flow z\nclient 192.0.2.9:9\n+30 arp\n"


def sentence(tmp_path: Path, *flows: str, select: tuple[str, ...] = ("HS", "OC")) -> tuple[str, str]:
    text = "\n".join(flow.format(n=1024 + number) for number, flow in enumerate(flows))
    parse_exchange(text).write_pcap(tmp_path / "x.pcap")
    found = verdict(pcapcheck.check(str(tmp_path / "x.pcap"), select=select))
    return found.mood, found.sentence


@pytest.mark.parametrize(
    ("flows", "mood", "says"),
    [
        ([OPENED], "good", "The only handshake was established, with no error and no warning."),
        ([OPENED] * 2, "good", "Both handshakes were established, with no error and no warning."),
        ([OPENED] * 3, "good", "All 3 handshakes were established, with no error and no warning."),
        ([REFUSED], "bad", "The only handshake failed: refused."),
        ([REFUSED] * 3, "bad", "All 3 handshakes failed: refused."),
        ([REFUSED, WRONG_ANSWER], "bad", "Both handshakes failed: 1 refused, 1 invalid."),
        ([OPENED, REFUSED], "bad", "1 of 2 handshakes failed: 1 refused."),
        (
            [OPENED, REFUSED, MIDSTREAM],
            "bad",
            "1 of 3 handshakes failed: 1 refused; 1 cannot be decided from this capture.",
        ),
        ([OPENED, MIDSTREAM], "unsure", "1 of 2 handshakes were established; 1 cannot be decided from this capture."),
        ([MIDSTREAM], "unsure", "The only handshake cannot be decided from this capture."),
        ([MIDSTREAM] * 2, "unsure", "None of the 2 handshakes can be decided from this capture."),
    ],
)  # fmt: skip
def test_sentences(tmp_path: Path, flows: list[str], mood: str, says: str) -> None:
    assert sentence(tmp_path, *flows) == (mood, says)


def test_established_with_a_warning_is_not_simply_good(tmp_path: Path) -> None:
    late = WRONG_ANSWER + "+.02 < S. 0:0(0) ack 1 win 65160\n+0   > .  1:1(0) ack 1\n"
    assert sentence(tmp_path, OPENED, late) == ("bad", "Both handshakes were established, but 1 error was found.")


def test_nothing_to_judge(tmp_path: Path) -> None:
    parse_exchange(OPENED.format(n=1024)).write_pcap(tmp_path / "x.pcap")
    report = pcapcheck.check(str(tmp_path / "x.pcap"), window=Window(ports=(9,)))
    assert verdict(report).sentence == "No handshakes: nothing passes the filter, which left out 3 segments."
    (tmp_path / "empty.pcap").write_bytes((tmp_path / "x.pcap").read_bytes()[:24])
    assert verdict(pcapcheck.check(str(tmp_path / "empty.pcap"))).sentence == "There is no TCP in this capture."
    report = pcapcheck.check(str(tmp_path / "none.pcap"))
    assert verdict(report) == ("unsure", "No capture could be read.", "", "0 captures, 0 frames, 0 TCP segments")


def test_the_cause_of_most_failures_is_named(tmp_path: Path) -> None:
    text = "\n".join(flow.format(n=1024 + number) for number, flow in enumerate([OPENED, *[REFUSED] * 5]))
    parse_exchange(text).write_pcap(tmp_path / "x.pcap")
    found = verdict(pcapcheck.check(str(tmp_path / "x.pcap")))
    assert found.reason.startswith("Most frequent cause: port-closed, of 5 of the 5 failed (")


def test_every_outcome_has_a_meaning() -> None:
    assert tuple(MEANINGS) == OUTCOMES
