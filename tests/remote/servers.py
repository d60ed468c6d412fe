"""Servers on this machine's loopback, that fail as told: a web server, and a wire to another server that can be cut."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Page:
    """What a web server has at one path, and how it gives it away."""

    octets: bytes = b""
    ranges: bool = True
    tag: str | None = '"one"'
    length: bool = True  # said beforehand; else in chunks
    drops: list[int] = field(default_factory=list)  # offsets at which a connection ends, one after the other
    always_drops: int | None = None  # every connection ends there
    stalls: int | None = None  # the first connection says nothing more from there on
    statuses: list[int] = field(default_factory=list)  # of the first answers
    location: str = ""  # elsewhere
    headers: dict[str, str] = field(default_factory=dict)
    then: Page | None = None  # what is there after the first answer


@dataclass
class Site:
    """A web server that runs, its pages, and what it was asked."""

    url: str = ""
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)  # path and query, Range
    authorizations: set[str] = field(default_factory=set)
    done: threading.Event = field(default_factory=threading.Event)

    def put(self, path: str, octets: bytes = b"", **options: Any) -> str:
        """The URL of a new page."""
        self.pages[path] = Page(octets, **options)
        return self.url + path

    def starts(self) -> list[int]:
        """Where each GET so far wanted to begin."""
        return [int(wanted.removeprefix("bytes=").partition("-")[0] or 0) for _, wanted in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        wanted = self.headers.get("Range", "")
        if body:
            self.site.asked.append((self.path, wanted))
        if scheme := self.headers.get("Authorization"):
            self.site.authorizations.add(base64.b64decode(scheme.partition(" ")[2]).decode())
        page = self.site.pages.get(path)
        status = page.statuses.pop(0) if page and page.statuses and body else 200
        if page is None or status != 200:
            self._nothing(404 if page is None else status)
            return
        if page.location:
            self._nothing(302, Location=page.location)
            return
        self._give(page, wanted, body=body)
        if body and page.then:
            self.site.pages[path] = page.then

    def _nothing(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _give(self, page: Page, wanted: str, *, body: bool) -> None:
        whole = len(page.octets)
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted and page.ranges else 0
        if start and start >= whole:
            self._nothing(416, **{"Content-Range": f"bytes */{whole}"})
            return
        self.send_response(206 if wanted and page.ranges else 200)
        if wanted and page.ranges:
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        if page.tag:
            self.send_header("ETag", page.tag)
        for name, value in page.headers.items():
            self.send_header(name, value)
        length = ("Content-Length", str(whole - start)) if page.length else ("Transfer-Encoding", "chunked")
        self.send_header(*length)
        self.end_headers()
        if body:
            self._send(page, start)

    def _send(self, page: Page, start: int) -> None:
        end, ends_early = len(page.octets), False
        if page.drops and start <= page.drops[0]:
            end, ends_early = page.drops.pop(0), True
        if page.always_drops is not None:
            end, ends_early = max(start, page.always_drops), True
        if page.stalls is not None:
            end, page.stalls = page.stalls, None
            self._write(page, page.octets[start:end])
            self.site.done.wait(30)
            ends_early = True
        else:
            self._write(page, page.octets[start:end])
        if ends_early:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        elif not page.length:
            self.wfile.write(b"0\r\n\r\n")

    def _write(self, page: Page, octets: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # who only looks at the beginning goes away
            if not page.length and octets:
                octets = b"%x\r\n%b\r\n" % (len(octets), octets)
            self.wfile.write(octets)
            self.wfile.flush()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def web_server() -> Iterator[Site]:
    """A web server that does as its pages say."""
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site}))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a connection that was dropped
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.done.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Wire:
    """A port that leads to another one."""

    url: str = ""
    cuts: list[int] = field(default_factory=list)  # octets of answers after which a connection is cut, in turn
    made: int = 0  # cuts


@contextmanager
def wire_to(host: str, port: int) -> Iterator[Wire]:
    """A wire to a server, whose connections end where ``cuts`` says."""
    wire = Wire()
    listener = socket.create_server(("127.0.0.1", 0))
    wire.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    ends: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def forward(source: socket.socket, target: socket.socket, *, answers: bool) -> None:
        sent = 0
        with suppress(OSError):
            while octets := source.recv(1 << 14):
                if answers and wire.cuts and sent + len(octets) > wire.cuts[0]:
                    target.sendall(octets[: max(0, wire.cuts.pop(0) - sent)])
                    wire.made += 1
                    break
                target.sendall(octets)
                sent += len(octets)
        hang_up(source, target)

    def serve() -> None:
        with suppress(OSError):  # that the listener is closed
            while True:
                near, far = listener.accept()[0], socket.create_connection((host, port))
                ends.extend((near, far))
                for pair, answers in (((near, far), False), ((far, near), True)):
                    threads.append(threading.Thread(target=forward, args=pair, kwargs={"answers": answers}))
                    threads[-1].start()

    threads.append(threading.Thread(target=serve))
    threads[0].start()
    try:
        yield wire
    finally:
        hang_up(listener, *ends)
        for thread in threads:
            thread.join()
        for end in (listener, *ends):
            end.close()


def hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
