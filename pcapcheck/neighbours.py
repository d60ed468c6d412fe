"""The openings of neighbouring stretches as one: what ``select`` gives of all of them together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pcapcheck.openings import Flows, Ints, Openings
from pcapcheck.rows import Rows
from pcapcheck.select import FlowRows, rows_of


def merge(*stretches: Openings) -> Openings:
    """The openings of neighbouring stretches, given in capture order. Associative.

    Flows that occur in one of them only are taken over as columns. Only those of several are selected again, row by
    row.
    """
    having = [one for one in stretches if len(one.flows)]
    if len(having) < 2:
        return having[0] if having else Openings()
    every = Flows.together([one.flows for one in having])
    place, first = _places(every)
    before = np.cumsum([0, *(len(one.flows) for one in having)])
    rows = Rows.together([one.rows for one in having])
    sizes = [len(one.rows) for one in having]
    rows = rows.having(flow=place[rows["flow"] + np.repeat(before[:-1], sizes)])
    return Openings(every.take(first), _selected(rows, np.bincount(place, minlength=len(first)) > 1))


def _places(flows: Flows) -> tuple[Ints, Ints]:
    """For each flow its number in the whole, and for each of these where it occurs first."""
    keys = (flows.tenant, flows.low_port << 16 | flows.high_port, flows.low << 32 | flows.high)
    order = np.lexsort(keys)  # stable: of those that are equal the first stretch's stands first
    new = np.append(True, np.logical_or.reduce([key[order[1:]] != key[order[:-1]] for key in keys]))
    group = np.empty(len(order), np.int64)
    group[order] = new.cumsum() - 1
    first = order[new]
    by_appearance = np.argsort(first)
    number = np.empty(len(first), np.int64)
    number[by_appearance] = np.arange(len(first))
    return number[group], first[by_appearance]


def _selected(rows: Rows, shared: npt.NDArray[np.bool_]) -> Rows:
    """The rows of the whole by flow, of which those that are ``shared`` occur in several stretches."""
    again = shared[rows["flow"]]
    if again.any():
        flows: dict[int, FlowRows] = {}
        for arrival, row in enumerate(rows_of(rows.take(again))):
            flows.setdefault(row.flow, FlowRows()).push(row, arrival)
        finished = [kept.finished(number) for number, flow in flows.items() for kept in flow.kept.values()]
        rows = Rows.together([rows.take(~again), Rows.of(finished)])
    order = np.argsort(rows["flow"], kind="stable")
    # By themselves: what stretches are merged to is merged again, and would hold on to all that it was made of.
    return rows.take(order).by_themselves()
