"""The ladder of one handshake in text: who sent what when, both numbers raw and relative, wrong ones marked ``!!``."""

from __future__ import annotations

import textwrap
from typing import Final

from pcapcheck.handshake import outcome_of, reason_of
from pcapcheck.report.colour import Paint
from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import frames_text, time_text
from pcapcheck.report.report import Report
from pcapcheck.report.steps import Piece, Step, Story, located, ms, story
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Handshakes

_NARROWEST: Final = 36  # of the lane: no number is ever cut
_MARK: Final = "!!"


def ladder(report: Report, index: int, width: int = 80, *, colour: bool = False) -> str:
    """The ladder of the handshake at ``index`` in the order of ``report.handshakes``.

    Raises UsageError where there is no such handshake.
    """
    told = story(report, index)
    capture, position = located(report, index)
    lines = [
        *_header(report, capture, position, told),
        "",
        *_Lane(told.steps, width, colour).lines(),
        *_findings(report, capture, position, width),
        *_causes(report, capture, position, width),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _header(report: Report, capture: int, position: int, told: Story) -> list[str]:
    handshakes = report.judged[capture].traffic.handshakes
    return [
        told.title,
        f"  why      {because(int(handshakes.facts[position]), told.outcome)}",
        f"  client   {told.client:{len(told.server)}}  {_isn(told.client_isn)}",
        f"  server   {told.server:{len(told.client)}}  {_isn(told.server_isn)}",
        *_rtts(handshakes, position),
        f"  start    {time_text(told.start)}",
        f"  capture  {escaped(told.path)}",
    ]


def because(facts: int, outcome: str) -> str:
    """Why a handshake has its outcome."""
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
            span = f"{ms(least)} ms, exact"
        else:
            span = f"{ms(least)} to {ms(most)} ms, an interval"
        lines.append(f"  {label:8} {name:9}  {span}")
    return lines


class _Lane:
    """Frame and times on the left; on the right the arrows between client and server, with what is said below each."""

    def __init__(self, steps: tuple[Step, ...], width: int, colour: bool) -> None:
        self._steps, self._paint = steps, Paint(colour)
        self._frame_width = max([len("frame"), *(len(str(step.frame)) for step in steps)])
        times = [time for step in steps for time in (step.since_start, step.delta)]
        self._time_width = max(len(time) for time in (*times, "delta (ms)"))
        self._room = max(_NARROWEST, width - self._frame_width - self._time_width - 8)

    def lines(self) -> list[str]:
        """The head, and every kept row."""
        gap = self._room + 2 - len("client") - len("server")
        found = [
            self._margin("frame", "time (ms)") + "client" + " " * (gap + 2) + "server",
            self._margin("", "delta (ms)") + f"|{' ' * (self._room + 2)}|",
        ]
        for step in self._steps:
            found += self._rung(step)
        return found

    def _margin(self, frame: str, time: str) -> str:
        return f"{frame:>{self._frame_width}}  {time:>{self._time_width}}  "

    def _rung(self, step: Step) -> list[str]:
        lines = [step.file] if step.file else []
        lines.append(self._margin(str(step.frame), step.since_start) + f"|{self._arrow(step)}|")
        for number, cell in enumerate(self._cells(step)):
            lines.append(self._margin("", "" if number else step.delta) + self._painted(cell))
        return lines

    def _arrow(self, step: Step) -> str:
        # An ICMP error travels to the sender of what it quotes, from somewhere on the way.
        shaft = f" {step.flags} ".center(self._room + 1, "~" if step.icmp else "-")
        return f"{shaft}>" if step.to_server else f"<{shaft}"

    def _cells(self, step: Step) -> list[list[Piece]]:
        """The lines below the arrow."""
        if step.icmp:
            cells = [cell for text in step.icmp_lines for cell in self._sentence(text)]
        else:
            numbers = [Piece(f"{text} {_MARK}", True) if wrong else Piece(text) for text, wrong in step.numbers]
            sizes = [Piece(text) for text in step.sizes]
            if step.wrong:
                complaint = self._sentence(f"{_MARK} {step.complaint}", wrong=True)
                cells = self._wrapped(numbers) + self._wrapped(sizes) + complaint
            else:
                cells = self._wrapped(numbers) + self._wrapped([*sizes, *([Piece(step.words)] if step.words else [])])
        return cells + (self._sentence(step.folded) if step.folded else [])

    def _wrapped(self, pieces: list[Piece]) -> list[list[Piece]]:
        """The pieces on as few lines as they fit: one is never broken."""
        lines: list[list[Piece]] = [[]]
        for piece in pieces:
            if lines[-1] and _length([*lines[-1], piece]) > self._room:
                lines.append([])
            lines[-1].append(piece)
        return lines

    def _sentence(self, text: str, *, wrong: bool = False) -> list[list[Piece]]:
        wrapped = textwrap.wrap(
            text, self._room, subsequent_indent="   ", break_long_words=False, break_on_hyphens=False
        )
        return [[Piece(line, wrong)] for line in wrapped]

    def _painted(self, cell: list[Piece]) -> str:
        texts = [self._paint(text, "red") if wrong else text for text, wrong in cell]
        return f"| {'  '.join(texts)}{' ' * (self._room - _length(cell))} |"


def _length(pieces: list[Piece]) -> int:
    return sum(len(piece.text) for piece in pieces) + 2 * (len(pieces) - 1)


def _findings(report: Report, capture: int, position: int, width: int) -> list[str]:
    lines = []
    for found in report.all_findings.of(capture, position):
        named = _named(report.capture_facts[capture], found.frames)
        lines.append(f"  {found.severity} {found.rule.id} {found.rule.slug}{named}")
        lines += _indented(found.message, width)
    return ["", "findings", *lines] if lines else ["", "no findings"]


def _causes(report: Report, capture: int, position: int, width: int) -> list[str]:
    lines = []
    for cause in report.causes_of(capture, position):
        one = cause.diagnosis
        named = _named(report.capture_facts[capture], cause.evidence)
        lines.append(f"  {cause.certainty} {one.id} {one.slug}{named}")
        rivals = f"or: {', '.join(one.rivals)}" if one.rivals and cause.certainty != "proved" else ""
        decide = f"to decide: {one.decide_by}" if cause.certainty != "proved" else ""
        for text in filter(None, (cause.detail or one.title, rivals, decide)):
            lines += _indented(text, width)
    return ["", "causes", *lines] if lines else []


def _named(facts: CaptureFacts, frames: tuple[int, ...]) -> str:
    return f", frame{'s' if len(frames) > 1 else ''} {frames_text(facts, frames)}" if frames else ""


def _indented(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, max(width, 40), initial_indent="    ", subsequent_indent="      ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _isn(isn: int) -> str:
    return f"ISN {isn}" if isn != ABSENT else "ISN not seen"
