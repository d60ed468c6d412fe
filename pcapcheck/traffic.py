"""Handshakes and their rows as columns: what the rules and diagnoses look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property, wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.option_columns import OptionColumns, option_columns
from pcapcheck.evidence import Event
from pcapcheck.openings import ICMP, ROW, ranges
from pcapcheck.openings import Ints as Ints
from pcapcheck.tables import ABSENT, OUTCOMES

# Rows that are turned into columns at a time.
_CHUNK: Final = 1 << 13

# The last fields: those that are not columns of integers.
NOT_COLUMNS: Final = ("hosts", "histories")


@dataclass(eq=False, repr=False)  # neither makes sense of columns, and both cost start-up time
class Handshakes:
    """One entry an attempt in every field; integers are int64, ABSENT where there is none, categories their index.

    The names are those of tables.HANDSHAKES. Times and RTTs are nanoseconds.
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
    syn_octets: Ints  # payload of the SYN
    client: Ints  # index into hosts
    server: Ints
    history_code: Ints  # index into histories
    # What the indices stand for.
    hosts: list[bytes]  # each address once, the shorter first, then as octets
    histories: list[str]

    def __len__(self) -> int:
        return len(self.capture)

    @cached_property
    def client_address(self) -> list[bytes]:
        """The client's address of each: 4 or 16 octets."""
        return [self.hosts[number] for number in self.client.tolist()]

    @cached_property
    def server_address(self) -> list[bytes]:
        """The server's address of each."""
        return [self.hosts[number] for number in self.server.tolist()]

    @cached_property
    def address_octets(self) -> Ints:
        """4 or 16: the octets of the client's address of each, which are those of the server's."""
        return np.array([len(host) for host in self.hosts], np.int64)[self.client]

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
        _, numbers = np.unique(self.server << 16 | self.server_port, return_inverse=True)
        return np.asarray(numbers, np.int64)

    def is_outcome(self, *names: str) -> npt.NDArray[np.bool_]:
        """Which attempts have one of these outcomes."""
        chosen = np.zeros(len(OUTCOMES), bool)
        chosen[[OUTCOMES.index(name) for name in names]] = True
        return chosen[self.outcome]

    def take(self, at: Ints) -> Handshakes:
        """Those at these indices."""
        columns: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return Handshakes(**{name: one if name in NOT_COLUMNS else one[at] for name, one in columns.items()})


@dataclass(frozen=True, eq=False)
class Traffic:
    """The handshakes of one capture, and the kept rows that belong to them, sorted by handshake and capture order."""

    handshakes: Handshakes
    rows: npt.NDArray[Any]  # openings.ROW
    handshake: Ints  # of each row: index into handshakes
    event: npt.NDArray[np.int8]  # of each row: evidence.Event
    from_client: npt.NDArray[np.bool_]
    grouped: npt.NDArray[np.bool_]  # of each handshake: part of an event (a scan, a flood) that is reported once

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
    def options(self) -> OptionColumns:
        """The options of every row; ICMP errors have none."""
        lengths = np.where(self.column("kind") == ICMP, 0, self.column("options_length"))
        return option_columns(self.rows["options"], lengths, self.column("unseen"))

    def column(self, name: str) -> npt.NDArray[Any]:
        """A field of ROW of every row, with its octets side by side: many times quicker to go through than in rows."""
        return self._columns[name]

    @cached_property
    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        # A stretch of rows at a time, while it is in the cache: all columns cost little more than one.
        names = [name for name in ROW.fields or () if name != "options"]
        columns: dict[str, npt.NDArray[Any]] = {name: np.empty(len(self.rows), ROW[name]) for name in names}
        for start in range(0, len(self.rows), _CHUNK):
            part = self.rows[start : start + _CHUNK]
            for name, column in columns.items():
                column[start : start + _CHUNK] = part[name]
        for column in columns.values():
            column.flags.writeable = False  # it is everybody's
        return columns

    @cached_property
    def _numbers(self) -> dict[str, Ints]:
        return {}

    def number(self, name: str) -> Ints:
        """A field of ROW of every row as int64, ready for arithmetic."""
        if name not in self._numbers:
            self._numbers[name] = self._columns[name].astype(np.int64)
            self._numbers[name].flags.writeable = False  # it is everybody's
        return self._numbers[name]

    def is_event(self, *events: int) -> npt.NDArray[np.bool_]:
        """Which rows are one of these to their attempt."""
        found: npt.NDArray[np.bool_] = self.event == events[0]
        for event in events[1:]:
            found |= self.event == event
        return found

    @cached_property
    def starts(self) -> Ints:
        """Where the rows of each handshake begin, and at last where they end."""
        return np.append(0, np.bincount(self.handshake, minlength=len(self.handshakes)).cumsum())

    @cached_property
    def events(self) -> Ints:
        """What the rows of each handshake are to it: a bit for each Event."""
        found = np.zeros(len(self.handshakes), np.int64)
        start, end = self.starts[:-1], self.starts[1:]
        found[start < end] = np.bitwise_or.reduceat(np.left_shift(1, self.event, dtype=np.int32), start[start < end])
        return found

    def has(self, *events: Event) -> npt.NDArray[np.bool_]:
        """Which handshakes have a row that is one of these to them."""
        found: npt.NDArray[np.bool_] = self.events & sum(1 << event for event in events) != 0
        return found

    def take(self, at: Ints) -> Traffic:
        """The traffic of the handshakes at these indices, as if there were no others."""
        size = self.starts[at + 1] - self.starts[at]
        rows = ranges(self.starts[at], size)
        return Traffic(
            self.handshakes.take(at),
            self.rows[rows],
            np.repeat(np.arange(len(at)), size),
            self.event[rows],
            self.from_client[rows],
            self.grouped[at],
        )

    def only(self, mask: npt.NDArray[np.bool_]) -> Traffic:
        """The traffic with the rows of some handshakes alone: row numbers are those of its own rows."""
        keep = mask[self.handshake]
        return replace(
            self,
            rows=self.rows[keep],
            handshake=self.handshake[keep],
            event=self.event[keep],
            from_client=self.from_client[keep],
        )

    def first(self, condition: npt.NDArray[np.bool_]) -> Ints:
        """For each handshake the first row that meets the condition, ABSENT where none does."""
        found = np.full(len(self.handshakes), ABSENT, np.int64)
        (where,) = condition.nonzero()
        found[self.handshake[where[::-1]]] = where[::-1]
        return found

    def value(self, name: str, row: Ints) -> Ints:
        """A field of ROW at one row for each handshake, ABSENT where that row is."""
        if not len(self.rows):
            return np.full(len(row), ABSENT, np.int64)
        return np.where(row == ABSENT, ABSENT, self.column(name)[row].astype(np.int64))

    def count(self, condition: npt.NDArray[np.bool_]) -> Ints:
        """For each handshake how many rows meet the condition."""
        return np.bincount(self.handshake[condition], minlength=len(self.handshakes)).astype(np.int64)


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
