"""What a rule leaves out unseen (``among``) neither fails nor is undecidable when it is looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcapcheck.judge import judge
from pcapcheck.rules import RULES
from pcapcheck.rules.asking import ask
from pcapcheck.rules.catalogue import Rule
from pcapcheck.rules.checked import Checked
from pcapcheck.stretch import CaptureFacts, summarise
from pcapcheck.testing import parse_exchange
from pcapcheck.traffic import Traffic
from tests.rules.test_examples import DAMAGE
from tests.test_every_value import exchanges

LAB = Path(__file__).parent.parent / "lab"
SAMPLES = Path(__file__).parent.parent.parent / "sample_captures"

Judged = list[tuple[str, Traffic, CaptureFacts]]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Every exchange of the tests and every capture, judged."""
    made = tmp_path_factory.mktemp("among")
    paths = [*LAB.glob("*.pcap*"), *SAMPLES.glob("*.pcap*")]
    for number, (name, text) in enumerate(exchanges()):
        path = made / f"{number} {name.replace('/', ' ')}.pcap"
        path.write_bytes(DAMAGE.get(name, bytes)(parse_exchange(text).pcap(nanoseconds=True)))
        paths.append(path)
    summaries = [(path.name, summarise(str(path))) for path in sorted(paths)]
    return [
        (name, judge(summary.openings, 0, summary.facts.end_time), summary.facts)
        for name, summary in summaries
        if not summary.facts.error
    ]


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.among], ids=lambda rule: rule.id)
def test_left_out_are_neither_findings_nor_undecidable(rule: Rule, judged: Judged) -> None:
    assert rule.among is not None
    missed = []
    left_out = 0
    for name, traffic, capture in judged:
        if not len(traffic.handshakes):
            continue
        whole = Checked(rule, 0, rule.check(traffic, capture))
        among = rule.among(traffic)
        left_out += int((~among).sum())
        if not among[np.append(whole.failed, whole.undecided)].all():
            missed.append(name)
    assert missed == []
    assert left_out > 0


def test_handshakes_taken_alone_are_judged_alike(judged: Judged) -> None:
    """A part of the traffic gives the findings of the whole, with the same frames and numbers."""
    ((traffic, capture),) = ((traffic, capture) for name, traffic, capture in judged if name == "handshakes.pcap")
    differing = []
    for rule in RULES.values():
        if rule.per_capture:
            continue
        whole = Checked(rule, 0, rule.check(traffic, capture))
        asked = ask(rule, traffic, capture)
        frames = [column[whole.failed].tolist() for column in whole.answer.frames]
        if asked.handshakes(asked.failed).tolist() != whole.failed.tolist() or (
            len(whole.failed) and [column[asked.failed].tolist() for column in asked.answer.frames] != frames
        ):
            differing.append(rule.id)
    assert differing == []


def test_take() -> None:
    """Rows follow their handshakes."""
    summary = summarise(str(SAMPLES / "handshakes.pcap"))
    traffic = judge(summary.openings, 0, summary.facts.end_time)
    at = np.array([2, 5, 11])
    part = traffic.take(at)
    assert part.handshakes.start_time.tolist() == traffic.handshakes.start_time[at].tolist()
    assert part.handshakes.history == [traffic.handshakes.history[index] for index in at]
    for place, index in enumerate(at.tolist()):
        mine, whole = part.handshake == place, traffic.handshake == index
        assert part.rows.take(mine).octets() == traffic.rows.take(whole).octets()
        assert part.event[mine].tolist() == traffic.event[whole].tolist()
        assert part.from_client[mine].tolist() == traffic.from_client[whole].tolist()
