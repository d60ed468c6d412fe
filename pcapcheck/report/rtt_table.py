"""Round-trip times in text: exact quantiles of exact samples, in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from pcapcheck.errors import UsageError
from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import address_text, endpoint
from pcapcheck.report.report import Report
from pcapcheck.report.table import table
from pcapcheck.tables import ABSENT, RTT_STATUSES
from pcapcheck.traffic import Handshakes, Ints

ESTIMATORS: Final = {
    "server_rtt": "server (SYN to SYN-ACK)",
    "client_rtt": "client (SYN-ACK to ACK)",
    "handshake_rtt": "handshake (SYN to ACK)",
}
_QUANTILES: Final = (50, 95, 99)
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
    found = {name: _exact([getattr(traffic.handshakes, name) for traffic in report.traffics]) for name in ESTIMATORS}
    intervals = sum(
        int((traffic.handshakes.rtt_status == RTT_STATUSES.index("interval")).sum()) for traffic in report.traffics
    )
    lines: list[str] = []
    if any(map(len, found.values())):
        rows = [(ESTIMATORS[name], *_cells(values)) for name, values in found.items()]
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


def _grouped(report: Report, name: str, group: Callable[[Report, Handshakes], Sequence[str]]) -> list[tuple[str, ...]]:
    numbers: dict[str, list[Ints]] = {}
    for traffic in report.traffics:
        values = getattr(traffic.handshakes, name)
        labels, codes = np.unique(np.array(group(report, traffic.handshakes), dtype=np.str_), return_inverse=True)
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], np.arange(len(labels) + 1))
        for label, start, stop in zip(labels.tolist(), bounds[:-1], bounds[1:], strict=True):
            numbers.setdefault(label, []).append(values[order[start:stop]])
    measured = [(label, _exact(found)) for label, found in numbers.items()]
    slowest = sorted(
        ((label, found) for label, found in measured if len(found)), key=lambda item: (-quantile(item[1], 50), item[0])
    )
    return [(label, *_cells(found)) for label, found in slowest]


def _by_server(report: Report, handshakes: Handshakes) -> list[str]:
    return [
        endpoint(address, port)
        for address, port in zip(handshakes.server_address, handshakes.server_port.tolist(), strict=True)
    ]


def _by_client(report: Report, handshakes: Handshakes) -> list[str]:
    return [address_text(address) for address in handshakes.client_address]


def _by_capture(report: Report, handshakes: Handshakes) -> list[str]:
    return [escaped(report.capture_facts[code].path) for code in handshakes.capture.tolist()]


_GROUPS: Final[dict[str, Callable[[Report, Handshakes], Sequence[str]]]] = {
    "server": _by_server,
    "client": _by_client,
    "capture": _by_capture,
}


def _exact(columns: Sequence[Ints]) -> Ints:
    values = np.concatenate(columns) if columns else np.empty(0, np.int64)
    return np.sort(values[values != ABSENT])


def _cells(ordered: Ints) -> tuple[str, ...]:
    if not len(ordered):
        return ("0", *["-"] * (len(_HEADER) - 1))
    least, most = int(ordered[0]), int(ordered[-1])
    middle = [quantile(ordered, percent) for percent in _QUANTILES]
    return (str(len(ordered)), *(milliseconds(value) for value in (least, *middle, most)))
