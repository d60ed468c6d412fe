"""The servers of a run, those with the most failures first."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pcapcheck.report.identify import endpoint
from pcapcheck.report.report import Report
from pcapcheck.tables import CAUSE, FAILED, OUTCOMES
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
    known = report.totals.servers
    group, code, count = known.outcomes.group, known.outcomes.value, known.outcomes.count

    def counted(*names: str) -> Ints:
        of = np.isin(code, [OUTCOMES.index(name) for name in names])
        return np.bincount(group[of], count[of], len(known)).astype(np.int64)

    total, established, failed = counted(*OUTCOMES), counted("established"), counted(*FAILED)
    # Those without a failure by how busy they are; they stand in the order of their addresses.
    ranked = np.lexsort((np.arange(len(known)), np.where(failed > 0, established, -total), -failed))
    found = []
    for at in ranked[:most].tolist():
        how = dict(zip(*map(np.ndarray.tolist, known.outcomes.of(at)), strict=True))
        why = dict(zip(*map(np.ndarray.tolist, known.causes.of(at)), strict=True))
        why.pop(0, None)
        found.append(
            Server(
                endpoint(*known.socket(at)),
                int(total[at]),
                int(established[at]),
                int(failed[at]),
                int(total[at] - established[at] - failed[at]),
                max(FAILED, key=lambda name: how.get(OUTCOMES.index(name), 0)) if failed[at] else "",
                CAUSE[min(why, key=lambda cause: (-why[cause], cause), default=0)],
                int(known.rtts.of(at)[1].sum()),
                known.rtts.quantile(at, 50),
                known.rtts.quantile(at, 95),
            )
        )
    return found, len(known)
