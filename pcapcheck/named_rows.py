"""The rows on which handshakes stand, and what of a handshake is read off them: who, when, which numbers and offers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pcapcheck.decode.option_columns import OptionColumns
from pcapcheck.decode.segment import ACK
from pcapcheck.offers import offered
from pcapcheck.openings import Ints, Openings
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


def read_off(
    openings: Openings, named: NamedRows, options: OptionColumns, of_syn: Ints, of_synack: Ints
) -> dict[str, Ints]:
    """Fields of Handshakes. The options of their SYNs and SYN-ACKs stand at these places of ``options``."""
    rows = openings.rows

    first, last, syn, synack, ack = named[2:]
    columns: dict[str, Ints] = {}
    for at, fields in (
        (first, {"start_time": "time", "first_frame": "frame", "vlan": "vlan", "tunnel": "tunnel"}),
        (last, {"last_frame": "frame"}),
        (syn, {"syn_frame": "frame", "syn_ttl": "ttl", "syn_octets": "payload_length", "client_isn": "seq"}),
        (synack, {"synack_frame": "frame", "synack_ttl": "ttl", "synack_ack": "ack", "server_isn": "seq"}),
        (ack, {"ack_frame": "frame", "ack_seq": "seq", "ack_ack": "ack"}),
    ):
        (absent,) = (at == ABSENT).nonzero()
        for field, name in fields.items():
            columns[field] = rows[name][at].astype(np.int64)
            columns[field][absent] = ABSENT
    columns["syn_octets"] = np.maximum(columns["syn_octets"], 0)
    # A SYN of the server's own acknowledges nothing.
    columns["synack_ack"][rows["tcp_flags"][synack] & ACK == 0] = ABSENT
    flows, flow = openings.flows, named.flow
    low, high = (flows.low[flow], flows.low_port[flow]), (flows.high[flow], flows.high_port[flow])
    for name, one, other in (("client", low, high), ("server", high, low)):
        columns[name], columns[f"{name}_port"] = (
            np.where(named.client, *pair) for pair in zip(other, one, strict=True)
        )
    for name, row, at in (("client", syn, of_syn), ("server", synack, of_synack)):
        columns |= {f"{name}_{option}": values for option, values in offered(options, at, rows, row).items()}
    return columns
