"""The rows on which handshakes stand, and what of a handshake is read off them: who, when, which numbers and offers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pcapcheck.decode.option_columns import OptionColumns, option_columns
from pcapcheck.decode.segment import ACK
from pcapcheck.offers import offered
from pcapcheck.openings import Ints, Openings
from pcapcheck.rows import Rows
from pcapcheck.tables import ABSENT


class NamedRows(NamedTuple):
    """Of each handshake its flow, the side (0 or 1) of its client, and rows: indices of the openings', or ABSENT."""

    flow: Ints
    client: Ints
    first: Ints
    last: Ints
    syn: Ints
    synack: Ints
    ack: Ints


class OpeningRows(NamedTuple):
    """SYNs and SYN-ACKs, their options, and where those of each handshake are: any place where it has none.

    And of each its third row, which may complete it.
    """

    rows: Rows
    options: OptionColumns
    of_syn: Ints
    of_synack: Ints
    third: Rows

    @classmethod
    def of(cls, rows: Rows, of_syn: Ints, of_synack: Ints, third: Rows) -> OpeningRows:
        """The same, with the options read."""
        options = option_columns(rows["options"], rows["options_length"], rows["unseen"])
        return cls(rows, options, of_syn, of_synack, third)


def read_off(openings: Openings, named: NamedRows, opening: OpeningRows) -> dict[str, Ints]:
    """Fields of Handshakes."""
    rows, opened = openings.rows, opening.rows
    first, last, syn, synack, ack = named[2:]
    columns: dict[str, Ints] = {}
    every = np.arange(len(first))
    for at, taken, place, fields in (
        (
            first,
            rows.take(first),
            every,
            {"start_time": "time", "first_frame": "frame", "vlan": "vlan", "tunnel": "tunnel"},
        ),
        (last, rows.take(last), every, {"last_frame": "frame"}),
        (
            syn,
            opened,
            opening.of_syn,
            {"syn_frame": "frame", "syn_ttl": "ttl", "syn_octets": "payload_length", "client_isn": "seq"},
        ),
        (
            synack,
            opened,
            opening.of_synack,
            {"synack_frame": "frame", "synack_ttl": "ttl", "synack_ack": "ack", "server_isn": "seq"},
        ),
        (ack, opening.third, every, {"ack_frame": "frame", "ack_seq": "seq", "ack_ack": "ack"}),
    ):
        (absent,) = (at == ABSENT).nonzero()
        for field, name in fields.items():
            columns[field] = taken[name][place].astype(np.int64)
            columns[field][absent] = ABSENT
    columns["syn_octets"] = np.maximum(columns["syn_octets"], 0)
    # A SYN of the server's own acknowledges nothing.
    columns["synack_ack"][opened["tcp_flags"][opening.of_synack] & ACK == 0] = ABSENT
    flows, flow = openings.flows, named.flow
    low, high = (flows.low[flow], flows.low_port[flow]), (flows.high[flow], flows.high_port[flow])
    for name, one, other in (("client", low, high), ("server", high, low)):
        columns[name], columns[f"{name}_port"] = (
            np.where(named.client, *pair) for pair in zip(other, one, strict=True)
        )
    for name, row, at in (("client", syn, opening.of_syn), ("server", synack, opening.of_synack)):
        said = offered(opening.options, opened, at, row == ABSENT)
        columns |= {f"{name}_{option}": values for option, values in said.items()}
    return columns
