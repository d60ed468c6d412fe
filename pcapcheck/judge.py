"""Openings to handshakes: one row per attempt, as columns, with the rows on which it stands."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

import numpy as np

from pcapcheck import history, rtt
from pcapcheck.attempts import Assignment
from pcapcheck.decode.segment import FIN
from pcapcheck.evidence import Event, Evidence, Fact
from pcapcheck.faults import by_vlan, copies
from pcapcheck.handshake import outcome_of, shape_of
from pcapcheck.named_rows import NamedRows, OpeningRows, read_off
from pcapcheck.openings import Openings, Row, ranges
from pcapcheck.ordinary import ordinary_columns
from pcapcheck.patterns import regular
from pcapcheck.select import rows_of
from pcapcheck.smooth import Smooth
from pcapcheck.sorting import occur_in
from pcapcheck.tables import ABSENT, ACK_KINDS, CLOSES, OUTCOMES, SHAPES, SIDES, ZEEK_STATES
from pcapcheck.traffic import Handshakes, Ints, Traffic


def judge(openings: Openings, capture: int = 0, end_time: int = ABSENT) -> Traffic:
    """The handshakes of a capture that ends at ``end_time``, in order of their first frame."""
    traffic = judge_flows(openings, capture, end_time)
    spread_one_sidedness(traffic.handshakes)
    return traffic


def judge_flows(openings: Openings, capture: int, end_time: int) -> Traffic:
    """As judge, but each flow by itself: nothing of one flow is concluded from another."""
    ordinary = regular(openings, end_time)
    patterns = _Patterns(ordinary.number)
    # Of the ordinary flows the first of each pattern is judged by itself, and of the others every one.
    irregular = np.ones(len(openings.flows), bool)
    irregular[ordinary.flow] = False
    begin, end = (np.searchsorted(openings.rows["flow"], irregular.nonzero()[0], side) for side in ("left", "right"))
    first = ordinary.representative[patterns.new]
    begin = np.append(begin, ordinary.start[first])
    size = np.append(end, ordinary.start[first] + ordinary.size[first]) - begin
    order = np.argsort(begin)
    judged = _Table(openings, _walk(openings, end_time, begin[order], size[order]))
    representative = judged.at(ordinary.start[first])
    patterns.learn(judged, representative)
    columns = ordinary_columns(openings, ordinary, patterns.columns(judged.histories))
    others = np.ones(len(judged.sizes), bool)
    others[representative] = False
    order = np.argsort(np.append(columns["first_frame"], judged.columns["first_frame"][others]), kind="stable")
    in_order = not others.any() and bool((order == np.arange(len(order))).all())

    def together(of_ordinary: Ints, of_judged: Ints) -> Ints:
        """One column of all handshakes, in order of their first frame."""
        return of_ordinary if in_order else np.append(of_ordinary, of_judged[others])[order]

    columns = {name: together(columns[name], column) for name, column in judged.columns.items()}
    # Numbered in their own order, which does not depend on the patterns that are known already.
    histories = sorted(judged.histories)
    columns["history_code"] = np.searchsorted(histories, list(judged.histories))[columns["history_code"]]
    columns["capture"] = np.full(len(order), capture)
    hosts, (columns["client"], columns["server"]) = openings.flows.hosts.used(columns["client"], columns["server"])
    # The rows follow their handshakes. Those of an ordinary one follow each other, those of another may lie apart.
    size = together(ordinary.size, judged.sizes)
    number = ranges(together(ordinary.start, judged.first), size)
    start = (size.cumsum() - size)[np.argsort(order)[len(ordinary.flow) :]]
    number[ranges(start, judged.sizes[others])] = judged.rows[np.repeat(others, judged.sizes)]
    rows, event, from_client = openings.rows, ordinary.event, ordinary.from_client
    event[judged.rows] = judged.events
    from_client[judged.rows] = rows.take(judged.rows)["side"] == np.repeat(judged.clients, judged.sizes)
    # Mostly each flow is one attempt, and they stand in order already: then the rows need not be copied.
    if len(number) < len(rows) or (number != np.arange(len(rows))).any():
        rows, event, from_client = rows.take(number), event[number], from_client[number]
    return Traffic(
        Handshakes(columns, hosts, histories),
        rows,
        np.repeat(np.arange(len(size)), size),
        event,
        from_client,
        np.zeros(len(size), bool),
        smooth=_placed(ordinary.smooth, order, columns),
    )


def _placed(smooth: Smooth, order: Ints, columns: Mapping[str, Ints]) -> Smooth:
    """Those that were established and not cut short, of handshakes in this order."""
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    at = place[smooth.at]
    cut = history.cut_short(columns["close"][at])
    established = columns["outcome"][at] == OUTCOMES.index("established")
    placed = smooth._replace(at=at).only(established & ~cut)
    return placed.take(np.argsort(placed.at)) if (np.diff(placed.at) < 0).any() else placed


# The fields of Handshakes that are decided on an attempt's evidence, in the order of _decided.
_DECIDED: Final = (
    "outcome", "shape", "aborted_by", "ack_kind", "close", "closed_by", "syn_count", "synack_count",
    "server_rtt_min", "server_rtt_max", "client_rtt_min", "client_rtt_max", "handshake_rtt_min", "handshake_rtt_max",
    "rtt_status", "completeness", "zeek_state", "facts", "last_time",
)  # fmt: skip


def _by_name(table: Ints) -> dict[str, Ints]:
    """The columns of a table of what _decided gives."""
    return {name: table[:, index] for index, name in enumerate(_DECIDED)}


_Verdict = tuple[Sequence[int], str]  # in the order of _DECIDED, and the history

# What the flows of each pattern are given, in this process: patterns are few, unless somebody makes many.
_KNOWN: Final[dict[int, _Verdict]] = {}
_MOST_KNOWN: Final = 1 << 12


class _Patterns:
    """Patterns, and what is known of them."""

    def __init__(self, numbers: Ints) -> None:
        if len(_KNOWN) > _MOST_KNOWN:
            _KNOWN.clear()
        self._found = {number: _KNOWN.get(number) for number in numbers.tolist()}
        self.new = np.array([found is None for found in self._found.values()], bool)  # not known yet

    def learn(self, judged: _Table, at: Ints) -> None:
        """What the first flow of each new one was given, at these places of the table."""
        histories = list(judged.histories)
        new = [number for number, found in self._found.items() if found is None]
        codes = judged.columns["history_code"][at].tolist()
        for number, decided, code in zip(new, judged.decided[at].tolist(), codes, strict=True):
            self._found[number] = _KNOWN[number] = decided, histories[code]

    def columns(self, histories: dict[str, int]) -> dict[str, Ints]:
        """The fields of _DECIDED and the history of each; its letters are added to these."""
        found = [verdict for verdict in self._found.values() if verdict is not None]
        table = np.array([decided for decided, _ in found], np.int64).reshape(-1, len(_DECIDED))
        codes = [histories.setdefault(letters, len(histories)) for _, letters in found]
        return {**_by_name(table), "history_code": np.array(codes, np.int64)}


class _Table:
    """Attempts that were judged one by one, as columns."""

    def __init__(self, openings: Openings, found: Iterable[_Judged]) -> None:
        numbers = array("q")  # those of _DECIDED of one handshake after another
        histories: dict[str, int] = {}
        rows, events, sizes, clients, begin, codes = (array("q") for _ in range(6))
        for judged in found:
            course = history.course(judged.evidence)
            numbers.extend(_decided(judged.evidence, course))
            letters = history.letters(course)
            codes.append(histories.setdefault(letters, len(histories)))
            rows.extend(judged.rows)
            events.extend(judged.events)
            sizes.append(len(judged.rows))
            clients.append(judged.evidence.attempt.client)
            begin.append(judged.begin)
        table = np.array(numbers, np.int64).reshape(-1, len(_DECIDED))
        self.histories = histories
        self.decided = table
        self.rows, self.sizes, self.clients = (np.array(column, np.int64) for column in (rows, sizes, clients))
        self.events = np.array(events, np.int8)
        self.first = self.rows[self.sizes.cumsum() - self.sizes]  # row of each
        self._begin = np.array(begin, np.int64)  # ascending
        self._flow = openings.rows["flow"][self._begin].astype(np.int64)
        self._attempt = np.repeat(np.arange(len(self.sizes)), self.sizes)
        self.columns = _by_name(table)
        for name in ("server_rtt", "client_rtt", "handshake_rtt"):
            least, most = self.columns[f"{name}_min"], self.columns[f"{name}_max"]
            self.columns[name] = np.where(least == most, most, ABSENT)
        self.columns |= {"flow": self._flow, "history_code": np.array(codes, np.int64)}
        named = self._named()
        opened = openings.rows.take(np.append(named.syn, named.synack))
        of_syn, of_synack = np.split(np.arange(len(opened)), 2)
        opening = OpeningRows.of(opened, of_syn, of_synack, openings.rows.take(named.ack))
        self.columns |= read_off(openings, named, opening)

    def at(self, begin: Ints) -> Ints:
        """Where the only attempt of what was walked from each of these rows on stands."""
        return np.searchsorted(self._begin, begin).astype(np.int64)

    def _named(self) -> NamedRows:
        last = np.empty(len(self.sizes), np.int64)
        (originals,) = (self.events != Event.COPY).nonzero()
        last[self._attempt[originals]] = self.rows[originals]
        # A wrong number is shown as it stands, where no right one followed.
        return NamedRows(
            self._flow,
            self.clients,
            self.first,
            last,
            self._first(Event.SYN),
            self._first(Event.SYNACK, Event.PEER_SYN, Event.WRONG_SYNACK),
            self._first(Event.COMPLETING, Event.PEER_SYNACK, Event.WRONG_ACK),
        )

    def _first(self, *events: Event) -> Ints:
        """The first row of each attempt that is the first of these events to it; where none is, the second."""
        found = np.full(len(self.sizes), ABSENT, np.int64)
        for event in reversed(events):
            (at,) = (self.events == event).nonzero()
            found[self._attempt[at[::-1]]] = self.rows[at[::-1]]
        return found


class _Judged(NamedTuple):
    begin: int  # the first row of its flow
    evidence: Evidence
    rows: list[int]  # index into the openings' rows, with the copies
    events: list[Event]


def _walk(openings: Openings, end_time: int, begin: Ints, size: Ints) -> Iterator[_Judged]:
    """Every attempt of the flows whose rows begin there and are so many, with its evidence."""
    flows, flow = openings.flows, openings.rows["flow"][begin]
    to_itself = (flows.low[flow] == flows.high[flow]) & (flows.low_port[flow] == flows.high_port[flow])
    every_row = rows_of(openings.rows, ranges(begin, size))
    for position, number, self_connected in zip(begin.tolist(), size.tolist(), to_itself.tolist(), strict=True):
        rows = list(islice(every_row, number))
        copy_of = copies(rows)
        copies_of: dict[int, list[int]] = {}
        for copy, original in copy_of.items():
            copies_of.setdefault(original, []).append(copy)
        for indices in by_vlan(rows):
            originals = [index for index in indices if index not in copy_of]
            for attempt in Assignment(rows, originals, self_connected=self_connected).walk():
                evidence = Evidence(attempt, rows, self_connected=self_connected, end_time=end_time)
                events = dict(zip(attempt.rows, evidence.events, strict=True))
                if copies_of:
                    events.update((copy, Event.COPY) for index in attempt.rows for copy in copies_of.get(index, ()))
                placed = sorted(events)
                yield _Judged(position, evidence, [position + index for index in placed], [events[i] for i in placed])


def _decided(evidence: Evidence, course: tuple[history.Kind, ...]) -> tuple[int, ...]:
    """What the evidence of one attempt comes to, in the order of _DECIDED."""
    client = evidence.attempt.client
    outcome = outcome_of(evidence.facts)
    shape = shape_of(evidence.facts) if outcome in ("established", "client-only") else ""
    how, by = history.close(evidence, outcome)
    spans = rtt.spans(evidence, outcome)
    return (
        OUTCOMES.index(outcome),
        SHAPES.index(shape),
        _side(evidence.abort.side if outcome == "aborted" and evidence.abort else ABSENT, client),
        ACK_KINDS.index(_ack_kind(evidence.ack)),
        CLOSES.index(how),
        _side(by, client),
        evidence.syn_count,
        evidence.synack_count,
        *(end for span in spans for end in span),
        rtt.worst(*spans),
        history.completeness(course),
        ZEEK_STATES.index(history.zeek_state(evidence, outcome, how, by)),
        evidence.facts,
        evidence.attempt.last_time,
    )


def _side(side: int, client: int) -> int:
    return SIDES.index("" if side == ABSENT else "client" if side == client else "server")


def _ack_kind(ack: Row | None) -> str:
    if ack is None:
        return ""
    return "fin" if ack.tcp_flags & FIN else "data" if ack.payload_length else "ack"


def spread_one_sidedness(handshakes: Handshakes) -> None:
    """Between two hosts of which one flow proves a one-sided capture, and none shows both directions, silence proves
    nothing: what was unanswered, or a SYN-ACK alone, becomes one-sided too.
    """
    proofs = handshakes.is_outcome("one-sided")
    if not proofs.any():
        return
    client, server = handshakes.client, handshakes.server
    pair = np.minimum(client, server) << 32 | np.maximum(client, server)
    both = (handshakes.facts & Fact.CLIENT_SEEN != 0) & (handshakes.facts & Fact.SERVER_SEEN != 0)
    proved = occur_in(pair, pair[proofs]) & ~occur_in(pair, pair[both])
    silent = handshakes.is_outcome("unanswered") | (
        handshakes.is_outcome("stray") & (handshakes.facts & Fact.SYNACK != 0) & ~both
    )
    handshakes.put("outcome", np.where(silent & proved, OUTCOMES.index("one-sided"), handshakes.outcome))
