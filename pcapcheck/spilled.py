"""Openings on disk: those of more connections than are tracked at once.

A connection that is moved to disk may go on. What comes of it then is in another piece, and pieces are merged as those
of neighbouring stretches are, so that nothing changes but where they wait. Most connections are in one piece only, and
are given back as they were put there: by their fingerprints it is known which are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np

from pcapcheck.addresses import Addresses
from pcapcheck.columns_on_disk import ColumnsOnDisk
from pcapcheck.fingerprints import Again, fingerprints, part_of
from pcapcheck.neighbours import merge
from pcapcheck.openings import Flows, Kept, Openings, fitted
from pcapcheck.rows_on_disk import RowsOnDisk
from pcapcheck.scratch import Read, Scratch

# Flows of a piece at most: as many as are judged at a time (gather.BATCH).
PIECE: Final = 1 << 13

_FEW: Final = 1 << 8  # flows

# Flows of several pieces are merged in so many parts at most, to each of which about so many are added at a time.
_PARTS: Final = 64
_ADDED: Final = 1 << 6

_FLOW: Final = np.dtype([("low", "<u4"), ("high", "<u4"), ("low_port", "<u2"), ("high_port", "<u2"), ("tenant", "<i8")])


class Piece(NamedTuple):
    """Openings on disk."""

    flows: ColumnsOnDisk
    rows: RowsOnDisk
    before: int = 0  # frames that come before those of these rows

    @classmethod
    def of(cls, openings: Openings, scratch: Scratch) -> Piece:
        """Put away openings."""
        flows = openings.flows
        columns = {name: getattr(flows, name) for name in _FLOW.names or ()}
        sizes = np.array([len(flows.hosts.ip4), len(flows.hosts.ip6)], np.int64)
        away = ColumnsOnDisk(_FLOW, columns, scratch, [sizes, flows.hosts.ip4, flows.hosts.ip6])
        return cls(away, RowsOnDisk(openings.rows, scratch))

    def openings(self) -> Openings:
        """Read them back."""
        octets = self.flows.rest()
        ip4, ip6 = np.frombuffer(octets, np.int64, 2).tolist()
        # Copies: addresses are kept when the rest is not needed any more.
        hosts = Addresses(
            np.frombuffer(octets, np.uint32, ip4, 16).copy(), np.frombuffer(octets, "S16", ip6, 16 + 4 * ip4).copy()
        )
        flows = Flows(hosts, *(self.flows[name].astype(np.int64) for name in _FLOW.names or ()))
        whole = Openings(flows, self.rows.rows())
        return whole.numbered_from(self.before) if self.before else whole


class Spilled:
    """Openings of any number of flows, in pieces on disk. What is added comes later in the capture."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._fingerprints: list[Read] = []  # of the flows of each piece
        self._scratch = Scratch()
        self.flow_count = 0  # one that is in several pieces counts for each

    def add(self, openings: Openings) -> None:
        """Take the openings of the stretch that follows."""
        for batch in openings.batches(PIECE):
            self._pieces.append(Piece.of(batch, self._scratch))
            self._fingerprints.append(self._scratch.write(fingerprints(batch.flows).tobytes()))
        self.flow_count += len(openings.flows)

    def with_rest(self, rest: Openings) -> Kept:
        """All of it, where ``rest`` is what came after what was added; that alone, where nothing was."""
        if not self.flow_count:
            return rest
        self.add(rest)
        return self

    def numbered_from(self, before: int) -> Spilled:
        """The same, of frames that come after so many others."""
        pieces = [one._replace(before=one.before + before) for one in self._pieces]
        return self._of(pieces, self._fingerprints, self.flow_count)

    def followed_by(self, then: Spilled) -> Spilled:
        """Both, as one."""
        together = self._fingerprints + then._fingerprints
        return self._of(self._pieces + then._pieces, together, self.flow_count + then.flow_count)

    @classmethod
    def _of(cls, pieces: list[Piece], fingerprints: list[Read], flow_count: int) -> Spilled:
        one = cls()
        one._pieces, one._fingerprints, one.flow_count = pieces, fingerprints, flow_count
        return one

    def batches(self, most: int) -> Iterator[Openings]:
        """All of it, at most so many flows at a time."""
        again = Again(self._fingerprints, self.flow_count)
        parts = _Parts(min(again.count // most + 1, _PARTS))
        yield from fitted(self._others(again, parts), most)
        for whole in parts.merged():
            yield from whole.batches(most)

    def _others(self, again: Again, parts: _Parts) -> Iterator[Openings]:
        """The pieces without the flows that may be in several, which are added to ``parts``."""
        for piece, read in zip(self._pieces, self._fingerprints, strict=True):
            openings = piece.openings()
            several = again.holds(np.frombuffer(read(), np.uint64))
            if several.any():
                parts.add(openings.only(several))
                openings = openings.only(~several)
            yield openings

    def whole(self) -> Openings:
        """All of it at once, the flows in order of their first frame."""
        return merge(*(one.openings() for one in self._pieces)).in_order()

    def __reduce__(self) -> tuple[Callable[[Openings], Openings], tuple[Openings]]:
        # Elsewhere the file is not there.
        return _itself, (self.whole(),)


class _Parts:
    """Openings of flows that occur again, added in capture order, on disk in parts that have no flow in common."""

    def __init__(self, number: int) -> None:
        self._parts: list[list[Piece]] = [[] for _ in range(number)]
        self._scratch = Scratch()
        self._waiting: list[Openings] = []
        self._waiting_flows = 0

    def add(self, openings: Openings) -> None:
        self._waiting.append(openings.by_themselves())
        self._waiting_flows += len(openings.flows)
        if self._waiting_flows >= _ADDED * len(self._parts):
            self._put_away()

    def _put_away(self) -> None:
        openings = merge(*self._waiting)
        self._waiting, self._waiting_flows = [], 0
        part = part_of(fingerprints(openings.flows), len(self._parts))
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(len(self._parts) + 1))
        for pieces, own in zip(self._parts, openings.ordered(order).cut(ends), strict=True):
            if len(own.flows):
                pieces.append(Piece.of(own, self._scratch))

    def merged(self) -> Iterator[Openings]:
        """The parts, one after the other."""
        self._put_away()
        for pieces in self._parts:
            yield merge(*(one.openings() for one in pieces))


def joined(first: Kept, then: Kept, most: int) -> Kept:
    """The openings of two neighbouring stretches, in capture order: on disk, where they have more flows than ``most``.

    Associative.
    """
    if isinstance(first, Openings) and isinstance(then, Openings) and len(first.flows) + len(then.flows) <= most:
        return merge(first, then)
    return _spilled(first).followed_by(_spilled(then))


def waiting(openings: Kept) -> Kept:
    """The same while others are awaited that they are to be joined with: on disk, unless they are few."""
    few = isinstance(openings, Openings) and len(openings.flows) <= _FEW
    return openings if few else _spilled(openings)


def _spilled(openings: Kept) -> Spilled:
    if isinstance(openings, Spilled):
        return openings
    spilled = Spilled()
    for batch in openings.batches(PIECE):
        spilled.add(batch)
    return spilled


def _itself(openings: Openings) -> Openings:
    return openings
