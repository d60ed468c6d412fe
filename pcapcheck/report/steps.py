"""What a ladder says of each kept row of a handshake, in words and numbers: the same for text, SVG, Mermaid, charts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG, WINDOW_UNSEEN
from pcapcheck.errors import UsageError
from pcapcheck.evidence import Event
from pcapcheck.openings import ICMP, Row
from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import address_text, endpoint, frames_text, numbers_and_files
from pcapcheck.report.report import Report
from pcapcheck.report.rungs import Rung, Rungs
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, OUTCOMES, SHAPES

_FLAGS: Final = {
    SYN: "SYN",
    FIN: "FIN",
    RST: "RST",
    PSH: "PSH",
    ACK: "ACK",
    URG: "URG",
    ECE: "ECE",
    CWR: "CWR",
    AE: "AE",
}
_MS: Final = 10**6


class Piece(NamedTuple):
    """Words that stay on one line."""

    text: str
    wrong: bool = False


class Step(NamedTuple):
    """One kept row, ready to be drawn."""

    frame: int  # its number in its file
    file: str  # where another begins, of a capture that came in several; else empty
    since_start: str  # ms
    delta: str  # ms since the row before, empty where it cannot be said
    from_client: bool  # of an ICMP error: it answers the client, and so comes to it
    icmp: bool
    flags: str
    numbers: tuple[Piece, ...]
    sizes: tuple[str, ...]
    words: str
    complaint: str  # what is wrong with it, with the number that was expected; empty where nothing is
    icmp_lines: tuple[str, ...]
    folded: str  # what was counted onto it

    @property
    def wrong(self) -> bool:
        return bool(self.complaint)

    @property
    def to_server(self) -> bool:
        """Which way the arrow points."""
        return self.from_client != self.icmp


class Story(NamedTuple):
    """One handshake: who, what came of it, and its steps."""

    handshake_id: int
    outcome: str
    shape: str
    client: str
    server: str
    client_isn: int  # ABSENT if not seen
    server_isn: int
    start: int  # ns
    path: str  # of the capture, as given
    tap: float | None  # where the capture saw it: 0 at the client, 1 at the server
    steps: tuple[Step, ...]

    @property
    def title(self) -> str:
        return f"handshake {self.handshake_id}: {self.outcome}" + (f", {self.shape}" if self.shape else "")


def located(report: Report, index: int) -> tuple[int, int]:
    """The capture of the handshake at ``index`` over all captures, and its index among those that are kept of it."""
    total = report.before[-1]
    if 0 <= index < total:
        capture = bisect_right(report.before, index) - 1
        kept = report.judged[capture].kept.at.read()
        position = int(np.searchsorted(kept, index - report.before[capture]))
        if position < len(kept) and kept[position] == index - report.before[capture]:
            return capture, position
        report.need("everything")
    raise UsageError(f"no handshake {index + 1}: " + (f"there are 1 to {total}" if total else "there is none"))


def story(report: Report, index: int) -> Story:
    """The handshake at ``index`` in the order of ``report.handshakes``. Raises UsageError where there is none."""
    capture, position = located(report, index)
    traffic = report.judged[capture].traffic
    handshakes = traffic.handshakes
    facts = report.capture_facts[capture]
    rungs = Rungs(traffic, position, lambda frame: frames_text(facts, [frame]))
    return Story(
        index + 1,
        OUTCOMES[handshakes.outcome[position]],
        SHAPES[handshakes.shape[position]],
        endpoint(handshakes.client_address[position], int(handshakes.client_port[position])),
        endpoint(handshakes.server_address[position], int(handshakes.server_port[position])),
        rungs.client_isn,
        rungs.server_isn,
        int(handshakes.start_time[position]),
        facts.path,
        _tap(int(handshakes.client_rtt[position]), int(handshakes.handshake_rtt[position])),
        tuple(steps(rungs, facts)),
    )


def _tap(client_rtt: int, handshake_rtt: int) -> float | None:
    """The share of the path that lies between the client and the tap, as the share of the round-trip time says."""
    if ABSENT in (client_rtt, handshake_rtt) or not handshake_rtt:
        return None
    return client_rtt / handshake_rtt


def steps(rungs: Rungs, facts: CaptureFacts) -> Iterator[Step]:
    """Every kept row."""
    numbers, files = numbers_and_files(facts, [rung.row.frame for rung in rungs.all])
    begins = [file if facts.parts and file != last else "" for file, last in zip(files, ["", *files], strict=False)]
    start = next((rung.row.time for rung in rungs.all if rung.row.time != NO_TIME), 0)
    before = NO_TIME
    for rung, number, file in zip(rungs.all, numbers, begins, strict=True):
        row = rung.row
        yield Step(
            number,
            escaped(file),
            "no time" if row.time == NO_TIME else ms(row.time - start),
            _delta(row.time, before),
            rung.from_client,
            row.kind == ICMP,
            "ICMP" if row.kind == ICMP else _flags(row.tcp_flags),
            _numbers(rung, rungs),
            (f"len {row.payload_length}", "win cut off" if row.unseen & WINDOW_UNSEEN else f"win {row.window}"),
            rung.words,
            _complaint(rung, rungs) if rung.wrong else "",
            _icmp_lines(rung, rungs) if row.kind == ICMP else (),
            _folded(row, start) if row.folded else "",
        )
        before = row.time


def _numbers(rung: Rung, rungs: Rungs) -> tuple[Piece, ...]:
    row = rung.row
    if row.kind == ICMP:
        return ()

    def number(name: str, value: int, of_client: bool, expected: int) -> Piece:
        return Piece(f"{name} {value} ({rungs.relative(value, of_client)})", expected != ABSENT)

    found = [number("seq", row.seq, rung.from_client, rung.expected_seq)]
    if row.tcp_flags & ACK:
        found.append(number("ack", row.ack, not rung.from_client, rung.expected_ack))
    elif row.ack:
        found.append(Piece(f"(ack {row.ack} without ACK flag)"))
    return tuple(found)


def _complaint(rung: Rung, rungs: Rungs) -> str:
    expected = [
        f"{name} {number} ({rungs.relative(number, of_client)})"
        for name, number, of_client in (
            ("seq", rung.expected_seq, rung.from_client),
            ("ack", rung.expected_ack, not rung.from_client),
        )
        if number != ABSENT
    ]
    return rung.words + (f": expected {' and '.join(expected)}" if expected else "")


def _icmp_lines(rung: Rung, rungs: Rungs) -> tuple[str, ...]:
    row = rung.row
    quoted = "the SYN" if rung.event is Event.UNREACHABLE else "another segment"
    number = f"seq {row.seq} ({rungs.relative(row.seq, rung.from_client)})"
    return f"from {address_text(row.options)}", rung.words, f"quotes {quoted}, {number}"


def _folded(row: Row, start: int) -> str:
    alike = row.kind == ICMP or row.tcp_flags & (SYN | FIN | RST)
    parts = [f"... {row.folded} more {'like it' if alike else 'segments' if row.folded > 1 else 'segment'}"]
    parts += [_octets(row.folded_octets)] if row.folded_octets else []
    parts += [] if row.folded_until == NO_TIME else [f"until {ms(row.folded_until - start)} ms"]
    return ", ".join(parts)


def _flags(tcp_flags: int) -> str:
    return ", ".join(name for bit, name in _FLAGS.items() if tcp_flags & bit) or "no flags"


def ms(nanoseconds: int) -> str:
    """Milliseconds, exact to the nanosecond."""
    whole, rest = divmod(abs(nanoseconds), _MS)
    return f"{'-' if nanoseconds < 0 else ''}{whole}.{rest:06}"


def _delta(time: int, before: int) -> str:
    if NO_TIME in (time, before):
        return ""
    return f"{'+' if time >= before else ''}{ms(time - before)}"


def _octets(count: int) -> str:
    """A number of octets as a person reads it."""
    if count < 10_000:
        return f"{count} octets"
    for unit, size in (("kB", 10**3), ("MB", 10**6), ("GB", 10**9)):
        if count < 1000 * size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 10**12:.1f} TB"
