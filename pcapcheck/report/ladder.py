"""The ladder of one handshake in text: who sent what when, both numbers raw and relative, wrong ones marked ``!!``."""

from __future__ import annotations

import textwrap
from typing import Final, NamedTuple

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN, URG, WINDOW_UNSEEN
from pcapcheck.errors import UsageError
from pcapcheck.evidence import Event
from pcapcheck.handshake import outcome_of, reason_of
from pcapcheck.judge import Handshakes
from pcapcheck.openings import ICMP, Row
from pcapcheck.report.colour import Paint
from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import address_text, endpoint, time_text
from pcapcheck.report.report import Report
from pcapcheck.report.rungs import Rung, Rungs
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
_NARROWEST: Final = 36  # of the lane: no number is ever cut
_MARK: Final = "!!"
_MS: Final = 10**6


class _Piece(NamedTuple):
    """Words that stay on one line."""

    text: str
    wrong: bool = False


def ladder(report: Report, index: int, width: int = 80, *, colour: bool = False) -> str:
    """The ladder of the handshake at ``index`` in the order of ``report.handshakes``.

    Raises UsageError where there is no such handshake.
    """
    capture, position = _locate(report, index)
    traffic = report.traffics[capture]
    rungs = Rungs(traffic, position)
    lines = [
        *_header(report, capture, position, index, rungs),
        "",
        *_Lane(rungs, width, colour).lines(),
        *_findings(report, capture, position, width),
        *_causes(report, capture, position, width),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _locate(report: Report, index: int) -> tuple[int, int]:
    """The capture of the handshake, and its index there."""
    position = index
    for capture, traffic in enumerate(report.traffics):
        if 0 <= position < len(traffic.handshakes):
            return capture, position
        position -= len(traffic.handshakes)
    total = sum(len(traffic.handshakes) for traffic in report.traffics)
    raise UsageError(f"no handshake {index + 1}: " + (f"there are 1 to {total}" if total else "there is none"))


def _header(report: Report, capture: int, position: int, index: int, rungs: Rungs) -> list[str]:
    handshakes = report.traffics[capture].handshakes
    outcome = OUTCOMES[handshakes.outcome[position]]
    shape = SHAPES[handshakes.shape[position]]
    start = int(handshakes.start_time[position])
    title = f"handshake {index + 1}: {outcome}" + (f", {shape}" if shape else "")
    client = endpoint(handshakes.client_address[position], int(handshakes.client_port[position]))
    server = endpoint(handshakes.server_address[position], int(handshakes.server_port[position]))
    return [
        title,
        f"  why      {_because(int(handshakes.facts[position]), outcome)}",
        f"  client   {client:{len(server)}}  {_isn(rungs.client_isn)}",
        f"  server   {server:{len(client)}}  {_isn(rungs.server_isn)}",
        *_rtts(handshakes, position),
        f"  start    {time_text(start)}",
        f"  capture  {escaped(str(report.capture_facts[capture].path))}",
    ]


def _because(facts: int, outcome: str) -> str:
    # Judged alone it came to something else: one-sidedness spreads between two hosts.
    alone = outcome_of(facts) == outcome
    return reason_of(facts) if alone else "other flows of these hosts show one direction only"


def _rtts(handshakes: Handshakes, position: int) -> list[str]:
    lines = []
    for label, name in (("rtt", "server"), ("", "client"), ("", "handshake")):
        least, most = (int(getattr(handshakes, f"{name}_rtt_{end}")[position]) for end in ("min", "max"))
        if most == ABSENT:
            span = "none"
        elif least == most:
            span = f"{_ms(least)} ms, exact"
        else:
            span = f"{_ms(least)} to {_ms(most)} ms, an interval"
        lines.append(f"  {label:8} {name:9}  {span}")
    return lines


class _Lane:
    """Frame and times on the left; on the right the arrows between client and server, with what is said below each."""

    def __init__(self, rungs: Rungs, width: int, colour: bool) -> None:
        self._rungs, self._paint = rungs, Paint(colour)
        frames, times = [len("frame")], [len("delta (ms)")]
        self._start = next((rung.row.time for rung in rungs.all if rung.row.time != NO_TIME), 0)
        before = NO_TIME
        for rung in rungs.all:
            frames.append(len(str(rung.row.frame)))
            times += [len(self._since_start(rung.row)), len(_delta(rung.row.time, before))]
            before = rung.row.time
        self._frame_width, self._time_width = max(frames), max(times)
        self._room = max(_NARROWEST, width - self._frame_width - self._time_width - 8)

    def lines(self) -> list[str]:
        """The head, and every kept row."""
        gap = self._room + 2 - len("client") - len("server")
        found = [
            self._margin("frame", "time (ms)") + "client" + " " * (gap + 2) + "server",
            self._margin("", "delta (ms)") + f"|{' ' * (self._room + 2)}|",
        ]
        before = NO_TIME
        for rung in self._rungs.all:
            found += self._rung(rung, _delta(rung.row.time, before))
            before = rung.row.time
        return found

    def _since_start(self, row: Row) -> str:
        return "no time" if row.time == NO_TIME else _ms(row.time - self._start)

    def _margin(self, frame: str, time: str) -> str:
        return f"{frame:>{self._frame_width}}  {time:>{self._time_width}}  "

    def _rung(self, rung: Rung, delta: str) -> list[str]:
        row = rung.row
        lines = [self._margin(str(row.frame), self._since_start(row)) + f"|{self._arrow(rung)}|"]
        for number, cell in enumerate(self._cells(rung)):
            lines.append(self._margin("", "" if number else delta) + self._painted(cell))
        return lines

    def _arrow(self, rung: Rung) -> str:
        room, row = self._room + 2, rung.row
        if row.kind == ICMP:
            # The error travels to the sender of what it quotes, from somewhere on the way.
            shaft = " ICMP ".center(room - 1, "~")
            return f"<{shaft}" if rung.from_client else f"{shaft}>"
        shaft = f" {_flags(row.tcp_flags)} ".center(room - 1, "-")
        return f"{shaft}>" if rung.from_client else f"<{shaft}"

    def _cells(self, rung: Rung) -> list[list[_Piece]]:
        """The lines below the arrow."""
        row, relative = rung.row, self._rungs.relative
        if row.kind == ICMP:
            quoted = "the SYN" if rung.event is Event.UNREACHABLE else "another segment"
            number = f"seq {row.seq} ({relative(row.seq, rung.from_client)})"
            texts = (f"from {address_text(row.options)}", rung.words, f"quotes {quoted}, {number}")
            cells = [cell for text in texts for cell in self._sentence(text)]
        else:
            numbers = [self._number("seq", row.seq, rung.from_client, rung.expected_seq)]
            if row.tcp_flags & ACK:
                numbers.append(self._number("ack", row.ack, not rung.from_client, rung.expected_ack))
            elif row.ack:
                numbers.append(_Piece(f"(ack {row.ack} without ACK flag)"))
            window = "win cut off" if row.unseen & WINDOW_UNSEEN else f"win {row.window}"
            sizes = [_Piece(f"len {row.payload_length}"), _Piece(window)]
            if rung.wrong:
                cells = (
                    self._wrapped(numbers) + self._wrapped(sizes) + self._sentence(self._complaint(rung), wrong=True)
                )
            else:
                cells = self._wrapped(numbers) + self._wrapped([*sizes, *([_Piece(rung.words)] if rung.words else [])])
        if row.folded:
            cells += self._sentence(self._folded(row))
        return cells

    def _number(self, name: str, number: int, of_client: bool, expected: int) -> _Piece:
        text = f"{name} {number} ({self._rungs.relative(number, of_client)})"
        return _Piece(f"{text} {_MARK}", True) if expected != ABSENT else _Piece(text)

    def _complaint(self, rung: Rung) -> str:
        expected = [
            f"{name} {number} ({self._rungs.relative(number, of_client)})"
            for name, number, of_client in (
                ("seq", rung.expected_seq, rung.from_client),
                ("ack", rung.expected_ack, not rung.from_client),
            )
            if number != ABSENT
        ]
        return f"{_MARK} {rung.words}" + (f": expected {' and '.join(expected)}" if expected else "")

    def _folded(self, row: Row) -> str:
        alike = row.kind == ICMP or row.tcp_flags & (SYN | FIN | RST)
        parts = [f"... {row.folded} more {'like it' if alike else 'segments' if row.folded > 1 else 'segment'}"]
        parts += [_octets(row.folded_octets)] if row.folded_octets else []
        parts += [] if row.folded_until == NO_TIME else [f"until {_ms(row.folded_until - self._start)} ms"]
        return ", ".join(parts)

    def _wrapped(self, pieces: list[_Piece]) -> list[list[_Piece]]:
        """The pieces on as few lines as they fit: one is never broken."""
        lines: list[list[_Piece]] = [[]]
        for piece in pieces:
            if lines[-1] and _length([*lines[-1], piece]) > self._room:
                lines.append([])
            lines[-1].append(piece)
        return lines

    def _sentence(self, text: str, *, wrong: bool = False) -> list[list[_Piece]]:
        wrapped = textwrap.wrap(
            text, self._room, subsequent_indent="   ", break_long_words=False, break_on_hyphens=False
        )
        return [[_Piece(line, wrong)] for line in wrapped]

    def _painted(self, cell: list[_Piece]) -> str:
        texts = [self._paint(text, "red") if wrong else text for text, wrong in cell]
        return f"| {'  '.join(texts)}{' ' * (self._room - _length(cell))} |"


def _length(pieces: list[_Piece]) -> int:
    return sum(len(piece.text) for piece in pieces) + 2 * (len(pieces) - 1)


def _findings(report: Report, capture: int, position: int, width: int) -> list[str]:
    lines = []
    for found in report.all_findings:
        if (found.capture, found.handshake) == (capture, position):
            lines.append(f"  {found.severity} {found.rule.id} {found.rule.slug}{_named(found.frames)}")
            lines += _indented(found.message, width)
    return ["", "findings", *lines] if lines else ["", "no findings"]


def _causes(report: Report, capture: int, position: int, width: int) -> list[str]:
    lines = []
    for cause in report.causes_of(capture, position):
        one = cause.diagnosis
        lines.append(f"  {cause.certainty} {one.id} {one.slug}{_named(cause.evidence)}")
        rivals = f"or: {', '.join(one.rivals)}" if one.rivals and cause.certainty != "proved" else ""
        decide = f"to decide: {one.decide_by}" if cause.certainty != "proved" else ""
        for text in filter(None, (cause.detail or one.title, rivals, decide)):
            lines += _indented(text, width)
    return ["", "causes", *lines] if lines else []


def _named(frames: tuple[int, ...]) -> str:
    return f", frame{'s' if len(frames) > 1 else ''} {', '.join(map(str, frames))}" if frames else ""


def _indented(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, max(width, 40), initial_indent="    ", subsequent_indent="      ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _flags(tcp_flags: int) -> str:
    return ", ".join(name for bit, name in _FLAGS.items() if tcp_flags & bit) or "no flags"


def _isn(isn: int) -> str:
    return f"ISN {isn}" if isn != ABSENT else "ISN not seen"


def _ms(nanoseconds: int) -> str:
    """Milliseconds, exact to the nanosecond."""
    whole, rest = divmod(abs(nanoseconds), _MS)
    return f"{'-' if nanoseconds < 0 else ''}{whole}.{rest:06}"


def _delta(time: int, before: int) -> str:
    if NO_TIME in (time, before):
        return ""
    return f"{'+' if time >= before else ''}{_ms(time - before)}"


def _octets(count: int) -> str:
    """A number of octets as a person reads it."""
    if count < 10_000:
        return f"{count} octets"
    for unit, size in (("kB", 10**3), ("MB", 10**6), ("GB", 10**9)):
        if count < 1000 * size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 10**12:.1f} TB"
