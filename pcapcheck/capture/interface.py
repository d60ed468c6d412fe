"""What a capture says of where and how its frames were recorded: pcapng's sections and interfaces, in its words."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pcapcheck.capture.frame import NO_TIME, Clock

# Options that pcapng gives to every block (section 3.5), to section headers (4.1) and interface descriptions (4.2).
END_OF_OPTIONS: Final = 0
COMMENT: Final = 1
_SECTION_TEXTS: Final = {2: "hardware", 3: "os", 4: "application"}
_INTERFACE_TEXTS: Final = {2: "name", 3: "description", 12: "os", 15: "hardware"}
_IF_FILTER: Final = 11
# Of an interface's statistics (section 4.6): how many frames, by the capturing side's own count.
_STATISTICS: Final = {4: "received", 5: "dropped", 6: "accepted", 7: "os_dropped", 8: "delivered"}
_ISB_STARTTIME, _ISB_ENDTIME = 2, 3
_LONGEST_TEXT: Final = 1000


@dataclass(slots=True)
class Section:
    """One pcapng section; other formats have one of these, without texts."""

    byte_order: str  # "<" or ">"
    hardware: str = ""
    os: str = ""
    application: str = ""

    def take(self, code: int, value: bytes) -> None:
        """Take in an option of the section header block."""
        if code in _SECTION_TEXTS:
            setattr(self, _SECTION_TEXTS[code], text_of(value))


@dataclass(slots=True)
class Interface:
    """One interface. Counts are None where the capture gives none."""

    section: int  # from 0
    link_type: int
    snaplen: int  # 0: none stated
    clock: Clock
    name: str = ""
    description: str = ""
    filter: str = ""
    os: str = ""
    hardware: str = ""
    frames: int = 0  # in the capture
    received: int | None = None
    accepted: int | None = None  # by the filter
    dropped: int | None = None
    os_dropped: int | None = None
    delivered: int | None = None  # to the capturing program
    start_ns: int = NO_TIME
    end_ns: int = NO_TIME

    def take(self, code: int, value: bytes) -> None:
        """Take in an option of the interface description block."""
        if code in _INTERFACE_TEXTS:
            setattr(self, _INTERFACE_TEXTS[code], text_of(value))
        elif code == _IF_FILTER and value[:1] == b"\0":  # 0: text; others are programs
            self.filter = text_of(value[1:])

    def take_statistic(self, code: int, value: bytes, byte_order: str) -> None:
        """Take in an option of an interface statistics block; a later block replaces an earlier one."""
        if code in _STATISTICS and len(value) == 8:
            setattr(self, _STATISTICS[code], struct.unpack(byte_order + "Q", value)[0])

    def take_time(self, code: int, time_ns: int) -> None:
        """Take in when capturing began or ended, from the statistics."""
        if code == _ISB_STARTTIME:
            self.start_ns = time_ns
        elif code == _ISB_ENDTIME:
            self.end_ns = time_ns


def text_of(value: bytes) -> str:
    """The text of an option: UTF-8 by the standard, whatever is in it."""
    return value[:_LONGEST_TEXT].rstrip(b"\0").decode("utf-8", "backslashreplace")


def comments_in(block: bytes, start: int, byte_order: str) -> Iterator[str]:
    """The comments among the options of a block, from ``start`` to where they break off."""
    unpack = struct.Struct(byte_order + "HH").unpack_from
    end = len(block) - 4
    while start + 4 <= end:
        code, length = unpack(block, start)
        start += 4
        if code == END_OF_OPTIONS or start + length > end:
            return
        if code == COMMENT:
            yield text_of(block[start : start + length])
        start += length + -length % 4
