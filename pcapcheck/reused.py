"""A 4-tuple used again and again: attempts whose numbers lie far apart are judged as if each were a flow by itself.

A flow is cut at each SYN with a new number. Its parts have nothing to do with each other where attempts.py would hand
the rows of each to an attempt of its own: what a row says of either side's numbers lies NEAR nothing that was said in
the LOOK_BACK parts before. If that does not hold for one part of a flow, it holds for none.
"""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.attempts import LOOK_BACK, NEAR
from pcapcheck.decode.segment import ACK, FIN, RST, SYN
from pcapcheck.openings import Ints, ranges
from pcapcheck.regular_flows import KIND, Bools, Columns
from pcapcheck.rows import Rows


def parts(rows: Rows) -> Ints:
    """Where the parts of the flows begin."""
    new = np.ones(len(rows), bool)
    flow = rows["flow"]
    new[1:] = flow[1:] != flow[:-1]
    (syn,) = (rows["tcp_flags"] & KIND == SYN).nonzero()
    for name in ("side", "seq"):
        number = rows[name][syn]
        new[syn[1:]] |= number[1:] != number[:-1]
    return new.nonzero()[0]


def apart(columns: Columns, regular: Bools) -> Bools:
    """Which parts belong to flows of which all parts are ``regular`` and have nothing to do with each other."""
    rows, begin = columns.rows, columns.begin
    flow = rows["flow"][begin]
    first = np.append(True, flow[1:] != flow[:-1])[: len(flow)]
    number = first.cumsum() - 1  # of the flow of each part
    several = np.bincount(number)[number] > 1
    fine = regular.copy()
    (part,) = several.nonzero()
    if len(part):
        of_first = first.nonzero()[0][number[part]]
        alike = [rows[name][begin[part]] == rows[name][begin[of_first]] for name in ("side", "vlan")]
        fine[part] &= alike[0] & alike[1] & _distant(columns, part, number[part]) & ~_early(columns, part, number[part])
        broken = np.zeros(number[-1] + 1, bool)
        broken[number[part[~fine[part]]]] = True
        whole = part[~broken[number[part]]]
        broken[number[whole[columns.has_copies(whole, number[whole])]]] = True
        fine[part] &= ~broken[number[part]]
    return fine


def _distant(columns: Columns, part: Ints, flow: Ints) -> Bools:
    """Which parts lie far from those before them of their flow, in the numbers of both sides."""
    size = columns.size[part]
    at = ranges(columns.begin[part], size)
    rows, flags, from_client = columns.rows, columns.flags[at], columns.from_client[at]
    answered = columns.opened[part] > columns.syns[part]
    of_part = np.repeat(np.arange(len(part)), size)
    length = columns.payload[at] + (flags & SYN != 0) + (flags & FIN != 0)
    sent = columns.seq[at], length + rows["folded_end"][at]
    acknowledged = columns.ack[at], rows["folded_ack"][at].astype(np.int64)
    distant = np.ones(len(part), bool)
    for own, isn, known in (
        (from_client, columns.seq[columns.begin[part]], np.ones(len(part), bool)),
        (~from_client, columns.seq[columns.answer[part]], answered),
    ):
        low, high = np.zeros(len(part), np.int64), np.zeros(len(part), np.int64)
        for (number, further), said in ((sent, own), (acknowledged, ~own & (flags & ACK != 0))):
            offset = seq.diff(number, isn[of_part])
            start = size.cumsum() - size
            np.minimum(low, np.minimum.reduceat(np.where(said, offset, 0), start), out=low)
            np.maximum(high, np.maximum.reduceat(np.where(said, offset + further, 0), start), out=high)
        for back in range(1, LOOK_BACK + 1):
            ahead = seq.ahead(isn[back:], isn[:-back])
            behind = seq.MODULUS - ahead
            compared = (flow[back:] == flow[:-back]) & known[back:] & known[:-back]
            near = (ahead + low[back:] - high[:-back] <= NEAR) | (behind + low[:-back] - high[back:] <= NEAR)
            distant[back:] &= ~(compared & near)
    return distant


def _early(columns: Columns, part: Ints, flow: Ints) -> Bools:
    """Which parts hold an RST that would be taken for the answer to a SYN of another part, recorded before it."""
    size = columns.size[part]
    at = ranges(columns.begin[part], size)
    of_part = np.repeat(np.arange(len(part)), size)
    isn = columns.seq[columns.begin[part]]
    rst = ~columns.from_client[at] & (columns.flags[at] & (RST | ACK) == RST | ACK)
    rst &= columns.ack[at] != seq.add(isn[of_part], 1)
    syns = flow << 32 | seq.add(isn, 1)
    found = np.zeros(len(part), bool)
    found[of_part[rst][np.isin(flow[of_part[rst]] << 32 | columns.ack[at][rst], syns)]] = True
    return found
