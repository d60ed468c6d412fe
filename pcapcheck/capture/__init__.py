"""File to frames: our own streaming readers of pcap, pcapng and snoop, plain or compressed. They never seek.

``with open_capture(path) as capture: for frame in capture: ...``; then ``capture.damage`` says where it broke off.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from os import PathLike, fspath
from typing import BinaryIO

from pcapcheck.capture.address import Address, address
from pcapcheck.capture.compression import Compression, Unpacked, compression_of
from pcapcheck.capture.find import Found, find
from pcapcheck.capture.opened import Capture
from pcapcheck.capture.pcap import Pcap
from pcapcheck.capture.pcapng import Pcapng
from pcapcheck.capture.recognise import HEAD, describe
from pcapcheck.capture.snoop import Snoop
from pcapcheck.capture.sources import Limited, Source, open_source
from pcapcheck.capture.stream import Stream
from pcapcheck.errors import CaptureError, UnrecognisedFormat

__all__ = ["Capture", "Found", "Paths", "find_captures", "open_capture", "size_of"]

Paths = str | PathLike[str] | Sequence[str | PathLike[str]]

_READERS = (Pcap, Pcapng, Snoop)
_LONGEST_MAGIC = 8  # of captures and compressions
_FIRST_READ = 4096


def open_capture(path: str, stdin: BinaryIO | None = None, *, max_bytes: int | None = None) -> Capture:
    """The capture at ``path`` or URL, or on ``stdin`` for ``-``, known by its first octets, whatever its name.

    Reading stops after ``max_bytes`` octets of the capture, uncompressed. Without it a compressed one may be of any
    size, but not expand as only a decompression bomb does.
    """
    path = address(path)
    source = open_source(path, stdin)
    try:
        return _recognised(path, source, max_bytes)
    except CaptureError:
        source.close()
        raise


def find_captures(paths: Paths | Found) -> Found:
    """The captures behind ``paths``: each named file, ``-``, and what is a capture in each folder.

    What was found already is given back: a search through a bucket takes a while.
    """
    if isinstance(paths, Found):
        return paths
    return find([fspath(path) for path in ([paths] if isinstance(paths, (str, PathLike)) else paths)], _is_capture)


def size_of(path: str) -> int | None:
    """Octets of what ``find_captures`` found; None for a pipe, or where nobody says."""
    if isinstance(path, Address):
        from pcapcheck.capture.listing import size_of

        return size_of(path)
    try:
        status = None if path == "-" else os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_size if status and stat.S_ISREG(status.st_mode) else None


def _recognised(path: str, source: Source, max_bytes: int | None) -> Capture:
    stream = Stream(source)
    stream.refill(0, _LONGEST_MAGIC, _FIRST_READ)
    compression = compression_of(stream.chunk)
    if compression or max_bytes is not None:
        stream = Stream(_unpacked(path, source, stream.chunk, compression, max_bytes))
        stream.refill(0, _LONGEST_MAGIC, _FIRST_READ)
    head = stream.chunk
    for reader in _READERS:
        if head.startswith(reader.magic):
            return reader(path, compression.name if compression else "", stream)
        if 1 < len(head) < _LONGEST_MAGIC and any(magic.startswith(head) for magic in reader.magic):
            fault = stream.cut("a whole file header", len(head)).fault
            raise CaptureError(path, 0, fault.needed, fault.found)
    stream.refill(0, HEAD, _FIRST_READ)
    if stream.source.fault:
        raise UnrecognisedFormat(path, 0, stream.source.fault.needed, stream.source.fault.found)
    found, advice = describe(stream.chunk[:HEAD])
    if compression:
        found = f"{found} inside {compression.name}"
    raise UnrecognisedFormat(path, 0, "a pcap, pcapng or snoop capture", found, advice)


def _unpacked(path: str, source: Source, head: bytes, compression: Compression | None, max_bytes: int | None) -> Source:
    """The octets of the capture inside ``source``, of which ``head`` was read already."""
    if compression:
        try:
            source, head = Unpacked(source, head, compression, bounded=max_bytes is None), b""
        except ImportError:
            needed, advice = f"a package that reads {compression.name}", "decompress it first"
            if compression.extra:
                advice = f"pip install 'pcapcheck[{compression.extra}]', or {advice}"
            raise CaptureError(path, 0, needed, "none installed", advice) from None
    return source if max_bytes is None else Limited(source, head, max_bytes)


def _is_capture(path: str) -> bool:
    try:
        open_capture(path).close()
    except UnrecognisedFormat:
        return False
    except CaptureError:
        return True  # one that cannot be read: whoever opens it is told why
    return True
