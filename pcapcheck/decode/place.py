"""What the layers below TCP say of each other: where a datagram starts, what follows a header, what lies around it.

A layer is a function of the octets, of where it starts in them, of where it ended on the wire (the octets may be cut
before that), and of what lies around it. It gives the IP datagram that it carries, or what follows its own header, or
the reason why there is nothing to judge. Layers never call a table: they name the number that they found, and
``layout.follow`` looks it up, so that however deep a frame is nested, nothing recurses.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from pcapcheck.decode.segment import Skip
from pcapcheck.tables import TUNNELS


class Around(NamedTuple):
    """What a datagram lies in."""

    vlan: int = -1  # the outermost tag's VLAN id, -1 if none
    tunnel: str = ""  # the innermost of tables.TUNNELS
    tenant: int = 0  # as in openings.FlowKey

    def tagged(self, vlan: int) -> Around:
        """The same behind one more VLAN tag."""
        return self if self.vlan >= 0 else Around(vlan, self.tunnel, self.tenant)

    def inside(self, tunnel: str, tenant: int | None = None) -> Around:
        """The same within one more tunnel; ``tenant`` is the number of its virtual network, if it has such."""
        unique = self.tenant if tenant is None else TUNNELS.index(tunnel) << 32 | tenant
        return Around(self.vlan, tunnel, unique)


NOTHING_AROUND = Around()


class Datagram(NamedTuple):
    """An IP datagram inside a frame, as the layer below announces it: its header is not yet read."""

    version: int  # 4 or 6
    start: int  # of the IP header
    around: Around


class Numbers(IntEnum):
    """Whose number says what follows: each has a table in ``numbers``."""

    LINK_TYPE = 0
    ETHERTYPE = 1
    PPP = 2
    IP4 = 3  # protocols in IPv4
    IP6 = 4  # and in IPv6


class Follows(NamedTuple):
    """What comes behind a header."""

    numbers: Numbers
    number: int
    start: int
    around: Around


Found = Datagram | Follows | Skip
Layer = Callable[[bytes, int, int, Around], Found]


def ipv4(data: bytes, start: int, end: int, around: Around) -> Found:
    return Datagram(4, start, around)


def ipv6(data: bytes, start: int, end: int, around: Around) -> Found:
    return Datagram(6, start, around)


def raw(data: bytes, start: int, end: int, around: Around) -> Found:
    """An IP datagram that tells its version itself."""
    if len(data) <= start:
        return Skip.CUT_HEADER
    version = data[start] >> 4
    return Datagram(version, start, around) if version in (4, 6) else Skip.NOT_IP
