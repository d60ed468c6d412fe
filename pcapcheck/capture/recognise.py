"""What a file is that is no capture, by its first octets, and what to do about it."""

from __future__ import annotations

import codecs
import re
import struct
from typing import Final

# Enough for the magic of a tar archive, at 257.
HEAD: Final = 512

_CONVERT: Final = "convert it with editcap -F pcapng in out"
_NO_CAPTURE: Final = "name a pcap, pcapng or snoop file"
_UNPACK: Final = "unpack it first"

_MAGIC: Final[tuple[tuple[bytes, str, str], ...]] = (
    (b"version https://git-lfs.github.com/spec", "a Git LFS pointer", "run git lfs pull"),
    (b"btsnoop\0", "a btsnoop (Bluetooth) capture", _CONVERT),
    (b"iptrace 1.0", "an AIX iptrace capture", _CONVERT),
    (b"iptrace 2.0", "an AIX iptrace capture", _CONVERT),
    (b"TRSNIFF data", "a Sniffer capture", _CONVERT),
    (b"XCP\0", "a Windows Sniffer (NetXRay) capture", _CONVERT),
    (b"VL\0\0", "a NetXRay capture", _CONVERT),
    (b"RTSS", "a Network Monitor 1 capture", _CONVERT),
    (b"GMBU", "a Network Monitor 2 capture", _CONVERT),
    (b"\x7fver", "an OmniPeek capture", _CONVERT),
    (b"ObserverPktBufferVersion=", "a Network Instruments Observer capture", _CONVERT),
    (b"\x05VNF", "a Visual Networks capture", _CONVERT),
    (b"\xaa\xaa\xaa\xaa", "a 5Views capture", _CONVERT),
    (b"TR\0d\0", "an HP-UX nettl trace", _CONVERT),
    (b"EyeSDN", "an EyeSDN capture", _CONVERT),
    (b"\0\0\x02\0\x12\x05\0\x10", "a Tektronix K12 capture", _CONVERT),
    (b"LOGG", "a Vector BLF log", _CONVERT),
    (b"\xa1\xe2\xcb\x12", "a Navtel pcap", _CONVERT),
    (b"\x12\xcb\xe2\xa1", "a Navtel pcap", _CONVERT),
    (b"\x1c\x00\x01\xac", "an IXIA pcap", _CONVERT),
    (b"\xac\x01\x00\x1c", "an IXIA pcap", _CONVERT),
    (b"\x1c\x00\x01\xab", "an IXIA pcap", _CONVERT),
    (b"\xab\x01\x00\x1c", "an IXIA pcap", _CONVERT),
    (b"\x1f\x8b", "a gzip file", "decompress it first with gunzip"),
    (b"\x1f\x9d", "a compress (.Z) file", "decompress it first with uncompress"),
    (b"BZh", "a bzip2 file", "decompress it first with bunzip2"),
    (b"\xfd7zXZ\0", "an xz file", "decompress it first with unxz"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "decompress it first with unzstd"),
    (b"\x04\x22\x4d\x18", "an lz4 file", "decompress it first with unlz4"),
    (b"\x02\x21\x4c\x18", "an lz4 file of the old format", "decompress it first with unlz4"),
    (b"LZIP", "an lzip file", "decompress it first with lzip -d"),
    (b"PK\x03\x04", "a ZIP archive", _UNPACK),
    (b"PK\x05\x06", "an empty ZIP archive", _NO_CAPTURE),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"%PDF", "a PDF document", _NO_CAPTURE),
    (b"\x7fELF", "an ELF program", _NO_CAPTURE),
    (b"MZ", "a Windows program", _NO_CAPTURE),
    (b"\x89PNG", "a PNG picture", _NO_CAPTURE),
    (b"\xff\xd8\xff", "a JPEG picture", _NO_CAPTURE),
    (b"SQLite format 3\0", "an SQLite database", _NO_CAPTURE),
    (b"PAR1", "a Parquet file", _NO_CAPTURE),
)
_TEXT_CONTROLS: Final = frozenset("\t\n\r\f\v\b\x1b")  # \b and escapes: a terminal's log
_ERF_TYPES: Final = range(1, 49)
_ERF_META: Final = 27  # how the capture was made: Wireshark puts one first, without a time
_ERF_HEADER: Final = 16
_IPFIX_HEADER: Final = struct.Struct(">HHI")
_IPFIX_VERSION: Final = 10
_K12_TEXT: Final = "+---------+---------------+----------+"
# What tcpdump prints begins with a time and the protocol.
_TCPDUMP_TEXT: Final = r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d+ (ip6?|arp|[0-9a-f]{2}:[0-9a-f]{2}:)"
_YEARS: Final = range(631_152_000, 4_102_444_800)  # 1990 to 2100, in seconds


def describe(head: bytes) -> tuple[str, str]:
    """What a file starting with ``head`` is, and what to do: ``("a Git LFS pointer", "run git lfs pull")``."""
    if not head:
        return "an empty file", "nothing was captured, or the copy failed"
    for magic, name, advice in _MAGIC:
        if head.startswith(magic):
            return name, advice
    if head[257:262] == b"ustar":
        return "a tar archive", _UNPACK
    text = _text(head)
    if text is not None:
        return _kind_of_text(text.lstrip().lower())
    if _is_erf(head):
        return "an ERF capture", _CONVERT
    if _is_ipfix(head):
        return "an IPFIX file", "it holds flow records, no packets: name the capture that they were made from"
    if not any(head):
        return "only zero octets", "the copy failed, or the disk was full"
    return f"an unknown format (first octets {head[:8].hex(' ')})", f"if Wireshark opens it, {_CONVERT}"


def _text(head: bytes) -> str | None:
    encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        # Not final: the head may end inside a character.
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None
    return text if all(c >= " " or c in _TEXT_CONTROLS for c in text) else None


def _kind_of_text(text: str) -> tuple[str, str]:
    if text.startswith(("<!doctype html", "<html")):
        return "an HTML page", "the download was answered by a web page: fetch the file itself"
    if text.startswith("<"):
        if "<pdml" in text or "<psml" in text:
            return "tshark's XML (PDML or PSML)", "name the capture that it was made from"
        if "<html" in text:
            return "an HTML page", "the download was answered by a web page: fetch the file itself"
        return "an XML file", _NO_CAPTURE
    if text.startswith(("{", "[")):
        return "a JSON file", "name the capture that it was made from"
    if text.startswith("communications trace"):
        return "an IBM i communications trace", _CONVERT
    if text.startswith(_K12_TEXT):
        return "a K12 text capture", _CONVERT
    if re.match(_TCPDUMP_TEXT, text):
        return "what tcpdump printed", "name the capture itself (tcpdump -w)"
    return "a text file", "if it is a hex dump, convert it with text2pcap"


def _is_erf(head: bytes) -> bool:
    """ERF has no magic: a first record header with a likely time, a known type and a possible length."""
    if len(head) < _ERF_HEADER:
        return False
    seconds, kind = int.from_bytes(head[4:8], "little"), head[8] & 0x7F
    record_length = int.from_bytes(head[10:12], "big")
    return (seconds in _YEARS or kind == _ERF_META) and kind in _ERF_TYPES and record_length >= _ERF_HEADER


def _is_ipfix(head: bytes) -> bool:
    """IPFIX has only its version: a message header with a likely export time (RFC 7011, section 3.1)."""
    if len(head) < _IPFIX_HEADER.size:
        return False
    version, length, exported = _IPFIX_HEADER.unpack_from(head)
    return version == _IPFIX_VERSION and length >= 16 and exported in _YEARS
