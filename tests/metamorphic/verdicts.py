"""What is said of a capture, in a form that can be compared after something that must not matter was changed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from pcapcheck import check
from pcapcheck.capture import open_capture
from pcapcheck.capture.frame import Frame
from pcapcheck.decode.segment import IcmpError, Segment
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.report.report import Report
from pcapcheck.select import select
from pcapcheck.stretch import CaptureFacts, Summary, summarise
from pcapcheck.tables import ABSENT
from tests.rows import rows


@cache
def frames_of(path: Path) -> tuple[Frame, ...]:
    with open_capture(str(path)) as capture:
        return tuple(capture)


TESTS: Final = Path(__file__).parents[1]
ALL: Final = sorted(
    path for folder in (TESTS / "lab", TESTS.parent / "sample_captures") for path in folder.glob("*.pcap")
)
CAPTURES: Final = [path for path in ALL if frames_of(path)]
Captured = list[tuple[int, int, Segment | IcmpError]]  # frame number, time, what was found


class Verdict(NamedTuple):
    """Of one capture: its handshakes, what was found, and why."""

    handshakes: list[dict[str, Any]]
    findings: list[tuple[Any, ...]]  # rule, severity, frames, handshake (-1: the capture)
    causes: list[list[tuple[str, str]]]  # of each handshake: slug, certainty

    def without(self, columns: Sequence[str] = (), rules: Sequence[str] = (), causes: Sequence[str] = ()) -> Verdict:
        """All but some columns, rules (by the beginning of their ids) and causes."""
        return Verdict(
            [{name: value for name, value in row.items() if name not in columns} for row in self.handshakes],
            [finding for finding in self.findings if not finding[0].startswith(tuple(rules) or ("-",))],
            [[cause for cause in of_one if cause[0] not in causes] for of_one in self.causes],
        )


def verdict_of(path: Path) -> Verdict:
    """What ``check`` says of a file."""
    return _verdict(check(path))


def verdict_of_segments(captured: Captured, facts: CaptureFacts) -> Verdict:
    """What ``check`` says of segments, as if they came from a capture of which these facts hold."""
    summary = Summary(facts, select(captured))
    return _verdict(check(facts.path, map=lambda summarise, inputs: [summary]))


@cache
def segments_of(path: Path) -> Captured:
    """The segments of a capture and the ICMP errors about them."""
    found = ((frame, decode(frame.link_type, frame.data, frame.original_length)) for frame in frames_of(path))
    return [(frame.number, frame.time_ns, one) for frame, one in found if isinstance(one, (Segment, IcmpError))]


@cache
def facts_of(path: Path) -> CaptureFacts:
    return summarise(str(path)).facts


def _verdict(report: Report) -> Verdict:
    (traffic,) = report.traffics
    handshakes = rows(traffic)
    findings = [
        (one.rule.id, one.severity, list(one.frames), -1 if one.handshake == ABSENT else one.handshake)
        for one in report.all_findings
    ]
    causes = [
        [(cause.diagnosis.slug, cause.certainty) for cause in report.causes_of(0, index)]
        for index in range(len(handshakes))
    ]
    return Verdict(handshakes, findings, causes)
