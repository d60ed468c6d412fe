"""Lone SYNs at sockets that get many of them: on disk, until it is known whether they are part of a flood.

A flood may have more SYNs than there is memory for handshakes. Of those that are all there is of their 4-tuple no more
than this is to be said: how many there are, from when to when, from how many addresses. So they are counted, and all
others are given back to be judged one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.columns_on_disk import ColumnsOnDisk
from pcapcheck.decode.option_columns import option_columns
from pcapcheck.decode.segment import ACK, FIN, RST, SYN
from pcapcheck.diagnoses.syn_floods import FLOOD, REPEAT_NS, Spans, forsaken, spans
from pcapcheck.evidence import PENDING_NS, SECOND, Fact
from pcapcheck.fingerprints import hashed, mixed
from pcapcheck.flood import Flood, Socket
from pcapcheck.openings import ICMP, Ints, Openings
from pcapcheck.scratch import Read, Scratch
from pcapcheck.sorting import occur_in, ranks, stretches
from pcapcheck.spilled import PIECE, Piece
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic

Bools = npt.NDArray[np.bool_]
Columns = Mapping[str, npt.NDArray[Any]]  # of _SYN

# Of a socket that gets fewer in a batch each is judged by itself.
MANY: Final = 64
# The first of each flood are among the handshakes: a report names some of them.
SHOWN: Final = 8

_SYN: Final = np.dtype(
    [("socket", "<i4"), ("pending", "?"), ("time", "<i8"), ("frame", "<i8"), ("source", "<u8")]  # source: a hash
)
# Entries that wait in memory until they are thinned out, or put on disk.
_WAITING: Final = 1 << 20
_BUCKETS: Final = 16


class LoneSyns:
    """Lone SYNs of a capture that ends at ``end_time`` (ns)."""

    def __init__(self, end_time: int) -> None:
        self._end_time = end_time
        self._sockets: dict[Socket, int] = {}
        self._scratch = Scratch()
        self._pieces: list[tuple[ColumnsOnDisk, Piece]] = []
        self._times = _Times()
        self._limits: _Limits | None = None

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def taken_from(self, openings: Openings) -> Openings:
        """Take those of a batch at sockets that get many; gives the batch without them."""
        flow, syns = self._found(openings)
        if not len(flow):
            return openings
        taken = np.zeros(len(openings.flows), bool)
        taken[flow] = True
        self._put(syns, openings.only(taken))
        return openings.only(~taken)

    def _found(self, openings: Openings) -> tuple[Ints, Columns]:
        """The flows that are one, ascending, and what is to be known of each."""
        nothing: tuple[Ints, Columns] = np.empty(0, np.int64), {}
        rows, flows = openings.rows, openings.flows
        size = np.bincount(rows["flow"], minlength=len(flows))
        (flow,) = (size == 1).nonzero()
        if len(flow) < MANY or self._end_time == NO_TIME:
            return nothing
        row = rows.take((size.cumsum() - size)[flow])
        lone = (row["kind"] != ICMP) & (row["tcp_flags"] & (FIN | SYN | RST | ACK) == SYN)
        lone &= (row["payload_length"] == 0) & (row["folded"] == 0) & (row["unseen"] == 0) & (row["time"] != NO_TIME)
        lone &= (flows.low != flows.high)[flow]  # a host that asks itself is both sides
        # Near the end a kernel may not have repeated its SYN yet; none leaves out its MSS.
        (late,) = (lone & (self._end_time - row["time"] < REPEAT_NS)).nonzero()
        if len(late):
            near = row.take(late)
            options = option_columns(near["options"], near["options_length"].astype(np.int64), near["unseen"])
            lone[late] = options.mss == ABSENT
        flow, row = flow[lone], row.take(lone)
        from_low = row["side"] == 0
        low, high = flows.low[flow], flows.high[flow]
        client, server = np.where(from_low, [low, high], [high, low])
        port = np.where(from_low, flows.high_port[flow], flows.low_port[flow])
        key = server << 16 | port
        which = ranks(key)
        count = np.bincount(which)
        keys = np.empty(len(count), np.int64)
        keys[which] = key
        many = count >= MANY
        if not many.any():
            return nothing
        number = np.full(len(keys), ABSENT)
        for at in many.nonzero()[0].tolist():
            key = int(keys[at])
            number[at] = self._sockets.setdefault((flows.hosts[key >> 16], key & 0xFFFF), len(self._sockets))
        stays = many[which]
        flow, row, client = flow[stays], row.take(stays), client[stays]
        syns: Columns = {
            "socket": number[which[stays]],
            "pending": self._end_time - row["time"] < PENDING_NS,
            "time": row["time"],
            "frame": row["frame"],
            "source": hashed(flows.hosts)[client],
        }
        return flow, syns

    def _put(self, syns: Columns, openings: Openings) -> None:
        self._times.add(syns["socket"], syns["time"])
        for start, part in zip(range(0, len(syns["time"]), PIECE), openings.batches(PIECE), strict=True):
            own = {name: column[start : start + PIECE] for name, column in syns.items()}
            self._pieces.append((ColumnsOnDisk(_SYN, own, self._scratch), Piece.of(part, self._scratch)))

    def doubtful(self, traffic: Traffic) -> Iterator[Openings]:
        """Give up those that another flow of this traffic may make one-sided, by the same two hosts."""
        handshakes = traffic.handshakes
        proofs = handshakes.is_outcome("one-sided")
        if not proofs.any():
            return
        hosts = hashed(handshakes.hosts)[np.append(handshakes.client[proofs], handshakes.server[proofs])]
        proved = np.array([handshakes.hosts.number(address) for address, _ in self._sockets], np.int64)
        server = occur_in(proved, np.append(handshakes.client[proofs], handshakes.server[proofs]))
        before, self._pieces, self._times = self._pieces, [], _Times()
        for syns, piece in before:
            out = server[syns["socket"]] & occur_in(syns["source"], hosts)
            if not out.any():
                self._pieces.append((syns, piece))
                self._times.add(syns["socket"], syns["time"])
                continue
            openings = piece.openings()
            yield openings.only(out)
            if not out.all():
                self._put({name: syns[name][~out] for name in _SYN.names or ()}, openings.only(~out))

    def not_of_floods(self, traffic: Traffic) -> Iterator[Openings]:
        """Find the floods, ``traffic`` being all other attempts; gives back what is not to be counted with them."""
        limits = self._limits = self._found_floods(traffic)
        for syns, piece in self._pieces:
            counted = limits.counted(syns)
            if not counted.all():
                yield piece.openings().only(~counted)

    def _found_floods(self, traffic: Traffic) -> _Limits:
        size = len(self._sockets)
        handshakes = traffic.handshakes
        socket, lonely = self._numbers(traffic), forsaken(traffic, self._end_time)
        mine = socket != ABSENT
        (at,) = (lonely & mine).nonzero()
        known_socket, known_time = self._times.all()
        span = spans(np.append(known_socket, socket[at]), np.append(known_time, handshakes.start_time[at]), size)
        within = mine.copy()
        within[mine] = _within(span, socket[mine], handshakes.start_time[mine])
        asked = within & (handshakes.facts & Fact.SYN != 0)
        others, all_others = (np.bincount(socket[mask], minlength=size) for mask in (within & lonely, asked))
        lone, least = np.zeros(size, np.int64), _Least(size)
        for syns, _ in self._pieces:
            sockets = syns["socket"]
            inside = _within(span, sockets, syns["time"])
            lone += np.bincount(sockets[inside], minlength=size)
            least.add(sockets[inside], syns["frame"][inside])
        # A busy server has a few of them among many that open.
        mostly = (lone + others) * 2 >= lone + all_others
        for ends in span:
            ends[~mostly] = ABSENT
        sources = hashed(handshakes.hosts)[handshakes.client[within & lonely]]
        return _Limits(span, least.greatest(), socket[within & lonely], sources)

    def _numbers(self, traffic: Traffic) -> Ints:
        """The socket of each handshake as it is numbered here, ABSENT where it is not."""
        handshakes = traffic.handshakes
        _, first = np.unique(traffic.sockets, return_index=True)
        sockets = zip(
            (handshakes.hosts[number] for number in handshakes.server[first].tolist()),
            handshakes.server_port[first].tolist(),
            strict=True,
        )
        numbers = np.array([self._sockets.get(socket, ABSENT) for socket in sockets], np.int64)
        return numbers[traffic.sockets] if len(numbers) else numbers

    def floods(self) -> dict[Socket, Flood]:
        """The floods that were found, with what is counted of them."""
        limits, size = self._limits, len(self._sockets)
        assert limits is not None
        pending, syns_of = np.zeros((2, size), np.int64)
        first, last = np.full(size, np.iinfo(np.int64).max), np.full(size, np.iinfo(np.int64).min)
        sources = _Different(size)
        sources.add(limits.other_sockets, limits.other_sources)
        for syns, _ in self._pieces:
            socket, time = syns["socket"], syns["time"]
            inside = _within(limits.span, socket, time)
            sources.add(socket[inside], syns["source"][inside])
            counted = inside & limits.behind_shown(socket, syns["frame"])
            syns_of += np.bincount(socket[counted], minlength=size)
            pending += np.bincount(socket[counted & syns["pending"]], minlength=size)
            np.minimum.at(first, socket[counted], time[counted])
            np.maximum.at(last, socket[counted], time[counted])
        different = sources.count()
        return {
            socket: Flood(
                int(syns_of[number] - pending[number]), int(pending[number]),
                int(limits.span.first[number]), int(limits.span.last[number]),
                int(first[number]), int(last[number]), int(different[number]),
            )
            for socket, number in self._sockets.items()
            if syns_of[number]
        }  # fmt: skip

    def before(self, frames: Ints) -> Ints:
        """How many of those that are counted come before each of these frames, which ascend."""
        assert self._limits is not None
        found = np.zeros(len(frames) + 1, np.int64)
        for syns, _ in self._pieces:
            counted = syns["frame"][self._limits.counted(syns)]
            found += np.bincount(np.searchsorted(frames, counted), minlength=len(frames) + 1)
        return found.cumsum()[:-1]


class _Limits(NamedTuple):
    """What of the sockets, as they are numbered, is part of a flood."""

    span: Spans
    least: Ints  # the frame up to which each is among the handshakes
    other_sockets: Ints  # of attempts of the floods that are no lone SYNs
    other_sources: npt.NDArray[np.uint64]

    def counted(self, syns: ColumnsOnDisk) -> Bools:
        """Which of these are not among the handshakes."""
        socket = syns["socket"]
        return _within(self.span, socket, syns["time"]) & self.behind_shown(socket, syns["frame"])

    def behind_shown(self, socket: Ints, frame: Ints) -> Bools:
        """Which come after those of a flood that are shown."""
        found: Bools = frame > self.least[socket]
        return found


def _within(span: Spans, socket: Ints, time: Ints) -> Bools:
    first, last = span.first[socket], span.last[socket]
    found: Bools = (first != ABSENT) & (time >= first) & (time <= last)
    return found


class _Times:
    """Times at sockets, thinned out: `spans` finds the same in them.

    Of each second the first FLOOD and the last FLOOD at each socket stay. A stretch of time that holds FLOOD of them
    still does, since it holds all of a second, or its first ones, or its last ones; and so does each stretch that
    begins with the first, or with the last, that begins a dense one.
    """

    def __init__(self) -> None:
        self._socket, self._time = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        self._waiting = 0

    def add(self, socket: Ints, time: Ints) -> None:
        self._socket.append(socket.astype(np.int64))
        self._time.append(time.astype(np.int64))
        self._waiting += len(time)
        if self._waiting > _WAITING:
            self.all()

    def all(self) -> tuple[Ints, Ints]:
        """Sockets and times, thinned out."""
        socket, time = thinned(np.concatenate(self._socket), np.concatenate(self._time))
        self._socket, self._time, self._waiting = [socket], [time], 0
        return socket, time


def thinned(socket: Ints, time: Ints) -> tuple[Ints, Ints]:
    """Of each second the first FLOOD and the last FLOOD times at each socket."""
    order = np.lexsort((time, socket))
    socket, time = socket[order], time[order]
    second = time // SECOND
    new = np.ones(len(order), bool)
    new[1:] = (socket[1:] != socket[:-1]) | (second[1:] != second[:-1])
    start = new.nonzero()[0]
    size = np.diff(start, append=len(order))
    place = np.arange(len(order)) - np.repeat(start, size)
    stays = (place < FLOOD) | (place >= np.repeat(size, size) - FLOOD)
    return socket[stays], time[stays]


class _Least:
    """The SHOWN least frames of each socket."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._socket, self._frame = np.empty(0, np.int64), np.empty(0, np.int64)

    def add(self, socket: Ints, frame: Ints) -> None:
        socket, frame = np.append(self._socket, socket), np.append(self._frame, frame)
        order = np.lexsort((frame, socket))
        socket, frame = socket[order], frame[order]
        place = np.arange(len(order)) - np.searchsorted(socket, socket)
        self._socket, self._frame = socket[place < SHOWN], frame[place < SHOWN]

    def greatest(self) -> Ints:
        """The greatest of them, ABSENT where there is none."""
        found = np.full(self._size, ABSENT, np.int64)
        np.maximum.at(found, self._socket, self._frame)
        return found


class _Different:
    """How many different sources each socket has, counted by 64 bits of a hash.

    Two of fifty million have the same with a probability of one in ten thousand. In memory until there are many, then
    on disk in buckets of which one at a time is counted.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._scratch = Scratch()
        self._buckets: list[list[Read]] = [[] for _ in range(_BUCKETS)]
        self._socket: list[Ints] = []
        self._source: list[npt.NDArray[np.uint64]] = []
        self._waiting = 0

    def add(self, socket: Ints, source: npt.NDArray[np.uint64]) -> None:
        self._socket.append(socket.astype(np.int64))
        self._source.append(mixed(source ^ mixed(socket.astype(np.uint64) + np.uint64(1))))
        self._waiting += len(socket)
        if self._waiting > _WAITING:
            self._put_away()

    def _put_away(self) -> None:
        socket, source = _different(np.concatenate(self._socket), np.concatenate(self._source))
        self._socket, self._source, self._waiting = [], [], 0
        ends = np.searchsorted(source >> np.uint64(60), np.arange(_BUCKETS + 1, dtype=np.uint64)).tolist()
        for bucket, start, end in zip(self._buckets, ends[:-1], ends[1:], strict=True):
            pair = np.stack([socket[start:end].astype(np.uint64), source[start:end]])
            bucket.append(self._scratch.write(pair.tobytes()))

    def count(self) -> Ints:
        """Of each socket."""
        found = np.zeros(self._size, np.int64)
        if self._socket:
            self._put_away()
        for bucket in self._buckets:
            pairs = [np.frombuffer(read(), np.uint64).reshape(2, -1) for read in bucket]
            if pairs:
                socket, source = np.concatenate(pairs, axis=1)
                found += np.bincount(_different(socket.astype(np.int64), source)[0], minlength=self._size)
        return found


def _different(socket: Ints, source: npt.NDArray[np.uint64]) -> tuple[Ints, npt.NDArray[np.uint64]]:
    """Each source once, ascending: a socket is part of what it is a hash of."""
    order = np.argsort(source)
    source = source[order]
    first, _ = stretches(source)
    return socket[order[first]], source[first]
