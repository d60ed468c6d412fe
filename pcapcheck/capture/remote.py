"""Captures that are not on this machine, through fsspec: read as a stream, and on from where a connection dropped."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol, TypeVar

from pcapcheck.capture.address import Address, scrubbed
from pcapcheck.capture.sources import Fault, reason
from pcapcheck.errors import NOWHERE, CaptureError

_Given = TypeVar("_Given")

# Seconds before the next try after a failure; then it is given up. Octets that came in between begin the row anew.
DELAYS: Final = (0.25, 1.0, 2.0, 4.0, 8.0)
_PROGRESS: Final = 1 << 16

# What passes: statuses of HTTP, system errors, and, by name (their libraries are loaded only where they are used), the
# exceptions of aiohttp, botocore and fsspec. Everything else would fail again.
_PASSING_STATUS: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
_PASSING_ERRNO: Final = frozenset(
    getattr(errno, name)
    for name in ("EIO", "EBUSY", "EREMOTEIO", "EPIPE", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH")
    if hasattr(errno, name)
)
_PASSING: Final = frozenset(
    ("ClientConnectionError", "ClientPayloadError", "HTTPClientError", "IncompleteReadError", "ResponseParserError")
)
_NOT_CONNECTED: Final = frozenset(("ClientConnectorError", "EndpointConnectionError", "ConnectionRefusedError"))
_LONGEST_REASON: Final = 200


class Version(NamedTuple):
    """What tells one content of a remote object from another; None where it is not known."""

    tag: str | None  # an ETag, or else the time of the last change
    size: int | None

    def differs(self, other: Version) -> bool:
        return any(one is not None and two is not None and one != two for one, two in zip(self, other, strict=True))


class Body(Protocol):
    """The octets of a remote object from some offset on."""

    version: Version

    def read(self, most: int) -> bytes:
        """As of a Source, but raises whatever its library raises."""

    def close(self) -> None: ...


class Changed(Exception):
    """The object is not any more what it was when reading began."""


class RemoteFile:
    """A Source over an object of which any rest can be asked for. A dropped connection is taken up where it stopped.

    What cannot be taken up is a fault: what was read before stays good.
    """

    def __init__(self, place: Address, open_at: Callable[[int], Body]) -> None:
        """Raises CaptureError where there is nothing to read."""
        self.bytes_read = 0
        self.fault: Fault | None = None
        self._place, self._open_at = place, open_at
        self._body: Body | None = None
        self._version = Version(None, None)
        self._connected_once = False
        self._failures = 0  # in a row
        self._failed_at = 0
        self._tried(self._connected)
        if self.fault:
            raise CaptureError(place, NOWHERE, "a readable object", self.fault.found)

    @property
    def size(self) -> int | None:
        return self._version.size

    def read(self, most: int) -> bytes:
        octets = self._tried(lambda: self._next(most)) or b""
        self.bytes_read += len(octets)
        return octets

    def close(self) -> None:
        if self._body:
            self._body.close()
            self._body = None

    def _next(self, most: int) -> bytes:
        octets = self._connected().read(most)
        if not octets and self.size is not None and self.bytes_read < self.size:
            raise ConnectionError("the connection was closed")
        return octets

    def _connected(self) -> Body:
        if self._body is None:
            body = self._open_at(self.bytes_read)
            if body.version.differs(self._version):
                body.close()
                raise Changed
            self._body, self._version, self._connected_once = body, body.version, True
        return self._body

    def _tried(self, read: Callable[[], _Given]) -> _Given | None:
        """What this reads, however often it has to be tried; None where it is given up, and why is the fault."""
        while self.fault is None:
            try:
                return read()
            except Exception as error:  # each library has its own, and none of them shall end the run
                self.close()
                self.fault = self._given_up(error)
        return None

    def _given_up(self, error: Exception) -> Fault | None:
        """Why nothing more can be read; None, after a while, where it is worth another try."""
        if self.bytes_read - self._failed_at >= _PROGRESS:
            self._failures = 0
        self._failed_at = self.bytes_read
        again = not is_changed(error) and passes(error, connected=self._connected_once)
        if again and self._failures < len(DELAYS):
            time.sleep(DELAYS[self._failures])
            self._failures += 1
            return None
        found = said(error, self._place.url)
        if is_changed(error):
            found = "another file: it was changed while it was read"
        elif self._failures:
            found = f"{self._failures + 1} read errors in a row ({found})"
        elif self._connected_once:
            found = f"a read error ({found})"
        return Fault("CAP01", "the rest of the file", found, passing=True)


def said(error: Exception, url: str) -> str:
    """Why, in few words, and without a secret."""
    if isinstance(error, FileNotFoundError):
        return "no such object"
    if isinstance(error, PermissionError):
        return "access denied"
    if isinstance(error, IsADirectoryError):
        return "a folder"
    if isinstance(status := getattr(error, "status", None), int):
        return f"HTTP status {status} {scrubbed(str(getattr(error, 'message', '')), url)}".rstrip()
    words = reason(error) if isinstance(error, OSError) else str(error)
    return scrubbed(" ".join(words.split()), url)[:_LONGEST_REASON] or type(error).__name__


def passes(error: Exception, *, connected: bool) -> bool:
    """Whether the same may go well a little later. A host that was never reached will hardly be a second later."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if not connected and names & _NOT_CONNECTED:
        return False
    if isinstance(status := getattr(error, "status", None), int):
        return status in _PASSING_STATUS
    if isinstance(error, OSError) and error.errno in _PASSING_ERRNO:
        return True
    return isinstance(error, (ConnectionError, TimeoutError)) or bool(names & (_PASSING | _NOT_CONNECTED))


def is_changed(error: Exception) -> bool:
    """Whether the object is another one than the one whose rest was asked for."""
    return isinstance(error, Changed) or type(error).__name__ == "FileExpired"  # s3fs's, at an ETag that is another
