"""Packets to the octets of a capture file: headers as rows of fixed layouts, one for each kind of packet."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from generator import payload
from generator.draws import Ints, mixed
from generator.files import Pcap, Pcapng
from generator.packets import BARE, DATAGRAM, SACK, SYN_PLAIN, SYN_TS, TS, TS_SACK, Packets

TCP_PROTOCOL: Final = 6
UDP_PROTOCOL: Final = 17
ROUTER: Final = 0x3C5AB4000001  # all clients are behind it
SERVERS: Final = 0x525400000000
IPV6_NETWORK: Final = 0x20010DB8 << 32  # RFC 3849

ETHERNET: Final = [("to_high", ">u2"), ("to_low", ">u4"), ("from_high", ">u2"), ("from_low", ">u4")]
TAG: Final = [("tpid", ">u2"), ("vlan", ">u2")]
IPV4: Final = [
    ("ethertype", ">u2"), ("version", "u1"), ("tos", "u1"), ("length", ">u2"), ("ip_id", ">u2"), ("fragment", ">u2"),
    ("ttl", "u1"), ("protocol", "u1"), ("ip_checksum", ">u2"), ("source", ">u4"), ("target", ">u4"),
]  # fmt: skip
IPV6: Final = [
    ("ethertype", ">u2"), ("version", ">u4"), ("length", ">u2"), ("protocol", "u1"), ("ttl", "u1"),
    ("source_high", ">u8"), ("source_low", ">u8"), ("target_high", ">u8"), ("target_low", ">u8"),
]  # fmt: skip
TCP: Final = [
    ("source_port", ">u2"), ("target_port", ">u2"), ("seq", ">u4"), ("ack", ">u4"), ("data_offset", "u1"),
    ("tcp_flags", "u1"), ("window", ">u2"), ("checksum", ">u2"), ("urgent", ">u2"),
]  # fmt: skip
UDP: Final = [("source_port", ">u2"), ("target_port", ">u2"), ("udp_length", ">u2"), ("checksum", ">u2")]

_TIMES: Final = [("tsval", ">u4"), ("tsecr", ">u4")]
_EDGES: Final = [("sack_from", ">u4"), ("sack_to", ">u4")]
OPTIONS: Final[dict[int, list[tuple[str, str]]]] = {
    BARE: [],
    DATAGRAM: [],
    TS: [("nop_nop_ts", ">u4"), *_TIMES],
    TS_SACK: [("nop_nop_ts", ">u4"), *_TIMES, ("nop_nop_sack", ">u4"), *_EDGES],
    SACK: [("nop_nop_sack", ">u4"), *_EDGES],
    SYN_TS: [("mss_kind", ">u2"), ("mss", ">u2"), ("sack_ts", ">u4"), *_TIMES, ("nop_ws", "V3"), ("wscale", "u1")],
    SYN_PLAIN: [("mss_kind", ">u2"), ("mss", ">u2"), ("nop_nop_sackok", ">u4"), ("nop_ws", "V3"), ("wscale", "u1")],
}
# RFC 9293, 2018 and 7323: kinds and lengths of the options.
FIXED: Final[dict[str, Any]] = {
    "nop_nop_ts": 0x0101080A,
    "nop_nop_sack": 0x0101050A,
    "mss_kind": 0x0204,
    "sack_ts": 0x0402080A,
    "nop_nop_sackok": 0x01010402,
    "nop_ws": b"\x01\x03\x03",
}
WIDTH: Final = 160  # no header is longer, with what the file puts before it


def octets(rows: Packets, container: Pcap | Pcapng, snaplen: int) -> bytes:
    """The records of these packets, one after the other."""
    lengths = rows["octets"].astype(np.int64)
    starts = payload.places(rows)
    heads = np.empty((len(rows), WIDTH), np.uint8)
    before = np.empty(len(rows), np.int64)
    kinds = rows["form"] * 4 + rows["ipv6"] * 2 + (rows["vlan"] > 0)
    for kind in np.unique(kinds).tolist():
        which = np.flatnonzero(kinds == kind)
        made = _headers(rows[which], kind, payload.sums(starts[which], lengths[which]), container, snaplen)
        heads[which, : made.itemsize] = made.view(np.uint8).reshape(len(which), made.itemsize)
        before[which] = made.itemsize
    record = np.dtype(container.fields).itemsize
    captured = np.minimum(before - record + lengths, snaplen)
    before = np.minimum(before, record + captured)
    held = captured - (before - record)
    return _joined(heads, before, starts, held, container.trailers(captured))


def _joined(heads: Any, before: Ints, starts: Ints, held: Ints, trailers: list[bytes] | None) -> bytes:
    """Headers and payloads in turn. Slices of two long strings are the quickest that does not index each octet."""
    text, pool = heads.tobytes(), payload.POOL
    first = np.arange(len(heads)) * WIDTH
    places = zip(first.tolist(), (first + before).tolist(), starts.tolist(), (starts + held).tolist(), strict=True)
    if trailers is None:
        return b"".join([piece for a, b, c, d in places for piece in (text[a:b], pool[c:d])])
    return b"".join(
        [piece for (a, b, c, d), end in zip(places, trailers, strict=True) for piece in (text[a:b], pool[c:d], end)]
    )


def _headers(rows: Packets, kind: int, payload_sums: Ints, container: Pcap | Pcapng, snaplen: int) -> Any:
    """The headers of packets of one kind: rows of one layout."""
    form, ipv6, tagged = kind // 4, bool(kind & 2), bool(kind & 1)
    transport = [*(UDP if form == DATAGRAM else TCP), *OPTIONS[form]]
    network = IPV6 if ipv6 else IPV4
    fields = [*container.fields, *ETHERNET, *(TAG if tagged else []), *network, *transport]
    made = np.zeros(len(rows), fields)
    for name, _ in fields:
        if name in FIXED:
            made[name] = np.array(FIXED[name], made.dtype[name])
        elif name in rows.dtype.names:
            made[name] = rows[name]
    beyond = np.dtype(transport).itemsize + rows["octets"].astype(np.int64)  # the transport's header and payload
    _fill_ethernet(made, rows, tagged, ipv6)
    made["protocol"] = UDP_PROTOCOL if form == DATAGRAM else TCP_PROTOCOL
    if ipv6:
        _fill_ipv6(made, rows, beyond)
    else:
        _fill_ipv4(made, beyond)
    if form == DATAGRAM:
        made["udp_length"] = beyond
    else:
        made["data_offset"] = np.dtype(transport).itemsize // 4 << 4
    end = made.itemsize
    at = end - np.dtype(transport).itemsize
    total = _words(made, at - (32 if ipv6 else 8), end) + beyond + made["protocol"] + payload_sums
    checksum = _complement(total)
    made["checksum"] = np.where(checksum == 0, 0xFFFF, checksum) if form == DATAGRAM else checksum
    original = end - np.dtype(container.fields).itemsize + rows["octets"].astype(np.int64)
    container.fill(made, rows["time"], np.minimum(original, snaplen), original)
    return made


def _fill_ethernet(made: Any, rows: Packets, tagged: bool, ipv6: bool) -> None:
    inside = np.where(rows["from_client"], rows["target"], rows["source"]).astype(np.int64) & 0xFFFFFF | SERVERS
    to, source = np.where(rows["from_client"], inside, ROUTER), np.where(rows["from_client"], ROUTER, inside)
    made["to_high"], made["to_low"] = to >> 32, to & 0xFFFFFFFF
    made["from_high"], made["from_low"] = source >> 32, source & 0xFFFFFFFF
    made["ethertype"] = 0x86DD if ipv6 else 0x0800
    if tagged:
        made["tpid"] = 0x8100


def _fill_ipv4(made: Any, beyond: Ints) -> None:
    made["version"] = 0x45
    made["length"] = 20 + beyond
    made["fragment"] = 0x4000  # don't fragment
    start = made.dtype.fields["version"][1]
    made["ip_checksum"] = _complement(_words(made, start, start + 20))


def _fill_ipv6(made: Any, rows: Packets, beyond: Ints) -> None:
    made["version"] = 0x60000000 | (mixed(rows["salt"], rows["from_client"]) & np.uint64(0xFFFFF)).astype(np.int64)
    made["length"] = beyond
    for side in ("source", "target"):
        made[side + "_high"] = IPV6_NETWORK | (rows[side].astype(np.int64) >> 8 & 0xFFFF)
        made[side + "_low"] = mixed(rows[side])


def _words(made: Any, start: int, end: int) -> Any:
    """The sum of the 16-bit words of these octets of each row."""
    octets = made.view(np.uint8).reshape(len(made), made.itemsize)[:, start:end]
    return np.ascontiguousarray(octets).view(">u2").sum(axis=1, dtype=np.int64)


def _complement(total: Any) -> Any:
    """The checksum of a sum of 16-bit words (RFC 1071)."""
    for _ in range(3):
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
