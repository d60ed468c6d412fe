"""The table of openings: the few segments of each flow that can matter to a handshake.

One row is one kept segment (or ICMP error); what followed it on its side and was not kept is folded into its counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Final, NamedTuple, Protocol, overload

import numpy as np
import numpy.typing as npt

from pcapcheck.addresses import Addresses, union
from pcapcheck.packed import Ints as Ints
from pcapcheck.rows import FAR as FAR
from pcapcheck.rows import Rows
from pcapcheck.tables import ABSENT

SEGMENT: Final = 0
ICMP: Final = 1

# folded_signs: what some folded segment shows.
WITHOUT_TIMESTAMP: Final = 1  # no TSopt
TSVAL_BACK: Final = 2  # a TSval older than that of the segment just before it
WITH_SACK: Final = 4  # SACK blocks
REPEATED: Final = 8  # payload from before what had been sent by then


class Row(NamedTuple):
    """One row of rows.ROW as plain Python values, for the stages that step through a flow."""

    flow: int
    side: int
    kind: int
    frame: int
    time: int
    seq: int
    ack: int
    tcp_flags: int
    window: int
    payload_length: int
    ttl: int
    ip_id: int
    ecn: int
    unseen: int
    checksum: int
    vlan: int
    tunnel: int
    options_length: int
    options: bytes
    folded: int
    folded_octets: int
    folded_until: int
    folded_end: int
    folded_ack: int
    folded_least: int
    folded_largest: int
    folded_tsval: int
    folded_signs: int
    # Of its timestamps option (RFC 7323, section 3.2), where rows_of has read it; ABSENT where there is none.
    tsval: int = ABSENT
    tsecr: int = ABSENT


class FlowKey(NamedTuple):
    """The unordered pair of endpoints; the low one is the lesser as octets.

    Tenants of one overlay may use the same addresses, so their flows are told apart by ``tenant``: the number of the
    virtual network (VXLAN, VXLAN-GPE, Geneve, NVGRE) that the innermost tunnel names, made unique for each kind of
    tunnel; 0 where there is none. What the receiving end of a tunnel chooses for itself is not in the key, since the
    two directions of a connection differ in it: GTP-U's TEID, L2TP's session, an MPLS label, a GRE key. Nor is a VLAN
    tag, which may be captured in one direction only.
    """

    low: bytes
    low_port: int
    high: bytes
    high_port: int
    tenant: int = 0


def ranges(start: Ints, size: Ints) -> Ints:
    """The numbers from each start on, so many of each, one after the other: the rows of flows or of handshakes."""
    return np.repeat(start - size.cumsum() + size, size) + np.arange(size.sum())


@dataclass(frozen=True, eq=False)
class Flows(Sequence[FlowKey]):
    """The keys of flows, as columns; ``low`` and ``high`` are indices of ``hosts``."""

    hosts: Addresses
    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    low_port: npt.NDArray[np.int64]
    high_port: npt.NDArray[np.int64]
    tenant: npt.NDArray[np.int64]

    @classmethod
    def of(cls, keys: Iterable[FlowKey] = ()) -> Flows:
        """The keys in this order."""
        keys = list(keys)
        hosts = Addresses.of(address for key in keys for address in (key.low, key.high))
        number = {address: index for index, address in enumerate(hosts)}
        columns = [(number[key.low], number[key.high], key.low_port, key.high_port, key.tenant) for key in keys]
        return cls(hosts, *np.array(columns, np.int64).reshape(-1, 5).T)

    @classmethod
    def together(cls, parts: Sequence[Flows]) -> Flows:
        """The keys of all parts, one after the other; the hosts, each once."""
        hosts = union(part.hosts for part in parts)
        places = [part.hosts.places(hosts) for part in parts]
        ends = (
            np.concatenate([place[getattr(part, name)] for place, part in zip(places, parts, strict=True)])
            for name in ("low", "high")
        )
        others = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("low_port", "high_port", "tenant")
        )
        return cls(hosts, *ends, *others)

    def __len__(self) -> int:
        return len(self.low)

    @overload
    def __getitem__(self, index: int) -> FlowKey: ...
    @overload
    def __getitem__(self, index: slice) -> Flows: ...
    def __getitem__(self, index: int | slice) -> FlowKey | Flows:
        columns = (self.low, self.high, self.low_port, self.high_port, self.tenant)
        if isinstance(index, slice):
            return Flows(self.hosts, *(column[index] for column in columns))
        low, high, low_port, high_port, tenant = (int(column[index]) for column in columns)
        return FlowKey(self.hosts[low], low_port, self.hosts[high], high_port, tenant)

    def take(self, at: Ints) -> Flows:
        """Those at these indices."""
        columns = (self.low, self.high, self.low_port, self.high_port, self.tenant)
        return Flows(self.hosts, *(column[at] for column in columns))

    def by_themselves(self) -> Flows:
        """The same, with the hosts that they name alone."""
        hosts, (low, high) = self.hosts.used(self.low, self.high)
        return Flows(hosts, low, high, self.low_port, self.high_port, self.tenant)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, (Flows, list)) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Openings:
    """Flows in order of first appearance; rows sorted by flow, then in capture order."""

    flows: Flows = field(default_factory=Flows.of)
    rows: Rows = field(default_factory=Rows.of)

    def numbered_from(self, before: int) -> Openings:
        """The same, of frames that come after so many others."""
        return Openings(self.flows, self.rows.having(frame=self.rows["frame"] + before))

    def in_order(self) -> Openings:
        """The same, the flows in order of their first row's frame."""
        first = np.flatnonzero(np.diff(self.rows["flow"], prepend=-1))
        return self.ordered(np.argsort(self.rows["frame"][first], kind="stable"))

    def ordered(self, order: Ints) -> Openings:
        """The same, the flows in this order."""
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        flow = place[self.rows["flow"]]
        return Openings(self.flows.take(order), self.rows.having(flow=flow).take(np.argsort(flow, kind="stable")))

    def only(self, flows: npt.NDArray[np.bool_]) -> Openings:
        """Those of some flows alone, which are numbered from 0."""
        place = flows.cumsum() - 1
        rows = self.rows.take(flows[self.rows["flow"]])
        return Openings(self.flows.take(flows.nonzero()[0]).by_themselves(), rows.having(flow=place[rows["flow"]]))

    def batches(self, most: int) -> Iterator[Openings]:
        """The same, at most so many flows at a time, which are numbered from 0 in each batch."""
        if 0 < len(self.flows) <= most:
            return iter([self])
        return self.cut(np.append(np.arange(0, len(self.flows), most), len(self.flows)))

    def cut(self, at: Ints) -> Iterator[Openings]:
        """The flows from each of these numbers to before the next, which are numbered from 0."""
        bounds = np.searchsorted(self.rows["flow"], at).tolist()
        for (first, last), (start, stop) in zip(pairwise(at.tolist()), pairwise(bounds), strict=True):
            rows = self.rows[start:stop]
            own = rows.having(flow=rows["flow"] - np.uint32(first))
            yield Openings(self.flows[first:last].by_themselves(), own)

    def by_themselves(self) -> Openings:
        """The same, without the others that they were taken from."""
        return Openings(self.flows.by_themselves(), self.rows.by_themselves())


def beside(parts: Sequence[Openings]) -> Openings:
    """The openings of different flows in one: those of each part after those of the part before it."""
    if len(parts) < 2:
        return parts[0] if parts else Openings()
    rows = Rows.together([part.rows for part in parts])
    before = np.cumsum([0, *(len(part.flows) for part in parts[:-1])])
    flow = rows["flow"] + np.repeat(before, [len(part.rows) for part in parts]).astype(np.uint32)
    return Openings(Flows.together([part.flows for part in parts]), rows.having(flow=flow))


def fitted(parts: Iterable[Openings], most: int) -> Iterator[Openings]:
    """The parts, of different flows, cut and put together: none has more than ``most`` flows, few less than half."""
    waiting: list[Openings] = []
    count = 0
    for one in chain.from_iterable(part.batches(most) for part in parts):
        if count + len(one.flows) > most:
            yield beside(waiting)
            waiting, count = [], 0
        count += len(one.flows)
        if 2 * count >= most:
            yield beside([*waiting, one])
            waiting, count = [], 0
        else:
            waiting.append(one.by_themselves())
    if waiting:
        yield beside(waiting)


class Kept(Protocol):
    """Openings, wherever they wait until they are judged."""

    def batches(self, most: int) -> Iterator[Openings]:
        """All of them, at most so many flows at a time."""

    def numbered_from(self, before: int) -> Kept:
        """The same, of frames that come after so many others."""
