"""The hosts table: what every address did as a client and as a server, over all captures of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.report.identify import address_text
from pcapcheck.report.report import Report
from pcapcheck.report.rtt_table import quantile
from pcapcheck.tables import ABSENT, OUTCOMES
from pcapcheck.traffic import Handshakes, Ints

_PERCENTS: Final = (50, 95, 99)


def host_rows(report: Report) -> list[tuple[Any, ...]]:
    """The values of tables.HOSTS, in order of address: IPv4 first, then as numbers."""
    numbers: dict[bytes, int] = {}
    clients, servers = [], []
    for traffic in report.traffics:
        handshakes = traffic.handshakes
        of_run = np.array([numbers.setdefault(host, len(numbers)) for host in handshakes.hosts], np.int64)
        addresses = of_run[handshakes.addresses] if len(of_run) else of_run
        clients.append(addresses[: len(handshakes)])
        servers.append(addresses[len(handshakes) :])
    parts = [traffic.handshakes for traffic in report.traffics]
    columns = _columns(parts, _joined(clients), _joined(servers), len(numbers))
    order = sorted(numbers, key=lambda address: (len(address), address))
    return [(address_text(address), *(column[numbers[address]] for column in columns)) for address in order]


def _columns(parts: Sequence[Handshakes], client: Ints, server: Ints, size: int) -> list[list[Any]]:
    """The columns after the address, each with an entry for every host."""

    def of(name: str) -> Ints:
        return _joined([getattr(part, name) for part in parts])

    outcome, either = of("outcome"), np.concatenate([client, server])
    as_client, as_server = (np.bincount(role, minlength=size) for role in (client, server))
    roles = np.where(as_client == 0, "server", np.where(as_server == 0, "client", "both"))
    earliest, latest = _span(either, np.tile(of("start_time"), 2), size)
    return [
        roles.tolist(),
        [None if time == NO_TIME else time for time in earliest.tolist()],
        [None if time == NO_TIME else time for time in latest.tolist()],
        as_client.tolist(),
        *_by_outcome(client, outcome, size),
        as_server.tolist(),
        *_by_outcome(server, outcome, size),
        _different(either, np.concatenate([server, client]), size),
        _different(server, of("server_port"), size),
        *_quantiles(server, of("server_rtt"), size),
        *_quantiles(client, of("client_rtt"), size),
        _values(either, np.concatenate([of("syn_ttl"), of("synack_ttl")]), size),
        _values(either, np.concatenate([of("client_mss"), of("server_mss")]), size),
    ]


def _joined(columns: Sequence[Ints]) -> Ints:
    return np.concatenate(columns) if columns else np.empty(0, np.int64)


def _span(host: Ints, time: Ints, size: int) -> tuple[Ints, Ints]:
    """The earliest and the latest time of each host, NO_TIME where it has none."""
    known = time != NO_TIME
    earliest, latest = np.full(size, np.iinfo(np.int64).max), np.full(size, NO_TIME)
    np.minimum.at(earliest, host[known], time[known])
    np.maximum.at(latest, host[known], time[known])
    return np.where(latest == NO_TIME, NO_TIME, earliest), latest


def _by_outcome(host: Ints, outcome: Ints, size: int) -> list[list[int]]:
    counts = np.bincount(host * len(OUTCOMES) + outcome, minlength=size * len(OUTCOMES))
    by_outcome: list[list[int]] = counts.reshape(size, len(OUTCOMES)).T.tolist()
    return by_outcome


def _grouped(host: Ints, values: Ints, size: int) -> list[Ints]:
    """The values of each host that are there, sorted."""
    known = values != ABSENT
    host, values = host[known], values[known]
    order = np.lexsort((values, host))
    ends = np.bincount(host, minlength=size).cumsum()
    return np.split(values[order], ends[:-1]) if size else []


def _different(host: Ints, values: Ints, size: int) -> list[int]:
    return [len(np.unique(group)) for group in _grouped(host, values, size)]


def _values(host: Ints, values: Ints, size: int) -> list[list[int]]:
    return [np.unique(group).tolist() for group in _grouped(host, values, size)]


def _quantiles(host: Ints, rtts: Ints, size: int) -> list[list[int | None]]:
    groups = _grouped(host, rtts, size)
    return [
        [len(group) for group in groups],
        *([quantile(group, percent) if len(group) else None for group in groups] for percent in _PERCENTS),
    ]
