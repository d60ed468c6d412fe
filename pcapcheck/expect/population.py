"""The handshakes that an expectation is about, as columns: those of one capture, or of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Final

import numpy as np
import numpy.typing as npt

from pcapcheck.expect.tree import ALL, Filters, Network
from pcapcheck.expect.words import MAY_BE
from pcapcheck.tables import ABSENT, OUTCOMES
from pcapcheck.traffic import Ints, Traffic

Bools = npt.NDArray[np.bool_]

# What the columns below answer for each handshake.
NO: Final = 0
YES: Final = 1
UNKNOWN: Final = 2
NOT_APPLICABLE: Final = 3


class Population:
    """The handshakes of some captures, one after another."""

    def __init__(
        self, traffics: Sequence[Traffic], captures: Sequence[int], named: Callable[[int, int], str] | None = None
    ) -> None:
        """``named`` gives the name of a frame of a capture; without it that is its number."""
        self._traffics = traffics
        self.named = named or (lambda capture, frame: str(frame))
        self.capture = np.repeat(np.array(captures, np.int64), [len(one.handshakes) for one in traffics])
        self._columns: dict[str, Ints] = {}
        self._masks: dict[Filters, Bools] = {}

    def __len__(self) -> int:
        return len(self.capture)

    def column(self, name: str) -> Ints:
        """A field of Handshakes, of all of them."""
        if name not in self._columns:
            self._columns[name] = self._joined(lambda traffic: getattr(traffic.handshakes, name))
        return self._columns[name]

    def _joined(self, part: Callable[[Traffic], npt.NDArray[np.generic]]) -> Ints:
        parts = [part(traffic).astype(np.int64) for traffic in self._traffics]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def selected(self, filters: Filters) -> Bools:
        """Which handshakes the filters let through."""
        if filters not in self._masks:
            mask = np.ones(len(self), bool)
            if filters.clients:
                mask &= self._within(filters.clients, lambda traffic: traffic.clients)
            if filters.servers:
                mask &= self._within(filters.servers, lambda traffic: traffic.servers)
            if filters.ports:
                mask &= np.isin(self.column("server_port"), filters.ports)
            self._masks[filters] = mask
        return self._masks[filters]

    def _within(self, networks: Sequence[Network], side: Callable[[Traffic], Ints]) -> Bools:
        def part(traffic: Traffic) -> npt.NDArray[np.generic]:
            hosts = map(ip_address, traffic.handshakes.hosts)
            inside: Bools = np.array([any(host in network for network in networks) for host in hosts], bool)
            return np.asarray(inside[side(traffic)], bool) if len(inside) else np.empty(0, bool)

        return np.asarray(self._joined(part) != 0, bool)

    def is_one_of(self, outcomes: Sequence[str]) -> Ints:
        """Whether each handshake came to one of these outcomes: YES, NO, or UNKNOWN where it may have."""
        answers = np.full(len(OUTCOMES), NO, np.int64)
        for code, name in enumerate(OUTCOMES):
            if not outcomes or name in outcomes:
                answers[code] = YES
            elif MAY_BE.get(name, frozenset()) & set(outcomes):
                answers[code] = UNKNOWN
        found: Ints = answers[self.column("outcome")]
        return found

    def measured(self, measure: str, filters: Filters = ALL) -> Ints:
        """Index of each handshake of which this round-trip time was measured, exactly or between bounds."""
        there = self.selected(filters) & (self.column(f"{measure}_max") != ABSENT)
        return np.flatnonzero(there)
