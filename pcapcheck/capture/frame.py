"""What a capture is made of, whatever its format."""

from __future__ import annotations

from typing import Final, NamedTuple

# A time that the capture does not give (pcapng's simple packet block carries none).
NO_TIME: Final = -(2**63)


class Frame(NamedTuple):
    """One record of a capture."""

    number: int  # from 1, exactly as Wireshark's frame.number
    time_ns: int  # nanoseconds since the epoch, or NO_TIME
    link_type: int  # the LINKTYPE_ value of its interface, without the FCS bits
    original_length: int  # octets on the wire
    data: bytes  # the captured octets


class Clock(NamedTuple):
    """What the time stamps of an interface count."""

    resolution: str  # of one unit, in seconds: 10^-6, 2^-10
    offset_ns: int  # added to every time stamp


class Damage(NamedTuple):
    """Where a capture ends before its end: what comes before is good and is judged."""

    rule: str  # CAP01 (cut) or CAP02 (corrupt)
    offset: int  # of the record that could not be read, in the uncompressed stream
    frame: int  # number of the last good frame, 0 if there is none
    needed: str
    found: str
    passing: bool = False  # reading failed, which says nothing of the file: the next time it may go well
