"""What is known of any number of captures together: aggregates that merge, however many handshakes they stand for.

Merging is associative, in the order of the captures: the totals of a run are the same whether its captures were judged
one after the other, in threads, or on many machines and put together by neighbours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from pcapcheck.diagnoses import DIAGNOSES, Causes
from pcapcheck.diagnoses.syn_floods import FLOODS, certainty_of
from pcapcheck.distribution import Distributions, counted, distribution, distributions, together
from pcapcheck.faults.softening import Fault
from pcapcheck.flood import Flood, Socket
from pcapcheck.tables import CAUSE, CERTAINTIES, FAILED, OUTCOMES, RTT_STATUSES
from pcapcheck.traffic import Handshakes, Ints, Traffic

# The round-trip times, in the order of the groups of Totals.rtts.
RTTS: Final = ("server_rtt", "client_rtt", "handshake_rtt")
# Handshakes that are named as examples of a cause, for each certainty.
EXAMPLES: Final = 5

_Key = TypeVar("_Key")

# A diagnosis, by id, and how certain it is, as index of CERTAINTIES.
Concluded = tuple[str, int]


@dataclass(frozen=True, eq=False)
class Servers:
    """What came of the attempts at each listening socket; a group of each distribution is a socket, in their order.

    About 150 octets a socket: what a run knows of its servers grows with their number, not with that of handshakes.
    """

    # Address (left-aligned, as two numbers), its length and the port: they sort as address and port do.
    sockets: npt.NDArray[np.uint64]
    outcomes: Distributions  # of each attempt, as index of OUTCOMES
    causes: Distributions  # the first cause of each failed one, as index of tables.CAUSE; 0: none
    rtts: Distributions  # exact server RTTs

    def __len__(self) -> int:
        return len(self.sockets)

    def socket(self, number: int) -> tuple[bytes, int]:
        """Address and port."""
        high, low, rest = self.sockets[number].tolist()
        return (high << 64 | low).to_bytes(16, "big")[: rest >> 16], rest & 0xFFFF


@dataclass(frozen=True, eq=False)
class Totals:
    """The aggregates of some captures that follow each other."""

    outcomes: Counter[str] = field(default_factory=Counter)
    intervals: int = 0  # handshakes of which an RTT is known only as an interval
    rtts: Distributions = field(default_factory=lambda: _none(len(RTTS)))  # exact ones
    causes: Counter[Concluded] = field(default_factory=Counter)  # handshakes of which each is said
    failures: Counter[Concluded] = field(default_factory=Counter)  # the failed ones among them
    examples: Mapping[Concluded, tuple[int, ...]] = field(default_factory=dict)  # the first of them, counted from 0
    undecidable: Counter[str] = field(default_factory=Counter)  # rule id to answers
    softened: Counter[tuple[Fault, str]] = field(default_factory=Counter)  # as softening.softened
    servers: Servers = field(default_factory=lambda: Servers(np.empty((0, 3), np.uint64), _none(0), _none(0), _none(0)))

    @property
    def handshakes(self) -> int:
        """How many there are."""
        return self.outcomes.total()


def totals(
    traffic: Traffic, causes: Causes, undecidable: Mapping[str, int], softened: Mapping[Fault, Mapping[str, int]]
) -> Totals:
    """The totals of one capture."""
    handshakes = traffic.handshakes
    failed = handshakes.is_outcome(*FAILED)
    said: Counter[Concluded] = Counter()
    of_failed: Counter[Concluded] = Counter()
    examples: dict[Concluded, tuple[int, ...]] = {}
    for diagnosed, conclusion in causes.concluded:
        at = conclusion.at
        for code in range(1, len(CERTAINTIES)):
            which = at[conclusion.certainty[at] == code]
            if len(which):
                said[diagnosed.id, code] = len(which)
                of_failed[diagnosed.id, code] = int(failed[which].sum())
                examples[diagnosed.id, code] = tuple(which[:EXAMPLES].tolist())
    examples = {key: tuple(places(traffic, np.array(some)).tolist()) for key, some in examples.items()}
    rtts = [distribution(getattr(handshakes, name)) for name in RTTS]
    own = Totals(
        Counter({OUTCOMES[code]: count for code, count in enumerate(_counts(handshakes.outcome)) if count}),
        int(handshakes.meet("rtt_status", lambda status: status == RTT_STATUSES.index("interval")).sum()),
        together(rtts, _EACH, len(RTTS)),
        said,
        +of_failed,
        examples,
        Counter(undecidable),
        Counter({(fault, what): count for fault, counts in softened.items() for what, count in counts.items()}),
        _servers(traffic, causes, failed),
    )
    return merged([own, *(_of_flood(socket, flood) for socket, flood in traffic.floods.items())])


def places(traffic: Traffic, at: Ints) -> Ints:
    """Of these handshakes their indices among all of the capture: those that are counted alone (Traffic.floods) too."""
    return at if traffic.before is None else at + traffic.before.take(at)


def _of_flood(socket: Socket, flood: Flood) -> Totals:
    """The totals of the SYNs of a flood that are not among the handshakes."""
    address, port = socket
    key = np.frombuffer(address.ljust(16, b"\0"), ">u8").astype(np.uint64)
    sockets = np.append(key, np.uint64(len(address) << 16 | port)).reshape(1, 3)
    said = FLOODS, certainty_of(flood.sources)
    outcomes = Counter({"unanswered": flood.unanswered, "pending": flood.pending})
    one = np.zeros(1, np.int64)
    each = np.array(sorted((OUTCOMES.index(name), count) for name, count in outcomes.items()), np.int64)
    why = np.array([CAUSE.index(DIAGNOSES[FLOODS].slug)])
    return Totals(
        +outcomes,
        causes=Counter({said: flood.syns}),
        failures=+Counter({said: flood.unanswered}),
        servers=Servers(
            sockets,
            counted(np.zeros(len(each), np.int64), each[:, 0], each[:, 1], 1),
            counted(one, why, np.array([flood.unanswered]), 1),
            _none(1),
        ),
    )


_EACH: Final[list[Ints]] = [np.array([number], np.int64) for number in range(len(RTTS))]


def _counts(codes: Ints) -> list[int]:
    counts: list[int] = np.bincount(codes, minlength=len(OUTCOMES)).tolist()
    return counts


def _none(groups: int) -> Distributions:
    empty = np.empty(0, np.int64)
    return distributions(empty, empty, groups)


def _servers(traffic: Traffic, causes: Causes, failed: npt.NDArray[np.bool_]) -> Servers:
    handshakes = traffic.handshakes
    first = np.empty(int(traffic.sockets.max(initial=-1)) + 1, np.int64)
    first[traffic.sockets[::-1]] = np.arange(len(handshakes))[::-1]  # of several the last is written last
    sockets, number = _sorted(_keys(handshakes, first))
    server = number[traffic.sockets] if len(first) else traffic.sockets
    (why,) = failed.nonzero()
    return Servers(
        sockets,
        distributions(server, handshakes.outcome, len(sockets)),
        distributions(server[why], causes.first_of(why)[0], len(sockets)),
        distributions(server, handshakes.server_rtt, len(sockets)),
    )


def _keys(handshakes: Handshakes, at: Ints) -> npt.NDArray[np.uint64]:
    """The sockets of these handshakes' servers as Servers has them."""
    hosts = [handshakes.hosts[number] for number in handshakes.server[at].tolist()]
    keys = np.empty((len(at), 3), np.uint64)
    octets = b"".join(host.ljust(16, b"\0") for host in hosts)
    keys[:, :2] = np.frombuffer(octets, ">u8").reshape(-1, 2)
    keys[:, 2] = np.array([len(host) for host in hosts], np.int64) << 16 | handshakes.server_port[at]
    return keys


def _sorted(keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], Ints]:
    """Each key once, sorted, and of each of the given ones where it stands among these."""
    order = np.lexsort(keys.T[::-1])
    keys = keys[order]
    new = np.ones(len(keys), bool)
    new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    place = np.empty(len(keys), np.int64)
    place[order] = new.cumsum() - 1
    return keys[new], place


def merged(parts: Sequence[Totals]) -> Totals:
    """The totals of neighbours, in their order. Associative."""
    if len(parts) == 1:
        return parts[0]
    before = np.cumsum([0, *(one.handshakes for one in parts)]).tolist()
    examples: dict[Concluded, tuple[int, ...]] = {}
    for start, one in zip(before, parts, strict=False):
        for key, indices in one.examples.items():
            known = examples.get(key, ())
            examples[key] = (known + tuple(start + index for index in indices))[:EXAMPLES]
    return Totals(
        _added(one.outcomes for one in parts),
        sum(one.intervals for one in parts),
        together([one.rtts for one in parts], [np.arange(len(RTTS))] * len(parts), len(RTTS)),
        _added(one.causes for one in parts),
        _added(one.failures for one in parts),
        examples,
        _added(one.undecidable for one in parts),
        _added(one.softened for one in parts),
        _merged_servers([one.servers for one in parts]),
    )


def _merged_servers(parts: Sequence[Servers]) -> Servers:
    sockets, place = _sorted(np.concatenate([np.empty((0, 3), np.uint64), *(one.sockets for one in parts)]))
    numbers = np.split(place, np.cumsum([len(one) for one in parts])[:-1]) if parts else []
    return Servers(
        sockets,
        *(
            together([getattr(one, name) for one in parts], numbers, len(sockets))
            for name in ("outcomes", "causes", "rtts")
        ),
    )


def _added(counters: Iterable[Counter[_Key]]) -> Counter[_Key]:
    total: Counter[_Key] = Counter()
    for one in counters:
        total.update(one)
    return total
