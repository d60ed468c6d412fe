"""Handshakes as rows of plain Python values, alike for all text formats: exact integers, None where there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.diagnoses import Cause
from pcapcheck.judge import Handshakes
from pcapcheck.report.community_id import community_id
from pcapcheck.report.identify import address_text, frame_bounds, wireshark_filter
from pcapcheck.report.report import Report
from pcapcheck.rules import Finding
from pcapcheck.tables import ABSENT, CAUSE, CERTAINTIES, HANDSHAKES, Column

# Handshakes turned into Python values at a time.
_BATCH = 4096

_BOOLEANS: Final = {ABSENT: None, 0: False, 1: True}


def _plain_name(name: str, column: Column) -> str:
    """Times lose their type outside pandas, so the name says the unit."""
    return f"{name}_ns" if column.dtype.startswith(("datetime", "timedelta")) else name


NAMES: Final = tuple(_plain_name(name, column) for name, column in HANDSHAKES.items())


def handshake_rows(report: Report) -> Iterator[tuple[Any, ...]]:
    """The values of every handshake in the order of NAMES; ``findings`` is a list of Finding."""
    findings = _FindingsByHandshake(report.all_findings)
    before = 0
    for capture, (facts, traffic) in enumerate(zip(report.capture_facts, report.traffics, strict=True)):
        handshakes = traffic.handshakes
        bounds = frame_bounds(handshakes)
        for start in range(0, len(handshakes), _BATCH):
            stop = min(start + _BATCH, len(handshakes))
            special = _not_integers(handshakes, bounds, slice(start, stop))
            special["handshake_id"] = list(range(before + start + 1, before + stop + 1))
            special["capture"] = [facts.path] * (stop - start)
            special["findings"] = findings.take(capture, start, stop)
            cause, certainty = report.all_causes[capture].first
            special["cause"] = [CAUSE[number] for number in cause[start:stop].tolist()]
            special["certainty"] = [CERTAINTIES[number] for number in certainty[start:stop].tolist()]
            yield from zip(
                *(
                    special[name] if name in special else _values(handshakes, name, column, slice(start, stop))
                    for name, column in HANDSHAKES.items()
                ),
                strict=True,
            )
        before += len(handshakes)


def _values(handshakes: Handshakes, name: str, column: Column, part: slice) -> list[Any]:
    numbers = getattr(handshakes, name)[part].tolist()
    if column.categories:
        return [column.categories[number] for number in numbers]
    if column.dtype == "boolean":
        return [_BOOLEANS[number] for number in numbers]
    absent = NO_TIME if name == "start_time" else ABSENT
    return [None if number == absent else number for number in numbers]


def _not_integers(handshakes: Handshakes, bounds: tuple[list[int], list[int]], part: slice) -> dict[str, Sequence[Any]]:
    clients, servers = handshakes.client_address[part], handshakes.server_address[part]
    flows = list(
        zip(clients, handshakes.client_port[part].tolist(), servers, handshakes.server_port[part].tolist(), strict=True)
    )
    return {
        "client_ip": [address_text(address) for address in clients],
        "server_ip": [address_text(address) for address in servers],
        "history": handshakes.history[part],
        "community_id": [community_id(*flow) for flow in flows],
        "wireshark_filter": [
            wireshark_filter(*flow, first, last)
            for flow, first, last in zip(flows, bounds[0][part], bounds[1][part], strict=True)
        ],
    }


def cause_lists(report: Report) -> Iterator[list[Cause]]:
    """The causes of every handshake, in the same order."""
    for causes in report.all_causes:
        for index, cause in enumerate(causes.first[0].tolist()):
            yield list(causes.of(index)) if cause else []


class _FindingsByHandshake:
    """Deals out findings, which come in order of capture and handshake. Those about a capture are left out."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._rest = (finding for finding in findings if finding.handshake != ABSENT)
        self._next = next(self._rest, None)

    def take(self, capture: int, start: int, stop: int) -> list[list[Finding]]:
        """The findings of each handshake from ``start`` to before ``stop``."""
        taken: list[list[Finding]] = [[] for _ in range(start, stop)]
        while self._next is not None and self._next.capture == capture and self._next.handshake < stop:
            taken[self._next.handshake - start].append(self._next)
            self._next = next(self._rest, None)
        return taken
