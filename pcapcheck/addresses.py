"""The addresses of a capture, each once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from pcapcheck.sorting import Ints, values_of

_IP4, _IP6 = 4, 16  # octets


class Addresses(Sequence[bytes]):
    """Addresses as octets, each once: those of IPv4 first, then as octets. An address takes its octets and no more."""

    def __init__(self, ip4: npt.NDArray[np.uint32] | None = None, ip6: npt.NDArray[np.bytes_] | None = None) -> None:
        """``ip4`` as numbers and ``ip6`` as 16 octets (dtype S16), ascending."""
        self.ip4 = np.empty(0, np.uint32) if ip4 is None else ip4
        self.ip6 = np.empty(0, "S16") if ip6 is None else ip6

    @classmethod
    def of(cls, addresses: Iterable[bytes]) -> Addresses:
        """Those among these addresses."""
        different = sorted(set(addresses))
        ip4 = b"".join(one for one in different if len(one) == _IP4)
        ip6 = b"".join(one for one in different if len(one) == _IP6)
        return cls(np.frombuffer(ip4, ">u4").astype(np.uint32), np.frombuffer(ip6, "S16"))

    def __len__(self) -> int:
        return len(self.ip4) + len(self.ip6)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        if not 0 <= at < len(self):
            raise IndexError(at)
        if at < len(self.ip4):
            return int(self.ip4[at]).to_bytes(_IP4)
        return self.ip6[at - len(self.ip4) :][:1].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        yield from (number.to_bytes(_IP4) for number in self.ip4.tolist())
        octets = self.ip6.tobytes()
        yield from (octets[at : at + _IP6] for at in range(0, len(octets), _IP6))

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def used(self, *numbers: Ints) -> tuple[Addresses, list[Ints]]:
        """The addresses that these numbers name, and the numbers of these among them alone."""
        wanted = np.zeros(len(self), bool)
        for column in numbers:
            wanted[column] = True
        if wanted.all():
            return self, list(numbers)
        place = wanted.cumsum() - 1
        size = len(self.ip4)
        return Addresses(self.ip4[wanted[:size]], self.ip6[wanted[size:]]), [place[column] for column in numbers]

    def number(self, address: bytes) -> int:
        """Where an address stands, -1 where it does not."""
        ip4 = len(address) == _IP4
        column: Any = self.ip4 if ip4 else self.ip6
        wanted: Any = np.uint32(int.from_bytes(address)) if ip4 else np.frombuffer(address, "S16")[0]
        at = int(np.searchsorted(column, wanted))
        if at == len(column) or column[at] != wanted:
            return -1
        return at if ip4 else at + len(self.ip4)

    def places(self, among: Addresses) -> Ints:
        """Where each of these addresses stands among those, which have them all."""
        ip4, ip6 = np.searchsorted(among.ip4, self.ip4), np.searchsorted(among.ip6, self.ip6)
        return np.append(ip4, ip6 + len(among.ip4)).astype(np.int64)


def written(address: bytes) -> str:
    """An address as text: 192.0.2.1, 2001:db8::1. For IPv4 ipaddress takes six times as long."""
    return ".".join(map(str, address)) if len(address) == _IP4 else str(ip_address(address))


def union(parts: Iterable[Addresses]) -> Addresses:
    """All addresses of the parts, each once."""
    parts = list(parts)
    ip4: Any = [part.ip4 for part in parts]
    ip6: Any = [part.ip6 for part in parts]
    return Addresses(values_of(np.concatenate(ip4)), values_of(np.concatenate(ip6))) if parts else Addresses()


class Named(Sequence[bytes]):
    """The addresses that a column of numbers names."""

    def __init__(self, addresses: Addresses, numbers: Any) -> None:
        """``numbers`` is anything with a length that gives an integer at an index and an array for a slice."""
        self._addresses, self._numbers = addresses, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        if isinstance(at, slice):
            return [self._addresses[number] for number in self._numbers[at].tolist()]
        return self._addresses[int(self._numbers[at])]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self[:])
