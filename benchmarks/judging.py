"""Prints the CPU seconds that each rule and each diagnosis takes: ``python benchmarks/judging.py [HANDSHAKES]``.

The handshakes are those of real captures, again and again, later each time and between other hosts. What nearly all
rules and diagnoses share (columns of the rows, their options, addresses as numbers) has lines of its own; what only
some share is paid by the first of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from pcapcheck.addresses import Addresses
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.diagnoses import DIAGNOSES, diagnose
from pcapcheck.judge import judge
from pcapcheck.openings import FlowKey, Flows, Openings
from pcapcheck.rows import FIELDS, Rows
from pcapcheck.rules import RULES
from pcapcheck.rules.asking import ask
from pcapcheck.stretch import CaptureFacts, summarise
from pcapcheck.traffic import COLUMNS, Handshakes, Ints, Traffic

ROOT: Final = Path(__file__).resolve().parent.parent
# 200 right connections that a kernel opened, each a request and its answer; and 19 of which 7 failed.
CAPTURES: Final = [ROOT / "tests/lab/clean_many_interleaved.pcap", ROOT / "sample_captures/handshakes.pcap"]

SHARED: Final[dict[str, Callable[[Traffic], Any]]] = {
    "columns": lambda traffic: [traffic.column(name) for name in FIELDS if name != "options"],
    "options": lambda traffic: traffic.options,
    "addresses": lambda traffic: (traffic.clients, traffic.sockets),
}

ROUNDS: Final = 3
# So many tiles ask the same servers; each has clients of its own.
TILES_A_SERVER: Final = 100
SECOND: Final = 10**9


def tile_of(paths: list[Path]) -> tuple[Openings, CaptureFacts]:
    """The openings of some captures, as if one had been recorded after the other; and the facts of the first."""
    flows: list[FlowKey] = []
    parts = []
    summaries = [summarise(str(path)) for path in paths]
    start = frame = 0
    for summary in summaries:
        rows = summary.openings.rows.records()
        rows["flow"] += len(flows)
        rows["frame"] += frame
        _move(rows, start - summary.facts.first_time)
        flows += list(summary.openings.flows)
        parts.append(rows)
        frame += summary.facts.frames
        start += summary.facts.end_time - summary.facts.first_time + SECOND
    facts = replace(summaries[0].facts, first_time=0, first_frame_time=0, end_time=start, last_time=start, frames=frame)
    return Openings(Flows.of(flows), Rows.of(np.concatenate(parts))), facts


def traffic_of(size: int, paths: list[Path]) -> tuple[Traffic, CaptureFacts]:
    """At least ``size`` handshakes, and the facts of the capture that they would be of."""
    openings, facts = tile_of(paths)
    traffic = judge(openings, 0, facts.end_time)
    tile, number = traffic.handshakes, -(-size // len(traffic.handshakes))
    step = facts.end_time
    columns = {name: np.tile(getattr(tile, name), number) for name in COLUMNS}
    which = np.repeat(np.arange(number), len(tile))
    for name in ("start_time", "last_time"):
        columns[name] += step * which
    for name in ("syn_frame", "synack_frame", "ack_frame", "first_frame", "last_frame"):
        columns[name][columns[name] > 0] += (facts.frames * which)[columns[name] > 0]
    columns["client"] += len(tile.hosts) * which
    columns["server"] += len(tile.hosts) * (number + which // TILES_A_SERVER)
    kinds = number + number // TILES_A_SERVER + 1
    size = len(tile.hosts)
    hosts = [_renumbered(one, kind, host, size) for kind in range(kinds) for host, one in enumerate(tile.hosts)]
    named = Addresses.of(hosts)
    place = {address: at for at, address in enumerate(named)}
    of_hosts = np.array([place[address] for address in hosts], np.int64)
    columns["client"], columns["server"] = of_hosts[columns["client"]], of_hosts[columns["server"]]
    columns["flow"] += len(openings.flows) * which
    handshakes = Handshakes(columns, named, tile.histories)
    rows = np.tile(traffic.rows.records(), number)
    which = np.repeat(np.arange(number), len(traffic.rows))
    rows["flow"] += (len(openings.flows) * which).astype(np.uint32)
    rows["frame"] += facts.frames * which
    _move(rows, step * which)
    tiled = Traffic(
        handshakes,
        Rows.of(rows),
        np.tile(traffic.handshake, number) + len(tile) * which,
        np.tile(traffic.event, number),
        np.tile(traffic.from_client, number),
        np.zeros(len(handshakes), bool),
    )
    end = facts.end_time * number
    return tiled, replace(facts, end_time=end, last_time=end, last_frame_time=end, frames=facts.frames * number)


def _move(rows: Any, nanoseconds: int | Ints) -> None:
    """Every time of the rows so much later."""
    for name in ("time", "folded_until"):
        rows[name] = np.where(rows[name] == NO_TIME, NO_TIME, rows[name] + nanoseconds)


def _renumbered(address: bytes, network: int, host: int, size: int) -> bytes:
    """An address of the tile in another network of ``size`` hosts, in 10.0.0.0/8 or fd00::/8."""
    first = {4: 10 << 24, 16: 0xFD << 120}[len(address)]
    return (first + network * size + host).to_bytes(len(address))


def seconds_of(work: Callable[[], Any]) -> float:
    """The CPU seconds that this takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def timed(given: Traffic, capture: CaptureFacts) -> Iterator[tuple[str, float]]:
    """What each rule and diagnosis costs, with all that they share worked out anew."""
    handshakes = given.handshakes.take(np.arange(len(given.handshakes)))
    traffic = replace(given, handshakes=handshakes)
    for name, work in SHARED.items():
        yield name, seconds_of(lambda work=work: work(traffic))
    for diagnosis in DIAGNOSES.values():
        yield diagnosis.id, seconds_of(lambda one=diagnosis: diagnose(traffic, capture, [one]))
    for rule in RULES.values():
        yield rule.id, seconds_of(lambda one=rule: ask(one, traffic, capture).failed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("handshakes", nargs="?", type=int, default=1_500_000)
    parser.add_argument("--capture", action="append", type=Path, help="tile this capture instead (repeatable)")
    parser.add_argument("--slowest", type=int, default=20, help="print so many of each")
    arguments = parser.parse_args()
    traffic, capture = traffic_of(arguments.handshakes, arguments.capture or CAPTURES)
    print(f"{len(traffic.handshakes):,} handshakes, {len(traffic.rows):,} rows; CPU seconds, median of {ROUNDS}")
    rounds = [dict(timed(traffic, capture)) for _ in range(ROUNDS)]
    medians = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    for what, names in (("shared", list(SHARED)), ("rules", list(RULES)), ("diagnoses", list(DIAGNOSES))):
        print(f"\n{what:11} {statistics.median(sum(one[name] for name in names) for one in rounds):7.2f}")
        for name in sorted(names, key=medians.__getitem__, reverse=True)[: arguments.slowest]:
            print(f"  {name:9} {medians[name]:7.2f}")


if __name__ == "__main__":
    main()
