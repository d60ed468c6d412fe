"""Openings to handshakes: one row per attempt, as columns, with the rows on which it stands."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pcapcheck import history, rtt
from pcapcheck.attempts import Assignment
from pcapcheck.decode.segment import ACK, FIN
from pcapcheck.evidence import Event, Evidence, Fact
from pcapcheck.faults import by_vlan, copies
from pcapcheck.handshake import outcome_of, shape_of
from pcapcheck.offers import offers
from pcapcheck.openings import Openings, Row, ranges
from pcapcheck.ordinary import ordinary_columns
from pcapcheck.patterns import regular
from pcapcheck.select import rows_of
from pcapcheck.tables import ABSENT, ACK_KINDS, CLOSES, OUTCOMES, SHAPES, SIDES, ZEEK_STATES
from pcapcheck.traffic import COLUMNS, Handshakes, Ints, Traffic


def judge(openings: Openings, capture: int = 0, end_time: int = ABSENT) -> Traffic:
    """The handshakes of a capture that ends at ``end_time``, in order of their first frame."""
    traffic = judge_flows(openings, capture, end_time)
    spread_one_sidedness(traffic.handshakes)
    return traffic


def judge_flows(openings: Openings, capture: int, end_time: int) -> Traffic:
    """As judge, but each flow by itself: nothing of one flow is concluded from another."""
    ordinary = regular(openings, end_time)
    # Of the ordinary flows one of each pattern is judged by itself, and of the others every one.
    alone = np.ones(len(openings.flows), bool)
    alone[np.delete(ordinary.flow, ordinary.representative)] = False
    judged = _Table(_walk(openings, end_time, alone), capture)
    representative = judged.of_flow(ordinary.flow[ordinary.representative])
    others = np.delete(np.arange(len(ordinary.flow)), ordinary.representative)
    columns = ordinary_columns(openings, ordinary, others, judged.columns, representative)
    order = np.argsort(np.append(judged.columns["first_frame"], columns["first_frame"]), kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    of_judged, of_others = np.split(place, [len(judged.sizes)])
    together = {}
    for name, column in judged.columns.items():
        together[name] = np.empty(len(order), np.int64)
        together[name][of_others] = columns[name]
        together[name][of_judged] = column
    hosts, ends = openings.flows.hosts.used(together["client"], together["server"])
    together["client"], together["server"] = ends
    handshakes = Handshakes(together, hosts, judged.histories)
    # The rows follow their handshakes into the new order.
    size = np.append(judged.sizes, ordinary.size[others])
    client = np.append(judged.clients, ordinary.client[others])
    own = ranges(ordinary.start[others], ordinary.size[others])
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
        np.append(judged.events, ordinary.event[own])[by_handshake],
        rows["side"] == np.repeat(client, size)[by_handshake],
        np.zeros(len(handshakes), bool),
    )


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
        table = np.array(numbers, np.int64).reshape(-1, len(COLUMNS))
        self.histories = list(histories)
        self.columns: dict[str, Ints] = {name: table[:, index] for index, name in enumerate(COLUMNS)}
        self.rows, self.sizes, self.clients = (np.array(column, np.int64) for column in (rows, sizes, clients))
        self.events = np.array(events, np.int8)
        self._flows = np.array(flows, np.int64)  # ascending

    def of_flow(self, flows: Ints) -> Ints:
        """Where the only attempt of each of these flows stands."""
        return np.searchsorted(self._flows, flows).astype(np.int64)


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
        *offers(evidence.syn),
        *offers(synack),
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
        item.flow,
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
    proved = np.isin(pair, pair[proofs]) & ~np.isin(pair, pair[both])
    silent = handshakes.is_outcome("unanswered") | (
        handshakes.is_outcome("stray") & (handshakes.facts & Fact.SYNACK != 0) & ~both
    )
    handshakes.put("outcome", np.where(silent & proved, OUTCOMES.index("one-sided"), handshakes.outcome))
