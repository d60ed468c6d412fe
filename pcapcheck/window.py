"""Which segments of a capture are looked at: --since, --until, --host, --port."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import NamedTuple

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import IcmpError, Segment


class Window(NamedTuple):
    """Which segments are looked at. Addresses are networks; empty means all."""

    since: int | None = None  # ns since the epoch
    until: int | None = None
    since_start: int | None = None  # ns after the capture's first frame
    until_start: int | None = None
    hosts: tuple[IPv4Network | IPv6Network, ...] = ()
    ports: tuple[int, ...] = ()

    def holds(self, time: int, first_time: int, found: Segment | IcmpError) -> bool:
        """Whether a segment at ``time`` of a capture that began at ``first_time`` is looked at."""
        if time != NO_TIME:
            if self.since is not None and time < self.since:
                return False
            if self.until is not None and time > self.until:
                return False
            if self.since_start is not None and time < first_time + self.since_start:
                return False
            if self.until_start is not None and time > first_time + self.until_start:
                return False
        if self.ports and found.src_port not in self.ports and found.dst_port not in self.ports:
            return False
        return not self.hosts or any(
            ip_address(address) in network for network in self.hosts for address in (found.src, found.dst)
        )

    @property
    def is_relative(self) -> bool:
        """Whether it counts from the start of the capture."""
        return self.since_start is not None or self.until_start is not None

    def counted_from(self, start: int) -> Window:
        """The same window of a capture that begins at ``start``, where parts of that are read by themselves."""
        if start == NO_TIME:
            return self
        since = [self.since, None if self.since_start is None else start + self.since_start]
        until = [self.until, None if self.until_start is None else start + self.until_start]
        return self._replace(
            since=max((one for one in since if one is not None), default=None),
            until=min((one for one in until if one is not None), default=None),
            since_start=None,
            until_start=None,
        )


EVERYTHING = Window()
