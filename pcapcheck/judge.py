"""Openings to handshakes: one row per attempt, as columns, with the rows on which it stands."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property, wraps
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pcapcheck import history, rtt
from pcapcheck.attempts import Assignment
from pcapcheck.decode.option_columns import ROOM as _OPTION_ROOM
from pcapcheck.decode.option_columns import OptionColumns, option_columns
from pcapcheck.decode.options import parse_options
from pcapcheck.decode.segment import ACK, AE, CWR, ECE, FIN, OPTIONS_UNSEEN, RST, SYN
from pcapcheck.evidence import Event, Evidence, Fact
from pcapcheck.faults import by_vlan, copies
from pcapcheck.handshake import outcome_of, shape_of
from pcapcheck.openings import ICMP, ROW, Openings, Row
from pcapcheck.patterns import Regular, regular
from pcapcheck.select import rows_of
from pcapcheck.tables import ABSENT, ACK_KINDS, CLOSES, ECNS, OUTCOMES, SHAPES, SIDES, ZEEK_STATES

Ints = npt.NDArray[np.int64]

# Rows that are turned into columns at a time.
_CHUNK: Final = 1 << 13

# The last fields: those that are not columns of integers.
_OBJECTS: Final = ("hosts", "histories")


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
        return Handshakes(**{name: one if name in _OBJECTS else one[at] for name, one in columns.items()})


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
    ordinary = regular(openings, end_time)
    # Of the ordinary flows one of each pattern is judged by itself, and of the others every one.
    alone = np.ones(len(openings.flows), bool)
    alone[np.delete(ordinary.flow, ordinary.representative)] = False
    judged = _Table(_walk(openings, end_time, alone), capture)
    representative = judged.of_flow(ordinary.flow[ordinary.representative])
    others = np.delete(np.arange(len(ordinary.flow)), ordinary.representative)
    columns = _ordinary_columns(openings, ordinary, others, judged, representative)
    order = np.argsort(np.append(judged.columns["first_frame"], columns["first_frame"]), kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    of_judged, of_others = np.split(place, [len(judged.sizes)])
    together = {}
    for name, column in judged.columns.items():
        together[name] = np.empty(len(order), np.int64)
        together[name][of_others] = columns[name]
        together[name][of_judged] = column
    hosts = _only_used(openings.flows.hosts, together["client"], together["server"])
    handshakes = Handshakes(**together, hosts=hosts, histories=judged.histories)
    _spread_one_sidedness(handshakes)
    # The rows follow their handshakes into the new order.
    size = np.append(judged.sizes, ordinary.size[others])
    client = np.append(judged.clients, ordinary.client[others])
    own = _ranges(ordinary.start[others], ordinary.size[others])
    handshake = np.repeat(place, size)
    by_handshake = np.argsort(handshake, kind="stable")
    number = np.append(judged.rows, own)[by_handshake]
    # Mostly each flow is one attempt, and they stand in order already: then the rows need not be copied.
    in_order = len(number) == len(openings.rows) and bool((number == np.arange(len(number))).all())
    rows = openings.rows if in_order else openings.rows[number]
    return Traffic(
        handshakes,
        rows,
        handshake[by_handshake],
        np.append(judged.events, _events_of(ordinary, others, judged, representative))[by_handshake],
        rows["side"] == np.repeat(client, size)[by_handshake],
        np.zeros(len(handshakes), bool),
    )


def _only_used(hosts: list[bytes], *numbers: Ints) -> list[bytes]:
    """The hosts that these numbers name; the numbers are changed to count them alone."""
    used = np.zeros(len(hosts), bool)
    for column in numbers:
        used[column] = True
    if used.all():
        return hosts
    place = used.cumsum() - 1
    for column in numbers:
        column[:] = place[column]
    return [host for host, wanted in zip(hosts, used.tolist(), strict=True) if wanted]


class _Table:
    """Attempts that were judged one by one, as columns."""

    def __init__(self, found: Iterable[_Judged], capture: int) -> None:
        numbers = array("q")  # the integer fields of one handshake after another
        histories: dict[str, int] = {}
        rows, events, sizes, clients, flows = (array("q") for _ in range(5))
        for judged in found:
            letters = history.letters(judged.evidence)
            numbers.extend(_values(judged, capture, histories.setdefault(letters, len(histories))))
            rows.extend(judged.rows)
            events.extend(judged.events)
            sizes.append(len(judged.rows))
            clients.append(judged.evidence.attempt.client)
            flows.append(judged.flow)
        names = [field.name for field in fields(Handshakes)][: -len(_OBJECTS)]
        table = np.array(numbers, np.int64).reshape(-1, len(names))
        self.histories = list(histories)
        self.columns: dict[str, Ints] = {name: table[:, index] for index, name in enumerate(names)}
        self.rows, self.sizes, self.clients = (np.array(column, np.int64) for column in (rows, sizes, clients))
        self.events = np.array(events, np.int8)
        self._flows = np.array(flows, np.int64)  # ascending

    def of_flow(self, flows: Ints) -> Ints:
        """Where the only attempt of each of these flows stands."""
        return np.searchsorted(self._flows, flows).astype(np.int64)

    def first_row(self, entries: Ints) -> Ints:
        """Where the rows of these attempts begin, in ``rows`` and ``events``."""
        return (self.sizes.cumsum() - self.sizes)[entries]


def _ranges(start: Ints, size: Ints) -> Ints:
    """The numbers from each start on, so many of each."""
    return np.repeat(start - size.cumsum() + size, size) + np.arange(size.sum())


def _events_of(ordinary: Regular, others: Ints, judged: _Table, representative: Ints) -> npt.NDArray[np.int8]:
    """What each row of these ordinary flows is to its attempt: the same as in the one that was judged."""
    start = judged.first_row(representative)[ordinary.pattern[others]]
    return judged.events[_ranges(start, ordinary.size[others])]


def _ordinary_columns(
    openings: Openings, ordinary: Regular, others: Ints, judged: _Table, representative: Ints
) -> dict[str, Ints]:
    """The fields of Handshakes of these ordinary flows: what their pattern says, and their own numbers."""
    rows = openings.rows
    pattern = ordinary.pattern[others]
    columns: dict[str, Ints] = {}

    def of_pattern(name: str) -> Ints:
        """What the judged one of each flow's pattern has there."""
        values = judged.columns[name][representative]
        if len(values) and (values == values[0]).all():
            return np.full(len(others), values[0])
        return values[pattern]

    first, last = ordinary.start[others], ordinary.start[others] + ordinary.size[others] - 1
    flows, flow, is_high = openings.flows, ordinary.flow[others], ordinary.client[others] == 1
    low, high = (flows.low[flow], flows.low_port[flow]), (flows.high[flow], flows.high_port[flow])
    for name, one, other in (("client", low, high), ("server", high, low)):
        columns[name], columns[f"{name}_port"] = (np.where(is_high, *pair) for pair in zip(other, one, strict=True))

    def number(name: str, row: Ints) -> Ints:
        return rows[name][row].astype(np.int64)

    # A number that the judged one of its pattern does not have, the others do not have either.
    has_synack, has_ack = of_pattern("server_isn") != ABSENT, of_pattern("ack_frame") != ABSENT
    synack, ack = np.minimum(first + 1, last), np.minimum(first + 2, last)
    for name, field, row, has in (
        ("start_time", "time", first, None), ("syn_frame", "frame", first, None), ("first_frame", "frame", first, None),
        ("client_isn", "seq", first, None), ("syn_ttl", "ttl", first, None), ("vlan", "vlan", first, None),
        ("tunnel", "tunnel", first, None), ("last_frame", "frame", last, None),
        ("synack_frame", "frame", synack, has_synack), ("server_isn", "seq", synack, has_synack),
        ("synack_ack", "ack", synack, has_synack), ("synack_ttl", "ttl", synack, has_synack),
        ("ack_frame", "frame", ack, has_ack), ("ack_seq", "seq", ack, has_ack), ("ack_ack", "ack", ack, has_ack),
    ):  # fmt: skip
        columns[name] = number(field, row) if has is None else np.where(has, number(field, row), ABSENT)
    columns["last_time"] = ordinary.until[others]
    server_rtt = number("time", synack) - number("time", first)
    client_rtt = number("time", ack) - number("time", synack)
    for name, span in (("server", server_rtt), ("client", client_rtt), ("handshake", server_rtt + client_rtt)):
        measured = np.where(of_pattern(f"{name}_rtt") != ABSENT, span, ABSENT)
        for end in ("", "_min", "_max"):
            columns[f"{name}_rtt{end}"] = measured
    for name, at, row, has in (
        ("client", ordinary.of_syn, first, None), ("server", ordinary.of_synack, synack, has_synack)
    ):  # fmt: skip
        for option, offered in _offered(ordinary.options, at[others], rows, row).items():
            column = f"{name}_{option}"
            columns[column] = offered if has is None else np.where(has, offered, of_pattern(column))
    return columns | {name: of_pattern(name) for name in judged.columns if name not in columns}


def _offered(options: OptionColumns, at: Ints, rows: npt.NDArray[Any], row: Ints) -> dict[str, Ints]:
    """_offers of many SYNs or SYN-ACKs: these rows, whose options stand at these places of the columns."""
    absent = np.where(rows["unseen"][row] & OPTIONS_UNSEEN, ABSENT, 0)
    fast_open = options.fast_open[at].astype(np.int64)
    mptcp = np.zeros(len(at), np.int64)
    (having,) = (options.mptcp[at] != ABSENT).nonzero()
    octets = rows["options"][row[having]].view(np.uint8).reshape(-1, _OPTION_ROOM)
    subtype = octets[np.arange(len(having)), options.mptcp[at[having]] + 2] >> 4
    mptcp[having] = np.where(subtype <= 1, subtype.astype(np.int64) + 1, 0)
    return {
        "mss": options.mss[at].astype(np.int64),
        "wscale": options.wscale[at].astype(np.int64),
        "sack_permitted": np.where(options.sack_permitted[at], 1, absent),
        "timestamps": np.where(options.tsval[at] != ABSENT, 1, absent),
        "fast_open": np.where(fast_open == ABSENT, 0, np.where(fast_open > 0, 2, 1)),
        "mptcp": mptcp,
        "ecn": _ECN_OF_FLAGS[rows["tcp_flags"][row]],
    }


class _Judged(NamedTuple):
    flow: int
    ends: tuple[tuple[int, int], tuple[int, int]]  # low, high: index of the host, port
    evidence: Evidence
    rows: list[int]  # index into the openings' rows, with the copies
    events: list[Event]


def _walk(openings: Openings, end_time: int, wanted: npt.NDArray[np.bool_]) -> Iterator[_Judged]:
    """Every attempt of the flows that are ``wanted``, with its evidence."""
    numbers, flows = openings.rows["flow"], openings.flows
    begin, end = (np.searchsorted(numbers, wanted.nonzero()[0], side) for side in ("left", "right"))
    for number, position, stop in zip(wanted.nonzero()[0].tolist(), begin.tolist(), end.tolist(), strict=True):
        rows = list(rows_of(openings.rows[position:stop]))
        low = int(flows.low[number]), int(flows.low_port[number])
        high = int(flows.high[number]), int(flows.high_port[number])
        self_connected = low == high
        copy_of = copies(rows)
        for indices in by_vlan(rows):
            originals = [index for index in indices if index not in copy_of]
            for attempt in Assignment(rows, self_connected=self_connected).walk(originals):
                evidence = Evidence(attempt, rows, self_connected=self_connected, end_time=end_time)
                events = dict(zip(attempt.rows, evidence.events, strict=True))
                events.update((copy, Event.COPY) for copy, original in copy_of.items() if original in events)
                placed = sorted(events)
                yield _Judged(
                    number, (low, high), evidence, [position + index for index in placed], [events[i] for i in placed]
                )


def _values(item: _Judged, capture: int, history_code: int) -> tuple[int, ...]:
    """One handshake, in the order of the fields of Handshakes."""
    evidence, attempt = item.evidence, item.evidence.attempt
    outcome = outcome_of(evidence.facts)
    shape = shape_of(evidence.facts) if outcome in ("established", "client-only") else ""
    client, server = item.ends[::-1] if attempt.client else item.ends
    # A wrong number is shown as it stands, where no right one followed.
    synack = evidence.synack or evidence.peer_syn or evidence.first(Event.WRONG_SYNACK)
    ack = evidence.ack or evidence.first(Event.PEER_SYNACK) or evidence.first(Event.WRONG_ACK)
    how, by = history.close(evidence, outcome)
    spans = rtt.spans(evidence, outcome)
    return (
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
        client[0],
        server[0],
        history_code,
    )


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


# _ecn of every combination of flags, as an index of ECNS.
_ECN_OF_FLAGS: Final = np.array([ECNS.index(_ecn(flags)) for flags in range(1 << 12)])


def _spread_one_sidedness(handshakes: Handshakes) -> None:
    """Between two hosts of which one flow proves a one-sided capture, and none shows both directions, silence proves
    nothing: what was unanswered, or a SYN-ACK alone, becomes one-sided too.
    """
    proofs = handshakes.is_outcome("one-sided")
    if not proofs.any():
        return
    pairs = [frozenset(pair) for pair in zip(handshakes.client.tolist(), handshakes.server.tolist(), strict=True)]
    both = (handshakes.facts & Fact.CLIENT_SEEN != 0) & (handshakes.facts & Fact.SERVER_SEEN != 0)
    proved = {pairs[index] for index in proofs.nonzero()[0]} - {pairs[index] for index in both.nonzero()[0]}
    silent = handshakes.is_outcome("unanswered") | (
        handshakes.is_outcome("stray") & (handshakes.facts & Fact.SYNACK != 0) & ~both
    )
    for index in silent.nonzero()[0]:
        if pairs[index] in proved:
            handshakes.outcome[index] = OUTCOMES.index("one-sided")
