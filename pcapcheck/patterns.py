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

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.evidence import PENDING_NS, Event
from pcapcheck.named_rows import Offers
from pcapcheck.openings import Ints, Openings
from pcapcheck.regular_flows import Bools, told
from pcapcheck.reused import apart
from pcapcheck.smooth import smooth
from pcapcheck.tables import ABSENT


@dataclass(frozen=True)
class Regular:
    """Regular flows, and what is known of their rows. Flows are numbers into the openings, rows indices of its rows.

    A 4-tuple that was used again and again (reused.py) has several entries: all its attempts, or none.
    """

    flow: Ints
    pattern: Ints  # of each flow, from 0
    number: npt.NDArray[np.uint64]  # of each pattern: its number in this process
    representative: Ints  # of each pattern: position in ``flow``
    start: Ints  # of each flow: its first row
    size: Ints  # its number of rows
    client: Ints  # the side (0 or 1) that sent the SYN
    synack: Ints  # its first SYN-ACK, or ABSENT
    ack: Ints  # the row that completes the handshake, or ABSENT
    event: npt.NDArray[np.int8]  # of each row of the openings: what it is to its attempt, if its flow is regular
    until: Ints  # the latest time of its rows and of what was folded into them
    server_rtt: tuple[Ints, Ints]  # least and most, where the pattern has any
    client_rtt: tuple[Ints, Ints]
    offers: Offers  # of each flow
    smooth: Bools  # as smooth.py says


def regular(openings: Openings, end_time: int) -> Regular:
    """The regular flows of a capture that ends at ``end_time`` (ns)."""
    rows = openings.rows
    parts = told(rows)
    fine = parts.regular.copy()
    (doubtful,) = (fine & parts.doubtful).nonzero()
    fine[doubtful] = ~parts.has_copies(doubtful, doubtful)
    (keep,) = fine.nonzero()
    has_synack = parts.synack[keep] != ABSENT
    of_syn = np.arange(len(keep))
    of_synack = of_syn.copy()
    of_synack[has_synack] = len(keep) + np.arange(has_synack.sum())
    named = rows.take(np.append(parts.begin[keep], parts.synack[keep[has_synack]]))
    offers = Offers.of(named, of_syn, of_synack)
    options = offers.options
    asked = parts.asked(keep, np.where(has_synack, options.tsecr[of_synack], ABSENT))
    fine[keep] = ~parts.older_timestamp(keep, options.tsval[of_syn]) & (asked < parts.syns[keep])
    stays = apart(parts, fine)[keep]
    keep, asked, of_syn, of_synack, has_synack = (
        column[stays] for column in (keep, asked, of_syn, of_synack, has_synack)
    )
    offers = offers._replace(of_syn=of_syn, of_synack=of_synack)
    start, size, syns, opened, synack = (
        column[keep] for column in (parts.begin, parts.size, parts.syns, parts.opened, parts.synack)
    )
    time, third = rows["time"], np.minimum(start + opened, start + size - 1)
    awaited = time[np.where(has_synack, synack, start)]
    near_end = (awaited > end_time - PENDING_NS) if end_time != NO_TIME else np.ones(len(keep), bool)
    server_rtt = time[synack] - time[start + syns - 1], time[synack] - time[start + asked]
    client_rtt = time[third] - time[parts.last_synack[keep]], time[third] - time[synack]
    exact = [has_synack & (least == most) for least, most in (server_rtt, client_rtt)]
    of_flow = near_end | exact[0] << 1 | exact[1] << 2 | parts.syn_count[keep] << 3 | opened << 33
    number, representative, pattern = np.unique(
        parts.pattern[keep] ^ of_flow.astype(np.uint64), return_index=True, return_inverse=True
    )
    completed = has_synack & (parts.event[third] == Event.COMPLETING)
    return Regular(
        rows.flow[start].astype(np.int64),
        pattern.astype(np.int64),
        number,
        representative.astype(np.int64),
        start,
        size,
        named["side"][of_syn].astype(np.int64),
        synack,
        np.where(completed, third, ABSENT),
        parts.event,
        parts.until[keep],
        server_rtt,
        client_rtt,
        offers,
        smooth(parts, keep, offers),
    )
