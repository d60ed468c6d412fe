"""Which handshakes a rule has to look at, by columns that are quick to work out.

To all others it answers pass or not applicable. Too many cost time only; one too few is a wrong answer, and
tests/rules/test_among.py finds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from pcapcheck.decode.segment import AE, CWR, ECE, OPTIONS_UNSEEN, SYN
from pcapcheck.evidence import Event
from pcapcheck.rules.catalogue import Among, Bools
from pcapcheck.rules.row_options import some
from pcapcheck.rules.wrong_number import flow_of
from pcapcheck.sorting import occur_in, stable_order
from pcapcheck.traffic import Traffic, by_rows, once


def having(*events: Event) -> Among:
    """Those with a row that is one of these to them."""
    return lambda traffic: traffic.has(*events)


def outcome(*names: str) -> Among:
    """Those with one of these outcomes."""
    return lambda traffic: traffic.handshakes.is_outcome(*names)


@by_rows(False)
def options_cut(traffic: Traffic) -> Bools:
    """Those with a segment whose options were not captured."""
    return some(traffic, traffic.column("unseen") & OPTIONS_UNSEEN != 0)


def syn_repeated(traffic: Traffic) -> Bools:
    """Those with several SYNs."""
    repeated: Bools = traffic.handshakes.syn_count > 1
    return repeated


def synack_repeated(traffic: Traffic) -> Bools:
    """Those with several SYN-ACKs."""
    repeated: Bools = traffic.handshakes.synack_count > 1
    return repeated


def opening_repeated(traffic: Traffic) -> Bools:
    """Those with several SYNs or several SYN-ACKs."""
    return syn_repeated(traffic) | synack_repeated(traffic)


@once
def flow_shared(traffic: Traffic) -> Bools:
    """Those whose 4-tuple has other attempts, be it in another VLAN."""
    flow = traffic.handshakes.flow
    if not len(flow):
        return np.zeros(0, bool)
    number = flow - flow.min()
    shared: Bools = (np.bincount(number) > 1)[number]
    return shared


@once
def flow_reused(traffic: Traffic) -> Bools:
    """Those that are not the only attempt of their 4-tuple in its VLAN."""
    found = np.zeros(len(traffic.handshakes), bool)
    # Few may be: only these are sorted.
    (shared,) = flow_shared(traffic).nonzero()
    if not len(shared):
        return found
    flow = flow_of(traffic)[shared]
    order = stable_order(flow)
    (same,) = (flow[order[1:]] == flow[order[:-1]]).nonzero()
    found[shared[order[same]]] = found[shared[order[same + 1]]] = True
    return found


def with_their_flows(traffic: Traffic, wanted: Bools) -> Bools:
    """These, and the other attempts of their 4-tuples."""
    if not (wanted & flow_reused(traffic)).any():
        return wanted
    return occur_in(flow_of(traffic), flow_of(traffic)[wanted])


@once
def ecn_flags(traffic: Traffic) -> Bools:
    """Those with ECN flags in a SYN or SYN-ACK."""
    flags = traffic.column("tcp_flags")
    return some(traffic, (flags & SYN != 0) & (flags & (AE | CWR | ECE) != 0))


def one_sided_or(condition: Among) -> Among:
    """Those that meet the condition, and those of which one direction was captured."""
    return lambda traffic: condition(traffic) | traffic.handshakes.is_outcome("one-sided")


# What most handshakes begin with.
_IN_LINE: Final = (Event.SYN, Event.SYNACK, Event.COMPLETING)


@once
def out_of_line(traffic: Traffic) -> Bools:
    """Those whose rows do not begin with SYN, SYN-ACK and the segment that completes them."""
    found = np.ones(len(traffic.handshakes), bool)
    (at,) = (np.diff(traffic.starts) >= len(_IN_LINE)).nonzero()
    begin = traffic.starts[at]
    found[at] = np.logical_or.reduce(
        [traffic.event[begin + place] != int(event) for place, event in enumerate(_IN_LINE)]
    )
    return found


@by_rows(False)
def lone_syn(traffic: Traffic) -> Bools:
    """Those of which one bare SYN is all there is: nothing in them can be out of order or come too often."""
    found: Bools = np.diff(traffic.starts) == 1
    row = traffic.starts[:-1][found]
    bare = (traffic.event[row] == Event.SYN) & (traffic.column("payload_length")[row] == 0)
    found[found] = bare & (traffic.column("folded")[row] == 0)
    return found


@by_rows(False)
def over_at_once(traffic: Traffic) -> Bools:
    """Those of which one SYN is all there is, or one and an RST that refuses it: nothing of a connection is in them."""
    found = lone_syn(traffic).copy()
    (at,) = (np.diff(traffic.starts) == 2).nonzero()
    row = traffic.starts[at]
    refused = (traffic.event[row] == Event.SYN) & (traffic.event[row + 1] == Event.REFUSAL)
    found[at] = refused & (traffic.column("folded")[row] == 0) & (traffic.column("folded")[row + 1] == 0)
    return found


def answered_unasked(offered: Callable[[Traffic], Bools]) -> Among:
    """Those with a SYN-ACK that has an option (``offered``, by row) that no SYN has, or with options not captured."""

    def chosen(traffic: Traffic) -> Bools:
        has = offered(traffic)
        answered, asked = (some(traffic, has & traffic.is_event(event)) for event in (Event.SYNACK, Event.SYN))
        return (answered & ~asked) | options_cut(traffic)

    return chosen
