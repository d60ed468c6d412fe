"""Options of single rows, as columns, and what the SYNs and SYN-ACKs of each handshake offered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.segment import OPTIONS_UNSEEN
from pcapcheck.evidence import Event
from pcapcheck.openings import ICMP
from pcapcheck.rules.catalogue import Answer, Bools
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic, once


@once
def segments(traffic: Traffic) -> Bools:
    """Which rows are segments that a host sent: no ICMP errors, no copies."""
    sent: Bools = (traffic.column("kind") != ICMP) & ~traffic.is_event(Event.COPY)
    return sent


def some(traffic: Traffic, rows: Bools) -> Bools:
    """Which handshakes have such a row."""
    found = np.zeros(len(traffic.handshakes), bool)
    found[traffic.handshake[rows.nonzero()[0]]] = True
    return found


def options_seen(traffic: Traffic, rows: Bools) -> Bools:
    """Which handshakes have such rows, and the options of all of them were captured."""
    unseen = rows & (traffic.column("unseen") & OPTIONS_UNSEEN != 0)
    return some(traffic, rows) & ~some(traffic, unseen)


def texts(where: Bools, choices: Sequence[str], index: Any) -> npt.NDArray[np.object_]:
    """A column of words: one of the ``choices``, by ``index``, where it is asked for, else nothing."""
    column = np.full(len(where), "", object)
    column[where] = np.array(choices, object)[index[where]]
    return column


def unasked(traffic: Traffic, offered: Bools, expected: str, actual: str) -> Answer:
    """Fails where a SYN-ACK has an option (``offered``, by row) that no SYN of the attempt had."""
    syn, synack = traffic.is_event(Event.SYN), traffic.is_event(Event.SYNACK)
    row = traffic.first(synack & offered)
    return Answer(
        fails=(row != ABSENT) & ~some(traffic, syn & offered),
        applies=(row != ABSENT) | (some(traffic, synack) & ~options_seen(traffic, synack)),
        decidable=(row != ABSENT) & (some(traffic, syn & offered) | options_seen(traffic, syn)),
        frames=(traffic.value("frame", row), traffic.value("frame", traffic.first(syn))),
        expected=expected,
        actual=actual,
    )
