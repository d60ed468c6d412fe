"""What may stand at the end of a line: how the frame is sent and captured."""

from __future__ import annotations

from typing import Final

from pcapcheck.decode.segment import BAD, PARTIAL, RESERVED, Segment
from pcapcheck.testing.exchange import Line
from pcapcheck.testing.scanner import Scanner

ECN_MARKS: Final = {"ECT1": 1, "ECT0": 2, "CE": 3}  # RFC 3168, section 5
_ANY_FRAME: Final[tuple[str, ...]] = ("vlan", "cut", "pad")
_IP: Final[tuple[str, ...]] = ("ttl", "id", *_ANY_FRAME)
_SEGMENT: Final = ("ecn", "badsum", "partialsum", "frag", "reserved", "offset")


def read_modifiers(scan: Scanner, line: Line) -> Line:
    """The line with all that the rest of the text says about it."""
    allowed = _ANY_FRAME if line.content is None else _IP
    if isinstance(line.content, Segment):
        allowed = _SEGMENT + _IP
    while not scan.ended:
        word = scan.expect("|".join(allowed), f"the end of the line or one of {', '.join(allowed)}")[0].strip()
        line = _on_segment(scan, word, line) if word in _SEGMENT else _on_frame(scan, word, line)
    vlan = line.wire.vlans[0] if line.wire.vlans else -1
    return line if line.content is None else line._replace(content=line.content._replace(vlan=vlan))


def vlan_ids(scan: Scanner) -> tuple[int, ...]:
    """The VLAN tags, the outermost first."""
    start = scan.at
    match = scan.expect(r"none|\d+(\.\d+)*", "a VLAN id, 10.20 for two tags, or none")
    ids = () if match[0].strip() == "none" else tuple(int(vlan) for vlan in match[0].split("."))
    return ids if all(vlan <= 4095 for vlan in ids) else scan.fail("VLAN ids of 0 to 4095", start)


def _on_frame(scan: Scanner, word: str, line: Line) -> Line:
    content, wire = line.content, line.wire
    if word == "vlan":
        wire = wire._replace(vlans=vlan_ids(scan))
    elif word == "cut":
        wire = wire._replace(cut=scan.integer(0xFFFF, "octets behind the IP header"))
    elif word == "pad":
        wire = wire._replace(padded=True)
    elif content is not None and word == "ttl":
        content = content._replace(ttl=scan.integer(255, "a TTL"))
    elif content is not None:
        if len(content.src) == 16:
            scan.fail("no id, as IPv6 has none")
        content = content._replace(ip_id=scan.integer(0xFFFF, "an IP id"))
    return line._replace(content=content, wire=wire)


def _on_segment(scan: Scanner, word: str, line: Line) -> Line:
    segment, wire = line.content, line.wire
    assert isinstance(segment, Segment)
    if word == "ecn":
        mark = scan.expect("|".join(ECN_MARKS), "one of " + ", ".join(ECN_MARKS))[0].strip()
        segment = segment._replace(ecn=ECN_MARKS[mark])
    elif word == "badsum":
        segment = segment._replace(checksum=BAD)
    elif word == "partialsum":
        segment = segment._replace(checksum=PARTIAL)
    elif word == "frag":
        wire = wire._replace(fragment=scan.expect("first|later", "first or later")[0].strip())
    elif word == "reserved":
        bits = scan.integer(7, "the reserved bits") << 9
        segment = segment._replace(tcp_flags=segment.tcp_flags & ~RESERVED | bits)
    else:
        start = scan.at
        words = scan.integer(15, "a data offset")
        if 20 <= 4 * words <= 20 + len(segment.options) + segment.payload_length:
            scan.fail("a data offset that is wrong: below 5, or beyond the segment", start)
        wire = wire._replace(data_offset=words)
    return line._replace(content=segment, wire=wire)
