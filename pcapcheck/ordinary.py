"""Ordinary flows as handshakes: what the judged one of their pattern was given, and their own numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pcapcheck.offers import offered
from pcapcheck.openings import Ints, Openings
from pcapcheck.patterns import Regular
from pcapcheck.tables import ABSENT


def ordinary_columns(
    openings: Openings, ordinary: Regular, others: Ints, judged: Mapping[str, Ints], representative: Ints
) -> dict[str, Ints]:
    """The fields of Handshakes of these ordinary flows: what their pattern says, and their own numbers."""
    rows = openings.rows
    pattern = ordinary.pattern[others]
    columns: dict[str, Ints] = {}

    def of_pattern(name: str) -> Ints:
        """What the judged one of each flow's pattern has there."""
        values = judged[name][representative]
        if len(values) and (values == values[0]).all():
            return np.full(len(others), values[0])
        return values[pattern]

    first, last = ordinary.start[others], ordinary.start[others] + ordinary.size[others] - 1
    flows, flow, is_high = openings.flows, ordinary.flow[others], ordinary.client[others] == 1
    low, high = (flows.low[flow], flows.low_port[flow]), (flows.high[flow], flows.high_port[flow])
    for name, one, other in (("client", low, high), ("server", high, low)):
        columns[name], columns[f"{name}_port"] = (np.where(is_high, *pair) for pair in zip(other, one, strict=True))

    def number(name: str, row: Ints) -> Ints:
        return rows[name][row].astype(np.int64)

    # A number that the judged one of its pattern does not have, the others do not have either.
    has_synack, has_ack = of_pattern("server_isn") != ABSENT, of_pattern("ack_frame") != ABSENT
    synack, ack = ordinary.synack[others], ordinary.third[others]
    for name, field, row, has in (
        ("start_time", "time", first, None), ("syn_frame", "frame", first, None), ("first_frame", "frame", first, None),
        ("client_isn", "seq", first, None), ("syn_ttl", "ttl", first, None), ("vlan", "vlan", first, None),
        ("tunnel", "tunnel", first, None), ("last_frame", "frame", last, None),
        ("synack_frame", "frame", synack, has_synack), ("server_isn", "seq", synack, has_synack),
        ("synack_ack", "ack", synack, has_synack), ("synack_ttl", "ttl", synack, has_synack),
        ("ack_frame", "frame", ack, has_ack), ("ack_seq", "seq", ack, has_ack), ("ack_ack", "ack", ack, has_ack),
    ):  # fmt: skip
        columns[name] = number(field, row) if has is None else np.where(has, number(field, row), ABSENT)
    columns["last_time"] = ordinary.until[others]
    columns["flow"] = flow
    server, client = ([end[others] for end in span] for span in (ordinary.server_rtt, ordinary.client_rtt))
    both = [one + other for one, other in zip(server, client, strict=True)]
    for name, (least, most) in (("server", server), ("client", client), ("handshake", both)):
        measured = of_pattern(f"{name}_rtt_max") != ABSENT
        columns[f"{name}_rtt_min"], columns[f"{name}_rtt_max"] = (
            np.where(measured, end, ABSENT) for end in (least, most)
        )
        columns[f"{name}_rtt"] = np.where(measured & (least == most), most, ABSENT)
    for name, at, row, has in (
        ("client", ordinary.of_syn, first, None), ("server", ordinary.of_synack, synack, has_synack)
    ):  # fmt: skip
        for option, values in offered(ordinary.options, at[others], rows, row).items():
            column = f"{name}_{option}"
            columns[column] = values if has is None else np.where(has, values, of_pattern(column))
    return columns | {name: of_pattern(name) for name in judged if name not in columns}
