"""The causes of an exchange or a capture, as plain values."""

from __future__ import annotations

from typing import NamedTuple

from pcapcheck.diagnoses import DIAGNOSES, Causes, diagnose
from pcapcheck.judge import judge
from pcapcheck.select import select
from pcapcheck.stretch import CaptureFacts, summarise
from pcapcheck.testing import parse_exchange
from pcapcheck.traffic import Traffic


class Found(NamedTuple):
    """One cause of one handshake."""

    handshake: int
    id: str
    certainty: str
    evidence: tuple[int, ...]
    detail: str


def of_exchange(text: str) -> list[Found]:
    """Every cause of every handshake; the capture ends with the exchange's last frame."""
    exchange = parse_exchange(text)
    end = max((frame.time_ns for frame in exchange.frames()), default=0)
    traffic = judge(select(exchange.segments()), 0, end)
    return _found(traffic, CaptureFacts("exchange.pcap", end_time=end))


def of_capture(path: object) -> list[Found]:
    """Every cause of every handshake of a capture file."""
    summary = summarise(str(path))
    return _found(judge(summary.openings, 0, summary.facts.end_time), summary.facts)


def certainties(text: str, id: str) -> list[str]:
    """How certain one diagnosis is of each handshake of which it says something."""
    return [found.certainty for found in of_exchange(text) if found.id == id]


def flows(template: str, count: int, *, apart: float = 10.0) -> str:
    """The same conversation from ``count`` ports, one after the other; ``{start}`` is when each begins."""
    return "\n".join(
        f"flow number{number}\nclient 192.0.2.1:{40000 + number}\n{template.replace('{start}', str(number * apart))}"
        for number in range(count)
    )


def _found(traffic: Traffic, facts: CaptureFacts) -> list[Found]:
    causes: Causes = diagnose(traffic, facts, DIAGNOSES.values())
    return [
        Found(number, cause.diagnosis.id, cause.certainty, cause.evidence, cause.detail)
        for number in range(len(traffic.handshakes))
        for cause in causes.of(number)
    ]
