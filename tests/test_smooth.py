"""What is said of smooth connections without their rows is what the rows say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapcheck.gather import DIAGNOSES  # all functions of BY_ROWS
from pcapcheck.judge import judge
from pcapcheck.openings import Openings
from pcapcheck.select import select
from pcapcheck.stretch import summarise
from pcapcheck.testing import parse_exchange
from pcapcheck.traffic import BY_ROWS, Traffic, all_by_rows
from tests.test_every_value import exchanges
from tests.test_patterns import CAPTURES, ORDINARY, changed_openings, reused_openings, troubled_openings
from tests.traffic import Captured, captures

OPENED: Final = """
    +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
    +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK,TS val 900 ecr 100,nop,wscale 7>
    +0   > .  1:1(0) ack 1 win 502 <nop,nop,TS val 120 ecr 900>
"""
ASKED: Final = "+0   > P. 1:101(100) ack 1 win 502 <nop,nop,TS val 120 ecr 900>"
ANSWERED: Final = "+.02 < P. 1:201(200) ack 101 win 509 <nop,nop,TS val 920 ecr 120>"
CLOSED: Final = """
    +0   > F. 101:101(0) ack 201 win 502 <nop,nop,TS val 140 ecr 920>
    +.02 < F. 201:201(0) ack 102 win 509 <nop,nop,TS val 940 ecr 140>
    +0   > .  102:102(0) ack 202 win 502 <nop,nop,TS val 160 ecr 940>
"""
WITHOUT_DATA: Final = """
    +.1  < F. 1:1(0) ack 1 win 509 <nop,nop,TS val 1000 ecr 120>
    +0   > F. 1:1(0) ack 2 win 502 <nop,nop,TS val 220 ecr 1000>
    +.02 < .  2:2(0) ack 2 win 509 <nop,nop,TS val 1020 ecr 220>
"""
USUAL: Final = "\n".join([OPENED, ASKED, ANSWERED, CLOSED])
BARE: Final = """
    +0   > S  0:0(0) win 64240 <mss 1460>
    +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
    +0   > .  1:1(0) ack 1 win 64240
    +0   > P. 1:101(100) ack 1 win 64240
    +.02 < P. 1:201(200) ack 101 win 64240
"""


def differences(traffic: Traffic) -> list[Any]:
    """Functions that give otherwise of all handshakes than of each by its rows."""
    found: list[Any] = []
    for name, columns in all_by_rows(traffic):
        given = BY_ROWS[name].function(traffic)
        by_its_rows = given if isinstance(given, tuple) else (given,)
        for mine, theirs in zip(columns, by_its_rows, strict=True):
            if mine.dtype != theirs.dtype or (mine != theirs).any():
                found.append((name, mine.tolist(), theirs.tolist()))
    return found


def smooth_of(traffic: Traffic) -> list[int]:
    assert traffic.smooth is not None
    return traffic.smooth.at.tolist()


def judged(exchange: str) -> Traffic:
    return judge(select(parse_exchange(exchange).segments()), 0, 10**12)


@pytest.mark.parametrize("exchange", [USUAL, BARE, OPENED + ASKED + "\n" + ANSWERED, OPENED + WITHOUT_DATA])
def test_usual_connections_are_smooth(exchange: str) -> None:
    traffic = judged(exchange)
    assert smooth_of(traffic) == [0]
    assert differences(traffic) == []


@pytest.mark.parametrize(
    ("usual", "other"),
    [
        ("> S  0:0(0)", "> SEW 0:0(0)"),
        ("val 100 ecr 0", "val 100 ecr 5"),
        ("ecr 100", "ecr 99"),
        ("mss 1460,sackOK,TS val 900", "mss 150,sackOK,TS val 900"),
        ("wscale 7>\n    +.02", "wscale 15>\n    +.02"),
        ("TS val 900 ecr 100,", ""),
        ("1:1(0) ack 1 win 502 <nop,nop,TS val 120 ecr 900>", "1:1(0) ack 1 win 502"),
        ("1:1(0) ack 1 win 502", "1:1(0) ack 1 win 2"),
        (ASKED, ASKED + "\n" + ASKED.replace("+0  ", "+1  ")),
        (ASKED, ASKED.replace("1:101(100)", "2:101(99)")),
        (ASKED, ASKED.replace("120 ecr", "90 ecr")),
        (ASKED, ASKED.replace("<nop,nop,TS val 120 ecr 900>", "")),
        (ASKED, ASKED + " ttl 7"),
        (ASKED, ASKED.replace("P.", "PU.")),
        (ANSWERED, ANSWERED.replace("ack 101", "ack 103")),
        (ANSWERED, ANSWERED.replace("win 509", "win 1")),
        ("+.02 < F.", "+.02 < R."),
        ("< F. 201:201(0) ack 102", "< F. 201:201(0) ack 101"),
        ("> .  102:102(0) ack 202", "> .  102:102(0) ack 201"),
        (CLOSED, CLOSED.splitlines()[1]),
    ],
)
def test_whatever_is_out_of_the_ordinary_is_not_smooth(usual: str, other: str) -> None:
    assert usual in USUAL
    traffic = judged(USUAL.replace(usual, other))
    assert smooth_of(traffic) == []


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_capture(path: Path) -> None:
    summary = summarise(str(path))
    assert differences(judge(summary.openings, 0, summary.facts.end_time)) == []


def test_most_of_a_clean_capture_is_smooth() -> None:
    (path,) = (path for path in CAPTURES if path.stem == "clean_many_interleaved")
    summary = summarise(str(path))
    assert len(smooth_of(judge(summary.openings, 0, summary.facts.end_time))) > 150


def test_every_exchange() -> None:
    assert DIAGNOSES
    found = {}
    smooth = 0
    for name, text in exchanges():
        traffic = judge(select(parse_exchange(text).segments()), 0, 10**12)
        smooth += len(smooth_of(traffic))
        if wrong := differences(traffic):
            found[name] = wrong
    assert found == {}
    assert smooth > 0


@given(captures(), st.integers(-1, 10**10))
def test_any_traffic(captured: Captured, end_time: int) -> None:
    assert differences(judge(select(captured), 0, end_time)) == []


@pytest.mark.parametrize("openings", [changed_openings, troubled_openings, reused_openings])
@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_changed_flows(openings: Any, seed: int) -> None:
    assert differences(judge(openings(seed), 0, 10**12)) == []


def test_some_of_what_is_changed_is_smooth() -> None:
    assert len(smooth_of(judge(ORDINARY, 0, 10**12))) > 20
    assert isinstance(ORDINARY, Openings)
    assert np.diff(smooth_of(judge(changed_openings(1), 0, 10**12))).min() > 0
