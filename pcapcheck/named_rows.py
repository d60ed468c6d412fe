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

    def number(name: str, at: Ints) -> Ints:
        return np.where(at == ABSENT, ABSENT, rows[name][at].astype(np.int64))

    first, last, syn, synack, ack = named[2:]
    columns = {
        f"{row}_{field}": number(name, at)
        for row, at, fields in (
            ("syn", syn, {"frame": "frame", "ttl": "ttl", "octets": "payload_length"}),
            ("synack", synack, {"frame": "frame", "ttl": "ttl", "ack": "ack"}),
            ("ack", ack, {"frame": "frame", "seq": "seq", "ack": "ack"}),
            ("client", syn, {"isn": "seq"}),
            ("server", synack, {"isn": "seq"}),
            ("start", first, {"time": "time"}),
            ("first", first, {"frame": "frame"}),
            ("last", last, {"frame": "frame"}),
        )
        for field, name in fields.items()
    }
    columns |= {name: number(name, first) for name in ("vlan", "tunnel")}
    columns["syn_octets"] = np.maximum(columns["syn_octets"], 0)
    # A SYN of the server's own acknowledges nothing.
    columns["synack_ack"] = np.where(number("tcp_flags", synack) & ACK, columns["synack_ack"], ABSENT)
    flows, flow = openings.flows, named.flow
    low, high = (flows.low[flow], flows.low_port[flow]), (flows.high[flow], flows.high_port[flow])
    for name, one, other in (("client", low, high), ("server", high, low)):
        columns[name], columns[f"{name}_port"] = (
            np.where(named.client, *pair) for pair in zip(other, one, strict=True)
        )
    for name, row, at in (("client", syn, of_syn), ("server", synack, of_synack)):
        columns |= {f"{name}_{option}": values for option, values in offered(options, at, rows, row).items()}
    return columns
