"""The openings of two neighbouring stretches as one: what ``select`` gives of both together."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from pcapcheck.addresses import Addresses, union
from pcapcheck.openings import ROW, Flows, Ints, Openings
from pcapcheck.select import FlowRows, rows_of


def merge(first: Openings, then: Openings) -> Openings:
    """The openings of two neighbouring stretches, in capture order. Associative.

    Flows that occur in one of them only are taken over as columns. Only those of both are selected again, row by row.
    """
    if not len(first.flows) or not len(then.flows):
        return first if len(first.flows) else then
    hosts, known, new = _in_one_numbering(first.flows, then.flows)
    place = _places(known, new)
    added = place >= len(first.flows)
    columns = [np.append(one, other[added]) for one, other in zip(known, new, strict=True)]
    return Openings(Flows(hosts, *columns), _rows(first.rows, then.rows, place, len(first.flows)))


def _in_one_numbering(first: Flows, then: Flows) -> tuple[Addresses, list[Ints], list[Ints]]:
    """The hosts of both, and the columns of the flows of each, which count in them."""
    hosts = union([first.hosts, then.hosts])

    def columns(flows: Flows) -> list[Ints]:
        place = flows.hosts.places(hosts)
        return [place[flows.low], place[flows.high], flows.low_port, flows.high_port, flows.tenant]

    return hosts, columns(first), columns(then)


def _places(known: list[Ints], new: list[Ints]) -> Ints:
    """For each flow of the second stretch its number in the whole: that of the first, or the next one."""
    low, high, low_port, high_port, tenant = (np.append(one, other) for one, other in zip(known, new, strict=True))
    total = len(known[0])
    keys = (tenant, low_port << 16 | high_port, low << 32 | high)
    order = np.lexsort(keys)  # stable: of two that are equal the first stretch's stands before the second's
    same = np.logical_and.reduce([key[order[1:]] == key[order[:-1]] for key in keys])
    place = np.full(len(new[0]), total, np.int64)
    place[order[1:][same] - total] = order[:-1][same]
    added = place == total
    place[added] += np.arange(added.sum())
    return place


def _rows(first: npt.NDArray[Any], then: npt.NDArray[Any], place: Ints, total: int) -> npt.NDArray[Any]:
    """The rows of the whole, in which the first stretch has ``total`` flows."""
    then = then.copy()
    then["flow"] = place[then["flow"]]
    shared = np.zeros(total + len(place), bool)
    shared[place[place < total]] = True
    in_first, in_then = shared[first["flow"]], shared[then["flow"]]
    again = _selected(first[in_first], then[in_then])
    if not len(again):
        return np.concatenate([first, then])
    rows = np.concatenate([first[~in_first], again, then[~in_then]])
    return rows[np.argsort(rows["flow"], kind="stable")]


def _selected(first: npt.NDArray[Any], then: npt.NDArray[Any]) -> npt.NDArray[Any]:
    flows: dict[int, FlowRows] = {}
    for arrival, row in enumerate(chain(rows_of(first), rows_of(then))):
        flows.setdefault(row.flow, FlowRows()).push(row, arrival)
    finished = [kept.finished(number) for number, flow in flows.items() for kept in flow.kept.values()]
    return np.array(finished, ROW)
