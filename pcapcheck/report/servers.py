"""The servers of a run, those with the most failures first."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pcapcheck.report.identify import endpoint
from pcapcheck.report.report import Report
from pcapcheck.report.rtt_table import quantile
from pcapcheck.tables import ABSENT, CAUSE, FAILED, OUTCOMES
from pcapcheck.traffic import Ints

MOST: Final = 50


class Server(NamedTuple):
    """One listening socket, over all captures."""

    name: str
    handshakes: int
    established: int
    failed: int
    undecided: int
    mostly: str  # the most frequent failure
    cause: str  # the most frequent first cause of failed attempts
    rtts: int  # how many server RTTs are exact
    p50: int  # ns, ABSENT where there is none
    p95: int


def servers(report: Report, most: int = MOST) -> tuple[list[Server], int]:
    """The worst servers, and how many there are in all."""
    numbers: dict[tuple[bytes, int], int] = {}
    parts: list[tuple[Ints, Ints, Ints, Ints]] = []
    for traffic, causes in zip(report.traffics, report.all_causes, strict=True):
        handshakes = traffic.handshakes
        _, first = np.unique(traffic.sockets, return_index=True)
        own = [
            numbers.setdefault((handshakes.server_address[at], int(handshakes.server_port[at])), len(numbers))
            for at in first.tolist()
        ]
        server = np.array(own, np.int64)[traffic.sockets]
        parts.append((server, handshakes.outcome.astype(np.int64), handshakes.server_rtt, causes.first[0]))
    if not numbers:
        return [], 0
    server, outcome, rtt, cause = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    shape = (len(numbers), len(OUTCOMES))
    counts = np.bincount(server * shape[1] + outcome, minlength=shape[0] * shape[1]).reshape(shape)
    failures = counts[:, [OUTCOMES.index(name) for name in FAILED]]
    failed, total = failures.sum(axis=1), counts.sum(axis=1)
    established = counts[:, OUTCOMES.index("established")]
    names = list(numbers)
    ranked = sorted(
        range(len(names)),
        key=lambda at: (-int(failed[at]), int(established[at]) if failed[at] else -int(total[at]), names[at]),
    )
    is_failed = np.isin(outcome, [OUTCOMES.index(name) for name in FAILED])
    by_server = np.lexsort((rtt, server))
    starts = np.searchsorted(server[by_server], np.arange(len(names) + 1))
    found = []
    for at in ranked[:most]:
        mine = by_server[starts[at] : starts[at + 1]]
        exact = rtt[mine][rtt[mine] != ABSENT]
        why = np.bincount(cause[mine][is_failed[mine]], minlength=len(CAUSE))
        why[0] = 0
        found.append(
            Server(
                endpoint(*names[at]),
                int(total[at]),
                int(established[at]),
                int(failed[at]),
                int(total[at] - established[at] - failed[at]),
                FAILED[int(failures[at].argmax())] if failed[at] else "",
                CAUSE[int(why.argmax())],
                len(exact),
                quantile(exact, 50) if len(exact) else ABSENT,
                quantile(exact, 95) if len(exact) else ABSENT,
            )
        )
    return found, len(names)
