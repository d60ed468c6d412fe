"""Fingerprints of flows: what tells, without the flows themselves, which of them occur in several places."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from pcapcheck.addresses import Addresses
from pcapcheck.openings import Flows, Ints
from pcapcheck.scratch import Read

Words = npt.NDArray[np.uint64]

# Not known beforehand: in a flood the addresses are the attacker's choice.
_FACTORS: Final = np.frombuffer(os.urandom(40), np.uint64) | np.uint64(1)

# Of those on disk so many are compared at a time.
_COMPARED: Final = 1 << 22

# Each that occurs more than once takes a place among so many: it may be the place of another, too.
_PLACE_BITS: Final = 24


def fingerprints(flows: Flows) -> Words:
    """A number for each flow, which is hardly that of another, in this process."""
    one, two, three, four, five = _FACTORS
    hosts = hashed(flows.hosts)
    ports = (flows.low_port << 16 | flows.high_port).astype(np.uint64)
    key = mixed(hosts[flows.low]) * four + mixed(hosts[flows.high]) * five
    return mixed(mixed(key) * one + mixed(ports * two + flows.tenant.astype(np.uint64) * three))


def hashed(hosts: Addresses) -> Words:
    """A number for each address, which is hardly that of another, in this process."""
    one, two, three, *_ = _FACTORS
    halves = np.ascontiguousarray(hosts.ip6).view("<u8").reshape(-1, 2)
    return np.append(hosts.ip4.astype(np.uint64) * one, halves[:, 0] * two + mixed(halves[:, 1] * three))


def mixed(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(32))) * _FACTORS[0]
    return words ^ (words >> np.uint64(29))


def part_of(values: Words, number: int) -> Ints:
    """In which of so many ranges of fingerprints, which are equally large, each of these lies."""
    part: Words = (values >> np.uint64(32)) * np.uint64(number) >> np.uint64(32)
    return part.astype(np.int64)


class Again:
    """The fingerprints that occur more than once, and a few others."""

    def __init__(self, parts: Sequence[Read], count: int) -> None:
        """In all these parts together, which are on disk and have so many."""
        self.count = 0  # of their occurrences
        self._places = np.zeros(1 << _PLACE_BITS, bool)
        ranges = count // _COMPARED + 1
        for number in range(ranges if len(parts) > 1 else 0):
            values = np.concatenate([_within(read(), number, ranges) for read in parts])
            values.sort()
            same = values[1:] == values[:-1]
            self._places[_place(values[1:][same])] = True
            self.count += int((np.append(same, False) | np.append(False, same)).sum())

    def holds(self, values: Words) -> npt.NDArray[np.bool_]:
        """Which of these are among them."""
        return self._places[_place(values)]


def _place(values: Words) -> Words:
    place: Words = values >> np.uint64(64 - _PLACE_BITS)
    return place


def _within(octets: bytes, number: int, ranges: int) -> Words:
    values = np.frombuffer(octets, np.uint64)
    return values[part_of(values, ranges) == number] if ranges > 1 else values
