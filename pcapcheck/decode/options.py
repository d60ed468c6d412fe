"""The TCP options of one header, read strictly (RFC 9293, section 3.1)."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable
from enum import IntEnum
from typing import Any, Final, NamedTuple


class Kind(IntEnum):
    """Option kinds, as IANA numbers them."""

    END = 0
    NO_OPERATION = 1
    MSS = 2
    WINDOW_SCALE = 3
    SACK_PERMITTED = 4
    SACK = 5
    TIMESTAMPS = 8
    MD5 = 19
    USER_TIMEOUT = 28
    AUTHENTICATION = 29
    MPTCP = 30
    FAST_OPEN = 34
    ACC_ECN_0 = 172
    ACC_ECN_1 = 174
    EXPERIMENT_1 = 253
    EXPERIMENT_2 = 254


# The lengths that each kind allows, kind and length octets counted.
LENGTHS: Final[dict[int, Container[int]]] = {
    Kind.MSS: (4,),
    Kind.WINDOW_SCALE: (3,),
    Kind.SACK_PERMITTED: (2,),
    Kind.SACK: (10, 18, 26, 34),
    Kind.TIMESTAMPS: (10,),
    Kind.MD5: (18,),
    Kind.USER_TIMEOUT: (4,),
    Kind.AUTHENTICATION: range(4, 41),
    Kind.MPTCP: range(3, 41),
    Kind.FAST_OPEN: (2, *range(6, 19, 2)),
    Kind.ACC_ECN_0: (2, 5, 8, 11),
    Kind.ACC_ECN_1: (2, 5, 8, 11),
    Kind.EXPERIMENT_1: range(4, 41),  # RFC 6994: an identifier of at least 16 bits
    Kind.EXPERIMENT_2: range(4, 41),
}

LARGEST_SHIFT: Final = 14  # of windows (RFC 7323, section 2.3)

# A header may hold several of these: MPTCP has subtypes, the experiments have identifiers.
REPEATABLE: Final = frozenset({Kind.MPTCP, Kind.EXPERIMENT_1, Kind.EXPERIMENT_2})

FAST_OPEN_IDENTIFIER: Final = b"\xf9\x89"  # Fast Open before it had a kind of its own (RFC 7413, appendix A)


class Options(NamedTuple):
    """The options that pcapcheck knows: -1, False or empty where absent, or where the length is wrong."""

    mss: int = -1
    wscale: int = -1  # the shift as sent, also above 14
    sack_permitted: bool = False
    tsval: int = -1
    tsecr: int = -1
    fast_open: int = -1  # the cookie's length; 0 asks for one
    mptcp: int = -1  # the subtype of the first such option
    md5: bool = False
    ao: bool = False
    sack: tuple[tuple[int, int], ...] = ()  # blocks: left and right edge
    faults: tuple[str, ...] = ()


def parse_options(octets: bytes, complete: bool = True) -> Options:
    """What the options of one header say, and what is wrong with their form.

    ``complete=False`` means that the snaplen cut them: then running over the end is no fault. Of a kind that is
    repeated the last counts, as in Linux.
    """
    options, faults = _split(octets, complete)
    return Options(**_values(options), faults=tuple(faults))


def _split(octets: bytes, complete: bool) -> tuple[list[tuple[int, bytes]], list[str]]:
    """The options of a right length as (kind, value), and the faults of the others."""
    options: list[tuple[int, bytes]] = []
    faults: list[str] = []
    seen: set[int] = set()
    at = 0
    while at < len(octets):
        kind = octets[at]
        if kind == Kind.NO_OPERATION:
            at += 1
            continue
        if kind == Kind.END:
            if any(octets[at:]):
                faults.append("octets after the end of the list are not zero")
            break
        left = len(octets) - at
        if left == 1:
            if complete:
                faults.append(f"kind {kind} has no length")
            break
        length = octets[at + 1]
        if length < 2:
            faults.append(f"kind {kind} has length {length}")
            break
        if kind in seen and kind not in REPEATABLE:
            faults.append(f"kind {kind} is repeated")
        seen.add(kind)
        right = length in LENGTHS.get(kind, range(2, 41))
        if not right:
            faults.append(f"kind {kind} has length {length}")
        if length > left:
            if right and complete:
                faults.append(f"kind {kind} has length {length}, but only {left} octets are left")
            break
        if right:
            options.append((kind, octets[at + 2 : at + length]))
        at += length
    return options, faults


def _values(options: Iterable[tuple[int, bytes]]) -> dict[str, Any]:
    """The fields of Options that these (kind, value) pairs set."""
    values: dict[str, Any] = {}
    for kind, value in options:
        match kind:
            case Kind.MSS:
                values["mss"] = int.from_bytes(value)
            case Kind.WINDOW_SCALE:
                values["wscale"] = value[0]
            case Kind.SACK_PERMITTED:
                values["sack_permitted"] = True
            case Kind.TIMESTAMPS:
                values["tsval"], values["tsecr"] = struct.unpack(">II", value)
            case Kind.SACK:
                values["sack"] = tuple(struct.iter_unpack(">II", value))
            case Kind.FAST_OPEN:
                values["fast_open"] = len(value)
            case Kind.EXPERIMENT_1 | Kind.EXPERIMENT_2 if value.startswith(FAST_OPEN_IDENTIFIER):
                values["fast_open"] = len(value) - 2
            case Kind.MPTCP:
                values.setdefault("mptcp", value[0] >> 4)
            case Kind.MD5:
                values["md5"] = True
            case Kind.AUTHENTICATION:
                values["ao"] = True
    return values
