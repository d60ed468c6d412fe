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
from pcapcheck.regular_flows import Bools, Parts
from pcapcheck.sorting import occur_in
from pcapcheck.tables import ABSENT


def apart(parts: Parts, regular: Bools) -> Bools:
    """Which parts belong to flows of which all parts are ``regular`` and have nothing to do with each other."""
    rows, begin = parts.rows, parts.begin
    flow = rows.flow[begin]
    first = np.append(True, flow[1:] != flow[:-1])[: len(flow)]
    number = first.cumsum() - 1  # of the flow of each part
    fine = regular.copy()
    (part,) = (np.bincount(number)[number] > 1).nonzero()
    if len(part):
        broken = np.zeros(number[-1] + 1, bool)
        broken[number[part[~fine[part]]]] = True
        part = part[~broken[number[part]]]
        of_first = first.nonzero()[0][number[part]]
        one, other = rows.take(begin[part]), rows.take(begin[of_first])
        alike = [one[name] == other[name] for name in ("side", "vlan")]
        said = _rows_of(parts, part)
        holds = alike[0] & alike[1] & _distant(parts, part, number[part], *said) & ~_early(part, number[part], *said)
        broken[number[part[~holds]]] = True
        part = part[~broken[number[part]]]
        broken[number[part[parts.has_copies(part, number[part])]]] = True
        fine &= ~broken[number]
    return fine


def _distant(parts: Parts, part: Ints, flow: Ints, start: Ints, of_part: Ints, rows: dict[str, Ints]) -> Bools:
    """Which parts lie far from those before them of their flow, in the numbers of both sides."""
    from_client, flags = rows["side"] == rows["side"][start][of_part], rows["tcp_flags"]
    length = rows["payload_length"] + (flags & SYN != 0) + (flags & FIN != 0)
    sent = rows["seq"], length + rows["folded_end"]
    acknowledged = rows["ack"], rows["folded_ack"]
    isns = [parts.rows.take(at)["seq"].astype(np.int64) for at in (parts.begin[part], parts.synack[part])]
    answered = parts.synack[part] != ABSENT
    distant = np.ones(len(part), bool)
    for own, isn, known in (
        (from_client, isns[0], np.ones(len(part), bool)),
        (~from_client, isns[1], answered),
    ):
        low, high = np.zeros(len(part), np.int64), np.zeros(len(part), np.int64)
        for (number, further), said in ((sent, own), (acknowledged, ~own & (flags & ACK != 0))):
            offset = seq.diff(number, isn[of_part])
            np.minimum(low, np.minimum.reduceat(np.where(said, offset, 0), start), out=low)
            np.maximum(high, np.maximum.reduceat(np.where(said, offset + further, 0), start), out=high)
        for back in range(1, LOOK_BACK + 1):
            ahead = seq.ahead(isn[back:], isn[:-back])
            behind = seq.MODULUS - ahead
            compared = (flow[back:] == flow[:-back]) & known[back:] & known[:-back]
            near = (ahead + low[back:] - high[:-back] <= NEAR) | (behind + low[:-back] - high[back:] <= NEAR)
            distant[back:] &= ~(compared & near)
    return distant


def _early(part: Ints, flow: Ints, start: Ints, of_part: Ints, rows: dict[str, Ints]) -> Bools:
    """Which parts hold an RST that would be taken for the answer to a SYN of another part, recorded before it."""
    answered = seq.add(rows["seq"][start], 1)
    rst = (rows["side"] != rows["side"][start][of_part]) & (rows["tcp_flags"] & (RST | ACK) == RST | ACK)
    rst &= rows["ack"] != answered[of_part]
    found = np.zeros(len(part), bool)
    found[of_part[rst][occur_in(flow[of_part[rst]] << 32 | rows["ack"][rst], flow << 32 | answered)]] = True
    return found


def _rows_of(parts: Parts, part: Ints) -> tuple[Ints, Ints, dict[str, Ints]]:
    """The rows of these parts: where those of each part begin, the part of each row, and their fields."""
    size = parts.size[part]
    at = ranges(parts.begin[part], size)
    taken = parts.rows.take(at)
    names = ("side", "seq", "ack", "tcp_flags", "payload_length", "folded_end", "folded_ack")
    rows = {name: taken[name].astype(np.int64) for name in names}
    return size.cumsum() - size, np.repeat(np.arange(len(part)), size), rows
