"""Handshakes and their rows as columns: what the rules and diagnoses look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, wraps
from itertools import accumulate
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pcapcheck.addresses import Addresses, Named, union
from pcapcheck.decode.option_columns import OptionColumns, option_columns
from pcapcheck.divided import Divided
from pcapcheck.evidence import Event
from pcapcheck.flood import Flood, Socket
from pcapcheck.openings import ICMP, ranges
from pcapcheck.openings import Ints as Ints
from pcapcheck.packed import Packed, Picked
from pcapcheck.rows import Rows
from pcapcheck.smooth import Smooth
from pcapcheck.sorting import ranks
from pcapcheck.stored import Stored
from pcapcheck.tables import ABSENT, OUTCOMES

# Columns that are kept as they were unpacked: one expression rarely asks for more. Fewer, where they are large.
_UNPACKED: Final = 6
_FEWEST_UNPACKED: Final = 2
_UNPACKED_OCTETS: Final = 1 << 25


@dataclass(init=False, eq=False, repr=False)  # the latter make no sense of columns, and cost start-up time
class Handshakes:
    """One entry an attempt in every field; integers are int64, ABSENT where there is none, categories their index.

    The names are those of tables.HANDSHAKES. Times and RTTs are nanoseconds. Columns may be packed: then they are
    unpacked when they are asked for, as a whole, or for some handshakes only by ``read``. Those of handshakes that were
    taken from others are taken when they are first asked for.
    """

    capture: Ints  # index into the captures of the run
    client_port: Ints
    server_port: Ints
    outcome: Ints
    shape: Ints
    aborted_by: Ints
    start_time: Ints
    syn_frame: Ints
    synack_frame: Ints
    ack_frame: Ints
    ack_kind: Ints
    close: Ints
    closed_by: Ints
    syn_count: Ints
    synack_count: Ints
    client_isn: Ints
    server_isn: Ints
    synack_ack: Ints
    ack_seq: Ints
    ack_ack: Ints
    server_rtt: Ints
    server_rtt_min: Ints
    server_rtt_max: Ints
    client_rtt: Ints
    client_rtt_min: Ints
    client_rtt_max: Ints
    handshake_rtt: Ints
    handshake_rtt_min: Ints
    handshake_rtt_max: Ints
    rtt_status: Ints
    client_mss: Ints
    client_wscale: Ints
    client_sack_permitted: Ints
    client_timestamps: Ints
    client_fast_open: Ints
    client_mptcp: Ints
    client_ecn: Ints
    server_mss: Ints
    server_wscale: Ints
    server_sack_permitted: Ints
    server_timestamps: Ints
    server_fast_open: Ints
    server_mptcp: Ints
    server_ecn: Ints
    syn_ttl: Ints
    synack_ttl: Ints
    vlan: Ints
    tunnel: Ints
    completeness: Ints
    zeek_state: Ints
    # Not in the report: what the rules need beyond it.
    facts: Ints  # evidence.Fact
    first_frame: Ints
    last_frame: Ints
    last_time: Ints
    flow: Ints  # a number for each flow
    syn_octets: Ints  # payload of the SYN
    client: Ints  # index into hosts
    server: Ints
    history_code: Ints  # index into histories
    # What the indices stand for.
    hosts: Addresses
    histories: list[str]

    def __init__(self, columns: Mapping[str, Ints | Packed], hosts: Addresses, histories: list[str]) -> None:
        self.hosts, self.histories = hosts, histories
        self._columns = dict(columns)
        self._unpacked: dict[str, Ints] = {}  # the last few
        self._of: tuple[Handshakes, Ints] | None = None  # those that they were taken from, and at which indices

    def __getattr__(self, name: str) -> Ints:
        if name not in COLUMNS:
            raise AttributeError(f"handshakes have no column {name!r}")
        column = self._column(name)
        if not isinstance(column, Packed):
            return column
        unpacked = self._unpacked.pop(name, None)
        if unpacked is None:
            unpacked = np.asarray(column.unpacked())
            unpacked.flags.writeable = False  # the next one may be given the same
        self._unpacked[name] = unpacked
        stay = max(_FEWEST_UNPACKED, min(_UNPACKED, _UNPACKED_OCTETS // max(unpacked.nbytes, 1)))
        for oldest in list(self._unpacked)[:-stay]:
            del self._unpacked[oldest]
        return unpacked

    def _column(self, name: str) -> Ints | Packed:
        column = self._columns.get(name)
        if column is None:
            assert self._of is not None
            whole, at = self._of
            column = self._columns[name] = whole._column(name).take(at)
            column.flags.writeable = False  # it is everybody's
        return column

    def __getstate__(self) -> dict[str, Any]:
        """To another process, or to be kept, go these columns and not those that they were taken from."""
        return {**self.__dict__, "_columns": self._all(), "_unpacked": {}, "_of": None}

    def _all(self) -> dict[str, Ints | Packed]:
        return {name: self._column(name) for name in COLUMNS}

    def __len__(self) -> int:
        return len(self._columns["capture"] if self._of is None else self._of[1])

    def read(self, name: str, part: slice | Ints) -> Ints:
        """The entries of one column for some handshakes: that follow each other, or at these indices."""
        values: Ints = self._column(name)[part]
        return values

    def put(self, name: str, values: Ints) -> None:
        """Set a column anew."""
        self._unpacked.pop(name, None)
        packed = isinstance(self._column(name), Packed)
        self._columns[name] = Packed.of(values) if packed else values

    @cached_property
    def client_address(self) -> Sequence[bytes]:
        """The client's address of each: 4 or 16 octets."""
        return Named(self.hosts, self._column("client"))

    @cached_property
    def server_address(self) -> Sequence[bytes]:
        """The server's address of each."""
        return Named(self.hosts, self._column("server"))

    @property
    def is_v4(self) -> npt.NDArray[np.bool_]:
        """Which are between IPv4 addresses: the client's is one where the server's is."""
        return self.meet("client", lambda client: client < len(self.hosts.ip4))

    @cached_property
    def history(self) -> list[str]:
        """Zeek's letters of each."""
        return [self.histories[code] for code in self.history_code.tolist()]

    @cached_property
    def addresses(self) -> Ints:
        """The clients' addresses as indices of hosts, then the servers'."""
        return np.append(self.client, self.server)

    @cached_property
    def sockets(self) -> Ints:
        """The servers' addresses and ports as numbers from 0."""
        port = ranks(self.server_port)  # few, so that there need not be many numbers for both
        return ranks(self.server * (int(port.max(initial=0)) + 1) + port)

    def is_outcome(self, *names: str) -> npt.NDArray[np.bool_]:
        """Which attempts have one of these outcomes."""
        chosen = np.zeros(len(OUTCOMES), bool)
        chosen[[OUTCOMES.index(name) for name in names]] = True
        return self.meet("outcome", lambda codes: chosen[codes])

    def has(self, fact: int) -> npt.NDArray[np.bool_]:
        """Of which attempts this fact (evidence.Fact) is known, or one of these."""
        return self.meet("facts", lambda facts: facts & int(fact) != 0)

    def is_known(self, name: str) -> npt.NDArray[np.bool_]:
        """Which attempts have a value in this column."""
        return self.meet(name, lambda values: values != ABSENT)

    def meet(self, name: str, condition: Callable[[Ints], npt.NDArray[np.bool_]]) -> npt.NDArray[np.bool_]:
        """Which attempts meet a condition that one column decides: it need not be unpacked as a whole."""
        column = self._column(name)
        return column.meet(condition) if isinstance(column, Packed) else condition(column)

    def take(self, at: Ints) -> Handshakes:
        """Those at these indices."""
        taken = Handshakes({}, self.hosts, self.histories)
        taken._of = self, at
        return taken

    @classmethod
    def together(cls, parts: Sequence[Handshakes]) -> Handshakes:
        """Those of all parts, one after the other, and each part's flows behind those of the part before."""
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
        hosts = union(part.hosts for part in parts)
        histories = sorted({one for part in parts for one in part.histories})
        for name in ("client", "server"):
            columns[name] = np.concatenate([part.hosts.places(hosts)[getattr(part, name)] for part in parts])
        codes = [np.searchsorted(histories, part.histories)[part.history_code] for part in parts]
        columns["history_code"] = np.concatenate(codes).astype(np.int64)
        columns["flow"] = np.concatenate([part.flow + first for part, first in zip(parts, _flows(parts), strict=True)])
        return cls(columns, hosts, histories)

    def by_themselves(self) -> Handshakes:
        """The same, with no more addresses and histories than they have."""
        hosts, (client, server) = self.hosts.used(self.client, self.server)
        used, codes = np.unique(self.history_code, return_inverse=True)
        renumbered = {"client": client, "server": server, "history_code": codes.astype(np.int64)}
        return Handshakes(self._all() | renumbered, hosts, [self.histories[code] for code in used.tolist()])


@dataclass(frozen=True, eq=False)
class Traffic:
    """The handshakes of one capture, and the kept rows that belong to them, sorted by handshake and capture order.

    Of a large capture all rows are ``stored`` on disk. ``only``, ``take`` and ``parts`` fetch them.
    """

    handshakes: Handshakes
    rows: Rows
    handshake: Ints  # of each row: index into handshakes
    event: npt.NDArray[np.int8]  # of each row: evidence.Event
    from_client: npt.NDArray[np.bool_]
    grouped: npt.NDArray[np.bool_]  # of each handshake: part of an event (a scan, a flood) that is reported once
    stored: Stored | None = None  # the rows, if there are none here
    known: Mapping[str, tuple[Divided | Picked, ...]] = field(default_factory=dict)  # what functions of BY_ROWS gave
    floods: Mapping[Socket, Flood] = field(default_factory=dict)  # of which SYNs are not among the handshakes
    before: Packed | None = None  # of each handshake, how many of those SYNs come before it; None: none
    smooth: Smooth | None = None  # what is known of smooth handshakes where all were judged together

    @property
    def clients(self) -> Ints:
        """The client's address of each handshake as a number, the same for equal addresses, here and in servers."""
        return self.handshakes.client

    @property
    def servers(self) -> Ints:
        """The server's address of each handshake as a number."""
        return self.handshakes.server

    @property
    def sockets(self) -> Ints:
        """Which listening socket each handshake asks for: the server's address and port as one number, from 0."""
        return self.handshakes.sockets

    @cached_property
    def tsval(self) -> Ints:
        """The TSval of every row, ABSENT where there is none."""
        tsval = self.rows.tsvals()
        tsval.flags.writeable = False  # it is everybody's
        return tsval

    @cached_property
    def options(self) -> OptionColumns:
        """The options of every row; ICMP errors have none."""
        lengths = np.where(self.column("kind") == ICMP, 0, self.column("options_length"))
        return option_columns(self.rows["options"], lengths, self.column("unseen"))

    def column(self, name: str) -> npt.NDArray[Any]:
        """A field of ROW of every row."""
        return self.rows[name]

    @cached_property
    def _numbers(self) -> dict[str, Ints]:
        return {}

    def number(self, name: str) -> Ints:
        """A field of ROW of every row as int64, ready for arithmetic."""
        if name not in self._numbers:
            self._numbers[name] = self.rows[name].astype(np.int64)
            self._numbers[name].flags.writeable = False  # it is everybody's
        return self._numbers[name]

    def is_event(self, *events: int) -> npt.NDArray[np.bool_]:
        """Which rows are one of these to their attempt."""
        # Compared with an Event itself the column would be made one of int64 first.
        found: npt.NDArray[np.bool_] = self.event == int(events[0])
        for event in events[1:]:
            found |= self.event == int(event)
        return found

    def first_event(self, event: int) -> Ints:
        """For each handshake the first row that is this to it, ABSENT where none is."""
        if event not in self._first_events:
            found = self._first_events[event] = self.first(self.is_event(event))
            found.flags.writeable = False  # it is everybody's
        return self._first_events[event]

    @cached_property
    def _first_events(self) -> dict[int, Ints]:
        return {}

    @cached_property
    def starts(self) -> Ints:
        """Where the rows of each handshake begin, and at last where they end."""
        return np.append(0, np.bincount(self.handshake, minlength=len(self.handshakes)).cumsum())

    def has(self, *events: Event) -> npt.NDArray[np.bool_]:
        """Which handshakes have a row that is one of these to them."""
        found: npt.NDArray[np.bool_] = events_of(self) & sum(1 << event for event in events) != 0
        return found

    def rows_of(self, at: Ints) -> Ints:
        """The rows of the handshakes at these indices, one after the other."""
        return ranges(self.starts[at], np.diff(self.starts)[at])

    def take(self, at: Ints) -> Traffic:
        """The traffic of the handshakes at these indices, as if there were no others."""
        known = {name: tuple(one.pick(at) for one in columns) for name, columns in self.known.items()}
        before = None if self.before is None else Packed.of(self.before.take(at))
        taken = replace(
            self,
            handshakes=self.handshakes.take(at),
            grouped=self.grouped[at],
            known=known,
            before=before,
            smooth=None,
        )
        if self.stored is not None:
            return replace(taken, stored=self.stored.take(at))
        rows, size = self.rows_of(at), np.diff(self.starts)[at]
        return replace(
            taken,
            rows=self.rows.take(rows),
            handshake=np.repeat(np.arange(len(at)), size),
            event=self.event[rows],
            from_client=self.from_client[rows],
        )

    @classmethod
    def together(cls, parts: Sequence[Traffic]) -> Traffic:
        """Those of all parts with their rows, one after the other."""
        handshakes = [part.handshakes for part in parts]
        flow, behind = _flows(handshakes), _starts(map(len, handshakes))
        return cls(
            Handshakes.together(handshakes),
            Rows.together(
                [part.rows.having(flow=part.rows.flow + first) for part, first in zip(parts, flow, strict=True)]
            ),
            np.concatenate([part.handshake + first for part, first in zip(parts, behind, strict=True)]),
            np.concatenate([part.event for part in parts]),
            np.concatenate([part.from_client for part in parts]),
            np.concatenate([part.grouped for part in parts]),
        )

    def by_themselves(self) -> Traffic:
        """The same, without those that they were taken from."""
        return replace(self, handshakes=self.handshakes.by_themselves(), rows=self.rows.by_themselves())

    def with_rows(self) -> Traffic:
        """The same with all rows at hand."""
        return self if self.stored is None else self.only(np.ones(len(self.handshakes), bool))

    def at_socket(self, socket: Socket) -> npt.NDArray[np.bool_]:
        """Which handshakes ask for this socket."""
        handshakes, (address, port) = self.handshakes, socket
        number = handshakes.hosts.number(address)
        return np.asarray((handshakes.server == number) & (handshakes.server_port == port), bool)

    def only(self, mask: npt.NDArray[np.bool_]) -> Traffic:
        """The traffic with the rows of some handshakes alone: row numbers are those of its own rows."""
        if self.stored is not None:
            rows, handshake, event, from_client = self.stored.fetch(mask)
        else:
            keep = mask[self.handshake]
            rows, handshake = self.rows.take(keep), self.handshake[keep]
            event, from_client = self.event[keep], self.from_client[keep]
        # What is known of the rows of others is not known here.
        return replace(
            self,
            rows=rows,
            handshake=handshake,
            event=event,
            from_client=from_client,
            stored=None,
            known={},
            smooth=None,
        )

    def parts(self, mask: npt.NDArray[np.bool_], most: int) -> Iterator[tuple[Ints, Traffic]]:
        """The traffic of some handshakes with its rows, about ``most`` at a time, and which these are.

        Where rows are stored all attempts of a 4-tuple are in one part.
        """
        if self.stored is not None:
            parts = self.stored.parts(mask, most)
        else:
            (at,) = mask.nonzero()
            parts = (at[start : start + most] for start in range(0, len(at), most))
        for at in parts:
            yield at, self.take(at).with_rows()

    def __getstate__(self) -> dict[str, Any]:
        """To another process all rows travel, those on disk too."""
        whole = self.with_rows()
        return {field.name: getattr(whole, field.name) for field in fields(whole)}

    def without_rows(self) -> Traffic:
        """The columns of the handshakes alone."""
        return replace(
            self,
            rows=self.rows[:0],
            handshake=self.handshake[:0],
            event=self.event[:0],
            from_client=self.from_client[:0],
            stored=None,
            smooth=None,
        )

    def first(self, condition: npt.NDArray[np.bool_]) -> Ints:
        """For each handshake the first row that meets the condition, ABSENT where none does."""
        return self.first_at(condition.nonzero()[0])

    def first_at(self, rows: npt.NDArray[np.integer]) -> Ints:
        """For each handshake the first of these rows, which ascend, ABSENT where none is among them."""
        found = np.full(len(self.handshakes), ABSENT, np.int64)
        backwards = rows[::-1]
        found[self.handshake[backwards]] = backwards
        return found

    def last_at(self, rows: npt.NDArray[np.integer]) -> Ints:
        """For each handshake the last of these rows, which ascend, ABSENT where none is among them."""
        found = np.full(len(self.handshakes), ABSENT, np.int64)
        found[self.handshake[rows]] = rows
        return found

    def value(self, name: str, row: Ints) -> Ints:
        """A field of ROW at one row for each handshake, ABSENT where that row is."""
        if not len(self.rows):
            return np.full(len(row), ABSENT, np.int64)
        return np.where(row == ABSENT, ABSENT, self.column(name)[row].astype(np.int64))

    def most(self, values: npt.NDArray[np.integer]) -> Ints:
        """For each handshake the greatest of its rows' values, which are not negative; 0 where it has no rows."""
        found = np.zeros(len(self.handshakes), np.int64)
        start, end = self.starts[:-1], self.starts[1:]
        if len(self.rows):
            # Of integers fmax is the maximum too, and has less to prepare for each handshake.
            found[start < end] = np.fmax.reduceat(values, start[start < end])
        return found

    def count(self, condition: npt.NDArray[np.bool_]) -> Ints:
        """For each handshake how many rows meet the condition."""
        (where,) = condition.nonzero()  # a mask itself as index takes five times as long
        return np.bincount(self.handshake[where], minlength=len(self.handshakes)).astype(np.int64, copy=False)


def _flows(parts: Sequence[Handshakes]) -> list[int]:
    """What is added to the numbers of the flows of each part, where all parts stand together."""
    return _starts(int(part.flow.max(initial=-1)) + 1 for part in parts)


def _starts(sizes: Iterable[int]) -> list[int]:
    """Where each part of such a size begins, one behind the other."""
    return list(accumulate(sizes, initial=0))[:-1]


# The columns of integers: all fields but the last two.
COLUMNS: Final = tuple(field.name for field in fields(Handshakes))[:-2]

_Given = ParamSpec("_Given")
_Known = TypeVar("_Known")


def once(function: Callable[Concatenate[Traffic, _Given], _Known]) -> Callable[Concatenate[Traffic, _Given], _Known]:
    """The function, worked out once for a Traffic that several ask about (with the same CaptureFacts)."""
    known: WeakKeyDictionary[Traffic, _Known] = WeakKeyDictionary()

    @wraps(function)
    def asked(traffic: Traffic, /, *others: _Given.args, **named: _Given.kwargs) -> _Known:
        if traffic not in known:
            found = known[traffic] = function(traffic, *others, **named)
            if isinstance(found, np.ndarray):
                found.flags.writeable = False  # it is everybody's
        return known[traffic]

    return asked


_Kind = TypeVar("_Kind", bound=np.generic)


def spread(size: int, at: Ints, values: npt.NDArray[_Kind], none: int = ABSENT) -> npt.NDArray[_Kind]:
    """A column of all handshakes that has these values at these indices, and ``none`` elsewhere."""
    column = np.full(size, none, values.dtype)
    column[at] = values
    return column


_Columns = TypeVar("_Columns", bound=npt.NDArray[Any] | tuple[npt.NDArray[Any], ...])

# What a function gives of smooth handshakes: one value of each column, or columns of them.
_OfSmooth = int | tuple[int, ...] | Callable[["Traffic", Smooth], Any]


class ByRows(NamedTuple):
    """A function of the rows of each handshake by itself: a column, or several, with an entry for each handshake."""

    function: Callable[[Traffic], Any]
    of_smooth: _OfSmooth


BY_ROWS: Final[dict[str, ByRows]] = {}  # by name


def by_rows(of_smooth: _OfSmooth) -> Callable[[Callable[[Traffic], _Columns]], Callable[[Traffic], _Columns]]:
    """A function that is worked out while all rows of a capture are at hand, and known when some are stored.

    It must look at each handshake by itself. Integers (at most 64 bits) and booleans stay what they are. ``of_smooth``
    says what it gives of smooth handshakes (smooth.py) without their rows; row by row it gives the same.
    """

    def known_by_rows(function: Callable[[Traffic], _Columns]) -> Callable[[Traffic], _Columns]:
        name = function.__qualname__
        assert name not in BY_ROWS
        worked_out = once(function)
        BY_ROWS[name] = ByRows(worked_out, of_smooth)

        @wraps(function)
        def asked(traffic: Traffic) -> _Columns:
            if name not in traffic.known:
                return worked_out(traffic)
            found = tuple(column.unpacked() for column in traffic.known[name])
            return found if len(found) > 1 else found[0]  # type: ignore[return-value]

        return asked

    return known_by_rows


def rows_of(traffic: Traffic, smooth: Smooth, place: Ints) -> Rows:
    """Rows of smooth handshakes so far behind their first one; any where there is none."""
    return traffic.rows.take(traffic.starts[smooth.at] + np.maximum(place, 0))


def _events(traffic: Traffic) -> Ints:
    found = np.zeros(len(traffic.handshakes), np.int64)
    start, end = traffic.starts[:-1], traffic.starts[1:]
    found[start < end] = np.bitwise_or.reduceat(np.left_shift(1, traffic.event, dtype=np.int32), start[start < end])
    return found


@by_rows(lambda traffic, smooth: _events(traffic)[smooth.at])
def events_of(traffic: Traffic) -> Ints:
    """What the rows of each handshake are to it: a bit for each Event."""
    return _events(traffic)
