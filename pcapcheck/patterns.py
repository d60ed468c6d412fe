"""Ordinary flows, told apart by their pattern: what their rows are, and how their numbers compare.

Most flows are one attempt with little out of the ordinary: SYN, SYN-ACK, the exact ACK, and rows that go on from there;
or SYNs alone; or a SYN that an exact RST refused; or one that was reset before the ACK. SYN and SYN-ACK may come again,
and what follows in any order. For them all comparisons that faults/rows.py, attempts.py, evidence.py, history.py
and rtt.py make come down to a few bits for each row, and to when each combination of these bits is first seen. Flows
with the same bits come out alike: the first of each pattern is judged row by row, and all others are given what it was
given, with their own numbers. Every flow of which that is not certain is irregular and is judged by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pcapcheck import seq
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.evidence import PENDING_NS, Event
from pcapcheck.named_rows import OpeningRows
from pcapcheck.openings import Ints, Openings
from pcapcheck.regular_flows import Bools, Parts, told
from pcapcheck.reused import apart
from pcapcheck.rows import Rows
from pcapcheck.smooth import Smooth, smooth
from pcapcheck.sorting import numbered
from pcapcheck.tables import ABSENT


@dataclass(frozen=True)
class Regular:
    """Regular flows, and what is known of their rows. Flows are numbers into the openings, rows indices of its rows.

    A 4-tuple that was used again and again (reused.py) has several entries: all its attempts, or none.
    """

    flow: Ints
    pattern: Ints  # of each flow, from 0
    number: Ints  # of each pattern: its number in this process
    representative: Ints  # of each pattern: position in ``flow``
    start: Ints  # of each flow: its first row
    size: Ints  # its number of rows
    client: Ints  # the side (0 or 1) that sent the SYN
    synack: Ints  # its first SYN-ACK, or ABSENT
    ack: Ints  # the row that completes the handshake, or ABSENT
    event: npt.NDArray[np.int8]  # of each row of the openings: what it is to its attempt, if its flow is regular
    from_client: Bools  # and whether the client sent it
    until: Ints  # the latest time of its rows and of what was folded into them
    server_rtt: tuple[Ints, Ints]  # least and most, where the pattern has any
    client_rtt: tuple[Ints, Ints]
    opening: OpeningRows  # of each flow; where it has no SYN-ACK, that is its SYN
    smooth: Smooth


def regular(openings: Openings, end_time: int) -> Regular:
    """The regular flows of a capture that ends at ``end_time`` (ns)."""
    rows = openings.rows
    parts = told(rows)
    fine = parts.regular.copy()
    (doubtful,) = (fine & parts.doubtful).nonzero()
    fine[doubtful] = ~parts.has_copies(doubtful, doubtful)
    (keep,) = fine.nonzero()
    opening = _opening(parts, keep)
    options, of_syn, of_synack = opening.options, opening.of_syn, opening.of_synack
    has_synack = parts.synack[keep] != ABSENT
    asked = parts.asked(keep, np.where(has_synack, options.tsecr[of_synack], ABSENT))
    # PAWS drops what has an older TSval than the SYN (RFC 7323, section 5.3).
    tsval = opening.third.tsvals()
    compared = has_synack & (parts.opened[keep] < parts.size[keep]) & (options.tsval[of_syn] != ABSENT)
    older = compared & (tsval != ABSENT) & (seq.diff(tsval, options.tsval[of_syn]) < 0)
    fine[keep] = ~older & (asked < parts.syns[keep])
    stays = apart(parts, fine)[keep]
    if not stays.all():
        keep, asked, has_synack = keep[stays], asked[stays], has_synack[stays]
        opening = opening._replace(
            of_syn=of_syn[stays], of_synack=of_synack[stays], third=opening.third.take(stays.nonzero()[0])
        )
    start, size, syns, opened, synack = (
        column[keep] for column in (parts.begin, parts.size, parts.syns, parts.opened, parts.synack)
    )
    time = opening.rows["time"]
    first, answered, third = time[opening.of_syn], time[opening.of_synack], opening.third["time"]
    near_end = (answered > end_time - PENDING_NS) if end_time != NO_TIME else np.ones(len(keep), bool)
    last_syn, asked_by = (_others(rows, first, start, start + place) for place in (syns - 1, asked))
    server_rtt = answered - last_syn, answered - asked_by
    client_rtt = third - _others(rows, answered, synack, parts.last_synack[keep]), third - answered
    exact = [has_synack & (least == most) for least, most in (server_rtt, client_rtt)]
    of_flow = near_end | exact[0] << 1 | exact[1] << 2 | parts.syn_count[keep] << 3 | opened << 33
    number, representative, pattern = numbered((parts.pattern[keep] ^ of_flow.astype(np.uint64)).view(np.int64))
    behind = _third(parts, keep)
    completed = has_synack & (parts.event[behind] == Event.COMPLETING)
    return Regular(
        rows.flow[start].astype(np.int64),
        pattern,
        number,
        representative,
        start,
        size,
        opening.rows["side"][opening.of_syn].astype(np.int64),
        synack,
        np.where(completed, behind, ABSENT),
        parts.event,
        parts.from_client,
        parts.until[keep],
        server_rtt,
        client_rtt,
        opening,
        smooth(parts, keep, opening),
    )


def _opening(parts: Parts, at: Ints) -> OpeningRows:
    """The rows with which these parts begin."""
    (answered,) = (parts.synack[at] != ABSENT).nonzero()
    of_syn = np.arange(len(at))
    of_synack = of_syn.copy()
    of_synack[answered] = len(at) + np.arange(len(answered))
    rows = parts.rows.take(np.append(parts.begin[at], parts.synack[at[answered]]))
    return OpeningRows.of(rows, of_syn, of_synack, parts.rows.take(_third(parts, at)))


def _third(parts: Parts, at: Ints) -> Ints:
    """The row behind the SYNs and SYN-ACKs of these parts, or their last."""
    return parts.begin[at] + np.minimum(parts.opened[at], parts.size[at] - 1)


def _others(rows: Rows, times: Ints, at: Ints, others: Ints) -> Ints:
    """The times of other rows, given those of the rows ``at``: mostly they are the same rows."""
    (differing,) = (others != at).nonzero()
    times = times.copy()
    times[differing] = rows.take(others[differing])["time"]
    return times
