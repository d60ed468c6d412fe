"""TCP options between text and octets."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Final

from pcapcheck import seq

_EOL, _NOP, _MSS, _WSCALE, _SACK_PERMITTED, _SACK, _TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
_MD5, _MPTCP, _FAST_OPEN = 19, 30, 34
_HEX: Final = r"((?:[0-9a-f]{2})+)"
_MPTCP_CAPABLE: Final = bytes([0x01, 0x01])  # RFC 8684, section 3.1: version 1, HMAC-SHA256
_MPTCP_JOIN: Final = bytes([0x10, 0x00])  # section 3.2: no backup, address 0
Match = re.Match[str]


def _option(kind: int, data: bytes = b"") -> bytes:
    return struct.pack(">BB", kind, 2 + len(data)) + data


def _hex(text: str | None) -> bytes:
    return bytes.fromhex(text or "")


def _sack(m: Match, isn: int) -> bytes:
    edges = [seq.add(isn, int(edge)) for block in m[1].split() for edge in block.split(":")]
    return _option(_SACK, struct.pack(f">{len(edges)}I", *edges))


_NOTATION: Final[tuple[tuple[re.Pattern[str], Callable[[Match, int], bytes]], ...]] = tuple(
    (re.compile(pattern), octets)
    for pattern, octets in (
        (r"eol", lambda m, isn: bytes([_EOL])),
        (r"nop", lambda m, isn: bytes([_NOP])),
        (r"mss (\d+)", lambda m, isn: _option(_MSS, struct.pack(">H", int(m[1])))),
        (r"wscale (\d+)", lambda m, isn: _option(_WSCALE, struct.pack(">B", int(m[1])))),
        (r"sackOK", lambda m, isn: _option(_SACK_PERMITTED)),
        (r"sack((?: -?\d+:-?\d+)+)", _sack),
        (r"TS val (\d+) ecr (\d+)", lambda m, isn: _option(_TIMESTAMPS, struct.pack(">II", int(m[1]), int(m[2])))),
        (r"md5(?: ([0-9a-f]{32}))?", lambda m, isn: _option(_MD5, _hex(m[1]) or bytes(16))),
        (rf"FO(?: {_HEX})?", lambda m, isn: _option(_FAST_OPEN, _hex(m[1]))),
        (rf"mptcp capable(?: {_HEX})?", lambda m, isn: _option(_MPTCP, _MPTCP_CAPABLE + _hex(m[1]))),
        (rf"mptcp join {_HEX}", lambda m, isn: _option(_MPTCP, _MPTCP_JOIN + _hex(m[1]))),
        (rf"opt (\d+)(?::{_HEX})?", lambda m, isn: _option(int(m[1]), _hex(m[2]))),
        (rf"raw {_HEX}", lambda m, isn: _hex(m[1])),
    )
)


def option_octets(text: str, isn: int) -> bytes:
    """The octets of one option as written; ``isn`` is what SACK edges count from. ValueError where it is none."""
    for pattern, octets in _NOTATION:
        if match := pattern.fullmatch(text):
            try:
                return octets(match, isn)
            except struct.error as error:
                raise ValueError("a number that fits the option") from error
    raise ValueError(
        "one of mss N, wscale N, sackOK, sack A:B, TS val N ecr N, nop, eol, md5, FO, mptcp, opt KIND:HEX, raw HEX"
    )


def format_options(options: bytes) -> str:
    """The options as they would be written between ``<`` and ``>``; octets that are no option follow ``raw``."""
    return ",".join(_texts(options))


def _texts(options: bytes) -> Iterator[str]:
    at = 0
    while at < len(options):
        kind = options[at]
        length = 1 if kind in (_EOL, _NOP) else int.from_bytes(options[at + 1 : at + 2])
        if kind not in (_EOL, _NOP) and not 2 <= length <= len(options) - at:
            yield f"raw {options[at:].hex()}"
            return
        yield _text(kind, options[at + 2 : at + length])
        at += length


def _text(kind: int, data: bytes) -> str:
    if kind in (_EOL, _NOP):
        return "nop" if kind == _NOP else "eol"
    if kind == _FAST_OPEN:
        return f"FO {data.hex()}".rstrip()
    match kind, len(data):
        case (2, 2):
            return f"mss {int.from_bytes(data)}"
        case (3, 1):
            return f"wscale {data[0]}"
        case (4, 0):
            return "sackOK"
        case (8, 8):
            value, echo = struct.unpack(">II", data)
            return f"TS val {value} ecr {echo}"
    return f"opt {kind}:{data.hex()}".rstrip(":")
