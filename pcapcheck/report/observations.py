"""What charts show and no table of the report holds: how long each SYN waited, and when SYNs were sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.diagnoses.columns import opening_times
from pcapcheck.evidence import Event
from pcapcheck.report.identify import endpoint
from pcapcheck.report.report import Report
from pcapcheck.traffic import Traffic

if TYPE_CHECKING:
    import pandas as pd


def waits(report: Report) -> pd.DataFrame:
    """From the first SYN to the first right SYN-ACK, one row an attempt of which the capture shows the SYN.

    Columns: ``handshake_id``, ``server`` (address and port), ``wait`` (timedelta64[ns]) and ``answered``:
    False where no SYN-ACK came and nothing else ended the attempt. Then ``wait`` is how long it was watched, to the end
    of the capture. Attempts that were ended otherwise (refused, unreachable) or cannot be judged are left out.
    """
    import pandas as pd

    parts = []
    before = 0
    for traffic, facts in zip(report.traffics, report.capture_facts, strict=True):
        size = len(traffic.handshakes)
        asked, answer = opening_times(traffic)
        answered = (asked != NO_TIME) & (answer != NO_TIME) & (answer >= asked)
        waiting = traffic.handshakes.is_outcome("unanswered", "pending") & (answer == NO_TIME) & (asked != NO_TIME)
        waiting &= facts.end_time > asked
        (chosen,) = (answered | waiting).nonzero()
        until = np.where(answered, answer, facts.end_time)
        parts.append(
            pd.DataFrame(
                {
                    "handshake_id": (before + 1 + chosen).astype(np.uint64),
                    "server": _servers(traffic)[chosen],
                    "wait": (until - asked)[chosen].view("timedelta64[ns]"),
                    "answered": answered[chosen],
                }
            )
        )
        before += size
    return pd.concat(parts, ignore_index=True) if parts else _no_waits()


def retries(report: Report) -> pd.DataFrame:
    """Every SYN that was sent again, one row each.

    Columns: ``handshake_id``, ``server``, ``retry`` (1 is the first repeat), ``since_first`` and ``gap`` (since the SYN
    before; timedelta64[ns]). Only where every SYN was kept with its time: the first twelve of an attempt are.
    """
    import pandas as pd

    parts = []
    before = 0
    for whole in report.traffics:
        traffic = whole.only(whole.handshakes.syn_count > 1)
        (rows,) = traffic.is_event(Event.SYN).nonzero()
        handshake, time = traffic.handshake[rows], traffic.number("time")[rows]
        first = np.append(True, handshake[1:] != handshake[:-1])[: len(rows)]
        start = np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
        # A row with others counted onto it: the time of the next is not the next one's.
        folded = np.append(False, traffic.number("folded")[rows][:-1] > 0)[: len(rows)]
        broken = np.logical_or.accumulate(folded) if not folded.any() else _since(folded, first)
        previous = np.append(NO_TIME, time[:-1])[: len(rows)]
        kept = ~first & ~broken & (time != NO_TIME) & (previous != NO_TIME) & (time >= previous)
        parts.append(
            pd.DataFrame(
                {
                    "handshake_id": (before + 1 + handshake[kept]).astype(np.uint64),
                    "server": _servers(traffic)[handshake[kept]],
                    "retry": (np.arange(len(rows)) - start)[kept],
                    "since_first": (time - time[start])[kept].view("timedelta64[ns]"),
                    "gap": (time - previous)[kept].view("timedelta64[ns]"),
                }
            )
        )
        before += len(traffic.handshakes)
    columns = ["handshake_id", "server", "retry", "since_first", "gap"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _since(marks: npt.NDArray[np.bool_], first: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """From each mark to the end of its handshake."""
    total = np.cumsum(marks)
    at_first = np.maximum.accumulate(np.where(first, np.arange(len(marks)), 0))
    since: npt.NDArray[np.bool_] = total - total[at_first] + marks[at_first] > 0
    return since


def _servers(traffic: Traffic) -> npt.NDArray[Any]:
    """The server of each handshake as text: each one is turned into text once."""
    handshakes = traffic.handshakes
    _, first, number = np.unique(traffic.sockets, return_index=True, return_inverse=True)
    names = [endpoint(handshakes.server_address[at], int(handshakes.server_port[at])) for at in first.tolist()]
    return np.array([*names, ""], object)[number]


def _no_waits() -> pd.DataFrame:
    import pandas as pd

    empty = {"handshake_id": np.empty(0, np.uint64), "server": []}
    return pd.DataFrame({**empty, "wait": np.empty(0, "timedelta64[ns]"), "answered": np.empty(0, bool)})
