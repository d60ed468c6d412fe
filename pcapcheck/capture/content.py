"""What tells the content of a capture from any other, without reading the whole of it."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Final

from pcapcheck.capture.address import Address, lasting

# Octets at the beginning and at the end of a file: of a capture that goes on being written the end is another.
_LOOKED_AT: Final = 1 << 16

Content = tuple[str | int, ...]


def content_of(path: str) -> Content | None:
    """Equal as long as the content is; None where that cannot be known, as of a pipe, or there is nothing to read.

    Of a file: its size, when it was last changed, and a hash of its head and tail. Of a remote object: its URL, its
    ETag (or when it was last changed) and its size.
    """
    if isinstance(path, Address):
        from pcapcheck.capture.listing import version_of

        version = version_of(path)
        return None if version.tag is None else (lasting(path.url), version.tag, version.size or 0)
    try:
        return None if path == "-" or not stat.S_ISREG(os.stat(path).st_mode) else _of_file(path)
    except (OSError, ValueError):
        return None


def _of_file(path: str) -> Content:
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        digest = hashlib.sha256(file.read(_LOOKED_AT))
        file.seek(max(0, status.st_size - _LOOKED_AT))
        digest.update(file.read(_LOOKED_AT))
    return status.st_size, status.st_mtime_ns, digest.hexdigest()
