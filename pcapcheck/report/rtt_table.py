"""Round-trip times in text: quantiles of exact samples, in milliseconds (distribution.py says how exact they are)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from pcapcheck.distribution import Distributions, distributions, together
from pcapcheck.errors import UsageError
from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import address_text, endpoint
from pcapcheck.report.report import Report
from pcapcheck.report.table import table
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.totals import RTTS
from pcapcheck.traffic import Handshakes, Ints

ESTIMATORS: Final = {
    "server_rtt": "server (SYN to SYN-ACK)",
    "client_rtt": "client (SYN-ACK to ACK)",
    "handshake_rtt": "handshake (SYN to ACK)",
}
_QUANTILES: Final = (50, 95, 99)
Row = tuple[str, ...]
_HEADER: Final = ("n", "min", *(f"p{percent}" for percent in _QUANTILES), "max")


def quantile(ordered: Ints, percent: int) -> int:
    """The nearest-rank quantile of sorted numbers: one that was measured, never a mean of two."""
    return int(ordered[-(-percent * len(ordered) // 100) - 1])


def milliseconds(nanoseconds: int) -> str:
    """Milliseconds with three decimals, rounded half up."""
    micro = (nanoseconds + 500) // 1000
    return f"{micro // 1000}.{micro % 1000:03d}"


def rtt_lines(report: Report, width: int) -> list[str]:
    """One line an estimator, over all captures; none if nothing was measured."""
    rtts, intervals = report.totals.rtts, report.totals.intervals
    lines: list[str] = []
    if len(rtts.value):
        rows = [(ESTIMATORS[name], *_cells(rtts, group)) for group, name in enumerate(RTTS)]
        lines += table("Round-trip times, ms", _HEADER, rows, width)
    if intervals:
        indent = "  " if lines else ""
        lines.append(f"{indent}{intervals} more known only as an interval: a SYN or SYN-ACK was repeated")
    return lines


def rtt_table(report: Report, by: str | None, width: int) -> str:
    """The round-trip times by server, client or capture, the slowest first; over all without ``by``."""
    if by is None:
        return "\n".join(rtt_lines(report, width) or ["No round-trip time was measured."])
    if by not in _GROUPS:
        raise UsageError(f"RTTs are grouped by {', '.join(_GROUPS)}, not by {by!r}")
    sections = [
        "\n".join(table(f"{label}, ms", _HEADER, rows, width))
        for name, label in ESTIMATORS.items()
        if (rows := _grouped(report, name, _GROUPS[by]))
    ]
    return "\n\n".join(sections or ["No round-trip time was measured."])


def _grouped(report: Report, name: str, group: Callable[[CaptureFacts, Handshakes], Sequence[str]]) -> list[Row]:
    numbers: dict[str, int] = {}
    parts = []
    for facts, traffic in zip(report.capture_facts, report.traffics, strict=True):
        labels, codes = np.unique(np.array(group(facts, traffic.handshakes), dtype=np.str_), return_inverse=True)
        own = np.array([numbers.setdefault(label, len(numbers)) for label in labels.tolist()], np.int64)
        parts.append((own, distributions(codes, getattr(traffic.handshakes, name), len(own))))
    rtts = together([part for _, part in parts], [own for own, _ in parts], len(numbers))
    measured = [(label, number) for label, number in numbers.items() if rtts.most[number] != ABSENT]
    slowest = sorted(measured, key=lambda one: (-rtts.quantile(one[1], 50), one[0]))
    return [(label, *_cells(rtts, number)) for label, number in slowest]


def _by_server(facts: CaptureFacts, handshakes: Handshakes) -> list[str]:
    return [
        endpoint(address, port)
        for address, port in zip(handshakes.server_address, handshakes.server_port.tolist(), strict=True)
    ]


def _by_client(facts: CaptureFacts, handshakes: Handshakes) -> list[str]:
    return [address_text(address) for address in handshakes.client_address]


def _by_capture(facts: CaptureFacts, handshakes: Handshakes) -> list[str]:
    return [escaped(facts.path)] * len(handshakes)


_GROUPS: Final[dict[str, Callable[[CaptureFacts, Handshakes], Sequence[str]]]] = {
    "server": _by_server,
    "client": _by_client,
    "capture": _by_capture,
}


def _cells(rtts: Distributions, group: int) -> Row:
    least, most = int(rtts.least[group]), int(rtts.most[group])
    if most == ABSENT:
        return ("0", *["-"] * (len(_HEADER) - 1))
    middle = [rtts.quantile(group, percent) for percent in _QUANTILES]
    return (str(rtts.of(group)[1].sum()), *(milliseconds(value) for value in (least, *middle, most)))
