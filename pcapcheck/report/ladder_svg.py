"""The ladder of one handshake as SVG: by itself for a file, or as part of the HTML report, which brings the style."""

from __future__ import annotations

from html import escape
from typing import Final

from pcapcheck.report.escape import escaped
from pcapcheck.report.ladder_layout import LOOKS, WIDTH, Dot, Head, Line, Look, Words, layout
from pcapcheck.report.report import Report
from pcapcheck.report.steps import Step, Story, story

_SANS: Final = "system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_MONO: Final = "ui-monospace,'SF Mono','Cascadia Mono',Consolas,'DejaVu Sans Mono',monospace"
_DARK: Final = "#16191d"


def ladder_svg(report: Report, index: int) -> str:
    """The ladder of the handshake at ``index`` as an SVG file, for light and dark.

    Raises UsageError where there is no such handshake.
    """
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        + svg(story(report, index), style=f".paper{{fill:#fff}}{css()}", paper=True)
        + "\n"
    )


def svg(story: Story, *, name: str = "ladder", most: int | None = None, style: str = "", paper: bool = False) -> str:
    """The ``svg`` element. ``name`` begins its ids, which must be unique in a page."""
    drawn = layout(story, most)
    width, height = WIDTH, _n(drawn.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ladder" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{_text(story.title)}</title><desc id="{name}-d">{_text(described(story))}</desc>'
    ]
    parts += [f"<style>{style}</style>"] if style else []
    parts += [f'<rect class="paper" width="{width}" height="{height}"/>'] if paper else []
    for shape in drawn.shapes:
        parts.append(_drawn(shape))
    return "".join(parts) + "</svg>"


def described(story: Story) -> str:
    """The whole ladder in sentences, for those who do not see it."""
    said = [f"Between client {story.client} and server {story.server}."]
    return " ".join([*said, *(_said(step) for step in story.steps)])


def _said(step: Step) -> str:
    sender = ("client to server" if step.to_server else "server to client") if not step.icmp else "on the way"
    frame = f"Frame {step.frame} of {step.file}" if step.file else f"Frame {step.frame}"
    parts = [frame, f"{step.since_start} ms" if step.since_start[-1].isdigit() else step.since_start]
    words = step.icmp_lines if step.icmp else (*(piece.text for piece in step.numbers), step.complaint or step.words)
    return f"{', '.join(parts)}, {sender}: {', '.join(filter(None, (step.flags, *words)))}."


def css(dark: bool = True) -> str:
    """The style of all ladders, for light and, with ``dark``, for those who ask for dark."""
    rules = [".ladder{background:none}.ladder text{white-space:pre}"]
    rules += [f".ladder .{name}{{{_look(look)}}}" for name, look in LOOKS.items()]
    rules += [f".ladder .{name}{{{_paint(look.light)}}}" for name, look in LOOKS.items()]
    rules.append(".ladder text,.ladder tspan,.ladder .solid{stroke:none!important}")
    if dark:
        inner = "".join(f".ladder .{name}{{{_paint(look.dark)}}}" for name, look in LOOKS.items())
        rules.append(f"@media (prefers-color-scheme:dark){{.ladder .paper{{fill:{_DARK}}}{inner}}}")
    return "".join(rules)


def _look(look: Look) -> str:
    font = f"font:{'700 ' if look.bold else ''}{_n(look.size)}px {_MONO if look.mono else _SANS}"
    dashes = f";stroke-dasharray:{' '.join(map(str, look.dashes))}" if look.dashes else ""
    return f"{font};stroke-width:{_n(look.width)}{dashes}"


def _paint(colour: str) -> str:
    return f"fill:{colour};stroke:{colour}"


def _drawn(shape: Line | Head | Dot | Words) -> str:
    if isinstance(shape, Line):
        x1, y1, x2, y2 = map(_n, shape[:4])
        return f'<line class="{shape.look}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
    if isinstance(shape, Head):
        return f'<path class="{shape.look} solid" d="{_head(shape)}"/>'
    if isinstance(shape, Dot):
        return f'<circle class="{shape.look} solid" cx="{_n(shape.x)}" cy="{_n(shape.y)}" r="3"/>'
    anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
    at = f'x="{_n(shape.x)}" y="{_n(shape.y)}"{anchor}'
    if len(shape.runs) == 1:
        ((text, look),) = shape.runs
        return f'<text class="{look}" {at}>{_text(text)}</text>'
    spans = "".join(f'<tspan class="{look}">{_text(text)}</tspan>' for text, look in shape.runs)
    return f"<text {at}>{spans}</text>"


def _head(head: Head) -> str:
    length = (head.dx**2 + head.dy**2) ** 0.5
    x, y = head.dx / length, head.dy / length
    back, side = 9, 4
    left = (head.x - back * x - side * y, head.y - back * y + side * x)
    right = (head.x - back * x + side * y, head.y - back * y - side * x)
    return f"M{_n(head.x)} {_n(head.y)}L{_n(left[0])} {_n(left[1])}L{_n(right[0])} {_n(right[1])}Z"


def _n(number: float) -> str:
    return f"{round(number, 1):g}"


def _text(text: str) -> str:
    return escape(escaped(text))
