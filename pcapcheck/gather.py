"""The traffic of a capture, put together from batches of its flows that were judged by themselves.

A batch is small enough for the processor's cache, and when it is judged only what somebody asks for is kept at hand:
columns, packed, and the rows of handshakes of which a rule wants to know more. All other rows go to disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.addresses import Addresses, union
from pcapcheck.diagnoses import DIAGNOSES as DIAGNOSES  # so that all functions of BY_ROWS are there
from pcapcheck.evidence import Event
from pcapcheck.judge import judge, judge_flows, spread_one_sidedness
from pcapcheck.memory import give_back
from pcapcheck.openings import ROW, Kept, Openings
from pcapcheck.packed import Packed
from pcapcheck.rules import RULES
from pcapcheck.stored import Store, Stored
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import BY_ROWS, COLUMNS, Handshakes, Ints, Traffic

Bools = npt.NDArray[np.bool_]

# What a batch's own numbers stand for differs from batch to batch.
_RENUMBERED: Final = ("client", "server", "history_code", "flow")


# Flows of a batch: as few as are judged as quickly as more (8,000 to 64,000 are alike).
BATCH: Final = 1 << 13


# Batches after which memory is given back.
_GIVEN_BACK: Final = 4


def traffic_of(openings: Kept, capture: int = 0, end_time: int = ABSENT, batch: int = BATCH) -> Traffic:
    """The handshakes of a capture, as ``judge`` gives them; of more than ``batch`` flows most rows are stored."""
    if isinstance(openings, Openings) and len(openings.flows) <= batch:
        return judge(openings, capture, end_time)
    return gathered(judge_flows(one, capture, end_time) for one in openings.batches(batch))


def gathered(batches: Iterable[Traffic]) -> Traffic:
    """The traffic of all batches, its handshakes in order of their first frame. Every batch has all rows of its own."""
    pile = _Pile()
    for number, batch in enumerate(batches, start=1):
        pile.add(batch)
        if not number % _GIVEN_BACK:
            give_back()  # what is kept of each batch stands between what is not
    give_back()
    return pile.traffic()


def wanted_rows(batch: Traffic) -> Bools:
    """The handshakes whose rows some rule may look at."""
    wanted = batch.has(Event.COPY)
    for rule in RULES.values():
        if rule.among is not None and rule.reads_rows and not rule.per_capture:
            wanted = wanted | rule.among(batch)
    return wanted


class _Pile:
    """What is kept of the batches so far, in their order."""

    def __init__(self) -> None:
        self._columns = {name: Packed() for name in COLUMNS}
        self._known: dict[str, tuple[Packed, ...]] = {}
        self._hosts: list[Addresses] = []
        self._sizes: list[int] = []  # handshakes of each batch
        self._histories: dict[str, int] = {}
        self._flows = 0
        self._store = Store()
        self._first, self._size = Packed(), Packed()  # of each handshake: where its rows are stored, and how many
        self._rows: list[tuple[npt.NDArray[Any], Ints, npt.NDArray[np.int8], Bools]] = []  # at hand

    def add(self, batch: Traffic) -> None:
        """Take a batch, and keep of it what will be asked for."""
        handshakes, before = batch.handshakes, sum(self._sizes)
        self._add_columns(handshakes)
        for name, function in BY_ROWS.items():
            found = function(batch)
            columns = found if isinstance(found, tuple) else (found,)
            for packed, column in zip(self._known.setdefault(name, _empty(len(columns))), columns, strict=True):
                packed.extend(column)
        wanted = wanted_rows(batch)
        first = self._put_away(batch, ~wanted)
        self._first.extend(first)
        self._size.extend(np.where(first == ABSENT, 0, np.diff(batch.starts)))
        at_hand = batch if wanted.all() else batch.only(wanted)
        self._rows.append((at_hand.rows, at_hand.handshake + before, at_hand.event, at_hand.from_client))

    def _add_columns(self, handshakes: Handshakes) -> None:
        for name in COLUMNS:
            if name not in _RENUMBERED or name in ("client", "server"):
                self._columns[name].extend(getattr(handshakes, name))
        codes = [self._histories.setdefault(letters, len(self._histories)) for letters in handshakes.histories]
        self._columns["history_code"].extend(np.array(codes, np.int64)[handshakes.history_code])
        self._columns["flow"].extend(handshakes.flow + self._flows)
        self._flows += int(handshakes.flow.max(initial=-1)) + 1
        self._hosts.append(handshakes.hosts)
        self._sizes.append(len(handshakes))

    def _put_away(self, batch: Traffic, stored: Bools) -> Ints:
        """Store the rows of these handshakes: the number of each one's first row, ABSENT of the others."""
        rows = stored[batch.handshake]
        number = self._store.add(batch.rows[rows], batch.event[rows], batch.from_client[rows])
        size = np.diff(batch.starts)[stored]
        first = np.full(len(stored), ABSENT, np.int64)
        first[stored] = number + size.cumsum() - size
        return first

    def traffic(self) -> Traffic:
        """All of it, in order of the first frame."""
        hosts = union(self._hosts)
        self._name_hosts(hosts)
        order = np.argsort(self._columns["first_frame"].read(), kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        for name, column in self._columns.items():
            self._columns[name] = _ordered(column, order)
        handshakes = Handshakes(self._columns, hosts, list(self._histories))
        spread_one_sidedness(handshakes)
        handshake, rows, event, from_client = self._rows_in_order(place)
        stored = Stored(self._store, _ordered(self._first, order), _ordered(self._size, order))
        return Traffic(
            handshakes,
            rows,
            handshake,
            event,
            from_client,
            np.zeros(len(handshakes), bool),
            stored,
            {name: tuple(_ordered(one, order) for one in columns) for name, columns in self._known.items()},
        )

    def _rows_in_order(self, place: Ints) -> tuple[Ints, npt.NDArray[Any], npt.NDArray[np.int8], Bools]:
        """The rows at hand by handshake. Each batch lets go of its own when they are taken over."""
        handshake = np.concatenate([place[own] for _, own, _, _ in self._rows])
        order = np.argsort(handshake, kind="stable")
        position = np.empty_like(order)
        position[order] = np.arange(len(order))
        rows, event, from_client = np.empty(len(order), ROW), np.empty(len(order), np.int8), np.empty(len(order), bool)
        stop = len(order)
        while self._rows:
            own_rows, _, own_event, own_from_client = self._rows.pop()
            at = position[stop - len(own_rows) : stop]
            rows[at], event[at], from_client[at] = own_rows, own_event, own_from_client
            stop -= len(own_rows)
        return handshake[order], rows, event, from_client

    def _name_hosts(self, hosts: Addresses) -> None:
        """Number the clients and servers of all batches alike."""
        ends = np.cumsum([0, *self._sizes])
        for name in ("client", "server"):
            renumbered = Packed()
            for own, start, stop in zip(self._hosts, ends[:-1].tolist(), ends[1:].tolist(), strict=True):
                renumbered.extend(own.places(hosts)[self._columns[name].read(start, stop)])
            self._columns[name] = renumbered


def _empty(number: int) -> tuple[Packed, ...]:
    return tuple(Packed() for _ in range(number))


def _ordered(column: Packed, order: Ints) -> Packed:
    return Packed.of(column.unpacked()[order])
