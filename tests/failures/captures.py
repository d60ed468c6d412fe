"""The captures that failures are injected into: the samples and the laboratory's."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Final

from pcapcheck.capture import Capture, open_capture
from pcapcheck.capture.frame import Frame

TESTS: Final = Path(__file__).parents[1]
CAPTURES: Final = sorted(
    path for folder in (TESTS / "lab", TESTS.parent / "sample_captures") for path in folder.glob("*.pcap")
)
SMALL: Final = 8192


def read(octets: bytes) -> tuple[list[Frame], Capture]:
    """The frames of a capture in memory, and the capture at its end."""
    with open_capture("-", io.BytesIO(octets)) as capture:
        return list(capture), capture


def starts_of_records(octets: bytes) -> list[int]:
    """Where each whole record of a classic pcap starts, and where the last one ends."""
    order = "<" if octets[0] in (0xD4, 0x4D) else ">"
    starts = [24]
    while starts[-1] + 16 <= len(octets):
        following = starts[-1] + 16 + struct.unpack_from(order + "I", octets, starts[-1] + 8)[0]
        if following > len(octets):
            break
        starts.append(following)
    return starts
