"""One capture, judged: all that a run keeps of it, and how it is cut down to what the outputs need.

A capture is judged by itself, wherever that is done, and does not know its place in the run: its own number is 0 and
its handshakes count from 0. What is put together from several (Part) is in the order of the captures.
"""

from __future__ import annotations

import pickle
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress, count
from typing import Any, Final, NamedTuple

import numpy as np

from pcapcheck.diagnoses import Causes
from pcapcheck.faults.softening import Fault, softened
from pcapcheck.packed import Packed
from pcapcheck.rules.checked import Checked, undecidable_of
from pcapcheck.sorting import occur_again
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import KEEPS
from pcapcheck.totals import Totals, merged, places, totals
from pcapcheck.traffic import Handshakes, Ints, Traffic, spread

TOTALS, SHOWN, FINDINGS, CAUSES, EVERYTHING = KEEPS


class Kept(NamedTuple):
    """The handshakes of a capture that are kept."""

    at: Packed  # index of each among all of the capture
    traffic: Traffic
    causes: Causes
    # Between which frames the display filter of each must stay, ABSENT where it needs no bound; of a capture that came
    # in several files between which times.
    filter_from: Packed
    filter_to: Packed


@dataclass(frozen=True, eq=False)
class Judged:
    """One capture with what is said of it. Handshakes are indices into those that are kept."""

    facts: CaptureFacts
    keep: str  # one of KEEPS
    size: int  # how many handshakes the capture has
    held: Kept | bytes  # in octets where the capture is one of many: sixty small columns would take ten times the room
    checked: list[Checked]  # the answers of rules that found something
    counted: Counter[tuple[str, str]]  # rule id and severity of findings that are not in them
    asked: tuple[str, ...]  # ids of the rules that were asked
    undecidable: dict[str, int]  # rule id to answers
    softened: dict[Fault, dict[str, int]]  # what its faults explain
    flows: int  # 4-tuples
    faults: list[str]  # ids of the rules about the capture that found something, names of faults that no rule finds
    population: Traffic | None = None  # what expectations about several captures are asked of: no rows

    @property
    def kept(self) -> Kept:
        """The handshakes that are kept."""
        return self.held if isinstance(self.held, Kept) else _unpacked(self.held)

    @property
    def traffic(self) -> Traffic:
        return self.kept.traffic

    @property
    def causes(self) -> Causes:
        return self.kept.causes

    def __setstate__(self, state: dict[str, Any]) -> None:
        """From another process: most captures were asked the same, which is in memory once."""
        self.__dict__.update(state, asked=_same(state["asked"]))


@lru_cache(maxsize=16)
def _unpacked(octets: bytes) -> Kept:
    kept: Kept = pickle.loads(zlib.decompress(octets))
    return kept


@lru_cache(maxsize=16)
def _same(words: tuple[str, ...]) -> tuple[str, ...]:
    return words


class Part(NamedTuple):
    """Captures that follow each other, and what is known of all of them together."""

    captures: tuple[Judged, ...]
    totals: Totals


def judged(
    facts: CaptureFacts,
    traffic: Traffic,
    causes: Causes,
    checked: Sequence[Checked],
    *,
    population: bool = False,
) -> Part:
    """One capture with its answers, all of it kept, and its totals.

    With ``population`` the columns of every handshake are kept besides, for expectations about several captures.
    """
    undecidable, explained = undecidable_of(checked), softened(traffic, facts, checked)
    filter_from, filter_to, flows = _flows(traffic.handshakes, by_time=bool(facts.parts))
    found = [one.take(failed) for one in checked if len(failed := one.failed)]
    faults = {fault.name for fault in explained} | {one.rule.id for one in found if one.rule.id.startswith("CAP")}
    at = Packed.of(places(traffic, np.arange(len(traffic.handshakes))))
    counted = sum(flood.syns for flood in traffic.floods.values())
    whole = Judged(
        facts=facts,
        keep=EVERYTHING,
        size=len(traffic.handshakes) + counted,
        held=Kept(at, traffic, causes, filter_from, filter_to),
        checked=found,
        counted=Counter(),
        asked=tuple(sorted({one.rule.id for one in checked})),
        undecidable=undecidable,
        softened={fault: dict(counts) for fault, counts in explained.items()},
        flows=flows + counted,
        faults=sorted(faults),
        population=traffic.without_rows() if population else None,
    )
    return Part((whole,), totals(traffic, causes, undecidable, explained))


def reduced(whole: Judged, keep: str) -> Judged:
    """What one of KEEPS leaves of a capture; that which is left out already stays out."""
    if KEEPS.index(keep) >= KEEPS.index(whole.keep):
        return whole
    checked, counted = whole.checked, whole.counted
    if keep in (TOTALS, SHOWN):
        # A rule all of whose findings are info. In that which finds both they count as one kind (fingerprint.py).
        minor = [
            not one.rule.per_capture and (keep == TOTALS or one.counts().keys() == {"info"}) for one in whole.checked
        ]
        checked = [one for one, left_out in zip(whole.checked, minor, strict=True) if not left_out]
        counted = whole.counted.copy()
        for one in compress(whole.checked, minor):
            counted.update({(one.rule.id, severity): number for severity, number in one.counts().items()})
    before = whole.kept
    stays = np.zeros(len(before.at), bool)
    for one in checked:
        if not one.rule.per_capture:
            stays[one.handshakes(one.failed)] = True
    if keep == CAUSES:
        stays |= before.causes.first[0] != 0
    at = stays.nonzero()[0].astype(np.int64)
    kept = Kept(
        Packed.of(before.at.take(at)),
        _taken(before.traffic, at),
        before.causes.take(at),
        Packed.of(before.filter_from.take(at)),
        Packed.of(before.filter_to.take(at)),
    )
    return replace(
        whole,
        keep=keep,
        held=zlib.compress(pickle.dumps(kept, pickle.HIGHEST_PROTOCOL), 1),
        checked=[one if one.rule.per_capture else _renumbered(one, at) for one in checked],
        counted=counted,
    )


def _renumbered(one: Checked, at: Ints) -> Checked:
    """The answer about the handshakes at these indices, as if there were no others."""
    entries = np.arange(len(one.answer.fails))
    return one._replace(at=np.searchsorted(at, one.handshakes(entries)))


def _taken(traffic: Traffic, at: Ints) -> Traffic:
    """The traffic of these handshakes, with no more addresses and histories than they have."""
    taken = traffic.take(at)
    return replace(taken, handshakes=taken.handshakes.by_themselves(), known={}, floods={}, before=None)


# A large odd number: multiplied by it endpoints are spread over all 64 bits.
_ODD: Final = -0x61C8864680B583EB


def _flows(handshakes: Handshakes, *, by_time: bool) -> tuple[Packed, Packed, int]:
    """For each handshake the frames (or times) between which its filter must stay, one end for each neighbour on its
    4-tuple; and how many 4-tuples there are, whichever side is the client.
    """
    size = len(handshakes)
    client = handshakes.client << 16 | handshakes.client_port
    server = handshakes.server << 16 | handshakes.server_port
    # Only those that are not the only one of what looks like a flow are sorted: most often few are.
    (at,) = occur_again(np.minimum(client, server) * _ODD ^ np.maximum(client, server)).nonzero()
    low, high = np.minimum(client[at], server[at]), np.maximum(client[at], server[at])
    order = np.lexsort((high, low))  # stable: those of a flow stay in their order
    at, low, high = at[order], low[order], high[order]
    handshakes = handshakes.take(at)
    begin, end = handshakes.first_frame, handshakes.last_frame
    if by_time:
        begin, end = handshakes.start_time, handshakes.last_time
    (before,) = ((low[1:] == low[:-1]) & (high[1:] == high[:-1])).nonzero()
    later = before + 1
    until = np.maximum(end[before], begin[later] - 1)
    first, last = (
        Packed.of(spread(size, at[ends], values)) for ends, values in ((later, begin[later]), (before, until))
    )
    return first, last, size - len(later)


def cut(part: Part, keep: str) -> Part:
    """The part with its captures reduced."""
    return part._replace(captures=tuple(reduced(one, keep) for one in part.captures))


# Parts that are put together at a time.
FAN_IN: Final = 8


def folded(parts: Iterable[Part]) -> Part:
    """The parts in one, in their order, put together as they come, so that few totals wait: as a tree of neighbours."""
    levels: list[list[Part]] = []
    for part in parts:
        rising = part
        for level in count():
            if level == len(levels):
                levels.append([])
            levels[level].append(rising)
            if len(levels[level]) < FAN_IN:
                break
            rising, levels[level] = together(levels[level]), []
    return together([part for level in reversed(levels) for part in level])


def together(parts: Iterable[Part]) -> Part:
    """The parts in one, in their order. Associative, so that neighbours may be put together first."""
    found = list(parts)
    captures = tuple(one for part in found for one in part.captures)
    return Part(captures, merged([part.totals for part in found]) if found else Totals())
