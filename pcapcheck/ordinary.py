"""Ordinary flows as handshakes: what the judged one of their pattern was given, and their own numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pcapcheck.named_rows import NamedRows, read_off
from pcapcheck.openings import Ints, Openings
from pcapcheck.patterns import Regular
from pcapcheck.tables import ABSENT


def ordinary_columns(openings: Openings, ordinary: Regular, patterns: Mapping[str, Ints]) -> dict[str, Ints]:
    """The fields of Handshakes of the ordinary flows: what their pattern says, and their own numbers.

    ``patterns``: of each pattern what the first flow that had it was given.
    """

    def of_pattern(name: str) -> Ints:
        """What the pattern of each flow has there."""
        values = patterns[name]
        if len(values) and (values == values[0]).all():
            return np.full(len(ordinary.flow), values[0])
        return values[ordinary.pattern]

    first = ordinary.start
    named = NamedRows(
        ordinary.flow, ordinary.client, first, first + ordinary.size - 1, first, ordinary.synack, ordinary.ack
    )
    columns = read_off(openings, named, ordinary.opening)
    columns |= {"last_time": ordinary.until, "flow": named.flow}
    server, client = ordinary.server_rtt, ordinary.client_rtt
    both = [one + other for one, other in zip(server, client, strict=True)]
    for name, (least, most) in (("server", server), ("client", client), ("handshake", both)):
        measured = of_pattern(f"{name}_rtt_max") != ABSENT
        columns[f"{name}_rtt_min"], columns[f"{name}_rtt_max"] = (
            np.where(measured, end, ABSENT) for end in (least, most)
        )
        columns[f"{name}_rtt"] = np.where(measured & (least == most), most, ABSENT)
    return columns | {name: of_pattern(name) for name in patterns if name not in columns}
