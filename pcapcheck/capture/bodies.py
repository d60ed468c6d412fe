"""The octets of remote objects, from any offset on: one long answer of a web server, or blocks of anything else.

The only module that knows fsspec, which is loaded when a URL is read for the first time.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Final

from pcapcheck.capture.address import Address, scrubbed
from pcapcheck.capture.remote import Changed, RemoteFile, Version, said
from pcapcheck.errors import NOWHERE, CaptureError, UsageError

# Of a store that answers ranges: small at first, for most of what a folder holds is only looked at.
_FIRST_BLOCK: Final = 1 << 16
_LARGEST_BLOCK: Final = 8 << 20

# Seconds: to connect, and between two pieces of an answer. A whole answer may take hours.
_CONNECT_S: Final = 30
_SILENCE_S: Final = 60
_PIECE: Final = 1 << 18

_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)")
_TAGS: Final = (
    "ETag", "etag", "generation", "LastModified", "Last-Modified", "last_modified", "mtime", "modified", "date_time",
)  # fmt: skip


def open_remote(place: Address) -> RemoteFile:
    """The object at this address.

    Raises CaptureError where it cannot be read, UsageError where a package that this takes is not installed.
    """
    try:
        fs, path = filesystem(place.url)
    except UsageError:
        raise
    except Exception as error:  # what is inside an archive, as zip://x.pcap::s3://..., is looked up at once
        raise CaptureError(place, NOWHERE, "a readable object", said(error, place.url)) from None
    body = WebBody if is_web(fs) else BlockBody
    return RemoteFile(place, lambda offset: body(fs, path, offset))


def filesystem(url: str) -> tuple[Any, str]:
    """fsspec's file system of a URL, and what the URL is called there. Raises UsageError where a package is missing."""
    shown = Address(url)
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise UsageError(f"{shown}: needs fsspec: pip install 'pcapcheck[remote]'") from None
    try:
        fs, path = url_to_fs(url)
    except ImportError as error:
        advice = "pip install 'pcapcheck[remote]' brings those for s3:// and https://"
        raise UsageError(f"{shown}: needs another package ({scrubbed(str(error), url)}): {advice}") from None
    except ValueError as error:
        raise UsageError(f"{shown}: {scrubbed(str(error), url)}") from None
    fs.invalidate_cache()  # of what was listed before: a later look shall see what is there then
    return fs, path


def is_web(fs: Any) -> bool:
    """Whether it is a web server, which may know no ranges and whose folders are pages."""
    return "http" in ((fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol)


def tag_of(about: dict[str, Any]) -> str | None:
    """What a file system knows of an object that is another for another content, if anything."""
    return next((str(about[name]) for name in _TAGS if about.get(name)), None)


class BlockBody:
    """An object of a store that gives any range of it."""

    def __init__(self, fs: Any, path: str, offset: int) -> None:
        self._file = fs.open(path, "rb", cache_type="none")
        about = getattr(self._file, "details", None) or fs.info(path)
        if about.get("type") == "directory":
            self._file.close()
            raise IsADirectoryError(path)
        self.version = Version(tag_of(about), getattr(self._file, "size", None))
        if offset:
            self._file.seek(offset)
        self._waiting, self._at, self._block = b"", 0, _FIRST_BLOCK

    def read(self, most: int) -> bytes:
        if self._at == len(self._waiting):
            self._waiting, self._at = self._file.read(self._block), 0
            self._block = min(2 * self._block, _LARGEST_BLOCK)
        octets = self._waiting[self._at : self._at + most]
        self._at += len(octets)
        return octets

    def close(self) -> None:
        self._file.close()


class WebBody:
    """The answer of a web server, as it comes. What a server without ranges sends again is skipped."""

    def __init__(self, fs: Any, url: str, offset: int) -> None:
        from fsspec.asyn import sync

        self._loop, self._sync = fs.loop, sync
        self._response, first = sync(self._loop, _answer, fs, url, offset)
        headers, status = self._response.headers, self._response.status
        found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
        size = found[2] if found else headers.get("Content-Length") if status == HTTPStatus.OK else None
        self.version = Version(headers.get("ETag") or headers.get("Last-Modified"), None if size is None else int(size))
        self._ended = status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        start = int(found[1]) if found and found[1] else 0 if status == HTTPStatus.OK else offset
        self._skip = offset - start
        if self._skip < 0 or (self._ended and self.version.size != offset):
            self.close()
            raise Changed  # it ends before what was read of it

        self._waiting = self._kept(first)

    def read(self, most: int) -> bytes:
        while not self._waiting and not self._ended:
            piece = self._sync(self._loop, self._response.content.read, _PIECE)
            self._ended = not piece
            self._waiting = self._kept(piece)
        octets, self._waiting = self._waiting[:most], self._waiting[most:]
        return octets

    def _kept(self, piece: bytes) -> bytes:
        """What of the piece lies behind the offset that was asked for."""
        skipped = min(self._skip, len(piece))
        self._skip -= skipped
        return piece[skipped:]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._response.close)


async def _answer(fs: Any, url: str, offset: int) -> tuple[Any, bytes]:
    """The server's answer from the offset on, and its first octets. Raises what aiohttp raises, also for a status."""
    import aiohttp

    session = await fs.set_session()
    options = {"timeout": aiohttp.ClientTimeout(None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S), **fs.kwargs}
    headers = {**options.pop("headers", {}), "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    # The octets as stored: what is compressed is unpacked elsewhere, and offsets count what is sent.
    response = await session.get(fs.encode_url(url), headers=headers, auto_decompress=False, **options)
    try:
        if response.status == HTTPStatus.NOT_FOUND:
            raise FileNotFoundError(url)
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
            return response, b""
        response.raise_for_status()
        # Read here and now: when the connection drops, aiohttp drops what nobody waits for.
        return response, await response.content.read(_PIECE)
    except BaseException:
        response.close()
        raise
