"""Lone SYNs of floods are counted where nobody asks for each, and all that is said is what it is with each kept."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapcheck import gather, lone_syns
from pcapcheck.diagnoses.syn_floods import FLOOD, spans
from pcapcheck.judge import judge
from pcapcheck.lone_syns import LoneSyns, thinned
from pcapcheck.report.report import Report
from pcapcheck.report.text import write_text
from pcapcheck.rules import RULES
from pcapcheck.rules.among import lone_syn
from pcapcheck.run import check
from pcapcheck.stretch import summarise
from pcapcheck.tables import OUTCOMES
from pcapcheck.testing import parse_exchange

SAMPLES: Final = Path(__file__).parent.parent / "sample_captures"
LAB: Final = Path(__file__).parent / "lab"


def flood(size: int, *, port: int = 80, start: float = 0, gap: float = 0.01, options: str = "<mss 1460>") -> str:
    """Lone SYNs to one socket, each from an address of its own."""
    return "\n".join(
        f"flow {port}-{number}\nclient 203.0.{number // 200}.{1 + number % 200}:{2000 + number % 1000}\n"
        f"server 198.51.100.2:{port}\n+{start + number * gap:.6f} > S 0:0(0) win 512 {options}"
        for number in range(size)
    )


HANDSHAKE: Final = """
    flow ordinary-{0}
    client 192.0.2.1:{1}
    server 198.51.100.2:{2}
    +{3}  > S  0:0(0) win 64240 <mss 1460>
    +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
    +0   > .  1:1(0) ack 1
"""
UNANSWERED: Final = """
    flow silent-{0}
    client 192.0.2.1:{1}
    server 198.51.100.2:{2}
    +{3} > S 0:0(0) win 64240 <mss 1460>
    +1   > S 0:0(0) win 64240 <mss 1460>
    +2   > S 0:0(0) win 64240 <mss 1460>
"""
HALF_OPEN: Final = """
    flow half-open-{0}
    client 192.0.3.{0}:{1}
    server 198.51.100.2:{2}
    +{3} > S  0:0(0) win 512
    +.02 < S. 0:0(0) ack 1 win 65160
"""
LATE: Final = "\nflow late\n+{} arp"


def said(report: Report, *, quiet: bool) -> str:
    out = io.StringIO()
    write_text(report, out, quiet=quiet)
    return out.getvalue()


def agree(path: Path, monkeypatch: pytest.MonkeyPatch, *, batch: int, many: int = 1) -> int:
    """Compare what is said with what is said when every handshake is kept; gives how many were counted."""
    counted = []
    floods = LoneSyns.floods

    def watched(self: LoneSyns) -> object:
        found = floods(self)
        counted.append(sum(one.syns for one in found.values()))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(gather, "BATCH", batch)
        patched.setattr(lone_syns, "MANY", many)
        patched.setattr(LoneSyns, "floods", watched)
        whole = check(path)
        for keep, quiet in (("totals", True), ("shown", False), ("findings", False)):
            fewer = check(path, keep=keep)
            assert said(fewer, quiet=quiet) == said(whole, quiet=quiet)
            assert fewer.totals.examples == whole.totals.examples
            assert fewer.totals.handshakes == whole.totals.handshakes == sum(one.size for one in fewer.judged)
            assert [one.flows for one in fewer.judged] == [one.flows for one in whole.judged]
            assert fewer.totals.softened == whole.totals.softened
            assert fewer.totals.undecidable == whole.totals.undecidable
    return max(counted, default=0)


def several(text: str, *given: tuple[int | float, ...]) -> str:
    return "".join(text.format(*numbers) for numbers in given)


CASES: Final = {
    "flood alone": (flood(200) + LATE.format(20), 192),
    # Without a repeat there is no time for one, unless no kernel sent it.
    "until the end": (flood(200), 0),
    "until the end, by hand": (flood(200, options=""), 192),
    "among others": (
        flood(200)
        + several(HANDSHAKE, *((number, 40000 + number, 80, number / 10) for number in range(20)))
        + UNANSWERED.format(1, 41000, 80, 0.5)
        + HALF_OPEN.format(1, 2000, 80, 0.3)
        + LATE.format(20),
        192,
    ),
    "half-open for the most": (
        flood(30)
        + several(HALF_OPEN, *((number, 2000, 80, number / 100) for number in range(1, 40)))
        + LATE.format(20),
        22,
    ),
    "two sockets": (flood(100) + "\n" + flood(90, port=443, start=3) + LATE.format(20), 174),
    "two floods of one socket": (
        flood(60) + "\n" + flood(60, start=60).replace("80-", "b-").replace("203.0.0", "203.0.7") + LATE.format(90),
        112,
    ),
    "too slow": (flood(200, gap=0.5) + LATE.format(20), 0),
    "too few": (flood(40) + LATE.format(20), 0),
    "a busy server": (
        flood(60)
        + several(HANDSHAKE, *((number, 40000 + number, 80, number / 200) for number in range(80)))
        + LATE.format(20),
        0,
    ),
    # What another flow of the same hosts makes one-sided is no part of a flood.
    "one direction": (
        flood(100)
        + """
        flow one-sided
        client 203.0.0.5:50000
        server 198.51.100.2:80
        +0   > S  0:0(0) win 64240
        +.05 > .  1:1(0) ack 1
        +.1  > P. 1:101(100) ack 1
        """
        + LATE.format(20),
        91,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_flood_reads_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, counted = CASES[name]
    path = tmp_path / "x.pcap"
    parse_exchange(text).write_pcap(path)
    for batch in (7, 50):
        assert agree(path, monkeypatch, batch=batch) == counted


def test_every_capture_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in sorted([*SAMPLES.glob("*.pcap*"), *LAB.glob("*.pcap*")]):
        agree(path, monkeypatch, batch=8)


def test_few_at_a_socket_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    parse_exchange(flood(200) + LATE.format(20)).write_pcap(path)
    assert agree(path, monkeypatch, batch=50, many=51) == 0


def test_what_is_asked_for_each_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pcap"
    parse_exchange(flood(200) + LATE.format(20)).write_pcap(path)
    monkeypatch.setattr(gather, "BATCH", 50)
    monkeypatch.setattr(lone_syns, "MANY", 1)
    report = check(path)
    assert len(report.traffics[0].handshakes) == 200
    assert [cause.diagnosis.slug for cause in report.causes_of(0, 150)] == ["syn-flood"]
    # Without the flood each is reported by itself.
    assert check(path, keep="shown", ignore=["D12"]).all_findings.counts["OC03", "warning"] == 200


TIMES: Final = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 60 * 10**9)), max_size=400)


@settings(max_examples=300)
@given(TIMES, st.integers(0, 40 * 10**9), st.integers(1, 150))
def test_thinned_times_have_the_same_spans(some: list[tuple[int, int]], start: int, more: int) -> None:
    """Also beside a burst of which most is left out."""
    pairs = some + [(0, start + number * 10**6) for number in range(more)] * 3
    socket, time = np.array(pairs, np.int64).T
    few = thinned(socket, time)
    for whole, part in zip(spans(socket, time, 2), spans(*few, 2), strict=True):
        assert whole.tolist() == part.tolist()
    assert len(few[0]) <= len(socket)


def test_many_times_become_few() -> None:
    socket, time = thinned(np.zeros(10**5, np.int64), np.arange(10**5) * 10**4)
    assert len(socket) == 2 * FLOOD
    assert (time[0], time[-1]) == (0, (10**5 - 1) * 10**4)


def test_no_error_can_be_in_a_lone_syn() -> None:
    """No rule of severity error looks at one, so that none is lost where they are only counted."""
    for path in sorted([*SAMPLES.glob("*.pcap*"), *LAB.glob("*.pcap*")]):
        summary = summarise(str(path))
        traffic = judge(summary.openings, 0, summary.facts.end_time)
        alone = lone_syn(traffic)
        outcomes = {OUTCOMES[code] for code in traffic.handshakes.outcome[alone].tolist()}
        assert outcomes <= {"unanswered", "pending", "one-sided"}
        for rule in RULES.values():
            if rule.severity == "error" and not rule.per_capture:
                assert rule.among is not None
                assert not (rule.among(traffic) & alone).any()
