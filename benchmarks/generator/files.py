"""What a capture file puts around a frame: pcap in either byte order and resolution, or pcapng."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from generator.draws import Ints

SECOND: Final = 10**9
ETHERNET: Final = 1


@dataclass(frozen=True)
class Pcap:
    """draft-ietf-opsawg-pcap, section 4; ``unit`` is that of the fraction, in nanoseconds."""

    order: str
    unit: int

    @property
    def fields(self) -> list[tuple[str, str]]:
        return [(name, self.order + "u4") for name in ("seconds", "fraction", "captured", "original")]

    def start(self, snaplen: int) -> bytes:
        magic = 0xA1B23C4D if self.unit == 1 else 0xA1B2C3D4
        return struct.pack(self.order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, ETHERNET)

    def fill(self, rows: Any, time: Ints, captured: Ints, original: Ints) -> None:
        seconds = time // SECOND
        rows["seconds"] = seconds
        rows["fraction"] = (time - seconds * SECOND) // self.unit
        rows["captured"] = captured
        rows["original"] = original

    def trailers(self, captured: Ints) -> list[bytes] | None:
        return None


@dataclass(frozen=True)
class Pcapng:
    """draft-ietf-opsawg-pcapng: one section, one interface with nanoseconds, enhanced packet blocks without options."""

    order: str

    @property
    def fields(self) -> list[tuple[str, str]]:
        names = ("block", "block_length", "interface", "time_high", "time_low", "captured", "original")
        return [(name, self.order + "u4") for name in names]

    def start(self, snaplen: int) -> bytes:
        pack = struct.pack
        section = pack(self.order + "IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
        resolution = pack(self.order + "HHB3xHH", 9, 1, 9, 0, 0)  # if_tsresol: 10^-9 s
        length = 20 + len(resolution)
        return (
            section
            + pack(self.order + "IIHHI", 1, length, ETHERNET, 0, snaplen)
            + resolution
            + pack(self.order + "I", length)
        )

    def fill(self, rows: Any, time: Ints, captured: Ints, original: Ints) -> None:
        rows["block"] = 6
        rows["block_length"] = self._length(captured)
        rows["interface"] = 0
        rows["time_high"] = time >> 32
        rows["time_low"] = time & 0xFFFFFFFF
        rows["captured"] = captured
        rows["original"] = original

    def trailers(self, captured: Ints) -> list[bytes] | None:
        """What follows each frame: filling up to 4 octets, and the length of the block once more."""
        pack, lengths = struct.Struct(self.order + "I").pack, self._length(captured)
        known = {one: bytes(-one % 4) + pack(32 + one + -one % 4) for one in np.unique(captured).tolist()}
        assert len(lengths) == len(captured)
        return [known[one] for one in captured.tolist()]

    @staticmethod
    def _length(captured: Ints) -> Ints:
        return 32 + (captured + 3) // 4 * 4


FORMATS: Final[dict[str, Pcap | Pcapng]] = {
    "pcap": Pcap("<", 1000),
    "pcap-ns": Pcap("<", 1),
    "pcap-be": Pcap(">", 1000),
    "pcap-ns-be": Pcap(">", 1),
    "pcapng": Pcapng("<"),
    "pcapng-be": Pcapng(">"),
}
