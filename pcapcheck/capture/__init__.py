"""File to frames: our own streaming readers of pcap and pcapng, plain or gzip'd. They never seek.

``with open_capture(path) as capture: for frame in capture: ...``; then ``capture.damage`` says where it broke off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from pcapcheck.capture.find import Found, find
from pcapcheck.capture.opened import Capture
from pcapcheck.capture.pcap import Pcap
from pcapcheck.capture.pcapng import Pcapng
from pcapcheck.capture.recognise import HEAD, describe
from pcapcheck.capture.sources import GZIP_MAGIC, Gunzipped, Source, open_source
from pcapcheck.capture.stream import Stream
from pcapcheck.errors import CaptureError, UnrecognisedFormat

__all__ = ["Capture", "Found", "find_captures", "open_capture"]

_MAGIC_LENGTH = 4
_FIRST_READ = 4096


def open_capture(path: str, stdin: BinaryIO | None = None) -> Capture:
    """The capture at ``path``, or on ``stdin`` for ``-``, known by its first octets, whatever its name."""
    source = open_source(path, stdin)
    try:
        return _recognised(path, source)
    except CaptureError:
        source.close()
        raise


def find_captures(paths: Sequence[str]) -> Found:
    """The captures behind ``paths``: each named file, ``-``, and what is a capture in each folder."""
    return find(paths, _is_capture)


def _recognised(path: str, source: Source) -> Capture:
    compression, stream = "", Stream(source)
    stream.refill(0, _MAGIC_LENGTH, _FIRST_READ)
    if stream.chunk.startswith(GZIP_MAGIC):
        compression, stream = "gzip", Stream(Gunzipped(source, stream.chunk))
        stream.refill(0, _MAGIC_LENGTH, _FIRST_READ)
    head = stream.chunk[:_MAGIC_LENGTH]
    for reader in (Pcap, Pcapng):
        if head in reader.magic:
            return reader(path, compression, stream)
        if len(head) > 1 and any(magic.startswith(head) for magic in reader.magic):
            fault = stream.cut("a whole file header", len(head)).fault
            raise CaptureError(path, 0, fault.needed, fault.found)
    stream.refill(0, HEAD, _FIRST_READ)
    if stream.source.fault:
        raise UnrecognisedFormat(path, 0, stream.source.fault.needed, stream.source.fault.found)
    found, advice = describe(stream.chunk[:HEAD])
    if compression:
        found = f"{found} inside gzip"
    raise UnrecognisedFormat(path, 0, "a pcap or pcapng capture", found, advice)


def _is_capture(path: str) -> bool:
    try:
        open_capture(path).close()
    except UnrecognisedFormat:
        return False
    except CaptureError:
        return True  # one that cannot be read: whoever opens it is told why
    return True
