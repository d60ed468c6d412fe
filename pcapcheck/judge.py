"""Openings to handshakes: one row per attempt, as columns, with the rows on which it stands."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property, wraps
from itertools import groupby
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pcapcheck import history, rtt
from pcapcheck.attempts import Assignment
from pcapcheck.decode.option_columns import OptionColumns, option_columns
from pcapcheck.decode.options import parse_options
from pcapcheck.decode.segment import ACK, AE, CWR, ECE, FIN, OPTIONS_UNSEEN, RST, SYN
from pcapcheck.evidence import Event, Evidence, Fact
from pcapcheck.faults import by_vlan, copies
from pcapcheck.handshake import outcome_of, shape_of
from pcapcheck.openings import ICMP, ROW, FlowKey, Openings, Row
from pcapcheck.select import rows_of
from pcapcheck.tables import ABSENT, ACK_KINDS, CLOSES, ECNS, OUTCOMES, SHAPES, SIDES, ZEEK_STATES

Ints = npt.NDArray[np.int64]

# Rows that are turned into columns at a time.
_CHUNK: Final = 1 << 13

# The last fields: those that are not columns of integers.
_OBJECTS: Final = ("client_address", "server_address", "history")


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
    # Not integers.
    client_address: list[bytes]
    server_address: list[bytes]
    history: list[str]

    def __len__(self) -> int:
        return len(self.capture)

    @cached_property
    def hosts(self) -> list[bytes]:
        """Each address once."""
        return list(dict.fromkeys(self.client_address + self.server_address))

    @cached_property
    def addresses(self) -> Ints:
        """The clients' addresses as indices of hosts, then the servers'."""
        numbers = {address: number for number, address in enumerate(self.hosts)}
        addresses = self.client_address + self.server_address
        return np.fromiter(map(numbers.__getitem__, addresses), np.int64, len(addresses))

    @cached_property
    def sockets(self) -> Ints:
        """The servers' addresses and ports as numbers from 0."""
        servers = self.addresses[len(self) :]
        _, numbers = np.unique(servers << 16 | self.server_port, return_inverse=True)
        return np.asarray(numbers, np.int64)

    def is_outcome(self, *names: str) -> npt.NDArray[np.bool_]:
        """Which attempts have one of these outcomes."""
        chosen = np.zeros(len(OUTCOMES), bool)
        chosen[[OUTCOMES.index(name) for name in names]] = True
        return chosen[self.outcome]

    def take(self, at: Ints) -> Handshakes:
        """Those at these indices."""
        entries = at.tolist()

        def taken(column: Any) -> Any:
            return [column[index] for index in entries] if isinstance(column, list) else column[at]

        return Handshakes(*(taken(getattr(self, field.name)) for field in fields(self)))


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
        return self.handshakes.addresses[: len(self.handshakes)]

    @property
    def servers(self) -> Ints:
        """The server's address of each handshake as a number."""
        return self.handshakes.addresses[len(self.handshakes) :]

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
        rows = np.repeat(self.starts[at] - size.cumsum() + size, size) + np.arange(size.sum())
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


def judge(openings: Openings, capture: int = 0, end_time: int = ABSENT) -> Traffic:
    """The handshakes of a capture that ends at ``end_time``, in order of their first frame."""
    numbers = array("q")  # the integer fields of one handshake after another
    objects: list[tuple[bytes, bytes, str]] = []
    row_numbers, events, sizes, clients = array("q"), array("q"), array("q"), array("q")
    for judged in _walk(openings, end_time):
        integers, texts = _values(judged, capture)
        numbers.extend(integers)
        objects.append(texts)
        row_numbers.extend(judged.rows)
        events.extend(judged.events)
        sizes.append(len(judged.rows))
        clients.append(judged.evidence.attempt.client)
    names = [field.name for field in fields(Handshakes)]
    width = len(names) - len(_OBJECTS)
    table = np.array(numbers, np.int64).reshape(-1, width)
    order = np.argsort(table[:, names.index("first_frame")], kind="stable")
    columns: dict[str, Any] = {name: table[order, index] for index, name in enumerate(names[:width])}
    for index, name in enumerate(_OBJECTS):
        columns[name] = [objects[number][index] for number in order.tolist()]
    handshakes = Handshakes(**columns)
    _spread_one_sidedness(handshakes)
    # The rows follow their handshakes into the new order.
    size, client = np.array(sizes, np.int64), np.array(clients, np.int64)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    handshake = np.repeat(place, size)
    by_handshake = np.argsort(handshake, kind="stable")
    rows = openings.rows[np.array(row_numbers, np.int64)[by_handshake]]
    return Traffic(
        handshakes,
        rows,
        handshake[by_handshake],
        np.array(events, np.int8)[by_handshake],
        rows["side"] == np.repeat(client, size)[by_handshake],
        np.zeros(len(handshakes), bool),
    )


class _Judged(NamedTuple):
    key: FlowKey
    evidence: Evidence
    rows: list[int]  # index into the openings' rows, with the copies
    events: list[Event]


def _walk(openings: Openings, end_time: int) -> Iterator[_Judged]:
    """Every attempt of every flow, with its evidence."""
    position = 0
    for number, group in groupby(rows_of(openings), key=lambda row: row.flow):
        rows = list(group)
        key = openings.flows[number]
        self_connected = key[:2] == key[2:4]
        copy_of = copies(rows)
        for indices in by_vlan(rows):
            originals = [index for index in indices if index not in copy_of]
            for attempt in Assignment(rows, self_connected=self_connected).walk(originals):
                evidence = Evidence(attempt, rows, self_connected=self_connected, end_time=end_time)
                events = dict(zip(attempt.rows, evidence.events, strict=True))
                events.update((copy, Event.COPY) for copy, original in copy_of.items() if original in events)
                placed = sorted(events)
                yield _Judged(key, evidence, [position + index for index in placed], [events[i] for i in placed])
        position += len(rows)


def _values(item: _Judged, capture: int) -> tuple[tuple[int, ...], tuple[bytes, bytes, str]]:
    """One handshake, in the order of the fields of Handshakes: the integers, and the rest."""
    evidence, attempt = item.evidence, item.evidence.attempt
    outcome = outcome_of(evidence.facts)
    shape = shape_of(evidence.facts) if outcome in ("established", "client-only") else ""
    low, high = item.key[:2], item.key[2:4]
    client, server = (high, low) if attempt.client else (low, high)
    # A wrong number is shown as it stands, where no right one followed.
    synack = evidence.synack or evidence.peer_syn or evidence.first(Event.WRONG_SYNACK)
    ack = evidence.ack or evidence.first(Event.PEER_SYNACK) or evidence.first(Event.WRONG_ACK)
    how, by = history.close(evidence, outcome)
    spans = rtt.spans(evidence, outcome)
    integers = (
        capture,
        client[1],
        server[1],
        OUTCOMES.index(outcome),
        SHAPES.index(shape),
        _side(evidence.abort.side if outcome == "aborted" and evidence.abort else ABSENT, attempt.client),
        evidence.rows[0].time,
        *_of(evidence.syn, "frame"),
        *_of(synack, "frame"),
        *_of(ack, "frame"),
        ACK_KINDS.index(_ack_kind(evidence.ack)),
        CLOSES.index(how),
        _side(by, attempt.client),
        evidence.syn_count,
        evidence.synack_count,
        *_of(evidence.syn, "seq"),
        *_of(synack, "seq"),
        *_of(synack if synack is None or synack.tcp_flags & ACK else None, "ack"),
        *_of(ack, "seq", "ack"),
        *(number for span in spans for number in (span.exact, *span)),
        rtt.worst(*spans),
        *_offers(evidence.syn),
        *_offers(synack),
        *_of(evidence.syn, "ttl"),
        *_of(synack, "ttl"),
        evidence.rows[0].vlan,
        evidence.rows[0].tunnel,
        history.completeness(evidence),
        ZEEK_STATES.index(history.zeek_state(evidence, outcome, how, by)),
        evidence.facts,
        evidence.rows[0].frame,
        evidence.rows[-1].frame,
        attempt.last_time,
        evidence.syn.payload_length if evidence.syn else 0,
    )
    return integers, (client[0], server[0], history.letters(evidence))


def _of(row: Row | None, *names: str) -> tuple[int, ...]:
    return tuple(ABSENT if row is None else getattr(row, name) for name in names)


def _side(side: int, client: int) -> int:
    return SIDES.index("" if side == ABSENT else "client" if side == client else "server")


def _ack_kind(ack: Row | None) -> str:
    if ack is None:
        return ""
    return "fin" if ack.tcp_flags & FIN else "data" if ack.payload_length else "ack"


def _offers(row: Row | None) -> tuple[int, ...]:
    """What a SYN or SYN-ACK offers: mss, wscale, sack_permitted, timestamps, fast_open, mptcp, ecn."""
    if row is None or row.kind == ICMP or row.tcp_flags & RST or not row.tcp_flags & SYN:
        return (ABSENT, ABSENT, ABSENT, ABSENT, 0, 0, 0)
    options = parse_options(row.options, complete=not row.unseen & OPTIONS_UNSEEN)
    absent = ABSENT if row.unseen & OPTIONS_UNSEEN else 0
    return (
        options.mss,
        options.wscale,
        1 if options.sack_permitted else absent,
        1 if options.tsval != ABSENT else absent,
        0 if options.fast_open == ABSENT else 2 if options.fast_open else 1,
        options.mptcp + 1 if options.mptcp in (0, 1) else 0,
        ECNS.index(_ecn(row.tcp_flags)),
    )


def _ecn(flags: int) -> str:
    """The ECN set-up of a SYN (RFC 3168, section 6.1.1; RFC 9768, section 3.1.1) or SYN-ACK (its table 2)."""
    ace = flags & (AE | CWR | ECE)
    if flags & ACK:
        return {ECE: "ecn", CWR: "accecn", CWR | ECE: "accecn", AE: "accecn", AE | CWR: "accecn"}.get(ace, "")
    return {CWR | ECE: "ecn", AE | CWR | ECE: "accecn"}.get(ace, "")


def _spread_one_sidedness(handshakes: Handshakes) -> None:
    """Between two hosts of which one flow proves a one-sided capture, and none shows both directions, silence proves
    nothing: what was unanswered, or a SYN-ACK alone, becomes one-sided too.
    """
    proofs = handshakes.is_outcome("one-sided")
    if not proofs.any():
        return
    pairs = [frozenset(pair) for pair in zip(handshakes.client_address, handshakes.server_address, strict=True)]
    both = (handshakes.facts & Fact.CLIENT_SEEN != 0) & (handshakes.facts & Fact.SERVER_SEEN != 0)
    proved = {pairs[index] for index in proofs.nonzero()[0]} - {pairs[index] for index in both.nonzero()[0]}
    silent = handshakes.is_outcome("unanswered") | (
        handshakes.is_outcome("stray") & (handshakes.facts & Fact.SYNACK != 0) & ~both
    )
    for index in silent.nonzero()[0]:
        if pairs[index] in proved:
            handshakes.outcome[index] = OUTCOMES.index("one-sided")
