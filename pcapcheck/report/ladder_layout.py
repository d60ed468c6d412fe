"""The ladder of one handshake as lines and words on a plane: y grows downwards, a unit is a pixel.

Rows stand at equal distances, whatever the time between them: the slope of an arrow shows its direction, not its speed.
"""

from __future__ import annotations

import textwrap
from typing import Final, NamedTuple

from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import time_text
from pcapcheck.report.steps import Piece, Step, Story
from pcapcheck.tables import ABSENT

WIDTH: Final = 760

_FRAME, _TIME, _CLIENT, _SERVER = 40.0, 124.0, 146.0, 746.0
_MIDDLE: Final = (_CLIENT + _SERVER) / 2
_TOP: Final = 78  # where the lifelines begin
_SLOPE: Final = 16
_LINE: Final = 15  # from one line of words to the next
_BETWEEN: Final = 24  # from what is said of one arrow to the words above the next
_LONGEST: Final = 84  # letters between the lifelines
_NAME: Final = 44  # letters of an endpoint that fit over half of the lane


class Look(NamedTuple):
    """How something looks: its colour on white and on dark, and for words their size and weight."""

    light: str
    dark: str
    size: float = 11.0
    bold: bool = False
    mono: bool = False
    width: float = 1.0
    dashes: tuple[int, ...] = ()


# Contrast of words: at least 4.5 to 1 on #ffffff and on #16191d.
LOOKS: Final = {
    "side": Look("#1b1f24", "#e6e8eb", 12, bold=True),
    "name": Look("#57606a", "#a3acb5", 11, mono=True),
    "life": Look("#9aa4ae", "#69737d", width=1.5),
    "arrow": Look("#0072b2", "#56b4e9", width=1.4),
    "wrong": Look("#b00020", "#ff8f85", width=2.0),
    "error": Look("#8a5a00", "#e0b050", width=1.4, dashes=(5, 3)),
    "flags": Look("#1b1f24", "#e6e8eb", 11.5, bold=True),
    "number": Look("#1b1f24", "#e6e8eb", 11, mono=True),
    "wrongnumber": Look("#b00020", "#ff8f85", 11, bold=True, mono=True),
    "said": Look("#57606a", "#a3acb5", 11),
    "complaint": Look("#b00020", "#ff8f85", 11.5, bold=True),
    "frame": Look("#1b1f24", "#e6e8eb", 11, mono=True),
    "time": Look("#57606a", "#a3acb5", 10.5, mono=True),
    "tap": Look("#7a4988", "#d3a4e0", 10.5, dashes=(2, 3)),
}


class Line(NamedTuple):
    x1: float
    y1: float
    x2: float
    y2: float
    look: str


class Head(NamedTuple):
    """The head of an arrow: its point, and where its shaft comes from."""

    x: float
    y: float
    dx: float
    dy: float
    look: str


class Dot(NamedTuple):
    x: float
    y: float
    look: str


class Words(NamedTuple):
    """One line of words in runs, each with its look."""

    x: float
    y: float
    runs: tuple[tuple[str, str], ...]
    anchor: str = "start"


class Layout(NamedTuple):
    height: float
    shapes: list[Line | Head | Dot | Words]


def layout(story: Story, most: int | None = None) -> Layout:
    """Where everything stands. Of more than ``most`` rows the first ones are drawn, and how many are not is said."""
    shapes: list[Line | Head | Dot | Words] = []
    steps = story.steps if most is None else story.steps[:most]
    y: float = _TOP + 26
    rows: list[Line | Head | Dot | Words] = []
    for step in steps:
        y = _step(rows, step, story.tap, y)
    if len(story.steps) > len(steps):
        file = f"{story.steps[0].file}:" if story.steps[0].file else ""
        rest = f"{len(story.steps) - len(steps)} more rows: pcapcheck show --frame {file}{story.steps[0].frame}"
        rows.append(Words(_MIDDLE, y, ((rest, "said"),), "middle"))
        y += _BETWEEN
    bottom = y - 8
    shapes += _head(story)
    shapes += [Line(x, _TOP, x, bottom, "life") for x in (_CLIENT, _SERVER)]
    if story.tap is not None:
        x = _tap_x(story.tap)
        shapes.append(Line(x, _TOP, x, bottom, "tap"))
        shapes.append(Words(x, bottom + 13, (("capture point, by the RTTs", "tap"),), _leaning(x)))
        bottom += 14
    return Layout(bottom + 8, shapes + rows)


def _head(story: Story) -> list[Words]:
    def isn(number: int) -> str:
        return f"ISN {number}" if number != ABSENT else "ISN not seen"

    found = [
        Words(_CLIENT, 44, (("client", "side"),), "start"),
        Words(_SERVER, 44, (("server", "side"),), "end"),
        Words(_CLIENT, 59, ((_short(story.client), "name"),), "start"),
        Words(_SERVER, 59, ((_short(story.server), "name"),), "end"),
        Words(_CLIENT, 73, ((isn(story.client_isn), "name"),), "start"),
        Words(_SERVER, 73, ((isn(story.server_isn), "name"),), "end"),
        Words(_FRAME, 59, (("frame", "said"),), "end"),
        Words(_TIME, 59, (("time, ms", "said"),), "end"),
        Words(_TIME, 73, (("+ delta", "time"),), "end"),
        Words(8, 18, ((story.title, "side"), (f"   {time_text(story.start)}", "name"))),
    ]
    return found


def _step(shapes: list[Line | Head | Dot | Words], step: Step, tap: float | None, y: float) -> float:
    """Draws one row whose words begin at ``y``; gives where those of the next begin."""
    look = "error" if step.icmp else "wrong" if step.wrong else "arrow"
    above = ((step.flags, "flags"), *(run for piece in step.numbers for run in _number(piece)))
    shapes.append(Words(_MIDDLE, y, above, "middle"))
    y += 7
    start, end = (_CLIENT, _SERVER) if step.to_server else (_SERVER, _CLIENT)
    start = _MIDDLE if step.icmp else start  # from somewhere on the way
    shapes.append(Line(start, y, end, y + _SLOPE, look))
    shapes.append(Head(end, y + _SLOPE, end - start, _SLOPE, look))
    seen = y + _SLOPE / 2
    if tap is not None and not step.icmp:
        x = _tap_x(tap)
        seen = y + _SLOPE * abs(x - start) / (_SERVER - _CLIENT)
        shapes.append(Dot(x, seen, look))
    shapes.append(Words(_FRAME, seen + 4, ((str(step.frame), "frame"),), "end"))
    shapes.append(Words(_TIME, seen + 4, ((step.since_start, "frame"),), "end"))
    if step.delta:
        shapes.append(Words(_TIME, seen + 4 + _LINE, ((step.delta, "time"),), "end"))
    y += _SLOPE + _LINE - 1
    for text, words_look in _below(step):
        for line in textwrap.wrap(text, _LONGEST, break_on_hyphens=False):
            shapes.append(Words(_MIDDLE, y, ((line, words_look),), "middle"))
            y += _LINE
    return y - _LINE + _BETWEEN + 4


def _number(piece: Piece) -> tuple[tuple[str, str], ...]:
    return (("  ", "number"), (piece.text, "wrongnumber" if piece.wrong else "number"))


def _below(step: Step) -> list[tuple[str, str]]:
    if step.icmp:
        found = [(", ".join(step.icmp_lines), "said")]
    elif step.wrong:
        found = [(step.complaint, "complaint"), (", ".join(step.sizes), "said")]
    else:
        found = [(", ".join(filter(None, (*step.sizes, step.words))), "said")]
    found += [(step.folded, "said")] if step.folded else []
    return [*found, *([(f"frames from here on: {step.file}", "said")] if step.file else [])]


def _tap_x(tap: float) -> float:
    # Off the lifelines, so that it is seen beside them.
    return _CLIENT + (_SERVER - _CLIENT) * min(max(tap, 0.012), 0.988)


def _leaning(x: float) -> str:
    return "start" if x < _CLIENT + 80 else "end" if x > _SERVER - 80 else "middle"


def _short(name: str) -> str:
    text = escaped(name)
    return text if len(text) <= _NAME else "…" + text[1 - _NAME :]
