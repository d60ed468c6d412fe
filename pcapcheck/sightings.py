"""What tells packets that were seen at two taps apart, and what they say of the clocks there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import IcmpError, Segment
from pcapcheck.faults import identity_of
from pcapcheck.select import tsval_of
from pcapcheck.sequence import REORDERED_NS
from pcapcheck.stretch import Ahead
from pcapcheck.tables import ABSENT

Packet = Segment | IcmpError
Key = tuple[object, ...]


def key_of(found: Packet) -> Key | None:
    """What all sightings of a packet agree in; None where that cannot be told."""
    if isinstance(found, IcmpError):
        return tuple(found._replace(ttl=0, vlan=0, tunnel=""))
    identity = identity_of(found)
    return identity and (found.src, found.src_port, found.dst, found.dst_port, found.tenant, *identity)


def is_unique(found: Packet) -> bool:
    """Whether a retransmission would look different: by its IP id, or by its timestamp (RFC 7323, section 5.4)."""
    return found.ip_id > 0 or (isinstance(found, Segment) and tsval_of(found.options) != ABSENT)


def flow_of(found: Packet) -> Key:
    ends = (found.src, found.src_port), (found.dst, found.dst_port)
    return min(ends), max(ends), found.tenant


def is_upward(found: Packet) -> bool:
    return (found.src, found.src_port) < (found.dst, found.dst_port)


class Clocks:
    """What packets that passed two taps say of the clocks there.

    Packets of one direction pass the one tap first, those of the other direction the other. So the clock of a tap is
    ahead by the lesser of what packets of either direction seem to take there, if that is more than nothing.
    """

    def __init__(self) -> None:
        # By flow, two taps and direction, the most that a packet seems to take from the first to the second.
        self._most: dict[tuple[Key, int, int, bool], int] = {}
        self._ahead: dict[tuple[int, int], int] = {}

    def compare(self, flow: Key, upward: bool, times: dict[int, int], tap: int, time: int) -> None:
        """Take in another sighting of a packet of this flow."""
        for other, seen in times.items():
            if NO_TIME not in (seen, time):
                self._passes(flow, upward, other, tap, time - seen)
                self._passes(flow, upward, tap, other, seen - time)

    def _passes(self, flow: Key, upward: bool, first: int, then: int, span: int) -> None:
        most = max(span, self._most.get((flow, first, then, upward), span))
        self._most[flow, first, then, upward] = most
        back = self._most.get((flow, first, then, not upward), 0)
        self._ahead[then, first] = max(min(most, back), self._ahead.get((then, first), 0))

    def ahead(self, paths: Sequence[str]) -> Iterator[Ahead]:
        """Clocks that contradict each other by more than frames of one capture are out of order."""
        for (tap, behind), span in sorted(self._ahead.items()):
            if span > REORDERED_NS:
                yield Ahead(paths[tap], paths[behind], span)
