"""IEEE 802.11 data frames, and the headers that capturing programs put before them."""

from __future__ import annotations

from typing import Final

from pcapcheck.decode.link_layers import llc
from pcapcheck.decode.place import Around, Found
from pcapcheck.decode.segment import Skip

DATA: Final = 2
NO_DATA, QOS = 0x4, 0x8  # bits of the subtype
BOTH_DS, MORE_FRAGMENTS, PROTECTED, ORDER = 0x03, 0x04, 0x40, 0x80  # of the second octet
AMSDU_PRESENT: Final = 0x80
EXTENDED_IV: Final = 0x20  # of the octet with the key id: eight octets, not the four of WEP
MESH_ADDRESSES: Final = (0, 6, 12)  # octets of additional addresses by the mesh flags, section 9.2.4.7.3
SNAP: Final = b"\xaa\xaa\x03"

PRISM, AVS = 0x44, 0x80211000  # first words: a message code (host's order), a magic (network order, low octet: version)
TSFT, FLAGS = 0x1, 0x2  # radiotap's first fields
DATA_PAD: Final = 0x20  # of FLAGS: the 802.11 header is padded to 32 bits


def radiotap(data: bytes, start: int, end: int, around: Around) -> Found:
    """https://www.radiotap.org: version, length and which fields are present, little-endian."""
    if len(data) < start + 8:
        return Skip.CUT_HEADER
    size = int.from_bytes(data[start + 2 : start + 4], "little")
    if data[start] != 0 or size < 8:
        return Skip.BAD_HEADER
    if len(data) < start + size:
        return Skip.CUT_HEADER
    at, present = start + 4, int.from_bytes(data[start + 4 : start + 8], "little")
    while data[at + 3] & 0x80 and at + 8 <= start + size:  # another word of them follows
        at += 4
    at += 4
    if present & TSFT:
        at = start + (at - start + 7 & ~7) + 8  # aligned to its size
    padded = bool(present & FLAGS and at < start + size and data[at] & DATA_PAD)
    return _frame(data, start + size, end, around, padded=padded)


def prism(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_IEEE802_11_PRISM: message code and length in the host's order; an AVS header may stand here too."""
    if len(data) < start + 8:
        return Skip.CUT_HEADER
    if int.from_bytes(data[start : start + 4]) & 0xFFFFF000 == AVS:
        return avs(data, start, end, around)
    for order in ("little", "big"):
        code, size = (int.from_bytes(data[start + at : start + at + 4], order) for at in (0, 4))
        if code & 0xFF == PRISM and 8 < size < 0x1000:
            return ieee80211(data, start + size, end, around)
    return Skip.BAD_HEADER


def avs(data: bytes, start: int, end: int, around: Around) -> Found:
    """LINKTYPE_IEEE802_11_AVS: a magic number and the length, big-endian."""
    if len(data) < start + 8:
        return Skip.CUT_HEADER
    size = int.from_bytes(data[start + 4 : start + 8])
    if int.from_bytes(data[start : start + 4]) & 0xFFFFF000 != AVS or not 8 < size < 0x1000:
        return Skip.BAD_HEADER
    return ieee80211(data, start + size, end, around)


def ieee80211(data: bytes, start: int, end: int, around: Around) -> Found:
    """IEEE 802.11-2020, section 9.2.3."""
    return _frame(data, start, end, around, padded=False)


def deciphered(data: bytes, start: int, end: int, around: Around) -> Found:
    """The same as drivers on Windows hand it on in Ethernet: of what was protected only the vectors are still there."""
    return _frame(data, start, end, around, padded=False, deciphered=True)


def either_way(data: bytes, start: int, end: int, around: Around) -> Found:
    """The same where frame control and sequence control may be turned round: one way they say version 0 and data."""
    if len(data) >= start + 24 and data[start] & 0xF != DATA << 2 == data[start + 1] & 0xF:
        turned = data[start : start + 2][::-1] + data[start + 2 : start + 22] + data[start + 22 : start + 24][::-1]
        data = data[:start] + turned + data[start + 24 :]
    return _frame(data, start, end, around, padded=False)


def _frame(data: bytes, start: int, end: int, around: Around, *, padded: bool, deciphered: bool = False) -> Found:
    if len(data) < start + 2:
        return Skip.CUT_HEADER
    control, flags = data[start], data[start + 1]
    kind, subtype = control >> 2 & 3, control >> 4
    if control & 3 or kind != DATA or subtype & NO_DATA:
        return Skip.NOT_IP
    if flags & PROTECTED and not deciphered:
        return Skip.ENCRYPTED
    size = 30 if flags & BOTH_DS == BOTH_DS else 24
    qos = 0
    if subtype & QOS:
        if len(data) < start + size + 2:
            return Skip.CUT_HEADER
        qos = data[start + size] | data[start + size + 1] << 8
        size += 6 if flags & ORDER else 2  # with the HT control field, section 9.2.4.6
    if len(data) < start + size:
        return Skip.CUT_HEADER
    if data[start + 22] & 0xF:  # the fragment number: the first fragment holds the headers
        return Skip.LINK_FRAGMENT
    at = start + (size + 3 & ~3 if padded else size)
    if flags & PROTECTED:
        if len(data) < at + 4:
            return Skip.CUT_HEADER
        at += 8 if data[at + 3] & EXTENDED_IV else 4  # sections 12.3.2.3 and 12.5.3.2
    if subtype & QOS and qos & AMSDU_PRESENT:
        return _aggregate(data, at, end, around)
    return llc(data, _past_mesh(data, at) if qos & 0x100 else at, end, around)


def _past_mesh(data: bytes, at: int) -> int:
    """Behind the mesh control field, if that is what stands here: the bit that says so means else elsewhere."""
    if len(data) <= at or data[at : at + 3] == SNAP:
        return at
    addresses = data[at] & 3
    behind = at + 6 + MESH_ADDRESSES[addresses] if addresses < 3 else at
    return behind if data[behind : behind + 3] == SNAP else at


def _aggregate(data: bytes, at: int, end: int, around: Around) -> Found:
    """An A-MSDU (section 9.3.2.2): of one frame it is opened, of several it is named."""
    if len(data) < at + 14:
        return Skip.CUT_HEADER
    length = data[at + 12] << 8 | data[at + 13]
    behind = at + (14 + length + 3 & ~3)
    # Behind the last there are at most padding and the frame check sequence.
    return Skip.AGGREGATE if behind + 14 <= end else llc(data, at + 14, end, around)
