"""The traffic of a capture, put together from batches of its flows that were judged by themselves.

A batch is small enough for the processor's cache, and when it is judged only its columns are kept at hand, packed. Its
rows go to disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from pcapcheck.addresses import Addresses, union
from pcapcheck.diagnoses import DIAGNOSES as DIAGNOSES  # so that all functions of BY_ROWS are there
from pcapcheck.judge import judge, judge_flows, spread_one_sidedness
from pcapcheck.known import Known
from pcapcheck.memory import give_back
from pcapcheck.openings import Kept, Openings, fitted
from pcapcheck.packed import Packed
from pcapcheck.rows import Rows
from pcapcheck.rules.asking import looked_at
from pcapcheck.scratch import Scratch
from pcapcheck.sorting import stable_order
from pcapcheck.stored import Store, Stored
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import COLUMNS, Handshakes, Ints, Traffic

# What a batch's own numbers stand for differs from batch to batch; those of hosts are renumbered in the end.
_RENUMBERED: Final = ("history_code", "flow")

# Flows of a batch: as few as are judged as quickly as more (8,000 to 64,000 are alike).
BATCH: Final = 1 << 13


def traffic_of(
    openings: Kept, capture: int = 0, end_time: int = ABSENT, batch: int = 0, *, count_floods: bool = False
) -> Traffic:
    """The handshakes of a capture, as ``judge`` gives them; of more than ``batch`` (BATCH) flows rows are stored.

    With ``count_floods`` the lone SYNs of floods are counted (Traffic.floods) and are not among them.
    """
    batch = batch or BATCH
    if isinstance(openings, Openings) and len(openings.flows) <= batch:
        return judge(openings, capture, end_time)
    from pcapcheck.lone_syns import LoneSyns

    pile, lone = _Pile(batch), LoneSyns(end_time)

    def add(batches: Iterable[Openings]) -> None:
        for one in batches:
            if len(one.flows):
                pile.add(judge_flows(one, capture, end_time))
        give_back()

    batches = openings.batches(batch)
    add(fitted(map(lone.taken_from, batches), batch) if count_floods else batches)
    if not lone:
        return pile.traffic()
    add(fitted(lone.doubtful(pile.traffic(once_more=True)), batch))
    add(fitted(lone.not_of_floods(pile.traffic(once_more=True)), batch))
    traffic = pile.traffic()
    before = lone.before(traffic.handshakes.first_frame)
    return replace(traffic, floods=lone.floods(), before=Packed.of(before))


class _Pile:
    """What is kept of the batches so far, in their order."""

    def __init__(self, batch: int) -> None:
        """``batch``: handshakes that are looked at together."""
        self._together = batch
        scratch = self._scratch = Scratch()
        self._columns = {name: Packed(scratch) for name in COLUMNS}
        self._known = Known(scratch)
        self._hosts: list[Addresses] = []
        self._sizes: list[int] = []  # handshakes of each batch
        self._histories: dict[str, int] = {}
        self._flows = 0
        self._store = Store()
        # Of each handshake: the number of its first row, how many there are, and the batch in which it came.
        self._first, self._size, self._batch = (Packed(scratch) for _ in range(3))
        self._again: list[tuple[Ints, Ints]] = []  # handshakes whose rows stand apart as well, and where they begin

    def add(self, batch: Traffic) -> None:
        """Take a batch, and keep of it what will be asked for."""
        self._add_columns(batch.handshakes)
        self._batch.extend(np.full(len(batch.handshakes), len(self._sizes)))
        self._first.extend(len(self._store) + batch.starts[:-1])
        self._size.extend(np.diff(batch.starts))
        self._store.add(batch.rows, batch.event, batch.from_client)
        self._known.add(batch)
        if self._known.waiting >= self._together:
            self._look()

    def _look(self) -> None:
        """Work out what is asked about the rows of handshakes that are not smooth."""
        number, traffic = self._known.look()
        # Once more and apart, so that what rules look at is read without the rest: to sort them out would take longer.
        (looked,) = looked_at(traffic).nonzero()
        rows = traffic.rows_of(looked)
        size = np.diff(traffic.starts)[looked]
        self._again.append((number[looked], len(self._store) + size.cumsum() - size))
        self._store.add(traffic.rows.take(rows), traffic.event[rows], traffic.from_client[rows])

    def _add_columns(self, handshakes: Handshakes) -> None:
        for name in COLUMNS:
            if name not in _RENUMBERED:
                self._columns[name].extend(getattr(handshakes, name))
        codes = [self._histories.setdefault(letters, len(self._histories)) for letters in handshakes.histories]
        self._columns["history_code"].extend(np.array(codes, np.int64)[handshakes.history_code])
        self._columns["flow"].extend(handshakes.flow + self._flows)
        self._flows += int(handshakes.flow.max(initial=-1)) + 1
        self._hosts.append(handshakes.hosts)
        self._sizes.append(len(handshakes))

    def traffic(self, *, once_more: bool = False) -> Traffic:
        """All of it, in order of the first frame. What the pile keeps is let go, unless it is asked ``once_more``."""
        if self._known.waiting:
            self._look()
        hosts = union(self._hosts)
        order = stable_order(self._columns["first_frame"].read())
        columns: dict[str, Ints | Packed] = {}
        for name in COLUMNS:
            column = self._columns[name] if once_more else self._columns.pop(name)
            column = self._named(column, hosts) if name in ("client", "server") else column
            columns[name] = column.reordered(order)
        handshakes = Handshakes(columns, hosts, list(self._histories))
        spread_one_sidedness(handshakes)
        first = self._first.read()
        for looked, again in self._again:
            first[looked] = again
        return Traffic(
            handshakes,
            Rows.of(),
            np.empty(0, np.int64),
            np.empty(0, np.int8),
            np.empty(0, bool),
            np.zeros(len(handshakes), bool),
            Stored(
                self._store,
                Packed.of(first[order], self._scratch),
                self._size.reordered(order),
                self._batch.reordered(order),
            ),
            self._known.columns(order),
        )

    def _named(self, column: Packed, hosts: Addresses) -> Packed:
        """The clients or servers of all batches, numbered alike."""
        ends = np.cumsum([0, *self._sizes])
        renumbered = Packed(self._scratch)
        for own, start, stop in zip(self._hosts, ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            renumbered.extend(own.places(hosts)[column.read(start, stop)])
        return renumbered
