"""What is judged in batches, with most rows on disk, comes out as what is judged at once."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck import gather
from pcapcheck.addresses import Addresses, union
from pcapcheck.diagnoses import DIAGNOSES
from pcapcheck.judge import judge
from pcapcheck.openings import Openings
from pcapcheck.report.output import writer
from pcapcheck.report.report import Report
from pcapcheck.rows import FIELDS
from pcapcheck.rules import RULES
from pcapcheck.rules.asking import ask
from pcapcheck.rules.checked import Checked
from pcapcheck.run import check
from pcapcheck.select import select
from pcapcheck.stretch import CaptureFacts, summarise
from pcapcheck.testing import parse_exchange
from pcapcheck.traffic import COLUMNS, Traffic
from tests.traffic import Captured, captures

TESTS: Final = Path(__file__).parent
CAPTURES: Final = sorted(
    path for path in [*TESTS.rglob("*.pcap*"), *(TESTS.parent / "sample_captures").glob("*.pcap*")] if path.is_file()
)


def answer_of(rule_id: str, traffic: Traffic, facts: CaptureFacts) -> dict[str, Any]:
    """Everything that a rule says of those that fail, and those of which it cannot tell."""
    one: Checked = ask(RULES[rule_id], traffic, facts)
    failed, answer = one.failed, one.answer
    texts = [answer.expected, answer.actual, answer.detail] if len(failed) else []
    return {
        "failed": one.handshakes(failed).tolist(),
        "undecided": one.undecided.tolist(),
        "frames": [column[failed].tolist() for column in answer.frames if len(failed)],
        "texts": [text if isinstance(text, str) else [str(text[at]) for at in failed.tolist()] for text in texts],
    }


def conclusion_of(diagnosis_id: str, traffic: Traffic, facts: CaptureFacts) -> dict[str, Any]:
    found = DIAGNOSES[diagnosis_id].conclude(traffic, facts)
    (at,) = found.certainty.nonzero()
    return {
        "handshakes": at.tolist(),
        "certainty": found.certainty[at].tolist(),
        "evidence": [column[at].tolist() for column in found.evidence],
        "detail": None if found.detail is None else [found.detail[one] for one in at.tolist()],
        "group": None if found.group is None else found.group.tolist(),
    }


def differences(openings: Openings, facts: CaptureFacts, batch: int) -> list[str]:
    """What differs between the traffic of batches and that of all flows at once."""
    one, other = judge(openings, 0, facts.end_time), gather.traffic_of(openings, 0, facts.end_time, batch)
    handshakes = one.handshakes, other.handshakes
    numbered = [name for name in COLUMNS if name not in ("history_code", "flow")]
    found = [name for name in numbered if not np.array_equal(*(getattr(part, name) for part in handshakes))]
    found += [name for name in ("hosts", "history") if len({tuple(getattr(part, name)) for part in handshakes}) > 1]
    whole = other.only(np.ones(len(other.handshakes), bool))
    found += [
        name for name in ("handshake", "event", "from_client") if (getattr(one, name) != getattr(whole, name)).any()
    ]
    fields = [name for name in FIELDS if name != "flow"]
    found += [name for name in fields if (one.rows[name] != whole.rows[name]).any()]
    found += [name for name in RULES if answer_of(name, one, facts) != answer_of(name, other, facts)]
    return found + [name for name in DIAGNOSES if conclusion_of(name, one, facts) != conclusion_of(name, other, facts)]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_capture(path: Path) -> None:
    summary = summarise(str(path))
    for batch in (1, 5):
        assert differences(summary.openings, summary.facts, batch) == []


@pytest.mark.parametrize("id", DIAGNOSES)
def test_what_a_diagnosis_finds(id: str, tmp_path: Path) -> None:
    """Beside another flow, so that there is more than one batch."""
    path = tmp_path / "found.pcap"
    parse_exchange(f"{DIAGNOSES[id].fires}\nflow other\nclient 203.0.113.77:4711\n+0 > S 0:0(0)").write_pcap(path)
    summary = summarise(str(path))
    assert differences(summary.openings, summary.facts, 1) == []


@given(captures(), st.integers(1, 4))
def test_any_traffic(captured: Captured, batch: int) -> None:
    end = max((time for _, time, _ in captured), default=0)
    assert differences(select(captured), CaptureFacts("", first_time=0, end_time=end), batch) == []


def test_what_another_flow_says_of_a_silent_one(tmp_path: Path) -> None:
    """Of the first flow one direction was captured, so that the silence of the second proves nothing."""
    text = """
        flow one-sided
        client 192.0.2.1:40000
        server 198.51.100.2:80
        +0   > S  0:0(0) win 64240
        +.05 > .  1:1(0) ack 1
        +.1  > P. 1:101(100) ack 1
        flow silent
        client 192.0.2.1:40001
        server 198.51.100.2:81
        +1   > S  0:0(0) win 64240
        +30  arp
    """
    parse_exchange(text).write_pcap(tmp_path / "x.pcap")
    summary = summarise(str(tmp_path / "x.pcap"))
    traffic = gather.traffic_of(summary.openings, 0, summary.facts.end_time, 1)
    assert traffic.handshakes.is_outcome("one-sided").all()
    assert differences(summary.openings, summary.facts, 1) == []


def text_of(report: Report) -> str:
    out = io.StringIO()
    for name in ("jsonl", "text", "markdown"):
        writer(name)(report, out)
    return out.getvalue()


def test_a_report_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    path = TESTS / "lab/clean_many_interleaved.pcap"
    at_once = text_of(check(path))
    monkeypatch.setattr(gather, "BATCH", 10)
    assert text_of(check(path)) == at_once


def test_rows_go_to_disk() -> None:
    summary = summarise(str(TESTS / "lab/clean_many_interleaved.pcap"))
    traffic = gather.traffic_of(summary.openings, 0, summary.facts.end_time, 10)
    assert len(traffic.rows) == 0


def test_rows_stay_in_memory_where_there_is_no_room_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any, **named: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    summary = summarise(str(TESTS / "lab/clean_many_interleaved.pcap"))
    assert differences(summary.openings, summary.facts, 10) == []


@given(st.lists(st.lists(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16))))
def test_addresses_of_several_captures(parts: list[list[bytes]]) -> None:
    each = [Addresses.of(part) for part in parts]
    every = union(each)
    assert list(every) == sorted({one for part in parts for one in part}, key=lambda one: (len(one), one))
    for own in each:
        assert [every[at] for at in own.places(every).tolist()] == list(own) == [own[at] for at in range(len(own))]
