"""Ordinary flows, told apart by their pattern: what their rows are, and how their numbers compare.

Most flows are one attempt with little out of the ordinary: SYN, SYN-ACK, the exact ACK, and rows that go on from there;
or SYNs alone; or a SYN that an exact RST refused; or one that was reset before the ACK. SYN and SYN-ACK may come again,
and what follows in any order. For them all comparisons that faults/rows.py, attempts.py, evidence.py, history.py
and rtt.py make come down to a few bits for each row, and to when each combination of these bits is first seen. Flows
with the same bits come out alike: one of each pattern is judged row by row, and the others are given what it was given,
with their own numbers. Every flow of which that is not certain is irregular and is judged by itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.option_columns import OptionColumns
from pcapcheck.decode.segment import BAD
from pcapcheck.evidence import PENDING_NS, Event
from pcapcheck.openings import Ints, Openings, ranges
from pcapcheck.regular_flows import KIND, Columns
from pcapcheck.reused import apart, parts
from pcapcheck.tables import ABSENT

# The bits of a row's code above those of KIND.
_FROM_CLIENT, _DATA, _COMPLETES_WITH_DATA, _BAD, _BEYOND, _SERVER_GOES_ON = (1 << bit for bit in range(5, 11))
_CODES: Final = 1 << 11

# By order in the flow, not known beforehand: two patterns with one sum would be taken for the same.
_FACTORS: Final = np.frombuffer(os.urandom(8 * (_CODES + 1)), np.uint64) | np.uint64(1)


@dataclass(frozen=True)
class Regular:
    """Regular flows, and what is known of their rows. Flows are numbers into the openings, rows indices of its rows.

    A 4-tuple that was used again and again (reused.py) has several entries: all its attempts, or none.
    """

    flow: Ints
    pattern: Ints  # of each flow, from 0
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
    options: OptionColumns  # of SYNs and SYN-ACKs
    of_syn: Ints  # of each flow: where in ``options`` those of its SYN are
    of_synack: Ints  # and of its SYN-ACK; of its SYN if it has none


def regular(openings: Openings, end_time: int) -> Regular:
    """The regular flows of a capture that ends at ``end_time`` (ns)."""
    rows = openings.rows
    begin = parts(rows)
    columns = Columns(rows, begin, np.diff(begin, append=len(rows)))
    (keep,) = columns.regular().nonzero()
    has_synack = columns.opened[keep] > columns.syns[keep]
    options = columns.options(np.append(begin[keep], columns.answer[keep[has_synack]]))
    of_syn = np.arange(len(keep))
    of_synack = of_syn.copy()
    of_synack[has_synack] = len(keep) + np.arange(has_synack.sum())
    asked = columns.asked(keep, np.where(has_synack, options.tsecr[of_synack], ABSENT))
    fine = np.zeros(len(begin), bool)
    fine[keep[~columns.older_timestamp(keep, options.tsval[of_syn]) & (asked < columns.syns[keep])]] = True
    stays = apart(columns, fine)[keep]
    keep, asked, of_syn, of_synack = (column[stays] for column in (keep, asked, of_syn, of_synack))
    has_synack = has_synack[stays]
    start, size, syns, opened = (column[keep] for column in (begin, columns.size, columns.syns, columns.opened))
    time, synack, third = columns.time, columns.answer[keep], np.minimum(start + opened, start + size - 1)
    awaited = time[np.where(has_synack, synack, start)]
    near_end = (awaited > end_time - PENDING_NS) if end_time != NO_TIME else np.ones(len(keep), bool)
    event = columns.events()
    server_rtt = time[synack] - time[start + syns - 1], time[synack] - time[start + asked]
    client_rtt = time[third] - time[columns.last_synack[keep]], time[third] - time[synack]
    exact = [least == most for least, most in (server_rtt, client_rtt)]
    of_flow = near_end | exact[0] << 1 | exact[1] << 2 | columns.syn_count[keep] << 3 | opened << 33
    hashed = _hashed(columns, start, size, event, of_flow)
    completed = has_synack & (event[third] == Event.COMPLETING)
    _, representative, pattern = np.unique(hashed, return_index=True, return_inverse=True)
    return Regular(
        rows["flow"][start].astype(np.int64),
        pattern.astype(np.int64),
        representative.astype(np.int64),
        start,
        size,
        rows["side"][start].astype(np.int64),
        np.where(has_synack, synack, ABSENT),
        np.where(completed, third, ABSENT),
        event,
        columns.latest(rows["folded_until"])[keep],
        server_rtt,
        client_rtt,
        options,
        of_syn,
        of_synack,
    )


def _hashed(
    columns: Columns, start: Ints, size: Ints, event: npt.NDArray[np.int8], of_flow: Ints
) -> npt.NDArray[np.uint64]:
    """One number for each of these flows: for the codes of its rows as they first come, and for ``of_flow``."""
    at = ranges(start, size)
    code = _code(columns, at, event[at])
    first = columns.first[at]
    new = np.zeros(len(at), bool)
    for one in np.flatnonzero(np.bincount(code, minlength=1)):
        (its,) = (code == one).nonzero()
        new[its[np.append(True, first[its[1:]] != first[its[:-1]])]] = True
    order = new.cumsum()
    order -= np.repeat(order[size.cumsum() - size], size)
    mixed = _mixed(code[new], order[new])
    flows = np.flatnonzero(np.append(True, np.diff(first[new]) != 0)) if len(at) else order
    return (np.add.reduceat(mixed, flows) if len(at) else mixed) + _mixed(of_flow, np.full(len(start), _CODES))


def _code(columns: Columns, at: Ints, event: npt.NDArray[np.int8]) -> Ints:
    """What each row is, for the pattern."""
    rows, payload = columns.rows, columns.payload[at] > 0
    code: Ints = columns.flags[at] & KIND
    for bit, shown in (
        (_FROM_CLIENT, columns.from_client[at]), (_DATA, payload | (rows["folded_octets"][at] > 0)),
        (_COMPLETES_WITH_DATA, payload & (event == Event.COMPLETING)), (_BAD, rows["checksum"][at] == BAD),
        (_BEYOND, columns.beyond[at]), (_SERVER_GOES_ON, event == Event.SERVER_GOES_ON),
    ):  # fmt: skip
        code |= np.where(shown, bit, 0)
    return code


def _mixed(number: Ints, order: Ints) -> npt.NDArray[np.uint64]:
    mixed = (number.astype(np.uint64) + np.uint64(1)) * _FACTORS[order]
    mixed ^= mixed >> np.uint64(29)
    mixed *= _FACTORS[0]
    return mixed
