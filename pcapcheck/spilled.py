"""Openings on disk: those of more connections than are tracked at once.

A connection that is moved to disk may go on. What comes of it then is another piece, and pieces are merged as those of
neighbouring stretches are, so that nothing changes but where they wait. All pieces of a connection are in one bucket,
by a hash of its key, and one bucket at a time is read back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.addresses import Addresses
from pcapcheck.neighbours import merge
from pcapcheck.openings import Flows, Ints, Kept, Openings
from pcapcheck.rows import Rows
from pcapcheck.rows_on_disk import RowsOnDisk
from pcapcheck.scratch import Read, Scratch, compressed, decompressed

BUCKETS: Final = 64

_FLOW: Final = np.dtype(
    [("low", "S16"), ("high", "S16"), ("wide", "?"), ("low_port", "<u2"), ("high_port", "<u2"), ("tenant", "<i8")]
)
_AT_A_TIME: Final = 1 << 13  # flows
_FEW: Final = 1 << 8  # flows

# Not known beforehand: in a flood the addresses are the attacker's choice.
_FACTORS: Final = np.frombuffer(os.urandom(40), np.uint64) | np.uint64(1)


class Piece(NamedTuple):
    """Openings on disk."""

    flows: Read
    rows: RowsOnDisk
    before: int = 0  # frames that come before those of these rows

    @classmethod
    def of(cls, openings: Openings, scratch: Scratch) -> Piece:
        """Put away openings."""
        return _put_away(_packed(openings.flows), openings.rows, scratch)

    def openings(self) -> Openings:
        """Read them back."""
        flows = np.frombuffer(decompressed(self.flows()), _FLOW)
        whole = Openings(_unpacked(flows), self.rows.rows())
        return whole.numbered_from(self.before) if self.before else whole


class Spilled:
    """Openings of any number of flows, in pieces on disk. What is added comes later in the capture."""

    def __init__(self) -> None:
        self._buckets: list[list[Piece]] = [[] for _ in range(BUCKETS)]
        self._scratch = Scratch()
        self.flow_count = 0  # one that is in several pieces counts for each

    def add(self, openings: Openings) -> None:
        """Take the openings of the stretch that follows."""
        if not len(openings.flows):
            return
        self.flow_count += len(openings.flows)
        bucket = _buckets(openings.flows)
        order = np.argsort(bucket, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        flow = place[openings.rows["flow"]]
        by_flow = np.argsort(flow, kind="stable")
        flow, rows = flow[by_flow], openings.rows.take(by_flow)
        flows = _packed(openings.flows).take(order)
        bounds = np.searchsorted(bucket[order], np.arange(BUCKETS + 1)).tolist()
        row_bounds = np.searchsorted(flow, bounds).tolist()
        rows = rows.having(flow=flow - np.repeat(bounds[:-1], np.diff(row_bounds)))
        for number, pieces in enumerate(self._buckets):
            start, stop = bounds[number : number + 2]
            if start < stop:
                own = rows[row_bounds[number] : row_bounds[number + 1]]
                pieces.append(_put_away(flows[start:stop], own, self._scratch))

    def with_rest(self, rest: Openings) -> Kept:
        """All of it, where ``rest`` is what came after what was added; that alone, where nothing was."""
        if not self.flow_count:
            return rest
        self.add(rest)
        return self

    def numbered_from(self, before: int) -> Spilled:
        """The same, of frames that come after so many others."""
        later = Spilled()
        later._buckets = [[one._replace(before=one.before + before) for one in pieces] for pieces in self._buckets]
        later.flow_count = self.flow_count
        return later

    def followed_by(self, then: Spilled) -> Spilled:
        """Both, as one."""
        both = Spilled()
        both._buckets = [[*mine, *theirs] for mine, theirs in zip(self._buckets, then._buckets, strict=True)]
        both.flow_count = self.flow_count + then.flow_count
        return both

    def batches(self, most: int) -> Iterator[Openings]:
        """All of it, at most so many flows at a time."""
        together = max(1, most * BUCKETS // max(self.flow_count, 1))
        for first in range(0, BUCKETS, together):
            pieces = chain.from_iterable(self._buckets[first : first + together])
            yield from merge(*(one.openings() for one in pieces)).batches(most)

    def whole(self) -> Openings:
        """All of it at once, the flows in order of their first frame."""
        return merge(*(merge(*(one.openings() for one in pieces)) for pieces in self._buckets)).in_order()

    def __reduce__(self) -> tuple[Callable[[Openings], Openings], tuple[Openings]]:
        # Elsewhere the file is not there.
        return _itself, (self.whole(),)


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
    for batch in openings.batches(_AT_A_TIME):
        spilled.add(batch)
    return spilled


def _itself(openings: Openings) -> Openings:
    return openings


def _buckets(flows: Flows) -> Ints:
    """The bucket of each flow: a hash of its key."""
    one, two, three, four, five = _FACTORS
    hosts = hashed(flows.hosts)
    ports = (flows.low_port << 16 | flows.high_port).astype(np.uint64)
    key = mixed(hosts[flows.low]) * four + mixed(hosts[flows.high]) * five
    key = mixed(key) * one + mixed(ports * two + flows.tenant.astype(np.uint64) * three)
    return (mixed(key) >> np.uint64(64 - (BUCKETS - 1).bit_length())).astype(np.int64)


def hashed(hosts: Addresses) -> npt.NDArray[np.uint64]:
    """A number for each address, which is hardly that of another, in this process."""
    one, two, three, *_ = _FACTORS
    halves = np.ascontiguousarray(hosts.ip6).view("<u8").reshape(-1, 2)
    return np.append(hosts.ip4.astype(np.uint64) * one, halves[:, 0] * two + mixed(halves[:, 1] * three))


def mixed(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    words = (words ^ (words >> np.uint64(32))) * _FACTORS[0]
    return words ^ (words >> np.uint64(29))


def _put_away(flows: npt.NDArray[Any], rows: Rows, scratch: Scratch) -> Piece:
    return Piece(scratch.write(compressed(flows.tobytes())), RowsOnDisk(rows, scratch))


def _packed(flows: Flows) -> npt.NDArray[Any]:
    packed = np.zeros(len(flows), _FLOW)
    hosts = flows.hosts
    octets = np.append(hosts.ip4.astype(">u4").view("S4").astype("S16"), hosts.ip6)
    packed["low"], packed["high"] = octets[flows.low], octets[flows.high]
    packed["wide"] = flows.low >= len(hosts.ip4)
    for name in ("low_port", "high_port", "tenant"):
        packed[name] = getattr(flows, name)
    return packed


def _unpacked(packed: npt.NDArray[Any]) -> Flows:
    wide = packed["wide"]
    ends = np.stack([packed["low"], packed["high"]])
    narrow = np.ascontiguousarray(ends[:, ~wide]).view(">u4").reshape(2, -1, 4)[:, :, 0]
    ip4, number4 = np.unique(narrow, return_inverse=True)
    ip6, number6 = np.unique(ends[:, wide], return_inverse=True)
    numbers = np.empty((2, len(packed)), np.int64)
    numbers[:, ~wide] = number4.reshape(2, -1)
    numbers[:, wide] = number6.reshape(2, -1) + len(ip4)
    others = (packed[name].astype(np.int64) for name in ("low_port", "high_port", "tenant"))
    return Flows(Addresses(ip4.astype(np.uint32), ip6), *numbers, *others)
